//! The lists of who may watch, shared by every program of a home.
//!
//! Owns `trust.json`. Every change reads the newest lists, changes them and puts them back under
//! one lock; readers need no lock because the file is replaced at once. What cannot be read or
//! written is an error, and never a permission: until it is mended, use [`TrustView::sealed`].

use std::io;
use std::path::{Path, PathBuf};

use lanlens_model::{DeviceId, Invitation, TrustChange, TrustView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::{Home, RandomError, files, random_bytes, unix_s};

/// 2 added who waits, the last claim, invitations and removals; 1 is read as having none.
const VERSION: u32 = 2;
/// Several times what full lists take with the longest names.
const STORE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Devices kept in all lists together; one past it is refused, nothing is forgotten.
const DEVICES_MAX: usize = 4096;

/// Why the lists cannot be used. Each says what to do.
#[derive(Debug, Error)]
pub enum TrustError {
    /// The file cannot be read, written or locked.
    #[error("cannot use {path} ({source}): make it readable and writable")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The lists stand as they were, and can be read.
    #[error("cannot change {path}, the disk is full: free some space")]
    DiskFull {
        /// The store's file.
        path: PathBuf,
    },
    /// It does not hold the lists.
    #[error(
        "{path} is damaged ({reason}): restore it from a backup, or run `lanlens trust reset` to \
         forget who may watch (the next viewer that asks then owns the cameras)"
    )]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Another program wrote it in a way this one does not know.
    #[error("{path} was written by a newer version of Lanlens: update this program")]
    Newer {
        /// The store's file.
        path: PathBuf,
    },
    /// The lists hold as many devices as they may.
    #[error(
        "the trust lists hold {DEVICES_MAX} devices already: run `lanlens trust reset` to empty them"
    )]
    Full,
    /// There is no chance to draw an invitation from.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// What came of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The device is now the owner; the lists as they are now.
    Claimed(TrustView),
    /// Somebody was first; the lists as they are.
    AlreadyOwned(TrustView),
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    trust: TrustView,
}

/// What the file was when last looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Never,
    Missing,
    Content([u8; 32]),
    Unreadable(io::ErrorKind),
}

/// The trust lists of one home. Each program (and each thread that needs it) opens its own.
#[derive(Debug)]
pub struct TrustStore {
    path: PathBuf,
    lock_path: PathBuf,
    seen: Seen,
}

impl TrustStore {
    /// The store of `home`. Nothing is read yet.
    pub fn open(home: &Home) -> Self {
        Self {
            path: home.file("trust.json"),
            lock_path: home.file("trust.lock"),
            seen: Seen::Never,
        }
    }

    /// The lists as they are now; empty ones if there is no file yet.
    ///
    /// # Errors
    /// See [`TrustError`]. Use [`TrustView::sealed`] then.
    pub fn load(&mut self) -> Result<TrustView, TrustError> {
        let content = self.look();
        self.parse(content)
    }

    /// The lists (or why they cannot be read), if the file has changed since this store last
    /// read or wrote it. Meant to be called every 250 ms: it reads one small file.
    pub fn poll_changed(&mut self) -> Option<Result<TrustView, TrustError>> {
        let before = self.seen.clone();
        let content = self.look();
        (self.seen != before).then(|| self.parse(content))
    }

    /// Makes `device` the owner if nobody has claimed this home's cameras: of several who try at
    /// once, exactly one succeeds. When it was is remembered with it, by this computer's clock.
    ///
    /// # Errors
    /// See [`TrustError`]; nothing was claimed then.
    pub fn claim(&mut self, device: DeviceId, name: &str) -> Result<ClaimOutcome, TrustError> {
        let (view, claimed) = self.change(|view| view.claim(device, name, unix_s()))?;
        Ok(match claimed {
            true => ClaimOutcome::Claimed(view),
            false => ClaimOutcome::AlreadyOwned(view),
        })
    }

    /// Makes one change, and gives the lists afterwards.
    ///
    /// # Errors
    /// See [`TrustError`]; nothing was changed then.
    pub fn apply(&mut self, change: &TrustChange) -> Result<TrustView, TrustError> {
        self.change(|view| view.apply(change)).map(|(view, ())| view)
    }

    /// This home's invitation, made now if there is none; with `renew`, a new one in any case, and
    /// the old one is worth nothing from now on. Of several programs that make the first one at
    /// once, one does and all get the same.
    ///
    /// # Errors
    /// See [`TrustError`]; the invitation is as it was then.
    pub fn invitation(&mut self, renew: bool) -> Result<Invitation, TrustError> {
        let fresh = Invitation::from_bytes(random_bytes()?);
        let (_, invitation) = self.change(|view| {
            let kept = view.invitation.take().filter(|_| !renew);
            view.invitation.insert(kept.unwrap_or(fresh)).clone()
        })?;
        Ok(invitation)
    }

