//! This node's camera: captured once, encoded once a layer, and only while somebody watches.
//!
//! ```text
//! thread "capture": open source ─▶ next_frame ─▶ a slot a layer (newest wins)
//! thread "enc-high", "enc-low": slot ─▶ encoder ─▶ fan-out ─▶ every viewer's queue
//! relay ─▶ fan-out; thread "relay-low": decoder ─▶ encoder ─▶ fan-out (where others film: `relayed`)
//! ```
//!
//! The first viewer of a layer starts its encoder, and the last one's leaving ends it; with no
//! viewer left the device is closed. A device that is busy or gone is tried again every few seconds.

mod encoding;
mod fanout;
mod low_queue;
mod meter;
mod rate;
mod relayed;
#[cfg(test)]
mod relayed_tests;
#[cfg(test)]
mod tests;
mod transcode;

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lanlens_capture::open;
use lanlens_media::layers::{low_halvings, low_size};
use lanlens_media::{EncodedUnit, KeyframeGate, LatestSlot, SourceError, VideoFrame};
use lanlens_model::limits::ENCODED_QUEUE_MAX;
use lanlens_model::{CameraStats, Layer, VideoFormat};
use tokio::sync::{mpsc, watch};

use crate::config::{CameraConfig, PictureSource};
use crate::relay::Intake;
use fanout::{Fanout, Inlet, ViewerId, Want};
use meter::StudioMeter;
use rate::{Ceilings, RateControl};
use relayed::Relayed;
pub(crate) use relayed::SILENCE;

/// A busy or missing device is tried again after this.
const REOPEN_AFTER: Duration = Duration::from_secs(5);
/// A source that neither gives a picture nor fails for this long hangs. (Cameras of this computer are
/// given up after five seconds, with a better word for it.)
const SILENCE_MAX: Duration = Duration::from_secs(6);
/// Threads look this often whether they should end.
const STOP_CHECK: Duration = Duration::from_millis(100);

const LAYERS: [Layer; 2] = [Layer::High, Layer::Low];

/// What keeps the camera from giving pictures: its device is busy, gone, …
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// For the camera's own terminal.
    pub(crate) here: String,
    /// For those who watch.
    pub(crate) for_viewers: Cow<'static, str>,
}

impl Trouble {
    fn of(error: &SourceError) -> Self {
        let every = REOPEN_AFTER.as_secs();
        let here = format!("{error}; trying again every {every} s");
        Self { here, for_viewers: error.for_viewers().into() }
    }

    /// Of a source whose driver does not come back.
    fn of_silence() -> Self {
        let silent = SILENCE_MAX.as_secs();
        let here = format!(
            "the camera has given neither a picture nor an error for {silent} s; unplug it and plug it in \
             again, or look at what feeds it"
        );
        Self {
            here,
            for_viewers: "its device hangs and gives no pictures; plug it in again".into(),
        }
    }
}

/// Told of trouble, and that there is none any more.
pub(crate) type TellTrouble = Arc<dyn Fn(Option<Trouble>) + Send + Sync>;

/// The camera of this node. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Studio {
    shared: Arc<Shared>,
}

struct Shared {
    config: CameraConfig,
    seed: u64,
    tell_trouble: TellTrouble,
    /// What was told last, until the camera gave pictures again.
    trouble: Mutex<Option<Trouble>>,
    /// It is being stopped: nothing is opened meanwhile.
    ending: AtomicBool,
    fanout: Fanout,
    rates: Mutex<RateControl>,
    gates: [Mutex<KeyframeGate>; 2],
    meter: Mutex<StudioMeter>,
    /// Of a camera whose pictures come encoded; it is never opened.
    relayed: Option<Relayed>,
    running: Mutex<Option<Running>>,
    last_viewer: AtomicU64,
}

/// One opening of the camera.
struct Running {
    run: Run,
    capture: Option<JoinHandle<()>>,
    encoders: [Option<JoinHandle<()>>; 2],
    /// Encoders that nobody needed any more: they end by themselves.
    ended: Vec<JoinHandle<()>>,
}

/// What the threads of one opening share.
#[derive(Clone)]
struct Run {
    stop: Arc<AtomicBool>,
    slots: [Arc<LatestSlot<Arc<VideoFrame>>>; 2],
    format: Arc<Mutex<Option<VideoFormat>>>,
    /// Since when a picture of the source is awaited; `None` while it is to be opened again.
    awaited: Arc<Mutex<Option<Instant>>>,
}

