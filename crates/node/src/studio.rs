//! This node's camera: captured and encoded once, and only while somebody watches.
//!
//! ```text
//! thread "capture": open source ─▶ next_frame ─▶ slot (newest wins)
//! thread "enc-high": slot ─▶ encoder ─▶ fan-out ─▶ every viewer's queue
//! ```
//!
//! The first viewer starts both threads, and the last one's leaving ends them and closes the
//! device. A device that is busy or gone is tried again every few seconds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lanlens_capture::open;
use lanlens_codec::{EncoderConfig, H264Encoder};
use lanlens_media::{EncodedUnit, Encoder, KeyframeGate, LatestSlot, VideoFrame};
use lanlens_model::limits::ENCODED_QUEUE_MAX;
use lanlens_model::{CameraStats, Layer, LayerStats, VideoFormat};
use tokio::sync::mpsc;

use crate::config::CameraConfig;
use crate::fanout::Fanout;
use crate::meter::round;

/// A busy or missing device is tried again after this.
const REOPEN_AFTER: Duration = Duration::from_secs(5);
/// Threads look this often whether they should end.
const STOP_CHECK: Duration = Duration::from_millis(100);

/// Told what a person should know: the device is busy, gone, …
pub(crate) type Complain = Arc<dyn Fn(String) + Send + Sync>;

/// The camera of this node. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Studio {
    shared: Arc<Shared>,
}

struct Shared {
    config: CameraConfig,
    seed: u64,
    complain: Complain,
    fanout: Fanout,
    gate: Mutex<KeyframeGate>,
    meter: Mutex<StudioMeter>,
    running: Mutex<Option<Running>>,
}

struct Running {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Running {
    /// Both threads work and were not told to stop. (One that has panicked counts as stopped.)
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed) && !self.threads.iter().any(JoinHandle::is_finished)
    }
}

#[derive(Default)]
struct StudioMeter {
    began: Option<Instant>,
    captured: u32,
    encoded: u32,
    bytes: u64,
    encode_time: Duration,
    size: (u32, u32),
}

/// One viewer's place. Its owner drops the queue's receiver before it; the last one to go ends the
/// capture.
pub(crate) struct Seat {
    studio: Studio,
    units: mpsc::Sender<Arc<EncodedUnit>>,
}

