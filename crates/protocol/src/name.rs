//! Words from the network, made harmless to show.
//!
//! Owns the one rule about characters: what cannot be seen, or changes how its neighbours read, does
//! not pass, so that two names which look alike are alike and no name reaches out of its line. What
//! scripts and emoji need to look right stays, where it does something.

use std::iter::Peekable;
use std::str::Chars;

use lanlens_model::limits::NAME_BYTES_MAX;

/// Glues its neighbours into one picture (U+200D); its brother keeps letters apart (U+200C).
const ZERO_WIDTH_JOINER: char = '\u{200D}';
const ZERO_WIDTH_NON_JOINER: char = '\u{200C}';
/// Asks for the coloured form of the character before it.
const EMOJI_STYLE: char = '\u{FE0F}';
/// Makes a key of the character before it.
const KEYCAP: char = '\u{20E3}';

/// A name fit to be shown: one line, single spaces, nothing invisible, no control of direction, and
/// at most [`NAME_BYTES_MAX`] bytes, cut at a character. A cleaned name stays as it is.
pub fn clean_name(raw: &str) -> String {
    clean(raw, NAME_BYTES_MAX, char::len_utf8)
}

/// As [`clean_name`], for sentences: at most `max_chars` characters.
pub fn clean_text(raw: &str, max_chars: usize) -> String {
    clean(raw, max_chars, |_| 1)
}

fn clean(raw: &str, max: usize, size: fn(char) -> usize) -> String {
    let mut text = String::new();
    let mut left = max;
    // A space or a joiner waits until what comes after it is known, so none stands at the end.
    let mut waiting = None;
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        let last = text.chars().next_back();
        if c.is_whitespace() {
            waiting = last.map(|_| ' ');
        } else if matches!(c, ZERO_WIDTH_JOINER | ZERO_WIDTH_NON_JOINER) {
            waiting = waiting.or_else(|| last.is_some_and(joins).then_some(c));
        } else if c == EMOJI_STYLE && waiting.is_none() && is_wanted(last, &mut chars)
            || !is_unsafe(c)
        {
            let between = waiting.take().filter(|between| *between == ' ' || joins(c));
            let needed = between.map_or(0, size) + size(c);
            // A style that stays for its keycap's sake must not be parted from it by the cut.
            let styles_a_key = c == EMOJI_STYLE && !last.is_some_and(is_pictograph);
            let ahead = if styles_a_key { size(KEYCAP) } else { 0 };
            if needed + ahead > left {
                break;
            }
            left -= needed;
            text.extend(between);
            text.push(c);
        }
    }
    text
}

/// Whether the emoji style has something to colour: a pictograph before it, or a keycap after it.
fn is_wanted(last: Option<char>, rest: &mut Peekable<Chars<'_>>) -> bool {
    last.is_some_and(|last| {
        is_pictograph(last) || matches!(last, '0'..='9' | '#' | '*') && rest.peek() == Some(&KEYCAP)
    })
}

/// Characters that cannot be seen or that change how others read: controls, Unicode's
/// `Default_Ignorable_Code_Point` and `Bidi_Control` (UAX #44), separators of lines, annotations,
/// blank letters, and those whose look is up to each font (private use), which could imitate an icon.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Soft hyphen, grapheme joiner, Arabic letter mark; fillers; Khmer inherent vowels.
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
            // Mongolian variation selectors and vowel separator.
            | '\u{180B}'..='\u{180F}'
            // Zero widths, marks, embeddings and overrides, isolates, invisible operators.
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            // Blank Braille, Hangul fillers, variation selectors, byte order mark.
            | '\u{2800}' | '\u{3164}' | '\u{FFA0}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            // Interlinear annotation, object replacement; what is no character.
            | '\u{FFF0}'..='\u{FFFC}' | '\u{FDD0}'..='\u{FDEF}'
            // Controls of shorthand and of music.
            | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
            // Tags and the other variation selectors.
            | '\u{E0000}'..='\u{E0FFF}'
            | '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{10FFFF}')
        || u32::from(c) & 0xFFFE == 0xFFFE
}

/// Whether a joiner beside this character can change how it looks: emoji, and scripts whose letters
/// connect (the blocks of Arabic to Myanmar, Khmer, Mongolian and their like). Beside any other it
/// would only make two equal names differ.
fn joins(c: char) -> bool {
    is_pictograph(c)
        || c == EMOJI_STYLE
        || matches!(c,
            '\u{600}'..='\u{109F}' | '\u{1780}'..='\u{18AF}' | '\u{1900}'..='\u{1CFF}'
            | '\u{A800}'..='\u{ABFF}' | '\u{FB50}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}'
            | '\u{10A00}'..='\u{11FFF}' | '\u{1E900}'..='\u{1E95F}')
}

