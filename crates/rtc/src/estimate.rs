//! What the path to a viewer carries.
//!
//! Google congestion control judges by how packets are spread on arrival. For a camera it is both
//! nervous and slow: where a scene stands still, a moment's jitter makes it fall to what is being sent
//! just then, which says nothing about the path; and where a path is far too narrow it takes seconds
//! to be sure. So beside it stands a plainer measure, how long packets wait on the way (they take
//! longer than the quickest of late). The word of either to go down counts only while packets wait or
//! get lost. Estimators only: the stack's pacer queues without bound.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rtc::interceptor::{BandwidthEstimator, EstimatorStats, Gcc, PacketReport};

use crate::stats::FeedbackCounters;

/// Before anything is known: what nearly every local network carries, bits a second.
const INITIAL_BPS: f64 = 8_000_000.0;
const MIN_BPS: f64 = 100_000.0;
const MAX_BPS: f64 = 20_000_000.0;

/// Packets wait somewhere on the way when even the quickest of a report took this much longer than
/// the quickest of late.
const QUEUE_MIN: Duration = Duration::from_millis(25);
/// In so many reports running: one late picture is no queue.
const QUEUED_REPORTS: u32 = 2;
/// More than radio loses by itself; retransmission copes with less.
const LOSS_MIN: f64 = 0.15;
/// “Of late” is one to two of these: the two clocks drift apart, and routes change.
const QUICKEST_WINDOW: Duration = Duration::from_secs(10);

/// While packets wait, as much as arrives is what the path carries; less lets the queue drain.
const DRAIN: f64 = 0.85;
/// A queue is given this long to drain before the next step down.
const STEP: Duration = Duration::from_millis(500);
/// What arrives is looked at over this long.
const RECEIVED_WINDOW: Duration = Duration::from_millis(500);
/// More packets than fit into that at the highest estimate.
const RECEIVED_MAX: usize = 2048;
/// Growth in a second while nothing waits.
const GROWTH: f64 = 1.15;
/// Silence says nothing about the path after this long, seconds.
const GROWTH_SECONDS_MAX: f64 = 5.0;
/// Loss is looked at over this long, and over as many packets.
const LOSS_WINDOW: Duration = Duration::from_secs(1);
const LOSS_PACKETS_MIN: usize = 40;
/// Reports come every 100 ms while packets do. Where packets were sent all the time and yet nothing was
/// reported for longer, nothing came through at all: that is no lack of room.
const REPORT_GAP_MAX: Duration = Duration::from_millis(150);

/// The estimate of one path; anyone may read what comes out.
pub(crate) struct Estimate {
    gcc: Gcc,
    transit: Transit,
    received: Received,
    loss: Loss,
    /// When the newest packet left that was reported on.
    departed: Option<Instant>,
    queued_reports: u32,
    bps: f64,
    updated: Option<Instant>,
    lowered: Option<Instant>,
    counters: Arc<FeedbackCounters>,
}

impl Estimate {
    pub(crate) fn new(counters: Arc<FeedbackCounters>) -> Self {
        Self {
            gcc: Gcc::new(INITIAL_BPS, MIN_BPS, MAX_BPS),
            transit: Transit::default(),
            received: Received::default(),
            loss: Loss::default(),
            departed: None,
            queued_reports: 0,
            bps: INITIAL_BPS,
            updated: None,
            lowered: None,
            counters,
        }
    }

    fn update(&mut self, now: Instant, reports: &[PacketReport]) {
        if reports.iter().any(|report| report.arrived) {
            self.counters.arrivals().on_report();
        }
        self.gcc.on_reports(now, reports);
        self.received.add(reports);
        // Its other half, by loss, never climbs where radio loses a little all the time.
        let target = self.gcc.delay_based_bitrate();
        let waits = self.transit.waited(now, reports) >= QUEUE_MIN;
        self.queued_reports = if waits { self.queued_reports + 1 } else { 0 };
        let queued = self.queued_reports >= QUEUED_REPORTS;
        let passed = self.updated.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.updated = Some(now);
        // Where a report got lost, the next one counts what stood in it as lost.
        let missing = self.counters.report_missing.swap(false, Ordering::Relaxed);
        let whole = !missing && passed <= REPORT_GAP_MAX + self.longest_pause(reports);
        let lost = self.loss.add(now, if whole { reports } else { &[] }) >= LOSS_MIN;
        if (queued || lost)
            && self.lowered.is_none_or(|at| now.saturating_duration_since(at) >= STEP)
        {
            let carried = self.received.bps().map_or(target, |bps| bps * DRAIN);
            self.bps = self.bps.min(target).min(carried);
            self.lowered = Some(now);
            // What was lost before says nothing of what is sent from now on.
            self.loss = Loss::default();
        }
        if !waits && !lost {
            self.bps *= GROWTH.powf(passed.as_secs_f64().min(GROWTH_SECONDS_MAX));
        }
        self.bps = self.bps.clamp(MIN_BPS, MAX_BPS);
    }

