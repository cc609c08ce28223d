//! How large the small copy of a picture is, and how it is made.

use crate::{FramePool, Plane, VideoFrame};

/// The `low` layer is halved until its shorter side is at most this, in pixels.
const LOW_SIDE_MAX: u32 = 270;

/// How often a picture is halved for the `low` layer; 0 where `low` is the same as `high`.
pub fn low_halvings(width: u32, height: u32) -> u32 {
    let mut side = width.min(height);
    let mut halvings = 0;
    while side > LOW_SIDE_MAX {
        side /= 2;
        halvings += 1;
    }
    halvings
}

/// Width and height of the `low` layer of a picture, in pixels.
pub fn low_size(width: u32, height: u32) -> (u32, u32) {
    let halvings = low_halvings(width, height);
    // A very long picture keeps at least one pixel across: `halve` rounds down to no less.
    ((width >> halvings).max(width.min(1)), (height >> halvings).max(height.min(1)))
}

/// The picture at half its width and height (rounded down, at least one pixel): each pixel is the
/// mean of a 2×2 box.
pub fn halve(frame: &VideoFrame, pool: &FramePool) -> VideoFrame {
    let half = |side: u32| (side / 2).max(side.min(1));
    let mut out = pool.frame(half(frame.width()), half(frame.height()), frame.captured);
    (out.range, out.matrix) = (frame.range, frame.matrix);
    let strides = [Plane::Y, Plane::U, Plane::V].map(|plane| out.stride(plane));
    let planes = out.planes_mut().into_iter().zip(strides);
    for ((out, out_stride), plane) in planes.zip([Plane::Y, Plane::U, Plane::V]) {
        if out_stride > 0 {
            halve_plane(frame.plane(plane), frame.stride(plane), out, out_stride);
        }
    }
    out
}

fn halve_plane(input: &[u8], stride: usize, out: &mut [u8], out_stride: usize) {
    for (out, rows) in out.chunks_exact_mut(out_stride).zip(input.chunks(2 * stride)) {
        // An odd plane's last row and column stand for the missing neighbour too.
        let (above, below) = rows.split_at(stride.min(rows.len()));
        let below = if below.is_empty() { above } else { below };
        let pairs = above.as_chunks().0.iter().zip(below.as_chunks().0);
        for (out, (above, below)) in out.iter_mut().zip(pairs) {
            // Whole words rather than bytes: so the compiler finds vector instructions.
            let (above, below) = (u16::from_le_bytes(*above), u16::from_le_bytes(*below));
            *out = mean([above & 0xFF, above >> 8, below & 0xFF, below >> 8]);
        }
        if out_stride > stride / 2
            && let (Some(out), Some(above), Some(below)) =
                (out.last_mut(), above.last(), below.last())
        {
            let (above, below) = (u16::from(*above), u16::from(*below));
            *out = mean([above, above, below, below]);
        }
    }
}

fn mean([one, two, three, four]: [u16; 4]) -> u8 {
    ((one + two + three + four + 2) / 4) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CaptureTime, ColorMatrix, ColorRange};

    #[test]
    fn the_low_layer_is_about_320_by_180_for_the_usual_sizes() {
        assert_eq!(low_size(640, 360), (320, 180));
        assert_eq!(low_size(1280, 720), (320, 180));
        assert_eq!(low_size(1920, 1080), (480, 270));
        assert_eq!(low_size(3840, 2160), (480, 270));
        assert_eq!(low_size(720, 1280), (180, 320));
    }

    #[test]
    fn a_small_picture_is_its_own_low_layer() {
        assert_eq!(low_halvings(320, 240), 0);
        assert_eq!(low_size(480, 270), (480, 270));
        assert_eq!(low_halvings(0, 0), 0);
    }

    #[test]
    fn halving_as_often_as_told_gives_the_low_size() {
        let pool = FramePool::new();
        for (width, height) in [(1280, 720), (1366, 768), (541, 999), (3840, 271)] {
            let mut frame = pool.frame(width, height, CaptureTime::now());
            for _ in 0..low_halvings(width, height) {
                frame = halve(&frame, &pool);
            }
            assert_eq!((frame.width(), frame.height()), low_size(width, height));
        }
    }

    #[test]
    fn each_pixel_is_the_rounded_mean_of_four() {
        let pool = FramePool::new();
        let mut frame = pool.frame(4, 2, CaptureTime::now());
        let [luma, blue, red] = frame.planes_mut();
        luma.copy_from_slice(&[1, 2, 10, 20, 3, 5, 30, 41]);
        blue.copy_from_slice(&[100, 110]);
        red.copy_from_slice(&[7, 9]);
        let half = halve(&frame, &pool);
        assert_eq!(half.plane(Plane::Y), [3, 25]);
        assert_eq!(half.plane(Plane::U), [105]);
        assert_eq!(half.plane(Plane::V), [8]);
    }

    #[test]
    fn every_size_is_filled_and_keeps_time_and_colours() {
        let pool = FramePool::new();
        for (width, height) in [(1, 1), (2, 2), (3, 3), (6, 6), (7, 5), (5, 1), (1, 9), (0, 4)] {
            let mut frame = pool.frame(width, height, CaptureTime::now());
            (frame.range, frame.matrix) = (ColorRange::Full, ColorMatrix::Bt709);
            frame.planes_mut().into_iter().for_each(|plane| plane.fill(77));
            // A buffer of old bytes that must all be overwritten.
            let mut old = pool.frame(width, height, CaptureTime::now());
            old.planes_mut().into_iter().for_each(|plane| plane.fill(0xEE));
            drop(old);
            let half = halve(&frame, &pool);
            for plane in [Plane::Y, Plane::U, Plane::V] {
                assert!(half.plane(plane).iter().all(|value| *value == 77), "{width}×{height}");
            }
            assert_eq!(half.captured, frame.captured);
            assert_eq!((half.range, half.matrix), (frame.range, frame.matrix));
        }
    }
}
