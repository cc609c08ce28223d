//! The decoder pool: about one thread a core, each camera's units in order on one of them.
//!
//! ```text
//! subscriber ─▶ Stream (bounded) ─▶ thread "decode-N" ─▶ screen ─▶ repaint, SessionInput::Frame
//! ```

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lanlens_codec::H264Decoder;
use lanlens_media::{
    DecodeError, Decoder, EncodedUnit, VideoFrame, burned_time, h264, now_unix_us,
};
use lanlens_model::CameraId;
use lanlens_model::limits::DECODE_QUEUE_MAX;

use crate::screens::{Clocks, Screen};

/// What happens around decoding, for every stream of a node.
pub(crate) struct Surroundings {
    pub(crate) clocks: Arc<Clocks>,
    pub(crate) measure_pattern: bool,
    pub(crate) decode: bool,
    pub(crate) repaint: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// Called by a stream, from decoder threads; neither may block.
pub(crate) struct StreamCallbacks {
    /// A new picture, with its size in pixels.
    pub(crate) on_picture: Box<dyn Fn(u32, u32) + Send + Sync>,
    /// Nothing decodes until the next keyframe.
    pub(crate) on_keyframe_needed: Box<dyn Fn() + Send + Sync>,
}

/// One camera's way through the pool.
pub(crate) struct Stream {
    camera: CameraId,
    worker: usize,
    screen: Arc<Screen>,
    callbacks: StreamCallbacks,
    waiting: AtomicUsize,
    needs_keyframe: AtomicBool,
    ask_when_drained: AtomicBool,
    closed: AtomicBool,
    decoder: Mutex<Option<H264Decoder>>,
    size: Mutex<(u32, u32)>,
}

/// The pool; its threads end when it is dropped.
pub(crate) struct DecoderPool {
    workers: Vec<Arc<Worker>>,
    next: AtomicUsize,
}

struct Worker {
    queue: Mutex<Queue>,
    filled: Condvar,
    surroundings: Arc<Surroundings>,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<(Arc<Stream>, EncodedUnit)>,
    closed: bool,
}

impl DecoderPool {
    /// Starts one thread a core, at most eight.
    pub(crate) fn start(surroundings: Surroundings) -> std::io::Result<Self> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let surroundings = Arc::new(surroundings);
        let mut workers = Vec::new();
        for number in 0..cores.clamp(1, 8) {
            let worker = Arc::new(Worker {
                queue: Mutex::default(),
                filled: Condvar::new(),
                surroundings: Arc::clone(&surroundings),
            });
            workers.push(Arc::clone(&worker));
            std::thread::Builder::new()
                .name(format!("decode-{number}"))
                .spawn(move || worker.run())?;
        }
        Ok(Self { workers, next: AtomicUsize::new(0) })
    }

    /// A new stream, whose units are decoded on one of the threads.
    pub(crate) fn open(
        &self,
        camera: CameraId,
        screen: Arc<Screen>,
        callbacks: StreamCallbacks,
    ) -> Arc<Stream> {
        Arc::new(Stream {
            camera,
            worker: self.next.fetch_add(1, Ordering::Relaxed) % self.workers.len(),
            screen,
            callbacks,
            waiting: AtomicUsize::new(0),
            needs_keyframe: AtomicBool::new(true),
            ask_when_drained: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            decoder: Mutex::new(None),
            size: Mutex::new((0, 0)),
        })
    }

    /// Queues a unit; never blocks. A stream that is behind drops to its next keyframe.
    pub(crate) fn submit(&self, stream: &Arc<Stream>, unit: EncodedUnit) {
        if stream.needs_keyframe.load(Ordering::Relaxed) {
            if !unit.keyframe {
                return stream.screen.meter().on_dropped(1);
            }
            stream.needs_keyframe.store(false, Ordering::Relaxed);
        }
        if stream.waiting.fetch_add(1, Ordering::Relaxed) >= DECODE_QUEUE_MAX {
            stream.waiting.fetch_sub(1, Ordering::Relaxed);
            // A keyframe is asked for when there is room for it: see `Stream::on_taken`.
            stream.needs_keyframe.store(true, Ordering::Relaxed);
            stream.ask_when_drained.store(true, Ordering::Relaxed);
            return stream.screen.meter().on_dropped(1);
        }
        let worker = &self.workers[stream.worker];
        worker.lock().jobs.push_back((Arc::clone(stream), unit));
        worker.filled.notify_one();
    }
}

