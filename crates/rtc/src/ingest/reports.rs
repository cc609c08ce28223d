//! Takes sender reports on their way through the WebRTC stack, which keeps them to itself otherwise.
//!
//! A small piece in the stack's interceptor chain. Changes nothing that passes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rtc::interceptor::{Packet, TaggedPacket};
use rtc::rtcp::sender_report::SenderReport;

use super::sender_clock::{Report, SenderClock};
use crate::inbound::OnRead;

/// A place before anything that takes reports out.
pub(crate) const SLOT: usize = 600;

/// The clock of the stream's sender, as the connection and the session's task share it.
pub(crate) type SharedClock = Arc<Mutex<SenderClock>>;

/// Tells the clock of each report about the video. There are others: of what is sent again, where that
/// is a stream of its own, and each has timestamps of its own.
pub(crate) struct SenderReports {
    clock: SharedClock,
    payload_type: u8,
    /// Which stream the video is, once some of it came.
    video: Option<u32>,
}

impl SenderReports {
    /// `payload_type` is the video's.
    pub(crate) fn new(clock: SharedClock, payload_type: u8) -> Self {
        Self { clock, payload_type, video: None }
    }

    fn on_report(&self, report: &SenderReport, arrived: Instant) {
        if self.video != Some(report.ssrc) {
            return;
        }
        let report = Report { ssrc: report.ssrc, ntp: report.ntp_time, rtp: report.rtp_time };
        let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock.handle_report(report, arrived);
    }
}

impl OnRead for SenderReports {
    fn on_read(&mut self, message: &mut TaggedPacket) -> bool {
        match &message.message.packet {
            Packet::Rtp(packet) if packet.header.payload_type == self.payload_type => {
                self.video = Some(packet.header.ssrc);
            }
            Packet::Rtcp(packets) => {
                let reports = packets.iter().filter_map(|p| p.as_any().downcast_ref());
                reports.for_each(|report| self.on_report(report, message.now));
            }
            _ => {}
        }
        true
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests need a first instant")]
mod tests {
    use std::time::Duration;

    use lanlens_media::CaptureTime;
    use rtc::interceptor::AttributedPacket;
    use rtc::rtp::packet::Packet as RtpPacket;
    use rtc::shared::TransportContext;

    use super::*;

    const PAYLOAD_TYPE: u8 = 108;
    const VIDEO: u32 = 7;
    const SENT_AGAIN: u32 = 8;

    fn comes(reports: &mut SenderReports, packet: Packet, now: Instant) {
        let message = AttributedPacket::new(packet);
        let mut message = TaggedPacket { now, transport: TransportContext::default(), message };
        assert!(reports.on_read(&mut message), "everything passes");
    }

    fn rtp(ssrc: u32, payload_type: u8) -> Packet {
        let mut packet = RtpPacket::default();
        (packet.header.ssrc, packet.header.payload_type) = (ssrc, payload_type);
        Packet::Rtp(packet)
    }

    fn report(ssrc: u32, second: u32, rtp_time: u32) -> Packet {
        let ntp_time = u64::from(second) << 32;
        Packet::Rtcp(vec![Box::new(SenderReport {
            ssrc,
            ntp_time,
            rtp_time,
            ..Default::default()
        })])
    }

    #[test]
    fn reports_about_what_is_sent_again_do_not_disturb_those_about_the_video() {
        let (clock, start) = (SharedClock::default(), Instant::now());
        let mut reports = SenderReports::new(clock.clone(), PAYLOAD_TYPE);
        for second in 0..3 {
            let now = start + Duration::from_secs(second.into());
            comes(&mut reports, rtp(VIDEO, PAYLOAD_TYPE), now);
            comes(&mut reports, rtp(SENT_AGAIN, PAYLOAD_TYPE + 1), now);
            comes(&mut reports, report(VIDEO, second, 90_000 * second), now);
            comes(&mut reports, report(SENT_AGAIN, second, 5), now);
        }
        let (taken, arrived) =
            (start + Duration::from_secs(2), start + Duration::from_millis(2300));
        let now = CaptureTime { instant: arrived, unix_us: 1_000_000 };
        let captured = clock.lock().unwrap().captured(180_000, arrived, now);
        assert_eq!(captured.instant, taken);
    }
}
