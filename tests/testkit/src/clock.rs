//! Wall clocks that jump under a running program, without touching the machine's own (libfaketime).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::program::Launch;

/// The clock of the programs that were started with it; clones are the same clock.
#[derive(Debug, Clone)]
pub struct WallClock {
    library: PathBuf,
    folder: Arc<TempDir>,
}

impl WallClock {
    /// One that is right until [`WallClock::set_off`]; `None` where libfaketime is not installed
    /// (Debian: `libfaketime`).
    ///
    /// # Errors
    /// When its file cannot be made.
    pub fn new() -> Result<Option<Self>> {
        let Some(library) = library() else { return Ok(None) };
        let folder = tempfile::Builder::new().prefix("lanlens-clock-").tempdir()?;
        let clock = Self { library, folder: Arc::new(folder) };
        clock.set_off(0)?;
        Ok(Some(clock))
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("offset")
    }

    /// Makes a program live by this clock. Only its wall clock (`CLOCK_REALTIME`) follows; the one
    /// that measures intervals goes on as always, as when a clock is set.
    pub fn give(&self, launch: Launch) -> Launch {
        launch
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", self.file())
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    }

    /// Sets it off the true time by so many seconds, from now on.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_off(&self, seconds: i64) -> Result<()> {
        // Renamed into place: a program may read it at any moment.
        let new = self.folder.path().join("new");
        fs::write(&new, format!("{seconds:+}\n"))?;
        fs::rename(new, self.file()).context("setting a clock")
    }
}

/// The library for programs with threads, in the folder of this machine's architecture.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    let at = |folder: &Path| folder.join("faketime/libfaketimeMT.so.1");
    folders.map(|folder| at(&folder)).find(|path| path.is_file())
}
