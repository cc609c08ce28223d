//! The assembler: whatever packets come, in whatever order and time, it holds a bounded amount, never
//! spins, and gives units in order, each run beginning with a keyframe that can be decoded.
//!
//! The input is a list of steps, see `src/steps.rs`.

#![no_main]

use std::time::{Duration, Instant};

use bytes::Bytes;
use lanlens_fuzz::{Packet, Step, Steps};
use lanlens_media::EncodedUnit;
use lanlens_media::h264::{NalKind, START_CODE, nal_kind, nal_units};
use lanlens_model::limits::ACCESS_UNIT_BYTES_MAX;
use lanlens_rtc::assembler::{Assembler, AssemblerEvent, RtpPacket};
use libfuzzer_sys::fuzz_target;

/// What an input may send: more than the assembler holds, and so little that none takes long.
const PACKETS_MAX: u32 = 9_000;
/// Kept parameter sets that may stand before a keyframe: 16 of a kilobyte.
const SETS_BYTES_MAX: usize = 16 * (1024 + START_CODE.len());
/// The assembler takes so many packets that come too late in a row for a sender that started over;
/// what it gives then is in order again, but not after what it gave before.
const LATE_MAX: u32 = 100;
/// Past half of the sequence numbers nobody can tell before from after.
const LEFT_OUT_MAX: i64 = 30_000;

fuzz_target!(|bytes: &[u8]| {
    let mut rig = Rig::new();
    for step in Steps(bytes) {
        rig.take(step);
        if rig.sent > PACKETS_MAX {
            return;
        }
    }
});

struct Rig {
    assembler: Assembler,
    now: Instant,
    /// Where the next packet stands in the stream, wider than a sequence number. Every packet carries
    /// its place as its capture time, and so does the unit that it begins.
    next: i64,
    timestamp: u32,
    stream: u32,
    last: Bytes,
    sent: u32,
    late: u32,
    /// Sequence numbers left out since the last packet.
    left_out: i64,
    /// Places still tell the order.
    ordered: bool,
    /// Of the last unit.
    place: u64,
    units: u64,
    /// Something is missing: no unit but a keyframe may follow.
    torn: bool,
    /// Packets lost and units dropped so far.
    losses: u64,
}

impl Rig {
    fn new() -> Self {
        Self {
            assembler: Assembler::new(),
            now: Instant::now(),
            // Wraps soon, and there is room before it.
            next: (1 << 32) + 65_500,
            timestamp: 0,
            stream: 0,
            last: Bytes::new(),
            sent: 0,
            late: 0,
            left_out: 0,
            ordered: true,
            place: 0,
            units: 0,
            torn: true,
            losses: 0,
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Packet(packet) => self.packet(packet),
            Step::Repeat(times) => {
                for _ in 0..times {
                    self.packet(Packet { payload: self.last.clone(), ..Packet::default() });
                    if self.sent > PACKETS_MAX {
                        return;
                    }
                }
            }
            Step::Time(milliseconds) => {
                self.now += Duration::from_millis(milliseconds);
                self.assembler.handle_timeout(self.now);
                self.drain();
            }
            Step::Lost(packets) => self.leave_out(packets.into()),
            Step::Jump => self.leave_out(5_000),
            Step::KeyframeNeeded => {
                self.assembler.request_keyframe(self.now);
                self.drain();
            }
            Step::RoundTrip(milliseconds) => {
                self.assembler.set_round_trip(Duration::from_millis(milliseconds));
                self.assembler.handle_timeout(self.now);
                self.drain();
            }
        }
    }

    fn leave_out(&mut self, packets: i64) {
        self.next += packets;
        self.left_out += packets;
        self.ordered &= self.left_out < LEFT_OUT_MAX;
    }

    fn packet(&mut self, packet: Packet) {
        let stream = u32::from(packet.other_stream);
        if stream != self.stream {
            self.stream = stream;
            (self.place, self.torn) = (0, true);
        }
        if packet.new_picture {
            self.timestamp = self.timestamp.wrapping_add(3_000);
        }
        let place = self.next + i64::from(packet.moved);
        if packet.moved == 0 {
            self.next += 1;
            self.left_out = 0;
        } else {
            self.late += 1;
            self.ordered &= self.late <= LATE_MAX;
        }
        self.sent += 1;
        self.last = packet.payload.clone();
        let packet = RtpPacket {
            ssrc: stream,
            sequence: place as u16,
            timestamp: self.timestamp,
            marker: packet.marker,
            payload: packet.payload,
            captured_unix_us: Some(place.unsigned_abs()),
        };
        self.assembler.handle_packet(packet, self.now);
        self.drain();
    }

    fn drain(&mut self) {
        let mut keyframe = false;
        while let Some(event) = self.assembler.poll_event() {
            match event {
                AssemblerEvent::Unit(unit) => {
                    keyframe |= unit.keyframe;
                    self.unit(&unit);
                }
                AssemblerEvent::RequestKeyframe { ssrc } => assert_eq!(ssrc, self.stream),
            }
        }
        let stats = self.assembler.stats();
        assert_eq!(stats.units, self.units);
        let losses = stats.packets_lost + stats.units_dropped;
        self.torn |= losses > self.losses && !keyframe;
        self.losses = losses;
        assert!(self.assembler.is_bounded(), "it holds more than it may");
        let timeout = self.assembler.poll_timeout();
        assert!(timeout.is_none_or(|at| at > self.now), "its timeout stays in the past");
    }

    fn unit(&mut self, unit: &EncodedUnit) {
        assert!(unit.keyframe || !self.torn, "a unit follows that lacks what it refers to");
        assert!(unit.data.starts_with(&START_CODE));
        assert!(unit.data.len() <= ACCESS_UNIT_BYTES_MAX + SETS_BYTES_MAX);
        let has =
            |wanted: fn(NalKind) -> bool| nal_units(&unit.data).filter_map(nal_kind).any(wanted);
        if unit.keyframe {
            assert!(has(|kind| kind == NalKind::Sps) && has(|kind| kind == NalKind::Pps));
            assert!(has(|kind| kind == NalKind::Idr));
        } else {
            // Types 2 to 4 are parts of slices, which no decoder here takes.
            let is_slice = |kind| matches!(kind, NalKind::Slice | NalKind::Other(2..=4));
            assert!(has(is_slice), "a unit without a picture");
        }
        if self.ordered {
            let place = unit.captured.unix_us;
            assert!(place > self.place, "place {place} after {}", self.place);
            self.place = place;
        }
        self.torn = false;
        self.units += 1;
    }
}
