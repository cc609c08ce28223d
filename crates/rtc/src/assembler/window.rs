//! The reorder window: packets by extended sequence number, from the first that is not yet part of a
//! finished unit.
//!
//! Bounded in packets and bytes, and in what all windows of a node hold together. Finds gaps and unit boundaries; does not look into payloads.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use lanlens_media::Allowance;
use lanlens_model::limits;

use super::RtpPacket;

/// Packets held at once: two of the largest units in packets of 1200 bytes.
pub(super) const PACKETS_MAX: usize = 8192;
/// Payload held at once.
pub(super) const BYTES_MAX: usize = 2 * limits::ACCESS_UNIT_BYTES_MAX;
/// What a packet costs besides its payload: its place here, its buffer's own, and padding.
const PACKET_BYTES: usize = 512;
/// A jump of the sequence numbers beyond this is a sender that started over.
const JUMP_MAX: i64 = 4096;
/// So is a run of this many packets that all seem to be old.
const LATE_RUN_MAX: u32 = 100;
/// Extended sequence numbers begin high enough to count down from.
const FIRST: i64 = 1 << 32;

/// A packet in the window.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) timestamp: u32,
    pub(super) marker: bool,
    pub(super) payload: Bytes,
    pub(super) captured_unix_us: Option<u64>,
    pub(super) arrived: Instant,
}

/// What became of a packet.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Insert {
    /// The newest so far.
    Newest,
    /// Came after a later one and is still of use.
    Filled,
    /// Seen before, or too late.
    Duplicate,
    /// The window was emptied to make room, or because the stream jumped; it now holds this packet.
    Overflow,
}

#[derive(Debug)]
pub(super) struct Window {
    packets: BTreeMap<i64, Stored>,
    bytes: usize,
    /// Counts the payloads and [`PACKET_BYTES`] for each packet.
    allowance: Allowance,
    /// The first packet that is not part of a finished unit; `None` before the first packet.
    head: Option<i64>,
    /// Everything from `head` to before this is there and belongs to the unit at the head.
    frontier: i64,
    newest: i64,
    /// A unit has been taken out: nothing before the head is of use any more.
    settled: bool,
    late_run: u32,
}

impl Window {
    /// An empty window that may hold what `allowance` says.
    pub(super) fn new(allowance: Allowance) -> Self {
        Self {
            packets: BTreeMap::new(),
            bytes: 0,
            allowance,
            head: None,
            frontier: 0,
            newest: 0,
            settled: false,
            late_run: 0,
        }
    }

    /// Forgets everything: another stream begins.
    pub(super) fn clear(&mut self) {
        self.packets.clear();
        self.bytes = 0;
        self.head = None;
        (self.settled, self.late_run) = (false, 0);
        self.settle();
    }

    /// Gives back what is not held any more, which never fails.
    fn settle(&mut self) {
        let _ = self.allowance.hold(self.memory());
    }

    fn memory(&self) -> usize {
        self.bytes + self.packets.len() * PACKET_BYTES
    }

    pub(super) fn insert(&mut self, packet: RtpPacket, now: Instant) -> Insert {
        let Some(head) = self.head else {
            self.begin(packet, now);
            return Insert::Newest;
        };
        let distance = i64::from(packet.sequence.wrapping_sub(self.newest as u16) as i16);
        let sequence = self.newest + distance;
        if distance.abs() > JUMP_MAX {
            self.begin(packet, now);
            return Insert::Overflow;
        }
        // Before anything was taken out, an older packet may still be the stream's true beginning.
        if sequence < head && self.settled {
            self.late_run += 1;
            if self.late_run > LATE_RUN_MAX {
                self.begin(packet, now);
                return Insert::Overflow;
            }
            return Insert::Duplicate;
        }
        if self.packets.contains_key(&sequence) {
            return Insert::Duplicate;
        }
        let room = self.bytes + packet.payload.len() <= BYTES_MAX;
        let more = self.memory() + packet.payload.len() + PACKET_BYTES;
        if !room || self.packets.len() >= PACKETS_MAX || self.allowance.hold(more).is_err() {
            self.begin(packet, now);
            return Insert::Overflow;
        }
        self.late_run = 0;
        self.store(sequence, packet, now);
        if sequence < head {
            self.head = Some(sequence);
            self.frontier = sequence;
        }
        if distance > 0 {
            self.newest = sequence;
            return Insert::Newest;
        }
        Insert::Filled
    }

