//! What the fuzz targets share: how bytes become access units and steps of a stream.
//!
//! Inputs are close to what they stand for, so that a seed can be made of a real thing and a finding
//! can be read.

mod steps;

use std::time::Instant;

use bytes::Bytes;
use lanlens_media::{CaptureTime, EncodedUnit, h264};
use lanlens_model::{Layer, MediaKind};

pub use steps::{Packet, Step, Steps};

/// An access unit delimiter with its start code (ITU-T H.264 section 7.3.2.4).
pub const DELIMITER: [u8; 6] = [0, 0, 0, 1, 9, 0xF0];

/// The access units of a byte stream: each begins with a delimiter, the first also without.
pub fn access_units(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = stream;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        // Not the one that stands at the beginning.
        let next = rest.windows(4).skip(2).position(|bytes| bytes == [0, 0, 1, 9]);
        let (unit, after) = rest.split_at(next.map_or(rest.len(), |at| at + 2));
        rest = after;
        Some(unit)
    })
}

/// An access unit as it comes from the network.
pub fn encoded_unit(stream: &[u8]) -> EncodedUnit {
    EncodedUnit {
        kind: MediaKind::Video,
        layer: Layer::High,
        data: Bytes::copy_from_slice(stream),
        keyframe: h264::is_keyframe(stream),
        captured: CaptureTime { instant: Instant::now(), unix_us: 0 },
        media_time: 0,
    }
}
