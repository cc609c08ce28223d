//! One examination: look, then judge.

use std::net::SocketAddr;
use std::path::PathBuf;

use lanlens_identity::{HomeError, IdentityError, RunError, SlotError};
use lanlens_model::Finding;
use thiserror::Error;

use crate::progress::Progress;
use crate::{judge, probe};

/// What to examine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoctorConfig {
    /// Where this device's key is kept.
    pub home: PathBuf,
    /// The interfaces that Lanlens may use, by name; empty for all.
    pub interfaces: Vec<String>,
    /// Where cameras should be that are not found, or were once.
    pub peers: Vec<SocketAddr>,
    /// Whether cameras that this device may watch are watched for a moment.
    pub media: bool,
}

impl DoctorConfig {
    /// Everything, at every interface.
    pub fn new(home: PathBuf) -> Self {
        Self { home, interfaces: Vec::new(), peers: Vec::new(), media: true }
    }
}

/// Why nothing could be examined. Each says what to do.
#[derive(Debug, Error)]
pub enum ExamineError {
    /// The home folder.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The device's key.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The count of the home's running programs.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The place of this program in its home.
    #[error(transparent)]
    Slot(#[from] SlotError),
}

/// Looks at the network for about 2 to 6 seconds and says what is right and what is wrong, one
/// finding for each check in the order of [`lanlens_model::Check`].
///
/// Watches, for a moment, only cameras that this device may watch already: claims none, and asks
/// nobody for leave. Must be called inside a tokio runtime.
///
/// # Errors
/// See [`ExamineError`]: the home folder cannot be used. A broken network is no error but a finding.
pub async fn examine(
    config: &DoctorConfig,
    progress: Progress,
) -> Result<Vec<Finding>, ExamineError> {
    let seen = probe::observe(config, progress).await?;
    tracing::debug!(?seen, "observed");
    Ok(judge::judge(&seen))
}
