//! What belongs to one place only: platform code to two, absolute paths of somebody's machine to
//! none.

use std::path::Path;

use crate::rust_source::code_only;
use crate::tree::{SourceFile, ending};

/// Where `cfg(target_os)` may stand; a path that ends with `/` is a folder.
const PLATFORM_CODE: [&str; 2] = ["crates/capture/", "crates/node/src/platform.rs"];

/// Folders of home directories, and the names below them that examples may use. Taken apart so
/// that this file does not find itself.
const HOMES: [&str; 3] =
    [concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!(r"C:\Us", r"ers\")];
/// The home of root, found the same way.
const ROOT_HOME: &str = concat!("/ro", "ot/");
/// Names that stand for anybody.
const ANYBODY: [&str; 5] = ["USER", "user", "NAME", "you", "pi"];

/// Findings about platform code outside its two places. Tests may ask which system they run on.
#[must_use]
pub fn check_platform_code(files: &[SourceFile]) -> Vec<String> {
    let mut findings = Vec::new();
    for file in ending(files, ".rs") {
        let is_test = file.path.split('/').any(|folder| folder == "tests");
        if is_test || PLATFORM_CODE.iter().any(|place| file.path.starts_with(place)) {
            continue;
        }
        for (line, code) in code_only(&file.text).lines().enumerate() {
            if code.contains("target_os") {
                findings.push(format!(
                    "{}:{}: target_os: what differs by system belongs to {PLATFORM_CODE:?}",
                    file.path,
                    line + 1
                ));
            }
        }
    }
    findings
}

/// Findings about absolute paths that only exist on the machine where they were written: those
/// below a home directory, and those of this very checkout.
#[must_use]
pub fn check_machine_paths(files: &[SourceFile], checkout: &Path) -> Vec<String> {
    let checkout = checkout.to_string_lossy();
    let mut findings = Vec::new();
    for file in files {
        for (line, text) in file.text.lines().enumerate() {
            let here = checkout.matches('/').count() > 1 && text.contains(&*checkout);
            if here || names_a_home(text) {
                findings.push(format!("{}:{}: a path of one machine: {text}", file.path, line + 1));
            }
        }
    }
    findings
}

/// Whether `text` holds a path below somebody's home directory.
fn names_a_home(text: &str) -> bool {
    let starts = |home: &str, at: usize| {
        let before = text[..at].chars().next_back();
        // `a/home/b` and `https://x/home/b` are other things.
        (!before.is_some_and(|c| c.is_alphanumeric() || ".-_}~$".contains(c)))
            .then_some(at + home.len())
    };
    let below =
        |home: &'static str| text.match_indices(home).filter_map(move |(at, _)| starts(home, at));
    let somebody = |at: usize| {
        let name: String = text[at..].chars().take_while(|c| c.is_alphanumeric()).collect();
        !name.is_empty() && !ANYBODY.contains(&name.as_str())
    };
    below(ROOT_HOME).next().is_some() || HOMES.iter().any(|home| below(home).any(somebody))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.into(), text: text.into() }
    }

    #[test]
    fn platform_code_is_found_outside_its_two_places() {
        let text = "//! Why.\n#[cfg(target_os = \"linux\")]\nfn a() {}\n";
        for good in ["crates/capture/src/a.rs", "crates/node/src/platform.rs", "tests/e2e/src/a.rs"]
        {
            assert_eq!(check_platform_code(&[file(good, text)]), [""; 0]);
        }
        let findings = check_platform_code(&[file("crates/ui/src/a.rs", text)]);
        assert!(findings[0].starts_with("crates/ui/src/a.rs:2"), "{findings:?}");
    }

    #[test]
    fn platform_code_in_a_comment_is_only_talk() {
        let text = "//! No `cfg(target_os)` here.\n";
        assert_eq!(check_platform_code(&[file("crates/ui/src/a.rs", text)]), [""; 0]);
    }

    #[test]
    fn a_path_below_somebodys_home_is_found_and_an_example_is_not() {
        let checkout = Path::new("/srv/build/lanlens");
        let found = |text: String| check_machine_paths(&[file("a.md", &text)], checkout).len();
        assert_eq!(found(format!("see {}alice/x", HOMES[0])), 1);
        assert_eq!(found(format!("see {}alice", HOMES[1])), 1);
        assert_eq!(found(format!("see {}x", ROOT_HOME)), 1);
        assert_eq!(found("see /srv/build/lanlens/target".to_owned()), 1);
        assert_eq!(found(format!("User=pi, {}pi/.config", HOMES[0])), 0);
        assert_eq!(found(format!("https://example.org{}page", HOMES[0])), 0);
        assert_eq!(found("$HOME/.cache and /usr/bin".to_owned()), 0);
    }
}