    /// Changes the lists under the lock. Gives the lists afterwards and what `edit` gave. The file
    /// is written only if something changed, and then whoever has waited too long is left out.
    ///
    /// # Errors
    /// See [`TrustError`]; nothing was changed then.
    pub fn change<T>(
        &mut self,
        edit: impl FnOnce(&mut TrustView) -> T,
    ) -> Result<(TrustView, T), TrustError> {
        let changed = self.try_change(edit);
        if changed.is_err() {
            // What was read on the way was shown to nobody: the next poll tells it.
            self.seen = Seen::Never;
        }
        changed
    }

    fn try_change<T>(
        &mut self,
        edit: impl FnOnce(&mut TrustView) -> T,
    ) -> Result<(TrustView, T), TrustError> {
        let _lock = self.lock()?;
        let before = self.load()?;
        let mut view = before.clone();
        let outcome = edit(&mut view);
        if view != before {
            // Lists that somebody filled past the limit by hand may still be changed, not extended.
            if view.len() > DEVICES_MAX.max(before.len()) {
                return Err(TrustError::Full);
            }
            self.write(&mut view)?;
        }
        Ok((view, outcome))
    }

    /// The lists, if they could be changed now: takes the lock and writes the file as it is.
    ///
    /// # Errors
    /// See [`TrustError`].
    pub fn probe(&mut self) -> Result<TrustView, TrustError> {
        let _lock = self.lock()?;
        let mut view = self.load()?;
        self.write(&mut view)?;
        Ok(view)
    }

    /// Forgets everyone and every invitation: the cameras are unclaimed again. Works on a damaged
    /// file too, and on one of a newer version.
    ///
    /// # Errors
    /// [`TrustError::File`] or [`TrustError::DiskFull`] when the file cannot be written.
    pub fn reset(&mut self) -> Result<TrustView, TrustError> {
        let _lock = self.lock()?;
        let mut view = TrustView::default();
        self.write(&mut view)?;
        Ok(view)
    }

    fn lock(&self) -> Result<std::fs::File, TrustError> {
        files::lock(&self.lock_path).map_err(|source| cannot_change(&self.lock_path, source))
    }

    /// Reads the file and remembers what it was.
    fn look(&mut self) -> io::Result<Option<Vec<u8>>> {
        let content = files::read(&self.path, STORE_BYTES_MAX);
        self.seen = match &content {
            Ok(None) => Seen::Missing,
            Ok(Some(bytes)) => Seen::Content(Sha256::digest(bytes).into()),
            Err(error) => Seen::Unreadable(error.kind()),
        };
        content
    }

    fn parse(&self, content: io::Result<Option<Vec<u8>>>) -> Result<TrustView, TrustError> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let path = || self.path.clone();
        let damaged = |error: serde_json::Error| TrustError::Damaged {
            path: path(),
            reason: error.to_string(),
        };
        let bytes = match content.map_err(|source| TrustError::File { path: path(), source })? {
            None => return Ok(TrustView::default()),
            Some(bytes) => bytes,
        };
        let head: Head = serde_json::from_slice(&bytes).map_err(damaged)?;
        if head.version > VERSION {
            return Err(TrustError::Newer { path: path() });
        }
        let stored: Stored = serde_json::from_slice(&bytes).map_err(damaged)?;
        Ok(stored.trust)
    }

    /// Writes the lists, without those who have waited too long.
    fn write(&mut self, view: &mut TrustView) -> Result<(), TrustError> {
        let now_s = unix_s();
        view.waiting.retain(|waiting| waiting.until_s > now_s);
        let stored = Stored { version: VERSION, trust: view.clone() };
        let failed = |source| cannot_change(&self.path, source);
        let mut text = serde_json::to_string_pretty(&stored).map_err(|e| failed(e.into()))?;
        text.push('\n');
        // What could not be read again must not be written.
        if text.len() as u64 > STORE_BYTES_MAX {
            return Err(TrustError::Full);
        }
        files::replace(&self.path, text.as_bytes()).map_err(failed)?;
        self.seen = Seen::Content(Sha256::digest(text.as_bytes()).into());
        Ok(())
    }
}

/// What a failed change means to the user.
fn cannot_change(path: &Path, source: io::Error) -> TrustError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => TrustError::DiskFull { path },
        _ => TrustError::File { path, source },
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
