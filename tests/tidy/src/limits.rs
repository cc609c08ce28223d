//! Every limit of `crates/model/src/limits.rs` is explained and holds somewhere.
//!
//! A constant that nothing reads protects nobody.

use crate::rust_source::code_only;
use crate::tree::{SourceFile, ending};

/// The file that holds all limits.
pub const LIMITS: &str = "crates/model/src/limits.rs";

/// Findings about limits without a doc comment.
#[must_use]
pub fn check_documented(limits: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let mut before = "";
    for line in limits.lines().map(str::trim) {
        if let Some(name) = constant_name(line)
            && !before.starts_with("///")
        {
            findings.push(format!("{LIMITS}: {name}: no doc comment says what it limits"));
        }
        before = line;
    }
    findings
}

/// Findings about limits that no shipped code outside their file names. A test alone does not
/// count: it would show a limit that nobody enforces.
#[must_use]
pub fn check_used(files: &[SourceFile]) -> Vec<String> {
    let Some(limits) = files.iter().find(|file| file.path == LIMITS) else {
        return vec![format!("{LIMITS}: missing")];
    };
    let shipped = |path: &str| path.starts_with("crates/") || path.starts_with("apps/");
    let code: Vec<String> = ending(files, ".rs")
        .filter(|file| shipped(&file.path) && file.path != LIMITS)
        .filter(|file| !file.path.split('/').any(|part| part == "tests" || part == "tests.rs"))
        .map(|file| without_test_module(&code_only(&file.text)).to_owned())
        .collect();
    let names = limits.text.lines().filter_map(|line| constant_name(line.trim()));
    names
        .filter(|name| !code.iter().any(|code| has_word(code, name)))
        .map(|name| format!("{LIMITS}: {name}: nothing enforces it: use it or remove it"))
        .collect()
}

/// NAME of `pub const NAME: ...`.
pub(crate) fn constant_name(line: &str) -> Option<&str> {
    line.strip_prefix("pub const ")?.split(':').next().map(str::trim)
}

/// Code up to its test module; a test module in a file of its own, `mod tests;`, ends nothing.
fn without_test_module(code: &str) -> &str {
    let opens_here = |at: usize| {
        let rest = code[at..].trim_start_matches("#[cfg(test)]").trim_start();
        rest.starts_with("mod ")
            && rest.find(['{', ';']).is_some_and(|at| rest[at..].starts_with('{'))
    };
    let mut marks = code.match_indices("#[cfg(test)]").map(|(at, _)| at);
    marks.find(|at| opens_here(*at)).map_or(code, |at| &code[..at])
}

/// Whether `word` stands in `code` as a whole word.
fn has_word(code: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        !code[..at].ends_with(part_of_word) && !code[at + word.len()..].starts_with(part_of_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str =
        "/// Links at once.\npub const LINKS_MAX: usize = 3;\npub const IDLE: u64 = 5;\n";

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.into(), text: text.into() }
    }

    #[test]
    fn a_limit_without_a_comment_is_found() {
        let findings = check_documented(TWO);
        assert_eq!(findings.len(), 1);
        assert!(findings[0].contains("IDLE"), "{findings:?}");
    }

    #[test]
    fn a_limit_that_no_code_names_is_found() {
        let used = "if links > limits::LINKS_MAX || idle > IDLE {}";
        assert_eq!(check_used(&[file(LIMITS, TWO), file("crates/a/src/b.rs", used)]), [""; 0]);
        for unused in
            ["MY_LINKS_MAX; IDLE", "// LINKS_MAX\nIDLE", "IDLE; #[cfg(test)] mod t { LINKS_MAX }"]
        {
            let files = [file(LIMITS, TWO), file("crates/a/src/b.rs", unused)];
            assert_eq!(check_used(&files).len(), 1, "{unused}");
        }
        let beside = format!("#[cfg(test)]\nmod tests;\n{used}");
        assert_eq!(check_used(&[file(LIMITS, TWO), file("crates/a/src/b.rs", &beside)]), [""; 0]);
        let only_a_test = file("crates/a/tests/b.rs", used);
        assert_eq!(check_used(&[file(LIMITS, TWO), only_a_test]).len(), 2);
    }
}
