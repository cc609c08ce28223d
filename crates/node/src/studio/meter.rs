//! Figures of this node's camera, second by second.

use std::time::{Duration, Instant};

use lanlens_model::{CameraStats, Layer, LayerStats};

use super::{LAYERS, index};
use crate::meter::round;

#[derive(Debug, Default)]
pub(super) struct StudioMeter {
    began: Option<Instant>,
    /// Pictures in this second.
    pub(super) captured: u32,
    layers: [LayerMeter; 2],
    /// In all, full queues of viewers.
    pub(super) units_dropped: u64,
}

#[derive(Debug, Default)]
pub(super) struct LayerMeter {
    encoded: u32,
    bytes: u64,
    time: Duration,
    size: (u32, u32),
    /// In all, pictures that were not encoded: a newer one came first, or rate control left them out.
    pub(super) skipped: u64,
}

impl LayerMeter {
    pub(super) fn on_unit(&mut self, bytes: u64, time: Duration, size: (u32, u32)) {
        self.encoded += 1;
        self.bytes += bytes;
        self.time += time;
        self.size = size;
    }
}

impl StudioMeter {
    pub(super) fn layer(&mut self, layer: Layer) -> &mut LayerMeter {
        &mut self.layers[index(layer)]
    }

    /// Ends a second.
    pub(super) fn tick(&mut self, now: Instant, viewers: usize, running: bool) -> CameraStats {
        let seconds = self.began.map_or(1.0, |began| (now - began).as_secs_f64()).max(0.001);
        self.began = Some(now);
        let captured = std::mem::take(&mut self.captured);
        let layers = LAYERS.into_iter().filter_map(|layer| {
            let meter = self.layer(layer);
            let (encoded, bytes) =
                (std::mem::take(&mut meter.encoded), std::mem::take(&mut meter.bytes));
            let time = std::mem::take(&mut meter.time);
            let (width, height) = meter.size;
            (running && encoded > 0).then(|| LayerStats {
                layer,
                width,
                height,
                kbps: (bytes as f64 * 0.008 / seconds).round(),
                encode_ms: round(time.as_secs_f64() * 1000.0 / f64::from(encoded)),
                frames_dropped: meter.skipped,
            })
        });
        let layers = layers.collect();
        let fps = round(f64::from(captured) / seconds);
        CameraStats { fps, layers, viewers, units_dropped: self.units_dropped }
    }
}
