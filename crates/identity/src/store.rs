//! The lists of who may watch, shared by every program of a home.
//!
//! Owns `trust.json`. Every change reads the newest lists, changes them and puts them back under
//! one lock; readers need no lock because the file is replaced at once. What cannot be read or
//! written is an error, and never a permission: until it is mended, use [`TrustView::sealed`].

use std::io;
use std::path::PathBuf;

use lanlens_model::{DeviceId, TrustView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::{Home, files};

const VERSION: u32 = 1;
/// About ten thousand devices.
const STORE_BYTES_MAX: u64 = 1024 * 1024;
/// Devices kept in all lists together; one past it is refused, nothing is forgotten.
const DEVICES_MAX: usize = 4096;

/// Why the lists cannot be used. Each says what to do.
#[derive(Debug, Error)]
pub enum TrustError {
    /// The file cannot be read, written or locked.
    #[error("cannot use {path} ({source}): nobody else can watch until this is mended")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It does not hold the lists.
    #[error(
        "{path} is damaged ({reason}): restore it, or delete it to forget who may watch (the next \
         viewer that asks then owns the cameras)"
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
        "the trust lists hold {DEVICES_MAX} devices already: delete trust.json in the home folder to \
         empty them"
    )]
    Full,
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
    /// once, exactly one succeeds.
    ///
    /// # Errors
    /// See [`TrustError`]; nothing was claimed then.
    pub fn claim(&mut self, device: DeviceId, name: &str) -> Result<ClaimOutcome, TrustError> {
        let (view, claimed) = self.change(|view| view.claim(device, name))?;
        Ok(match claimed {
            true => ClaimOutcome::Claimed(view),
            false => ClaimOutcome::AlreadyOwned(view),
        })
    }

    /// Changes the lists under the lock. Gives the lists afterwards and what `edit` gave. The file
    /// is written only if something changed.
    ///
    /// # Errors
    /// See [`TrustError`]; nothing was changed then.
    pub fn change<T>(
        &mut self,
        edit: impl FnOnce(&mut TrustView) -> T,
    ) -> Result<(TrustView, T), TrustError> {
        let _lock = self.lock()?;
        let before = self.load()?;
        let mut view = before.clone();
        let outcome = edit(&mut view);
        if view != before {
            self.write(&view)?;
        }
        Ok((view, outcome))
    }

    /// The lists, if they could be changed now: takes the lock and writes the file as it is.
    ///
    /// # Errors
    /// See [`TrustError`].
    pub fn probe(&mut self) -> Result<TrustView, TrustError> {
        let _lock = self.lock()?;
        let view = self.load()?;
        self.write(&view)?;
        Ok(view)
    }

    /// Forgets everyone: the cameras are unclaimed again. Works on a damaged file too.
    ///
    /// # Errors
    /// [`TrustError::File`] when the file cannot be written.
    pub fn reset(&mut self) -> Result<TrustView, TrustError> {
        let _lock = self.lock()?;
        let view = TrustView::default();
        self.write(&view)?;
        Ok(view)
    }

    fn lock(&self) -> Result<std::fs::File, TrustError> {
        files::lock(&self.lock_path)
            .map_err(|source| TrustError::File { path: self.lock_path.clone(), source })
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

    fn write(&mut self, view: &TrustView) -> Result<(), TrustError> {
        if view.len() > DEVICES_MAX {
            return Err(TrustError::Full);
        }
        let stored = Stored { version: VERSION, trust: view.clone() };
        let file = |source| TrustError::File { path: self.path.clone(), source };
        let mut text = serde_json::to_string_pretty(&stored).map_err(|error| file(error.into()))?;
        text.push('\n');
        files::replace(&self.path, text.as_bytes()).map_err(file)?;
        self.seen = Seen::Content(Sha256::digest(text.as_bytes()).into());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanlens_model::{Access, AccessMode};

    fn home() -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        (dir, home)
    }

    fn device(n: u8) -> DeviceId {
        DeviceId::from_bytes([n; 16])
    }

    #[test]
    fn of_many_programs_that_claim_at_once_exactly_one_wins() {
        let (_dir, home) = home();
        let outcomes: Vec<_> = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..8)
                .map(|n| {
                    let home = &home;
                    scope.spawn(move || TrustStore::open(home).claim(device(n), "someone"))
                })
                .collect();
            tries.into_iter().map(|t| t.join().unwrap().unwrap()).collect()
        });
        let winners = outcomes.iter().filter(|o| matches!(o, ClaimOutcome::Claimed(_))).count();
        assert_eq!(winners, 1);
        assert_eq!(TrustStore::open(&home).load().unwrap().owners.len(), 1);
    }

    #[test]
    fn a_claim_survives_a_restart() {
        let (_dir, home) = home();
        TrustStore::open(&home).claim(device(1), "거실 \"TV\"").unwrap();
        let view = TrustStore::open(&home).load().unwrap();
        assert_eq!(view.owners[&device(1)], "거실 \"TV\"");
        assert_eq!(view.access_for(device(2), device(9), AccessMode::Ask), Access::Pending);
    }

    #[test]
    fn another_programs_change_is_noticed_once_and_the_own_one_is_not() {
        let (_dir, home) = home();
        let (mut camera, mut cli) = (TrustStore::open(&home), TrustStore::open(&home));
        camera.load().unwrap();
        assert!(camera.poll_changed().is_none());
        camera.claim(device(1), "Ann").unwrap();
        assert!(camera.poll_changed().is_none());
        cli.change(|view| view.deny(device(1), "")).unwrap();
        let view = camera.poll_changed().unwrap().unwrap();
        assert_eq!(view.access_for(device(1), device(9), AccessMode::Ask), Access::Denied);
        assert!(camera.poll_changed().is_none());
    }

    #[test]
    fn a_damaged_store_is_an_error_and_lets_nobody_claim() {
        let (dir, home) = home();
        let path = dir.path().join("trust.json");
        let mut store = TrustStore::open(&home);
        store.load().unwrap();
        for content in ["", "{}", "{\"version\":1}", "{\"version\":1,\"trust\":{}}", "\u{0}"] {
            std::fs::write(&path, content).unwrap();
            let polled = store.poll_changed().unwrap();
            assert!(matches!(polled, Err(TrustError::Damaged { .. })), "{content}");
            assert!(store.poll_changed().is_none());
            assert!(store.claim(device(1), "Eve").is_err());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
        std::fs::write(&path, "{\"version\":2,\"new\":true}").unwrap();
        assert!(matches!(store.load(), Err(TrustError::Newer { .. })));
        assert_eq!(store.reset().unwrap(), TrustView::default());
        assert!(matches!(store.claim(device(1), "Ann"), Ok(ClaimOutcome::Claimed(_))));
    }

    #[test]
    fn a_store_that_cannot_be_written_claims_nothing() {
        let (dir, home) = home();
        // A folder in the way of the new file fails for every user, root included.
        std::fs::create_dir(dir.path().join("trust.new")).unwrap();
        let mut store = TrustStore::open(&home);
        let error = store.claim(device(1), "Ann").unwrap_err();
        assert!(error.to_string().contains("nobody else can watch"), "{error}");
        assert!(!store.load().unwrap().claimed);
    }
}
