//! The way in for pictures that somebody else encoded: a phone, an encoder.
//!
//! A camera that is relayed has no device and no encoder. Its access units come through here, and what
//! its viewers need goes back: whether anybody watches, at which rate, and when a keyframe is due.
//!
//! ```text
//!  session ─▶ Relay::push ──────▶ studio's fan-out ─▶ viewers
//!          ◀─ Relay::demand ────┐
//!          ◀─ Relay::keyframes ─┴ studio
//! ```
//!
//! Owns what waits between the two, which is never a picture. Knows neither who films nor who watches.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use lanlens_media::{EncodedUnit, KeyframeGate};
use tokio::sync::{Notify, watch};

/// A change of the rate by less than this part is not told: estimates never stand still.
const TOLD_PART: u32 = 16;

/// What the viewers of a relayed camera need of whoever films.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Demand {
    /// Somebody watches. Without anybody, no pictures need to be made.
    pub wanted: bool,
    /// The most that the viewers' paths carry and a picture of 720p can use, or a larger one where that
    /// comes, kbit/s; 0 while nobody watches. For a picture that is small from its beginning, whoever
    /// films knows better.
    pub kbps: u32,
}

/// What takes in a relay's pictures: the studio of its camera.
pub(crate) trait Intake: Send + Sync {
    /// A unit has come. Must not block.
    fn take_unit(self: Arc<Self>, unit: EncodedUnit);
    /// What keeps pictures from coming has begun, or has ended.
    fn take_trouble(&self);
}

/// The way in for one camera's access units. Cheap to clone; all clones are the same way.
#[derive(Clone)]
pub struct Relay {
    inner: Arc<Inner>,
}

struct Inner {
    /// Of the camera that came last.
    turn: AtomicU64,
    intake: Mutex<Option<Weak<dyn Intake>>>,
    trouble: Mutex<Option<RelayTrouble>>,
    desk: Mutex<Desk>,
    /// Something has changed at the desk.
    asked: Notify,
    demand: watch::Sender<Demand>,
}

/// Tells a camera from the ones before it on the same relay, whose viewers may be late to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn(u64);

/// Why no pictures come, as whoever takes them in says.
#[derive(Debug, Clone)]
pub(crate) struct RelayTrouble {
    pub(crate) words: String,
    /// Pictures that were taken before may still be under way, and prove nothing.
    since: Instant,
}

impl Relay {
    /// A relay that no camera belongs to yet; what comes in until then is dropped.
    pub fn new() -> Self {
        Self {
            inner: Arc::new(Inner {
                turn: AtomicU64::new(0),
                intake: Mutex::default(),
                trouble: Mutex::default(),
                desk: Mutex::default(),
                asked: Notify::new(),
                demand: watch::Sender::new(Demand::default()),
            }),
        }
    }

    /// Takes in the next access unit; never blocks. They come in order, beginning with a keyframe that
    /// holds its parameter sets, and `captured` is in this machine's clocks. Layer and media time are
    /// set here.
    pub fn push(&self, unit: EncodedUnit) {
        // Not under the lock: what takes it in tells us of new demand.
        let intake = self.intake();
        if let Some(intake) = intake {
            intake.take_unit(unit);
        }
    }

    /// Why no pictures come, in words for whoever watches (`the phone is locked`); `None` when they will
    /// come again. Pictures that are taken from now on say so as well.
    pub fn set_trouble(&self, words: Option<String>) {
        let mut trouble = lock(&self.inner.trouble);
        if trouble.as_ref().map(|trouble| &trouble.words) == words.as_ref() {
            return;
        }
        *trouble = words.map(|words| RelayTrouble { words, since: Instant::now() });
        drop(trouble);
        if let Some(intake) = self.intake() {
            intake.take_trouble();
        }
    }

    /// What the viewers need, now and whenever it changes.
    pub fn demand(&self) -> watch::Receiver<Demand> {
        self.inner.demand.subscribe()
    }

    /// Hears when a keyframe is needed. One listener at a time gets each request.
    pub fn keyframes(&self) -> KeyframeRequests {
        KeyframeRequests { relay: self.clone() }
    }

