//! Takes sender reports on their way through the WebRTC stack, which keeps them to itself otherwise.
//!
//! A small piece in the stack's interceptor chain. Changes nothing that passes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rtc::interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::sender_report::SenderReport;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

use super::sender_clock::{Report, SenderClock};

/// A place before anything that takes reports out.
pub(crate) const SLOT: usize = 600;

/// The clock of the stream's sender, as the connection and the session's task share it.
pub(crate) type SharedClock = Arc<Mutex<SenderClock>>;

/// Tells the clock of each report.
pub(crate) struct SenderReports {
    clock: SharedClock,
    reads: VecDeque<TaggedPacket>,
    writes: VecDeque<TaggedPacket>,
}

impl SenderReports {
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self { clock, reads: VecDeque::new(), writes: VecDeque::new() }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for SenderReports {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, message: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(packets) = &message.message.packet {
            let reports = packets.iter().filter_map(|p| p.as_any().downcast_ref::<SenderReport>());
            for report in reports {
                let report =
                    Report { ssrc: report.ssrc, ntp: report.ntp_time, rtp: report.rtp_time };
                let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
                clock.handle_report(report, message.now);
            }
        }
        self.reads.push_back(message);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, message: TaggedPacket) -> Result<(), Error> {
        self.writes.push_back(message);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.writes.pop_front()
    }
}

impl Interceptor for SenderReports {
    fn bind_local_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}
