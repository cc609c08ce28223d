//! A large keyframe goes out in slices: sent in one go it would overflow a radio's short queue, and
//! what is lost there costs a round trip each.
//!
//! Small units pass at once. No I/O; time comes in as an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rtc::rtp::packet::Packet;

/// Packets that go out together; ordinary units have fewer.
const BURST: usize = 24;
/// Between two slices; the runtime's timers are not finer.
const SLICE_EVERY: Duration = Duration::from_millis(1);
/// What is left is spread over this part of the time between two pictures.
const SPREAD: f64 = 0.5;
/// Bounds of that time, whatever the timestamps say.
const INTERVAL_MIN: Duration = Duration::from_millis(8);
const INTERVAL_MAX: Duration = Duration::from_millis(34);
/// RTP clock of video (RFC 6184 section 8.2.1).
const TICKS_PER_MS: u32 = 90;

/// The packets of one unit on their way out.
#[derive(Default)]
pub(crate) struct Pacing {
    waiting: VecDeque<Packet>,
    /// Packets of the next slice, and of each after that.
    next: usize,
    slice: usize,
    due: Option<Instant>,
    /// Timestamp of the unit before, and the time between the last two.
    timestamp: Option<u32>,
    interval: Duration,
}

impl Pacing {
    /// Takes in a unit's packets, of which the first slice is due now. There must be none left.
    pub(crate) fn start(&mut self, packets: Vec<Packet>, now: Instant) {
        if let Some(timestamp) = packets.first().map(|packet| packet.header.timestamp) {
            let passed = self.timestamp.map_or(0, |before| timestamp.wrapping_sub(before));
            let passed = Duration::from_millis(u64::from(passed / TICKS_PER_MS));
            self.interval = passed.clamp(INTERVAL_MIN, INTERVAL_MAX);
            self.timestamp = Some(timestamp);
        }
        let slices = (self.interval.as_secs_f64() * SPREAD / SLICE_EVERY.as_secs_f64()).max(1.0);
        let left = packets.len().saturating_sub(BURST);
        (self.next, self.slice) = (BURST, left.div_ceil(slices as usize).max(1));
        self.waiting = packets.into();
        self.due = (!self.waiting.is_empty()).then_some(now);
    }

    /// When packets are to be sent; `None` while none wait.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The packets that are due; none before their time.
    pub(crate) fn take(&mut self, now: Instant) -> impl Iterator<Item = Packet> {
        let due = self.due.is_some_and(|due| due <= now);
        let count = if due { self.next.min(self.waiting.len()) } else { 0 };
        if due {
            self.next = self.slice;
            self.due = (count < self.waiting.len()).then(|| now + SLICE_EVERY);
        }
        self.waiting.drain(..count)
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests need a first instant")]
mod tests {
    use super::*;

    fn packets(count: u16, timestamp: u32) -> Vec<Packet> {
        let numbered = (0..count).map(|sequence_number| {
            let mut packet = Packet::default();
            (packet.header.sequence_number, packet.header.timestamp) = (sequence_number, timestamp);
            packet
        });
        numbered.collect()
    }

    /// Packets of each slice, and the time until the last, looking every 100 µs.
    fn sent(pacing: &mut Pacing, start: Instant) -> (Vec<usize>, Duration) {
        let (mut now, mut slices, mut next) = (start, Vec::new(), 0);
        while pacing.due().is_some() {
            let slice: Vec<u16> = pacing.take(now).map(|p| p.header.sequence_number).collect();
            for number in &slice {
                assert_eq!(*number, next, "in order, and none twice");
                next += 1;
            }
            if !slice.is_empty() {
                slices.push(slice.len());
            }
            now += Duration::from_micros(100);
        }
        (slices, now - start)
    }

    #[test]
    fn an_ordinary_unit_goes_out_at_once() {
        let (mut pacing, now) = (Pacing::default(), Instant::now());
        pacing.start(packets(BURST as u16, 0), now);
        assert_eq!(pacing.take(now).count(), BURST);
        assert_eq!(pacing.due(), None);
        pacing.start(Vec::new(), now);
        assert_eq!(pacing.due(), None);
    }

    #[test]
    fn a_large_keyframe_is_spread_and_out_before_the_next_picture() {
        let (mut pacing, now) = (Pacing::default(), Instant::now());
        pacing.start(packets(1, 0), now);
        sent(&mut pacing, now);
        pacing.start(packets(90, 3000), now);
        let (slices, took) = sent(&mut pacing, now);
        assert_eq!(slices[0], BURST);
        assert!(slices[1..].iter().all(|slice| *slice <= 5), "{slices:?}");
        assert_eq!(slices.iter().sum::<usize>(), 90);
        assert!(took < Duration::from_millis(1000 / 30), "{took:?}");
    }

    #[test]
    fn however_odd_the_timestamps_are_it_takes_no_longer_than_a_picture() {
        for timestamps in [[0, 0], [5, 4], [0, u32::MAX]] {
            let (mut pacing, now) = (Pacing::default(), Instant::now());
            for timestamp in timestamps {
                pacing.start(packets(500, timestamp), now);
                let (slices, took) = sent(&mut pacing, now);
                assert_eq!(slices.iter().sum::<usize>(), 500);
                assert!(took < INTERVAL_MAX, "{took:?}");
            }
        }
    }
}
