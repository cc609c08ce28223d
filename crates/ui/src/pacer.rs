//! When to paint: soon after a new picture, never more often than the screen can use, never twice
//! for one picture, and not at all when nothing changes. Where the processor has to paint, it is
//! given a part of the time only.
//!
//! egui's `request_repaint()` paints twice, so everything here goes through
//! `request_repaint_after` with a delay above zero.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use eframe::egui::{Context, ViewportCommand, ViewportId};

/// Between two paints where a graphics processor does the work.
const INTERVAL: Duration = Duration::from_nanos(1_000_000_000 / 60);
/// Between two paints where the processor rasterises and that is expensive, or not known yet.
const INTERVAL_SOFTWARE: Duration = Duration::from_nanos(1_000_000_000 / 30);
/// Where the processor rasterises, it does so at most one part in this many of the time, unless that
/// were less often than every [`INTERVAL_SOFTWARE`].
const SHARE: u32 = 3;
/// The last paint weighs one part in this many of what a paint is taken to cost.
const SMOOTHING: u32 = 8;
/// The shortest delay that egui takes as a delay.
const SOON: Duration = Duration::from_micros(500);

/// A paint that did not come this long after it was due is asked for again: the window system may
/// drop a redraw (a compositor withholds them from a covered window), and a picture must not stand
/// still because of that.
const OVERDUE: Duration = Duration::from_millis(250);

/// The arithmetic, without a window.
#[derive(Debug)]
struct Pacer {
    interval: Duration,
    /// Of a paint, on average, where the processor does it.
    cost: Option<Duration>,
    /// When the paint that was asked for is due.
    due: Option<Instant>,
    painted: Option<Instant>,
}

impl Pacer {
    fn new() -> Self {
        Self { interval: INTERVAL, cost: None, due: None, painted: None }
    }

    /// The processor has painted, in this time: the next paints are as far apart as that deserves.
    fn took(&mut self, time: Duration) {
        let cost = self.cost.map_or(time, |cost| (cost * (SMOOTHING - 1) + time) / SMOOTHING);
        self.cost = Some(cost);
        self.interval = (cost * SHARE).clamp(INTERVAL, INTERVAL_SOFTWARE);
        tracing::trace!("painted in {time:?}; the next is at least {:?} later", self.interval);
    }

    /// Something is to be shown: the delay to schedule, or `None` when a paint is on its way. Zero
    /// where the last one went missing; egui would not pass on a longer delay than it still holds.
    fn want(&mut self, now: Instant) -> Option<Duration> {
        let delay = match self.due {
            Some(due) if now.saturating_duration_since(due) < OVERDUE => return None,
            Some(_) => Duration::ZERO,
            None => {
                let since =
                    self.painted.map_or(self.interval, |at| now.saturating_duration_since(at));
                self.interval.saturating_sub(since).max(SOON)
            }
        };
        self.due = Some(now + delay);
        Some(delay)
    }

    /// A paint begins: whatever comes from now on needs another one.
    fn begin(&mut self, now: Instant) {
        self.due = None;
        self.painted = Some(now);
    }
}

#[derive(Debug)]
struct Shared {
    pacer: Pacer,
    context: Option<Context>,
}

/// Asks a window to paint, from any thread. Made before the window, so that a node can hold it; it
/// does nothing until the window is there. Clones share one pace.
#[derive(Debug, Clone)]
pub struct RepaintHandle {
    shared: Arc<Mutex<Shared>>,
}

impl Default for RepaintHandle {
    fn default() -> Self {
        Self::new()
    }
}

impl RepaintHandle {
    /// A handle without a window yet.
    pub fn new() -> Self {
        Self { shared: Arc::new(Mutex::new(Shared { pacer: Pacer::new(), context: None })) }
    }

    /// A new picture lies in a slot, or the snapshot changed. Cheap; call it for each.
    pub fn frame_arrived(&self) {
        let mut shared = self.lock();
        let Some(context) = shared.context.clone() else { return };
        let delay = shared.pacer.want(Instant::now());
        // egui's lock is taken below, and a painting window calls `begin` while it may hold that.
        drop(shared);
        if let Some(delay) = delay {
            context.request_repaint_after_for(delay, ViewportId::ROOT);
        }
    }

    /// The window exists; `software` halves the rate until paints turn out to be cheap.
    pub(crate) fn attach(&self, context: &Context, software: bool) {
        let mut shared = self.lock();
        shared.pacer.interval = if software { INTERVAL_SOFTWARE } else { INTERVAL };
        shared.context = Some(context.clone());
        drop(shared);
        self.frame_arrived();
    }

