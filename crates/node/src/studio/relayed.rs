//! A camera that is fed: access units that somebody else encoded, given on as they are.
//!
//! ```text
//! Relay::push ─▶ time, size ─▶ fan-out, as layer high ─▶ every viewer's queue
//!                          └─▶ a queue ─▶ thread "relay-low": decode, halve, encode ─▶ fan-out, as low
//! ```
//!
//! No picture is encoded for the high layer; what its viewers need goes back to whoever films. The low
//! layer is made only while somebody watches it ([`transcode`](super::transcode)).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lanlens_media::h264::{Sps, parameter_sets};
use lanlens_media::{CaptureTime, EncodedUnit, KeyframeGate};
use lanlens_model::{Layer, VideoFormat};

use super::encoding::KEYFRAME_EVERY;
use super::low_queue::{LowQueue, Put};
use super::rate::Ceilings;
use super::{Shared, Studio, Trouble, ceilings, lock};
use crate::relay::{Demand, Intake, Relay, Turn};

/// Nobody says at which rate pictures will come; phones give about this many a second.
const FPS: u32 = 30;
/// Pictures that are wanted and do not come for this long are missed.
pub(crate) const SILENCE: Duration = Duration::from_secs(2);
/// A capture time further back than this is a mistake of some clock.
const AGE_MAX: Duration = Duration::from_secs(10);
/// What phones are asked for. Where its path is narrow for a while, one sends smaller pictures; were it
/// then allowed no more than those need, it could never send larger ones again.
const ASKED: VideoFormat = VideoFormat { width: 1280, height: 720, fps: FPS };
/// What the low layer is made from needs this many times its rate: the picture is larger.
const LOW_SOURCE_FACTOR: u32 = 4;
/// For viewers, where whoever takes in the pictures knows no better words.
const NO_PICTURES: &str = "the phone sends no pictures";

/// The feed of a relayed camera.
pub(super) struct Relayed {
    pub(super) relay: Relay,
    turn: Turn,
    stream: Mutex<Stream>,
    /// What the low layer is made from.
    pub(super) low: LowQueue,
    /// The decoder cannot read this stream: everyone gets it as it is.
    pub(super) unreadable: AtomicBool,
    pub(super) threads: Mutex<Threads>,
}

/// What came last.
#[derive(Default)]
struct Stream {
    sps: Option<Sps>,
    media_time: Option<u32>,
    unit: Option<Instant>,
    keyframe: Option<Instant>,
}

#[derive(Default)]
pub(super) struct Threads {
    pub(super) low: Option<JoinHandle<()>>,
    /// Those that nobody needed any more: they end by themselves.
    pub(super) ended: Vec<JoinHandle<()>>,
}

impl Relayed {
    pub(super) fn new(relay: Relay) -> Self {
        Self {
            turn: relay.next_turn(),
            relay,
            stream: Mutex::default(),
            low: LowQueue::default(),
            unreadable: AtomicBool::new(false),
            threads: Mutex::default(),
        }
    }

    /// The picture that comes now.
    pub(super) fn format(&self) -> Option<VideoFormat> {
        lock(&self.stream).sps.map(|sps| format_of(&sps))
    }

    /// The decoder cannot read what comes, so there is no other layer.
    pub(super) fn has_one_layer(&self) -> bool {
        self.unreadable.load(Ordering::Relaxed)
    }

    /// What is to be waited for at the end.
    pub(super) fn take_threads(&self) -> impl Iterator<Item = JoinHandle<()>> + use<> {
        let Threads { low, ended } = std::mem::take(&mut *lock(&self.threads));
        low.into_iter().chain(ended)
    }

    fn last_unit(&self) -> Option<Instant> {
        lock(&self.stream).unit
    }
}

impl Stream {
    /// Sets the unit's times.
    fn stamp(&mut self, unit: &mut EncodedUnit, now: CaptureTime) {
        let age = now.instant.checked_duration_since(unit.captured.instant);
        if age.is_none_or(|age| age > AGE_MAX) {
            unit.captured = now;
        }
        let mut time = unit.captured.media_time();
        // It only grows, also where a better idea of the sender's clock sets it back.
        if let Some(last) = self.media_time.filter(|last| !is_after(time, *last)) {
            time = last.wrapping_add(1);
        }
        unit.media_time = time;
        self.media_time = Some(time);
        self.unit = Some(now.instant);
    }

