//! Access units to pictures.

use lanlens_media::h264::{NalKind, Sps, nal_kind, nal_units};
use lanlens_media::{
    Allowance, CaptureTime, ColorMatrix, ColorRange, DecodeError, Decoder, EncodedUnit, FramePool,
    SharedBudget, VideoFrame,
};
use lanlens_model::limits::{
    ACCESS_UNIT_BYTES_MAX, DECODER_PICTURES, NAL_UNITS_PER_ACCESS_UNIT_MAX, PICTURE_HEIGHT_MAX,
    PICTURE_WIDTH_MAX,
};
use openh264::OpenH264API;
use openh264::decoder::{Decoder as NativeDecoder, DecoderConfig};
use openh264::formats::YUVSource;
use thiserror::Error;

/// A macroblock takes at most 3200 bits (ITU-T H.264 section A.3.1) and 128 of its own syntax; escapes
/// add at most half. Larger units only fill buffers.
const BYTES_PER_MACROBLOCK_MAX: usize = 640;
/// Beside its macroblocks a unit holds parameter sets and supplemental information.
const BYTES_BESIDE_MAX: usize = 64 * 1024;

/// The codec could not be set up.
#[derive(Debug, Error)]
#[error("the decoder did not start: {0}")]
pub struct DecoderStartError(String);

/// Decodes whole access units, one picture at once for each. Begins at a keyframe, and after any
/// error again at the next one, so that no broken picture is ever shown.
///
/// What the stream makes it reserve is counted before it is reserved: pictures of more macroblocks
/// than its [`Allowance`] has are refused.
pub struct H264Decoder {
    native: NativeDecoder,
    /// The native decoder failed on a keyframe: it is replaced before the next one.
    worn: bool,
    needs_keyframe: bool,
    /// What the native decoder was told to reserve, once it was told.
    shape: Option<Shape>,
    /// What it may reserve, in macroblocks.
    allowance: Allowance,
    /// What the latest sequence parameter set says of colours.
    colors: (ColorRange, ColorMatrix),
    pool: FramePool,
}

impl H264Decoder {
    /// A decoder that waits for its first keyframe, on its own in this process: any stream within the
    /// limits has room.
    ///
    /// # Errors
    /// When openh264 can't reserve its memory.
    pub fn new() -> Result<Self, DecoderStartError> {
        Self::within(SharedBudget::new(0).allowance(usize::MAX))
    }

    /// A decoder that shares a budget with others. `allowance` counts macroblocks: those of a picture
    /// times its reference pictures and [`DECODER_PICTURES`]. What it took is free again when the
    /// decoder is dropped.
    ///
    /// # Errors
    /// When openh264 can't reserve its memory.
    pub fn within(allowance: Allowance) -> Result<Self, DecoderStartError> {
        Ok(Self {
            native: native()?,
            worn: false,
            needs_keyframe: true,
            shape: None,
            allowance,
            colors: Default::default(),
            pool: FramePool::new(),
        })
    }

    /// Makes room for pictures of this shape, or refuses the stream.
    fn reshape(&mut self, shape: Shape) -> Result<(), DecodeError> {
        if self.shape == Some(shape) {
            return Ok(());
        }
        if self.shape.is_some() {
            // A new one: openh264 keeps working memory of the largest pictures that it has seen, and
            // so do our spare frames.
            self.native = native().map_err(|error| DecodeError::Refused(error.to_string()))?;
            self.pool = FramePool::new();
            self.worn = false;
            self.shape = None;
            let _ = self.allowance.hold(0);
        }
        self.allowance.hold(shape.reserved()).map_err(|_| {
            DecodeError::Refused(format!(
                "too many large pictures are decoded here already: there is no room for {}×{} \
                 (reference pictures: {})",
                shape.columns * 16,
                shape.rows * 16,
                shape.references
            ))
        })?;
        self.shape = Some(shape);
        Ok(())
    }

    fn decode_checked(
        &mut self,
        unit: &EncodedUnit,
        contents: Contents,
    ) -> Result<Option<VideoFrame>, DecodeError> {
        if let Some(sps) = contents.sps {
            self.reshape(Shape::of(&sps))?;
            self.colors = (sps.range, sps.matrix);
        }
        let most = self.shape.map_or(0, Shape::macroblocks) * BYTES_PER_MACROBLOCK_MAX;
        if unit.data.len() > most + BYTES_BESIDE_MAX {
            return Err(DecodeError::Refused(format!(
                "an access unit of {} bytes is larger than its picture can be",
                unit.data.len()
            )));
        }
        if contents.keyframe && self.worn {
            self.native = native().map_err(|error| DecodeError::Refused(error.to_string()))?;
            self.worn = false;
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

/// What decides how much openh264 reserves for a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    /// Macroblocks side by side.
    columns: usize,
    /// Macroblocks one below the other.
    rows: usize,
    /// Reference pictures.
    references: usize,
}

impl Shape {
    fn of(sps: &Sps) -> Self {
        Self {
            columns: sps.columns as usize,
            rows: sps.rows as usize,
            references: usize::from(sps.reference_frames),
        }
    }

    fn macroblocks(self) -> usize {
        self.columns * self.rows
    }

    /// What a decoder for it holds in all, in macroblocks.
    fn reserved(self) -> usize {
        self.macroblocks() * (self.references + DECODER_PICTURES)
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
    /// NAL units of any kind.
    nal_units: usize,
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
        nal_units(stream).try_for_each(|nal| contents.add(nal).map_err(DecodeError::Refused))?;
        Ok(contents)
    }

    /// # Errors
    /// In words, what is wrong with it.
    fn add(&mut self, nal: &[u8]) -> Result<(), String> {
        self.nal_units += 1;
        if self.nal_units > NAL_UNITS_PER_ACCESS_UNIT_MAX {
            return Err(format!("it holds more than {NAL_UNITS_PER_ACCESS_UNIT_MAX} NAL units"));
        }
        match nal_kind(nal) {
            Some(NalKind::Sps | NalKind::SubsetSps) => {
                let sps = Sps::parse(nal).map_err(|error| error.to_string())?;
                // Slices choose among the sets, so all must ask for what is counted.
                if self.sps.is_some_and(|other| Shape::of(&other) != Shape::of(&sps)) {
                    return Err("it announces pictures of two kinds at once".to_owned());
                }
                self.parameters = true;
                self.sps = Some(sps);
            }
            Some(NalKind::Pps) => self.parameters = true,
            Some(NalKind::Slice) => self.picture = true,
            Some(NalKind::Idr) => (self.picture, self.keyframe) = (true, true),
            Some(NalKind::Other(2..=4 | 19..=21)) => {
                return Err("it holds slices of an extension that is not decoded here".to_owned());
            }
            _ => {}
        }
        self.pictures += usize::from(begins_picture(nal));
        if self.pictures > 1 {
            // The codec would decode them all, one picture's time each.
            return Err("it holds more than one picture".to_owned());
        }
        Ok(())
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
