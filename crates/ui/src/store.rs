//! What a window remembers between runs: `ui.json` in the home folder.
//!
//! Losing it costs the order of tiles and the size of a window, so a damaged file is ignored with a
//! warning, and it is replaced atomically without waiting for the disk.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lanlens_model::{CameraId, limits};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The file's name in the home folder.
const FILE: &str = "ui.json";
/// A larger file is damaged: 200 ids are 9 kB.
const BYTES_MAX: u64 = 64 * 1024;
/// Changes are written this long after the first one, so that a flapping camera costs few writes.
const SETTLE: Duration = Duration::from_secs(2);
/// Windows are not opened smaller or larger than this, points.
const WINDOW_RANGE: std::ops::RangeInclusive<f32> = 320.0..=16_384.0;

/// The remembered things.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    /// Width and height inside, points.
    pub(crate) window: [f32; 2],
    /// The list at the side is open.
    pub(crate) sidebar: bool,
    /// Cameras in the order of their tiles, also those that are not there now.
    pub(crate) order: Vec<CameraId>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { window: [1440.0, 900.0], sidebar: true, order: Vec::new() }
    }
}

#[derive(Debug, Error)]
enum StoreError {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("it has more than {BYTES_MAX} bytes")]
    TooLarge,
}

/// The settings with their file.
#[derive(Debug)]
pub(crate) struct Store {
    path: Option<PathBuf>,
    saved: Settings,
    changed: Option<Instant>,
    pub(crate) settings: Settings,
}

impl Store {
    /// What the home folder remembers; defaults without a folder or a usable file.
    pub(crate) fn open(home: Option<&Path>) -> Self {
        let path = home.map(|home| home.join(FILE));
        let settings = path.as_deref().map_or_else(Settings::default, |path| {
            load(path).unwrap_or_else(|error| {
                tracing::warn!("{} is ignored: {error}", path.display());
                Settings::default()
            })
        });
        Self { path, saved: settings.clone(), changed: None, settings }
    }

    /// Writes changes that are old enough; the time until others are, `None` without any.
    pub(crate) fn settle(&mut self, now: Instant) -> Option<Duration> {
        if self.path.is_none() || self.settings == self.saved {
            self.changed = None;
            return None;
        }
        let since = now.saturating_duration_since(*self.changed.get_or_insert(now));
        if since < SETTLE {
            return Some(SETTLE - since);
        }
        self.save();
        None
    }

    /// Writes changes now.
    pub(crate) fn save(&mut self) {
        self.changed = None;
        if self.settings == self.saved {
            return;
        }
        // Also when it fails: the next change tries again, not every paint.
        self.saved = self.settings.clone();
        if let Some(path) = &self.path
            && let Err(error) = write(path, &self.settings)
        {
            tracing::warn!("{} was not written: {error}", path.display());
        }
    }
}

fn load(path: &Path) -> Result<Settings, StoreError> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Settings::default()),
        Err(error) => return Err(error.into()),
        Ok(about) if about.len() > BYTES_MAX => return Err(StoreError::TooLarge),
        Ok(_) => {}
    }
    let mut settings: Settings = serde_json::from_slice(&std::fs::read(path)?)?;
    settings.order.truncate(limits::CAMERAS_MAX);
    for side in &mut settings.window {
        *side = side.clamp(*WINDOW_RANGE.start(), *WINDOW_RANGE.end());
    }
    Ok(settings)
}

fn write(path: &Path, settings: &Settings) -> Result<(), StoreError> {
    // Several viewers may share a home: each writes its own file, the last rename wins whole.
    let temporary = path.with_extension(format!("json.{}", std::process::id()));
    let text = serde_json::to_vec_pretty(settings)?;
    let written = std::fs::write(&temporary, text).and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    Ok(written?)
}

#[cfg(test)]
mod tests {
    use lanlens_model::DeviceId;

    use super::*;

    fn camera(n: u8) -> CameraId {
        CameraId::new(DeviceId::from_bytes([n; 16]), "pattern")
    }

    #[test]
    fn what_was_changed_is_there_at_the_next_start() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(Some(home.path()));
        assert_eq!(store.settings, Settings::default());
        store.settings.sidebar = false;
        store.settings.order = vec![camera(2), camera(1)];
        store.save();
        assert_eq!(Store::open(Some(home.path())).settings, store.settings);
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1, "no temporary file stays");
    }

    #[test]
    fn a_damaged_file_is_ignored_and_replaced() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(FILE);
        for damaged in ["", "{\"order\": [\"not an id\"]}", "[]", "{\"window\": [1]}"] {
            std::fs::write(&file, damaged).unwrap();
            assert_eq!(Store::open(Some(home.path())).settings, Settings::default(), "{damaged}");
        }
        std::fs::write(&file, vec![b' '; BYTES_MAX as usize + 1]).unwrap();
        let mut store = Store::open(Some(home.path()));
        store.settings.sidebar = false;
        store.save();
        assert!(!Store::open(Some(home.path())).settings.sidebar);
    }

    #[test]
    fn a_file_of_a_later_version_is_read_as_far_as_it_is_known() {
        let home = tempfile::tempdir().unwrap();
        let text = "{\"sidebar\": false, \"theme\": \"sepia\", \"window\": [1, 1e9]}";
        std::fs::write(home.path().join(FILE), text).unwrap();
        let settings = Store::open(Some(home.path())).settings;
        assert!(!settings.sidebar);
        assert_eq!(settings.window, [320.0, 16_384.0]);
    }

    #[test]
    fn changes_are_written_once_they_have_settled() {
        let home = tempfile::tempdir().unwrap();
        let mut store = Store::open(Some(home.path()));
        let start = Instant::now();
        assert_eq!(store.settle(start), None);
        store.settings.sidebar = false;
        assert_eq!(store.settle(start), Some(SETTLE));
        assert!(!home.path().join(FILE).exists());
        assert_eq!(store.settle(start + SETTLE), None);
        assert!(home.path().join(FILE).exists());
    }
}
