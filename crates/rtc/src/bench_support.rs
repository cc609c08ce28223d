//! The packetizer without a session around it: the door for `tests/bench`.
//!
//! Knows nothing of benches. What it opens is not meant for anyone else.

use lanlens_media::EncodedUnit;
use rtc::rtp::packet::Packet;

use crate::assembler::RtpPacket;
use crate::packetizer::{Packetizer, Stream};

/// The payload type that both ends agree on.
const PAYLOAD_TYPE: u8 = 102;
/// The header extension of the capture time.
const CAPTURE_TIME_ID: u8 = 3;

/// One viewer's stream.
pub struct UnitPacketizer(Packetizer);

/// The packets of one unit.
pub struct UnitPackets(Vec<Packet>);

impl UnitPacketizer {
    /// A stream that carries the capture time.
    pub fn new(ssrc: u32) -> Self {
        let capture_time_id = Some(CAPTURE_TIME_ID);
        Self(Packetizer::new(Stream { ssrc, payload_type: PAYLOAD_TYPE, capture_time_id }))
    }

    /// The packets of the next unit.
    pub fn packets(&mut self, unit: &EncodedUnit) -> UnitPackets {
        UnitPackets(self.0.packets(unit))
    }
}

impl UnitPackets {
    /// As the other end's assembler takes them, in order.
    pub fn received(self) -> impl Iterator<Item = RtpPacket> {
        self.0.into_iter().map(|packet| RtpPacket {
            ssrc: packet.header.ssrc,
            sequence: packet.header.sequence_number,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            payload: packet.payload,
            captured_unix_us: None,
        })
    }
}
