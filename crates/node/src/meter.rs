//! Figures of one received stream, second by second and over the whole time.

use std::time::{Duration, Instant};

use lanlens_model::{DroppedIn, Layer, MediaKind, Percentiles, StreamStats};

/// Latencies are counted in steps of this.
const STEP_MS: f64 = 0.1;
/// Latencies from here on are counted as this much (10 s: readers drop what is further off).
const STEPS: usize = 100_000;

/// How often each latency occurred: percentiles over hours in constant memory. Grows only as far as
/// the largest latency seen.
#[derive(Debug, Default)]
struct Histogram {
    counts: Vec<u32>,
    n: u64,
}

impl Histogram {
    fn add(&mut self, ms: f64) {
        let step = ((ms.max(0.0) / STEP_MS) as usize).min(STEPS - 1);
        if step >= self.counts.len() {
            self.counts.resize(step + 1, 0);
        }
        self.counts[step] = self.counts[step].saturating_add(1);
        self.n += 1;
    }

    fn percentiles(&self) -> Option<Percentiles> {
        if self.n == 0 {
            return None;
        }
        let rank = |share: f64| {
            let wanted = (share * self.n as f64).ceil().max(1.0) as u64;
            let mut seen = 0;
            let step = self.counts.iter().position(|count| {
                seen += u64::from(*count);
                seen >= wanted
            });
            (step.unwrap_or(0) as f64 + 0.5) * STEP_MS
        };
        Some(Percentiles { p50: rank(0.50), p95: rank(0.95), p99: rank(0.99), n: self.n })
    }
}

/// What the network side of a session counted so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Received {
    pub(crate) bytes: u64,
    pub(crate) units_dropped: u64,
    pub(crate) packets_lost: u64,
    pub(crate) keyframe_requests: u64,
}

/// The meter of one camera; it lives on when its session is replaced.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    width: u32,
    height: u32,
    decoded: u64,
    dropped: DroppedIn,
    second: Second,
    run: Histogram,
    /// Totals of ended sessions.
    past: Received,
    present: Received,
}

#[derive(Debug, Default)]
struct Second {
    began: Option<Instant>,
    frames: u32,
    bytes_before: u64,
    latencies_ms: Vec<f64>,
    capture_errors_ms: Vec<f64>,
}

impl Meter {
    /// A new picture, and its age if that is known.
    pub(crate) fn on_picture(&mut self, width: u32, height: u32, latency: Option<Duration>) {
        (self.width, self.height) = (width, height);
        self.decoded += 1;
        self.second.frames += 1;
        if let Some(latency) = latency {
            let ms = latency.as_secs_f64() * 1000.0;
            // A thousand a second is more than any camera gives; the bound is for broken ones.
            if self.second.latencies_ms.len() < 1000 {
                self.second.latencies_ms.push(ms);
            }
            self.run.add(ms);
        }
    }

    /// How far a picture's capture time is from the one burned into it.
    pub(crate) fn on_capture_error(&mut self, error: Duration) {
        if self.second.capture_errors_ms.len() < 1000 {
            self.second.capture_errors_ms.push(error.as_secs_f64() * 1000.0);
        }
    }

    /// A unit was dropped before the decoder.
    pub(crate) fn on_dropped_in_queue(&mut self) {
        self.dropped.queue += 1;
    }

    /// A unit gave no picture.
    pub(crate) fn on_dropped_in_decoder(&mut self) {
        self.dropped.decoder += 1;
    }

    /// The present session ended: its totals are kept.
    pub(crate) fn on_session_end(&mut self) {
        let present = std::mem::take(&mut self.present);
        self.past.bytes += present.bytes;
        self.past.units_dropped += present.units_dropped;
        self.past.packets_lost += present.packets_lost;
        self.past.keyframe_requests += present.keyframe_requests;
    }

