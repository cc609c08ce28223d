//! The sequence parameter set (ITU-T H.264 section 7.3.2.1.1): how large the pictures are and
//! which colours they mean, read before a decoder reserves memory for them.

use lanlens_model::limits::{PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX};
use thiserror::Error;

use super::bits::{Bits, OutOfBits, unescape};
use super::{NalKind, nal_kind, vui};
use crate::{ColorMatrix, ColorRange};

/// Macroblocks that all reference pictures of a stream may hold together: MaxDpbMbs of levels 5.1 and
/// 5.2 (table A-1 and section A.3.1). A stream that wants more would only reserve memory.
const REFERENCE_MACROBLOCKS_MAX: u64 = 184_320;

/// Profiles whose parameter set carries chroma format, bit depths and scaling lists.
const HIGH_PROFILES: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// What a sequence parameter set says, within the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sps {
    /// `seq_parameter_set_id`, 0..=31.
    pub id: u8,
    /// `profile_idc`: 66 Baseline, 77 Main, 100 High.
    pub profile: u8,
    /// `level_idc`: ten times the level.
    pub level: u8,
    /// Pixels, after cropping.
    pub width: u32,
    /// Pixels, after cropping.
    pub height: u32,
    /// Macroblocks (16×16 pixels) side by side, before cropping: what a decoder reserves.
    pub columns: u32,
    /// Macroblocks one below the other, before cropping.
    pub rows: u32,
    /// Reference pictures the decoder must keep, 0..=16.
    pub reference_frames: u8,
    /// Limited unless the stream says otherwise.
    pub range: ColorRange,
    /// BT.601 unless the stream says otherwise.
    pub matrix: ColorMatrix,
}

/// Why a sequence parameter set was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SpsError {
    /// Not a sequence parameter set at all.
    #[error("not a sequence parameter set")]
    NotSps,
    /// It ends early or holds values that the standard forbids.
    #[error("the sequence parameter set is malformed")]
    Malformed,
    /// Pictures larger than `model::limits` allows.
    #[error(
        "pictures of {width}×{height} are larger than {PICTURE_WIDTH_MAX}×{PICTURE_HEIGHT_MAX}"
    )]
    TooLarge {
        /// Pixels, before cropping.
        width: u64,
        /// Pixels, before cropping.
        height: u64,
    },
    /// More reference pictures than any level allows at this size.
    #[error("{0} reference pictures are too many for this size")]
    TooManyReferences(u32),
    /// Only 8-bit 4:2:0 is decoded.
    #[error("only 8-bit 4:2:0 pictures are supported")]
    Format,
    /// Only whole frames are decoded.
    #[error("interlaced pictures are not supported")]
    Interlaced,
}

impl From<OutOfBits> for SpsError {
    fn from(_: OutOfBits) -> Self {
        Self::Malformed
    }
}

impl Sps {
    /// Reads and checks one NAL unit, given without its start code. The subset sequence parameter
    /// set (type 15) begins in the same way and is checked alike.
    ///
    /// # Errors
    /// See [`SpsError`]. Whatever the input, this neither panics nor reserves more than a kilobyte.
    pub fn parse(nal: &[u8]) -> Result<Self, SpsError> {
        if !matches!(nal_kind(nal), Some(NalKind::Sps | NalKind::SubsetSps)) {
            return Err(SpsError::NotSps);
        }
        let raw = unescape(&nal[1..]).ok_or(SpsError::Malformed)?;
        let mut bits = Bits::new(&raw);

        let profile = u8_of(bits.unsigned(8)?)?;
        bits.unsigned(8)?; // constraint flags
        let level = u8_of(bits.unsigned(8)?)?;
        let id = at_most(bits.golomb()?, 31)?;
        if HIGH_PROFILES.contains(&profile) {
            read_format(&mut bits)?;
        }
        at_most(bits.golomb()?, 12)?; // log2_max_frame_num_minus4
        read_order_count(&mut bits)?;
        let references = bits.golomb()?;
        bits.flag()?; // gaps_in_frame_num_value_allowed_flag

        let columns = u64::from(bits.golomb()?) + 1;
        let rows = u64::from(bits.golomb()?) + 1;
        let frames_only = bits.flag()?;
        // Checked on whole macroblocks: cropping must not hide what the decoder reserves. Sizes
        // round up to 16, so 1080 lines are 1088.
        let (width, height) = (columns * 16, rows * if frames_only { 16 } else { 32 });
        if width > round_up(PICTURE_WIDTH_MAX) || height > round_up(PICTURE_HEIGHT_MAX) {
            return Err(SpsError::TooLarge { width, height });
        }
        if !frames_only {
            return Err(SpsError::Interlaced);
        }
        let reference_frames = match u8::try_from(references) {
            Ok(count @ 0..=16)
                if u64::from(count) * columns * rows <= REFERENCE_MACROBLOCKS_MAX =>
            {
                count
            }
            _ => return Err(SpsError::TooManyReferences(references)),
        };
        bits.flag()?; // direct_8x8_inference_flag

        let (width, height) = cropped(&mut bits, width, height)?;
        if width > PICTURE_WIDTH_MAX || height > PICTURE_HEIGHT_MAX {
            return Err(SpsError::TooLarge { width: width.into(), height: height.into() });
        }
        let (range, matrix) =
            if bits.flag()? { vui::read_colors(&mut bits)? } else { Default::default() };
        let [columns, rows] = [columns, rows].map(|count| count as u32);
        Ok(Self {
            id,
            profile,
            level,
            width,
            height,
            columns,
            rows,
            reference_frames,
            range,
            matrix,
        })
    }

