//! Whether a camera can be seen, so that nobody sends or decodes what nobody sees.
//!
//! In sight counts at once; out of sight only when it lasts, so that scrolling past a tile stops no
//! stream.

use super::{Wish, rest};

/// Out of sight for this long, seconds, a camera is hidden.
const PATIENCE: f64 = 1.0;

/// One camera's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sight {
    /// A node sends pictures until told otherwise.
    told: bool,
    /// Out of sight since, on egui's clock in seconds.
    missed: Option<f64>,
}

impl Default for Sight {
    fn default() -> Self {
        Self { told: true, missed: None }
    }
}

impl Sight {
    /// A pass at `now` on egui's clock painted the camera somewhere, or not.
    pub(crate) fn update(&mut self, seen: bool, now: f64) -> Wish<bool> {
        if seen {
            self.missed = None;
            return self.tell(true);
        }
        let since = *self.missed.get_or_insert(now);
        match rest(since + PATIENCE, now) {
            Some(rest) if self.told => Wish::Later(rest),
            Some(_) => Wish::Keep,
            None => self.tell(false),
        }
    }

    fn tell(&mut self, visible: bool) -> Wish<bool> {
        if std::mem::replace(&mut self.told, visible) == visible {
            return Wish::Keep;
        }
        Wish::Tell(visible)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_is_seen_is_told_only_after_it_was_hidden() {
        let mut sight = Sight::default();
        assert_eq!(sight.update(true, 0.0), Wish::Keep);
        assert_eq!(sight.update(false, 0.25), Wish::Later(Duration::from_secs(1)));
        assert_eq!(sight.update(false, 1.0), Wish::Later(Duration::from_millis(250)));
        assert_eq!(sight.update(false, 1.25), Wish::Tell(false));
        assert_eq!(sight.update(false, 9.0), Wish::Keep);
        assert_eq!(sight.update(true, 9.0), Wish::Tell(true));
        assert_eq!(sight.update(true, 9.5), Wish::Keep);
    }

    #[test]
    fn scrolling_past_a_tile_stops_nothing() {
        let mut sight = Sight::default();
        for step in 0..100 {
            let told = sight.update(step % 3 == 0, f64::from(step) * 0.3);
            assert!(!matches!(told, Wish::Tell(_)), "{told:?}");
        }
    }

    #[test]
    fn a_camera_that_was_never_in_sight_is_hidden_too() {
        let mut sight = Sight::default();
        assert_eq!(sight.update(false, 7.0), Wish::Later(Duration::from_secs(1)));
        assert_eq!(sight.update(false, 8.0), Wish::Tell(false));
    }

    #[test]
    fn a_camera_that_stood_still_in_sight_is_not_hidden_at_its_first_miss() {
        let mut sight = Sight::default();
        assert_eq!(sight.update(true, 0.0), Wish::Keep);
        assert_eq!(sight.update(false, 30.0), Wish::Later(Duration::from_secs(1)));
    }
}
