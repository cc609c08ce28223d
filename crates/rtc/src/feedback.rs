//! What the viewer tells the camera: keyframe requests, lost packets, the path's capacity.
//!
//! Two small pieces in the WebRTC stack's interceptor chain. [`Feedback`] lets keyframe requests
//! through to the session (the stack swallows inbound RTCP otherwise) and counts NACKs; [`Estimate`]
//! publishes what Google congestion control thinks of the path. Estimator only: the stack's pacer
//! queues without bound.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use rtc::interceptor::{
    Attribute, BandwidthEstimator, EstimatorStats, Gcc, Interceptor, Packet, PacketReport,
    StreamInfo, TaggedPacket,
};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

use crate::stats::{FeedbackCounters, add};

type Rtcp = Box<dyn rtc::rtcp::Packet>;

/// The position nearest to the application.
pub(crate) const SLOT: usize = 20_000;

/// Marks keyframe requests for delivery and counts feedback.
pub(crate) struct Feedback {
    counters: Arc<FeedbackCounters>,
    reads: VecDeque<TaggedPacket>,
    writes: VecDeque<TaggedPacket>,
}

impl Feedback {
    pub(crate) fn new(counters: Arc<FeedbackCounters>) -> Self {
        Self { counters, reads: VecDeque::new(), writes: VecDeque::new() }
    }
}

/// PLI (RFC 4585 section 6.3.1) or FIR (RFC 5104 section 4.3.1).
pub(crate) fn is_keyframe_request(packet: &Rtcp) -> bool {
    let packet = packet.as_any();
    packet.is::<PictureLossIndication>() || packet.is::<FullIntraRequest>()
}

fn packets_nacked(packet: &Rtcp) -> u64 {
    let Some(nack) = packet.as_any().downcast_ref::<TransportLayerNack>() else { return 0 };
    nack.nacks.iter().map(|pair| 1 + u64::from(pair.lost_packets.count_ones())).sum()
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Feedback {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, mut message: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(packets) = &mut message.message.packet {
            add(&self.counters.nacks, packets.iter().map(packets_nacked).sum());
            // The interceptors nearer to the wire have acted on the rest.
            packets.retain(is_keyframe_request);
            if packets.is_empty() {
                return Ok(());
            }
            add(&self.counters.plis, packets.len() as u64);
            message.message.add(Attribute::DeliverToApplication);
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

impl Interceptor for Feedback {
    fn bind_local_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}

/// Bits a second before anything is known.
const ESTIMATE_INITIAL_BPS: f64 = 2_500_000.0;
const ESTIMATE_MIN_BPS: f64 = 100_000.0;
const ESTIMATE_MAX_BPS: f64 = 20_000_000.0;

/// Google congestion control whose estimate anyone may read.
pub(crate) struct Estimate {
    gcc: Gcc,
    counters: Arc<FeedbackCounters>,
}

impl Estimate {
    pub(crate) fn new(counters: Arc<FeedbackCounters>) -> Self {
        let gcc = Gcc::new(ESTIMATE_INITIAL_BPS, ESTIMATE_MIN_BPS, ESTIMATE_MAX_BPS);
        Self { gcc, counters }
    }

    fn publish(&self) {
        // Non-negative and far below 2^64 by the bounds above.
        self.counters.estimate_bps.store(self.gcc.target_bitrate() as u64, Ordering::Relaxed);
    }
}

impl BandwidthEstimator for Estimate {
    fn on_reports(&mut self, now: Instant, reports: &[PacketReport]) {
        self.gcc.on_reports(now, reports);
        self.publish();
    }

    fn target_bitrate(&self) -> f64 {
        self.gcc.target_bitrate()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.gcc.handle_timeout(now);
        if self.counters.estimate_bps.load(Ordering::Relaxed) > 0 {
            self.publish();
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.gcc.poll_timeout()
    }

    fn stats(&self) -> EstimatorStats {
        self.gcc.stats()
    }
}
