//! The rhythm of a picture stream: when is it stalled, and which intervals were freezes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Intervals remembered for the mean.
const WINDOW: usize = 30;
/// A stream is never called stalled sooner than this after its last picture.
const STALL_MIN: Duration = Duration::from_millis(700);
/// A stream of more than 2.5 pictures a second is called stalled within this.
const STALL_MAX: Duration = Duration::from_secs(1);
/// The interval of such a stream.
const QUICK_MAX: Duration = Duration::from_millis(400);
/// A stream slower than this has no rhythm: each of its pictures is stale before the next one.
const RHYTHM_MAX: Duration = Duration::from_secs(2);
/// What a freeze exceeds the mean interval by, at least.
const FREEZE_EXTRA: Duration = Duration::from_millis(150);

/// Watches the times of *new* pictures. δ is the mean interval of the last 30.
#[derive(Debug, Clone, Default)]
pub struct Pace {
    last: Option<Instant>,
    intervals: VecDeque<Duration>,
    sum: Duration,
    freezes: u64,
    frozen: Duration,
    rhythm_is_old: bool,
    /// The last interval was long enough for a stall.
    after_stall: bool,
}

impl Pace {
    /// A new session begins: the gap before its first picture still counts as a freeze, but says
    /// nothing about the new rhythm.
    pub fn on_new_session(&mut self) {
        self.rhythm_is_old = true;
    }

    /// Nobody sees the pictures, and none are asked for: the gap is no freeze and no rhythm.
    pub fn on_pause(&mut self) {
        self.last = None;
        self.rhythm_is_old = true;
    }

    /// Notes a new picture at `now`.
    pub fn on_picture(&mut self, now: Instant) {
        let stalled = self.stalls_at().is_some_and(|stalls_at| stalls_at <= now);
        let interval = self.last.map(|last| now.saturating_duration_since(last));
        if let Some(interval) = interval.filter(|interval| self.is_freeze(*interval)) {
            self.freezes += 1;
            self.frozen += interval;
        }
        if std::mem::take(&mut self.rhythm_is_old) {
            self.forget_rhythm();
        } else if let Some(interval) = interval {
            self.remember(interval, stalled);
        }
        self.last = Some(now);
    }

    /// The last picture's time.
    pub fn last(&self) -> Option<Instant> {
        self.last
    }

    /// When the stream counts as stalled, if no new picture comes before: max(700 ms, 2.5 δ) after
    /// the last one, and within a second for every stream of 2.5 pictures a second and more, also
    /// where a few of them came late.
    pub fn stalls_at(&self) -> Option<Instant> {
        let wait = self.mean().mul_f64(2.5).max(STALL_MIN);
        let wait = if self.is_quick() { wait.min(STALL_MAX) } else { wait };
        self.last.map(|last| last + wait)
    }

    /// Intervals of more than max(3δ, δ + 150 ms) so far.
    pub fn freezes(&self) -> u64 {
        self.freezes
    }

    /// The time spent in them.
    pub fn frozen(&self) -> Duration {
        self.frozen
    }

    /// A gap that was a stall says nothing about the rhythm: counted in, it would hide the next stall
    /// for several times its length. Two of them in a row are a slow camera's rhythm.
    fn remember(&mut self, interval: Duration, stalled: bool) {
        let slow = stalled && self.after_stall && interval <= RHYTHM_MAX;
        if slow {
            self.forget_rhythm();
        }
        self.after_stall = stalled;
        if stalled && !slow {
            return;
        }
        self.intervals.push_back(interval);
        self.sum += interval;
        if self.intervals.len() > WINDOW {
            self.sum -= self.intervals.pop_front().unwrap_or_default();
        }
    }

    /// At least half of the intervals are those of a stream with 2.5 pictures a second; a single
    /// one is no rhythm yet.
    fn is_quick(&self) -> bool {
        let quick = self.intervals.iter().filter(|interval| **interval <= QUICK_MAX).count();
        let few = self.intervals.len() == 1 && self.sum < STALL_MIN;
        few || quick * 2 >= self.intervals.len()
    }

    fn forget_rhythm(&mut self) {
        self.intervals.clear();
        self.sum = Duration::ZERO;
        self.after_stall = false;
    }

