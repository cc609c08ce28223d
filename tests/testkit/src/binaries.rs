//! Where the programs under test are.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The program of this name: from `LANLENS_BIN_DIR`, else from the release folder of the target
/// directory that this test was built into.
///
/// # Errors
/// When it is not there; the text says how to build it.
pub fn bin(name: &str) -> Result<PathBuf> {
    let folder = match std::env::var_os("LANLENS_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => release_folder(&std::env::current_exe()?)?,
    };
    let path = folder.join(name);
    if !path.is_file() {
        bail!("{} is missing: run `cargo build --release` first", path.display());
    }
    Ok(path)
}

/// From `target/PROFILE/deps/test-123`, or `target/PROFILE/program`, to `target/release`.
fn release_folder(test: &Path) -> Result<PathBuf> {
    let folder = test.parent();
    let profile = folder.filter(|folder| folder.ends_with("deps")).map_or(folder, Path::parent);
    let target = profile.and_then(Path::parent);
    Ok(target.context("this test is not in a cargo target folder")?.join("release"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_looked_for_in_the_release_folder_whatever_the_tests_profile() {
        for profile in ["debug", "release"] {
            for test in ["deps/watch-0a1b", "lanlens-bench"] {
                let test = PathBuf::from(format!("/t/{profile}/{test}"));
                assert_eq!(release_folder(&test).unwrap(), PathBuf::from("/t/release"));
            }
        }
    }

    #[test]
    fn a_missing_program_says_how_to_build_it() {
        let error = bin("lanlens-no-such-program").unwrap_err().to_string();
        assert!(error.contains("cargo build --release"), "{error}");
    }
}
