//! Pictures to access units.

use bytes::Bytes;
use lanlens_media::{
    ColorMatrix, ColorRange, EncodeError, EncodedUnit, Encoder, Plane, VideoFrame, h264,
};
use lanlens_model::limits::{PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX};
use lanlens_model::{Layer, MediaKind};
use openh264::encoder::{
    BitRate, Complexity, EncoderConfig as NativeConfig, FrameRate, IntraFramePeriod, Profile,
    RateControlMode, UsageType, VuiConfig,
};
use openh264::formats::YUVSource;
use openh264::{OpenH264API, Timestamp};

use crate::native;

/// Below this openh264's rate control has nothing to give, kbit/s.
const BITRATE_KBPS_MIN: u32 = 30;
/// More than any local network of cameras needs, and safely within level 5.2, kbit/s.
const BITRATE_KBPS_MAX: u32 = 50_000;

/// openh264 refuses smaller pictures, pixels.
const SIDE_MIN: u32 = 16;

/// What an encoder is made for. Size and colours come with the pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderConfig {
    /// Written on every unit.
    pub layer: Layer,
    /// Target, kbit/s; taken as 30 to 50,000.
    pub bitrate_kbps: u32,
    /// Frames a second that the bitrate is spread over; taken as 1 to 120.
    pub fps: u32,
}

/// Encodes Constrained Baseline H.264 in real time: no picture waits for another, keyframes only
/// at the start and when asked for.
pub struct H264Encoder {
    config: EncoderConfig,
    running: Option<Running>,
    /// Bytes of the largest unit of late, so that a buffer is reserved in one go.
    capacity: usize,
}

/// The codec, made for one kind of picture.
struct Running {
    native: openh264::encoder::Encoder,
    shape: Shape,
    bitrate_kbps: u32,
    /// Pictures given to it so far.
    pictures: u64,
}

/// What can't change within a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    width: u32,
    height: u32,
    range: ColorRange,
    matrix: ColorMatrix,
}

impl H264Encoder {
    /// An encoder that starts with its first picture.
    pub fn new(config: EncoderConfig) -> Self {
        let mut config = config;
        config.bitrate_kbps = config.bitrate_kbps.clamp(BITRATE_KBPS_MIN, BITRATE_KBPS_MAX);
        config.fps = config.fps.clamp(1, 120);
        Self { config, running: None, capacity: 0 }
    }

    fn start(&self, shape: Shape) -> Result<Running, EncodeError> {
        let bitrate_kbps = self.config.bitrate_kbps;
        let config = native_config(&self.config, shape);
        let mut native =
            openh264::encoder::Encoder::with_api_config(OpenH264API::from_source(), config)
                .map_err(|error| EncodeError(error.to_string()))?;
        native::silence(&mut native);
        Ok(Running { native, shape, bitrate_kbps, pictures: 0 })
    }
}

impl Encoder for H264Encoder {
    /// The picture's last column and row are left out where its size is odd: 4:2:0 has no half
    /// chroma samples.
    fn encode(
        &mut self,
        frame: &VideoFrame,
        force_keyframe: bool,
    ) -> Result<Option<EncodedUnit>, EncodeError> {
        let shape = Shape::of(frame)?;
        let mut running = match self.running.take() {
            Some(running) if running.shape == shape => running,
            // A new codec rather than a changed one: its first picture is then sure to be a
            // keyframe with parameter sets, at the bitrate of now.
            _ => self.start(shape)?,
        };
        let data = running.encode(frame, force_keyframe, self.capacity)?;
        // Only a codec that has not failed is kept, so the next picture starts afresh.
        self.running = Some(running);
        if data.is_empty() {
            return Ok(None);
        }
        self.capacity = data.len().max(self.capacity - self.capacity / 8);
        Ok(Some(EncodedUnit {
            kind: MediaKind::Video,
            layer: self.config.layer,
            keyframe: h264::is_keyframe(&data),
            data: Bytes::from(data),
            captured: frame.captured,
            media_time: frame.captured.media_time(),
        }))
    }