    /// How long nothing was sent at most, between the packets of this report and of the one before: so
    /// long a viewer has nothing to report.
    fn longest_pause(&mut self, reports: &[PacketReport]) -> Duration {
        let mut longest = Duration::ZERO;
        for report in reports {
            let before = self.departed.replace(report.departure).unwrap_or(report.departure);
            longest = longest.max(report.departure.saturating_duration_since(before));
        }
        longest
    }
}

impl BandwidthEstimator for Estimate {
    fn on_reports(&mut self, now: Instant, reports: &[PacketReport]) {
        self.update(now, reports);
        // Non-negative and far below 2^64 by the bounds above.
        self.counters.estimate_bps.store(self.bps as u64, Ordering::Relaxed);
    }

    fn target_bitrate(&self) -> f64 {
        self.bps
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.gcc.handle_timeout(now);
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.gcc.poll_timeout()
    }

    fn stats(&self) -> EstimatorStats {
        self.gcc.stats()
    }
}

/// What of late got lost.
#[derive(Debug, Default)]
struct Loss {
    /// When a report came, packets lost, packets in all.
    reports: VecDeque<(Instant, usize, usize)>,
}

impl Loss {
    /// The share that was lost; 0 where it is too few to tell.
    fn add(&mut self, now: Instant, reports: &[PacketReport]) -> f64 {
        let lost = reports.iter().filter(|report| !report.arrived).count();
        self.reports.push_back((now, lost, reports.len()));
        while self.reports.len() > RECEIVED_MAX
            || self
                .reports
                .front()
                .is_some_and(|(at, ..)| now.saturating_duration_since(*at) > LOSS_WINDOW)
        {
            self.reports.pop_front();
        }
        let (lost, all) =
            self.reports.iter().fold((0, 0), |sum, (_, lost, all)| (sum.0 + lost, sum.1 + all));
        if all < LOSS_PACKETS_MIN { 0.0 } else { lost as f64 / all as f64 }
    }
}

/// The times in reports (24 bits of 64 ms, draft-holmer-rmcat-transport-wide-cc-extensions-01) begin anew
/// after 12 days.
const CLOCK_WRAPPED: Duration = Duration::from_secs(3600);

/// What arrived of late, by the viewer's clock.
#[derive(Debug, Default)]
struct Received {
    packets: VecDeque<(Duration, usize)>,
}

impl Received {
    fn add(&mut self, reports: &[PacketReport]) {
        let arrived = reports.iter().filter_map(|r| r.arrival.map(|at| (at, r.size)));
        let arrived: Vec<(Duration, usize)> = arrived.collect();
        let newest = self.packets.iter().map(|(at, _)| *at).max().unwrap_or_default();
        if arrived.first().is_some_and(|(first, _)| newest.saturating_sub(*first) > CLOCK_WRAPPED) {
            // What was before is of another round.
            self.packets.clear();
        }
        self.packets.extend(arrived);
        self.packets.drain(..self.packets.len().saturating_sub(RECEIVED_MAX));
        let newest = self.packets.iter().map(|(at, _)| *at).max().unwrap_or_default();
        let old = newest.saturating_sub(RECEIVED_WINDOW);
        self.packets.retain(|(at, _)| *at >= old);
    }

    /// Bits a second, where there is enough to tell.
    fn bps(&self) -> Option<f64> {
        let first = self.packets.iter().map(|(at, _)| *at).min()?;
        let last = self.packets.iter().map(|(at, _)| *at).max()?;
        let span = (last - first).as_secs_f64();
        let bytes: usize = self.packets.iter().map(|(_, size)| size).sum();
        // Less says more about the moment than about the path.
        (span >= 0.1).then_some(bytes as f64 * 8.0 / span)
    }
}

