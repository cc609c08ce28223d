//! How far the peer's clock is from ours, from pings. Sans-IO.
//!
//! Four timestamps a ping (RFC 5905 section 8): sent and answered by our clock, received and
//! answered by the peer's. Delay on the way there and on the way back cannot be told apart, so a
//! sample is wrong by up to half its round trip: the sample with the smallest one of the last
//! [`SAMPLES`] counts.

use std::collections::VecDeque;
use std::time::Duration;

/// Pings that are remembered: 16 s.
const SAMPLES: usize = 16;
/// A sample further from the estimate than this, beyond what its round trip explains, means that
/// somebody set a clock: the old samples say nothing any more.
const JUMP: Duration = Duration::from_millis(50);
/// Half a round trip longer than this leaves the offset unknown.
const ERROR_MAX: Duration = Duration::from_millis(20);

/// What is known of the peer's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockEstimate {
    /// Peer's clock minus ours, µs.
    pub offset_us: i64,
    /// The round trip of the sample that this comes from.
    pub rtt: Duration,
    /// Whether the offset is good enough to compute a latency with (wrong by 20 ms at most).
    pub known: bool,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    offset_us: i64,
    rtt: Duration,
}

/// The filter of one link.
#[derive(Debug, Default)]
pub struct ClockFilter {
    samples: VecDeque<Sample>,
}

impl ClockFilter {
    /// One answered ping: when it left by our clock (µs since 1970), how long the answer took by
    /// our monotonic clock, and the peer's two times. `None` for times that cannot be.
    pub fn handle_pong(
        &mut self,
        t1: u64,
        elapsed: Duration,
        t2: u64,
        t3: u64,
    ) -> Option<ClockEstimate> {
        let at_peer = Duration::from_micros(t3.checked_sub(t2)?);
        let rtt = elapsed.checked_sub(at_peer)?;
        let t4 = i128::from(t1) + i128::try_from(elapsed.as_micros()).ok()?;
        let twice = (i128::from(t2) - i128::from(t1)) + (i128::from(t3) - t4);
        let sample = Sample { offset_us: i64::try_from(twice / 2).ok()?, rtt };
        if self.best().is_some_and(|best| is_jump(best, sample)) {
            self.samples.clear();
        }
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
        let best = self.best()?;
        let known = best.rtt / 2 <= ERROR_MAX;
        Some(ClockEstimate { offset_us: best.offset_us, rtt: best.rtt, known })
    }

    /// The smallest round trip; of equal ones the newest.
    fn best(&self) -> Option<Sample> {
        self.samples.iter().rev().min_by_key(|sample| sample.rtt).copied()
    }
}

fn is_jump(best: Sample, new: Sample) -> bool {
    let difference = Duration::from_micros(best.offset_us.abs_diff(new.offset_us));
    difference > JUMP + new.rtt / 2 + best.rtt / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    const T1: u64 = 1_700_000_000_000_000;

    /// A ping to a peer whose clock is `offset_us` ahead, with these delays in ms.
    fn ping(
        filter: &mut ClockFilter,
        offset_us: i64,
        there_ms: u64,
        back_ms: u64,
    ) -> ClockEstimate {
        let t2 = (T1 + there_ms * 1000).saturating_add_signed(offset_us);
        let t3 = t2 + 500;
        let elapsed = Duration::from_millis(there_ms + back_ms) + Duration::from_micros(500);
        filter.handle_pong(T1, elapsed, t2, t3).unwrap()
    }

    #[test]
    fn a_symmetric_way_gives_the_exact_offset() {
        for offset_us in [0, 7_000_000, -7_000_000] {
            let estimate = ping(&mut ClockFilter::default(), offset_us, 2, 2);
            let expected = ClockEstimate { offset_us, rtt: Duration::from_millis(4), known: true };
            assert_eq!(estimate, expected);
        }
    }

    #[test]
    fn a_slow_answer_does_not_spoil_a_good_sample_until_it_is_old() {
        let mut filter = ClockFilter::default();
        ping(&mut filter, 1_000, 1, 1);
        for _ in 1..SAMPLES {
            assert_eq!(ping(&mut filter, 1_000, 1, 30).offset_us, 1_000);
        }
        let estimate = ping(&mut filter, 1_000, 1, 30);
        assert_eq!(estimate.offset_us, 1_000 - 14_500);
        assert_eq!(estimate.rtt, Duration::from_millis(31));
    }

    #[test]
    fn the_offset_is_unknown_when_the_way_takes_too_long() {
        assert!(ping(&mut ClockFilter::default(), 0, 20, 20).known);
        assert!(!ping(&mut ClockFilter::default(), 0, 21, 20).known);
    }

    #[test]
    fn a_clock_that_is_set_is_followed_at_once_and_jitter_is_not_taken_for_it() {
        let mut filter = ClockFilter::default();
        ping(&mut filter, 0, 1, 1);
        assert_eq!(ping(&mut filter, 40_000, 2, 2).offset_us, 0);
        assert_eq!(ping(&mut filter, 0, 300, 1).offset_us, 0);
        assert_eq!(ping(&mut filter, 3_600_000_000, 2, 2).offset_us, 3_600_000_000);
    }

    #[test]
    fn impossible_times_are_no_sample() {
        let mut filter = ClockFilter::default();
        let ms = Duration::from_millis;
        assert_eq!(filter.handle_pong(T1, ms(5), T1, T1 - 1), None);
        assert_eq!(filter.handle_pong(T1, ms(5), T1, T1 + 6_000), None);
        assert_eq!(filter.handle_pong(T1, ms(5), u64::MAX, u64::MAX), None);
        assert!(filter.handle_pong(0, ms(5), 0, 0).is_some());
    }
}
