//! What the viewer tells the camera: keyframe requests and lost packets.
//!
//! A small piece in the WebRTC stack's interceptor chain: [`Feedback`] lets keyframe requests through
//! to the session (the stack swallows inbound RTCP otherwise) and counts NACKs.

use std::sync::Arc;

use rtc::interceptor::{Attribute, Packet, TaggedPacket};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;

use crate::inbound::OnRead;
use crate::stats::{FeedbackCounters, add};

type Rtcp = Box<dyn rtc::rtcp::Packet>;

/// The position nearest to the application.
pub(crate) const SLOT: usize = 20_000;

/// Marks keyframe requests for delivery and counts feedback.
pub(crate) struct Feedback {
    counters: Arc<FeedbackCounters>,
}

impl Feedback {
    pub(crate) fn new(counters: Arc<FeedbackCounters>) -> Self {
        Self { counters }
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

impl OnRead for Feedback {
    fn on_read(&mut self, message: &mut TaggedPacket) -> bool {
        if let Packet::Rtcp(packets) = &mut message.message.packet {
            add(&self.counters.nacks, packets.iter().map(packets_nacked).sum());
            // The interceptors nearer to the wire have acted on the rest.
            packets.retain(is_keyframe_request);
            if packets.is_empty() {
                return false;
            }
            add(&self.counters.plis, packets.len() as u64);
            message.message.add(Attribute::DeliverToApplication);
        }
        true
    }
}