/// Symbols that have a coloured form, roughly: arrows to shapes, and the planes of emoji.
fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{A9}' | '\u{AE}' | '\u{2190}'..='\u{27FF}' | '\u{2900}'..='\u{2BFF}')
        || matches!(
            c,
            '\u{3030}' | '\u{303D}' | '\u{3297}' | '\u{3299}' | '\u{1F000}'..='\u{1FAFF}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_their_script_and_lose_what_could_deceive() {
        assert_eq!(clean_name(" 子供部屋 "), "子供部屋");
        assert_eq!(clean_name("a\u{202E}gpj.\n\x07b"), "agpj. b");
        assert_eq!(clean_name("\u{200B}\0 \u{200D}\u{FE0F}"), "");
    }

    /// What reads alike must be alike, or a stranger takes a known camera's name.
    #[test]
    fn no_invisible_character_makes_two_kitchens_of_one() {
        let hidden = (0..=u32::from(char::MAX)).filter_map(char::from_u32).filter(|c| {
            let ignorable = matches!(*c as u32,
                0xAD | 0x34F | 0x61C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F
                | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F
                | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A
                | 0xE0000..=0xE0FFF);
            ignorable || c.is_control() && !c.is_whitespace()
        });
        let mut count = 0;
        for c in hidden {
            for name in [format!("{c}Kitchen"), format!("Kit{c}{c}chen"), format!("Kitchen{c}")] {
                assert_eq!(clean_name(&name), "Kitchen", "U+{:04X}", c as u32);
            }
            count += 1;
        }
        assert!(count > 4000, "{count}");
        for space in ["\u{A0}", "\u{2003}\u{3000}", "\t\r\n", "\u{2028}", " \u{85} "] {
            assert_eq!(clean_name(&format!("{space}The{space}Kitchen{space}")), "The Kitchen");
        }
    }

    #[test]
    fn emoji_families_flags_and_keycaps_still_look_right() {
        for name in ["👨‍👩‍👧‍👦 Home", "❤️‍🔥", "👩🏽‍🚀", "🏳️‍🌈", "1️⃣ Door", "🇰🇷", "☀️ Terrace"]
        {
            assert_eq!(clean_name(name), name);
        }
    }

    #[test]
    fn persian_and_devanagari_keep_the_joiners_they_are_written_with() {
        for name in ["خانه‌ی ما", "می‌روم", "क्‍ष", "শ্‌"] {
            let shown = name.trim_end_matches(ZERO_WIDTH_NON_JOINER);
            assert_eq!(clean_name(name), shown);
        }
        // One does what two would; beside a space it does nothing.
        assert_eq!(clean_name("می\u{200C}\u{200C}روم"), "می\u{200C}روم");
        assert_eq!(clean_name("ما\u{200C} \u{200C}ما"), "ما ما");
    }

    #[test]
    fn a_long_name_is_cut_at_a_character() {
        assert_eq!(clean_name(&"x".repeat(NAME_BYTES_MAX)).len(), NAME_BYTES_MAX);
        assert_eq!(clean_name(&"x".repeat(NAME_BYTES_MAX + 1)).len(), NAME_BYTES_MAX);
        assert_eq!(clean_name(&"é".repeat(NAME_BYTES_MAX)).len(), NAME_BYTES_MAX);
        assert_eq!(clean_name(&"거".repeat(NAME_BYTES_MAX)).len(), NAME_BYTES_MAX / 3 * 3);
        let spaced = format!("{} y", "x".repeat(NAME_BYTES_MAX - 1));
        assert_eq!(clean_name(&spaced), "x".repeat(NAME_BYTES_MAX - 1));
    }

    #[test]
    fn a_clean_name_stays_as_it_is() {
        let raw =
            "👨\u{200D}👩 \u{202E}a\u{200D}b\u{FE0F} 1\u{FE0F}\u{20E3}  می\u{200C} \u{E0041}x";
        for cut in 0..raw.chars().count() {
            let once = clean_name(&raw.chars().skip(cut).collect::<String>());
            assert_eq!(clean_name(&once), once);
        }
    }

    #[test]
    fn a_cut_does_not_part_a_key_from_its_style() {
        for room in 1..=7 {
            let name =
                clean_name(&format!("{}1\u{FE0F}\u{20E3}", "x".repeat(NAME_BYTES_MAX - room)));
            assert_eq!(clean_name(&name), name);
            assert_eq!(name.ends_with('1'), room < 7, "{room}");
        }
    }

    #[test]
    fn a_text_is_cut_by_characters_and_follows_the_same_rules() {
        assert_eq!(clean_text("no\u{2067} such\ncamera", 300), "no such camera");
        assert_eq!(clean_text(&"거".repeat(301), 300).chars().count(), 300);
        assert_eq!(clean_text("x", 0), "");
    }
}