    fn intake(&self) -> Option<Arc<dyn Intake>> {
        lock(&self.inner.intake).as_ref().and_then(Weak::upgrade)
    }

    /// The turn of a new camera; it is for this one from now on to say what is needed.
    pub(crate) fn next_turn(&self) -> Turn {
        Turn(self.inner.turn.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// From now on units go there.
    pub(crate) fn attach(&self, intake: Weak<dyn Intake>) {
        *lock(&self.inner.intake) = Some(intake);
    }

    pub(crate) fn trouble(&self) -> Option<RelayTrouble> {
        lock(&self.inner.trouble).clone()
    }

    /// A picture has come that was taken at `captured`; whether it ends the trouble, if there is any.
    pub(crate) fn ends_trouble(&self, captured: Instant) -> bool {
        let mut trouble = lock(&self.inner.trouble);
        if trouble.as_ref().is_some_and(|trouble| captured <= trouble.since) {
            return false;
        }
        *trouble = None;
        true
    }

    pub(crate) fn set_demand(&self, turn: Turn, demand: Demand) {
        self.inner.demand.send_if_modified(|told| {
            if turn.0 != self.inner.turn.load(Ordering::Relaxed) {
                return false;
            }
            let small = told.kbps.abs_diff(demand.kbps) < told.kbps.div_ceil(TOLD_PART);
            let news = told.wanted != demand.wanted || (!small && told.kbps != demand.kbps);
            if news {
                *told = demand;
            }
            news
        });
    }

    /// A viewer cannot go on without a keyframe.
    pub(crate) fn request_keyframe(&self) {
        self.at_desk(Desk::request);
    }

    /// A viewer can receive from now on, and has nothing yet.
    pub(crate) fn welcome(&self) {
        self.at_desk(Desk::welcome);
    }

    /// A keyframe has come, which serves all who wait.
    pub(crate) fn on_keyframe(&self, now: Instant) {
        lock(&self.inner.desk).on_keyframe(now);
    }

    fn at_desk(&self, say: impl FnOnce(&mut Desk)) {
        say(&mut lock(&self.inner.desk));
        self.inner.asked.notify_one();
    }
}

impl Default for Relay {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("demand", &*self.inner.demand.borrow()).finish()
    }
}

/// The keyframes that viewers need, as requests to whoever films: merged, and at most one every
/// [`KEYFRAME_SPACING`](lanlens_model::limits::KEYFRAME_SPACING), except for somebody new.
#[derive(Debug)]
pub struct KeyframeRequests {
    relay: Relay,
}

impl KeyframeRequests {
    /// Waits until a keyframe has to be asked for. Can be dropped at any time, and nothing is lost.
    pub async fn next(&mut self) {
        let inner = &self.relay.inner;
        loop {
            let due = match lock(&inner.desk).poll(Instant::now()) {
                Look::Ask => return,
                Look::Later(due) => due,
            };
            tokio::select! {
                () = inner.asked.notified() => {}
                () = sleep_until(due) => {}
            }
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// Merges the requests of all viewers. Sans-IO: time comes in as an argument.
#[derive(Debug, Default)]
struct Desk {
    gate: KeyframeGate,
    /// A keyframe was asked for and has not come.
    asked: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// Now a keyframe has to be asked for.
    Ask,
    /// Look again then, or when something changes.
    Later(Option<Instant>),
}

impl Desk {
    fn request(&mut self) {
        self.gate.request();
    }

    fn welcome(&mut self) {
        if !self.asked {
            // The last one came too early, and says nothing about when this one may come. One that is
            // under way is in time.
            self.gate = KeyframeGate::new();
        }
        self.gate.request();
    }

    fn on_keyframe(&mut self, now: Instant) {
        self.asked = false;
        self.gate.on_keyframe(now);
    }

    fn poll(&mut self, now: Instant) -> Look {
        if self.gate.poll(now) {
            self.asked = true;
            return Look::Ask;
        }
        Look::Later(self.gate.due(now))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lanlens_model::limits::KEYFRAME_SPACING;

    use super::*;

    const MOMENT: Duration = Duration::from_millis(10);

    #[test]
    fn all_who_ask_while_one_is_under_way_cost_one_keyframe() {
        let (mut desk, now) = (Desk::default(), Instant::now());
        assert_eq!(desk.poll(now), Look::Later(None));
        desk.request();
        desk.welcome();
        assert_eq!(desk.poll(now), Look::Ask);
        desk.request();
        desk.welcome();
        assert_eq!(desk.poll(now + MOMENT), Look::Later(Some(now + KEYFRAME_SPACING)));
        desk.on_keyframe(now + 5 * MOMENT);
        assert_eq!(desk.poll(now + KEYFRAME_SPACING), Look::Later(None));
    }

    #[test]
    fn a_newcomer_does_not_wait_because_somebody_else_was_just_served() {
        let (mut desk, now) = (Desk::default(), Instant::now());
        desk.on_keyframe(now);
        desk.request();
        assert_eq!(desk.poll(now + MOMENT), Look::Later(Some(now + KEYFRAME_SPACING)));
        desk.welcome();
        assert_eq!(desk.poll(now + MOMENT), Look::Ask);
    }

    #[test]
    fn a_request_that_stays_unanswered_is_made_again_for_the_next_who_needs_it() {
        let (mut desk, now) = (Desk::default(), Instant::now());
        desk.request();
        assert_eq!(desk.poll(now), Look::Ask);
        desk.welcome();
        assert_eq!(desk.poll(now + KEYFRAME_SPACING), Look::Ask);
    }

    #[test]
    fn a_flood_of_newcomers_is_answered_by_what_is_under_way() {
        let (mut desk, now) = (Desk::default(), Instant::now());
        let asked = (0..1000).filter(|n| {
            desk.welcome();
            desk.poll(now + *n * Duration::from_millis(1)) == Look::Ask
        });
        assert_eq!(asked.count(), 5, "one for each spacing");
    }

    #[test]
    fn small_changes_of_the_rate_are_not_told() {
        let relay = Relay::new();
        let (mut demand, turn) = (relay.demand(), relay.next_turn());
        let mut told = |wanted, kbps| {
            relay.set_demand(turn, Demand { wanted, kbps });
            demand.has_changed().unwrap().then(|| demand.borrow_and_update().kbps)
        };
        assert_eq!(told(true, 1600), Some(1600));
        assert_eq!(told(true, 1600), None);
        assert_eq!(told(true, 1501), None);
        assert_eq!(told(true, 1500), Some(1500));
        assert_eq!(told(false, 0), Some(0));
        assert_eq!(told(false, 0), None);
    }

    #[test]
    fn a_camera_that_was_replaced_no_longer_says_what_is_needed() {
        let relay = Relay::new();
        let (old, new) = (relay.next_turn(), relay.next_turn());
        let wanted = Demand { wanted: true, kbps: 1000 };
        relay.set_demand(new, wanted);
        relay.set_demand(old, Demand::default());
        assert_eq!(*relay.demand().borrow(), wanted);
    }

    #[tokio::test]
    async fn whoever_films_hears_of_a_request_at_once_and_may_stop_listening_at_any_time() {
        let relay = Relay::new();
        let mut requests = relay.keyframes();
        let nothing = tokio::time::timeout(MOMENT, requests.next()).await;
        assert!(nothing.is_err(), "nobody asked");
        relay.request_keyframe();
        requests.next().await;
        drop(requests);
        relay.on_keyframe(Instant::now());
        relay.welcome();
        relay.keyframes().next().await;
    }

    #[test]
    fn pictures_from_before_the_trouble_do_not_end_it() {
        let relay = Relay::new();
        let before = Instant::now();
        relay.set_trouble(Some("locked".to_owned()));
        assert!(!relay.ends_trouble(before));
        assert_eq!(relay.trouble().map(|trouble| trouble.words), Some("locked".to_owned()));
        assert!(relay.ends_trouble(Instant::now() + MOMENT));
        assert!(relay.trouble().is_none());
    }
}
