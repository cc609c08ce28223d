//! A token bucket: bursts pass, floods do not. Sans-IO.

use std::time::Duration;

use tokio::time::Instant;

/// Holds at most `burst` tokens and gains `per_second` each second.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    burst: f64,
    per_second: f64,
    tokens: f64,
    filled_at: Instant,
}

impl TokenBucket {
    /// A full bucket.
    pub(crate) fn new(burst: u32, per_second: u32, now: Instant) -> Self {
        let burst = f64::from(burst);
        Self { burst, per_second: f64::from(per_second), tokens: burst, filled_at: now }
    }

    /// Takes one token; `false` if there is none.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let passed: Duration = now.saturating_duration_since(self.filled_at);
        self.filled_at = now;
        self.tokens = (self.tokens + passed.as_secs_f64() * self.per_second).min(self.burst);
        let some = self.tokens >= 1.0;
        if some {
            self.tokens -= 1.0;
        }
        some
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanlens_model::limits::{MESSAGE_BURST_MAX, MESSAGES_PER_SECOND_MAX};

    #[test]
    fn a_burst_passes_and_one_more_does_not() {
        let now = Instant::now();
        let mut bucket = TokenBucket::new(MESSAGE_BURST_MAX, MESSAGES_PER_SECOND_MAX, now);
        assert!((0..MESSAGE_BURST_MAX).all(|_| bucket.take(now)));
        assert!(!bucket.take(now));
    }

    #[test]
    fn after_a_burst_the_steady_rate_passes_and_a_higher_one_does_not() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(10, 50, start);
        assert!((0..10).all(|_| bucket.take(start)));
        let mut now = start;
        for _ in 0..1000 {
            now += Duration::from_millis(20);
            assert!(bucket.take(now));
        }
        let passed = (0..100).filter(|_| {
            now += Duration::from_millis(10);
            bucket.take(now)
        });
        assert!(passed.count() <= 51);
    }
}
