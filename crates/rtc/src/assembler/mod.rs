//! From RTP packets to access units, without I/O and without a clock (RFC 6184, RFC 3550).
//!
//! ```text
//! handle_packet ─▶ window (ordered, bounded) ─▶ whole unit? ─▶ NAL units ─▶ poll_event
//! handle_timeout ─▶ a gap waited long enough ─▶ discard, ask for a keyframe
//! ```
//!
//! Owns the reorder window of one RTP stream, its parameter sets and the wish for a keyframe. Knows
//! nothing of sockets, NACK (the stack below sends those) or decoders.
//!
//! The contract: after each input drain [`Assembler::poll_event`], then call
//! [`Assembler::handle_timeout`] at [`Assembler::poll_timeout`].
//!
//! - A unit is whole when its packets run without a gap from the first after the previous unit to the
//!   marker bit, or to a packet of another timestamp. Packets of padding only count as received.
//! - A gap waits for its retransmission at most max(100 ms, 3 × round trip) and never over 500 ms,
//!   then everything up to the next keyframe is discarded.
//! - While a keyframe is needed, one is asked for at once and every 300 ms.

mod nal;
mod window;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lanlens_media::{Allowance, CaptureTime, EncodedUnit, SharedBudget};
use lanlens_model::{Layer, MediaKind};

use crate::capture_time::CaptureClock;
use crate::stats::SubscriberStats;

use nal::ParameterSets;
use window::{Insert, Stored, Window};

/// A gap waits at least this long for its retransmission.
pub const GAP_WAIT_MIN: Duration = Duration::from_millis(100);
/// And at least this many round trips.
pub const GAP_WAIT_ROUND_TRIPS: u32 = 3;
/// But no longer than this: a picture that late is of no use on a local network.
pub const GAP_WAIT_MAX: Duration = Duration::from_millis(500);
/// The time between two requests for a keyframe.
pub const KEYFRAME_REQUEST_INTERVAL: Duration = Duration::from_millis(300);

/// One RTP packet as the assembler needs it.
#[derive(Debug, Clone)]
pub struct RtpPacket {
    /// The stream; another value starts over.
    pub ssrc: u32,
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp, 90 kHz.
    pub timestamp: u32,
    /// The marker bit: last packet of its unit.
    pub marker: bool,
    /// The payload without padding; empty for a packet of padding only.
    pub payload: Bytes,
    /// The capture time in µs since 1970 that came with the packet, if one did.
    pub captured_unix_us: Option<u64>,
}

/// What the assembler wants done.
#[derive(Debug, Clone)]
pub enum AssemblerEvent {
    /// A whole access unit, decodable given those before it.
    Unit(EncodedUnit),
    /// Ask the sender of this stream for a keyframe.
    RequestKeyframe {
        /// The stream to name in the request.
        ssrc: u32,
    },
}

/// See the [module](self).
#[derive(Debug)]
pub struct Assembler {
    ssrc: Option<u32>,
    window: Window,
    parameter_sets: ParameterSets,
    capture: CaptureClock,
    /// Units before the next keyframe cannot be decoded.
    awaiting_keyframe: bool,
    /// The window may hold the beginning of a keyframe beyond a gap.
    look_beyond_gap: bool,
    /// The last unit ended right before the window's head, so the head begins a unit.
    head_begins_unit: bool,
    /// Somebody needs a keyframe: this assembler, or a decoder that asked.
    keyframe_wanted: bool,
    requested: Option<Instant>,
    gap_wait: Duration,
    units: VecDeque<EncodedUnit>,
    request_due: bool,
    stats: SubscriberStats,
}

impl Default for Assembler {
    fn default() -> Self {
        Self::new()
    }
}

impl Assembler {
    /// An assembler that waits for a stream and its first keyframe, on its own in this process.
    pub fn new() -> Self {
        Self::within(SharedBudget::new(0).allowance(usize::MAX))
    }

    /// An assembler that shares a budget with others: `allowance` counts the bytes of the packets that
    /// wait to make a unit. A stream that needs more than there is drops to its next keyframe.
    pub fn within(allowance: Allowance) -> Self {
        Self {
            ssrc: None,
            window: Window::new(allowance),
            parameter_sets: ParameterSets::default(),
            capture: CaptureClock::default(),
            awaiting_keyframe: true,
            look_beyond_gap: false,
            head_begins_unit: false,
            keyframe_wanted: true,
            requested: None,
            gap_wait: GAP_WAIT_MIN,
            units: VecDeque::new(),
            request_due: false,
            stats: SubscriberStats::default(),
        }
    }

    /// Tells which stream will come, so that a keyframe can be asked for before its first packet.
    pub fn expect_stream(&mut self, ssrc: u32, now: Instant) {
        if self.ssrc != Some(ssrc) {
            self.start_stream(ssrc);
        }
        self.handle_timeout(now);
    }

    /// Takes a packet that arrived at `now`.
    pub fn handle_packet(&mut self, packet: RtpPacket, now: Instant) {
        self.stats.packets += 1;
        self.stats.bytes += packet.payload.len() as u64;
        if self.ssrc != Some(packet.ssrc) {
            self.start_stream(packet.ssrc);
        }
        self.look_beyond_gap |= nal::begins_keyframe(&packet.payload);
        match self.window.insert(packet, now) {
            Insert::Newest => {}
            Insert::Filled => self.stats.packets_recovered += 1,
            Insert::Duplicate => return,
            Insert::Overflow => self.resynchronise(),
        }
        self.advance();
        self.handle_timeout(now);
    }