    /// Macroblocks of a picture.
    pub fn macroblocks(&self) -> usize {
        self.columns as usize * self.rows as usize
    }
}

fn round_up(pixels: u32) -> u64 {
    u64::from(pixels).next_multiple_of(16)
}

fn u8_of(value: u32) -> Result<u8, SpsError> {
    u8::try_from(value).map_err(|_| SpsError::Malformed)
}

fn at_most(value: u32, max: u8) -> Result<u8, SpsError> {
    u8_of(value).ok().filter(|value| *value <= max).ok_or(SpsError::Malformed)
}

/// Chroma format, bit depths and scaling lists of the High profiles.
fn read_format(bits: &mut Bits<'_>) -> Result<(), SpsError> {
    let chroma_format = bits.golomb()?;
    if chroma_format != 1 {
        return Err(SpsError::Format);
    }
    let (luma_depth, chroma_depth) = (bits.golomb()?, bits.golomb()?);
    if (luma_depth, chroma_depth) != (0, 0) {
        return Err(SpsError::Format);
    }
    bits.flag()?; // qpprime_y_zero_transform_bypass_flag
    if bits.flag()? {
        for list in 0..8 {
            if bits.flag()? {
                skip_scaling_list(bits, if list < 6 { 16 } else { 64 })?;
            }
        }
    }
    Ok(())
}

/// Section 7.3.2.1.1.1.
fn skip_scaling_list(bits: &mut Bits<'_>, size: usize) -> Result<(), SpsError> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..size {
        if next != 0 {
            let delta = bits.signed_golomb()?;
            if !(-128..=127).contains(&delta) {
                return Err(SpsError::Malformed);
            }
            next = (last + delta + 256) % 256;
        }
        if next != 0 {
            last = next;
        }
    }
    Ok(())
}

/// The three ways in which pictures are put in order.
fn read_order_count(bits: &mut Bits<'_>) -> Result<(), SpsError> {
    match bits.golomb()? {
        0 => {
            at_most(bits.golomb()?, 12)?; // log2_max_pic_order_cnt_lsb_minus4
        }
        1 => {
            bits.flag()?; // delta_pic_order_always_zero_flag
            bits.signed_golomb()?; // offset_for_non_ref_pic
            bits.signed_golomb()?; // offset_for_top_to_bottom_field
            for _ in 0..at_most(bits.golomb()?, 255)? {
                bits.signed_golomb()?; // offset_for_ref_frame
            }
        }
        2 => {}
        _ => return Err(SpsError::Malformed),
    }
    Ok(())
}

/// The picture's size after `frame_cropping`, whose unit is two pixels for 4:2:0 frames.
fn cropped(bits: &mut Bits<'_>, width: u64, height: u64) -> Result<(u32, u32), SpsError> {
    let [mut left_right, mut top_bottom] = [0u64; 2];
    if bits.flag()? {
        left_right = u64::from(bits.golomb()?) + u64::from(bits.golomb()?);
        top_bottom = u64::from(bits.golomb()?) + u64::from(bits.golomb()?);
    }
    let crop = |size: u64, cropped: u64| {
        size.checked_sub(2 * cropped)
            .filter(|rest| *rest > 0)
            .and_then(|rest| u32::try_from(rest).ok())
            .ok_or(SpsError::Malformed)
    };
    Ok((crop(width, left_right)?, crop(height, top_bottom)?))
}

#[cfg(test)]
#[path = "sps_tests.rs"]
mod tests;
