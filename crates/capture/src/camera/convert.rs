//! A camera's bytes to I420.
//!
//! Bytes come from a device: whatever they hold, the answer is a picture or an error.

use lanlens_media::{CaptureTime, ColorMatrix, ColorRange, FramePool, Plane, VideoFrame, convert};
use thiserror::Error;
use turbojpeg::{Decompressor, Subsamp, YuvImage};

use super::mode::{Delivery, PixelFormat};
use crate::shrink::{PlaneIn, shrink_into};

/// Why a buffer gave no picture. The next one may be good.
#[derive(Debug, Error)]
pub(super) enum ConvertError {
    #[error("it delivers incomplete pictures: {0}")]
    Raw(#[from] convert::ConvertError),
    #[error("it delivers JPEG pictures of {width}x{height} where {expected} was set")]
    Size { width: usize, height: usize, expected: String },
    #[error("it delivers JPEG pictures with an unknown chroma layout")]
    Chroma,
    #[error("it delivers damaged JPEG pictures: {0}")]
    Jpeg(#[from] turbojpeg::Error),
}

/// Converts one camera's pictures; keeps its buffers between them.
pub(super) struct Converter {
    delivery: Delivery,
    pool: FramePool,
    jpeg: Option<Decompressor>,
    scratch: Vec<u8>,
}

impl Converter {
    pub(super) fn new(delivery: Delivery) -> Self {
        Self { delivery, pool: FramePool::new(), jpeg: None, scratch: Vec::new() }
    }

    /// The picture in `bytes`, which may be longer than the picture.
    pub(super) fn convert(
        &mut self,
        bytes: &[u8],
        captured: CaptureTime,
    ) -> Result<VideoFrame, ConvertError> {
        let mode = self.delivery.mode;
        let mut frame = self.pool.frame(mode.width, mode.height, captured);
        match mode.pixels {
            PixelFormat::Yuyv => {
                let stride = self.delivery.stride.max(4 * frame.stride(Plane::U));
                convert::yuyv_to_i420(bytes, stride, &mut frame)?;
            }
            PixelFormat::Nv12 => from_nv12(bytes, self.delivery.stride, &mut frame)?,
            PixelFormat::Mjpeg => {
                self.decode_jpeg(bytes, &mut frame)?;
                // JFIF (ITU-T T.871): full range BT.601, whatever the driver says.
                (frame.range, frame.matrix) = (ColorRange::Full, ColorMatrix::Bt601);
                return Ok(frame);
            }
        }
        (frame.range, frame.matrix) = (self.delivery.range, self.delivery.matrix);
        Ok(frame)
    }

    fn decode_jpeg(&mut self, bytes: &[u8], frame: &mut VideoFrame) -> Result<(), ConvertError> {
        // After an error libjpeg-turbo may answer for the next picture with the header of the broken
        // one, and then write past the end of a buffer of that size. So a decompressor comes back
        // to its place only from a picture that went well.
        let mut jpeg = match self.jpeg.take() {
            Some(jpeg) => jpeg,
            None => Decompressor::new()?,
        };
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        let header = jpeg.read_header(bytes)?;
        if (header.width, header.height) != (width, height) {
            return Err(ConvertError::Size {
                width: header.width,
                height: header.height,
                expected: format!("{width}x{height}"),
            });
        }
        if header.subsamp == Subsamp::Unknown {
            return Err(ConvertError::Chroma);
        }
        let len = turbojpeg::yuv_pixels_len(width, 1, height, header.subsamp)?;
        self.scratch.resize(len, 0);
        let image = YuvImage {
            pixels: self.scratch.as_mut_slice(),
            width,
            align: 1,
            height,
            subsamp: header.subsamp,
        };
        let ((y_width, y_height), (c_width, c_height)) = (image.y_size(), image.uv_size());
        match jpeg.decompress_to_yuv(bytes, image) {
            Ok(()) => self.jpeg = Some(jpeg),
            // Many cheap cameras pad every picture; libjpeg warns, and the picture is whole.
            Err(error) if error.to_string().contains("extraneous bytes") => {}
            Err(error) => return Err(error.into()),
        }
        let (luma, chroma) = self.scratch.split_at(y_width * y_height);
        let plane = |data, width, height| PlaneIn { data, stride: width, width, height };
        let [y, u, v] = frame.planes_mut();
        shrink_into(PlaneIn { width, height, ..plane(luma, y_width, y_height) }, y, width, height);
        if header.subsamp == Subsamp::Gray {
            u.fill(128);
            v.fill(128);
            return Ok(());
        }
        let (blue, red) = chroma.split_at(c_width * c_height);
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        shrink_into(plane(blue, c_width, c_height), u, half_width, half_height);
        shrink_into(plane(red, c_width, c_height), v, half_width, half_height);
        Ok(())
    }
}

/// Both planes of NV12 lie in one buffer, with the same stride.
fn from_nv12(
    bytes: &[u8],
    stride: usize,
    frame: &mut VideoFrame,
) -> Result<(), convert::ConvertError> {
    let stride = stride.max(2 * frame.stride(Plane::U));
    let luma = stride * frame.rows(Plane::Y);
    let Some((luma, chroma)) = bytes.split_at_checked(luma) else {
        return Err(convert::ConvertError::TooShort { needed: luma, got: bytes.len() });
    };
    convert::nv12_to_i420(luma, stride, chroma, stride, frame)
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
