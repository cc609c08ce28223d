//! The files of the repository, as text.
//!
//! Walks the checkout itself in place of asking git, so that the checks also run in an unpacked
//! archive. Build output and version control are left out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Folders that hold nothing written by hand.
const SKIPPED_FOLDERS: [&str; 5] = [".git", "target", "node_modules", ".venv", "__pycache__"];

/// One text file of the repository.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Path from the root of the repository, with `/` on every system.
    pub path: String,
    /// The whole file.
    pub text: String,
}

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Every UTF-8 file below `root`, sorted by path. Pictures, fonts and other binary files are left
/// out.
///
/// # Errors
/// A folder or file that cannot be read.
pub fn text_files(root: &Path) -> io::Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let name = entry.file_name();
            if kind.is_dir() {
                if !SKIPPED_FOLDERS.iter().any(|skipped| name == *skipped) {
                    folders.push(entry.path());
                }
            } else if kind.is_file()
                && let Ok(text) = String::from_utf8(fs::read(entry.path())?)
            {
                files.push(SourceFile { path: relative(root, &entry.path()), text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// `path` from `root`, with `/` on every system.
fn relative(root: &Path, path: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).iter();
    parts.map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Those of `files` whose path ends with `suffix`.
pub fn ending<'a>(
    files: &'a [SourceFile],
    suffix: &'a str,
) -> impl Iterator<Item = &'a SourceFile> {
    files.iter().filter(move |file| file.path.ends_with(suffix))
}