    fn mean(&self) -> Duration {
        let count = u32::try_from(self.intervals.len()).unwrap_or(u32::MAX);
        self.sum.checked_div(count).unwrap_or_default()
    }

    fn is_freeze(&self, interval: Duration) -> bool {
        let mean = self.mean();
        !self.intervals.is_empty() && interval > (mean * 3).max(mean + FREEZE_EXTRA)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests need a first instant")]
mod tests {
    use super::*;

    fn steady(start: Instant, count: u32, interval: Duration) -> (Pace, Instant) {
        let mut pace = Pace::default();
        let mut now = start;
        for _ in 0..count {
            pace.on_picture(now);
            now += interval;
        }
        (pace, now - interval)
    }

    #[test]
    fn thirty_frames_a_second_stall_after_700_ms() {
        let (pace, last) = steady(Instant::now(), 60, Duration::from_millis(33));
        assert_eq!(pace.stalls_at(), Some(last + Duration::from_millis(700)));
        assert_eq!(pace.freezes(), 0);
    }

    #[test]
    fn a_slow_stream_gets_more_time() {
        let (pace, last) = steady(Instant::now(), 10, Duration::from_millis(320));
        assert_eq!(pace.stalls_at(), Some(last + Duration::from_millis(800)));
    }

    #[test]
    fn the_gap_between_two_sessions_is_a_freeze_but_not_a_rhythm() {
        let interval = Duration::from_millis(33);
        let (mut pace, last) = steady(Instant::now(), 31, interval);
        pace.on_new_session();
        let back = last + Duration::from_secs(60);
        pace.on_picture(back);
        assert_eq!((pace.freezes(), pace.frozen()), (1, Duration::from_secs(60)));
        pace.on_picture(back + interval);
        assert_eq!(pace.stalls_at(), Some(back + interval + STALL_MIN));
    }

    #[test]
    fn after_a_stall_the_next_one_is_noticed_as_soon() {
        let interval = Duration::from_millis(33);
        let (mut pace, last) = steady(Instant::now(), 3, interval);
        let back = last + Duration::from_secs(9);
        pace.on_picture(back);
        assert_eq!(pace.stalls_at(), Some(back + STALL_MIN));
        pace.on_picture(back + interval);
        assert_eq!(pace.stalls_at(), Some(back + interval + STALL_MIN));
        assert_eq!(pace.freezes(), 1);
    }

    #[test]
    fn a_few_late_pictures_do_not_put_off_the_next_stall() {
        let (mut pace, last) = steady(Instant::now(), 2, Duration::from_millis(400));
        let late = last + Duration::from_millis(690);
        pace.on_picture(late);
        assert_eq!(pace.stalls_at(), Some(late + STALL_MAX));
        let (pace, last) = steady(Instant::now(), 2, Duration::from_millis(690));
        assert_eq!(pace.stalls_at(), Some(last + STALL_MAX));
        let (pace, last) = steady(Instant::now(), 3, Duration::from_millis(600));
        assert_eq!(pace.stalls_at(), Some(last + Duration::from_millis(1500)));
    }

    #[test]
    fn a_camera_of_one_picture_a_second_is_live_from_its_third_on() {
        let second = Duration::from_secs(1);
        let (pace, last) = steady(Instant::now(), 2, second);
        assert_eq!(pace.stalls_at(), Some(last + STALL_MIN));
        let (pace, last) = steady(Instant::now(), 3, second);
        assert_eq!(pace.stalls_at(), Some(last + second.mul_f64(2.5)));
    }

    #[test]
    fn a_freeze_is_counted_just_past_its_bound() {
        let interval = Duration::from_millis(33);
        let bound = interval + Duration::from_millis(150);
        let (mut pace, last) = steady(Instant::now(), 31, interval);
        pace.on_picture(last + bound);
        assert_eq!(pace.freezes(), 0);
        let (mut pace, last) = steady(Instant::now(), 31, interval);
        pace.on_picture(last + bound + Duration::from_millis(1));
        assert_eq!(pace.freezes(), 1);
        assert_eq!(pace.frozen(), bound + Duration::from_millis(1));
    }
}
