//! A right that is used up and comes back with time (a token bucket).

use std::time::{Duration, Instant};

/// Holds at most `burst` rights; one comes back every `interval`.
#[derive(Debug)]
pub(crate) struct Quota {
    left: u32,
    /// When the rights that are left were counted.
    counted: Instant,
}

impl Quota {
    /// All rights.
    pub(crate) fn full(burst: u32, now: Instant) -> Self {
        Self { left: burst, counted: now }
    }

    /// Uses one, if there is one.
    pub(crate) fn take(&mut self, burst: u32, interval: Duration, now: Instant) -> bool {
        self.refill(burst, interval, now);
        let some = self.left > 0;
        self.left = self.left.saturating_sub(1);
        some
    }

    /// When one is back, where none was left at the last count.
    pub(crate) fn back_at(&self, interval: Duration) -> Option<Instant> {
        (self.left == 0).then(|| self.counted + interval)
    }

    /// Whether all are back, so that it need not be remembered.
    pub(crate) fn is_full(&mut self, burst: u32, interval: Duration, now: Instant) -> bool {
        self.refill(burst, interval, now);
        self.left >= burst
    }

    fn refill(&mut self, burst: u32, interval: Duration, now: Instant) {
        let passed = now.duration_since(self.counted).as_millis() / interval.as_millis().max(1);
        let back = u32::try_from(passed).unwrap_or(u32::MAX).min(burst);
        if back == 0 {
            return;
        }
        self.left = self.left.saturating_add(back).min(burst);
        // What is left of an interval counts towards the next right.
        self.counted = if self.left == burst { now } else { self.counted + interval * back };
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests need a first instant")]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_passes_and_then_one_at_a_time() {
        let start = Instant::now();
        let mut quota = Quota::full(3, start);
        let passed = (0..5).filter(|_| quota.take(3, SECOND, start)).count();
        assert_eq!(passed, 3);
        assert_eq!(quota.back_at(SECOND), Some(start + SECOND));
        let half = SECOND / 2;
        let passed = (1..=20).filter(|n| quota.take(3, SECOND, start + half * *n)).count();
        assert_eq!(passed, 10);
        assert_eq!(quota.back_at(SECOND), Some(start + SECOND * 11));
        assert!(!quota.is_full(3, SECOND, start + SECOND * 12));
        assert!(quota.is_full(3, SECOND, start + SECOND * 14));
        assert_eq!(quota.back_at(SECOND), None);
    }
}
