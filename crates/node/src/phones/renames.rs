//! When a camera that has another name comes back by it.
//!
//! For others a new name is a goodbye and a new start, so somebody who types and tries costs one of them:
//! for the name that stands in the end. Sans-IO; whether there is anything to do at all, the camera's
//! own name tells.

use std::time::{Duration, Instant};

/// No further name comes for this long: that was the last one.
const QUIET: Duration = Duration::from_millis(300);
/// Between two starts, and the longest that a burst is waited for.
const SPACING: Duration = Duration::from_secs(2);

/// The names of one camera, as moments.
#[derive(Debug, Default)]
pub(super) struct Renames {
    /// The first and the last of those that wait.
    waiting: Option<(Instant, Instant)>,
    done: Option<Instant>,
}

impl Renames {
    /// There is a newer name.
    pub(super) fn on_name(&mut self, now: Instant) {
        let first = self.waiting.map_or(now, |(first, _)| first);
        self.waiting = Some((first, now));
    }

    /// When the camera is to take the newest name.
    pub(super) fn due(&self) -> Option<Instant> {
        let (first, last) = self.waiting?;
        let settled = (last + QUIET).min(first + SPACING);
        Some(self.done.map_or(settled, |done| settled.max(done + SPACING)))
    }

    /// The camera has taken the newest name.
    pub(super) fn on_done(&mut self, now: Instant) {
        self.waiting = None;
        self.done = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often the camera starts anew when a name comes every `every` for `time`.
    fn restarts(every: Duration, time: Duration) -> usize {
        let (mut renames, began) = (Renames::default(), Instant::now());
        let (mut count, mut name_at) = (0, began);
        let (mut now, step) = (began, Duration::from_millis(10));
        while now < began + time || renames.due().is_some() {
            if now >= name_at && now < began + time {
                renames.on_name(now);
                name_at += every;
            }
            if renames.due().is_some_and(|due| due <= now) {
                renames.on_done(now);
                count += 1;
            }
            now += step;
        }
        count
    }

    #[test]
    fn a_single_name_is_taken_at_once_or_nearly() {
        let (mut renames, now) = (Renames::default(), Instant::now());
        assert_eq!(renames.due(), None);
        renames.on_name(now);
        assert_eq!(renames.due(), Some(now + QUIET));
        renames.on_done(now + QUIET);
        assert_eq!(renames.due(), None);
    }

    #[test]
    fn a_burst_of_names_costs_one_start() {
        assert_eq!(restarts(Duration::from_millis(50), Duration::from_millis(1500)), 1);
    }

    #[test]
    fn names_that_never_stop_cost_a_start_every_two_seconds_and_no_more() {
        let restarts_of = |every_ms| restarts(Duration::from_millis(every_ms), 10 * SPACING);
        assert!((9..=11).contains(&restarts_of(10)), "{}", restarts_of(10));
        assert!((9..=11).contains(&restarts_of(500)), "{}", restarts_of(500));
    }
}
