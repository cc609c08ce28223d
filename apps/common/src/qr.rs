//! A QR code in a terminal, from half blocks.

use anyhow::{Context, Result};
use qrcode::{Color, QrCode};

/// Modules of light around the code (ISO/IEC 18004 section 6.3.8).
const QUIET: usize = 4;
/// Black on white whatever the colours of the terminal are: readers want a dark code on light.
const COLORS: &str = "\x1b[38;5;16;48;5;231m";
const COLORS_OFF: &str = "\x1b[0m";

/// The code of a text, as lines with two modules in each character, one above the other.
///
/// # Errors
/// When the text is too long for any code.
pub fn qr_lines(text: &str) -> Result<String> {
    Ok(half_blocks(&QrCode::new(text).context("the link fits into no QR code")?))
}

fn half_blocks(code: &QrCode) -> String {
    let width = code.width();
    let side = width + 2 * QUIET;
    let dark = |x: usize, y: usize| {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < width);
        matches!((inside(x), inside(y)), (Some(x), Some(y)) if code[(x, y)] == Color::Dark)
    };
    let mut text = String::new();
    for y in (0..side).step_by(2) {
        text.push_str(COLORS);
        text.extend((0..side).map(|x| match (dark(x, y), dark(x, y + 1)) {
            (false, false) => ' ',
            (true, false) => '▀',
            (false, true) => '▄',
            (true, true) => '█',
        }));
        text.push_str(COLORS_OFF);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanlens_model::Invitation;

    /// What is drawn, row by row of modules.
    fn rows(text: &str) -> Vec<Vec<bool>> {
        let mut rows: Vec<Vec<bool>> = Vec::new();
        for line in text.lines() {
            let line = line.strip_prefix(COLORS).unwrap().strip_suffix(COLORS_OFF).unwrap();
            rows.push(line.chars().map(|c| matches!(c, '▀' | '█')).collect());
            rows.push(line.chars().map(|c| matches!(c, '▄' | '█')).collect());
        }
        rows
    }

    #[test]
    fn the_drawn_code_is_the_code_with_light_around_it_and_fits_a_terminal() {
        let link = Invitation::from_bytes([0x5a; 16]).to_string().to_uppercase();
        let longest = "https://192.168.100.200:17443/#nI3vTzV0uPq5wq0cE0fJzA";
        for said in [link.as_str(), longest] {
            let code = QrCode::new(said).unwrap();
            let text = qr_lines(said).unwrap();
            let side = code.width() + 2 * QUIET;
            assert!(side <= 80 && text.lines().count() <= 24, "{side} columns");
            for (y, row) in rows(&text).iter().enumerate() {
                assert_eq!(row.len(), side);
                for (x, drawn) in row.iter().enumerate() {
                    let inside = |at: usize| (QUIET..QUIET + code.width()).contains(&at);
                    let expected =
                        inside(x) && inside(y) && code[(x - QUIET, y - QUIET)] == Color::Dark;
                    assert_eq!(*drawn, expected, "{x},{y}");
                }
            }
        }
    }

    #[test]
    fn what_fits_into_no_code_is_an_error() {
        assert!(qr_lines(&"x".repeat(4000)).is_err());
    }
}