/// How long packets are on their way, as far as two clocks without a common zero can tell: only
/// compared with the quickest ones.
#[derive(Debug, Default)]
struct Transit {
    zero: Option<Instant>,
    /// The quickest of this window and of the one before, µs.
    quickest: [Option<i64>; 2],
    window: Option<Instant>,
}

impl Transit {
    /// How much longer than the quickest of late even the quickest of these took.
    fn waited(&mut self, now: Instant, reports: &[PacketReport]) -> Duration {
        let zero = *self.zero.get_or_insert(now);
        let took = |report: &PacketReport| {
            let departure = micros(report.departure.checked_duration_since(zero))
                - micros(zero.checked_duration_since(report.departure));
            report.arrival.map(|arrival| micros(Some(arrival)) - departure)
        };
        let Some(quickest) = reports.iter().filter_map(took).min() else { return Duration::ZERO };
        if self.window.is_none_or(|began| now.saturating_duration_since(began) >= QUICKEST_WINDOW) {
            self.quickest = [None, self.quickest[0]];
            self.window = Some(now);
        }
        self.quickest[0] = self.quickest[0].into_iter().chain([quickest]).min();
        let ever = self.quickest.into_iter().flatten().min().unwrap_or(quickest);
        Duration::from_micros(quickest.saturating_sub(ever).try_into().unwrap_or(0))
    }
}

