//! When a picture was taken, in the two clocks that matter.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The moment of capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaptureTime {
    /// Monotonic, for intervals and RTP timestamps on the machine that captured.
    pub instant: Instant,
    /// CLOCK_REALTIME in µs since 1970, for latency between machines.
    pub unix_us: u64,
}

impl CaptureTime {
    /// Both clocks, read now.
    pub fn now() -> Self {
        Self { instant: Instant::now(), unix_us: now_unix_us() }
    }

    /// The moment in RTP media time: 90 kHz ticks (RFC 6184 section 5.1), wrapping.
    ///
    /// The origin is fixed for the whole process, so that all layers of a camera share one clock
    /// and a viewer's timestamps run on when it is switched between them.
    pub fn media_time(self) -> u32 {
        static ORIGIN: OnceLock<Instant> = OnceLock::new();
        media_time_since(*ORIGIN.get_or_init(|| self.instant), self.instant)
    }
}

fn media_time_since(origin: Instant, instant: Instant) -> u32 {
    // 9 ticks in 100 µs. The cast wraps, as RTP timestamps do.
    let ticks = |since: Duration| (since.as_nanos() * 9 / 100_000) as u32;
    match instant.checked_duration_since(origin) {
        Some(since) => ticks(since),
        None => 0u32.wrapping_sub(ticks(origin.duration_since(instant))),
    }
}

/// CLOCK_REALTIME in µs since 1970; 0 for a clock set before that.
pub fn now_unix_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_time_counts_90_000_ticks_a_second_and_wraps() {
        let origin = Instant::now();
        let at = |since| media_time_since(origin, origin + since);
        assert_eq!(at(Duration::ZERO), 0);
        assert_eq!(at(Duration::from_millis(1)), 90);
        assert_eq!(at(Duration::from_secs(1)), 90_000);
        let wrap = Duration::from_nanos((1 << 32) * 100_000 / 9 + 100_000);
        assert!(at(wrap) < 20);
    }

    #[test]
    fn a_moment_before_the_origin_lies_before_it() {
        let later = Instant::now() + Duration::from_secs(5);
        let earlier = media_time_since(later, later - Duration::from_millis(10));
        assert_eq!(earlier, 0u32.wrapping_sub(900));
    }

    #[test]
    fn pictures_of_two_encoders_share_one_clock() {
        let first = CaptureTime::now();
        let later = CaptureTime { instant: first.instant + Duration::from_secs(2), ..first };
        assert_eq!(later.media_time().wrapping_sub(first.media_time()), 180_000);
    }
}
