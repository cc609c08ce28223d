//! When to try again: at once, then at growing intervals with jitter, so that a room full of
//! viewers does not knock in step after a power cut.

use std::time::{Duration, Instant};

use fastrand::Rng;

/// The first interval after the immediate try.
const FIRST: Duration = Duration::from_millis(250);
/// The longest interval: with its jitter, and an attempt that fails just now, whoever is there again is
/// found within 10 s without any sign.
pub(crate) const LONGEST: Duration = Duration::from_secs(5);
/// The same where nothing says that anybody is there.
pub(crate) const LONGEST_UNSEEN: Duration = Duration::from_secs(15);
/// Signs of life reset the intervals, but tries never come closer than this.
const CLOSEST: Duration = Duration::from_millis(250);

/// The retry state of one thing.
#[derive(Debug, Clone)]
pub(crate) struct Backoff {
    failures: u32,
    last_try: Option<Instant>,
    due: Instant,
}

impl Backoff {
    /// Due at `due`, with no failure yet.
    pub(crate) fn starting(due: Instant) -> Self {
        Self { failures: 0, last_try: None, due }
    }

    /// Whether a try has failed since the last success.
    pub(crate) fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// When the next try is due.
    pub(crate) fn due(&self) -> Instant {
        self.due
    }

    /// Notes a try. Until [`failed`](Self::failed) sets a time, the next is the longest away.
    pub(crate) fn tried(&mut self, now: Instant) {
        self.last_try = Some(now);
        self.due = now + LONGEST;
    }

    /// Notes a failure: the interval doubles up to `longest`, ±25 %.
    pub(crate) fn failed(&mut self, now: Instant, rng: &mut Rng, longest: Duration) {
        let interval = FIRST.saturating_mul(1 << self.failures.min(6)).min(longest);
        self.failures = self.failures.saturating_add(1);
        self.due = now + interval.mul_f64(0.75 + 0.5 * rng.f64());
    }

    /// Notes success: the next failure starts from the shortest interval again.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// A sign of life: the next try is due now, but not closer than [`CLOSEST`] to the last.
    pub(crate) fn hurry(&mut self, now: Instant) {
        self.failures = 0;
        let earliest = self.last_try.map_or(now, |last| (last + CLOSEST).max(now));
        self.due = self.due.min(earliest);
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests need a first instant")]
mod tests {
    use super::*;

    #[test]
    fn intervals_grow_to_a_bound_and_are_spread() {
        let start = Instant::now();
        let mut first_waits = Vec::new();
        for seed in 0..20 {
            let (mut backoff, mut rng, mut now) =
                (Backoff::starting(start), Rng::with_seed(seed), start);
            for attempt in 0..12 {
                backoff.tried(now);
                backoff.failed(now, &mut rng, LONGEST);
                let wait = backoff.due() - now;
                assert!(wait <= LONGEST.mul_f64(1.25), "{wait:?}");
                if attempt == 0 {
                    first_waits.push(wait);
                }
                now = backoff.due();
            }
            assert!(backoff.due() - start > LONGEST * 3);
        }
        first_waits.sort();
        first_waits.dedup();
        assert!(first_waits.len() > 15, "jitter differs between seeds");
    }

    #[test]
    fn a_flood_of_signs_of_life_does_not_make_a_flood_of_tries() {
        let now = Instant::now();
        let mut backoff = Backoff::starting(now);
        backoff.tried(now);
        for _ in 0..1000 {
            backoff.hurry(now);
        }
        assert_eq!(backoff.due(), now + CLOSEST);
    }
}
