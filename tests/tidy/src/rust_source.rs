//! Just enough of Rust's lexical grammar to see code without its comments and strings.
//!
//! A real parser would give no line numbers without a compiler feature that rebuilds every macro
//! crate, and the checks need lines, braces and words only. What is blanked keeps its place, so a
//! line of the result is a line of the file.

/// `text` with comments and the contents of string and character literals replaced by spaces.
/// Line breaks stay, so lines keep their numbers; every other blanked byte becomes one space.
#[must_use]
pub fn code_only(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = blank_end(bytes, at);
        if end > at {
            code.extend(bytes[at..end].iter().map(|&b| if b == b'\n' { b'\n' } else { b' ' }));
            at = end;
        } else {
            // A word is copied whole, so that the r of `for"` or of `r#type` starts no literal.
            let end = at + word_length(&bytes[at..]).max(1);
            code.extend(&bytes[at..end]);
            at = end;
        }
    }
    String::from_utf8_lossy(&code).into_owned()
}

/// Where the comment or literal that starts at `at` ends (exclusive); `at` itself if none does.
fn blank_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let length = match rest {
        [b'/', b'/', ..] => rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => block_comment_length(rest),
        [b'"', ..] => quoted_length(rest, 0),
        [b'b' | b'c', b'"', ..] => quoted_length(rest, 1),
        [b'r', b'"' | b'#', ..] => raw_string_length(rest, 1),
        [b'b' | b'c', b'r', b'"' | b'#', ..] => raw_string_length(rest, 2),
        [b'\'', ..] => character_length(rest, 0),
        [b'b', b'\'', ..] => character_length(rest, 1),
        _ => 0,
    };
    at + length
}

/// Length of a `/* */` comment; they nest.
fn block_comment_length(rest: &[u8]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        match rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Length of a string with escapes whose opening quote stands at `open`.
fn quoted_length(rest: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Length of a raw string whose `#`s or quote start at `open`; 0 if it is a raw identifier.
fn raw_string_length(rest: &[u8], open: usize) -> usize {
    let hashes = rest[open..].iter().take_while(|&&b| b == b'#').count();
    if rest.get(open + hashes) != Some(&b'"') {
        return 0;
    }
    let mut closing = vec![b'"'];
    closing.resize(1 + hashes, b'#');
    let body = open + hashes + 1;
    let found = rest[body..].windows(closing.len()).position(|window| window == closing);
    found.map_or(rest.len(), |at| body + at + closing.len())
}

/// Length of a character literal whose quote stands at `open`; 0 if it is a lifetime.
fn character_length(rest: &[u8], open: usize) -> usize {
    let body = &rest[open + 1..];
    let content = match body {
        [b'\\', ..] => 2 + body[2.min(body.len())..].iter().take_while(|&&b| b != b'\'').count(),
        [first, ..] => match first {
            0x00..0x80 => 1,
            0x80..0xE0 => 2,
            0xE0..0xF0 => 3,
            _ => 4,
        },
        [] => return 0,
    };
    if body.get(content) == Some(&b'\'') { open + content + 2 } else { 0 }
}

/// Length of the identifier, keyword or number at the start of `rest`.
fn word_length(rest: &[u8]) -> usize {
    rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_' || **b >= 0x80).count()
}

/// A function found in a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name, without path or generics.
    pub name: String,
    /// Line of its `fn`, from 1.
    pub line: usize,
    /// Lines from `fn` to the closing brace that hold code.
    pub code_lines: usize,
}

/// Every function with a body in `text`, in order; those inside others too.
#[must_use]
pub fn functions(text: &str) -> Vec<Function> {
    let code = code_only(text);
    let mut found = Vec::new();
    let mut at = 0;
    while at < code.len() {
        let word = word_length(&code.as_bytes()[at..]);
        if word == 2
            && &code[at..at + 2] == "fn"
            && let Some(function) = function_at(&code, at)
        {
            found.push(function);
        }
        at += word.max(1);
    }
    found
}

/// The function whose `fn` stands at `at`; none for a function type or a declaration.
fn function_at(code: &str, at: usize) -> Option<Function> {
    let after = code[at + 2..].trim_start();
    let name = &after[..word_length(after.as_bytes())];
    if name.is_empty() {
        return None;
    }
    let end = body_end(code, at)?;
    let line = code[..at].matches('\n').count() + 1;
    let code_lines = code[at..end].lines().filter(|line| !line.trim().is_empty()).count();
    Some(Function { name: name.to_owned(), line, code_lines })
}

/// The end (exclusive) of the first braced block after `at`; none if a `;` comes first.
fn body_end(code: &str, at: usize) -> Option<usize> {
    let mut braces = 0_usize;
    let mut brackets = 0_usize;
    for (offset, byte) in code[at..].bytes().enumerate() {
        match byte {
            b'(' | b'[' => brackets += 1,
            b')' | b']' => brackets = brackets.saturating_sub(1),
            b';' if braces == 0 && brackets == 0 => return None,
            b'{' => braces += 1,
            b'}' if braces == 1 => return Some(at + offset + 1),
            b'}' => braces = braces.saturating_sub(1),
            _ => {}
        }
    }
    None
}

/// A finding unless the file opens with `//!`, as every module must.
#[must_use]
pub fn opening_doc(path: &str, text: &str) -> Option<String> {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let says_something = first.strip_prefix("//!").is_some_and(|words| !words.trim().is_empty());
    (!says_something).then(|| {
        format!("{path}: opens without `//!`: say why the module exists and what it must not know")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blanked_and_lines_keep_their_numbers() {
        let code = code_only("a /* x\n /* { */ } */ b // {\nc \"{\\\"\n{\" d");
        assert_eq!(code.lines().count(), 4);
        assert_eq!(code.split_whitespace().collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    }

    #[test]
    fn raw_strings_characters_and_lifetimes_are_told_apart() {
        let code = code_only(r##"f<'a>(r#"{"}"#, '{', '\'', '\u{7b}', b'{', b"{", '한', r#type)"##);
        assert!(!code.contains('{'), "{code}");
        assert!(code.contains("<'a>") && code.contains("r#type"), "{code}");
    }

    #[test]
    fn an_unfinished_literal_ends_with_the_file() {
        for text in ["\"abc", "\"abc\\", "r#\"abc\"", "/* abc", "'", "'\\", "b'", "'한"] {
            assert_eq!(code_only(text).len(), text.len(), "{text}");
        }
    }

    #[test]
    fn a_function_is_measured_from_its_fn_to_its_brace_in_lines_of_code() {
        let text = "fn a() {\n    // why\n\n    b();\n}\nimpl X {\n    fn c(&self) -> [u8; 2] where Self: Y {\n        [1, 2]\n    }\n}\n";
        let found = functions(text);
        assert_eq!(
            found,
            [
                Function { name: "a".into(), line: 1, code_lines: 3 },
                Function { name: "c".into(), line: 7, code_lines: 3 },
            ]
        );
    }

    #[test]
    fn function_types_and_declarations_are_not_functions() {
        let text = "trait T { fn a(&self); }\ntype F = fn(u8) -> u8;\n";
        assert_eq!(functions(text), []);
    }

    #[test]
    fn a_file_without_a_module_comment_is_found() {
        assert_eq!(opening_doc("a.rs", "//! Why.\nuse b;\n"), None);
        assert_eq!(opening_doc("a.rs", "\n//! Why.\n"), None);
        assert!(opening_doc("a.rs", "use b;\n//! Why.\n").is_some());
        assert!(opening_doc("a.rs", "//!\n//! Why.\n").is_some());
    }
}