    /// The window begins to paint, or its logic runs instead.
    pub(crate) fn begin(&self) {
        self.lock().pacer.begin(Instant::now());
    }

    /// The processor painted the window, and it took this long: only told where it does.
    pub(crate) fn took(&self, time: Duration) {
        self.lock().pacer.took(time);
    }

    /// The time between two frames of an animation.
    pub(crate) fn interval(&self) -> Duration {
        self.lock().pacer.interval.max(INTERVAL_SOFTWARE)
    }

    /// The window is gone.
    pub(crate) fn detach(&self) {
        self.lock().context = None;
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks a window to close, from any thread: for Ctrl-C in the terminal.
#[derive(Debug, Clone, Default)]
pub struct CloseHandle {
    shared: Arc<Mutex<Closing>>,
}

#[derive(Debug, Default)]
struct Closing {
    asked: bool,
    context: Option<Context>,
}

impl CloseHandle {
    /// A handle without a window yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes [`run`](crate::run) return soon; also when called before the window opened.
    pub fn close(&self) {
        let context = {
            let mut closing = self.lock();
            closing.asked = true;
            closing.context.clone()
        };
        if let Some(context) = context {
            context.send_viewport_cmd_to(ViewportId::ROOT, ViewportCommand::Close);
        }
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closing(&self) -> bool {
        self.lock().asked
    }

    pub(crate) fn attach(&self, context: &Context) {
        self.lock().context = Some(context.clone());
        if self.is_closing() {
            self.close();
        }
    }

    pub(crate) fn detach(&self) {
        self.lock().context = None;
    }

    fn lock(&self) -> MutexGuard<'_, Closing> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pacer() -> Pacer {
        Pacer::new()
    }

    #[test]
    fn the_first_picture_is_painted_at_once() {
        assert_eq!(pacer().want(Instant::now()), Some(SOON));
    }

    #[test]
    fn many_pictures_before_a_paint_ask_for_one_paint() {
        let (mut pacer, now) = (pacer(), Instant::now());
        assert!(pacer.want(now).is_some());
        assert_eq!(pacer.want(now), None);
        assert_eq!(pacer.want(now + OVERDUE / 2), None);
        pacer.begin(now + OVERDUE / 2);
        assert!(pacer.want(now + OVERDUE / 2).is_some());
    }

    #[test]
    fn a_paint_that_went_missing_is_asked_for_again() {
        let (mut pacer, now) = (pacer(), Instant::now());
        assert!(pacer.want(now).is_some());
        let late = now + SOON + OVERDUE;
        assert_eq!(pacer.want(late), Some(Duration::ZERO));
        assert_eq!(pacer.want(late), None);
    }

    #[test]
    fn a_picture_right_after_a_paint_waits_for_the_rest_of_the_interval() {
        let (mut pacer, now) = (pacer(), Instant::now());
        pacer.begin(now);
        let early = now + Duration::from_millis(5);
        assert_eq!(pacer.want(early), Some(INTERVAL - Duration::from_millis(5)));
        pacer.begin(now);
        assert_eq!(pacer.want(now + Duration::from_secs(9)), Some(SOON));
    }

    #[test]
    fn pictures_at_any_rate_never_paint_more_than_sixty_times_a_second() {
        let (mut pacer, start) = (pacer(), Instant::now());
        let (mut due, mut paints) = (None, 0);
        for step in 0..10_000 {
            let now = start + Duration::from_micros(step * 100);
            if due.is_some_and(|at| at <= now) {
                due = None;
                paints += 1;
                pacer.begin(now);
            }
            if let Some(delay) = pacer.want(now) {
                due = Some(now + delay);
            }
        }
        assert!((58..=60).contains(&paints), "{paints} paints in a second");
    }

    #[test]
    fn a_processor_that_paints_fast_may_paint_sixty_times_a_second_and_a_slow_one_thirty() {
        let mut pacer = pacer();
        for (cost_us, interval) in [(4_000, INTERVAL), (20_000, INTERVAL_SOFTWARE)] {
            for _ in 0..50 {
                pacer.took(Duration::from_micros(cost_us));
            }
            assert_eq!(pacer.interval, interval);
        }
        pacer.took(Duration::from_micros(500));
        assert_eq!(pacer.interval, INTERVAL_SOFTWARE, "one paint of nothing changes little");
        for _ in 0..50 {
            pacer.took(Duration::from_micros(8_000));
        }
        let between = pacer.interval.as_secs_f64();
        assert!((0.023..0.025).contains(&between), "{between}: a third of the time is for paints");
    }

    #[test]
    fn closing_before_the_window_opened_is_remembered() {
        let handle = CloseHandle::new();
        handle.clone().close();
        assert!(handle.is_closing());
    }
}
