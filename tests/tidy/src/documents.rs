//! The documents hold together: links lead somewhere, decisions are short and numbered, and the
//! changelog knows the version.

use std::path::Path;

use crate::tree::{SourceFile, ending};

/// Where decisions stand.
const DECISIONS: &str = "docs/decisions/";
/// Lines of a decision: enough to say what was turned down, short enough to be read.
const DECISION_LINES: std::ops::RangeInclusive<usize> = 8..=30;

/// Findings about relative links in Markdown files that lead nowhere below `root`.
#[must_use]
pub fn check_links(files: &[SourceFile], root: &Path) -> Vec<String> {
    let mut findings = Vec::new();
    for file in ending(files, ".md") {
        for target in link_targets(&file.text) {
            let folder = Path::new(&file.path).parent().unwrap_or(Path::new(""));
            if !root.join(folder).join(&target).exists() {
                findings.push(format!("{}: the link to {target} leads nowhere", file.path));
            }
        }
    }
    findings
}

/// Targets of the inline links and images of a Markdown text that name a file: without a scheme,
/// their `#fragment` cut off. Code is left out.
fn link_targets(text: &str) -> Vec<String> {
    let mut targets = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            // Every second piece between backticks is code.
            let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
            let inline = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
            targets.extend(inline.filter_map(file_target).map(str::to_owned));
            if let Some((label, target)) = line.split_once("]: ")
                && label.starts_with('[')
            {
                targets.extend(file_target(target).map(str::to_owned));
            }
        }
    }
    targets
}

/// The file that a link names; none for the web, an address or a place in the same file.
fn file_target(target: &str) -> Option<&str> {
    let path = target.split(['#', ' ']).next()?;
    (!path.is_empty() && !path.contains(':')).then_some(path)
}

/// Findings about decisions: named `NNNN-title.md`, numbered from 0001 without a gap, short.
#[must_use]
pub fn check_decisions(files: &[SourceFile]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut expected = 1;
    for file in files.iter().filter(|file| file.path.starts_with(DECISIONS)) {
        let name = &file.path[DECISIONS.len()..];
        let number = name.get(..4).and_then(|digits| digits.parse::<u32>().ok());
        let well_named = name.get(4..5) == Some("-") && name.ends_with(".md");
        match number {
            Some(number) if well_named && number == expected => expected += 1,
            Some(_) if well_named => {
                findings.push(format!("{}: expected number {expected:04}", file.path));
            }
            _ => findings.push(format!("{}: not named NNNN-title.md", file.path)),
        }
        let lines = file.text.lines().count();
        if !DECISION_LINES.contains(&lines) {
            findings.push(format!("{}: {lines} lines, not {DECISION_LINES:?}", file.path));
        }
        if !file.text.starts_with("# ") {
            findings.push(format!("{}: opens without a title", file.path));
        }
    }
    findings
}

/// A finding unless the changelog has a section for what is coming or for `version`.
#[must_use]
pub fn check_changelog(changelog: &str, version: &str) -> Option<String> {
    let known = |line: &str| {
        line.starts_with("## [Unreleased]") || line.starts_with(&format!("## [{version}]"))
    };
    (!changelog.lines().any(known))
        .then(|| format!("CHANGELOG.md: neither [Unreleased] nor [{version}]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.into(), text: text.into() }
    }

    #[test]
    fn links_to_files_are_found_and_code_and_the_web_are_not() {
        let text = "[a](x.md#y) ![b](p/q.png \"t\") [c](https://e.org/z) [d](#here)\n\
                    `[e](code.md)` [f](after.md)\n```\n[g](fenced.md)\n```\n[h]: ref.md\n";
        assert_eq!(link_targets(text), ["x.md", "p/q.png", "after.md", "ref.md"]);
    }

    #[test]
    fn a_link_is_followed_from_its_own_folder() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let good = file("src/a.md", "[manifest](../Cargo.toml) [here](lib.rs)");
        assert_eq!(check_links(&[good], root), [""; 0]);
        let findings = check_links(&[file("src/a.md", "[gone](Cargo.toml)")], root);
        assert_eq!(findings, ["src/a.md: the link to Cargo.toml leads nowhere"]);
    }

    #[test]
    fn decisions_are_numbered_without_a_gap_and_short() {
        let text = format!("# Title\n{}", "x\n".repeat(12));
        let decision = |name: &str| file(&format!("{DECISIONS}{name}"), &text);
        assert_eq!(check_decisions(&[decision("0001-a.md"), decision("0002-b.md")]), [""; 0]);
        assert_eq!(check_decisions(&[decision("0001-a.md"), decision("0003-b.md")]).len(), 1);
        assert_eq!(check_decisions(&[decision("0001-a.md"), decision("0001-b.md")]).len(), 1);
        assert_eq!(check_decisions(&[decision("notes.md")]).len(), 1);
        let long = file("docs/decisions/0001-a.md", &format!("# T\n{}", "x\n".repeat(30)));
        assert_eq!(check_decisions(&[long]).len(), 1);
    }

    #[test]
    fn a_changelog_without_the_version_is_found() {
        assert_eq!(check_changelog("# C\n## [Unreleased]\n", "0.1.0"), None);
        assert_eq!(check_changelog("# C\n## [0.1.0] - 2026-12-01\n", "0.1.0"), None);
        assert!(check_changelog("# C\n## [0.1.0]\n", "0.2.0").is_some());
    }
}
