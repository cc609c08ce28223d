//! Figures of a stream, measured where it is decoded.

use serde::Serialize;

use crate::{Layer, MediaKind};

/// Percentiles of a figure in milliseconds over `n` samples.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Percentiles {
    /// Median, ms.
    pub p50: f64,
    /// 95th percentile, ms.
    pub p95: f64,
    /// 99th percentile, ms.
    pub p99: f64,
    /// Samples.
    pub n: u64,
}

impl Percentiles {
    /// Nearest-rank percentiles of samples in ms; the order of `samples` is changed.
    /// `None` without samples.
    pub fn of(samples: &mut [f64]) -> Option<Self> {
        if samples.is_empty() {
            return None;
        }
        samples.sort_by(f64::total_cmp);
        let rank = |p: f64| {
            let index = (p * samples.len() as f64).ceil() as usize;
            samples[index.clamp(1, samples.len()) - 1]
        };
        Some(Self { p50: rank(0.50), p95: rank(0.95), p99: rank(0.99), n: samples.len() as u64 })
    }
}

/// One second of one received stream, with its totals.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct StreamStats {
    /// Video or audio.
    pub kind: MediaKind,
    /// Frames decoded in the last second.
    pub fps: f64,
    /// Total pictures decoded.
    pub frames_decoded: u64,
    /// Total access units that were not shown.
    pub frames_dropped: u64,
    /// Where they were dropped.
    pub dropped_in: DroppedIn,
    /// Total intervals between two different pictures of more than max(3δ, δ + 150 ms).
    pub freezes: u64,
    /// Total time in those intervals, ms.
    pub frozen_ms: u64,
    /// Total keyframes asked for.
    pub keyframe_requests: u64,
    /// Total RTP packets that never came.
    pub packets_lost: u64,
    /// Received in the last second, kbit/s.
    pub kbps: f64,
    /// The layer that the camera says it sends; the one asked for until it does.
    pub layer: Layer,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Capture to decoded picture, ms, over the last second; `None` while no clock relates the two.
    pub latency_ms: Option<Percentiles>,
    /// With test pictures that are measured: how far the capture time that travels with a picture is
    /// from the one burned into it, ms, over the last second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capture_error_ms: Option<Percentiles>,
    /// The same over the whole time that the camera was watched; for summaries.
    #[serde(skip)]
    pub latency_run_ms: Option<Percentiles>,
    /// Round trip on the link, ms.
    pub rtt_ms: Option<f64>,
}

/// Where access units were dropped, in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct DroppedIn {
    /// Never whole, or not decodable without one that was not.
    pub network: u64,
    /// The decoder was behind, or the unit waited for a keyframe there.
    pub queue: u64,
    /// The codec failed on them, or they broke a limit.
    pub decoder: u64,
}

/// One second of one encoding of a camera of this node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerStats {
    /// Which encoding.
    pub layer: Layer,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Produced in the last second, kbit/s.
    pub kbps: f64,
    /// Mean time to encode a picture in the last second, ms.
    pub encode_ms: f64,
    /// Total pictures that were not encoded: a newer one came first, or they were too many bits.
    pub frames_dropped: u64,
}

/// One second of a camera of this node. Nothing is captured or encoded while nobody watches.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CameraStats {
    /// Pictures captured in the last second.
    pub fps: f64,
    /// The encodings in use.
    pub layers: Vec<LayerStats>,
    /// Viewers that receive pictures, or would if their window showed them.
    pub viewers: usize,
    /// Total access units that found a viewer's queue full, or came before it could use one again.
    pub units_dropped: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank() {
        let mut samples: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let p = Percentiles::of(&mut samples).unwrap();
        assert_eq!((p.p50, p.p95, p.p99, p.n), (50.0, 95.0, 99.0, 100));
        assert_eq!(Percentiles::of(&mut []), None);
        assert_eq!(Percentiles::of(&mut [7.0]).unwrap().p99, 7.0);
    }
}
