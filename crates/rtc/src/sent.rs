//! What was sent lately, to send it again.
//!
//! The stack's own responder keeps the last 1024 packets for as long as the session lives: of a small
//! picture a minute's worth, with all its pictures, though no viewer waits longer than
//! [`GAP_WAIT_MAX`](crate::assembler::GAP_WAIT_MAX) for any of them. Here a packet is kept for twice
//! that time.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use rtc::interceptor::{
    Attribute, AttributedPacket, Interceptor, Packet, StreamInfo, TaggedPacket,
};
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::rtp::packet::Packet as RtpPacket;
use rtc::sansio::Protocol;
use rtc::shared::TransportContext;
use rtc::shared::error::Error;

use crate::assembler::GAP_WAIT_MAX;

/// A packet is of use for a gap's time, and its way takes some more.
const KEPT_FOR: Duration = GAP_WAIT_MAX.saturating_mul(2);

/// Packets of one stream with consecutive numbers, oldest first.
#[derive(Default)]
struct Sent(VecDeque<(Instant, RtpPacket)>);

impl Sent {
    fn add(&mut self, packet: &RtpPacket, now: Instant, most: usize) {
        let number = packet.header.sequence_number;
        // The packetizer numbers without gaps; after anything else what was before is unknown.
        let follows = |(_, last): &(Instant, RtpPacket)| {
            last.header.sequence_number.wrapping_add(1) == number
        };
        if !self.0.back().is_none_or(follows) {
            self.0.clear();
        }
        let is_old = |(at, _): &(Instant, RtpPacket)| now.saturating_duration_since(*at) > KEPT_FOR;
        while self.0.len() >= most || self.0.front().is_some_and(is_old) {
            self.0.pop_front();
        }
        self.0.push_back((now, packet.clone()));
    }

    fn get(&self, number: u16) -> Option<&RtpPacket> {
        let (_, first) = self.0.front()?;
        let place = number.wrapping_sub(first.header.sequence_number);
        self.0.get(usize::from(place)).map(|(_, packet)| packet)
    }
}

/// Answers requests for lost packets.
pub(crate) struct SentLately {
    /// Packets kept of each stream, at most.
    most: usize,
    streams: HashMap<u32, Sent>,
    reads: VecDeque<TaggedPacket>,
    writes: VecDeque<TaggedPacket>,
}

impl SentLately {
    /// Keeps at most so many packets of a stream, as few as one.
    pub(crate) fn new(most: u16) -> Self {
        let (reads, writes) = (VecDeque::new(), VecDeque::new());
        Self { most: usize::from(most.max(1)), streams: HashMap::new(), reads, writes }
    }

    fn send_again(&mut self, nack: &TransportLayerNack, now: Instant) {
        let Some(sent) = self.streams.get(&nack.media_ssrc) else { return };
        let asked = nack.nacks.iter().flat_map(|pair| pair.packet_list());
        let found = asked.filter_map(|number| sent.get(number)).map(|packet| {
            // The estimate must know that these are not the packets that it has counted.
            let again = AttributedPacket::new(Packet::Rtp(packet.clone()));
            let message = again.with(Attribute::Retransmission);
            TaggedPacket { now, transport: TransportContext::default(), message }
        });
        self.writes.extend(found);
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for SentLately {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, message: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(packets) = &message.message.packet {
            for packet in packets {
                if let Some(nack) = packet.as_any().downcast_ref::<TransportLayerNack>() {
                    self.send_again(nack, message.now);
                }
            }
        }
        self.reads.push_back(message);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, message: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtp(packet) = &message.message.packet
            && let Some(sent) = self.streams.get_mut(&packet.header.ssrc)
        {
            sent.add(packet, message.now, self.most);
        }
        self.writes.push_back(message);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.writes.pop_front()
    }
}

impl Interceptor for SentLately {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        let asks = info.rtcp_feedback.iter().any(|f| f.typ == "nack" && f.parameter.is_empty());
        if asks {
            self.streams.insert(info.ssrc, Sent::default());
        }
    }
    fn unbind_local_stream(&mut self, info: &StreamInfo) {
        self.streams.remove(&info.ssrc);
    }
    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests need a first instant")]
mod tests {
    use rtc::interceptor::RTCPFeedback;
    use rtc::rtcp::transport_feedbacks::transport_layer_nack::nack_pairs_from_sequence_numbers;

