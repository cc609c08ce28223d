//! Decisions of a moment ago that the snapshot does not show yet.
//!
//! What was decided leaves the window at once. A wish may be dropped on its way, so it comes back
//! when the snapshot still lists it some seconds later; then somebody can decide again.

use std::collections::BTreeMap;
use std::time::Duration;

use lanlens_model::{Code, Command, DeviceId};

/// For how long the snapshot may lag behind, seconds.
const LAG: f64 = 5.0;

/// What somebody decided about a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) device: DeviceId,
    pub(crate) name: String,
    pub(crate) allow: bool,
    /// The codes that were on the screen.
    pub(crate) codes: Vec<Code>,
}

impl Decision {
    /// The wish that it is.
    pub(crate) fn command(self) -> Command {
        let Self { device, name, allow, codes } = self;
        match allow {
            true => Command::Allow { device, name, codes },
            false if codes.is_empty() => Command::Remove { device, name },
            false => Command::Deny { device, name },
        }
    }
}

/// The devices decided about, each with the time of the decision, seconds on egui's clock.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    made: BTreeMap<DeviceId, f64>,
}

impl Recent {
    /// A decision was made.
    pub(crate) fn note(&mut self, device: DeviceId, now: f64) {
        self.made.insert(device, now);
    }

    /// Forgets decisions that had their effect, or had none for too long.
    pub(crate) fn begin(&mut self, mut listed: impl FnMut(DeviceId) -> bool, now: f64) {
        self.made.retain(|device, at| now - *at < LAG && listed(*device));
    }

    /// Whether a device that the snapshot lists is not to be shown.
    pub(crate) fn hides(&self, device: DeviceId) -> bool {
        self.made.contains_key(&device)
    }

    /// When a device comes back unless the snapshot changes.
    pub(crate) fn changes_in(&self, now: f64) -> Option<Duration> {
        let first = self.made.values().copied().reduce(f64::min)?;
        Some(Duration::from_secs_f64((first + LAG - now).clamp(0.0, LAG)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: DeviceId = DeviceId::from_bytes([1; 16]);

    #[test]
    fn a_decision_without_effect_can_be_made_again() {
        let mut recent = Recent::default();
        recent.note(ANN, 10.0);
        recent.begin(|_| true, 11.0);
        assert!(recent.hides(ANN));
        assert_eq!(recent.changes_in(11.0), Some(Duration::from_secs(4)));
        recent.begin(|_| true, 15.0);
        assert!(!recent.hides(ANN));
        assert_eq!(recent.changes_in(15.0), None);
    }

    #[test]
    fn who_asks_once_more_after_the_list_was_empty_is_shown_at_once() {
        let mut recent = Recent::default();
        recent.note(ANN, 10.0);
        recent.begin(|_| false, 11.0);
        assert!(!recent.hides(ANN));
    }
}
