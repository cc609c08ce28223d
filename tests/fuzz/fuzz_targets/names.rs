//! Friendly names: what is shown deceives nobody, whatever was sent.
//!
//! The input is a name as it came.

#![no_main]

use lanlens_model::limits::NAME_BYTES_MAX;
use lanlens_protocol::{clean_name, clean_text};
use libfuzzer_sys::fuzz_target;

/// Characters of a cleaned text.
const TEXT_CHARS_MAX: usize = 300;

fuzz_target!(|raw: &str| {
    let name = clean_name(raw);
    assert!(name.len() <= NAME_BYTES_MAX);
    assert_clean(&name);
    assert_eq!(clean_name(&name), name, "cleaning twice is not cleaning once");

    let text = clean_text(raw, TEXT_CHARS_MAX);
    assert!(text.chars().count() <= TEXT_CHARS_MAX);
    assert_clean(&text);
    assert_eq!(clean_text(&text, TEXT_CHARS_MAX), text, "cleaning twice is not cleaning once");
});

/// One line, without spaces around it, and nothing that turns the direction of what stands beside
/// it: Unicode's `Bidi_Control` (UAX #9 section 2).
fn assert_clean(shown: &str) {
    assert_eq!(shown.trim(), shown);
    for c in shown.chars() {
        let turns = matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
        let breaks = c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        assert!(!turns && !breaks, "U+{:04X} is left", u32::from(c));
    }
}