    use super::*;

    const SSRC: u32 = 7;
    const MOST: u16 = 64;

    fn bound() -> SentLately {
        let mut sent = SentLately::new(MOST);
        sent.bind_local_stream(&StreamInfo {
            ssrc: SSRC,
            rtcp_feedback: vec![RTCPFeedback { typ: "nack".to_owned(), parameter: String::new() }],
            ..Default::default()
        });
        sent
    }

    fn tagged(packet: Packet, now: Instant) -> TaggedPacket {
        let message = AttributedPacket::new(packet);
        TaggedPacket { now, transport: TransportContext::default(), message }
    }

    /// Sends a packet whose payload is its number, and sees it go on.
    fn send(sent: &mut SentLately, number: u16, now: Instant) {
        let mut packet = RtpPacket::default();
        (packet.header.ssrc, packet.header.sequence_number) = (SSRC, number);
        packet.payload = number.to_be_bytes().to_vec().into();
        sent.handle_write(tagged(Packet::Rtp(packet), now)).unwrap();
        assert!(sent.poll_write().is_some());
    }

    /// What is sent again when these are asked for.
    fn again(sent: &mut SentLately, numbers: &[u16], now: Instant) -> Vec<u16> {
        let nacks = nack_pairs_from_sequence_numbers(numbers);
        let nack = TransportLayerNack { sender_ssrc: 1, media_ssrc: SSRC, nacks };
        sent.handle_read(tagged(Packet::Rtcp(vec![Box::new(nack)]), now)).unwrap();
        assert!(sent.poll_read().is_some(), "the request goes on to whoever counts it");
        let mut numbers = Vec::new();
        while let Some(message) = sent.poll_write() {
            let Packet::Rtp(packet) = message.message.packet else { panic!("no picture") };
            assert_eq!(*packet.payload, packet.header.sequence_number.to_be_bytes());
            numbers.push(packet.header.sequence_number);
        }
        numbers
    }

    #[test]
    fn what_was_lost_is_sent_again_across_the_end_of_the_numbers() {
        let (mut sent, now) = (bound(), Instant::now());
        (65_530..=65_535).chain(0..10).for_each(|number| send(&mut sent, number, now));
        assert_eq!(again(&mut sent, &[65_535, 0, 9], now), [65_535, 0, 9]);
        assert!(again(&mut sent, &[65_529, 10], now).is_empty());
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_not_kept() {
        let (mut sent, start) = (bound(), Instant::now());
        let at = |number: u16| start + Duration::from_millis(100 * u64::from(number));
        (0..40).for_each(|number| send(&mut sent, number, at(number)));
        assert_eq!(again(&mut sent, &[28, 29, 39], at(39)), [29, 39]);
        assert_eq!(sent.streams[&SSRC].0.len(), 11);
    }

    #[test]
    fn a_burst_is_kept_up_to_the_limit() {
        let (mut sent, now) = (bound(), Instant::now());
        (0..100).for_each(|number| send(&mut sent, number, now));
        assert_eq!(again(&mut sent, &[35, 36, 99], now), [36, 99]);
    }

    #[test]
    fn after_a_gap_in_the_numbers_nothing_wrong_is_sent() {
        let (mut sent, now) = (bound(), Instant::now());
        [1, 2, 3, 10, 11].into_iter().for_each(|number| send(&mut sent, number, now));
        assert_eq!(again(&mut sent, &[1, 3, 4, 10, 11, 12], now), [10, 11]);
    }
}
