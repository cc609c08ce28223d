//! Refusals that are told: a flood of them must not wash away what matters more.

use std::time::{Duration, Instant};

/// Told at most so many in each [`WINDOW`].
const TOLD_MAX: u32 = 10;
const WINDOW: Duration = Duration::from_secs(1);

/// How many were told lately, and how many were not.
pub(crate) struct Refusals {
    window: Option<Instant>,
    told: u32,
    untold: u64,
}

impl Refusals {
    pub(crate) fn new() -> Self {
        Self { window: None, told: 0, untold: 0 }
    }

    /// The reason as it is to be told, with how many were not since; `None` if this one is not.
    pub(crate) fn tell(&mut self, reason: String, now: Instant) -> Option<String> {
        if self.window.is_none_or(|begin| now >= begin + WINDOW) {
            (self.window, self.told) = (Some(now), 0);
        }
        if self.told >= TOLD_MAX {
            self.untold += 1;
            return None;
        }
        self.told += 1;
        match std::mem::take(&mut self.untold) {
            0 => Some(reason),
            untold => Some(format!("{reason} (and {untold} more before it)")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_told_in_part_and_then_counted() {
        let (mut refusals, now) = (Refusals::new(), Instant::now());
        let told = (0..100).filter_map(|_| refusals.tell("no".into(), now)).count();
        assert_eq!(told, TOLD_MAX as usize);
        let next = refusals.tell("no".into(), now + WINDOW);
        assert_eq!(next.as_deref(), Some("no (and 90 more before it)"));
        assert_eq!(refusals.tell("no".into(), now + WINDOW).as_deref(), Some("no"));
    }
}
