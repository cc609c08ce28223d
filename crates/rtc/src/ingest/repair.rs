//! Retransmissions that come as a stream of their own (RTX, RFC 4588), put back where they belong.
//!
//! Browsers use that stream for two things: for what was asked for again, and, whenever they wonder how
//! much the path carries, for hundreds of packets a second that nobody needs. Without it they put those
//! into the video's own sequence, where each one lost looks like a lost part of the picture that can
//! never be had again. So it is negotiated, and this small piece in the WebRTC stack's interceptor
//! chain turns what is missing into packets of the video and drops the rest.

use rtc::interceptor::{Packet, TaggedPacket};
use rtc::rtp::packet::Packet as RtpPacket;

use crate::inbound::OnRead;

/// Its place: behind the piece that notes every packet's arrival for the sender's estimate, padding
/// too, and before the one that asks for what is missing.
pub(crate) const SLOT: usize = 8_100;

/// The newest packets of the video, of which is known whether they came. A power of two.
const REMEMBERED: u16 = 1024;

/// The payload types of a video stream and of what repairs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RepairTypes {
    pub(crate) video: u8,
    pub(crate) repair: u8,
}

/// See the [module](self).
pub(crate) struct Repair {
    types: RepairTypes,
    seen: Seen,
}

impl Repair {
    pub(crate) fn new(types: RepairTypes) -> Self {
        Self { types, seen: Seen::default() }
    }

    /// Whether the packet goes on, as one of the video.
    fn admit(&mut self, packet: &mut RtpPacket) -> bool {
        if packet.header.payload_type == self.types.video {
            self.seen.note(packet.header.ssrc, packet.header.sequence_number);
            return true;
        }
        if packet.header.payload_type != self.types.repair {
            return true;
        }
        // The number that the packet had, and its payload (RFC 4588 section 4).
        let Some((number, _)) = packet.payload.split_first_chunk::<2>() else { return false };
        let number = u16::from_be_bytes(*number);
        let Some(ssrc) = self.seen.ssrc.filter(|_| self.seen.is_missing(number)) else {
            return false;
        };
        self.seen.note(ssrc, number);
        packet.header.ssrc = ssrc;
        packet.header.payload_type = self.types.video;
        packet.header.sequence_number = number;
        packet.header.padding = false;
        packet.payload = packet.payload.slice(2..);
        true
    }
}

/// Which of the newest packets of a stream came.
struct Seen {
    ssrc: Option<u32>,
    newest: u16,
    /// The sequence number that came last of those that share a place.
    numbers: Box<[Option<u16>; REMEMBERED as usize]>,
}

impl Default for Seen {
    fn default() -> Self {
        Self { ssrc: None, newest: 0, numbers: Box::new([None; REMEMBERED as usize]) }
    }
}

impl Seen {
    fn note(&mut self, ssrc: u32, number: u16) {
        if self.ssrc != Some(ssrc) {
            *self = Self { ssrc: Some(ssrc), newest: number, ..Self::default() };
        }
        if number.wrapping_sub(self.newest).cast_signed() > 0 {
            self.newest = number;
        }
        if let Some(place) = self.numbers.get_mut(usize::from(number % REMEMBERED)) {
            *place = Some(number);
        }
    }

    /// Between the newest and the oldest that are remembered, and not there. (What is newer than the
    /// newest was lost at the end of a picture.)
    fn is_missing(&self, number: u16) -> bool {
        let behind = self.newest.wrapping_sub(number).cast_signed();
        let is_near = behind.unsigned_abs() < REMEMBERED / 2;
        is_near && self.numbers.get(usize::from(number % REMEMBERED)) != Some(&Some(number))
    }
}

impl OnRead for Repair {
    fn on_read(&mut self, message: &mut TaggedPacket) -> bool {
        match &mut message.message.packet {
            Packet::Rtp(packet) => self.admit(packet),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const SSRC: u32 = 7;
    const TYPES: RepairTypes = RepairTypes { video: 108, repair: 109 };

    fn repair() -> Repair {
        Repair::new(TYPES)
    }

    fn video(repair: &mut Repair, number: u16) {
        let mut packet = RtpPacket::default();
        packet.header.payload_type = TYPES.video;
        (packet.header.ssrc, packet.header.sequence_number) = (SSRC, number);
        assert!(repair.admit(&mut packet));
    }

    /// What becomes of a retransmission with this payload: number, timestamp and payload.
    fn sent_again(repair: &mut Repair, payload: &[u8]) -> Option<(u16, u32, Bytes)> {
        let mut packet = RtpPacket::default();
        packet.header.payload_type = TYPES.repair;
        (packet.header.ssrc, packet.header.sequence_number) = (SSRC + 1, 999);
        (packet.header.timestamp, packet.header.padding) = (4500, true);
        packet.payload = Bytes::copy_from_slice(payload);
        if !repair.admit(&mut packet) {
            return None;
        }
        assert_eq!((packet.header.ssrc, packet.header.payload_type), (SSRC, TYPES.video));
        assert!(!packet.header.padding);
        Some((packet.header.sequence_number, packet.header.timestamp, packet.payload))
    }

    #[test]
    fn what_was_lost_becomes_a_packet_of_the_video_once() {
        let mut repair = repair();
        video(&mut repair, 65_535);
        video(&mut repair, 2);
        let again = [0, 1, 0x41, 0x9a];
        let expected = Some((1, 4500, Bytes::from_static(&[0x41, 0x9a])));
        assert_eq!(sent_again(&mut repair, &again), expected);
        assert_eq!(sent_again(&mut repair, &again), None, "the second time it is only padding");
        assert!(sent_again(&mut repair, &[0, 0, 0x41]).is_some());
        // The end of a picture, after which nothing came.
        assert!(sent_again(&mut repair, &[0, 3, 0x41]).is_some());
    }

    #[test]
    fn padding_and_what_is_long_gone_are_dropped() {
        let mut repair = repair();
        assert_eq!(sent_again(&mut repair, &[0, 1, 0x41]), None, "there is no video yet");
        video(&mut repair, 5000);
        for payload in [&[][..], &[0], &5000u16.to_be_bytes(), &4000u16.to_be_bytes()] {
            assert_eq!(sent_again(&mut repair, payload), None, "{payload:?}");
        }
        for number in 0..3000u16 {
            video(&mut repair, 5001 + number);
            let before = (5000 + number).to_be_bytes();
            assert_eq!(sent_again(&mut repair, &before), None);
        }
    }

    #[test]
    fn other_streams_pass_untouched_and_a_new_video_starts_over() {
        let mut repair = repair();
        let mut sound = RtpPacket::default();
        sound.header.payload_type = 111;
        let before = sound.clone();
        assert!(repair.admit(&mut sound));
        assert_eq!(sound, before);
        video(&mut repair, 10);
        let mut other = RtpPacket::default();
        (other.header.ssrc, other.header.sequence_number) = (SSRC + 5, 12);
        other.header.payload_type = TYPES.video;
        assert!(repair.admit(&mut other));
        assert!(repair.seen.is_missing(10));
    }
}