impl Studio {
    pub(crate) fn new(config: CameraConfig, seed: u64, complain: Complain) -> Self {
        let shared = Shared {
            config,
            seed,
            complain,
            fanout: Fanout::default(),
            gate: Mutex::default(),
            meter: Mutex::default(),
            running: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// A place for a viewer, and its queue. Nothing is captured for it before [`Seat::take`].
    pub(crate) fn reserve(&self) -> (Seat, mpsc::Receiver<Arc<EncodedUnit>>) {
        let (units, receiver) = mpsc::channel(ENCODED_QUEUE_MAX);
        (Seat { studio: self.clone(), units }, receiver)
    }

    /// Somebody needs a keyframe.
    pub(crate) fn request_keyframe(&self) {
        lock(&self.shared.gate).request();
    }

    /// Somebody can receive from now on: the next picture is a keyframe, even if one was made just
    /// before, because that one did not reach the newcomer.
    pub(crate) fn keyframe_for_newcomer(&self) {
        let mut gate = lock(&self.shared.gate);
        *gate = KeyframeGate::new();
        gate.request();
    }

    /// The figures since the last call.
    pub(crate) fn stats(&self) -> CameraStats {
        let viewers = self.shared.fanout.viewers();
        let meter = std::mem::take(&mut *lock(&self.shared.meter));
        let now = Instant::now();
        let mut next = lock(&self.shared.meter);
        next.began = Some(now);
        next.size = meter.size;
        drop(next);
        let seconds = meter.began.map_or(1.0, |began| (now - began).as_secs_f64()).max(0.001);
        let running = lock(&self.shared.running).is_some();
        let layer = LayerStats {
            layer: Layer::High,
            width: meter.size.0,
            height: meter.size.1,
            kbps: (meter.bytes as f64 * 0.008 / seconds).round(),
            encode_ms: round(
                meter.encode_time.as_secs_f64() * 1000.0 / f64::from(meter.encoded.max(1)),
            ),
        };
        CameraStats {
            fps: round(f64::from(meter.captured) / seconds),
            layers: if running && meter.encoded > 0 { vec![layer] } else { Vec::new() },
            viewers,
        }
    }

    /// Ends capture and encoding, without waiting for it.
    pub(crate) fn begin_stop(&self) {
        if let Some(running) = lock(&self.shared.running).as_ref() {
            running.stop.store(true, Ordering::Relaxed);
        }
    }

    /// Ends capture and encoding and waits for it: one picture's time, or as long as a device takes
    /// to close.
    pub(crate) fn stop(&self) {
        self.begin_stop();
        let running = lock(&self.shared.running).take();
        if let Some(running) = running {
            for thread in running.threads {
                if thread.join().is_err() {
                    tracing::error!("a media thread has panicked");
                }
            }
        }
    }
}

impl Seat {
    /// Fills the queue from now on; starts the camera for the first viewer.
    pub(crate) fn take(&self) {
        let shared = &self.studio.shared;
        shared.fanout.join(self.units.clone());
        shared.start();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let shared = &self.studio.shared;
        let mut running = lock(&shared.running);
        if shared.fanout.viewers() == 0
            && let Some(running) = running.as_mut()
        {
            running.stop.store(true, Ordering::Relaxed);
        }
    }
}

impl Shared {
    fn start(self: &Arc<Self>) {
        let mut running = lock(&self.running);
        if running.as_ref().is_some_and(Running::goes_on) {
            return;
        }
        // Threads that are still ending hold the device: the new ones wait for them first.
        let old = running.take().map(|running| {
            running.stop.store(true, Ordering::Relaxed);
            running.threads
        });
        let stop = Arc::new(AtomicBool::new(false));
        let slot = Arc::new(LatestSlot::new());
        let format = Arc::new(Mutex::new(None));
        let capture = {
            let (shared, stop, slot) = (Arc::clone(self), Arc::clone(&stop), Arc::clone(&slot));
            let format = Arc::clone(&format);
            move || {
                old.into_iter().flatten().for_each(|thread| drop(thread.join()));
                shared.capture(&stop, &slot, &format);
                slot.close();
            }
        };
        let encode = {
            let (shared, stop) = (Arc::clone(self), Arc::clone(&stop));
            move || shared.encode(&stop, &slot, &format)
        };
        let threads = [spawn("capture", capture), spawn("enc-high", encode)];
        let threads = threads.into_iter().filter_map(|thread| match thread {
            Ok(thread) => Some(thread),
            Err(error) => {
                (self.complain)(format!("cannot start a thread: {error}"));
                None
            }
        });
        *running = Some(Running { stop, threads: threads.collect() });
    }

    fn capture(
        &self,
        stop: &AtomicBool,
        slot: &LatestSlot<Arc<VideoFrame>>,
        format: &Mutex<Option<VideoFormat>>,
    ) {
        let mut told = None;
        while !stop.load(Ordering::Relaxed) {
            let error = match open(&self.config.source, &self.config.wish, self.seed) {
                Ok(mut source) => {
                    told = None;
                    *lock(format) = Some(source.format());
                    loop {
                        if stop.load(Ordering::Relaxed) {
                            return;
                        }
                        match source.next_frame() {
                            Ok(frame) => {
                                lock(&self.meter).captured += 1;
                                slot.put(frame);
                            }
                            Err(error) => break error.to_string(),
                        }
                    }
                }
                Err(error) => error.to_string(),
            };
            if told.as_ref() != Some(&error) {
                (self.complain)(format!(
                    "{error}; trying again every {} s",
                    REOPEN_AFTER.as_secs()
                ));
                told = Some(error);
            }
            let again = Instant::now() + REOPEN_AFTER;
            while Instant::now() < again && !stop.load(Ordering::Relaxed) {
                std::thread::sleep(STOP_CHECK);
            }
        }
    }

    fn encode(
        &self,
        stop: &AtomicBool,
        slot: &LatestSlot<Arc<VideoFrame>>,
        format: &Mutex<Option<VideoFormat>>,
    ) {
        let mut encoder: Option<(VideoFormat, H264Encoder)> = None;
        while !stop.load(Ordering::Relaxed) && !slot.is_closed() {
            let Some(frame) = slot.wait(STOP_CHECK) else { continue };
            let Some(format) = *lock(format) else { continue };
            if encoder.as_ref().is_none_or(|(made_for, _)| *made_for != format) {
                let kbps = self.config.bitrate_kbps.unwrap_or_else(|| fitting_kbps(format));
                let config =
                    EncoderConfig { layer: Layer::High, bitrate_kbps: kbps, fps: format.fps };
                encoder = Some((format, H264Encoder::new(config)));
            }
            if let Some((_, encoder)) = encoder.as_mut() {
                self.encode_one(encoder, &frame);
            }
        }
    }

    fn encode_one(&self, encoder: &mut H264Encoder, frame: &VideoFrame) {
        let begin = Instant::now();
        let force = lock(&self.gate).poll(begin);
        let unit = match encoder.encode(frame, force) {
            Ok(Some(unit)) => Arc::new(unit),
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "a picture was not encoded");
                return lock(&self.gate).request();
            }
        };
        if unit.keyframe && !force {
            lock(&self.gate).on_keyframe(begin);
        }
        if self.fanout.send(&unit) {
            lock(&self.gate).request();
        }
        let mut meter = lock(&self.meter);
        meter.encoded += 1;
        meter.bytes += unit.data.len() as u64;
        meter.encode_time += begin.elapsed();
        meter.size = (frame.width(), frame.height());
    }
}

