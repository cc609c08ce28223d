//! Between the pixel formats that cameras deliver, I420, and the RGBA that a texture takes.
//!
//! Input comes from devices and files: a buffer that is too short is an error, never a panic.

use std::num::TryFromIntError;

use thiserror::Error;
use yuv::{
    BufferStoreMut, YuvConversionMode, YuvPlanarImage, YuvPlanarImageMut, YuvRange,
    YuvStandardMatrix,
};

use crate::{ColorMatrix, ColorRange, Plane, VideoFrame};

/// Why pixels could not be converted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConvertError {
    /// The buffer ends before the picture does.
    #[error("the picture needs {needed} bytes, the buffer has {got}")]
    TooShort {
        /// Bytes up to the last pixel.
        needed: usize,
        /// Bytes there are.
        got: usize,
    },
    /// A row is longer than the distance between rows.
    #[error("a row needs {needed} bytes, rows are {stride} apart")]
    Stride {
        /// Bytes of one row.
        needed: usize,
        /// The stride given.
        stride: usize,
    },
    /// A picture without pixels, or one that can't be addressed.
    #[error("a picture of this size can't be converted: {0}")]
    Size(String),
}

impl From<TryFromIntError> for ConvertError {
    fn from(error: TryFromIntError) -> Self {
        Self::Size(error.to_string())
    }
}

impl From<yuv::YuvError> for ConvertError {
    fn from(error: yuv::YuvError) -> Self {
        Self::Size(error.to_string())
    }
}

/// YUYV (YUY2, packed 4:2:2) into I420. `stride` is the distance of rows in bytes, at least twice
/// the width (rounded up to even). Chroma of two rows is averaged.
///
/// # Errors
/// When `yuyv` or `stride` is too small for the frame's size.
pub fn yuyv_to_i420(
    yuyv: &[u8],
    stride: usize,
    frame: &mut VideoFrame,
) -> Result<(), ConvertError> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let row_bytes = width.div_ceil(2) * 4;
    check(yuyv.len(), stride, row_bytes, height)?;
    let row = |y: usize| &yuyv[y * stride..y * stride + row_bytes];

    let [luma, blue, red] = frame.planes_mut();
    for (y, out) in luma.chunks_exact_mut(width).enumerate() {
        // Whole words and shifts rather than bytes: so the compiler finds vector instructions.
        for (out, pixel) in out.iter_mut().zip(row(y).as_chunks().0) {
            *out = u16::from_le_bytes(*pixel) as u8;
        }
    }
    let half = width.div_ceil(2);
    let rows = blue.chunks_exact_mut(half).zip(red.chunks_exact_mut(half));
    for (y, (blue, red)) in rows.enumerate() {
        let above = row(2 * y).as_chunks().0;
        let below = row((2 * y + 1).min(height - 1)).as_chunks().0;
        for (((blue, red), above), below) in blue.iter_mut().zip(red).zip(above).zip(below) {
            let (above, below) = (u32::from_le_bytes(*above), u32::from_le_bytes(*below));
            *blue = mean(above >> 8, below >> 8);
            *red = mean(above >> 24, below >> 24);
        }
    }
    Ok(())
}

/// NV12 (luma, then interleaved chroma) into I420. Strides are distances of rows in bytes.
///
/// # Errors
/// When a plane or a stride is too small for the frame's size.
pub fn nv12_to_i420(
    luma: &[u8],
    luma_stride: usize,
    chroma: &[u8],
    chroma_stride: usize,
    frame: &mut VideoFrame,
) -> Result<(), ConvertError> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let half = width.div_ceil(2);
    check(luma.len(), luma_stride, width, height)?;
    check(chroma.len(), chroma_stride, 2 * half, height.div_ceil(2))?;

    let [out, blue, red] = frame.planes_mut();
    for (out, row) in out.chunks_exact_mut(width).zip(luma.chunks(luma_stride)) {
        out.copy_from_slice(&row[..width]);
    }
    let rows = blue.chunks_exact_mut(half).zip(red.chunks_exact_mut(half));
    for ((blue, red), row) in rows.zip(chroma.chunks(chroma_stride)) {
        for ((blue, red), pair) in blue.iter_mut().zip(red).zip(row.as_chunks().0) {
            let pair = u16::from_le_bytes(*pair);
            *blue = pair as u8;
            *red = (pair >> 8) as u8;
        }
    }
    Ok(())
}

/// RGB (three bytes a pixel) into I420, with the frame's own range and matrix.
///
/// # Errors
/// When `rgb` or `stride` (bytes from row to row) is too small for the frame's size.
pub fn rgb_to_i420(rgb: &[u8], stride: usize, frame: &mut VideoFrame) -> Result<(), ConvertError> {
    let (width, height) = (frame.width(), frame.height());
    check(rgb.len(), stride, width as usize * 3, height as usize)?;
    let (range, matrix) = (yuv_range(frame.range), yuv_matrix(frame.matrix));
    let chroma_stride = width.div_ceil(2);
    let [luma, blue, red] = frame.planes_mut();
    let mut planes = YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(luma),
        y_stride: width,
        u_plane: BufferStoreMut::Borrowed(blue),
        u_stride: chroma_stride,
        v_plane: BufferStoreMut::Borrowed(red),
        v_stride: chroma_stride,
        width,
        height,
    };
    let mode = YuvConversionMode::Balanced;
    yuv::rgb_to_yuv420(&mut planes, rgb, u32::try_from(stride)?, range, matrix, mode)?;
    Ok(())
}

