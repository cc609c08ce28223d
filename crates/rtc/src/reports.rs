//! Whether a viewer's reports of arrivals come one after the other.
//!
//! A report says what became of the packets since the one before. Where one gets lost, whatever stood in
//! it looks lost as well. Reports are numbered (draft-holmer-rmcat-transport-wide-cc-extensions-01
//! section 3.1), so this small piece sits before the estimate and tells it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rtc::interceptor::{Packet, TaggedPacket};
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;

use crate::inbound::OnRead;
use crate::stats::FeedbackCounters;

/// Reports of arrivals come every 100 ms. A viewer that has told of none for this long gets nothing.
const SILENCE_MAX: Duration = Duration::from_secs(1);

/// Whether what is sent arrives.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    /// Some viewers never report.
    reported: bool,
    /// The first and the last time that something was sent since the last report.
    sent: Option<(Instant, Instant)>,
}

impl Arrivals {
    pub(crate) fn on_sent(&mut self, now: Instant) {
        self.sent = Some((self.sent.map_or(now, |(first, _)| first), now));
    }

    pub(crate) fn on_report(&mut self) {
        (self.reported, self.sent) = (true, None);
    }

    /// Since when nothing of what is sent has arrived. While nothing is sent, nothing changes.
    pub(crate) fn silent_since(&self) -> Option<Instant> {
        let (first, last) = self.sent.filter(|_| self.reported)?;
        (last.saturating_duration_since(first) > SILENCE_MAX).then_some(first)
    }
}

/// Its place: nothing is nearer to the wire.
pub(crate) const SLOT: usize = 500;

/// Looks at the numbers of reports, and passes everything on.
pub(crate) struct ReportNumbers {
    counters: Arc<FeedbackCounters>,
    next: Option<u8>,
}

impl ReportNumbers {
    pub(crate) fn new(counters: Arc<FeedbackCounters>) -> Self {
        Self { counters, next: None }
    }

    fn on_number(&mut self, number: u8) {
        if self.next.is_some_and(|next| next != number) {
            self.counters.report_missing.store(true, Ordering::Relaxed);
        }
        self.next = Some(number.wrapping_add(1));
    }
}

impl OnRead for ReportNumbers {
    fn on_read(&mut self, message: &mut TaggedPacket) -> bool {
        if let Packet::Rtcp(packets) = &message.message.packet {
            let reports = packets.iter().filter_map(|p| p.as_any().downcast_ref());
            reports.for_each(|report: &TransportLayerCc| self.on_number(report.fb_pkt_count));
        }
        true
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests need a first instant")]
mod tests {
    use super::*;

    #[test]
    fn a_viewer_gets_nothing_when_it_reports_nothing_for_a_second_of_sending() {
        let (mut arrivals, start) = (Arrivals::default(), Instant::now());
        let sent_at = |arrivals: &mut Arrivals, ms| {
            arrivals.on_sent(start + Duration::from_millis(ms));
            arrivals.silent_since()
        };
        assert_eq!([0, 5000].map(|ms| sent_at(&mut arrivals, ms)), [None; 2], "it never reports");
        arrivals.on_report();
        assert_eq!([5100, 6100].map(|ms| sent_at(&mut arrivals, ms)), [None; 2]);
        arrivals.on_report();
        assert_eq!(arrivals.silent_since(), None, "nothing is sent");
        // Nobody saw the picture for a minute.
        assert_eq!([66_000, 66_900].map(|ms| sent_at(&mut arrivals, ms)), [None; 2]);
        let since = Some(start + Duration::from_secs(66));
        assert_eq!([67_001, 90_000].map(|ms| sent_at(&mut arrivals, ms)), [since; 2]);
        arrivals.on_report();
        assert_eq!(sent_at(&mut arrivals, 90_033), None);
    }

    #[test]
    fn a_report_that_is_missing_is_noticed_with_the_next_one() {
        let mut numbers = ReportNumbers::new(Arc::default());
        let mut missing = |number| {
            numbers.on_number(number);
            numbers.counters.report_missing.swap(false, Ordering::Relaxed)
        };
        // Wherever they begin, and over the end of the byte.
        let in_order = [253, 254, 255, 0, 1].map(&mut missing);
        assert_eq!(in_order, [false; 5]);
        assert_eq!([3, 4, 6].map(missing), [true, false, true]);
    }
}