    /// Lets time pass: gives up gaps that waited too long, asks for keyframes.
    pub fn handle_timeout(&mut self, now: Instant) {
        while self.window.gap_since().is_some_and(|since| now >= since + self.gap_wait) {
            self.skip_gap();
            self.advance();
        }
        if self.keyframe_wanted
            && self.ssrc.is_some()
            && self.requested.is_none_or(|at| now >= at + KEYFRAME_REQUEST_INTERVAL)
        {
            self.requested = Some(now);
            self.request_due = true;
            self.stats.keyframe_requests += 1;
        }
    }

    /// A decoder needs a keyframe: asks now, or when the last request is 300 ms old, and again until
    /// one arrives.
    pub fn request_keyframe(&mut self, now: Instant) {
        self.keyframe_wanted = true;
        self.handle_timeout(now);
    }

    /// The round trip of the path, which bounds how long a gap is worth waiting for.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        let round_trips = round_trip.saturating_mul(GAP_WAIT_ROUND_TRIPS);
        self.gap_wait = round_trips.clamp(GAP_WAIT_MIN, GAP_WAIT_MAX);
        self.stats.rtt_us = u64::try_from(round_trip.as_micros()).unwrap_or(u64::MAX);
    }

    /// The next thing to do, until there is none.
    pub fn poll_event(&mut self) -> Option<AssemblerEvent> {
        if let Some(unit) = self.units.pop_front() {
            return Some(AssemblerEvent::Unit(unit));
        }
        if std::mem::take(&mut self.request_due) {
            return self.ssrc.map(|ssrc| AssemblerEvent::RequestKeyframe { ssrc });
        }
        None
    }

    /// When [`Assembler::handle_timeout`] wants to be called next; `None` for not until a packet.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let gap = self.window.gap_since().map(|since| since + self.gap_wait);
        let request = self
            .requested
            .filter(|_| self.keyframe_wanted)
            .map(|at| at + KEYFRAME_REQUEST_INTERVAL);
        [gap, request].into_iter().flatten().min()
    }

    /// Counters since the start.
    pub fn stats(&self) -> SubscriberStats {
        self.stats
    }

    /// Whether everything it holds stays within its limits.
    #[cfg(fuzzing)]
    pub fn is_bounded(&self) -> bool {
        let (packets, bytes) = self.window.held();
        packets <= window::PACKETS_MAX
            && bytes <= window::BYTES_MAX
            && self.parameter_sets.is_bounded()
    }

    fn start_stream(&mut self, ssrc: u32) {
        self.ssrc = Some(ssrc);
        self.window.clear();
        self.parameter_sets = ParameterSets::default();
        self.capture = CaptureClock::default();
        self.requested = None;
        self.head_begins_unit = false;
        self.await_keyframe();
    }

    fn await_keyframe(&mut self) {
        // While one is awaited, what arrives says by itself whether it begins one. To look again at all
        // that waits, at each of thousands of gaps, would be a peer's way to keep us busy.
        self.look_beyond_gap |= !self.awaiting_keyframe;
        self.awaiting_keyframe = true;
        self.keyframe_wanted = true;
    }

    /// Takes every whole unit out of the window.
    fn advance(&mut self) {
        loop {
            if let Some(packets) = self.window.take_unit() {
                self.finish_unit(&packets);
                continue;
            }
            if !(self.awaiting_keyframe && self.look_beyond_gap && self.window.has_gap()) {
                return;
            }
            // While waiting for a keyframe nothing before it is worth a gap's wait.
            let Some(lost) = self.window.skip_to(nal::begins_keyframe) else {
                self.look_beyond_gap = false;
                return;
            };
            self.stats.packets_lost += lost;
            self.head_begins_unit = true;
        }
    }

    /// Gives up the packets of the first gap and the unit it tore.
    fn skip_gap(&mut self) {
        self.stats.packets_lost += self.window.skip_gap();
        self.stats.units_dropped += 1;
        self.head_begins_unit = false;
        self.await_keyframe();
    }

    /// Forgets what is under way: the stream jumped, or sent more than a unit may hold.
    fn resynchronise(&mut self) {
        self.stats.units_dropped += 1;
        self.head_begins_unit = false;
        self.await_keyframe();
    }

    fn finish_unit(&mut self, packets: &[Stored]) {
        let begins_here = std::mem::replace(&mut self.head_begins_unit, true);
        let Some(first) = packets.first() else { return };
        let timestamp = first.timestamp;
        let arrived = packets.iter().map(|packet| packet.arrived).min().unwrap_or(first.arrived);
        let stamp = packets.iter().find_map(|packet| packet.captured_unix_us);
        let unix_us = self.capture.unix_us(timestamp, stamp);

        let payloads = packets.iter().map(|packet| &packet.payload);
        let unit = nal::access_unit(payloads, &mut self.parameter_sets, begins_here);
        let unit = match unit {
            Ok(unit) => unit,
            Err(damage) => {
                tracing::debug!(%damage, "access unit discarded");
                self.stats.units_dropped += 1;
                self.await_keyframe();
                return;
            }
        };
        // Parameter sets, or nothing but padding, sent on their own.
        let Some(unit) = unit else { return };
        if unit.keyframe {
            self.awaiting_keyframe = false;
            self.keyframe_wanted = false;
        } else if self.awaiting_keyframe {
            self.stats.units_dropped += 1;
            return;
        }
        self.stats.units += 1;
        self.units.push_back(EncodedUnit {
            kind: MediaKind::Video,
            layer: Layer::High,
            data: unit.data,
            keyframe: unit.keyframe,
            captured: CaptureTime { instant: arrived, unix_us },
            media_time: timestamp,
        });
    }
}
