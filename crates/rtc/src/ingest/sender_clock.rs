//! When a picture was taken, in this machine's clock, from what its sender reports.
//!
//! A sender report (RFC 3550 section 6.4.1) relates the RTP timestamps of a stream to the sender's own
//! clock. When it arrives, less the way here, says what that clock means in ours. The way differs from
//! report to report, so of the last few the one that took the shortest counts. And some senders report
//! nonsense (GStreamer's timestamps have been seen to run at twice their rate there), so reports count
//! only while each agrees with the one before. Owns no clock, does no I/O: arrivals are arguments.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use lanlens_media::CaptureTime;

/// Reports that are compared. A phone sends one or two a second: the clocks drift less than a
/// millisecond apart in that time.
const REPORTS_KEPT: usize = 8;
/// Two reports agree if their clocks say the same of the time between them, but for this and
/// [`DRIFT_MAX`]. Some take the timestamp of the last picture for that of the moment.
const DISAGREEMENT_MAX_S: f64 = 0.05;
/// Of the time between them.
const DRIFT_MAX: f64 = 0.01;
/// No picture is older than this when it comes: then the report is not about this stream.
const AGE_MAX: Duration = Duration::from_secs(3);
/// RTP ticks of video a second.
const TICKS_PER_S: f64 = 90_000.0;
/// Of an NTP timestamp's unit, so many make a second.
const NTP_PER_S: f64 = 4_294_967_296.0;

/// What a sender report says (RFC 3550 section 6.4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Report {
    /// Whose stream it is about.
    pub(crate) ssrc: u32,
    /// The sender's clock when it sent the report: 32.32 fixed point, seconds, wrapping in 2036.
    pub(crate) ntp: u64,
    /// The same moment in the stream's timestamps.
    pub(crate) rtp: u32,
}

impl Report {
    /// By the sender's clock, after `other`; by its timestamps.
    fn seconds_since(&self, other: &Self) -> (f64, f64) {
        let ticks = self.rtp.wrapping_sub(other.rtp).cast_signed();
        let ntp = self.ntp.wrapping_sub(other.ntp).cast_signed();
        (ntp as f64 / NTP_PER_S, f64::from(ticks) / TICKS_PER_S)
    }

    fn agrees_with(&self, before: &Self) -> bool {
        let (by_clock, by_timestamps) = self.seconds_since(before);
        let allowed = DISAGREEMENT_MAX_S + by_clock.abs() * DRIFT_MAX;
        self.ssrc == before.ssrc && (by_clock - by_timestamps).abs() <= allowed
    }
}

/// Relates the timestamps of one sender's stream to the local clock.
#[derive(Debug, Default)]
pub(crate) struct SenderClock {
    /// The last reports and when they came, the newest last. They agree.
    reports: VecDeque<(Report, Instant)>,
    round_trip: Duration,
}

impl SenderClock {
    /// Takes a report that arrived at `arrived`.
    pub(crate) fn handle_report(&mut self, report: Report, arrived: Instant) {
        if !self.reports.back().is_some_and(|(before, _)| report.agrees_with(before)) {
            self.reports.clear();
        }
        if self.reports.len() == REPORTS_KEPT {
            self.reports.pop_front();
        }
        self.reports.push_back((report, arrived));
    }

    /// The path's round trip, of which a report took half.
    pub(crate) fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip;
    }

    /// When the picture of `media_time`, whose first packet arrived at `arrived`, was taken; `now` is
    /// both local clocks read together. The arrival, while nothing better is known.
    pub(crate) fn captured(
        &self,
        media_time: u32,
        arrived: Instant,
        now: CaptureTime,
    ) -> CaptureTime {
        let instant = self.taken(media_time, arrived).unwrap_or(arrived);
        let ago = now.instant.saturating_duration_since(instant);
        let ago_us = u64::try_from(ago.as_micros()).unwrap_or(u64::MAX);
        CaptureTime { instant, unix_us: now.unix_us.saturating_sub(ago_us) }
    }

    fn taken(&self, media_time: u32, arrived: Instant) -> Option<Instant> {
        let (newest, _) = self.reports.back().filter(|_| self.reports.len() > 1)?;
        let ticks = media_time.wrapping_sub(newest.rtp).cast_signed();
        let report_sent = self.newest_sent()?.checked_sub(self.round_trip / 2)?;
        let taken = shifted(report_sent, f64::from(ticks) / TICKS_PER_S)?;
        // A clock that runs ahead of its pictures shows in what has not been taken yet.
        let taken = taken.min(arrived);
        (arrived.duration_since(taken) <= AGE_MAX).then_some(taken)
    }

    /// When the newest report would have come, had it come as fast as the fastest.
    fn newest_sent(&self) -> Option<Instant> {
        let (newest, _) = self.reports.back()?;
        let as_fast_as = |(report, arrived): &(Report, Instant)| {
            shifted(*arrived, newest.seconds_since(report).0)
        };
        self.reports.iter().filter_map(as_fast_as).min()
    }
}

