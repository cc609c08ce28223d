//! From access units to RTP packets (RFC 6184, packetization mode 1).
//!
//! Owns the sequence numbers of one viewer's stream. No I/O and no clock: timestamps are the units'
//! media time, and the capture time travels on the first packet of each unit.

use lanlens_media::EncodedUnit;
use rtc::rtp::codec::h264::H264Payloader;
use rtc::rtp::header::Header;
use rtc::rtp::packet::Packet;
use rtc::rtp::packetizer::Payloader;

use crate::capture_time;

/// Payload of one packet. With RTP, its extensions, SRTP, UDP and IPv6 around it, it stays below 1300.
const PAYLOAD_BYTES_MAX: usize = 1200;
const RTP_VERSION: u8 = 2;

/// What was negotiated for a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) ssrc: u32,
    pub(crate) payload_type: u8,
    /// The header extension of the capture time, if the viewer knows it.
    pub(crate) capture_time_id: Option<u8>,
}

pub(crate) struct Packetizer {
    stream: Stream,
    payloader: H264Payloader,
    sequence: u16,
    /// The newest timestamp that was sent.
    timestamp: Option<u32>,
}

impl Packetizer {
    /// Starts at a random sequence number, in the lower half so that the receiver's first packets
    /// do not wrap (RFC 3711 section 3.3.1).
    pub(crate) fn new(stream: Stream) -> Self {
        let sequence = fastrand::u16(..1 << 15);
        Self { stream, payloader: H264Payloader::default(), sequence, timestamp: None }
    }

    pub(crate) fn ssrc(&self) -> u32 {
        self.stream.ssrc
    }

    /// Goes on with what a further negotiation settled.
    pub(crate) fn renegotiate(&mut self, stream: Stream) {
        self.stream = stream;
    }

    /// The packets of one unit, in order; none for a unit without NAL units.
    pub(crate) fn packets(&mut self, unit: &EncodedUnit) -> Vec<Packet> {
        let payloads = match self.payloader.payload(PAYLOAD_BYTES_MAX, &unit.data) {
            Ok(payloads) => payloads,
            Err(error) => {
                tracing::debug!(%error, "a unit cannot be packetized");
                return Vec::new();
            }
        };
        let timestamp = self.next_timestamp(unit.media_time);
        let last = payloads.len().saturating_sub(1);
        let mut packets: Vec<Packet> = payloads
            .into_iter()
            .enumerate()
            .map(|(index, payload)| {
                let header = Header {
                    version: RTP_VERSION,
                    marker: index == last,
                    payload_type: self.stream.payload_type,
                    sequence_number: self.next_sequence(),
                    timestamp,
                    ssrc: self.stream.ssrc,
                    ..Default::default()
                };
                Packet { header, payload }
            })
            .collect();
        if let (Some(id), Some(first)) = (self.stream.capture_time_id, packets.first_mut()) {
            let value = capture_time::encode(unit.captured.unix_us);
            if let Err(error) = first.header.set_extension(id, value) {
                tracing::debug!(%error, "the capture time cannot be attached");
            }
        }
        packets
    }

    /// Timestamps only grow: where a viewer changes to another layer, the same picture may come a
    /// second time, and receivers take packets of one timestamp for one picture (RFC 6184 section 5.1).
    fn next_timestamp(&mut self, media_time: u32) -> u32 {
        let timestamp = match self.timestamp {
            Some(last) if media_time.wrapping_sub(last).wrapping_sub(1) >= 1 << 31 => {
                last.wrapping_add(1)
            }
            _ => media_time,
        };
        self.timestamp = Some(timestamp);
        timestamp
    }

    fn next_sequence(&mut self) -> u16 {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        sequence
    }
}
