//! `--hashes FILE`: a line for every received access unit, to compare what two viewers got.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use data_encoding::HEXLOWER;
use lanlens_node::UnitTap;
use sha2::{Digest, Sha256};

/// A tap that writes `CAMERA MEDIA_TIME SHA256` for every unit.
///
/// # Errors
/// When the file cannot be made.
pub(crate) fn write_to(path: &Path) -> Result<UnitTap> {
    let file = File::create(path)
        .with_context(|| format!("cannot write {}; choose another file", path.display()))?;
    let file = Mutex::new(file);
    Ok(Arc::new(move |camera, unit| {
        let hash = HEXLOWER.encode(&Sha256::digest(&unit.data));
        let line = format!("{camera} {} {hash}\n", unit.media_time);
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        // A full disk must not disturb what is watched.
        let _ = file.write_all(line.as_bytes());
    }))
}
