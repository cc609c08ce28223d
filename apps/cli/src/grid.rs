//! `--grid FILE.png`: the newest picture of every camera on one sheet.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use lanlens_model::CameraId;
use lanlens_node::{NodeHandle, VideoFrame};
use lanlens_record::{grid, write_rgba_png};

/// Pixels of one picture on the sheet.
const CELL: (u32, u32) = (640, 360);

/// The newest picture of each camera, kept because a slot is empty once it was looked at.
#[derive(Default)]
pub(crate) struct Newest {
    pictures: BTreeMap<CameraId, (String, Option<Arc<VideoFrame>>)>,
}

impl Newest {
    /// Takes what came since the last look.
    pub(crate) fn look(&mut self, node: &NodeHandle) {
        for (id, camera) in &node.snapshot().cameras {
            let entry = self.pictures.entry(*id).or_default();
            entry.0.clone_from(&camera.name);
            if let Some(frame) = node.slot(*id).and_then(|slot| slot.take()) {
                entry.1 = Some(frame);
            }
        }
    }

    /// Writes the sheet.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let cells: Vec<(&str, Option<Arc<VideoFrame>>)> =
            self.pictures.values().map(|(name, frame)| (name.as_str(), frame.clone())).collect();
        write_rgba_png(path, &grid(&cells, CELL))
            .with_context(|| format!("no picture was written to {}", path.display()))
    }
}