    /// Empties the window and begins with this packet.
    fn begin(&mut self, packet: RtpPacket, now: Instant) {
        let sequence = FIRST + i64::from(packet.sequence);
        self.clear();
        self.head = Some(sequence);
        self.frontier = sequence;
        self.newest = sequence;
        self.store(sequence, packet, now);
        // One packet is always within a stream's own part.
        self.settle();
    }

    fn store(&mut self, sequence: i64, packet: RtpPacket, now: Instant) {
        self.bytes += packet.payload.len();
        self.packets.insert(
            sequence,
            Stored {
                timestamp: packet.timestamp,
                marker: packet.marker,
                payload: packet.payload,
                captured_unix_us: packet.captured_unix_us,
                arrived: now,
            },
        );
    }

    /// The packets of the unit at the head, if it is whole. A unit of padding only has none.
    pub(super) fn take_unit(&mut self) -> Option<Vec<Stored>> {
        let mut head = self.head?;
        let mut unit_timestamp = self.first_payload(head).map(|packet| packet.timestamp);
        while let Some(packet) = self.packets.get(&self.frontier) {
            let padding = packet.payload.is_empty();
            if padding && unit_timestamp.is_none() && !packet.marker {
                // Padding between units belongs to neither.
                self.remove(self.frontier);
                self.frontier += 1;
                head = self.frontier;
                self.head = Some(head);
                continue;
            }
            if !padding && unit_timestamp.is_some_and(|timestamp| timestamp != packet.timestamp) {
                return Some(self.take_to(head, self.frontier));
            }
            if !padding {
                unit_timestamp = Some(packet.timestamp);
            }
            let marker = packet.marker;
            self.frontier += 1;
            if marker {
                return Some(self.take_to(head, self.frontier));
            }
        }
        None
    }

    /// The first packet with a payload between the head and the frontier.
    fn first_payload(&self, head: i64) -> Option<&Stored> {
        self.packets
            .range(head..self.frontier.max(head))
            .map(|(_, packet)| packet)
            .find(|packet| !packet.payload.is_empty())
    }

    fn take_to(&mut self, head: i64, end: i64) -> Vec<Stored> {
        let unit = (head..end).filter_map(|sequence| self.remove(sequence)).collect();
        self.head = Some(end);
        self.frontier = end;
        self.settled = true;
        unit
    }

    fn remove(&mut self, sequence: i64) -> Option<Stored> {
        let packet = self.packets.remove(&sequence)?;
        self.bytes -= packet.payload.len();
        self.settle();
        Some(packet)
    }

    /// Packets are there beyond one that is missing.
    pub(super) fn has_gap(&self) -> bool {
        self.after_gap().is_some()
    }

    /// When the gap at the frontier was noticed: the arrival of the first packet beyond it.
    pub(super) fn gap_since(&self) -> Option<Instant> {
        self.after_gap().map(|(_, packet)| packet.arrived)
    }

    /// The first packet beyond the gap. Everything up to the frontier is contiguous.
    fn after_gap(&self) -> Option<(i64, &Stored)> {
        let (sequence, packet) = self.packets.range(self.frontier..).next()?;
        (*sequence > self.frontier).then_some((*sequence, packet))
    }

    /// Drops the torn unit at the head; gives back how many packets never came.
    pub(super) fn skip_gap(&mut self) -> u64 {
        let Some((next, _)) = self.after_gap() else { return 0 };
        let missing = next - self.frontier;
        self.drop_before(next);
        missing.unsigned_abs()
    }

    /// Moves the head to the first packet beyond the gap whose payload `begins` accepts; gives back
    /// how many packets before it never came, or `None` if there is no such packet.
    pub(super) fn skip_to(&mut self, begins: impl Fn(&[u8]) -> bool) -> Option<u64> {
        let target = self
            .packets
            .range(self.frontier..)
            .find(|(_, packet)| begins(&packet.payload))
            .map(|(sequence, _)| *sequence)?;
        let present = self.packets.range(self.frontier..target).count() as u64;
        let missing = (target - self.frontier).unsigned_abs() - present;
        self.drop_before(target);
        Some(missing)
    }

    /// Packets and bytes held now.
    #[cfg(any(test, fuzzing))]
    pub(super) fn held(&self) -> (usize, usize) {
        (self.packets.len(), self.bytes)
    }

    fn drop_before(&mut self, sequence: i64) {
        // One by one: each packet is paid for once, however many gaps a peer leaves.
        while let Some(first) = self.packets.first_entry().filter(|first| *first.key() < sequence) {
            self.bytes -= first.remove().payload.len();
        }
        self.settle();
        self.head = Some(sequence);
        self.frontier = sequence;
        self.settled = true;
    }
}
