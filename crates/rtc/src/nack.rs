//! Asks for lost packets as soon as one is seen to be missing, and is asleep otherwise.
//!
//! The stack's generator knows what is missing and how often it was asked for, but wakes its
//! connection every 20 ms for that: with sixteen cameras, more often than their pictures do. Here it
//! is woken by a gap, at once, and for as long as it would ask for what was lost.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rtc::interceptor::{
    Interceptor, NackGeneratorBuilder, NackGeneratorInterceptor, Packet, StreamInfo, TaggedPacket,
};
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

/// Its place: the stack's own would be before the arrival of packets is noted, but what repairs a stream
/// must be noted as it came, and be part of the stream here.
pub(crate) const SLOT: usize = 8_200;

/// Time between requests for the same lost packet.
const INTERVAL: Duration = Duration::from_millis(20);
/// Requests for one lost packet: past the assembler's shortest wait they serve longer round trips.
const NACKS_PER_PACKET_MAX: u16 = 15;

/// The stack's generator of NACK (RFC 4585 section 6.2.1), awake only after a gap.
pub(crate) struct NackOnGap {
    generator: NackGeneratorInterceptor,
    /// The newest sequence number of each stream, once there is one.
    newest: HashMap<u32, Option<u16>>,
    /// What may be missing was asked for often enough by then.
    awake_until: Option<Instant>,
}

impl NackOnGap {
    /// Remembers so many packets, a power of two.
    pub(crate) fn new(history: u16) -> Self {
        let generator = NackGeneratorBuilder::new()
            .with_size(history)
            .with_interval(INTERVAL)
            .with_max_nacks_per_packet(NACKS_PER_PACKET_MAX)
            .build();
        Self { generator, newest: HashMap::new(), awake_until: None }
    }

    /// Whether packets are missing before this one that were not missing before.
    fn shows_a_gap(&mut self, ssrc: u32, number: u16) -> bool {
        let Some(newest) = self.newest.get_mut(&ssrc) else { return false };
        let ahead = newest.map_or(1, |newest| number.wrapping_sub(newest) as i16);
        if ahead > 0 {
            *newest = Some(number);
        }
        ahead > 1
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for NackOnGap {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, message: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtp(packet) = &message.message.packet
            && self.shows_a_gap(packet.header.ssrc, packet.header.sequence_number)
        {
            self.awake_until = Some(message.now + INTERVAL * u32::from(NACKS_PER_PACKET_MAX + 1));
        }
        self.generator.handle_read(message)
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.generator.poll_read()
    }

    fn handle_write(&mut self, message: TaggedPacket) -> Result<(), Error> {
        self.generator.handle_write(message)
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.generator.poll_write()
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        let Some(until) = self.awake_until else { return Ok(()) };
        self.awake_until = (now < until).then_some(until);
        self.generator.handle_timeout(now)
    }

    /// While it is awake, the generator's own time: in the past after a long sleep, so the first
    /// request goes out at once.
    fn poll_timeout(&mut self) -> Option<Instant> {
        self.awake_until.and_then(|_| self.generator.poll_timeout())
    }
}

impl Interceptor for NackOnGap {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        self.generator.bind_local_stream(info);
    }
    fn unbind_local_stream(&mut self, info: &StreamInfo) {
        self.generator.unbind_local_stream(info);
    }
    fn bind_remote_stream(&mut self, info: &StreamInfo) {
        self.newest.insert(info.ssrc, None);
        self.generator.bind_remote_stream(info);
    }
    fn unbind_remote_stream(&mut self, info: &StreamInfo) {
        self.newest.remove(&info.ssrc);
        self.generator.unbind_remote_stream(info);
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "tests need a first instant")]
mod tests {
    use rtc::interceptor::{AttributedPacket, RTCPFeedback};
    use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
    use rtc::rtp::packet::Packet as RtpPacket;
    use rtc::shared::TransportContext;

    use super::*;

    const SSRC: u32 = 7;

    fn bound() -> NackOnGap {
        let mut nack = NackOnGap::new(1024);
        nack.bind_remote_stream(&StreamInfo {
            ssrc: SSRC,
            rtcp_feedback: vec![RTCPFeedback { typ: "nack".to_owned(), parameter: String::new() }],
            ..Default::default()
        });
        nack
    }

    fn arrives(nack: &mut NackOnGap, number: u16, now: Instant) {
        let mut packet = RtpPacket::default();
        (packet.header.ssrc, packet.header.sequence_number) = (SSRC, number);
        let message = AttributedPacket::new(Packet::Rtp(packet));
        let transport = TransportContext::default();
        nack.handle_read(TaggedPacket { now, transport, message }).unwrap();
        assert!(nack.poll_read().is_some());
    }

    /// Lets time pass until nothing is planned any more: when it asked, ms, and for what.
    fn asked(nack: &mut NackOnGap, start: Instant) -> Vec<(u128, Vec<u16>)> {
        let (mut now, mut asked) = (start, Vec::new());
        while let Some(due) = nack.poll_timeout() {
            now = now.max(due);
            nack.handle_timeout(now).unwrap();
            while let Some(packet) = nack.poll_write() {
                let Packet::Rtcp(packets) = packet.message.packet else { panic!("no request") };
                let request = packets[0].as_any().downcast_ref::<TransportLayerNack>().unwrap();
                let numbers = request.nacks.iter().flat_map(|pair| pair.packet_list()).collect();
                asked.push(((now - start).as_millis(), numbers));
            }
            assert!(asked.len() < 100, "it never sleeps again");
        }
        asked
    }

    #[test]
    fn it_sleeps_while_nothing_is_missing() {
        let (mut nack, start) = (bound(), Instant::now());
        for number in 0..100u16 {
            let now = start + Duration::from_millis(10 * u64::from(number));
            arrives(&mut nack, number.wrapping_add(65_500), now);
            assert_eq!(nack.poll_timeout(), None);
        }
    }

    #[test]
    fn a_gap_is_asked_for_at_once_and_then_every_20_ms_but_not_for_ever() {
        let (mut nack, start) = (bound(), Instant::now());
        arrives(&mut nack, 65_534, start);
        let now = start + Duration::from_secs(1);
        arrives(&mut nack, 1, now);
        let asked = asked(&mut nack, now);
        assert_eq!(asked.len(), usize::from(NACKS_PER_PACKET_MAX));
        for (count, (at, numbers)) in asked.iter().enumerate() {
            assert_eq!(*at, 20 * count as u128);
            assert_eq!(*numbers, [65_535, 0]);
        }
        assert_eq!(nack.poll_timeout(), None);
    }

    #[test]
    fn what_comes_late_is_no_gap_and_no_longer_asked_for() {
        let (mut nack, start) = (bound(), Instant::now());
        for number in [10, 12, 11] {
            arrives(&mut nack, number, start);
        }
        assert_eq!(asked(&mut nack, start), []);
        arrives(&mut nack, 13, start);
        assert_eq!(nack.poll_timeout(), None);
    }
}
