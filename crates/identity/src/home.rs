//! The folder that makes a device: whoever can write there *is* the device.
//!
//! Owns the layout and the check that the folder is fit to hold a key; knows nothing of the files'
//! contents.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::files;

/// Why a folder cannot be a home. Each says what to do.
#[derive(Debug, Error)]
pub enum HomeError {
    /// The path leads to something else.
    #[error("{0} is not a folder: choose another with --home DIR")]
    NotAFolder(PathBuf),
    /// It cannot be created, read or written.
    #[error("cannot use {path} ({source}): make it writable, or choose another with --home DIR")]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Other users may change files in it, so a key there would prove nothing.
    #[error(
        "other users can write to {0}: run `chmod go-w` on it, or choose another with --home DIR"
    )]
    WritableByOthers(PathBuf),
    /// Its owner, another user, may change files in it.
    #[error(
        "{path} belongs to another user (id {owner}), who could exchange what is in it: run this \
         program as that user, or choose another folder with --home DIR"
    )]
    OfAnotherUser {
        /// The folder.
        path: PathBuf,
        /// The owner's user id.
        owner: u32,
    },
}

/// A folder that was checked and can hold a device. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    dir: PathBuf,
}

impl Home {
    /// Opens `dir`, creating it (mode 0700) and its parents if missing.
    ///
    /// An empty folder is made private. One with other things in it keeps its mode, since it may be
    /// a user's own; the files we put there are private each.
    ///
    /// The folder must belong to this program's user, or to root: root can read every key of the
    /// machine anyway, so refusing its folders would protect nobody. A program of root refuses the
    /// folder of a user, who could exchange what root's program trusts, and who would find files
    /// there that only root can change.
    ///
    /// # Errors
    /// See [`HomeError`].
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, HomeError> {
        let dir = dir.into();
        if dir.exists() && !dir.is_dir() {
            return Err(HomeError::NotAFolder(dir));
        }
        let home = Self { dir };
        let unusable = |source| HomeError::Unusable { path: home.dir.clone(), source };
        files::create_private_dir(&home.dir).map_err(unusable)?;
        if let Some(owner) = files::foreign_owner(&home.dir).map_err(unusable)? {
            return Err(HomeError::OfAnotherUser { path: home.dir, owner });
        }
        home.close_if_empty().map_err(unusable)?;
        if files::foreign_rights(&home.dir).map_err(unusable)? & 0o022 != 0 {
            return Err(HomeError::WritableByOthers(home.dir));
        }
        home.make_slots().map_err(unusable)?;
        Ok(home)
    }

    fn close_if_empty(&self) -> io::Result<()> {
        if std::fs::read_dir(&self.dir)?.next().is_none() {
            files::make_private(&self.dir, 0o700)?;
        }
        Ok(())
    }

    /// Creates what every program of the home needs; shows at once whether one may write here.
    fn make_slots(&self) -> io::Result<()> {
        files::create_private_dir(&self.slots())?;
        files::open_private(&self.file("device.lock")).map(drop)
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub(crate) fn slots(&self) -> PathBuf {
        self.dir.join("slots")
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_new_home_is_closed_to_other_users_and_opens_again() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("a/b");
        Home::open(&dir).unwrap();
        assert_eq!(mode(&dir), 0o700);
        assert_eq!(mode(&dir.join("slots")), 0o700);
        Home::open(&dir).unwrap();
    }

    #[test]
    fn an_empty_folder_becomes_private_and_a_used_one_keeps_its_mode() {
        let parent = tempfile::tempdir().unwrap();
        for (name, used, expected) in [("empty", false, 0o700), ("used", true, 0o755)] {
            let dir = parent.path().join(name);
            std::fs::create_dir(&dir).unwrap();
            files::make_private(&dir, 0o755).unwrap();
            if used {
                std::fs::write(dir.join("notes.txt"), "mine").unwrap();
            }
            Home::open(&dir).unwrap();
            assert_eq!(mode(&dir), expected, "{name}");
        }
    }

    #[test]
    fn a_folder_that_others_can_write_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("notes.txt"), "mine").unwrap();
        files::make_private(dir.path(), 0o777).unwrap();
        let error = Home::open(dir.path()).unwrap_err();
        assert!(matches!(error, HomeError::WritableByOthers(_)));
        assert!(error.to_string().contains("chmod go-w"), "{error}");
    }

    #[test]
    fn the_folder_of_another_user_is_refused_untouched_with_what_to_do() -> anyhow::Result<()> {
        if !rustix::process::geteuid().is_root() {
            return lanlens_testkit::skip("needs root to give a folder to another user");
        }
        let dir = tempfile::tempdir()?;
        files::make_private(dir.path(), 0o755)?;
        std::os::unix::fs::chown(dir.path(), Some(54_321), None)?;
        let error = Home::open(dir.path()).unwrap_err();
        assert!(matches!(error, HomeError::OfAnotherUser { owner: 54_321, .. }), "{error}");
        assert!(error.to_string().contains("as that user"), "{error}");
        assert_eq!(mode(dir.path()), 0o755);
        assert_eq!(std::fs::read_dir(dir.path())?.count(), 0);
        Ok(())
    }

    #[test]
    fn a_file_is_no_home_and_neither_is_a_path_below_one() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(matches!(Home::open(&file), Err(HomeError::NotAFolder(_))));
        let error = Home::open(file.join("below")).unwrap_err();
        assert!(error.to_string().contains("--home DIR"), "{error}");
    }
}
