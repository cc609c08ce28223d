//! Many days, and how many: `LANLENS_SIM_SEEDS` days from `LANLENS_SIM_FIRST` on, or the one day
//! `LANLENS_SIM_SEED`.

use std::env::{VarError, var};
use std::ops::Range;

use crate::day::random_day;

/// Days played unless more or fewer are asked for: about a minute on two cores.
const DEFAULT: u64 = 10_000;
/// Days to play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seeds(Range<u64>);

impl Seeds {
    /// As the environment says.
    ///
    /// # Errors
    /// Which variable is no number.
    pub fn from_environment() -> Result<Self, String> {
        if let Some(one) = number("LANLENS_SIM_SEED")? {
            return Ok(Self(one..one.saturating_add(1)));
        }
        let first = number("LANLENS_SIM_FIRST")?.unwrap_or(0);
        let count = number("LANLENS_SIM_SEEDS")?.unwrap_or(DEFAULT);
        Ok(Self(first..first.saturating_add(count)))
    }

    /// Plays every `parts`-th of these days, from the `part`-th on, until one fails; how many that
    /// were.
    ///
    /// # Errors
    /// What the day that failed has broken.
    pub fn play(&self, part: u64, parts: u64) -> Result<u64, String> {
        let mut played = 0;
        for seed in self.0.clone().filter(|seed| seed % parts == part) {
            random_day(seed)?;
            played += 1;
        }
        Ok(played)
    }
}

fn number(name: &str) -> Result<Option<u64>, String> {
    match var(name) {
        Err(VarError::NotPresent) => Ok(None),
        Ok(text) => text.parse().map(Some).map_err(|_| format!("{name}={text} is no number")),
        Err(VarError::NotUnicode(_)) => Err(format!("{name} is no number")),
    }
}
