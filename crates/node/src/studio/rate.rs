//! Who gets which layer, and how many bits each layer gets, from what the viewers' paths carry.
//!
//! An encoder serves many: it must not starve all for the slowest path, nor flood that one. So a
//! viewer whose path is far behind the others' moves to the low layer, and one below that gets
//! keyframes only; what is left of a layer is encoded for the slowest of its viewers. A viewer that
//! was moved is tried again on the high layer when its estimate says so, later and later where that
//! fails.
//!
//! Sans-IO: time comes in as an argument.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lanlens_model::Layer;

use super::fanout::{ViewerId, Want};

/// A viewer with less than this share of what the others have moves to the low layer.
const SHARE_MIN: f64 = 0.6;
/// Below this the high layer is worth less than the low one, kbit/s.
const HIGH_KBPS_MIN: u32 = 400;
/// Of what a path is said to carry, the part that pictures may use: packets have headers, and what
/// was lost is sent again.
const HEADROOM: f64 = 0.9;
/// No encoder is asked for less, kbit/s: what comes out could not be recognised.
const KBPS_MIN: u32 = 60;
/// A viewer stays on the low layer at least this long, doubled each time that the high one fails.
const WAIT_MIN: Duration = Duration::from_secs(10);
const WAIT_MAX: Duration = Duration::from_secs(160);
/// After this long on the high layer the path counts as good again.
const FORGIVEN: Duration = Duration::from_secs(60);

/// The best that a viewer's path allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    High,
    Low,
    Keyframes,
}

#[derive(Debug)]
struct Viewer {
    wish: Layer,
    visible: bool,
    estimate_kbps: Option<u32>,
    verdict: Verdict,
    /// When the verdict changed.
    since: Instant,
    wait: Duration,
}

impl Viewer {
    fn want(&self, one_layer: bool) -> Want {
        let layer = if one_layer { Layer::High } else { Layer::Low };
        match (self.visible, self.verdict, self.wish) {
            (false, ..) => Want::Nothing,
            (true, Verdict::Keyframes, _) => Want::Keyframes(layer),
            (true, Verdict::High, Layer::High) => Want::All(Layer::High),
            (true, Verdict::Low, _) | (true, Verdict::High, Layer::Low) => Want::All(layer),
        }
    }

    fn decide(&mut self, verdict: Verdict, now: Instant) {
        if self.verdict == Verdict::High {
            let was_good = now.saturating_duration_since(self.since) >= FORGIVEN;
            self.wait = if was_good { WAIT_MIN } else { (self.wait * 2).min(WAIT_MAX) };
        }
        (self.verdict, self.since) = (verdict, now);
    }
}

/// What each layer may use, kbit/s.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ceilings {
    pub(crate) high: u32,
    pub(crate) low: u32,
    /// The camera's picture is so small that there is no other layer.
    pub(crate) one_layer: bool,
}

/// Decides for all viewers of one camera.
#[derive(Debug)]
pub(crate) struct RateControl {
    ceilings: Ceilings,
    viewers: BTreeMap<ViewerId, Viewer>,
}

impl RateControl {
    pub(crate) fn new(ceilings: Ceilings) -> Self {
        Self { ceilings, viewers: BTreeMap::new() }
    }

    /// The camera's picture has another size than was thought.
    pub(crate) fn set_ceilings(&mut self, ceilings: Ceilings) {
        self.ceilings = ceilings;
    }

    pub(crate) fn join(&mut self, id: ViewerId, wish: Layer, now: Instant) {
        // The first failure waits as long as it says there; `decide` doubles it before.
        let wait = WAIT_MIN / 2;
        let viewer = Viewer {
            wish,
            visible: true,
            estimate_kbps: None,
            verdict: Verdict::High,
            since: now,
            wait,
        };
        self.viewers.insert(id, viewer);
    }

    pub(crate) fn leave(&mut self, id: ViewerId) {
        self.viewers.remove(&id);
    }

    pub(crate) fn set_wish(&mut self, id: ViewerId, wish: Layer) {
        if let Some(viewer) = self.viewers.get_mut(&id) {
            viewer.wish = wish;
        }
    }

    pub(crate) fn set_visible(&mut self, id: ViewerId, visible: bool) {
        if let Some(viewer) = self.viewers.get_mut(&id) {
            viewer.visible = visible;
        }
    }

