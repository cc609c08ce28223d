//! From RTP payloads to one access unit in Annex B form (RFC 6184 section 5).
//!
//! Reads single NAL units, STAP-A and FU-A: what packetization mode 1 allows. Keeps the stream's
//! parameter sets and puts them before a keyframe that comes without. Looks no deeper than the first
//! bit of a slice header.

use std::collections::VecDeque;

use bytes::Bytes;
use lanlens_model::limits;

const START_CODE: [u8; 4] = [0, 0, 0, 1];
const TYPE_MASK: u8 = 0x1f;
/// Somebody on the way says that the NAL unit is damaged (RFC 6184 section 5.3).
const DAMAGED: u8 = 0x80;
const SLICE: u8 = 1;
const IDR: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;
const FILLER: u8 = 12;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

/// Parameter sets kept of one kind, the newest; encoders use one.
const SETS_MAX: usize = 8;
/// One parameter set; real ones have some 30 bytes.
const SET_BYTES_MAX: usize = 1024;

/// Why a unit cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Damage {
    #[error("a NAL unit type that packetization mode 1 does not have")]
    UnknownType,
    #[error("a NAL unit that is marked as damaged")]
    Marked,
    #[error("an aggregation packet whose lengths do not fit")]
    Aggregate,
    #[error("fragments that do not make a NAL unit")]
    Fragments,
    #[error("an access unit over {} bytes", limits::ACCESS_UNIT_BYTES_MAX)]
    TooLong,
    #[error("a picture whose first slice is missing")]
    Beginning,
    #[error("a keyframe without parameter sets")]
    NoParameterSets,
}

/// The stream's SPS and PPS, as they came last.
#[derive(Debug, Default)]
pub(super) struct ParameterSets {
    sps: VecDeque<Vec<u8>>,
    pps: VecDeque<Vec<u8>>,
}

impl ParameterSets {
    fn keep(&mut self, nal: &[u8]) {
        let kept = if nal[0] & TYPE_MASK == SPS { &mut self.sps } else { &mut self.pps };
        if nal.len() > SET_BYTES_MAX {
            return;
        }
        // A decoder takes the last one of an id, so the newest goes last; an encoder has one SPS.
        if nal[0] & TYPE_MASK == SPS {
            kept.clear();
        }
        kept.retain(|known| known != nal);
        if kept.len() == SETS_MAX {
            kept.pop_front();
        }
        kept.push_back(nal.to_vec());
    }

    /// Whether what is kept stays within the limits.
    #[cfg(fuzzing)]
    pub(super) fn is_bounded(&self) -> bool {
        let is_bounded = |kept: &VecDeque<Vec<u8>>| {
            kept.len() <= SETS_MAX && kept.iter().all(|set| set.len() <= SET_BYTES_MAX)
        };
        is_bounded(&self.sps) && is_bounded(&self.pps)
    }

    fn is_complete(&self) -> bool {
        !self.sps.is_empty() && !self.pps.is_empty()
    }

    fn write(&self, out: &mut Vec<u8>) {
        for set in self.sps.iter().chain(&self.pps) {
            out.extend_from_slice(&START_CODE);
            out.extend_from_slice(set);
        }
    }
}

/// An access unit, put together.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) data: Bytes,
    pub(super) keyframe: bool,
}

/// Whether a payload begins a keyframe with its parameter sets: an SPS, alone or first in a STAP-A.
pub(super) fn begins_keyframe(payload: &[u8]) -> bool {
    match payload.first().map(|header| header & TYPE_MASK) {
        Some(SPS) => true,
        Some(STAP_A) => payload.get(3).is_some_and(|header| header & TYPE_MASK == SPS),
        _ => false,
    }
}

/// Puts the payloads of one unit together. `begins_here` says that the first payload is known to be
/// the unit's first. `None` if there is no picture in it.
pub(super) fn access_unit<'a>(
    payloads: impl Iterator<Item = &'a Bytes>,
    sets: &mut ParameterSets,
    begins_here: bool,
) -> Result<Option<Unit>, Damage> {
    let mut builder = Builder::default();
    for payload in payloads {
        builder.add(payload)?;
    }
    if builder.fragmented.is_some() {
        return Err(Damage::Fragments);
    }
    if !begins_here && !builder.has_sps {
        return Err(Damage::Beginning);
    }
    for range in &builder.set_ranges {
        if let Some(nal) = builder.data.get(range.clone()) {
            sets.keep(nal);
        }
    }
    let Some(first_slice) = builder.first_slice else { return Ok(None) };
    // first_mb_in_slice is 0, which Exp-Golomb writes as a single 1 bit (H.264 section 7.3.3).
    if first_slice & 0x80 == 0 {
        return Err(Damage::Beginning);
    }
    let mut data = builder.data;
    if builder.has_idr && !(builder.has_sps && builder.has_pps) {
        if !sets.is_complete() {
            return Err(Damage::NoParameterSets);
        }
        let mut with_sets = Vec::with_capacity(data.len() + 2 * SET_BYTES_MAX);
        sets.write(&mut with_sets);
        with_sets.append(&mut data);
        data = with_sets;
    }
    Ok(Some(Unit { data: data.into(), keyframe: builder.has_idr }))
}