fn micros(duration: Option<Duration>) -> i64 {
    duration.map_or(0, |duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests need a first instant")]
mod tests {
    use super::*;
    use rtc::rtcp::transport_feedbacks::cc_feedback_report::Ecn;

    const REPORT_EVERY: Duration = Duration::from_millis(100);

    /// A viewer whose reports come ten times a second.
    struct Viewer {
        estimate: Estimate,
        start: Instant,
        now: Instant,
        sent: u64,
    }

    impl Viewer {
        fn new() -> Self {
            let start = Instant::now();
            let estimate = Estimate::new(Arc::default());
            Self { estimate, start, now: start, sent: 0 }
        }

        /// Sends `packets` in 100 ms, which arrive after `delay(n)`; `None` for a lost one.
        fn report(&mut self, packets: u32, delay: impl FnMut(u32) -> Option<Duration>) {
            let reports = self.send(packets, REPORT_EVERY, delay);
            self.estimate.on_reports(self.now, &reports);
        }

        /// Sends `packets` over `time`, about which nothing is reported yet.
        fn send(
            &mut self,
            packets: u32,
            time: Duration,
            mut delay: impl FnMut(u32) -> Option<Duration>,
        ) -> Vec<PacketReport> {
            let reports = (0..packets).map(|n| {
                let departure = self.now + time * n / packets;
                // The viewer's clock began an hour earlier.
                let arrival = delay(n)
                    .map(|delay| departure + delay - self.start + Duration::from_secs(3600));
                self.sent += 1;
                PacketReport {
                    ssrc: 1,
                    id: self.sent,
                    rtp_sequence_number: self.sent as u16,
                    is_twcc: true,
                    twcc_sequence_number: self.sent as u16,
                    size: 1200,
                    arrived: arrival.is_some(),
                    departure,
                    arrival,
                    ecn: Ecn::default(),
                }
            });
            let reports = reports.collect();
            self.now += time;
            reports
        }

        /// Sends a picture at once, and the next one after `interval`; it is reported in between.
        fn picture(
            &mut self,
            packets: u32,
            interval: Duration,
            delay: impl FnMut(u32) -> Option<Duration>,
        ) {
            let sending = Duration::from_millis(5);
            let reports = self.send(packets, sending, delay);
            self.estimate.on_reports(self.now + Duration::from_millis(50), &reports);
            self.now += interval - sending;
        }

        fn kbps(&self) -> u64 {
            self.estimate.counters.estimate_bps.load(Ordering::Relaxed) / 1000
        }
    }

    #[test]
    fn jitter_of_a_still_scene_is_no_lack_of_room() {
        let mut viewer = Viewer::new();
        let mut random = fastrand::Rng::with_seed(1);
        for second in 0..600 {
            // About 100 kbit/s, and now and then a picture that is 100 ms late.
            let burst = second % 7 == 0;
            viewer.report(1, |_| {
                let jitter = Duration::from_micros(random.u64(1000..9000));
                Some(if burst { Duration::from_millis(100) } else { jitter })
            });
        }
        assert!(viewer.kbps() >= 2000, "{} kbit/s", viewer.kbps());
    }

    #[test]
    fn a_path_that_is_too_narrow_is_noticed_within_a_second() {
        let mut viewer = Viewer::new();
        (0..20).for_each(|_| viewer.report(9, |_| Some(Duration::from_millis(2))));
        // 900 kbit/s into a path of 300: each packet waits for those before it, or finds no room.
        let mut queue = Duration::ZERO;
        for _ in 0..10 {
            viewer.report(9, |_| {
                queue = queue.saturating_sub(REPORT_EVERY / 9);
                let fits = queue < Duration::from_millis(400);
                queue += if fits { Duration::from_millis(32) } else { Duration::ZERO };
                fits.then_some(queue)
            });
        }
        assert!((150..400).contains(&viewer.kbps()), "{} kbit/s", viewer.kbps());
        // And when there is room again, it is found.
        (0..300).for_each(|_| viewer.report(2, |_| Some(Duration::from_millis(2))));
        assert!(viewer.kbps() > 2000, "{} kbit/s", viewer.kbps());
    }

    #[test]
    fn much_loss_counts_and_what_radio_loses_does_not() {
        let (mut few, mut many) = (Viewer::new(), Viewer::new());
        let mut random = fastrand::Rng::with_seed(3);
        let lose = |percent| {
            move |random: &mut fastrand::Rng| {
                (random.u32(..100) >= percent).then_some(Duration::from_millis(2))
            }
        };
        let (five, thirty) = (lose(5), lose(30));
        for _ in 0..3000 {
            few.report(11, |_| five(&mut random));
            many.report(11, |_| thirty(&mut random));
        }
        assert!(few.kbps() >= 8000, "{} kbit/s", few.kbps());
        assert!(many.kbps() < 1000, "{} kbit/s", many.kbps());
    }

    #[test]
    fn much_loss_counts_however_slow_the_camera_is() {
        for fps in [3, 5, 7, 12, 30] {
            let mut viewer = Viewer::new();
            let mut random = fastrand::Rng::with_seed(4);
            for _ in 0..60 * fps {
                viewer.picture(60_u32.div_ceil(fps).max(3), Duration::from_secs(1) / fps, |_| {
                    (random.u32(..100) >= 30).then_some(Duration::from_millis(2))
                });
            }
            assert!(viewer.kbps() < 1000, "{fps} a second: {} kbit/s", viewer.kbps());
        }
    }

    #[test]
    fn silence_is_no_loss() {
        let arrives = |_| Some(Duration::from_millis(2));
        for fps in [5, 10, 30] {
            let mut viewer = Viewer::new();
            let interval = Duration::from_secs(1) / fps;
            for _ in 0..20 {
                (0..2 * fps).for_each(|_| viewer.picture(90 / fps, interval, arrives));
                // Nothing comes through for a second, which the next report tells.
                let mut reports = viewer.send(90, Duration::from_secs(1), |_| None);
                reports.extend(viewer.send(18, 2 * REPORT_EVERY, arrives));
                viewer.estimate.on_reports(viewer.now, &reports);
                assert!(viewer.kbps() >= 8000, "{fps} a second: {} kbit/s", viewer.kbps());
                // Nothing is sent for five.
                viewer.now += Duration::from_secs(5);
            }
        }
    }

    #[test]
    fn what_stood_in_a_report_that_got_lost_is_not_lost() {
        let arrives = |_| Some(Duration::from_millis(2));
        for fps in [5, 10, 30] {
            let mut viewer = Viewer::new();
            let interval = Duration::from_secs(1) / fps;
            for _ in 0..60 {
                (0..2).for_each(|_| viewer.picture(90 / fps, interval, arrives));
                let mut reports = viewer.send(90 / fps, interval, |_| None);
                reports.extend(viewer.send(90 / fps, interval, arrives));
                viewer.estimate.counters.report_missing.store(true, Ordering::Relaxed);
                viewer.estimate.on_reports(viewer.now, &reports);
            }
            assert!(viewer.kbps() >= 8000, "{fps} a second: {} kbit/s", viewer.kbps());
        }
    }

    #[test]
    fn clocks_that_drift_apart_are_no_queue() {
        let mut viewer = Viewer::new();
        // 100 parts in a million, for half an hour.
        for n in 0..18_000_u32 {
            viewer.report(1, |_| Some(Duration::from_micros(2000 + 10 * u64::from(n))));
        }
        assert!(viewer.kbps() >= 8000, "{} kbit/s", viewer.kbps());
    }
}