    /// What a viewer's path seems to carry. `true` where this moved it.
    pub(crate) fn report(&mut self, id: ViewerId, estimate_kbps: u32, now: Instant) -> bool {
        let Some(viewer) = self.viewers.get_mut(&id) else { return false };
        viewer.estimate_kbps = Some(estimate_kbps);
        let (before, since) = (viewer.verdict, viewer.since);
        let Ceilings { high, low, .. } = self.ceilings;
        let enough_for_high = self.enough_for_high(id);
        let verdict = match before {
            Verdict::High if estimate_kbps >= enough_for_high => Verdict::High,
            Verdict::High => Verdict::Low,
            _ if f64::from(estimate_kbps) < f64::from(low) * SHARE_MIN => Verdict::Keyframes,
            // Not at once again: somewhat more than it was sent away for.
            Verdict::Keyframes if estimate_kbps < low => Verdict::Keyframes,
            Verdict::Keyframes => Verdict::Low,
            Verdict::Low => {
                let waited = now.saturating_duration_since(since) >= self.wait_of(id);
                let good = estimate_kbps >= high.min(enough_for_high * 2);
                if waited && good { Verdict::High } else { Verdict::Low }
            }
        };
        if verdict != before
            && let Some(viewer) = self.viewers.get_mut(&id)
        {
            viewer.decide(verdict, now);
        }
        verdict != before
    }

    /// What a viewer is to get.
    pub(crate) fn want(&self, id: ViewerId) -> Want {
        let one_layer = self.ceilings.one_layer;
        self.viewers.get(&id).map_or(Want::Nothing, |viewer| viewer.want(one_layer))
    }

    pub(crate) fn wants(&self) -> impl Iterator<Item = (ViewerId, Want)> {
        let one_layer = self.ceilings.one_layer;
        self.viewers.iter().map(move |(id, viewer)| (*id, viewer.want(one_layer)))
    }

    /// What a layer's encoder is to make, kbit/s: for the slowest of those who get all of it.
    pub(crate) fn kbps(&self, layer: Layer) -> u32 {
        let ceiling = self.ceiling(layer);
        self.carried_kbps(layer).map_or(ceiling, |kbps| kbps.min(ceiling))
    }

    /// What the slowest path of those carries who get all of a layer, kbit/s, as far as it is known.
    pub(crate) fn carried_kbps(&self, layer: Layer) -> Option<u32> {
        let one_layer = self.ceilings.one_layer;
        let on_it = self.viewers.values().filter(|v| v.want(one_layer) == Want::All(layer));
        let slowest = on_it.filter_map(|viewer| viewer.estimate_kbps).min()?;
        Some(((f64::from(slowest) * HEADROOM) as u32).max(KBPS_MIN))
    }

    fn ceiling(&self, layer: Layer) -> u32 {
        match layer {
            Layer::High => self.ceilings.high,
            Layer::Low => self.ceilings.low,
        }
    }

    fn wait_of(&self, id: ViewerId) -> Duration {
        self.viewers.get(&id).map_or(WAIT_MAX, |viewer| viewer.wait)
    }

