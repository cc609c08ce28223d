//! The start of the video usability information (ITU-T H.264 annex E.1.1), as far as the colours.

use super::bits::{Bits, OutOfBits};
use crate::{ColorMatrix, ColorRange};

/// `aspect_ratio_idc` that is followed by an explicit ratio.
const EXTENDED_SAR: u32 = 255;

/// Range and matrix; limited and BT.601 where the stream leaves them open.
pub(super) fn read_colors(bits: &mut Bits<'_>) -> Result<(ColorRange, ColorMatrix), OutOfBits> {
    if bits.flag()? && bits.unsigned(8)? == EXTENDED_SAR {
        bits.unsigned(32)?; // sar_width, sar_height
    }
    if bits.flag()? {
        bits.flag()?; // overscan_appropriate_flag
    }
    if !bits.flag()? {
        return Ok(Default::default());
    }
    bits.unsigned(3)?; // video_format
    let range = if bits.flag()? { ColorRange::Full } else { ColorRange::Limited };
    let mut matrix = ColorMatrix::default();
    if bits.flag()? {
        bits.unsigned(16)?; // colour_primaries, transfer_characteristics
        if bits.unsigned(8)? == 1 {
            matrix = ColorMatrix::Bt709;
        }
    }
    Ok((range, matrix))
}