impl Run {
    fn await_picture(&self) {
        *lock(&self.awaited) = Some(Instant::now());
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

impl Running {
    /// It works and was not told to stop. (A thread that has panicked counts as stopped.)
    fn goes_on(&self) -> bool {
        !self.run.stops() && self.capture.as_ref().is_some_and(|thread| !thread.is_finished())
    }

    fn into_threads(self) -> impl Iterator<Item = JoinHandle<()>> {
        self.capture.into_iter().chain(self.encoders.into_iter().flatten()).chain(self.ended)
    }
}

/// One viewer's place. Its owner drops the queue's receiver before it; the last one to go ends the
/// capture.
pub(crate) struct Seat {
    studio: Studio,
    id: ViewerId,
    inlet: Mutex<Option<Inlet>>,
}

/// What a viewer's session takes from its place.
pub(crate) struct Outlet {
    pub(crate) units: mpsc::Receiver<Arc<EncodedUnit>>,
    /// The layer that lies in the queue since its last keyframe of another one.
    pub(crate) layer: watch::Receiver<Option<Layer>>,
}

impl Studio {
    pub(crate) fn new(config: CameraConfig, seed: u64, tell_trouble: TellTrouble) -> Self {
        // Corrected as soon as the source says what it gives.
        let format = VideoFormat { width: 1280, height: 720, fps: 30 };
        let ceilings = ceilings(format, config.bitrate_kbps);
        let relayed = match &config.source {
            PictureSource::Relay { relay, .. } => Some(Relayed::new(relay.clone())),
            PictureSource::Device(_) => None,
        };
        let shared = Arc::new(Shared {
            config,
            seed,
            tell_trouble,
            trouble: Mutex::default(),
            ending: AtomicBool::new(false),
            fanout: Fanout::default(),
            rates: Mutex::new(RateControl::new(ceilings)),
            gates: Default::default(),
            meter: Mutex::default(),
            relayed,
            running: Mutex::default(),
            last_viewer: AtomicU64::new(0),
        });
        if let Some(relayed) = &shared.relayed {
            relayed.relay.attach(Arc::downgrade(&shared) as Weak<dyn Intake>);
            shared.take_trouble();
        }
        Self { shared }
    }

    /// A place for a viewer, and what comes out of it. Nothing is captured for it before
    /// [`Seat::take`].
    pub(crate) fn reserve(&self) -> (Seat, Outlet) {
        let (units, received) = mpsc::channel(ENCODED_QUEUE_MAX);
        let (layer, heard) = watch::channel(None);
        let id = ViewerId(self.shared.last_viewer.fetch_add(1, Ordering::Relaxed));
        let inlet = Mutex::new(Some(Inlet { units, layer }));
        let seat = Seat { studio: self.clone(), id, inlet };
        (seat, Outlet { units: received, layer: heard })
    }

    /// The figures since the last call.
    pub(crate) fn stats(&self) -> CameraStats {
        let viewers = self.shared.fanout.viewers();
        let running = self.shared.relayed.is_some() || lock(&self.shared.running).is_some();
        lock(&self.shared.meter).tick(Instant::now(), viewers, running)
    }

    /// Ends capture and encoding, without waiting for it.
    pub(crate) fn begin_stop(&self) {
        self.shared.ending.store(true, Ordering::Relaxed);
        if let Some(running) = lock(&self.shared.running).as_ref() {
            running.run.stop.store(true, Ordering::Relaxed);
        }
        if let Some(relayed) = &self.shared.relayed {
            self.shared.tend_relayed(relayed);
        }
    }

    /// Ends capture and encoding and waits for it: one picture's time, or as long as a device takes
    /// to close.
    pub(crate) fn stop(&self) {
        self.begin_stop();
        let running = lock(&self.shared.running).take();
        let relayed = self.shared.relayed.iter().flat_map(Relayed::take_threads);
        for thread in running.into_iter().flat_map(Running::into_threads).chain(relayed) {
            if thread.join().is_err() {
                tracing::error!("a media thread has panicked");
            }
        }
        self.shared.ending.store(false, Ordering::Relaxed);
    }
}

impl Seat {
    /// Fills the queue from now on; starts the camera for the first viewer.
    pub(crate) fn take(&self, wish: Layer) {
        let Some(inlet) = lock(&self.inlet).take() else { return };
        let shared = &self.studio.shared;
        let mut rates = lock(&shared.rates);
        rates.join(self.id, wish, Instant::now());
        let want = rates.want(self.id);
        drop(rates);
        shared.fanout.join(self.id, inlet, want);
        shared.tend();
    }

    /// Somebody can receive from now on: the next picture is a keyframe, even if one was made just
    /// before, because that one did not reach the newcomer.
    pub(crate) fn connected(&self) {
        let shared = &self.studio.shared;
        shared.fanout.layers_of(self.id).for_each(|layer| shared.welcome(layer));
    }

    /// The viewer cannot go on without a keyframe.
    pub(crate) fn request_keyframe(&self) {
        let shared = &self.studio.shared;
        shared.fanout.layers_of(self.id).for_each(|layer| shared.need_keyframe(layer));
    }

    /// The layer that the viewer would like.
    pub(crate) fn wish(&self, layer: Layer) {
        let shared = &self.studio.shared;
        lock(&shared.rates).set_wish(self.id, layer);
        shared.apply_rates();
    }

    /// Whether anybody sees the picture there.
    pub(crate) fn set_visible(&self, visible: bool) {
        let shared = &self.studio.shared;
        lock(&shared.rates).set_visible(self.id, visible);
        shared.apply_rates();
    }

    /// What the viewer's path seems to carry, kbit/s.
    pub(crate) fn report(&self, estimate_kbps: u32) {
        let shared = &self.studio.shared;
        let moved = lock(&shared.rates).report(self.id, estimate_kbps, Instant::now());
        match &shared.relayed {
            _ if moved => shared.apply_rates(),
            // Nobody asks the rates for each picture.
            Some(relayed) => shared.tend_relayed(relayed),
            None => {}
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let shared = &self.studio.shared;
        lock(&shared.rates).leave(self.id);
        shared.tend();
    }
}

impl Shared {
    fn gate(&self, layer: Layer) -> MutexGuard<'_, KeyframeGate> {
        lock(&self.gates[index(layer)])
    }

    /// Gives every viewer what the rates allow now.
    fn apply_rates(self: &Arc<Self>) {
        let wants: Vec<(ViewerId, Want)> = lock(&self.rates).wants().collect();
        for (id, want) in wants {
            if self.fanout.set_want(id, want)
                && let Some(layer) = want.layer()
            {
                self.need_keyframe(layer);
            }
        }
        self.tend();
    }

    /// Starts what somebody needs, and stops it all where nobody is left.
    fn tend(self: &Arc<Self>) {
        if let Some(relayed) = &self.relayed {
            return self.tend_relayed(relayed);
        }
        let mut running = lock(&self.running);
        let used = LAYERS.map(|layer| self.fanout.uses(layer));
        if used == [false; 2] || self.ending.load(Ordering::Relaxed) {
            if let Some(running) = running.as_ref() {
                running.run.stop.store(true, Ordering::Relaxed);
            }
            return;
        }
        if !running.as_ref().is_some_and(Running::goes_on) {
            let old = running.take();
            *running = Some(self.open(old));
        }
        let Some(running) = running.as_mut() else { return };
        for layer in LAYERS.into_iter().filter(|layer| used[index(*layer)]) {
            let place = &mut running.encoders[index(layer)];
            if place.as_ref().is_none_or(JoinHandle::is_finished) {
                let (shared, run) = (Arc::clone(self), running.run.clone());
                let name = format!("enc-{}", layer.as_str());
                *place = self.spawn(&name, move || shared.encode(layer, &run));
            }
        }
    }

    /// Opens the camera. Threads that are still ending hold the device: the new one waits for them.
    fn open(self: &Arc<Self>, old: Option<Running>) -> Running {
        if let Some(old) = &old {
            old.run.stop.store(true, Ordering::Relaxed);
        }
        let run = Run {
            stop: Arc::default(),
            slots: std::array::from_fn(|_| Arc::default()),
            format: Arc::default(),
            awaited: Arc::default(),
        };
        run.await_picture();
        let (shared, own) = (Arc::clone(self), run.clone());
        let capture = self.spawn("capture", move || {
            old.into_iter().flat_map(Running::into_threads).for_each(|t| drop(t.join()));
            shared.capture(&own);
            own.slots.iter().for_each(|slot| slot.close());
        });
        Running { run, capture, encoders: [None, None], ended: Vec::new() }
    }

    fn spawn(&self, name: &str, work: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
        match std::thread::Builder::new().name(name.to_owned()).spawn(work) {
            Ok(thread) => Some(thread),
            Err(error) => {
                let here = format!("cannot start a thread: {error}");
                let for_viewers = "its computer has too much to do".into();
                self.set_trouble(Some(Trouble { here, for_viewers }));
                None
            }
        }
    }

    fn capture(self: &Arc<Self>, run: &Run) {
        while let Err(error) = self.capture_once(run) {
            *lock(&run.awaited) = None;
            self.set_trouble(Some(Trouble::of(&error)));
            let again = Instant::now() + REOPEN_AFTER;
            while Instant::now() < again && !run.stops() {
                std::thread::sleep(STOP_CHECK);
            }
        }
        // Nobody watches: nothing is missed.
        self.set_trouble(None);
    }

    /// Opens the source and takes its pictures until it is told to stop.
    fn capture_once(self: &Arc<Self>, run: &Run) -> Result<(), SourceError> {
        if run.stops() {
            return Ok(());
        }
        run.await_picture();
        let PictureSource::Device(source) = &self.config.source else { return Ok(()) };
        let mut source = open(source, &self.config.wish, self.seed)?;
        *lock(&run.format) = Some(source.format());
        self.on_format(source.format());
        while !run.stops() {
            let frame = source.next_frame()?;
            run.await_picture();
            // Not when it opens: a device may open and give nothing.
            self.set_trouble(None);
            self.on_frame(&frame, run);
        }
        Ok(())
    }

    /// Tells of a source that hangs: its own thread cannot.
    fn notice_silence(&self, run: &Run) {
        let silent = lock(&run.awaited).is_some_and(|since| since.elapsed() >= SILENCE_MAX);
        // What was told stands until a picture comes.
        if silent && lock(&self.trouble).is_none() {
            self.set_trouble(Some(Trouble::of_silence()));
        }
    }

    /// Tells what has changed.
    fn set_trouble(&self, trouble: Option<Trouble>) {
        let mut told = lock(&self.trouble);
        if *told != trouble {
            told.clone_from(&trouble);
            (self.tell_trouble)(trouble);
        }
    }

    /// The ceilings follow the picture's size.
    fn on_format(self: &Arc<Self>, format: VideoFormat) {
        let mut ceilings = ceilings(format, self.config.bitrate_kbps);
        if self.relayed.as_ref().is_some_and(Relayed::has_one_layer) {
            ceilings = Ceilings { low: ceilings.high, one_layer: true, ..ceilings };
        }
        lock(&self.rates).set_ceilings(ceilings);
        self.apply_rates();
    }

    fn on_frame(&self, frame: &Arc<VideoFrame>, run: &Run) {
        lock(&self.meter).captured += 1;
        for layer in LAYERS.into_iter().filter(|layer| self.fanout.uses(*layer)) {
            run.slots[index(layer)].put(Arc::clone(frame));
        }
    }
}

fn index(layer: Layer) -> usize {
    match layer {
        Layer::High => 0,
        Layer::Low => 1,
    }
}

/// How many bits each layer may use, kbit/s.
fn ceilings(format: VideoFormat, wish: Option<u32>) -> Ceilings {
    let high = wish.unwrap_or_else(|| fitting_kbps(format));
    let one_layer = low_halvings(format.width, format.height) == 0;
    let (width, height) = low_size(format.width, format.height);
    // Small pictures are looked at small.
    let small = fitting_kbps(VideoFormat { width, height, ..format }) * 2 / 3;
    Ceilings { high, low: if one_layer { high } else { small.min(high) }, one_layer }
}

/// About what a room looks good at: 2.5 Mbit/s for 720p30, less than in proportion for more.
fn fitting_kbps(format: VideoFormat) -> u32 {
    let pixels = f64::from(format.width) * f64::from(format.height) * f64::from(format.fps);
    let reference = 1280.0 * 720.0 * 30.0;
    (2500.0 * (pixels / reference).powf(0.75)).clamp(200.0, 12_000.0) as u32
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
