//! Bits of a parameter set: escapes taken out, Exp-Golomb codes read, never past the end.

/// Parameter sets are a few dozen bytes; longer ones are refused rather than copied.
pub(super) const PARAMETER_SET_BYTES_MAX: usize = 1024;

/// Takes the emulation prevention bytes out of a NAL unit (ITU-T H.264 section 7.3.1).
///
/// `None` for a unit that is too long, or that holds a sequence the standard forbids: decoders
/// disagree on how to read those, and then what was checked would not be what is decoded.
pub(super) fn unescape(nal: &[u8]) -> Option<Vec<u8>> {
    if nal.len() > PARAMETER_SET_BYTES_MAX {
        return None;
    }
    let mut raw = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    let mut bytes = nal.iter().peekable();
    while let Some(&byte) = bytes.next() {
        match (zeros, byte) {
            (2.., 0..=2) => return None,
            (2.., 3) => {
                if bytes.peek().is_some_and(|next| **next > 3) {
                    return None;
                }
                zeros = 0;
            }
            _ => {
                zeros = if byte == 0 { zeros + 1 } else { 0 };
                raw.push(byte);
            }
        }
    }
    Some(raw)
}

/// The set ended before the value did, or a code is longer than the standard allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OutOfBits;

/// Reads bits, most significant first.
#[derive(Debug)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// The next bit.
    at: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// One bit.
    pub(super) fn flag(&mut self) -> Result<bool, OutOfBits> {
        let byte = self.bytes.get(self.at / 8).ok_or(OutOfBits)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Ok(bit == 1)
    }

    /// `u(n)`: an unsigned value of `count` bits, at most 32.
    pub(super) fn unsigned(&mut self, count: u32) -> Result<u32, OutOfBits> {
        debug_assert!(count <= 32);
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(self.flag()?);
        }
        Ok(value)
    }

    /// `ue(v)` (section 9.1), 0..=2³²−2.
    pub(super) fn golomb(&mut self) -> Result<u32, OutOfBits> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return Err(OutOfBits);
            }
        }
        Ok((1u32 << zeros) - 1 + self.unsigned(zeros)?)
    }

    /// `se(v)` (section 9.1.1).
    pub(super) fn signed_golomb(&mut self) -> Result<i64, OutOfBits> {
        let code = i64::from(self.golomb()?);
        Ok(if code % 2 == 1 { (code + 1) / 2 } else { -(code / 2) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_golomb_codes_read_as_in_table_9_2() {
        // 1 | 010 | 011 | 00100 | 00101 and padding
        let bytes = [0b1010_0110, 0b0100_0010, 0b1000_0000];
        let mut bits = Bits::new(&bytes);
        let values: Vec<u32> = (0..5).map(|_| bits.golomb().unwrap()).collect();
        assert_eq!(values, [0, 1, 2, 3, 4]);
        let mut bits = Bits::new(&bytes);
        let values: Vec<i64> = (0..5).map(|_| bits.signed_golomb().unwrap()).collect();
        assert_eq!(values, [0, 1, -1, 2, -2]);
    }

    #[test]
    fn the_longest_code_reads_and_a_longer_one_is_refused() {
        let mut longest = vec![0, 0, 0, 0b0000_0001];
        longest.extend([0xFF; 4]);
        assert_eq!(Bits::new(&longest).golomb(), Ok(u32::MAX - 1));
        assert_eq!(Bits::new(&[0; 16]).golomb(), Err(OutOfBits));
        assert_eq!(Bits::new(&[0b0000_1000]).golomb(), Err(OutOfBits));
    }

    #[test]
    fn escapes_are_taken_out_and_forbidden_ones_refused() {
        assert_eq!(unescape(&[1, 0, 0, 3, 1, 0, 0, 3]), Some(vec![1, 0, 0, 1, 0, 0]));
        assert_eq!(unescape(&[0, 0, 3, 0, 0, 3, 0]), Some(vec![0, 0, 0, 0, 0]));
        assert_eq!(unescape(&[1, 0, 0, 3, 4]), None);
        assert_eq!(unescape(&[1, 0, 0, 2]), None);
        assert_eq!(unescape(&[1; PARAMETER_SET_BYTES_MAX + 1]), None);
    }
}