    /// Ends a second. `freezes` are filled in by the mesh, which knows the rhythm.
    pub(crate) fn tick(
        &mut self,
        now: Instant,
        received: Received,
        layer: Layer,
        rtt: Option<Duration>,
    ) -> StreamStats {
        self.present = received;
        let bytes = self.past.bytes + received.bytes;
        let mut second = std::mem::take(&mut self.second);
        let seconds = second.began.map_or(1.0, |began| (now - began).as_secs_f64()).max(0.001);
        self.second.began = Some(now);
        self.second.bytes_before = bytes;
        let network = self.past.units_dropped + received.units_dropped;
        let dropped_in = DroppedIn { network, ..self.dropped };
        StreamStats {
            kind: MediaKind::Video,
            fps: round(f64::from(second.frames) / seconds),
            frames_decoded: self.decoded,
            frames_dropped: dropped_in.network + dropped_in.queue + dropped_in.decoder,
            dropped_in,
            freezes: 0,
            frozen_ms: 0,
            keyframe_requests: self.past.keyframe_requests + received.keyframe_requests,
            packets_lost: self.past.packets_lost + received.packets_lost,
            kbps: round(bytes.saturating_sub(second.bytes_before) as f64 * 0.008 / seconds),
            layer,
            width: self.width,
            height: self.height,
            latency_ms: Percentiles::of(&mut second.latencies_ms).map(rounded),
            capture_error_ms: Percentiles::of(&mut second.capture_errors_ms).map(rounded),
            latency_run_ms: self.run.percentiles().map(rounded),
            rtt_ms: rtt.map(|rtt| (rtt.as_secs_f64() * 1e6).round() / 1000.0),
        }
    }
}

fn rounded(p: Percentiles) -> Percentiles {
    Percentiles { p50: round(p.p50), p95: round(p.p95), p99: round(p.p99), n: p.n }
}

/// Two decimals: nobody measures finer here.
pub(crate) fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(bytes: u64) -> Received {
        Received { bytes, packets_lost: 1, ..Received::default() }
    }

    #[test]
    fn a_second_has_its_own_rate_and_the_totals_go_on() {
        let (mut meter, start) = (Meter::default(), Instant::now());
        meter.tick(start, received(0), Layer::High, None);
        for _ in 0..30 {
            meter.on_picture(640, 360, Some(Duration::from_millis(5)));
        }
        let stats =
            meter.tick(start + Duration::from_secs(1), received(125_000), Layer::High, None);
        assert_eq!((stats.fps, stats.kbps, stats.frames_decoded), (30.0, 1000.0, 30));
        assert_eq!(stats.latency_ms.map(|l| (l.p50, l.n)), Some((5.0, 30)));
        let next = meter.tick(start + Duration::from_secs(2), received(125_000), Layer::High, None);
        assert_eq!((next.fps, next.kbps, next.frames_decoded), (0.0, 0.0, 30));
        assert_eq!(next.latency_ms, None);
        assert!(next.latency_run_ms.is_some_and(|l| (l.p50 - 5.0).abs() < 0.11 && l.n == 30));
    }

    #[test]
    fn totals_survive_a_new_session() {
        let (mut meter, start) = (Meter::default(), Instant::now());
        meter.tick(start, received(1000), Layer::High, None);
        meter.on_session_end();
        let stats = meter.tick(start + Duration::from_secs(1), received(500), Layer::High, None);
        assert_eq!((stats.packets_lost, stats.kbps), (2, 4.0));
    }

    #[test]
    fn a_histogram_agrees_with_sorting() {
        let mut histogram = Histogram::default();
        let mut samples: Vec<f64> = (0..1000).map(|n| f64::from(n * n % 997) / 3.0).collect();
        samples.iter().for_each(|ms| histogram.add(*ms));
        let (a, b) = (histogram.percentiles().unwrap(), Percentiles::of(&mut samples).unwrap());
        for (a, b) in [(a.p50, b.p50), (a.p95, b.p95), (a.p99, b.p99)] {
            assert!((a - b).abs() <= STEP_MS, "{a} {b}");
        }
        histogram.add(f64::INFINITY);
        assert!(histogram.counts.len() <= STEPS);
    }
}
