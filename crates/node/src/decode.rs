//! The decoder pool: about one thread a core, each camera's units in order on one of them. A thread
//! starts with its first stream, so a node that watches nothing has none.
//!
//! ```text
//! subscriber ─▶ lane (bounded) ─▶ thread "decode-N" ─▶ screen ─▶ repaint, news of a picture
//! ```
//!
//! Streams come from strangers: what waits is bounded in units and bytes ([`lanes`]), what decoders
//! hold in macroblocks, in each case with a part for every stream that no other can take, and a
//! thread's time goes to the stream that has used least of it.

mod lanes;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lanlens_codec::H264Decoder;
use lanlens_media::{
    DecodeError, Decoder, EncodedUnit, SharedBudget, VideoFrame, burned_time, h264, now_unix_us,
};
use lanlens_model::CameraId;
use lanlens_model::limits::{
    DECODE_QUEUE_BYTES_OWN, DECODE_QUEUE_BYTES_SHARED, DECODER_MACROBLOCKS_OWN,
    DECODER_MACROBLOCKS_SHARED,
};

use crate::screens::{Clocks, Screen};

use lanes::{LaneId, Lanes, Put, Turn};

/// What happens around decoding, for every stream of a node.
pub(crate) struct Surroundings {
    pub(crate) clocks: Arc<Clocks>,
    pub(crate) measure_pattern: bool,
    pub(crate) decode: bool,
    pub(crate) repaint: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// Called by a stream, from decoder threads or whoever opens it or submits; none may block.
pub(crate) struct StreamCallbacks {
    /// A new picture, with its size in pixels.
    pub(crate) on_picture: Box<dyn Fn(u32, u32) + Send + Sync>,
    /// Nothing decodes until the next keyframe.
    pub(crate) on_keyframe_needed: Box<dyn Fn() + Send + Sync>,
    /// The stream is not decoded any further; in words, why. Called at most once.
    pub(crate) on_refused: Box<dyn Fn(String) + Send + Sync>,
}

/// One camera's way through the pool. It closes when dropped.
pub(crate) struct Stream {
    worker: Arc<Worker>,
    lane: LaneId,
    inner: Arc<Inner>,
}

/// What a stream's thread knows of it.
struct Inner {
    camera: CameraId,
    screen: Arc<Screen>,
    callbacks: StreamCallbacks,
    macroblocks: SharedBudget,
    /// Its last unit was refused, and no picture has come since.
    refused: AtomicBool,
    closed: AtomicBool,
    decoder: Mutex<Option<H264Decoder>>,
    size: Mutex<(u32, u32)>,
}

/// The pool; its threads end when it is dropped.
pub(crate) struct DecoderPool {
    workers: Vec<Arc<Worker>>,
    budgets: Budgets,
}

/// What all streams of a pool share beyond each one's own part.
#[derive(Clone)]
struct Budgets {
    macroblocks: SharedBudget,
    waiting_bytes: SharedBudget,
}

struct Worker {
    queue: Mutex<Queue>,
    filled: Condvar,
    surroundings: Arc<Surroundings>,
}

#[derive(Default)]
struct Queue {
    lanes: Lanes<Arc<Inner>>,
    /// Its thread runs.
    running: bool,
    closed: bool,
}

impl DecoderPool {
    /// A pool of one thread a core, at most eight.
    pub(crate) fn new(surroundings: Surroundings) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let budgets = Budgets {
            macroblocks: SharedBudget::new(DECODER_MACROBLOCKS_SHARED),
            waiting_bytes: SharedBudget::new(DECODE_QUEUE_BYTES_SHARED),
        };
        Self::of(surroundings, cores.clamp(1, 8), budgets)
    }

    fn of(surroundings: Surroundings, threads: usize, budgets: Budgets) -> Self {
        let surroundings = Arc::new(surroundings);
        let worker = || {
            let surroundings = Arc::clone(&surroundings);
            Arc::new(Worker { queue: Mutex::default(), filled: Condvar::new(), surroundings })
        };
        Self { workers: std::iter::repeat_with(worker).take(threads).collect(), budgets }
    }

