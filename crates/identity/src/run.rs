//! One number for all programs of a home that run at the same time on this machine.
//!
//! Two machines that use one key, a cloned card say, prove the same `DeviceId`; the number tells
//! them apart. Owns `run`, `run.lock` and `run-start.lock`; knows nothing of the key.
//!
//! Every program holds `run.lock` shared while it runs, and the system lets go of it however the
//! program ends. Whoever can hold it alone is the first one and draws a new number. A copied home
//! has a lock of its own that nobody holds, so the copy draws its own number whatever the copied
//! `run` says. The lock is a file apart because a locked file cannot be read on Windows.

use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use lanlens_model::RunId;
use thiserror::Error;

use crate::{Home, RandomError, files, random_bytes};

/// Sixteen digits and a line feed.
const RUN_BYTES_MAX: u64 = 64;

/// Why a program cannot run in a home.
#[derive(Debug, Error)]
pub enum RunError {
    /// A file cannot be read, written or locked.
    #[error(
        "cannot use {path} ({source}): make it readable and writable and see that the disk has \
         space, or choose another folder with --home DIR"
    )]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Other programs of the home run, and what they agreed on is gone.
    #[error(
        "{0} was removed or damaged while programs of this home run: close all of them, then start \
         again"
    )]
    Lost(PathBuf),
    /// There is no chance to draw from.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// This program counts as running until this is dropped.
#[derive(Debug)]
pub struct RunGuard {
    /// Dropping the file ends the lock.
    _held: File,
}

/// Counts this program among those that run, and gives the number that they share.
///
/// Call it before [`crate::Identity::load_or_create`] and hold the guard as long as the identity
/// is in use: [`crate::renew_key`] changes the key only while nobody holds one.
///
/// # Errors
/// See [`RunError`].
pub fn take_run(home: &Home) -> Result<(RunId, RunGuard), RunError> {
    let _starting = start_lock(home)?;
    let (lock_path, id_path) = (home.file("run.lock"), home.file("run"));
    let lock_failed = |source| RunError::File { path: lock_path.clone(), source };
    let id_failed = |source| RunError::File { path: id_path.clone(), source };

    let held = files::open_private(&lock_path).map_err(lock_failed)?;
    let first = try_alone(&held).map_err(lock_failed)?;
    if first {
        let id = RunId(u64::from_ne_bytes(random_bytes()?));
        write(&id_path, format!("{id}\n").as_bytes()).map_err(id_failed)?;
        // A lock cannot be changed from one kind to the other everywhere. In between nobody else
        // takes it: that needs the start lock.
        held.unlock().map_err(lock_failed)?;
    }
    held.try_lock_shared().map_err(|error| lock_failed(error.into()))?;
    let text = files::read(&id_path, RUN_BYTES_MAX).map_err(id_failed)?.unwrap_or_default();
    let id = std::str::from_utf8(&text).ok().and_then(|text| text.trim().parse().ok());
    Ok((id.ok_or(RunError::Lost(id_path))?, RunGuard { _held: held }))
}

/// Writes the number, which always has as many digits. Nobody reads meanwhile: that needs the start
/// lock. So a full disk keeps no program from starting that has started here before.
fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    match files::replace(path, text) {
        Err(error) if error.kind() == io::ErrorKind::StorageFull => {
            let mut file = files::open_private(path)?;
            file.write_all(text)?;
            file.sync_data()
        }
        done => done,
    }
}

/// While this is held no program of the home runs, and none starts.
pub(crate) struct Alone {
    _held: File,
    _starting: File,
}

/// Holds every program of the home off; `None` if one runs.
pub(crate) fn hold_alone(home: &Home) -> Result<Option<Alone>, RunError> {
    let starting = start_lock(home)?;
    let path = home.file("run.lock");
    let failed = |source| RunError::File { path: path.clone(), source };
    let held = files::open_private(&path).map_err(failed)?;
    let alone = try_alone(&held).map_err(failed)?;
    Ok(alone.then_some(Alone { _held: held, _starting: starting }))
}

/// One program looks at the run lock at a time.
fn start_lock(home: &Home) -> Result<File, RunError> {
    let path = home.file("run-start.lock");
    files::lock(&path).map_err(|source| RunError::File { path, source })
}

fn try_alone(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::sync::Barrier;

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        (dir, home)
    }

    #[test]
    fn programs_that_start_at_once_agree_and_the_next_ones_agree_on_another_number() {
        let (_dir, home) = home();
        const STARTERS: usize = 8;
        let mut runs = BTreeSet::new();
        for _ in 0..20 {
            let all_started = Barrier::new(STARTERS);
            let ids: BTreeSet<RunId> = std::thread::scope(|scope| {
                let start = || {
                    let (id, guard) = take_run(&home).unwrap();
                    all_started.wait();
                    drop(guard);
                    id
                };
                let starts: Vec<_> = (0..STARTERS).map(|_| scope.spawn(start)).collect();
                starts.into_iter().map(|start| start.join().unwrap()).collect()
            });
            assert_eq!(ids.len(), 1, "{ids:?}");
            assert!(runs.is_disjoint(&ids), "a run came again");
            runs.extend(ids);
        }
    }

    #[test]
    fn the_number_lasts_while_anybody_runs_even_if_the_first_one_leaves() {
        let (_dir, home) = home();
        let (first, first_guard) = take_run(&home).unwrap();
        let (second, second_guard) = take_run(&home).unwrap();
        drop(first_guard);
        let (third, third_guard) = take_run(&home).unwrap();
        assert_eq!((first, second), (second, third));
        drop((second_guard, third_guard));
        assert_ne!(take_run(&home).unwrap().0, first);
    }

    #[test]
    fn a_lost_number_is_an_error_while_others_run_and_mends_itself_after() {
        let (dir, home) = home();
        let (_, guard) = take_run(&home).unwrap();
        for content in [&b""[..], b"1234", b"\xff\xfe"] {
            std::fs::write(dir.path().join("run"), content).unwrap();
            let error = take_run(&home).unwrap_err();
            assert!(matches!(error, RunError::Lost(_)), "{error}");
            assert!(error.to_string().contains("close all of them"), "{error}");
        }
        std::fs::remove_file(dir.path().join("run")).unwrap();
        assert!(matches!(take_run(&home), Err(RunError::Lost(_))));
        drop(guard);
        take_run(&home).unwrap();
    }

    #[test]
    fn where_nothing_can_be_written_nothing_runs_and_it_is_said_which_file() {
        let (dir, home) = home();
        // A folder in the way of the new file fails for every user, root included.
        std::fs::create_dir(dir.path().join("run.new")).unwrap();
        let error = take_run(&home).unwrap_err();
        assert!(error.to_string().contains("--home DIR"), "{error}");
        assert!(error.to_string().contains("/run "), "{error}");
        assert!(hold_alone(&home).unwrap().is_some(), "the failed start let go of its lock");
    }
}
