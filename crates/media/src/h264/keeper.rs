//! Keeps a stream's parameter sets and puts them before keyframes that come without.
//!
//! Many senders give SPS and PPS once, in the first packets or in the session description, while a
//! decoder that starts later needs them in front of its first IDR picture.

use bytes::Bytes;

use super::bits::{Bits, PARAMETER_SET_BYTES_MAX, unescape};
use super::{NalKind, nal_kind, nal_units, push_nal};

/// Sets kept of each kind; real streams use one or two.
const KEPT_MAX: usize = 8;

/// The latest parameter sets of one stream. Holds at most 16 sets of a kilobyte.
#[derive(Debug, Clone, Default)]
pub struct ParameterSetKeeper {
    sps: Vec<Kept>,
    pps: Vec<Kept>,
}

#[derive(Debug, Clone)]
struct Kept {
    id: u32,
    nal: Vec<u8>,
}

impl ParameterSetKeeper {
    /// Nothing kept yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps one NAL unit (without start code) if it is a parameter set, as from
    /// `sprop-parameter-sets` (RFC 6184 section 8.1).
    pub fn keep(&mut self, nal: &[u8]) {
        let kept = match nal_kind(nal) {
            Some(NalKind::Sps) => &mut self.sps,
            Some(NalKind::Pps) => &mut self.pps,
            _ => return,
        };
        let Some(id) = set_id(nal) else { return };
        if let Some(known) = kept.iter_mut().find(|known| known.id == id) {
            known.nal.clear();
            known.nal.extend_from_slice(nal);
        } else if kept.len() < KEPT_MAX {
            kept.push(Kept { id, nal: nal.to_vec() });
        }
    }

    /// Whether a decoder could start: an SPS and a PPS are known.
    pub fn is_complete(&self) -> bool {
        !self.sps.is_empty() && !self.pps.is_empty()
    }

    /// Takes one access unit through: keeps the sets it holds and, if it is a keyframe that lacks
    /// SPS or PPS, puts the kept ones in front. Any other unit passes without a copy.
    pub fn complete(&mut self, unit: Bytes) -> Bytes {
        let (mut has_sps, mut has_pps, mut keyframe) = (false, false, false);
        for nal in nal_units(&unit) {
            match nal_kind(nal) {
                Some(NalKind::Sps) => has_sps = true,
                Some(NalKind::Pps) => has_pps = true,
                Some(NalKind::Idr) => keyframe = true,
                _ => continue,
            }
            self.keep(nal);
        }
        if !keyframe || (has_sps && has_pps) {
            return unit;
        }
        let mut whole = Vec::with_capacity(unit.len() + 256);
        // A unit's own SPS must come before a kept PPS, which the decoder reads against it.
        let own = nal_units(&unit).filter(|nal| nal_kind(nal) == Some(NalKind::Sps));
        let kept = self.sps.iter().filter(|_| !has_sps).map(|kept| kept.nal.as_slice());
        own.chain(kept).for_each(|nal| push_nal(&mut whole, nal));
        if !has_pps {
            self.pps.iter().for_each(|kept| push_nal(&mut whole, &kept.nal));
        }
        for nal in nal_units(&unit).filter(|nal| nal_kind(nal) != Some(NalKind::Sps)) {
            push_nal(&mut whole, nal);
        }
        Bytes::from(whole)
    }
}

/// `seq_parameter_set_id` or `pic_parameter_set_id`; `None` for a set that is not worth keeping.
fn set_id(nal: &[u8]) -> Option<u32> {
    if nal.len() > PARAMETER_SET_BYTES_MAX {
        return None;
    }
    let raw = unescape(nal.get(1..)?)?;
    let skipped = if nal_kind(nal) == Some(NalKind::Sps) { 3 } else { 0 };
    Bits::new(raw.get(skipped..)?).golomb().ok().filter(|id| *id <= 255)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS: &[u8] = &[0x67, 0x42, 0xC0, 0x1E, 0x8C, 0x68];
    const PPS: &[u8] = &[0x68, 0xCE, 0x3C, 0x80];
    const IDR: &[u8] = &[0x65, 0x88, 0x84];
    const SLICE: &[u8] = &[0x41, 0x9A];

    fn unit(nals: &[&[u8]]) -> Bytes {
        let mut stream = Vec::new();
        nals.iter().for_each(|nal| push_nal(&mut stream, nal));
        Bytes::from(stream)
    }

    #[test]
    fn a_keyframe_without_its_sets_gets_the_kept_ones() {
        let mut keeper = ParameterSetKeeper::new();
        assert_eq!(keeper.complete(unit(&[IDR])), unit(&[IDR]));
        assert!(!keeper.is_complete());
        keeper.complete(unit(&[SPS, PPS]));
        assert!(keeper.is_complete());
        assert_eq!(keeper.complete(unit(&[IDR, IDR])), unit(&[SPS, PPS, IDR, IDR]));
    }

    #[test]
    fn a_unit_that_needs_nothing_is_passed_on_without_a_copy() {
        let mut keeper = ParameterSetKeeper::new();
        for whole in [unit(&[SPS, PPS, IDR]), unit(&[SLICE])] {
            let out = keeper.complete(whole.clone());
            assert_eq!(out.as_ptr(), whole.as_ptr());
        }
    }

    #[test]
    fn a_missing_pps_alone_is_put_behind_the_units_own_sps() {
        let mut keeper = ParameterSetKeeper::new();
        keeper.keep(PPS);
        assert_eq!(keeper.complete(unit(&[SPS, IDR])), unit(&[SPS, PPS, IDR]));
    }

    #[test]
    fn a_newer_set_of_the_same_id_replaces_the_old_one() {
        let mut keeper = ParameterSetKeeper::new();
        let newer = [0x67, 0x42, 0xC0, 0x28, 0x8C, 0x68];
        keeper.complete(unit(&[SPS, PPS, IDR]));
        keeper.keep(&newer);
        assert_eq!(keeper.complete(unit(&[IDR])), unit(&[&newer, PPS, IDR]));
    }

    #[test]
    fn garbage_never_grows_the_keeper() {
        let mut keeper = ParameterSetKeeper::new();
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..5000 {
            let mut nal: Vec<u8> = (0..random.usize(0..40)).map(|_| random.u8(..)).collect();
            nal.insert(0, if random.bool() { 0x67 } else { 0x68 });
            keeper.complete(unit(&[&nal, IDR]));
        }
        keeper.keep(&[0x67; 100_000]);
        assert!(keeper.sps.len() <= KEPT_MAX && keeper.pps.len() <= KEPT_MAX);
        assert!(keeper.sps.iter().all(|kept| kept.nal.len() <= PARAMETER_SET_BYTES_MAX));
    }
}
