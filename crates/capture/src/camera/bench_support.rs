//! A camera's JPEG pictures to I420, without a camera: the door for `tests/bench`.
//!
//! Knows nothing of benches. What it opens is not meant for anyone else.

use lanlens_media::{CaptureTime, ColorMatrix, ColorRange, VideoFrame};

use super::convert::Converter;
use super::mode::{Delivery, Mode, PixelFormat};
use crate::pace::Rate;

/// What stands behind a camera that delivers JPEG.
pub struct JpegConverter(Converter);

impl JpegConverter {
    /// For pictures of this size, pixels.
    pub fn new(width: u32, height: u32) -> Self {
        let mode = Mode { pixels: PixelFormat::Mjpeg, width, height, rate: Rate::whole(30) };
        let (range, matrix) = (ColorRange::Full, ColorMatrix::Bt601);
        Self(Converter::new(Delivery { mode, stride: 0, range, matrix }))
    }

    /// The picture, or `None` where these bytes hold none of that size.
    pub fn convert(&mut self, jpeg: &[u8], captured: CaptureTime) -> Option<VideoFrame> {
        self.0.convert(jpeg, captured).ok()
    }
}