    /// Notes a keyframe; `true` where its stream is another one than before.
    fn on_keyframe(&mut self, unit: &EncodedUnit, now: Instant) -> bool {
        self.keyframe = Some(now);
        let sps = parameter_sets(&unit.data).find_map(|set| Sps::parse(set).ok());
        sps.is_some() && std::mem::replace(&mut self.sps, sps) != sps
    }
}

/// Whether a media time is later than another one; they wrap.
fn is_after(time: u32, other: u32) -> bool {
    time.wrapping_sub(other).wrapping_sub(1) < 1 << 31
}

fn pixels(format: &VideoFormat) -> u64 {
    u64::from(format.width) * u64::from(format.height)
}

fn format_of(sps: &Sps) -> VideoFormat {
    VideoFormat { width: sps.width, height: sps.height, fps: FPS }
}

impl Intake for Shared {
    fn take_unit(self: Arc<Self>, mut unit: EncodedUnit) {
        let Some(relayed) = &self.relayed else { return };
        if self.ending.load(Ordering::Relaxed) {
            return;
        }
        let now = CaptureTime::now();
        unit.layer = Layer::High;
        let mut stream = lock(&relayed.stream);
        stream.stamp(&mut unit, now);
        let another = unit.keyframe && stream.on_keyframe(&unit, now.instant);
        let (keyframe, format) = (stream.keyframe, stream.sps.map(|sps| format_of(&sps)));
        drop(stream);
        if unit.keyframe {
            relayed.relay.on_keyframe(now.instant);
        }
        if let Some(format) = format.filter(|_| another) {
            relayed.unreadable.store(false, Ordering::Relaxed);
            self.on_format(format);
            // What it asked for is here.
            relayed.relay.on_keyframe(now.instant);
        }
        let starved = keyframe.is_none_or(|at| now.instant - at >= KEYFRAME_EVERY);
        if starved && self.fanout.feeds_on_keyframes(Layer::High) {
            relayed.relay.request_keyframe();
        }
        if relayed.relay.ends_trouble(unit.captured.instant) {
            self.set_trouble(None);
        }
        self.give_on(relayed, &Arc::new(unit), format);
    }

    fn take_trouble(&self) {
        let Some(relayed) = &self.relayed else { return };
        self.set_trouble(relayed.relay.trouble().map(|trouble| told(trouble.words)));
    }
}

fn told(words: String) -> Trouble {
    Trouble { here: words.clone(), for_viewers: words.into() }
}

impl Shared {
    fn give_on(&self, relayed: &Relayed, unit: &Arc<EncodedUnit>, format: Option<VideoFormat>) {
        let sent = self.fanout.send(unit);
        if sent.keyframe_needed {
            relayed.relay.request_keyframe();
        }
        if self.makes_low(relayed) && relayed.low.put(unit) == Put::DroppedAndWaits {
            relayed.relay.request_keyframe();
        }
        let size = format.map_or((0, 0), |format| (format.width, format.height));
        let mut meter = lock(&self.meter);
        meter.captured += 1;
        meter.units_dropped += sent.dropped;
        meter.layer(Layer::High).on_unit(unit.data.len() as u64, Duration::ZERO, size);
    }

    /// Whether the low layer is to be made.
    pub(super) fn makes_low(&self, relayed: &Relayed) -> bool {
        self.fanout.uses(Layer::Low)
            && !relayed.unreadable.load(Ordering::Relaxed)
            && !self.ending.load(Ordering::Relaxed)
    }

    /// A viewer on this layer needs a keyframe.
    pub(super) fn need_keyframe(&self, layer: Layer) {
        match &self.relayed {
            Some(relayed) if layer == Layer::High => relayed.relay.request_keyframe(),
            _ => self.gate(layer).request(),
        }
    }

    /// A viewer on this layer can receive from now on: it needs a keyframe even if one was made just
    /// before, because that one did not reach it.
    pub(super) fn welcome(&self, layer: Layer) {
        match &self.relayed {
            Some(relayed) if layer == Layer::High => relayed.relay.welcome(),
            _ => {
                let mut gate = self.gate(layer);
                *gate = KeyframeGate::new();
                gate.request();
            }
        }
    }

    /// Says what is needed of whoever films, and makes the low layer where somebody needs that.
    pub(super) fn tend_relayed(self: &Arc<Self>, relayed: &Relayed) {
        // First, so that of two callers the one who knows more comes last.
        let mut threads = lock(&relayed.threads);
        relayed.relay.set_demand(relayed.turn, self.demand(relayed));
        if !self.makes_low(relayed) {
            return;
        }
        if threads.low.as_ref().is_none_or(JoinHandle::is_finished) {
            relayed.low.clear();
            let shared = Arc::clone(self);
            threads.low = self.spawn("relay-low", move || shared.transcode());
            relayed.relay.welcome();
        }
    }