/// `seconds` after `instant`, or before.
fn shifted(instant: Instant, seconds: f64) -> Option<Instant> {
    let by = Duration::try_from_secs_f64(seconds.abs()).ok()?;
    if seconds < 0.0 { instant.checked_sub(by) } else { instant.checked_add(by) }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests need a first instant")]
mod tests {
    use super::*;

    const SSRC: u32 = 7;
    /// Some moment of 2026, and the timestamp that the sender gives it.
    const NTP: u64 = 3_989_000_000 << 32;
    const RTP: u32 = 5_000_000;

    const fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    /// A sender whose clock reads [`NTP`] at `start`, seen over a network.
    struct Sender {
        start: Instant,
        clock: SenderClock,
        rtp: u32,
        ntp: u64,
    }

    impl Sender {
        fn new() -> Self {
            let start = Instant::now() + Duration::from_secs(100);
            Self { start, clock: SenderClock::default(), rtp: RTP, ntp: NTP }
        }

        fn media_time(&self, at: Duration) -> u32 {
            self.rtp.wrapping_add((at.as_micros() * 9 / 100) as u32)
        }

        /// It sends a report at `at`, which arrives `way` later.
        fn reports(&mut self, at: Duration, way: Duration) {
            let ntp = self.ntp.wrapping_add((at.as_secs_f64() * NTP_PER_S) as u64);
            let report = Report { ssrc: SSRC, ntp, rtp: self.media_time(at) };
            self.clock.handle_report(report, self.start + at + way);
        }

        /// When the picture taken at `at`, which took `way`, is said to be taken.
        fn taken(&self, at: Duration, way: Duration) -> Duration {
            let arrived = self.start + at + way;
            let now = CaptureTime { instant: arrived + ms(2), unix_us: 1_000_000_000 };
            let captured = self.clock.captured(self.media_time(at), arrived, now);
            let ago = now.instant.duration_since(captured.instant).as_micros() as u64;
            assert_eq!(captured.unix_us, now.unix_us - ago, "both clocks say the same");
            captured.instant.duration_since(self.start)
        }
    }

    #[track_caller]
    fn assert_near(found: Duration, expected: Duration) {
        let off = found.abs_diff(expected);
        assert!(off < Duration::from_micros(50), "{found:?} is not {expected:?}");
    }

    #[test]
    fn until_two_reports_agree_a_picture_is_as_old_as_its_packets() {
        let mut sender = Sender::new();
        assert_near(sender.taken(ms(40), ms(25)), ms(65));
        sender.reports(ms(100), ms(0));
        assert_near(sender.taken(ms(140), ms(25)), ms(165));
        sender.reports(ms(200), ms(0));
        assert_near(sender.taken(ms(240), ms(25)), ms(240));
    }

    #[test]
    fn reports_tell_the_true_age_less_half_the_round_trip() {
        let mut sender = Sender::new();
        sender.clock.set_round_trip(ms(6));
        sender.reports(ms(50), ms(3));
        sender.reports(ms(100), ms(3));
        assert_near(sender.taken(ms(133), ms(40)), ms(133));
        // Also of what was taken before the report.
        assert_near(sender.taken(ms(67), ms(50)), ms(67));
    }

    #[test]
    fn a_report_that_was_held_up_does_not_move_the_clock() {
        let mut sender = Sender::new();
        sender.reports(ms(0), ms(0));
        sender.reports(ms(1000), ms(90));
        assert_near(sender.taken(ms(1033), ms(40)), ms(1033));
    }

    #[test]
    fn a_clock_that_drifts_is_followed() {
        let mut sender = Sender::new();
        // Against our clock, the sender's runs 200 ppm too fast, and so do its timestamps.
        for second in 0..600u64 {
            sender.ntp = NTP + second * ((200e-6 * NTP_PER_S) as u64);
            sender.rtp = RTP.wrapping_add((second * 18) as u32);
            sender.reports(ms(1000 * second), ms(0));
        }
        let at = ms(599_500);
        let off = sender.taken(at, ms(40)).abs_diff(at);
        assert!(off < ms(2), "{off:?}");
    }

    #[test]
    fn timestamps_and_the_era_of_the_clock_may_wrap() {
        let mut sender = Sender::new();
        sender.rtp = 0u32.wrapping_sub(4500);
        sender.ntp = 0u64.wrapping_sub(1 << 31);
        for second in 0..3 {
            sender.reports(ms(1000 * second), ms(second));
            sender.reports(ms(1000 * second + 20), ms(0));
            let at = ms(1000 * second + 33);
            assert_near(sender.taken(at, ms(40)), at);
        }
    }

    #[test]
    fn a_sender_that_sets_its_clock_is_believed_again_when_its_reports_agree() {
        for step in [3_600i64, 1, -1, -3_600] {
            let mut sender = Sender::new();
            sender.reports(ms(0), ms(0));
            sender.reports(ms(1000), ms(0));
            sender.ntp = NTP.wrapping_add_signed(step << 32);
            sender.reports(ms(2000), ms(0));
            assert_near(sender.taken(ms(2033), ms(40)), ms(2073));
            sender.reports(ms(3000), ms(0));
            assert_near(sender.taken(ms(3033), ms(40)), ms(3033));
        }
    }

    #[test]
    fn timestamps_that_jump_count_from_their_arrival_until_reports_agree_again() {
        for jump in [1_000_000_000, 20 * 90_000, 0u32.wrapping_sub(20 * 90_000)] {
            let mut sender = Sender::new();
            sender.reports(ms(0), ms(0));
            sender.reports(ms(100), ms(0));
            sender.rtp = RTP.wrapping_add(jump);
            assert_near(sender.taken(ms(500), ms(40)), ms(540));
            sender.reports(ms(1000), ms(0));
            sender.reports(ms(2000), ms(0));
            assert_near(sender.taken(ms(2033), ms(40)), ms(2033));
        }
    }

    #[test]
    fn reports_whose_timestamps_run_at_another_rate_are_not_believed() {
        let mut sender = Sender::new();
        for count in 0..20u32 {
            sender.rtp = RTP + count * 11_250;
            sender.reports(ms(125 * u64::from(count)), ms(0));
        }
        sender.rtp = RTP;
        assert_near(sender.taken(ms(2500), ms(40)), ms(2540));
    }

    #[test]
    fn reports_that_name_the_last_picture_are_good_enough() {
        let mut sender = Sender::new();
        for second in 0..8u64 {
            sender.rtp = RTP.wrapping_sub((second * 7 % 33 * 90) as u32);
            sender.reports(ms(1000 * second), ms(0));
        }
        sender.rtp = RTP;
        let off = sender.taken(ms(7033), ms(50)).abs_diff(ms(7033));
        assert!(off <= ms(50), "{off:?}");
    }

    #[test]
    fn another_stream_has_another_clock() {
        let mut sender = Sender::new();
        sender.reports(ms(0), ms(0));
        sender.reports(ms(500), ms(0));
        for (second, rtp) in [(1, 77), (2, 90_077)] {
            let other = Report { ssrc: SSRC + 1, ntp: NTP - ((30 - second) << 32), rtp };
            sender.clock.handle_report(other, sender.start + ms(1000 * second));
        }
        let arrived = sender.start + ms(2040);
        let now = CaptureTime { instant: arrived, unix_us: 5_000_000 };
        let captured = sender.clock.captured(90_077 + 90 * 33, arrived, now);
        assert_near(captured.instant.duration_since(sender.start), ms(2033));
    }

    #[test]
    fn no_picture_comes_from_the_future_and_nonsense_does_no_harm() {
        let mut sender = Sender::new();
        sender.reports(ms(0), ms(80));
        sender.reports(ms(20), ms(80));
        assert_near(sender.taken(ms(33), ms(40)), ms(73));
        let arrived = sender.start;
        let now = CaptureTime { instant: arrived, unix_us: 5 };
        for (ntp, rtp) in [(0, 0), (1, u32::MAX), (u64::MAX, 1 << 31), (1 << 63, 1 << 31)] {
            for _ in 0..2 {
                sender.clock.handle_report(Report { ssrc: SSRC, ntp, rtp }, arrived);
            }
            for media_time in [0, 1 << 31, u32::MAX] {
                let captured = sender.clock.captured(media_time, arrived, now).instant;
                assert!(captured <= arrived && arrived.duration_since(captured) <= AGE_MAX);
            }
        }
    }
}
