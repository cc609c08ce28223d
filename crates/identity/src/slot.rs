//! Places of running programs: the first free one, so that a restart finds its own again.
//!
//! Owns the files in `slots/`. A slot is held by an operating system lock, which ends with the
//! process however it ends. Slot files are never deleted: their counters must not go back.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::PathBuf;

use lanlens_model::Epoch;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::{Home, files, unix_s};

/// Programs with the same role and source that one home runs at once.
const SLOTS_MAX: u32 = 64;
/// Bytes of a role or source that stay readable in a slot's name.
const WORD_BYTES_MAX: usize = 24;

/// Why no slot could be taken.
#[derive(Debug, Error)]
pub enum SlotError {
    /// Every one is held by a running program.
    #[error("{SLOTS_MAX} programs of this kind run already: close one, or use another --home DIR")]
    Full,
    /// A slot's file cannot be opened, locked or written.
    #[error(
        "cannot use {path} ({source}): make it writable, or choose another folder with --home DIR"
    )]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A slot, held until dropped.
#[derive(Debug)]
pub struct SlotGuard {
    /// `role-source-N`, for example `camera-pattern-0`; the name that a
    /// [`lanlens_model::NodeId`] is made from.
    pub name: String,
    /// Higher than at every earlier start in this slot.
    pub epoch: Epoch,
    /// Dropping the file ends the lock.
    _held: File,
}

/// Takes the first free slot for `role` (`camera`, `viewer`) and `source` (`pattern`, a device
/// path, …) and counts its epoch up.
///
/// # Errors
/// See [`SlotError`].
pub fn take_slot(home: &Home, role: &str, source: &str) -> Result<SlotGuard, SlotError> {
    let stem = format!("{}-{}", word(role), word(source));
    for n in 0..SLOTS_MAX {
        let name = format!("{stem}-{n}");
        let path = home.slots().join(&name);
        match hold(&path) {
            Ok(Some((held, epoch))) => return Ok(SlotGuard { name, epoch, _held: held }),
            Ok(None) => {}
            Err(source) => return Err(SlotError::File { path, source }),
        }
    }
    Err(SlotError::Full)
}

/// The locked file and its new epoch; `None` if another program holds it.
fn hold(path: &std::path::Path) -> io::Result<Option<(File, Epoch)>> {
    let mut file = files::open_private(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let mut text = String::new();
    let read = (&mut file).take(64).read_to_string(&mut text);
    let epoch = match read.ok().and_then(|_| text.trim().parse::<u64>().ok()) {
        Some(last) => last.saturating_add(1),
        // New, or damaged: the clock is past any counter that ever started from it, so peers that
        // remember an earlier start still take this one for the newer.
        None => unix_s().max(1),
    };
    // Fixed width in one write: there is no moment with half a number in the file.
    file.rewind()?;
    file.write_all(format!("{epoch:020}\n").as_bytes())?;
    file.set_len(21)?;
    file.sync_data()?;
    Ok(Some((file, Epoch(epoch))))
}

/// `raw` in lower-case letters, digits and single hyphens; with a hash behind where that lost
/// something, so that different sources stay different.
fn word(raw: &str) -> String {
    let mut word = String::new();
    for c in raw.chars() {
        match c {
            'a'..='z' | '0'..='9' => word.push(c),
            _ if word.ends_with('-') => {}
            _ => word.push('-'),
        }
    }
    let mut word = word.trim_matches('-').to_owned();
    word.truncate(WORD_BYTES_MAX);
    if word == raw && !word.is_empty() {
        return word;
    }
    let digest = Sha256::digest(raw.as_bytes());
    let hash: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    if word.is_empty() { hash } else { format!("{word}-{hash}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        (dir, home)
    }

    #[test]
    fn programs_side_by_side_get_different_slots_and_a_restart_its_own_again() {
        let (_dir, home) = home();
        let first = take_slot(&home, "camera", "pattern").unwrap();
        let second = take_slot(&home, "camera", "pattern").unwrap();
        let viewer = take_slot(&home, "viewer", "screen").unwrap();
        assert_eq!(first.name, "camera-pattern-0");
        assert_eq!(second.name, "camera-pattern-1");
        assert_eq!(viewer.name, "viewer-screen-0");
        let epoch = first.epoch;
        drop(first);
        let again = take_slot(&home, "camera", "pattern").unwrap();
        assert_eq!(again.name, "camera-pattern-0");
        assert!(again.epoch > epoch);
    }

    #[test]
    fn a_lost_or_damaged_counter_never_goes_back() {
        let (_dir, home) = home();
        let epoch = take_slot(&home, "camera", "pattern").unwrap().epoch;
        let path = home.slots().join("camera-pattern-0");
        for content in [&b""[..], b"\0\0\0\0", b"\xff", b"-5"] {
            std::fs::write(&path, content).unwrap();
            let again = take_slot(&home, "camera", "pattern").unwrap().epoch;
            assert!(again >= epoch, "{content:?}");
        }
        std::fs::write(&path, u64::MAX.to_string()).unwrap();
        assert_eq!(take_slot(&home, "camera", "pattern").unwrap().epoch, Epoch(u64::MAX));
    }

    #[test]
    fn sources_that_look_alike_keep_their_own_slots() {
        let (_dir, home) = home();
        let sources =
            ["/dev/video0", "/dev/video-0", "dev-video0", "../../etc", "거실", "", "A", "a"];
        let names: std::collections::BTreeSet<String> =
            sources.iter().map(|s| take_slot(&home, "camera", s).unwrap().name).collect();
        assert_eq!(names.len(), sources.len(), "{names:?}");
        assert!(names.iter().all(|n| n.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')));
        assert!(names.iter().all(|name| name.ends_with("-0")), "{names:?}");
    }

    #[test]
    fn when_every_slot_is_held_it_says_so() {
        let (_dir, home) = home();
        let held: Vec<_> =
            (0..SLOTS_MAX).map(|_| take_slot(&home, "viewer", "screen").unwrap()).collect();
        assert!(matches!(take_slot(&home, "viewer", "screen"), Err(SlotError::Full)));
        drop(held);
    }
}
