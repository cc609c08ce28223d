//! Access units to pictures.

use lanlens_media::h264::{NalKind, Sps, nal_kind, nal_units};
use lanlens_media::{
    CaptureTime, ColorMatrix, ColorRange, DecodeError, Decoder, EncodedUnit, FramePool, VideoFrame,
};
use lanlens_model::limits::{ACCESS_UNIT_BYTES_MAX, PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX};
use openh264::OpenH264API;
use openh264::decoder::{Decoder as NativeDecoder, DecoderConfig};
use openh264::formats::YUVSource;
use thiserror::Error;

/// The codec could not be set up.
#[derive(Debug, Error)]
#[error("the decoder did not start: {0}")]
pub struct DecoderStartError(String);

/// Decodes whole access units, one picture at once for each. Begins at a keyframe, and after any
/// error again at the next one, so that no broken picture is ever shown.
pub struct H264Decoder {
    native: NativeDecoder,
    /// The native decoder failed on a keyframe: it is replaced before the next one.
    worn: bool,
    needs_keyframe: bool,
    /// What the latest sequence parameter set says of colours.
    colors: (ColorRange, ColorMatrix),
    pool: FramePool,
}

impl H264Decoder {
    /// A decoder that waits for its first keyframe.
    ///
    /// # Errors
    /// When openh264 can't reserve its memory.
    pub fn new() -> Result<Self, DecoderStartError> {
        Ok(Self {
            native: native()?,
            worn: false,
            needs_keyframe: true,
            colors: Default::default(),
            pool: FramePool::new(),
        })
    }

    fn decode_checked(
        &mut self,
        unit: &EncodedUnit,
        contents: Contents,
    ) -> Result<Option<VideoFrame>, DecodeError> {
        if contents.keyframe && self.worn {
            self.native = native().map_err(|error| DecodeError::Refused(error.to_string()))?;
            self.worn = false;
        }
        if let Some(sps) = contents.sps {
            self.colors = (sps.range, sps.matrix);
        }
        match self.native.decode(&unit.data) {
            Ok(Some(picture)) => copy(&picture, &self.pool, unit.captured, self.colors).map(Some),
            Ok(None) if contents.keyframe => {
                self.worn = true;
                Err(DecodeError::NeedKeyframe)
            }
            Ok(None) => Ok(None),
            Err(error) => {
                tracing::debug!(%error, keyframe = contents.keyframe, "a unit did not decode");
                self.worn |= contents.keyframe;
                Err(DecodeError::NeedKeyframe)
            }
        }
    }
}

impl Decoder for H264Decoder {
    fn decode(&mut self, unit: &EncodedUnit) -> Result<Option<VideoFrame>, DecodeError> {
        let contents = match Contents::check(&unit.data) {
            Ok(contents) => contents,
            Err(error) => {
                self.needs_keyframe = true;
                return Err(error);
            }
        };
        if !contents.picture && !contents.parameters {
            return Ok(None);
        }
        // Parameter sets alone pass: a keyframe without its own may follow.
        if self.needs_keyframe && contents.picture && !contents.keyframe {
            return Err(DecodeError::NeedKeyframe);
        }
        let decoded = self.decode_checked(unit, contents);
        match &decoded {
            Err(_) => self.needs_keyframe = true,
            Ok(Some(_)) => self.needs_keyframe = false,
            Ok(None) => {}
        }
        decoded
    }
}

/// What an access unit holds, found out before openh264 sees it.
#[derive(Debug, Clone, Copy, Default)]
struct Contents {
    /// A slice of an IDR picture.
    keyframe: bool,
    /// A slice of any picture.
    picture: bool,
    /// Pictures that begin in it.
    pictures: usize,
    /// Any parameter set.
    parameters: bool,
    sps: Option<Sps>,
}

impl Contents {
    /// # Errors
    /// `Refused` when the unit or a picture it announces is beyond the limits.
    fn check(stream: &[u8]) -> Result<Self, DecodeError> {
        if stream.len() > ACCESS_UNIT_BYTES_MAX {
            return Err(DecodeError::Refused(format!(
                "an access unit of {} bytes is larger than {ACCESS_UNIT_BYTES_MAX}",
                stream.len()
            )));
        }
        let mut contents = Self::default();
        for nal in nal_units(stream) {
            match nal_kind(nal) {
                Some(NalKind::Sps | NalKind::SubsetSps) => {
                    let sps =
                        Sps::parse(nal).map_err(|error| DecodeError::Refused(error.to_string()))?;
                    contents.parameters = true;
                    contents.sps = Some(sps);
                }
                Some(NalKind::Pps) => contents.parameters = true,
                Some(NalKind::Slice) => contents.picture = true,
                Some(NalKind::Idr) => (contents.picture, contents.keyframe) = (true, true),
                Some(NalKind::Other(2..=4 | 19..=21)) => {
                    return Err(DecodeError::Refused(
                        "it holds slices of an extension that is not decoded here".to_owned(),
                    ));
                }
                _ => {}
            }
            contents.pictures += usize::from(begins_picture(nal));
            if contents.pictures > 1 {
                // The codec would decode them all, one picture's time each.
                return Err(DecodeError::Refused("it holds more than one picture".to_owned()));
            }
        }
        Ok(contents)
    }
}

/// Whether a slice is the first of its picture: `first_mb_in_slice`, the first value of the slice
/// header (ITU-T H.264 section 7.3.3), is 0, which Exp-Golomb writes as a single 1 bit.
fn begins_picture(nal: &[u8]) -> bool {
    matches!(nal_kind(nal), Some(NalKind::Slice | NalKind::Idr))
        && nal.get(1).is_some_and(|byte| byte & 0x80 != 0)
}

fn native() -> Result<NativeDecoder, DecoderStartError> {
    // Its threads are never switched on: they crash.
    NativeDecoder::with_api_config(OpenH264API::from_source(), DecoderConfig::new())
        .map_err(|error| DecoderStartError(error.to_string()))
}

/// Out of the codec's padded buffers, which it reuses, into a frame of ours.
fn copy(
    picture: &impl YUVSource,
    pool: &FramePool,
    captured: CaptureTime,
    (range, matrix): (ColorRange, ColorMatrix),
) -> Result<VideoFrame, DecodeError> {
    let (width, height) = picture.dimensions();
    let size = (u32::try_from(width), u32::try_from(height));
    let (Ok(width @ 1..=PICTURE_WIDTH_MAX), Ok(height @ 1..=PICTURE_HEIGHT_MAX)) = size else {
        return Err(DecodeError::Refused(format!("a picture of {width}×{height} came out")));
    };
    let mut frame = pool.frame(width, height, captured);
    (frame.range, frame.matrix) = (range, matrix);
    let (width, half) = (width as usize, width.div_ceil(2) as usize);
    let strides = picture.strides();
    let [luma, blue, red] = frame.planes_mut();
    for (out, out_stride, input, stride) in [
        (luma, width, picture.y(), strides.0),
        (blue, half, picture.u(), strides.1),
        (red, half, picture.v(), strides.2),
    ] {
        let rows = input.chunks(stride.max(1));
        for (out, row) in out.chunks_exact_mut(out_stride).zip(rows) {
            if let Some(row) = row.get(..out_stride) {
                out.copy_from_slice(row);
            }
        }
    }
    Ok(frame)
}
