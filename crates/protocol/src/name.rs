//! Friendly names from the network, made harmless.

use lanlens_model::limits::NAME_BYTES_MAX;

/// A name fit to be shown: no control characters, no direction overrides, no line breaks, trimmed,
/// and at most [`NAME_BYTES_MAX`] bytes, cut at a character.
pub fn clean_name(raw: &str) -> String {
    let mut name = String::new();
    for c in raw.trim().chars().filter(|c| !is_unsafe(*c)) {
        if name.len() + c.len_utf8() > NAME_BYTES_MAX {
            break;
        }
        name.push(c);
    }
    name.trim_end().to_owned()
}

/// Characters that change how the text around them reads (Unicode UAX #9 section 2), or cannot be
/// seen.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_script_and_lose_what_could_deceive() {
        assert_eq!(clean_name(" 子供部屋 "), "子供部屋");
        assert_eq!(clean_name("a\u{202E}gpj.\n\x07b"), "agpj.b");
        assert_eq!(clean_name("\u{200B}\0"), "");
    }

    #[test]
    fn a_long_name_is_cut_at_a_character() {
        assert_eq!(clean_name(&"x".repeat(NAME_BYTES_MAX)).len(), NAME_BYTES_MAX);
        assert_eq!(clean_name(&"x".repeat(NAME_BYTES_MAX + 1)).len(), NAME_BYTES_MAX);
        assert_eq!(clean_name(&"é".repeat(NAME_BYTES_MAX)).len(), NAME_BYTES_MAX);
        assert_eq!(clean_name(&"거".repeat(NAME_BYTES_MAX)).len(), NAME_BYTES_MAX / 3 * 3);
    }
}
