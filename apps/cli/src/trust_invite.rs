//! `lanlens trust invite`: the link, and in a terminal a QR code of it.

use std::io::IsTerminal;

use anyhow::{Context, Result};
use clap::Args;
use lanlens_app::EXIT_DONE;
use lanlens_identity::TrustStore;
use qrcode::{Color, QrCode};
use serde_json::json;

use crate::out;

pub(crate) const EXAMPLES: &str = "\
Examples:
  lanlens trust invite                  the link, and in a terminal its QR code
  lanlens trust invite --new            another one: the old one is worth nothing then
  lanlens trust invite | qrencode -o invitation.png

Whoever holds it may watch the cameras of this computer that run with --access invite.";

/// Modules of light around the code (ISO/IEC 18004 section 6.3.8).
const QUIET: usize = 4;
/// Black on white whatever the colours of the terminal are: readers want a dark code on light.
const COLORS: &str = "\x1b[38;5;16;48;5;231m";
const COLORS_OFF: &str = "\x1b[0m";

/// Flags of `lanlens trust invite`.
#[derive(Debug, Args)]
pub(crate) struct InviteArgs {
    /// Make a new one; whoever holds the old one needs the new one
    #[arg(long)]
    new: bool,

    /// {"link": …} on stdout
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &InviteArgs, store: &mut TrustStore) -> Result<u8> {
    let link = store.invitation(args.new)?.to_string();
    if args.json {
        out(&format!("{}\n", json!({ "link": link })));
    } else if std::io::stdout().is_terminal() {
        // Capitals fit into a smaller code, and the link may be read in any case.
        let code = QrCode::new(link.to_uppercase()).context("the link fits into no QR code")?;
        out(&format!(
            "{}\n{link}\n\nWhoever holds this may watch the cameras that run with --access invite: \
             paste it into the viewer there, or give it to `lanlens trust join`. Keep it among \
             you.\n",
            half_blocks(&code)
        ));
    } else {
        out(&format!("{link}\n"));
    }
    Ok(EXIT_DONE)
}

/// The code with two modules in each character, one above the other.
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

    #[test]
    fn the_drawn_code_is_the_code_with_light_around_it_and_fits_a_terminal() {
        let link = Invitation::from_bytes([0x5a; 16]).to_string().to_uppercase();
        let code = QrCode::new(link).unwrap();
        let text = half_blocks(&code);
        let mut rows: Vec<Vec<bool>> = Vec::new();
        for line in text.lines() {
            let line = line.strip_prefix(COLORS).unwrap().strip_suffix(COLORS_OFF).unwrap();
            rows.push(line.chars().map(|c| matches!(c, '▀' | '█')).collect());
            rows.push(line.chars().map(|c| matches!(c, '▄' | '█')).collect());
        }
        let side = code.width() + 2 * QUIET;
        assert!(side <= 80 && text.lines().count() <= 24, "{side} columns");
        for (y, row) in rows.iter().enumerate() {
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
