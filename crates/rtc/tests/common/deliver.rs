//! Lets keyframe requests through to a test's sender: the WebRTC stack keeps RTCP to itself otherwise.

use rtc::interceptor::{Attribute, Packet, TaggedPacket};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;

use super::inbound::OnRead;

/// Nearest to the application.
pub(crate) const SLOT: usize = 20_000;

pub(crate) struct Deliver;

impl OnRead for Deliver {
    fn on_read(&mut self, message: &mut TaggedPacket) -> bool {
        if let Packet::Rtcp(packets) = &mut message.message.packet {
            packets.retain(|packet| packet.as_any().is::<PictureLossIndication>());
            if packets.is_empty() {
                return false;
            }
            message.message.add(Attribute::DeliverToApplication);
        }
        true
    }
}