    /// A viewer below this, kbit/s, is no longer served by the high layer.
    fn enough_for_high(&self, id: ViewerId) -> u32 {
        let high = self.ceilings.high;
        let others = self.viewers.iter().filter(|(other, viewer)| {
            **other != id && viewer.want(self.ceilings.one_layer) == Want::All(Layer::High)
        });
        // More than the layer needs is no advantage of anybody's.
        let mut others: Vec<u32> =
            others.map(|(_, viewer)| viewer.estimate_kbps.unwrap_or(high).min(high)).collect();
        others.sort_unstable();
        let median = others.get(others.len() / 2).copied().unwrap_or_default();
        let alone = HIGH_KBPS_MIN.min((f64::from(high) * SHARE_MIN) as u32);
        alone.max((f64::from(median) * SHARE_MIN) as u32)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests need a first instant")]
mod tests {
    use super::*;

    const HIGH: Want = Want::All(Layer::High);
    const LOW: Want = Want::All(Layer::Low);
    const SECOND: Duration = Duration::from_secs(1);

    /// Viewers 0, 1, … who all wish for the high layer.
    fn control(viewers: u64, now: Instant) -> RateControl {
        let mut control = RateControl::new(Ceilings { high: 1000, low: 200, one_layer: false });
        (0..viewers).for_each(|id| control.join(ViewerId(id), Layer::High, now));
        control
    }

    #[test]
    fn without_a_report_everyone_gets_what_they_wish_for_at_the_ceiling() {
        let mut control = control(2, Instant::now());
        control.set_wish(ViewerId(1), Layer::Low);
        assert_eq!((control.want(ViewerId(0)), control.want(ViewerId(1))), (HIGH, LOW));
        assert_eq!((control.kbps(Layer::High), control.kbps(Layer::Low)), (1000, 200));
    }

    #[test]
    fn the_encoder_follows_the_slowest_path_of_its_layer_and_never_passes_the_ceiling() {
        let now = Instant::now();
        let mut control = control(2, now);
        control.report(ViewerId(0), 20_000, now);
        control.report(ViewerId(1), 800, now);
        assert_eq!(control.kbps(Layer::High), 720);
        control.report(ViewerId(1), 20_000, now);
        assert_eq!(control.kbps(Layer::High), 1000);
    }

    #[test]
    fn a_path_far_behind_the_others_moves_to_low_and_slows_nobody() {
        let now = Instant::now();
        let mut control = control(3, now);
        control.report(ViewerId(0), 5000, now);
        control.report(ViewerId(1), 900, now);
        assert!(control.report(ViewerId(2), 300, now));
        assert_eq!(control.want(ViewerId(2)), LOW);
        assert_eq!((control.want(ViewerId(0)), control.want(ViewerId(1))), (HIGH, HIGH));
        assert_eq!((control.kbps(Layer::High), control.kbps(Layer::Low)), (810, 200));
    }

    #[test]
    fn alone_a_slow_path_gets_high_down_to_400_kbit_s() {
        let now = Instant::now();
        let mut control = control(1, now);
        assert!(!control.report(ViewerId(0), 450, now));
        assert_eq!(control.kbps(Layer::High), 405);
        assert!(control.report(ViewerId(0), 350, now));
        assert_eq!(control.want(ViewerId(0)), LOW);
    }

    #[test]
    fn a_small_ceiling_sends_nobody_away() {
        let now = Instant::now();
        let mut control = control(1, now);
        control.set_ceilings(Ceilings { high: 300, low: 100, one_layer: false });
        control.report(ViewerId(0), 350, now);
        assert_eq!(control.want(ViewerId(0)), HIGH);
    }

    #[test]
    fn below_low_there_are_keyframes_until_the_path_carries_all_of_low() {
        let now = Instant::now();
        let mut control = control(1, now);
        control.report(ViewerId(0), 100, now);
        control.report(ViewerId(0), 100, now);
        assert_eq!(control.want(ViewerId(0)), Want::Keyframes(Layer::Low));
        control.report(ViewerId(0), 150, now);
        assert_eq!(control.want(ViewerId(0)), Want::Keyframes(Layer::Low));
        control.report(ViewerId(0), 200, now);
        assert_eq!(control.want(ViewerId(0)), LOW);
    }

    #[test]
    fn high_is_tried_again_later_and_later_and_soon_again_after_a_good_minute() {
        let mut now = Instant::now();
        let mut control = control(1, now);
        let mut waits = Vec::new();
        for _ in 0..6 {
            control.report(ViewerId(0), 300, now);
            assert_eq!(control.want(ViewerId(0)), LOW);
            let sent_away = now;
            while control.want(ViewerId(0)) == LOW {
                now += SECOND;
                control.report(ViewerId(0), 2000, now);
            }
            waits.push((now - sent_away).as_secs());
            now += SECOND;
        }
        assert_eq!(waits, [10, 20, 40, 80, 160, 160]);
        now += FORGIVEN;
        control.report(ViewerId(0), 300, now);
        control.report(ViewerId(0), 2000, now + WAIT_MIN);
        assert_eq!(control.want(ViewerId(0)), HIGH);
    }

    #[test]
    fn a_viewer_that_wishes_for_low_is_never_sent_high() {
        let now = Instant::now();
        let mut control = control(1, now);
        control.set_wish(ViewerId(0), Layer::Low);
        control.report(ViewerId(0), 20_000, now + 1000 * SECOND);
        assert_eq!(control.want(ViewerId(0)), LOW);
    }

    #[test]
    fn where_there_is_one_layer_everyone_gets_it() {
        let now = Instant::now();
        let mut control = control(2, now);
        control.set_ceilings(Ceilings { high: 300, low: 300, one_layer: true });
        control.set_wish(ViewerId(1), Layer::Low);
        assert_eq!((control.want(ViewerId(0)), control.want(ViewerId(1))), (HIGH, HIGH));
    }

    #[test]
    fn who_does_not_see_the_picture_gets_nothing_and_slows_nobody() {
        let now = Instant::now();
        let mut control = control(2, now);
        control.report(ViewerId(1), 700, now);
        control.set_visible(ViewerId(1), false);
        assert_eq!(control.want(ViewerId(1)), Want::Nothing);
        assert_eq!(control.kbps(Layer::High), 1000);
        control.set_visible(ViewerId(1), true);
        assert_eq!(control.want(ViewerId(1)), HIGH);
    }
}