    fn set_bitrate(&mut self, kbps: u32) {
        let kbps = kbps.clamp(BITRATE_KBPS_MIN, BITRATE_KBPS_MAX);
        self.config.bitrate_kbps = kbps;
        let Some(running) = &mut self.running else { return };
        if running.bitrate_kbps == kbps {
            return;
        }
        match native::set_bitrate(&mut running.native, running.bitrate_kbps * 1000, kbps * 1000) {
            Ok(()) => running.bitrate_kbps = kbps,
            Err(native::BitrateRefused) => {
                tracing::warn!(kbps, "the encoder refused a bitrate and is started anew");
                self.running = None;
            }
        }
    }
}

impl Running {
    fn encode(
        &mut self,
        frame: &VideoFrame,
        force_keyframe: bool,
        capacity: usize,
    ) -> Result<Vec<u8>, EncodeError> {
        // The first picture is one anyway, and the codec is not set up before it.
        if force_keyframe && self.pictures > 0 {
            self.native.force_intra_frame();
        }
        self.pictures += 1;
        let source = Source { frame, shape: self.shape };
        let timestamp = Timestamp::from_millis(frame.captured.unix_us / 1000);
        let stream = self
            .native
            .encode_at(&source, timestamp)
            .map_err(|error| EncodeError(error.to_string()))?;
        let mut data = Vec::with_capacity(capacity);
        stream.write_vec(&mut data);
        Ok(data)
    }
}

impl Shape {
    fn of(frame: &VideoFrame) -> Result<Self, EncodeError> {
        let (width, height) = (frame.width() & !1, frame.height() & !1);
        let possible = (SIDE_MIN..=PICTURE_WIDTH_MAX).contains(&width)
            && (SIDE_MIN..=PICTURE_HEIGHT_MAX).contains(&height);
        if !possible {
            return Err(EncodeError(format!(
                "pictures of {}×{} are not between {SIDE_MIN}×{SIDE_MIN} and \
                 {PICTURE_WIDTH_MAX}×{PICTURE_HEIGHT_MAX}",
                frame.width(),
                frame.height()
            )));
        }
        Ok(Self { width, height, range: frame.range, matrix: frame.matrix })
    }
}

/// A frame as openh264 wants to see it.
struct Source<'a> {
    frame: &'a VideoFrame,
    shape: Shape,
}

impl YUVSource for Source<'_> {
    fn dimensions(&self) -> (usize, usize) {
        (self.shape.width as usize, self.shape.height as usize)
    }
    fn strides(&self) -> (usize, usize, usize) {
        let chroma = self.frame.stride(Plane::U);
        (self.frame.stride(Plane::Y), chroma, chroma)
    }
    fn y(&self) -> &[u8] {
        self.frame.plane(Plane::Y)
    }
    fn u(&self) -> &[u8] {
        self.frame.plane(Plane::U)
    }
    fn v(&self) -> &[u8] {
        self.frame.plane(Plane::V)
    }
}

/// The settings, each measured on camera-like content.
fn native_config(config: &EncoderConfig, shape: Shape) -> NativeConfig {
    let vui = match shape.matrix {
        ColorMatrix::Bt601 => VuiConfig::bt601(),
        ColorMatrix::Bt709 => VuiConfig::bt709(),
    };
    NativeConfig::new()
        .usage_type(UsageType::CameraVideoRealTime)
        .rate_control_mode(RateControlMode::Bitrate)
        .bitrate(BitRate::from_bps(config.bitrate_kbps * 1000))
        // Not optional: left at 0, the bitrate overshoots by far.
        .max_frame_rate(FrameRate::from_hz(config.fps as f32))
        .complexity(Complexity::Low)
        // Anything above Baseline makes the decoder hold a picture back.
        .profile(Profile::Baseline)
        .num_threads(1)
        .skip_frames(false)
        // It takes movement for a new scene and answers with needless keyframes.
        .scene_change_detect(false)
        .adaptive_quantization(false)
        // Saves bits and time in an idle scene.
        .background_detection(true)
        .intra_frame_period(IntraFramePeriod::auto())
        .vui(vui.full_range(shape.range == ColorRange::Full))
}