    fn demand(&self, relayed: &Relayed) -> Demand {
        if self.ending.load(Ordering::Relaxed) {
            return Demand::default();
        }
        let larger = |format: &VideoFormat| pixels(format) > pixels(&ASKED);
        let format = relayed.format().filter(larger).unwrap_or(ASKED);
        let Ceilings { high, low, .. } = ceilings(format, self.config.bitrate_kbps);
        let kbps = match (self.fanout.uses(Layer::High), self.fanout.uses(Layer::Low)) {
            (false, false) => return Demand::default(),
            (true, _) => lock(&self.rates).carried_kbps(Layer::High).unwrap_or(high).min(high),
            (false, true) => low.saturating_mul(LOW_SOURCE_FACTOR).min(high),
        };
        Demand { wanted: true, kbps }
    }

    /// The decoder cannot read this stream: who would get the low layer gets it as it is.
    pub(super) fn give_up_low(self: &Arc<Self>, relayed: &Relayed, reason: &str) {
        tracing::warn!(
            reason,
            "no small copy is made of these pictures: all viewers get the full ones"
        );
        relayed.unreadable.store(true, Ordering::Relaxed);
        if let Some(format) = relayed.format() {
            self.on_format(format);
        }
        relayed.relay.request_keyframe();
    }

    /// Pictures are wanted and none came for a while.
    fn on_silence(&self, relayed: &Relayed) {
        let words = relayed.relay.trouble().map(|trouble| trouble.words);
        self.set_trouble(Some(told(words.unwrap_or_else(|| NO_PICTURES.to_owned()))));
    }
}

impl Studio {
    /// Whether others film.
    pub(crate) fn is_relayed(&self) -> bool {
        self.shared.relayed.is_some()
    }

    /// Says so when the pictures of a relayed camera are wanted and none come for `silence`; runs until
    /// it is dropped. For any other camera there is nothing to do.
    pub(crate) async fn miss_pictures(self, silence: Duration) {
        let Some(relayed) = &self.shared.relayed else { return };
        let mut demand = relayed.relay.demand();
        loop {
            if demand.wait_for(|demand| demand.wanted).await.is_err() {
                return;
            }
            let mut quiet = Instant::now();
            while demand.borrow_and_update().wanted {
                quiet = relayed.last_unit().map_or(quiet, |last| quiet.max(last));
                tokio::select! {
                    () = tokio::time::sleep_until((quiet + silence).into()) => {
                        if relayed.last_unit().is_none_or(|last| last <= quiet) {
                            self.shared.on_silence(relayed);
                            quiet = Instant::now();
                        }
                    }
                    changed = demand.changed() => if changed.is_err() {
                        return;
                    },
                }
            }
            // Nobody watches: nothing is missed, unless there is more to say.
            self.shared.take_trouble();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanlens_model::MediaKind;

    fn unit(captured: CaptureTime) -> EncodedUnit {
        EncodedUnit {
            kind: MediaKind::Video,
            layer: Layer::Low,
            data: Default::default(),
            keyframe: false,
            captured,
            media_time: 7,
        }
    }

    #[test]
    fn media_time_is_the_capture_time_and_only_grows() {
        let (mut stream, now) = (Stream::default(), CaptureTime::now());
        let mut last = None;
        for (before_ms, later) in [(100, true), (67, true), (80, false), (67, false), (33, true)] {
            let instant = now.instant - Duration::from_millis(before_ms);
            let mut unit = unit(CaptureTime { instant, ..now });
            stream.stamp(&mut unit, now);
            let own = unit.captured.media_time();
            let expected = last.filter(|_| !later).map_or(own, |last: u32| last.wrapping_add(1));
            assert_eq!(unit.media_time, expected, "{before_ms} ms ago");
            last = Some(unit.media_time);
        }
    }

    #[test]
    fn a_capture_time_that_cannot_be_is_the_time_of_arrival() {
        let (mut stream, now) = (Stream::default(), CaptureTime::now());
        for instant in [now.instant + Duration::from_secs(1), now.instant - Duration::from_secs(60)]
        {
            let mut unit = unit(CaptureTime { instant, unix_us: 1 });
            stream.stamp(&mut unit, now);
            assert_eq!(unit.captured, now);
        }
    }
}
