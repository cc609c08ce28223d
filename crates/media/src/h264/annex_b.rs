//! NAL units in a byte stream (ITU-T H.264 annex B).

/// The start code that this program writes before each NAL unit.
pub const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// What a NAL unit holds (ITU-T H.264 table 7-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NalKind {
    /// A slice of a picture that refers to others (type 1).
    Slice,
    /// A slice of a picture that refers to none before it (type 5).
    Idr,
    /// Supplemental information (type 6).
    Sei,
    /// Sequence parameter set (type 7).
    Sps,
    /// Picture parameter set (type 8).
    Pps,
    /// Access unit delimiter (type 9).
    Delimiter,
    /// Subset sequence parameter set of the scalable and multiview extensions (type 15).
    SubsetSps,
    /// Any other type.
    Other(u8),
}

/// The kind of a NAL unit, given without its start code; `None` if it is empty or its forbidden
/// bit is set.
pub fn nal_kind(nal: &[u8]) -> Option<NalKind> {
    let header = *nal.first()?;
    if header & 0x80 != 0 {
        return None;
    }
    Some(match header & 0x1F {
        1 => NalKind::Slice,
        5 => NalKind::Idr,
        6 => NalKind::Sei,
        7 => NalKind::Sps,
        8 => NalKind::Pps,
        9 => NalKind::Delimiter,
        15 => NalKind::SubsetSps,
        other => NalKind::Other(other),
    })
}

/// The NAL units of a byte stream, without start codes and without the zero bytes that may follow
/// each. What stands before the first start code is skipped; empty units are left out.
pub fn nal_units(stream: &[u8]) -> NalUnits<'_> {
    let rest = start_code(stream).map_or(&[][..], |at| &stream[at + 3..]);
    NalUnits { rest }
}

/// See [`nal_units`].
#[derive(Debug, Clone)]
pub struct NalUnits<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for NalUnits<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let (nal, rest) = match start_code(self.rest) {
                Some(at) => (&self.rest[..at], &self.rest[at + 3..]),
                None => (self.rest, &[][..]),
            };
            self.rest = rest;
            // A NAL unit never ends in a zero byte (7.4.1): these belong to the next start code.
            let end = nal.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            if end > 0 {
                return Some(&nal[..end]);
            }
        }
        None
    }
}

/// Where the first three-byte start code begins.
fn start_code(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    // The third byte decides how far to jump, so most bytes are never looked at.
    while let Some(&third) = bytes.get(at + 2) {
        match third {
            0 => at += 1,
            1 if bytes[at] == 0 && bytes[at + 1] == 0 => return Some(at),
            _ => at += 3,
        }
    }
    None
}

/// Whether an access unit holds a slice of an IDR picture, so that decoding may begin here (given
/// its parameter sets).
pub fn is_keyframe(stream: &[u8]) -> bool {
    nal_units(stream).any(|nal| nal_kind(nal) == Some(NalKind::Idr))
}

/// The sequence and picture parameter sets of an access unit, in order, without start codes.
pub fn parameter_sets(stream: &[u8]) -> impl Iterator<Item = &[u8]> {
    nal_units(stream).filter(|nal| matches!(nal_kind(nal), Some(NalKind::Sps | NalKind::Pps)))
}

/// Appends one NAL unit behind a start code.
pub fn push_nal(stream: &mut Vec<u8>, nal: &[u8]) {
    stream.extend_from_slice(&START_CODE);
    stream.extend_from_slice(nal);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(stream: &[u8]) -> Vec<&[u8]> {
        nal_units(stream).collect()
    }

    #[test]
    fn three_and_four_byte_start_codes_both_divide() {
        let stream = [0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, 0x65, 4];
        assert_eq!(units(&stream), [&[0x67, 1, 2][..], &[0x68, 3], &[0x65, 4]]);
    }

    #[test]
    fn noise_before_the_first_start_code_and_zeros_after_a_unit_are_left_out() {
        assert_eq!(units(&[9, 9, 0, 0, 1, 0x65, 7, 0, 0, 0]), [&[0x65, 7][..]]);
        assert_eq!(units(&[0, 0, 1, 0, 0, 1, 0, 0, 0, 1, 0x41]), [&[0x41][..]]);
        assert!(units(&[0x65, 1, 2, 3]).is_empty());
        assert!(units(&[0, 0, 1]).is_empty());
    }

    #[test]
    fn a_start_code_is_found_at_every_offset() {
        for offset in 0..9 {
            let mut stream = vec![0xFF; offset];
            stream.extend([0, 0, 1, 0x65]);
            assert_eq!(units(&stream), [&[0x65][..]], "offset {offset}");
        }
    }

    #[test]
    fn what_is_pushed_is_read_back() {
        let mut stream = Vec::new();
        push_nal(&mut stream, &[0x67, 0x42]);
        push_nal(&mut stream, &[0x65, 0, 0, 3, 1]);
        assert_eq!(units(&stream), [&[0x67, 0x42][..], &[0x65, 0, 0, 3, 1]]);
        assert!(is_keyframe(&stream));
        assert_eq!(parameter_sets(&stream).collect::<Vec<_>>(), [&[0x67, 0x42]]);
    }

    #[test]
    fn a_set_forbidden_bit_is_no_kind() {
        assert_eq!(nal_kind(&[0xE7]), None);
        assert_eq!(nal_kind(&[]), None);
        assert_eq!(nal_kind(&[0x67]), Some(NalKind::Sps));
        assert_eq!(nal_kind(&[0x6F]), Some(NalKind::SubsetSps));
        assert_eq!(nal_kind(&[0x7C]), Some(NalKind::Other(28)));
    }

    #[test]
    fn random_bytes_are_divided_without_loss() {
        let mut random = fastrand::Rng::with_seed(0x5EED);
        for _ in 0..2000 {
            // Few distinct values, so that start codes are frequent.
            let stream: Vec<u8> = (0..random.usize(0..200)).map(|_| random.u8(0..4)).collect();
            for nal in nal_units(&stream) {
                assert!(!nal.is_empty() && nal.last() != Some(&0));
                assert!(!nal.windows(3).any(|bytes| bytes == [0, 0, 1]));
            }
            let codes = stream.windows(3).filter(|bytes| *bytes == [0, 0, 1]).count();
            assert!(nal_units(&stream).count() <= codes);
        }
    }
}
