//! The table of limits in `docs/security.md`: every limit on what others may do stands in it with a test
//! that exists, or with the reason why there is none.
//!
//! Knows a test by its name: whether it shows what the table says is for its reader to judge.

use std::collections::BTreeSet;

use crate::limits::{LIMITS, constant_name};
use crate::rust_source::functions;
use crate::tree::{SourceFile, ending};

/// The page with the table.
pub const SECURITY: &str = "docs/security.md";
/// The heading above it.
const HEADING: &str = "## Limits";
/// What the last cell of a row without a test opens with.
const NONE: &str = "none: ";
/// A reason shorter than this says nothing.
const REASON_CHARS_MIN: usize = 30;
/// Constants that limit nobody: what we do ourselves, and where we listen.
const NO_LIMITS: [&str; 4] = ["PING_INTERVAL", "SIGNALING_PORTS", "WEB_PORTS", "MEDIA_PORTS"];

/// One row: which constants, and what is said of their test.
struct Row<'a> {
    names: Vec<&'a str>,
    test: &'a str,
}

/// Findings about limits without a row, rows without a limit, and tests that are not there.
#[must_use]
pub fn check_table(files: &[SourceFile]) -> Vec<String> {
    let text = |path: &str| files.iter().find(|file| file.path == path).map(|file| &*file.text);
    let (Some(limits), Some(page)) = (text(LIMITS), text(SECURITY)) else {
        return vec![format!("{LIMITS} or {SECURITY}: missing")];
    };
    let constants: BTreeSet<&str> =
        limits.lines().filter_map(|line| constant_name(line.trim())).collect();
    let tests = test_names(files);
    let rows = rows(page);
    let mut findings = Vec::new();
    for row in &rows {
        findings.extend(row.names.iter().filter(|name| !constants.contains(*name)).map(|name| {
            format!("{SECURITY}: {name}: {LIMITS} has no such limit: take it out of the table")
        }));
        findings.extend(check_test(row, &tests));
    }
    let told: BTreeSet<&str> = rows.iter().flat_map(|row| row.names.iter().copied()).collect();
    let missing =
        constants.iter().filter(|name| !told.contains(*name) && !NO_LIMITS.contains(name));
    findings.extend(missing.map(|name| {
        format!("{SECURITY}: {name}: not in the table of limits: add it with the test at its edge")
    }));
    findings
}

/// Findings about what one row says of its test.
fn check_test(row: &Row<'_>, tests: &BTreeSet<String>) -> Vec<String> {
    let names = row.names.join(", ");
    if let Some(reason) = row.test.strip_prefix(NONE) {
        let says_why = reason.chars().count() >= REASON_CHARS_MIN;
        let finding = format!("{SECURITY}: {names}: say why it has no test, or write one");
        return if says_why { Vec::new() } else { vec![finding] };
    }
    let named = in_backticks(row.test);
    if named.is_empty() {
        return vec![format!("{SECURITY}: {names}: name a test, or “{NONE}” and the reason")];
    }
    let gone = named.iter().filter(|name| !tests.contains(**name));
    gone.map(|name| format!("{SECURITY}: {names}: there is no test `{name}`")).collect()
}

/// The rows below the heading whose first cell names constants.
fn rows(page: &str) -> Vec<Row<'_>> {
    let section = page.split_once(HEADING).map_or("", |(_, rest)| rest);
    let section = section.split("\n## ").next().unwrap_or(section);
    let row = |line| {
        let cells: Vec<&str> = str::split(line, '|').map(str::trim).collect();
        let ["", first, _, test, ""] = cells[..] else { return None };
        let names = in_backticks(first);
        (!names.is_empty()).then_some(Row { names, test })
    };
    section.lines().filter_map(row).collect()
}

/// What stands between backticks.
fn in_backticks(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The functions of all Rust files that stand right below a test's attribute.
fn test_names(files: &[SourceFile]) -> BTreeSet<String> {
    let tests = |file: &SourceFile| {
        let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
        let is_test = |line: usize| {
            let above = lines[..line - 1].iter().rev();
            above.take_while(|line| line.starts_with("#[")).any(|line| is_test_attribute(line))
        };
        functions(&file.text)
            .into_iter()
            .filter(|function| is_test(function.line))
            .map(|function| function.name)
            .collect::<Vec<_>>()
    };
    ending(files, ".rs").flat_map(tests).collect()
}

fn is_test_attribute(line: &str) -> bool {
    line == "#[test]" || line.starts_with("#[tokio::test")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "pub const LINKS_MAX: usize = 3;\npub const IDLE_TIMEOUT: u64 = 5;\n";
    const CODE: &str = "#[test]\nfn four_are_too_many() {}\n\
        #[tokio::test(flavor = \"multi_thread\")]\n#[ignore]\nasync fn it_ends() {}\n\
        fn no_test() {}\n";

    fn check(limits: &str, table: &str) -> Vec<String> {
        let file = |path: &str, text: &str| SourceFile { path: path.into(), text: text.into() };
        let page =
            format!("# S\n| `OTHER` | 1 | – |\n\n## Limits\n{table}\n## More\n| `X` | 1 | – |\n");
        check_table(&[
            file(LIMITS, limits),
            file(SECURITY, &page),
            file("crates/a/tests/b.rs", CODE),
        ])
    }

    #[test]
    fn a_table_with_every_limit_and_tests_that_exist_passes() {
        let table = "| constant | value | test |\n|---|---|---|\n\
            | `LINKS_MAX` | 3 | `four_are_too_many` |\n| `IDLE_TIMEOUT` | 5 s | `it_ends` |\n";
        assert_eq!(check(TWO, table), [""; 0]);
        let one_row = "| `LINKS_MAX`, `IDLE_TIMEOUT` | 3, 5 s | `it_ends`, `four_are_too_many` |\n";
        assert_eq!(check(TWO, one_row), [""; 0]);
        let own = format!("{TWO}pub const PING_INTERVAL: u64 = 1;\n");
        assert_eq!(check(&own, one_row), [""; 0]);
    }

    #[test]
    fn a_limit_that_the_table_forgot_and_one_that_is_gone_are_found() {
        let findings = check(TWO, "| `LINKS_MAX` | 3 | `four_are_too_many` |\n");
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert!(findings[0].contains("IDLE_TIMEOUT"), "{findings:?}");
        let gone = "| `LINKS_MAX`, `IDLE_TIMEOUT`, `OLD_MAX` | 3 | `it_ends` |\n";
        let findings = check(TWO, gone);
        assert!(findings.len() == 1 && findings[0].contains("OLD_MAX"), "{findings:?}");
    }

    #[test]
    fn a_row_needs_a_test_of_this_repository_or_a_reason() {
        let with =
            |test: &str| check(TWO, &format!("| `LINKS_MAX`, `IDLE_TIMEOUT` | 3 | {test} |\n"));
        for bad in
            ["–", "", "`no_such_test`", "`no_test`", "`it_ends`, `gone`", "none: no", "later"]
        {
            assert_eq!(with(bad).len(), 1, "{bad}");
        }
        let reason = "none: it only makes whoever sends too much wait for room";
        assert_eq!(with(reason), [""; 0]);
    }
}
