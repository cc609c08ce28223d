//! Real cameras.
//!
//! One thread per open camera dequeues, stamps and converts (`thread`); `next_frame` takes the
//! newest picture from a one-place slot, so a slow taker never sees an old one. How a camera is
//! found and opened is the platform's (`linux`, `elsewhere`); which of its modes to use
//! (`mode`) and how its bytes become I420 (`convert`) is the same everywhere.

#[doc(hidden)]
pub mod bench_support;
mod convert;
// Compiled for Linux tests too, so that it can't rot unseen.
#[cfg(any(not(target_os = "linux"), test))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod holder;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
mod linux_list;
mod mode;
mod nokhwa_stream;
mod thread;

use std::path::{Path, PathBuf};

use lanlens_media::SourceError;

use crate::Wish;
#[cfg(not(target_os = "linux"))]
use elsewhere as platform;
#[cfg(target_os = "linux")]
use linux as platform;

pub(crate) use thread::CameraSource;

/// A camera of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraDevice {
    /// Its place in the list: the `N` of `camera:N`.
    pub index: u32,
    /// What to open: `/dev/videoN` on Linux, `/dev/cameraN` as a stand-in elsewhere.
    pub path: PathBuf,
    /// What its maker calls it; not unique.
    pub name: String,
    /// Stays with the camera through restarts and replugging as well as the platform can tell: its
    /// udev name or USB port on Linux, the system's own id elsewhere.
    pub stable_id: String,
}

/// The real cameras of this machine, in a steady order. On Linux each device is opened for a moment
/// to see whether it delivers pictures.
pub fn cameras() -> Vec<CameraDevice> {
    platform::cameras()
}

/// The [`CameraDevice::stable_id`] of a device that need not be there at the moment.
pub(crate) fn stable_id(path: &Path) -> String {
    platform::stable_id(path)
}

/// Opens a camera and waits for its first picture.
pub(crate) fn open(path: &Path, wish: &Wish) -> Result<CameraSource, SourceError> {
    let (path, wish) = (path.to_owned(), *wish);
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    CameraSource::start(&name, move || platform::open(&path, &wish))
}