    /// A new stream, whose units are decoded on the thread that has fewest.
    pub(crate) fn open(
        &self,
        camera: CameraId,
        screen: Arc<Screen>,
        callbacks: StreamCallbacks,
    ) -> Arc<Stream> {
        let inner = Arc::new(Inner {
            camera,
            screen,
            callbacks,
            macroblocks: self.budgets.macroblocks.clone(),
            refused: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            decoder: Mutex::new(None),
            size: Mutex::new((0, 0)),
        });
        let bytes = self.budgets.waiting_bytes.allowance(DECODE_QUEUE_BYTES_OWN);
        let (number, failed) = self.place();
        let worker = Arc::clone(&self.workers[number]);
        let lane = worker.lock().lanes.open(Arc::clone(&inner), bytes);
        let stream = Stream { worker, lane, inner };
        if let Some(error) = failed {
            stream.close();
            (stream.inner.callbacks.on_refused)(format!("cannot start a thread: {error}"));
        }
        Arc::new(stream)
    }

    /// The thread that has fewest streams, or why there is none. Not in turn: streams end in any order,
    /// and one thread would be left with all that last.
    fn place(&self) -> (usize, Option<std::io::Error>) {
        let streams = |number: &usize| self.workers[*number].lock().lanes.count();
        let runs = |number: &usize| self.workers[*number].lock().running;
        let all = 0..self.workers.len();
        let idlest = all.clone().min_by_key(streams).unwrap_or_default();
        let Err(error) = self.workers[idlest].ensure_running(idlest) else { return (idlest, None) };
        // Those that run do the work of those that cannot.
        match all.filter(runs).min_by_key(streams) {
            Some(number) => (number, None),
            None => (idlest, Some(error)),
        }
    }