/// About what a room looks good at: 2.5 Mbit/s for 720p30, less than in proportion for more.
fn fitting_kbps(format: VideoFormat) -> u32 {
    let pixels = f64::from(format.width) * f64::from(format.height) * f64::from(format.fps);
    let reference = 1280.0 * 720.0 * 30.0;
    (2500.0 * (pixels / reference).powf(0.75)).clamp(200.0, 12_000.0) as u32
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanlens_capture::{SourceSpec, Wish};
    use lanlens_model::AccessMode;

    fn studio(source: SourceSpec) -> (Studio, Arc<Mutex<Vec<String>>>) {
        let complaints = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&complaints);
        let config = CameraConfig {
            source,
            wish: Wish { size: Some((320, 180)), fps: Some(30) },
            bitrate_kbps: None,
            access: AccessMode::Open,
        };
        (Studio::new(config, 0, Arc::new(move |text| lock(&heard).push(text))), complaints)
    }

    fn thread_names() -> Vec<String> {
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let name = |task: std::io::Result<std::fs::DirEntry>| {
            std::fs::read_to_string(task.ok()?.path().join("comm")).ok()
        };
        tasks.filter_map(name).map(|name| name.trim().to_owned()).collect()
    }

    #[test]
    fn the_camera_runs_only_while_somebody_watches_and_starts_again() {
        let (studio, _) = studio(SourceSpec::Pattern);
        for _ in 0..2 {
            let [mut first, mut second] = [studio.reserve(), studio.reserve()];
            for (seat, units) in [&mut first, &mut second] {
                seat.take();
                studio.keyframe_for_newcomer();
                assert!(units.blocking_recv().unwrap().keyframe);
            }
            let ((seat, units), (other_seat, mut other_units)) = (first, second);
            drop(units);
            drop(seat);
            assert!(other_units.blocking_recv().is_some());
            drop(other_units);
            drop(other_seat);
            studio.stop();
            let names = thread_names();
            assert!(!names.iter().any(|name| name == "capture" || name == "enc-high"), "{names:?}");
        }
    }

    #[test]
    fn a_missing_device_is_told_once_and_a_stop_is_obeyed() {
        let (studio, complaints) = studio(SourceSpec::Device("/dev/video99".into()));
        let (seat, units) = studio.reserve();
        seat.take();
        while lock(&complaints).is_empty() {
            std::thread::yield_now();
        }
        drop(units);
        drop(seat);
        studio.stop();
        assert_eq!(lock(&complaints).len(), 1);
    }

    #[test]
    fn the_bitrate_fits_the_size() {
        let kbps = |width, height| fitting_kbps(VideoFormat { width, height, fps: 30 });
        assert_eq!(kbps(1280, 720), 2500);
        assert!((800..1000).contains(&kbps(640, 360)));
        assert!((4000..5000).contains(&kbps(1920, 1080)));
    }
}