/// I420 into RGBA (alpha 255), as the frame's range and matrix say. `stride` is the distance of
/// rows in `rgba`, in bytes; bytes between the rows are left alone.
///
/// # Errors
/// When `rgba` or `stride` is too small for the frame's size.
pub fn i420_to_rgba(
    frame: &VideoFrame,
    rgba: &mut [u8],
    stride: usize,
) -> Result<(), ConvertError> {
    check(rgba.len(), stride, frame.width() as usize * 4, frame.height() as usize)?;
    let (range, matrix) = (yuv_range(frame.range), yuv_matrix(frame.matrix));
    yuv::yuv420_to_rgba(&planar(frame), rgba, u32::try_from(stride)?, range, matrix)?;
    Ok(())
}

/// I420 into RGB (three bytes a pixel), otherwise as [`i420_to_rgba`].
///
/// # Errors
/// When `rgb` or `stride` is too small for the frame's size.
pub fn i420_to_rgb(frame: &VideoFrame, rgb: &mut [u8], stride: usize) -> Result<(), ConvertError> {
    check(rgb.len(), stride, frame.width() as usize * 3, frame.height() as usize)?;
    let (range, matrix) = (yuv_range(frame.range), yuv_matrix(frame.matrix));
    yuv::yuv420_to_rgb(&planar(frame), rgb, u32::try_from(stride)?, range, matrix)?;
    Ok(())
}

/// One colour as Y, U, V. For painting; pictures go through [`rgb_to_i420`].
pub(crate) fn yuv_of(
    [red, green, blue]: [u8; 3],
    range: ColorRange,
    matrix: ColorMatrix,
) -> [u8; 3] {
    let [red, green, blue] = [red, green, blue].map(|value| f32::from(value) / 255.0);
    let (kr, kb) = match matrix {
        ColorMatrix::Bt601 => (0.299, 0.114),
        ColorMatrix::Bt709 => (0.2126, 0.0722),
    };
    let luma = kr * red + (1.0 - kr - kb) * green + kb * blue;
    let blue_difference = (blue - luma) / (2.0 * (1.0 - kb));
    let red_difference = (red - luma) / (2.0 * (1.0 - kr));
    let (offset, luma_span, chroma_span) = match range {
        ColorRange::Limited => (16.0, 219.0, 224.0),
        ColorRange::Full => (0.0, 255.0, 255.0),
    };
    [
        offset + luma_span * luma,
        128.0 + chroma_span * blue_difference,
        128.0 + chroma_span * red_difference,
    ]
    .map(|value| value.round() as u8)
}

fn planar(frame: &VideoFrame) -> YuvPlanarImage<'_, u8> {
    let chroma_stride = frame.width().div_ceil(2);
    YuvPlanarImage {
        y_plane: frame.plane(Plane::Y),
        y_stride: frame.width(),
        u_plane: frame.plane(Plane::U),
        u_stride: chroma_stride,
        v_plane: frame.plane(Plane::V),
        v_stride: chroma_stride,
        width: frame.width(),
        height: frame.height(),
    }
}

fn yuv_range(range: ColorRange) -> YuvRange {
    match range {
        ColorRange::Limited => YuvRange::Limited,
        ColorRange::Full => YuvRange::Full,
    }
}

fn yuv_matrix(matrix: ColorMatrix) -> YuvStandardMatrix {
    match matrix {
        ColorMatrix::Bt601 => YuvStandardMatrix::Bt601,
        ColorMatrix::Bt709 => YuvStandardMatrix::Bt709,
    }
}

/// The mean of the lowest bytes, rounded up.
fn mean(one: u32, other: u32) -> u8 {
    ((one & 0xFF) + (other & 0xFF)).div_ceil(2) as u8
}

/// Whether `rows` rows of `row_bytes`, `stride` apart, lie within `got` bytes. The last row need
/// not be padded.
fn check(got: usize, stride: usize, row_bytes: usize, rows: usize) -> Result<(), ConvertError> {
    if row_bytes == 0 || rows == 0 {
        return Err(ConvertError::Size("it has no pixels".to_owned()));
    }
    if stride < row_bytes {
        return Err(ConvertError::Stride { needed: row_bytes, stride });
    }
    let needed = stride
        .checked_mul(rows - 1)
        .and_then(|bytes| bytes.checked_add(row_bytes))
        .ok_or_else(|| ConvertError::Size("it can't be addressed".to_owned()))?;
    if got < needed {
        return Err(ConvertError::TooShort { needed, got });
    }
    Ok(())
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
