//! Merges keyframe requests, so that viewers who join or lose packets together cost one keyframe.
//!
//! Sans-IO: time comes in as an argument.

use std::time::Instant;

use lanlens_model::limits::KEYFRAME_SPACING;

/// Decides which frames of one encoder become keyframes.
///
/// The first request is served with the next frame. A request within
/// [`KEYFRAME_SPACING`] of the keyframe before waits until that time has passed, and all that wait
/// are served by one.
#[derive(Debug, Clone, Default)]
pub struct KeyframeGate {
    wanted: bool,
    served: Option<Instant>,
}

impl KeyframeGate {
    /// Nothing wanted, nothing served.
    pub fn new() -> Self {
        Self::default()
    }

    /// Someone needs a keyframe.
    pub fn request(&mut self) {
        self.wanted = true;
    }

    /// Asked once for each frame: whether it has to be a keyframe. `true` counts as served.
    #[must_use]
    pub fn poll(&mut self, now: Instant) -> bool {
        let spaced = self
            .served
            .is_none_or(|served| now.saturating_duration_since(served) >= KEYFRAME_SPACING);
        let due = self.wanted && spaced;
        if due {
            self.on_keyframe(now);
        }
        due
    }

    /// When the next [`poll`](Self::poll) will say yes; `None` while nobody needs a keyframe. For those
    /// who have no frames to poll with.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let spaced = self.served.map_or(now, |served| served + KEYFRAME_SPACING);
        self.wanted.then(|| spaced.max(now))
    }

    /// A keyframe was made for another reason (the first frame, a new size): it serves all who
    /// wait.
    pub fn on_keyframe(&mut self, now: Instant) {
        self.wanted = false;
        self.served = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const FRAME: Duration = Duration::from_millis(33);

    #[test]
    fn nobody_asks_and_no_keyframe_is_made() {
        let mut gate = KeyframeGate::new();
        assert!(!gate.poll(Instant::now()));
    }

    #[test]
    fn the_first_request_is_served_with_the_next_frame_and_only_once() {
        let (mut gate, now) = (KeyframeGate::new(), Instant::now());
        gate.request();
        assert!(gate.poll(now));
        assert!(!gate.poll(now + FRAME));
        assert!(!gate.poll(now + 100 * FRAME));
    }

    #[test]
    fn requests_soon_after_a_keyframe_are_served_together_when_the_time_has_passed() {
        let (mut gate, start) = (KeyframeGate::new(), Instant::now());
        gate.request();
        assert!(gate.poll(start));
        let mut served = Vec::new();
        for frame in 1..30 {
            if frame < 6 {
                gate.request();
            }
            if gate.poll(start + frame * FRAME) {
                served.push(frame * FRAME);
            }
        }
        assert_eq!(served, [7 * FRAME]);
        assert!(served[0] >= KEYFRAME_SPACING);
    }

    #[test]
    fn a_gate_without_frames_says_when_to_look_again() {
        let (mut gate, start) = (KeyframeGate::new(), Instant::now());
        assert_eq!(gate.due(start), None);
        gate.request();
        assert_eq!(gate.due(start), Some(start));
        assert!(gate.poll(start));
        gate.request();
        let due = gate.due(start + FRAME).unwrap();
        assert_eq!(due, start + KEYFRAME_SPACING);
        assert!(!gate.poll(due - FRAME) && gate.poll(due));
    }

    #[test]
    fn a_request_long_after_the_last_keyframe_does_not_wait() {
        let (mut gate, start) = (KeyframeGate::new(), Instant::now());
        gate.request();
        assert!(gate.poll(start));
        gate.request();
        assert!(gate.poll(start + KEYFRAME_SPACING));
    }

    #[test]
    fn a_keyframe_made_for_another_reason_serves_those_who_wait() {
        let (mut gate, start) = (KeyframeGate::new(), Instant::now());
        gate.request();
        gate.on_keyframe(start);
        assert!(!gate.poll(start + KEYFRAME_SPACING));
    }

    #[test]
    fn a_flood_of_requests_costs_at_most_one_keyframe_in_each_spacing() {
        let (mut gate, start) = (KeyframeGate::new(), Instant::now());
        let served = (0..300).filter(|frame| {
            gate.request();
            gate.poll(start + *frame * FRAME)
        });
        let most = (300 * FRAME).as_millis() / KEYFRAME_SPACING.as_millis() + 1;
        assert!(served.count() as u128 <= most);
    }
}
