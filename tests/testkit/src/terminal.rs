//! What a terminal shows of the lines of a program, as a picture: colours and half blocks, to read codes
//! off it that were made for a phone's camera.
//!
//! Letters are left out, and the sixteen colours that every theme has its own of are the theme's text.
//! Knows nothing of cursors: lines stand below each other.

use crate::picture::Picture;

/// Size of a character, pixels: its half blocks are squares.
const CELL: (usize, usize) = (8, 16);

/// Red, green, blue.
type Colour = [u8; 3];

/// The colours of somebody's terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    text: Colour,
    ground: Colour,
}

impl Theme {
    /// Light letters on a dark ground.
    pub const DARK: Self = Self { text: [0xd0; 3], ground: [0x18; 3] };
    /// Dark letters on a light ground.
    pub const LIGHT: Self = Self { text: [0x28; 3], ground: [0xfa; 3] };
}

/// The upper and the lower half of a character.
type Cell = (Colour, Colour);

/// Draws lines with their escape sequences (ECMA-48 section 8.3.117, SGR; others do nothing).
pub fn draw(lines: &[String], theme: Theme) -> Picture {
    let rows: Vec<Vec<Cell>> = lines.iter().map(|line| cells(line, theme)).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let mut picture = Picture::black(columns * CELL.0, rows.len() * CELL.1);
    for y in 0..picture.height {
        for x in 0..picture.width {
            let cell = rows[y / CELL.1].get(x / CELL.0);
            let (upper, lower) = cell.copied().unwrap_or((theme.ground, theme.ground));
            picture.set(x, y, if y % CELL.1 < CELL.1 / 2 { upper } else { lower });
        }
    }
    picture
}

fn cells(line: &str, theme: Theme) -> Vec<Cell> {
    let (mut pen, mut cells) = (theme, Vec::new());
    let mut rest = line.chars();
    while let Some(character) = rest.next() {
        let Theme { text, ground } = pen;
        match character {
            '\x1b' => {
                let sequence: String = take_sequence(&mut rest);
                if let Some(numbers) = sequence.strip_suffix('m') {
                    pen = set(pen, theme, numbers);
                }
            }
            '▀' => cells.push((text, ground)),
            '▄' => cells.push((ground, text)),
            '█' => cells.push((text, text)),
            other if other.is_control() => {}
            _ => cells.push((ground, ground)),
        }
    }
    cells
}

/// What stands between `ESC [` and the letter that ends it, with that letter.
fn take_sequence(rest: &mut std::str::Chars<'_>) -> String {
    let mut sequence = String::new();
    if rest.as_str().starts_with('[') {
        rest.next();
        for character in rest.by_ref() {
            sequence.push(character);
            if ('@'..='~').contains(&character) {
                break;
            }
        }
    }
    sequence
}

/// The pen after `ESC [ numbers m`.
fn set(mut pen: Theme, theme: Theme, numbers: &str) -> Theme {
    let mut numbers = numbers.split(';').map(|number| number.parse().unwrap_or(0u8));
    while let Some(number) = numbers.next() {
        match number {
            0 => pen = theme,
            38 => pen.text = colour(&mut numbers).unwrap_or(theme.text),
            48 => pen.ground = colour(&mut numbers).unwrap_or(theme.ground),
            30..=37 | 39 | 90..=97 => pen.text = theme.text,
            49 => pen.ground = theme.ground,
            _ => {}
        }
    }
    pen
}

/// A colour that is the same in every theme, after 38 or 48 (ISO/IEC 8613-6 section 13.1.8).
fn colour(numbers: &mut impl Iterator<Item = u8>) -> Option<Colour> {
    match numbers.next()? {
        2 => Some([numbers.next()?, numbers.next()?, numbers.next()?]),
        5 => match numbers.next()? {
            0..16 => None,
            cube @ 16..232 => {
                let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
                let cube = cube - 16;
                Some([level(cube / 36), level(cube / 6 % 6), level(cube % 6)])
            }
            grey => Some([8 + 10 * (grey - 232); 3]),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_blocks_are_drawn_in_their_colours_and_everything_else_in_the_themes_ground() {
        let lines = ["a\x1b[38;5;16;48;5;231m▀▄█ \x1b[0m▀".to_owned(), "\x1b[2K".to_owned()];
        for theme in [Theme::DARK, Theme::LIGHT] {
            let picture = draw(&lines, theme);
            assert_eq!((picture.width, picture.height), (6 * CELL.0, 2 * CELL.1));
            let (black, white) = ([0; 3], [255; 3]);
            let upper = [theme.ground, black, white, black, white, theme.text];
            let lower = [theme.ground, white, black, black, white, theme.ground];
            for column in 0..6 {
                let x = column * CELL.0 + 1;
                assert_eq!(picture.pixel(x, 1), upper[column], "above, {column}");
                assert_eq!(picture.pixel(x, CELL.1 - 1), lower[column], "below, {column}");
                assert_eq!(picture.pixel(x, CELL.1 + 1), theme.ground, "the empty line");
            }
        }
    }

    #[test]
    fn a_sequence_that_breaks_off_and_an_unknown_colour_draw_nothing_strange() {
        let lines = ["\x1b".to_owned(), "\x1b[38;5".to_owned(), "\x1b[38;9;1m█".to_owned()];
        let picture = draw(&lines, Theme::DARK);
        assert_eq!(picture.pixel(0, 2 * CELL.1), Theme::DARK.text);
        assert_eq!(draw(&[], Theme::DARK), Picture::black(0, 0));
    }
}
