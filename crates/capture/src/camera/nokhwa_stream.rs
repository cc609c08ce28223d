//! A running nokhwa camera, on every platform.
//!
//! nokhwa blocks for a picture without a timeout and hands out the whole buffer; see [`super::thread`]
//! for how the one is lived with, and [`super::convert`] for the other.

use std::borrow::Cow;

use lanlens_media::SourceError;
use nokhwa::utils::{CameraFormat, FrameFormat, Resolution};
use nokhwa::{Camera, NokhwaError};

use super::mode::{Mode, PixelFormat};
use super::thread::RawStream;

/// The formats to ask nokhwa for.
pub(super) const FORMATS: [FrameFormat; 3] =
    [FrameFormat::YUYV, FrameFormat::NV12, FrameFormat::MJPEG];

/// A camera with its stream open.
pub(super) struct NokhwaStream {
    camera: Camera,
    label: String,
}

impl NokhwaStream {
    /// Starts the stream of a camera whose format is set.
    pub(super) fn start(mut camera: Camera, label: &str) -> Result<Self, NokhwaError> {
        camera.open_stream()?;
        Ok(Self { camera, label: label.to_owned() })
    }
}

impl RawStream for NokhwaStream {
    fn next_buffer(&mut self) -> Result<Option<Cow<'_, [u8]>>, SourceError> {
        match self.camera.frame_raw() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) => Err(SourceError::Lost(format!("{} stopped: {error}", self.label))),
        }
    }
}

/// A mode in nokhwa's words; it knows whole rates only.
pub(super) fn to_nokhwa(mode: &Mode) -> CameraFormat {
    let format = match mode.pixels {
        PixelFormat::Yuyv => FrameFormat::YUYV,
        PixelFormat::Nv12 => FrameFormat::NV12,
        PixelFormat::Mjpeg => FrameFormat::MJPEG,
    };
    CameraFormat::new(Resolution::new(mode.width, mode.height), format, mode.rate.fps_rounded())
}
