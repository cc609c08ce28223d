//! When the next picture of a source without a clock of its own is due.
//!
//! Pure arithmetic on moments that come in as arguments; [`wait_until`] is the only place that
//! sleeps.

use std::time::{Duration, Instant};

/// Frames a second as a fraction, so that 30000/1001 stays exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    frames: u32,
    seconds: u32,
}

impl Rate {
    /// `frames` pictures in `seconds` seconds; `None` where either is 0.
    pub(crate) fn new(frames: u32, seconds: u32) -> Option<Self> {
        (frames > 0 && seconds > 0).then_some(Self { frames, seconds })
    }

    /// A whole number of frames a second; 0 counts as 1.
    pub(crate) fn whole(fps: u32) -> Self {
        Self { frames: fps.max(1), seconds: 1 }
    }

    /// Frames, and the seconds they take.
    pub(crate) fn parts(self) -> (u32, u32) {
        (self.frames, self.seconds)
    }

    /// Frames a second.
    pub(crate) fn fps(self) -> f64 {
        f64::from(self.frames) / f64::from(self.seconds)
    }

    /// Frames a second to the nearest whole number, at least 1.
    pub(crate) fn fps_rounded(self) -> u32 {
        let (frames, seconds) = (u64::from(self.frames), u64::from(self.seconds));
        u32::try_from((frames + seconds / 2) / seconds).unwrap_or(u32::MAX).max(1)
    }

    /// From the first picture to the n-th.
    fn offset(self, frame: u64) -> Duration {
        let nanos =
            u128::from(frame) * u128::from(self.seconds) * 1_000_000_000 / u128::from(self.frames);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The last picture due at or before `elapsed`.
    fn frame_at(self, elapsed: Duration) -> u64 {
        let frame = elapsed.as_nanos() * u128::from(self.frames)
            / (u128::from(self.seconds) * 1_000_000_000);
        u64::try_from(frame).unwrap_or(u64::MAX)
    }
}

/// A schedule on a fixed grid from the first picture on: it never drifts, and after a pause it goes
/// on with the picture that is due then, without making up for those that were missed.
#[derive(Debug)]
pub(crate) struct Pacer {
    rate: Rate,
    start: Option<Instant>,
    next: u64,
}

impl Pacer {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, start: None, next: 0 }
    }

    pub(crate) fn rate(&self) -> Rate {
        self.rate
    }

    /// The number of the next picture, counted from 0 with the missed ones, and when it is due.
    /// A moment that is past means at once.
    pub(crate) fn next(&mut self, now: Instant) -> (u64, Instant) {
        let start = *self.start.get_or_insert(now);
        let current = self.rate.frame_at(now.saturating_duration_since(start));
        let frame = self.next.max(current);
        self.next = frame.saturating_add(1);
        (frame, start.checked_add(self.rate.offset(frame)).unwrap_or(now))
    }
}

/// Sleeps until `due`, but not longer than a second, so that a stop is obeyed.
pub(crate) fn wait_until(due: Instant) {
    let wait = due.saturating_duration_since(Instant::now()).min(Duration::from_secs(1));
    if !wait.is_zero() {
        std::thread::sleep(wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn an_hour_of_pictures_at_a_fractional_rate_does_not_drift() {
        let start = Instant::now();
        let mut pacer = Pacer::new(Rate::new(30_000, 1001).unwrap());
        let mut now = start;
        let mut frame = 0;
        while frame < 107_892 {
            let (number, due) = pacer.next(now);
            assert!(number == 0 || number == frame + 1, "picture {number} after {frame}");
            frame = number;
            // Each picture is taken a little late, as after a sleep.
            now = due + Duration::from_micros(700);
        }
        let expected = Duration::from_nanos(107_892 * 1001 * 1_000_000_000 / 30_000);
        assert_eq!(now - start - Duration::from_micros(700), expected);
    }

    #[test]
    fn after_a_pause_there_is_one_picture_at_once_and_no_backlog() {
        let start = Instant::now();
        let mut pacer = Pacer::new(Rate::whole(10));
        assert_eq!(pacer.next(start), (0, start));
        assert_eq!(pacer.next(start + ms(1)), (1, start + ms(100)));
        let late = start + ms(5_050);
        assert_eq!(pacer.next(late), (50, start + ms(5_000)));
        assert_eq!(pacer.next(late), (51, start + ms(5_100)));
    }

    #[test]
    fn a_little_lateness_loses_no_picture() {
        let start = Instant::now();
        let mut pacer = Pacer::new(Rate::whole(10));
        let numbers: Vec<u64> =
            [0, 130, 290, 310, 420].map(|at| pacer.next(start + ms(at)).0).to_vec();
        assert_eq!(numbers, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_rate_rounds_to_the_number_people_say() {
        assert_eq!(Rate::new(30_000, 1001).unwrap().fps_rounded(), 30);
        assert_eq!(Rate::new(25, 2).unwrap().fps_rounded(), 13);
        assert_eq!(Rate::new(1, 10).unwrap().fps_rounded(), 1);
        assert_eq!(Rate::new(0, 1), None);
        assert_eq!(Rate::new(1, 0), None);
    }
}
