//! The capture time on the wire: the abs-capture-time RTP header extension.
//!
//! Eight bytes of unsigned 32.32 fixed-point NTP time (seconds since 1900, UTC), optionally followed
//! by eight bytes of clock offset that only mixers need. See
//! <http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time>. Pure conversions and the
//! interpolation between stamps; owns no clock.

use bytes::Bytes;

/// The extension's name in session descriptions.
pub(crate) const URI: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";

/// Seconds from 1900 (NTP) to 1970 (Unix).
const NTP_TO_UNIX_S: u64 = 2_208_988_800;
const MICROS: u64 = 1_000_000;
/// Stamps older than this are not carried forward.
const ANCHOR_AGE_TICKS_MAX: i32 = 10 * 90_000;

/// The extension's value for a capture at `unix_us` (µs since 1970).
pub(crate) fn encode(unix_us: u64) -> Bytes {
    let seconds = (unix_us / MICROS).wrapping_add(NTP_TO_UNIX_S) & u64::from(u32::MAX);
    // Rounded up, so that decoding, which rounds down, gives back the same microsecond.
    let fraction = ((unix_us % MICROS) << 32).div_ceil(MICROS);
    Bytes::copy_from_slice(&((seconds << 32) | fraction).to_be_bytes())
}

/// The capture in µs since 1970, or `None` for a value of another length or before 1970.
pub(crate) fn decode(value: &[u8]) -> Option<u64> {
    if value.len() != 8 && value.len() != 16 {
        return None;
    }
    let ntp = u64::from_be_bytes(value.get(..8)?.try_into().ok()?);
    let seconds = (ntp >> 32).checked_sub(NTP_TO_UNIX_S)?;
    let micros = ((ntp & u64::from(u32::MAX)) * MICROS) >> 32;
    Some(seconds * MICROS + micros)
}

/// Carries the last stamp forward by RTP time, because browsers stamp only now and then.
#[derive(Debug, Default)]
pub(crate) struct CaptureClock {
    anchor: Option<(u32, u64)>,
}

impl CaptureClock {
    /// The capture time in µs since 1970 of the unit at `media_time` (90 kHz), which came with
    /// `stamp` or without; 0 while unknown.
    pub(crate) fn unix_us(&mut self, media_time: u32, stamp: Option<u64>) -> u64 {
        if let Some(unix_us) = stamp {
            self.anchor = Some((media_time, unix_us));
            return unix_us;
        }
        let Some((anchor_time, anchor_us)) = self.anchor else { return 0 };
        let ticks = media_time.wrapping_sub(anchor_time) as i32;
        if ticks.unsigned_abs() > ANCHOR_AGE_TICKS_MAX.unsigned_abs() {
            return 0;
        }
        anchor_us.saturating_add_signed(i64::from(ticks) * 100 / 9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_time_survives_the_wire_to_the_microsecond() {
        for unix_us in [0, 1, 999_999, 1_700_000_000_123_456, 2_000_000_000_999_999] {
            assert_eq!(decode(&encode(unix_us)), Some(unix_us));
        }
    }

    #[test]
    fn a_known_instant_has_its_ntp_value() {
        // 1970-01-01 00:00:00.5 is 2208988800.5 s after 1900.
        assert_eq!(&encode(500_000)[..], [0x83, 0xaa, 0x7e, 0x80, 0x80, 0, 0, 0]);
    }

    #[test]
    fn the_long_form_is_read_and_other_lengths_are_not() {
        let mut long = encode(7_000_000).to_vec();
        long.extend([0xff; 8]);
        assert_eq!(decode(&long), Some(7_000_000));
        assert_eq!(decode(&long[..9]), None);
        assert_eq!(decode(&[]), None);
        assert_eq!(decode(&[0; 8]), None);
    }

    #[test]
    fn a_stamp_is_carried_forward_by_media_time_across_its_wrap() {
        let mut clock = CaptureClock::default();
        assert_eq!(clock.unix_us(0, None), 0);
        assert_eq!(clock.unix_us(u32::MAX - 2999, Some(5_000_000)), 5_000_000);
        assert_eq!(clock.unix_us(0, None), 5_033_333);
        assert_eq!(clock.unix_us(1_000_000, None), 0, "too old to carry");
    }
}
