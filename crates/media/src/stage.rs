//! The three stages that a media path is built from, as traits: hardware encoders, other cameras
//! and other decoders join by implementing one of them.

use std::sync::Arc;

use lanlens_model::VideoFormat;
use thiserror::Error;

use crate::{EncodedUnit, VideoFrame};

/// Why a source gave no picture.
#[derive(Debug, Error)]
pub enum SourceError {
    /// Another program uses the device.
    #[error("{device} is in use by another program; close it there")]
    Busy {
        /// The device.
        device: String,
    },
    /// There is no such camera or file.
    #[error("{0}")]
    NotFound(String),
    /// It stopped delivering: unplugged, or the driver failed.
    #[error("{0}")]
    Lost(String),
    /// What it delivers can't be used.
    #[error("{0}")]
    Unsupported(String),
}

impl SourceError {
    /// The same for whoever watches from elsewhere: nothing of this computer's files and devices.
    pub fn for_viewers(&self) -> &'static str {
        match self {
            SourceError::Busy { .. } => "another program on its computer uses it; close it there",
            SourceError::NotFound(_) => "it is not plugged in",
            SourceError::Lost(_) => "it stopped, or was unplugged",
            SourceError::Unsupported(_) => "what it delivers cannot be used; see its terminal",
        }
    }
}

/// Somewhere pictures come from. Lives on its own thread.
pub trait FrameSource: Send {
    /// Size and rate of what [`next_frame`](Self::next_frame) gives.
    fn format(&self) -> VideoFormat;

    /// Blocks until the next picture. Files and patterns pace themselves to their rate.
    /// Must return within about a second, so that a stop is obeyed.
    ///
    /// # Errors
    /// When no more pictures will come from this source; open it anew to try again.
    fn next_frame(&mut self) -> Result<Arc<VideoFrame>, SourceError>;
}

/// Why a picture could not be encoded.
#[derive(Debug, Error)]
#[error("the encoder failed: {0}")]
pub struct EncodeError(pub String);

/// Makes access units from pictures. Lives on its own thread.
pub trait Encoder: Send {
    /// Encodes one picture; `None` where rate control skipped it. A picture of another size than
    /// the one before starts a new sequence with a keyframe.
    ///
    /// # Errors
    /// When the codec refuses; the next picture may be tried again with `force_keyframe`.
    fn encode(
        &mut self,
        frame: &VideoFrame,
        force_keyframe: bool,
    ) -> Result<Option<EncodedUnit>, EncodeError>;

    /// Changes the target at once, kbit/s.
    fn set_bitrate(&mut self, kbps: u32);
}

/// Why an access unit gave no picture.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// References are missing: nothing decodes until the next keyframe.
    #[error("a keyframe is needed")]
    NeedKeyframe,
    /// The stream breaks a limit of `model::limits`.
    #[error("the stream was refused: {0}")]
    Refused(String),
}

/// Makes pictures from access units. Lives on a decoder thread.
pub trait Decoder: Send {
    /// Decodes one unit; `None` where it holds no picture.
    ///
    /// # Errors
    /// See [`DecodeError`]; the decoder stays usable from the next keyframe on.
    fn decode(&mut self, unit: &EncodedUnit) -> Result<Option<VideoFrame>, DecodeError>;
}
