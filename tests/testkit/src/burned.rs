//! Reads the burned-in capture times off a screenshot, wherever its tiles are.
//!
//! Written from the contract alone: the top 1/12 of a picture holds 66 equal cells, a white guard,
//! 64 bits of CLOCK_REALTIME microseconds (most significant first, white = 1), a black guard. Where
//! the tiles are is not known: every place and every width is tried. 64 bits that read as a time
//! within seconds of now do not stand anywhere else by chance.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::picture::Picture;

/// Cells of a strip, guards included.
const CELLS: usize = 66;
/// Brightness from which a cell is white.
const WHITE: u8 = 128;
/// A reader drops values more than this far off.
const OFF_US_MAX: u64 = 10_000_000;
/// Narrower strips cannot be told apart on a screen.
const WIDTH_MIN: usize = CELLS * 2;

/// One tile's strip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strip {
    /// Left edge on the screen, pixels.
    pub x: usize,
    /// A row inside the strip, the first where it could be read.
    pub y: usize,
    /// Width of the whole picture, pixels.
    pub width: usize,
    /// What it says: microseconds since 1970.
    pub time_us: u64,
}

/// CLOCK_REALTIME now, microseconds since 1970.
pub fn now_us() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

/// Finds the strips whose times lie within 10 s of `now_us`, from top to bottom, left to right.
pub fn find(picture: &Picture, now_us: u64) -> Vec<Strip> {
    let mut strips: Vec<Strip> = Vec::new();
    for y in 0..picture.height {
        let row: Vec<bool> = (0..picture.width).map(|x| picture.luma(x, y) >= WHITE).collect();
        for (x, width, time_us) in read_row(&row, now_us) {
            let known = strips
                .iter()
                .any(|s| y - s.y < s.width.div_ceil(12) && x < s.x + s.width && s.x < x + width);
            if !known {
                strips.push(Strip { x, y, width, time_us });
            }
        }
    }
    strips
}

/// All strips of one row of pixels.
fn read_row(row: &[bool], now_us: u64) -> Vec<(usize, usize, u64)> {
    let mut found = Vec::new();
    let mut x = 0;
    while x + WIDTH_MIN <= row.len() {
        let edge = row[x] && (x == 0 || !row[x - 1]);
        match edge.then(|| read_at(&row[x..], now_us)).flatten() {
            Some((width, time_us)) => {
                found.push((x, width, time_us));
                x += width;
            }
            None => x += 1,
        }
    }
    found
}

/// A strip that begins with the row: its width and time. Around the true width a whole run of
/// widths reads the same time, each about half a cell wrong at most; the middle of the longest run
/// is taken. A width that is wrong by more shifts some bits and reads a time of its own.
fn read_at(row: &[bool], now_us: u64) -> Option<(usize, u64)> {
    let mut best: Option<(usize, usize, u64)> = None;
    let mut run: Option<(usize, u64)> = None;
    for width in WIDTH_MIN..=row.len() {
        let time = read_cells(row, width).filter(|time| time.abs_diff(now_us) <= OFF_US_MAX);
        run = match (time, run) {
            (Some(time), Some((first, same))) if time == same => Some((first, time)),
            (Some(time), _) => Some((width, time)),
            (None, _) => None,
        };
        if let Some((first, time)) = run {
            let length = width - first + 1;
            // Half of the run that a clean strip yields.
            let enough = length > width / (4 * CELLS);
            if enough && best.is_none_or(|(_, longest, _)| length > longest) {
                best = Some((first, length, time));
            }
        }
    }
    best.map(|(first, length, time)| (first + length / 2, time))
}

/// The 64 bits between the guards, each read in the middle of its cell.
fn read_cells(row: &[bool], width: usize) -> Option<u64> {
    let cell = |n: usize| row[(2 * n + 1) * width / (2 * CELLS)];
    // The top 13 bits of any time before the year 2255 are 0: most false strips end here.
    if !cell(0) || cell(CELLS - 1) || (1..=13).any(cell) {
        return None;
    }
    Some((1..=64).fold(0, |bits, n| bits << 1 | u64::from(cell(n))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_000_000_123_456;

    fn burn(picture: &mut Picture, x: usize, y: usize, width: usize, time_us: u64) {
        for row in 0..width / 16 * 9 / 12 {
            for column in 0..width {
                let cell = column * CELLS / width;
                let white = match cell {
                    0 => true,
                    65 => false,
                    n => time_us >> (64 - n) & 1 == 1,
                };
                picture.set(x + column, y + row, [if white { 230 } else { 30 }; 3]);
            }
        }
    }

    #[test]
    fn strips_of_several_tiles_are_found_with_their_times() {
        let mut picture = Picture::black(1280, 800);
        burn(&mut picture, 7, 11, 631, NOW);
        burn(&mut picture, 645, 11, 620, NOW + 33_333);
        burn(&mut picture, 100, 411, 400, NOW - 5_000_000);
        let times: Vec<u64> = find(&picture, NOW).iter().map(|strip| strip.time_us).collect();
        assert_eq!(times, [NOW, NOW + 33_333, NOW - 5_000_000]);
    }

    #[test]
    fn a_tiles_place_and_width_are_known_to_a_cell() {
        let mut picture = Picture::black(800, 600);
        burn(&mut picture, 40, 50, 660, NOW);
        let strip = find(&picture, NOW)[0];
        assert_eq!((strip.x, strip.y), (40, 50));
        assert!(strip.width.abs_diff(660) <= 10, "{strip:?}");
    }

    #[test]
    fn old_times_and_noise_are_not_strips() {
        let mut picture = Picture::black(800, 600);
        burn(&mut picture, 0, 0, 640, NOW - 11_000_000);
        let mut state = 1u32;
        for at in 320 * 800 * 3..picture.rgb.len() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            picture.rgb[at] = (state >> 24) as u8;
        }
        assert_eq!(find(&picture, NOW), []);
    }
}