    /// Queues a unit; never blocks. A stream that is behind drops to its next keyframe.
    pub(crate) fn submit(&self, stream: &Arc<Stream>, unit: EncodedUnit) {
        let put = stream.worker.lock().lanes.put(stream.lane, unit);
        if put == Put::Waits {
            return stream.worker.filled.notify_one();
        }
        stream.inner.screen.meter().on_dropped_in_queue();
        if put == Put::DroppedAlone {
            (stream.inner.callbacks.on_keyframe_needed)();
        }
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
    /// No unit of this stream is decoded or shown from now on, and others may have its place.
    pub(crate) fn close(&self) {
        self.inner.closed.store(true, Ordering::Relaxed);
        self.worker.lock().lanes.close(self.lane);
        // While a unit is being decoded, the thread does it.
        if let Ok(mut decoder) = self.inner.decoder.try_lock() {
            *decoder = None;
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.close();
    }
}

impl Inner {
    fn decoder(&self) -> MutexGuard<'_, Option<H264Decoder>> {
        self.decoder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    /// Starts the thread where that was not done before.
    fn ensure_running(self: &Arc<Self>, number: usize) -> std::io::Result<()> {
        let mut queue = self.lock();
        if !queue.running {
            let worker = Arc::clone(self);
            let thread = std::thread::Builder::new().name(format!("decode-{number}"));
            thread.spawn(move || worker.run())?;
            queue.running = true;
        }
        Ok(())
    }

    fn run(&self) {
        while let Some(Turn { lane, item: stream, unit, ask_keyframe }) = self.next_turn() {
            if ask_keyframe {
                (stream.callbacks.on_keyframe_needed)();
            }
            let began = Instant::now();
            // Pictures from the network must not take the other streams of this thread along.
            let work = std::panic::AssertUnwindSafe(|| self.handle(lane, &stream, &unit));
            if std::panic::catch_unwind(work).is_err() {
                tracing::error!(camera = %stream.camera, "decoding panicked");
                *stream.decoder() = None;
                self.give_up_until_keyframe(lane, &stream);
            }
            self.lock().lanes.charge(lane, began.elapsed());
            if stream.closed.load(Ordering::Relaxed) {
                *stream.decoder() = None;
            }
        }
    }

    fn handle(&self, lane: LaneId, stream: &Inner, unit: &EncodedUnit) {
        if self.surroundings.decode {
            self.decode(lane, stream, unit);
        } else {
            self.count(stream, unit);
        }
    }

    fn next_turn(&self) -> Option<Turn<Arc<Inner>>> {
        let mut queue = self
            .filled
            .wait_while(self.lock(), |queue| queue.lanes.is_idle() && !queue.closed)
            .unwrap_or_else(PoisonError::into_inner);
        if queue.closed { None } else { queue.lanes.take() }
    }

    fn decode(&self, lane: LaneId, stream: &Inner, unit: &EncodedUnit) {
        let decoded = match self.decoded(stream, unit) {
            Some(decoded) => decoded,
            None => return stream.screen.meter().on_dropped_in_decoder(),
        };
        match decoded {
            Ok(Some(_)) | Ok(None) if stream.closed.load(Ordering::Relaxed) => {}
            Ok(Some(frame)) => {
                stream.refused.store(false, Ordering::Relaxed);
                self.show(stream, unit, frame);
            }
            Ok(None) => {}
            Err(DecodeError::NeedKeyframe) => self.give_up_until_keyframe(lane, stream),
            Err(DecodeError::Refused(reason)) => self.refuse(lane, stream, reason),
        }
    }

    /// `None` if there is no decoder.
    fn decoded(
        &self,
        stream: &Inner,
        unit: &EncodedUnit,
    ) -> Option<Result<Option<VideoFrame>, DecodeError>> {
        let mut place = stream.decoder();
        if place.is_none() {
            let allowance = stream.macroblocks.allowance(DECODER_MACROBLOCKS_OWN);
            match H264Decoder::within(allowance) {
                Ok(decoder) => *place = Some(decoder),
                Err(error) => tracing::error!(%error, "no decoder"),
            }
        }
        place.as_mut().map(|decoder| decoder.decode(unit))
    }

    fn give_up_until_keyframe(&self, lane: LaneId, stream: &Inner) {
        stream.screen.meter().on_dropped_in_decoder();
        self.lock().lanes.need_keyframe(lane);
        (stream.callbacks.on_keyframe_needed)();
    }

    /// One refused unit may be an accident, which the next keyframe heals. Two without a picture
    /// between them are how this stream is.
    fn refuse(&self, lane: LaneId, stream: &Inner, reason: String) {
        if !stream.refused.swap(true, Ordering::Relaxed) {
            tracing::debug!(camera = %stream.camera, reason, "a unit was refused");
            return self.give_up_until_keyframe(lane, stream);
        }
        tracing::warn!(camera = %stream.camera, reason, "a stream was refused");
        stream.screen.meter().on_dropped_in_decoder();
        self.lock().lanes.close(lane);
        *stream.decoder() = None;
        if !stream.closed.swap(true, Ordering::Relaxed) {
            (stream.callbacks.on_refused)(reason);
        }
    }

    fn show(&self, stream: &Inner, unit: &EncodedUnit, frame: VideoFrame) {
        let now = now_unix_us();
        let captured = if self.surroundings.measure_pattern {
            let burned = burned_time::read(&frame, now);
            if let Some(burned) = burned {
                let error = Duration::from_micros(burned.abs_diff(unit.captured.unix_us));
                stream.screen.meter().on_capture_error(error);
            }
            burned
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
    fn count(&self, stream: &Inner, unit: &EncodedUnit) {
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

    fn age(&self, stream: &Inner, captured_us: u64, now_us: u64) -> Option<Duration> {
        self.surroundings.clocks.age(stream.camera.device(), captured_us, now_us)
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
