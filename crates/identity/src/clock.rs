//! The time of day, for what is kept in files.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970 (UTC), by this computer's clock, which may be wrong.
pub fn unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
