//! How long and how often to measure.

use std::time::Duration;

/// What the command line says of every row.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// Measure for so many seconds in place of a row's own time.
    pub seconds: Option<u32>,
    /// Repeat so many times in place of a row's own number.
    pub runs: Option<u32>,
    /// Only see that a row runs: short, with fewer cameras and viewers. The figures mean nothing.
    pub quick: bool,
}

impl Settings {
    /// As tests run every row.
    pub fn quick() -> Self {
        Self { seconds: Some(2), runs: Some(1), quick: true }
    }

    /// How long to measure, for a row that usually takes this long.
    pub fn seconds(self, usual: u32) -> u32 {
        self.seconds.unwrap_or(usual)
    }

    /// As [`Settings::seconds`].
    pub fn time(self, usual: u32) -> Duration {
        Duration::from_secs(self.seconds(usual).into())
    }

    /// How often to repeat, for a row that usually does so often.
    pub fn runs(self, usual: u32) -> u32 {
        self.runs.unwrap_or(usual)
    }

    /// How many cameras or viewers, for a row that usually has so many.
    pub fn count(self, usual: usize) -> usize {
        if self.quick { usual.min(2) } else { usual }
    }

    /// How long a system may settle before it is measured.
    pub fn settle(self) -> Duration {
        Duration::from_secs(if self.quick { 0 } else { 3 })
    }
}
