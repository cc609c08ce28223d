//! Files and functions stay short enough to be read in one sitting.
//!
//! The limits are those of CONTRIBUTING.md. What passes them needs an entry, with its reason, in
//! `exceptions.rs`; an entry that is no longer needed is a finding too, so the list only shrinks.

use crate::exceptions::Exception;
use crate::rust_source::functions;
use crate::tree::SourceFile;

/// Lines of a file.
pub const FILE_LINES_MAX: usize = 500;
/// Lines of code in a function, from `fn` to its closing brace.
pub const FUNCTION_LINES_MAX: usize = 70;

/// Findings about the Rust files among `files`.
#[must_use]
pub fn check(files: &[SourceFile], exceptions: &[Exception]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut used = vec![false; exceptions.len()];
    for (subject, what) in too_long(files) {
        match exceptions.iter().position(|exception| exception.subject == subject) {
            Some(at) => used[at] = true,
            None => findings.push(format!("{subject}: {what}: split it, or add an exception")),
        }
    }
    for (exception, used) in exceptions.iter().zip(used) {
        if !used {
            findings.push(format!("{}: the exception is not needed: remove it", exception.subject));
        }
        if exception.reason.len() < 20 {
            findings.push(format!("{}: the exception gives no reason", exception.subject));
        }
    }
    findings
}

/// What is over a limit: `path` or `path::function`, and by how much.
fn too_long(files: &[SourceFile]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        let lines = file.text.lines().count();
        if lines > FILE_LINES_MAX {
            found.push((file.path.clone(), format!("{lines} lines, over {FILE_LINES_MAX}")));
        }
        for function in functions(&file.text) {
            if function.code_lines > FUNCTION_LINES_MAX {
                let what = format!(
                    "{} lines of code from line {}, over {FUNCTION_LINES_MAX}",
                    function.code_lines, function.line
                );
                found.push((format!("{}::{}", file.path, function.name), what));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(lines: usize) -> SourceFile {
        SourceFile { path: "a.rs".into(), text: "x;\n".repeat(lines) }
    }

    fn function(lines: usize) -> SourceFile {
        let text = format!("fn long() {{\n{}}}\n", "x();\n".repeat(lines - 2));
        SourceFile { path: "a.rs".into(), text }
    }

    const FOR_FILE: Exception =
        Exception { subject: "a.rs", reason: "a table that only makes sense as a whole" };

    #[test]
    fn a_file_or_function_at_its_limit_passes_and_one_line_more_is_found() {
        assert_eq!(check(&[file(FILE_LINES_MAX)], &[]), [""; 0]);
        assert_eq!(check(&[file(FILE_LINES_MAX + 1)], &[]).len(), 1);
        assert_eq!(check(&[function(FUNCTION_LINES_MAX)], &[]), [""; 0]);
        let findings = check(&[function(FUNCTION_LINES_MAX + 1)], &[]);
        assert!(
            findings[0].starts_with("a.rs::long: 71 lines of code from line 1"),
            "{findings:?}"
        );
    }

    #[test]
    fn an_exception_is_honoured_while_it_is_needed_and_reported_after() {
        assert_eq!(check(&[file(FILE_LINES_MAX + 1)], &[FOR_FILE]), [""; 0]);
        assert_eq!(check(&[file(3)], &[FOR_FILE]).len(), 1);
    }

    #[test]
    fn an_exception_without_a_reason_is_found() {
        let unreasoned = Exception { subject: "a.rs", reason: "long" };
        assert_eq!(check(&[file(FILE_LINES_MAX + 1)], &[unreasoned]).len(), 1);
    }
}
