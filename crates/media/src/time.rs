//! When a picture was taken, in the two clocks that matter.

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
}

/// CLOCK_REALTIME in µs since 1970; 0 for a clock set before that.
pub fn now_unix_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