impl Drop for DecoderPool {
    fn drop(&mut self) {
        for worker in &self.workers {
            worker.lock().closed = true;
            worker.filled.notify_one();
        }
    }
}

impl Stream {
    /// No unit of this stream is decoded or shown from now on.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    /// One of the waiting units is being decoded.
    fn on_taken(&self) {
        let last = self.waiting.fetch_sub(1, Ordering::Relaxed) == 1;
        if last && self.ask_when_drained.swap(false, Ordering::Relaxed) {
            (self.callbacks.on_keyframe_needed)();
        }
    }

    fn give_up_until_keyframe(&self) {
        self.screen.meter().on_dropped(1);
        self.needs_keyframe.store(true, Ordering::Relaxed);
        (self.callbacks.on_keyframe_needed)();
    }
}

impl Worker {
    fn run(&self) {
        while let Some((stream, unit)) = self.next_job() {
            stream.on_taken();
            if stream.closed.load(Ordering::Relaxed) {
                continue;
            }
            // Pictures from the network must not take the other streams of this thread along.
            let work = std::panic::AssertUnwindSafe(|| self.handle(&stream, &unit));
            if std::panic::catch_unwind(work).is_err() {
                tracing::error!(camera = %stream.camera, "decoding panicked");
                *stream.decoder.lock().unwrap_or_else(PoisonError::into_inner) = None;
                stream.give_up_until_keyframe();
            }
        }
    }

    fn handle(&self, stream: &Stream, unit: &EncodedUnit) {
        if self.surroundings.decode {
            self.decode(stream, unit);
        } else {
            self.count(stream, unit);
        }
    }

    fn next_job(&self) -> Option<(Arc<Stream>, EncodedUnit)> {
        let mut queue = self
            .filled
            .wait_while(self.lock(), |queue| queue.jobs.is_empty() && !queue.closed)
            .unwrap_or_else(PoisonError::into_inner);
        if queue.closed { None } else { queue.jobs.pop_front() }
    }

    fn decode(&self, stream: &Stream, unit: &EncodedUnit) {
        let mut place = stream.decoder.lock().unwrap_or_else(PoisonError::into_inner);
        if place.is_none() {
            match H264Decoder::new() {
                Ok(decoder) => *place = Some(decoder),
                Err(error) => {
                    tracing::error!(%error, "no decoder");
                    return stream.screen.meter().on_dropped(1);
                }
            }
        }
        let Some(decoder) = place.as_mut() else { return };
        match decoder.decode(unit) {
            Ok(Some(frame)) => self.show(stream, unit, frame),
            Ok(None) => {}
            Err(DecodeError::NeedKeyframe) => stream.give_up_until_keyframe(),
            Err(DecodeError::Refused(reason)) => {
                tracing::warn!(camera = %stream.camera, reason, "a unit was refused");
                stream.give_up_until_keyframe();
            }
        }
    }

    fn show(&self, stream: &Stream, unit: &EncodedUnit, frame: VideoFrame) {
        let now = now_unix_us();
        let captured = if self.surroundings.measure_pattern {
            burned_time::read(&frame, now)
        } else {
            Some(unit.captured.unix_us)
        };
        let (width, height) = (frame.width(), frame.height());
        let latency = captured.and_then(|captured| self.age(stream, captured, now));
        stream.screen.meter().on_picture(width, height, latency);
        stream.screen.slot.put(Arc::new(frame));
        (stream.callbacks.on_picture)(width, height);
        if let Some(repaint) = &self.surroundings.repaint {
            repaint();
        }
    }

    /// Without decoding, a unit that is whole stands for its picture.
    fn count(&self, stream: &Stream, unit: &EncodedUnit) {
        let mut size = stream.size.lock().unwrap_or_else(PoisonError::into_inner);
        if unit.keyframe
            && let Some(sps) =
                h264::parameter_sets(&unit.data).find_map(|set| h264::Sps::parse(set).ok())
        {
            *size = (sps.width, sps.height);
        }
        let (width, height) = *size;
        let latency = self.age(stream, unit.captured.unix_us, now_unix_us());
        stream.screen.meter().on_picture(width, height, latency);
        (stream.callbacks.on_picture)(width, height);
    }

    fn age(&self, stream: &Stream, captured_us: u64, now_us: u64) -> Option<Duration> {
        self.surroundings.clocks.age(stream.camera.device(), captured_us, now_us)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