#[derive(Default)]
struct Builder {
    data: Vec<u8>,
    /// The header byte of the NAL unit whose fragments are coming.
    fragmented: Option<u8>,
    fragment_begin: usize,
    set_ranges: Vec<std::ops::Range<usize>>,
    has_sps: bool,
    has_pps: bool,
    has_idr: bool,
    /// The first byte of the first slice's header.
    first_slice: Option<u8>,
}

impl Builder {
    fn add(&mut self, payload: &[u8]) -> Result<(), Damage> {
        // Padding only.
        let Some(header) = payload.first() else { return Ok(()) };
        let kind = header & TYPE_MASK;
        if header & DAMAGED != 0 {
            return Err(Damage::Marked);
        }
        if self.fragmented.is_some() && kind != FU_A {
            return Err(Damage::Fragments);
        }
        match kind {
            1..=23 => self.add_nal(payload),
            STAP_A => self.add_aggregate(&payload[1..]),
            FU_A => self.add_fragment(payload),
            _ => Err(Damage::UnknownType),
        }
    }

    fn add_aggregate(&mut self, mut rest: &[u8]) -> Result<(), Damage> {
        while !rest.is_empty() {
            let (length, after) = rest.split_first_chunk::<2>().ok_or(Damage::Aggregate)?;
            let length = usize::from(u16::from_be_bytes(*length));
            if length == 0 || length > after.len() {
                return Err(Damage::Aggregate);
            }
            let (nal, after) = after.split_at(length);
            if nal[0] & DAMAGED != 0 || !(1..=23).contains(&(nal[0] & TYPE_MASK)) {
                return Err(Damage::Aggregate);
            }
            self.add_nal(nal)?;
            rest = after;
        }
        Ok(())
    }

    fn add_fragment(&mut self, payload: &[u8]) -> Result<(), Damage> {
        let [indicator, fu_header, fragment @ ..] = payload else { return Err(Damage::Fragments) };
        let nal_header = (indicator & !TYPE_MASK) | (fu_header & TYPE_MASK);
        let (start, end) = (fu_header & FU_START != 0, fu_header & FU_END != 0);
        match (self.fragmented, start) {
            (None, true) => {
                self.fragmented = Some(nal_header);
                self.fragment_begin = self.data.len();
                self.push(&START_CODE)?;
                self.push(&[nal_header])?;
            }
            (Some(under_way), false) if under_way & TYPE_MASK == nal_header & TYPE_MASK => {}
            _ => return Err(Damage::Fragments),
        }
        self.push(fragment)?;
        if end {
            self.fragmented = None;
            self.note_nal(self.fragment_begin + START_CODE.len());
        }
        Ok(())
    }

    fn add_nal(&mut self, nal: &[u8]) -> Result<(), Damage> {
        // They carry nothing a decoder or a recording needs.
        if matches!(nal[0] & TYPE_MASK, DELIMITER | FILLER) {
            return Ok(());
        }
        self.push(&START_CODE)?;
        let begin = self.data.len();
        self.push(nal)?;
        self.note_nal(begin);
        Ok(())
    }

    /// Remembers what the NAL unit from `begin` to the end of the data is.
    fn note_nal(&mut self, begin: usize) {
        let Some(nal) = self.data.get(begin..) else { return };
        let Some(header) = nal.first() else { return };
        match header & TYPE_MASK {
            SPS | PPS => {
                self.has_sps |= header & TYPE_MASK == SPS;
                self.has_pps |= header & TYPE_MASK == PPS;
                if self.set_ranges.len() < 2 * SETS_MAX {
                    self.set_ranges.push(begin..self.data.len());
                }
            }
            kind @ SLICE..=IDR => {
                self.has_idr |= kind == IDR;
                // A slice without a header has no first bit, and fails as a missing beginning.
                self.first_slice.get_or_insert(nal.get(1).copied().unwrap_or(0));
            }
            _ => {}
        }
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), Damage> {
        if self.data.len() + bytes.len() > limits::ACCESS_UNIT_BYTES_MAX {
            return Err(Damage::TooLong);
        }
        self.data.extend_from_slice(bytes);
        Ok(())
    }
}
