//! One encoded access unit, shared by all who receive it.

use bytes::Bytes;
use lanlens_model::{Layer, MediaKind};

use crate::CaptureTime;

/// All NAL units of one picture, in Annex B byte stream format (ITU-T H.264 annex B, each NAL unit
/// behind a start code). A keyframe unit begins with SPS and PPS.
#[derive(Debug, Clone)]
pub struct EncodedUnit {
    /// Video or audio.
    pub kind: MediaKind,
    /// Which encoding of the source.
    pub layer: Layer,
    /// The byte stream; cloning shares it.
    pub data: Bytes,
    /// Decodable without any unit before it (an IDR picture with its parameter sets).
    pub keyframe: bool,
    /// When the picture was taken. On a receiver `unix_us` is still the *sender's* clock, as it came
    /// with the packets (0 while unknown), and `instant` is the arrival of the first packet.
    pub captured: CaptureTime,
    /// RTP media time, 90 kHz ticks (RFC 6184 section 5.1), wrapping.
    pub media_time: u32,
}
