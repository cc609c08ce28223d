//! How much is sent again.
//!
//! A viewer asks for a lost packet every 20 ms until it comes. On a path that loses packets because it
//! is too narrow each of these requests would make it narrower still, until hardly anything but copies
//! arrives. So what is sent again stays within a share of what the path carries.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rtc::interceptor::{Packet, TaggedPacket};
use rtc::rtcp::transport_feedbacks::transport_layer_nack::{
    TransportLayerNack, nack_pairs_from_sequence_numbers,
};

use crate::inbound::OnRead;
use crate::stats::{FeedbackCounters, add};

/// Its place between the wire and the stack's own answer to such requests.
pub(crate) const SLOT: usize = 3_500;

/// Of what the path carries, the part that may be sent again.
const SHARE: f64 = 0.25;
/// As many bits are counted for each packet, headers and all.
const PACKET_BITS: f64 = 10_000.0;
/// A share of this long may be sent again at once: a whole keyframe, on an ordinary path.
const BURST: Duration = Duration::from_millis(1500);
/// Even then, packets.
const BURST_MIN: f64 = 8.0;
const BURST_MAX: f64 = 512.0;

/// Packets that may be sent again now.
#[derive(Debug, Default)]
struct Allowance {
    packets: Option<f64>,
    at: Option<Instant>,
}

impl Allowance {
    /// Takes one; `false` where none is left.
    fn take(&mut self, now: Instant, estimate_bps: f64) -> bool {
        let rate = estimate_bps * SHARE / PACKET_BITS;
        let most = (rate * BURST.as_secs_f64()).clamp(BURST_MIN, BURST_MAX);
        let passed = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let packets = (self.packets.unwrap_or(most) + rate * passed.as_secs_f64()).min(most);
        let takes = packets >= 1.0;
        self.packets = Some(packets - if takes { 1.0 } else { 0.0 });
        self.at = Some(now);
        takes
    }
}

/// Leaves out requests past the allowance. What is left out is asked for again, or was too late.
pub(crate) struct ResendLimit {
    allowance: Allowance,
    counters: Arc<FeedbackCounters>,
}

impl ResendLimit {
    pub(crate) fn new(counters: Arc<FeedbackCounters>) -> Self {
        Self { allowance: Allowance::default(), counters }
    }

    /// The request as far as it is granted.
    fn grant(&mut self, nack: &TransportLayerNack, now: Instant) -> TransportLayerNack {
        let estimate = self.counters.estimate_bps.load(Ordering::Relaxed);
        // Without reports nothing says that the path is narrow.
        let estimate = if estimate == 0 { f64::MAX } else { estimate as f64 };
        let asked: Vec<u16> = nack.nacks.iter().flat_map(|pair| pair.packet_list()).collect();
        let granted: Vec<u16> =
            asked.iter().copied().filter(|_| self.allowance.take(now, estimate)).collect();
        add(&self.counters.resends_refused, (asked.len() - granted.len()) as u64);
        TransportLayerNack {
            sender_ssrc: nack.sender_ssrc,
            media_ssrc: nack.media_ssrc,
            nacks: nack_pairs_from_sequence_numbers(&granted),
        }
    }
}

impl OnRead for ResendLimit {
    fn on_read(&mut self, message: &mut TaggedPacket) -> bool {
        let now = message.now;
        if let Packet::Rtcp(packets) = &mut message.message.packet {
            for packet in packets.iter_mut() {
                if let Some(nack) = packet.as_any().downcast_ref::<TransportLayerNack>() {
                    let granted = self.grant(nack, now);
                    *packet = Box::new(granted);
                }
            }
        }
        true
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests need a first instant")]
mod tests {
    use super::*;

    fn limit(estimate_bps: u64) -> ResendLimit {
        let counters = Arc::new(FeedbackCounters::default());
        counters.estimate_bps.store(estimate_bps, Ordering::Relaxed);
        ResendLimit::new(counters)
    }

    /// How many of these packets are sent again.
    fn granted(limit: &mut ResendLimit, asked: &[u16], now: Instant) -> usize {
        let nacks = nack_pairs_from_sequence_numbers(asked);
        let nack = TransportLayerNack { sender_ssrc: 1, media_ssrc: 2, nacks };
        limit.grant(&nack, now).nacks.iter().map(|pair| pair.packet_list().len()).sum()
    }

    #[test]
    fn on_an_ordinary_path_a_whole_keyframe_is_sent_again() {
        let (mut limit, now) = (limit(8_000_000), Instant::now());
        let asked: Vec<u16> = (65_500..=65_535).chain(0..100).collect();
        assert_eq!(granted(&mut limit, &asked, now), asked.len());
    }

    #[test]
    fn on_a_narrow_path_a_quarter_of_it_is_all_that_is_sent_again() {
        let (mut limit, start) = (limit(300_000), Instant::now());
        let asked: Vec<u16> = (0..60).collect();
        let sent: usize = (0..500)
            .map(|n| granted(&mut limit, &asked, start + Duration::from_millis(20 * n)))
            .sum();
        // Ten seconds of 75 kbit/s in packets of 10,000 bits, and the burst at the start.
        assert!((75..=87).contains(&sent), "{sent} packets");
        let refused = limit.counters.resends_refused.load(Ordering::Relaxed);
        assert_eq!(refused, 500 * 60 - sent as u64);
    }

    #[test]
    fn before_the_first_report_nothing_is_refused() {
        let (mut limit, now) = (limit(0), Instant::now());
        let asked: Vec<u16> = (0..100).collect();
        assert_eq!(granted(&mut limit, &asked, now), 100);
    }
}
