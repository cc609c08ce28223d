//! What happens to one RTP stream, step by step, as bytes.
//!
//! A step is one byte, in its two highest bits what happens, and for a packet its payload behind a
//! length. Any bytes are steps; a length that is too long takes what is left.

use bytes::Bytes;

const KIND: u8 = 0b1100_0000;
const PACKET: u8 = 0b0000_0000;
const TIME: u8 = 0b0100_0000;
const LOST: u8 = 0b1000_0000;

const MARKER: u8 = 1;
const NEW_PICTURE: u8 = 2;
const MOVED: u8 = 4;
const OTHER_STREAM: u8 = 8;
const LONG: u8 = 16;

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A packet arrives.
    Packet(Packet),
    /// So many milliseconds pass.
    Time(u64),
    /// So many packets never arrive.
    Lost(u16),
    /// The last payload arrives so many times again, in packets that follow.
    Repeat(u16),
    /// The decoder needs a keyframe.
    KeyframeNeeded,
    /// The round trip is measured, in milliseconds.
    RoundTrip(u64),
    /// The sender leaves out more sequence numbers than a stream can lose.
    Jump,
}

/// A packet, told against those before it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Packet {
    /// The marker bit.
    pub marker: bool,
    /// The first of another picture: its timestamp is 3000 further.
    pub new_picture: bool,
    /// Of the second of two streams.
    pub other_stream: bool,
    /// It comes so many places too late (negative) or too early, in addition to the packet of that
    /// place; 0 for the next in order.
    pub moved: i8,
    /// RTP payload.
    pub payload: Bytes,
}

impl Packet {
    /// Appends the packet's step.
    pub fn write(&self, out: &mut Vec<u8>) {
        let flags = [
            (MARKER, self.marker),
            (NEW_PICTURE, self.new_picture),
            (MOVED, self.moved != 0),
            (OTHER_STREAM, self.other_stream),
            (LONG, true),
        ];
        out.push(flags.iter().filter(|(_, set)| *set).fold(PACKET, |step, (flag, _)| step | flag));
        if self.moved != 0 {
            out.push(self.moved.to_be_bytes()[0]);
        }
        out.extend(u16::try_from(self.payload.len()).unwrap_or(u16::MAX).to_be_bytes());
        out.extend_from_slice(&self.payload);
    }
}

/// The steps that some bytes stand for.
#[derive(Debug, Clone)]
pub struct Steps<'a>(pub &'a [u8]);

impl Steps<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn packet(&mut self, flags: u8) -> Option<Packet> {
        let moved = if flags & MOVED == 0 { 0 } else { i8::from_be_bytes([self.byte()?]) };
        let high = if flags & LONG == 0 { 0 } else { self.byte()? };
        let length = usize::from(u16::from_be_bytes([high, self.byte()?])).min(self.0.len());
        let (payload, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(Packet {
            marker: flags & MARKER != 0,
            new_picture: flags & NEW_PICTURE != 0,
            other_stream: flags & OTHER_STREAM != 0,
            moved,
            payload: Bytes::copy_from_slice(payload),
        })
    }
}

impl Iterator for Steps<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let byte = self.byte()?;
        let amount = byte & !KIND;
        Some(match (byte & KIND, amount >> 4, amount & 15) {
            (PACKET, _, _) => Step::Packet(self.packet(amount)?),
            (TIME, _, _) => Step::Time(u64::from(amount) * 10),
            (LOST, _, _) => Step::Lost(u16::from(amount) + 1),
            (_, 0, power) => Step::Repeat(1 << power.min(12)),
            (_, 1, _) => Step::KeyframeNeeded,
            (_, 2, fifties) => Step::RoundTrip(u64::from(fifties) * 50),
            _ => Step::Jump,
        })
    }
}
