//! Which layer a tile needs.
//!
//! `high` where `low` would be blown up visibly, `low` where `high` would be thrown away, and
//! between the two whatever it is already. The camera switches at a keyframe, which costs; so a
//! window that is dragged larger and smaller is not followed at every step.

use lanlens_model::Layer;

use super::{Wish, rest};

/// A picture this many times as tall as `low` needs `high`.
const HIGH_FROM: f32 = 1.4;
/// And below this no longer.
const LOW_BELOW: f32 = 1.15;
/// Between two wishes, seconds.
const HOLD: f64 = 1.0;

/// How a camera is seen in a pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Need {
    /// One camera has the stage.
    Whole,
    /// A tile whose picture is this many times as tall as the camera's `low`.
    Scaled(f32),
}

/// One camera's wish.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LayerWish {
    /// Nothing at first, so that the first layout tells.
    told: Option<Layer>,
    /// On egui's clock, seconds.
    changed: Option<f64>,
}

impl LayerWish {
    /// A camera was laid out, at `now` on egui's clock.
    pub(crate) fn update(&mut self, need: Need, now: f64) -> Wish<Layer> {
        let fits = match (need, self.told) {
            (Need::Whole, _) => Layer::High,
            (Need::Scaled(times), Some(Layer::High)) if times >= LOW_BELOW => Layer::High,
            (Need::Scaled(times), _) if times > HIGH_FROM => Layer::High,
            (Need::Scaled(_), _) => Layer::Low,
        };
        if self.told == Some(fits) {
            return Wish::Keep;
        }
        let held = self.changed.and_then(|changed| rest(changed + HOLD, now));
        match held {
            // Somebody wants to look closely, and that now.
            Some(held) if need != Need::Whole => Wish::Later(held),
            _ => {
                (self.told, self.changed) = (Some(fits), Some(now));
                Wish::Tell(fits)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn scaled(wish: &mut LayerWish, times: f32, now: f64) -> Wish<Layer> {
        wish.update(Need::Scaled(times), now)
    }

    #[test]
    fn a_small_tile_never_starts_in_high_and_a_large_one_does() {
        for (times, layer) in [(0.9, Layer::Low), (1.4, Layer::Low), (1.5, Layer::High)] {
            let mut wish = LayerWish::default();
            assert_eq!(scaled(&mut wish, times, 0.0), Wish::Tell(layer));
            assert_eq!(scaled(&mut wish, times, 9.0), Wish::Keep);
        }
    }

    #[test]
    fn between_the_bounds_a_tile_keeps_what_it_has() {
        let mut wish = LayerWish::default();
        assert_eq!(scaled(&mut wish, 3.0, 0.0), Wish::Tell(Layer::High));
        assert_eq!(scaled(&mut wish, 1.16, 5.0), Wish::Keep);
        assert_eq!(scaled(&mut wish, 1.14, 10.0), Wish::Tell(Layer::Low));
        assert_eq!(scaled(&mut wish, 1.39, 20.0), Wish::Keep);
        assert_eq!(scaled(&mut wish, 1.41, 30.0), Wish::Tell(Layer::High));
    }

    #[test]
    fn a_dragged_window_changes_the_wish_at_most_once_a_second() {
        let mut wish = LayerWish::default();
        assert_eq!(scaled(&mut wish, 0.9, 5.0), Wish::Tell(Layer::Low));
        let held = Wish::Later(Duration::from_millis(750));
        assert_eq!(scaled(&mut wish, 3.0, 5.25), held);
        assert_eq!(scaled(&mut wish, 1.0, 5.5), Wish::Keep, "it came back in time");
        assert_eq!(scaled(&mut wish, 3.0, 6.0), Wish::Tell(Layer::High));
        let told = (0..1000)
            .filter(|step| {
                let times = if step % 2 == 0 { 0.5 } else { 3.0 };
                matches!(scaled(&mut wish, times, 10.0 + f64::from(*step) / 100.0), Wish::Tell(_))
            })
            .count();
        assert!((5..=10).contains(&told), "{told} wishes in ten seconds");
    }

    #[test]
    fn a_camera_in_focus_is_high_at_once_and_low_again_a_second_later() {
        let mut wish = LayerWish::default();
        assert_eq!(scaled(&mut wish, 0.5, 0.0), Wish::Tell(Layer::Low));
        assert_eq!(wish.update(Need::Whole, 0.25), Wish::Tell(Layer::High));
        assert_eq!(scaled(&mut wish, 0.5, 0.5), Wish::Later(Duration::from_millis(750)));
        assert_eq!(scaled(&mut wish, 0.5, 1.25), Wish::Tell(Layer::Low));
    }
}
