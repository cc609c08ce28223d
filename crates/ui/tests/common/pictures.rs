//! Pictures whose colours are known, and the comparison with what was painted.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use lanlens_media::{CaptureTime, ColorMatrix, ColorRange, FramePool, VideoFrame, convert};

/// Side of the patches of one chroma, pixels.
const PATCH: u32 = 16;
/// As far from another patch, pixels, its chroma has no influence.
const MARGIN: u32 = 2;

pub(crate) const FORMATS: [(ColorRange, ColorMatrix); 4] = [
    (ColorRange::Limited, ColorMatrix::Bt601),
    (ColorRange::Limited, ColorMatrix::Bt709),
    (ColorRange::Full, ColorMatrix::Bt601),
    (ColorRange::Full, ColorMatrix::Bt709),
];

/// Patches of different chroma under luma that changes from pixel to pixel.
pub(crate) fn patches(
    width: u32,
    height: u32,
    (range, matrix): (ColorRange, ColorMatrix),
) -> Arc<VideoFrame> {
    let mut frame = FramePool::new().frame(width, height, CaptureTime::now());
    (frame.range, frame.matrix) = (range, matrix);
    let [luma, blue, red] = frame.planes_mut();
    for (index, value) in (0..).zip(luma) {
        let (x, y) = (index % width, index / width);
        *value = (40 + (x * 3 + y * 5) % 160) as u8;
    }
    let half = width.div_ceil(2);
    for (index, (blue, red)) in (0..).zip(blue.iter_mut().zip(red)) {
        let (x, y) = (index % half / (PATCH / 2), index / half / (PATCH / 2));
        *blue = [128, 90, 170, 150][((x + 2 * y) % 4) as usize];
        *red = [100, 160, 128, 180][((x + y) % 4) as usize];
    }
    Arc::new(frame)
}

/// The same planes, said to be of another format.
pub(crate) fn called(frame: &VideoFrame, (range, matrix): (ColorRange, ColorMatrix)) -> VideoFrame {
    let mut other = FramePool::new().frame(frame.width(), frame.height(), frame.captured);
    (other.range, other.matrix) = (range, matrix);
    for (plane, out) in [lanlens_media::Plane::Y, lanlens_media::Plane::U, lanlens_media::Plane::V]
        .into_iter()
        .zip(other.planes_mut())
    {
        out.copy_from_slice(frame.plane(plane));
    }
    other
}

/// The largest difference, in levels of 255, between a frame that was painted pixel by pixel at
/// (`left`, `top`) of a picture `wide` pixels wide (RGBA), and what the processor makes of it.
pub(crate) fn difference(seen: &[u8], wide: u32, [left, top]: [u32; 2], frame: &VideoFrame) -> u8 {
    let (width, height) = (frame.width(), frame.height());
    let mut expected = vec![0; (width * height * 4) as usize];
    convert::i420_to_rgba(frame, &mut expected, width as usize * 4).unwrap();
    let mut worst = 0;
    for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
        let inside = |at: u32| (MARGIN..PATCH - MARGIN).contains(&(at % PATCH));
        if !inside(x) || !inside(y) {
            continue;
        }
        let expected = &expected[((y * width + x) * 4) as usize..][..4];
        let seen = &seen[(((top + y) * wide + left + x) * 4) as usize..][..4];
        let differences = expected.iter().zip(seen).map(|(one, other)| one.abs_diff(*other));
        worst = worst.max(differences.max().unwrap());
    }
    worst
}
