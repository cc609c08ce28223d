//! The capture time as pixels, so that latency is measured on what was seen and not on what was
//! claimed.
//!
//! The top 1/12 of a picture is a row of 66 equal cells: a white guard, 64 bits of CLOCK_REALTIME
//! microseconds (most significant first, white is 1), a black guard. Reading samples the middle of
//! each cell against the guards' own levels, so it survives encoding, scaling in a tile and any
//! mapping of the range.

use crate::{ColorRange, Plane, VideoFrame};

/// Guard, 64 bits, guard.
const CELLS: usize = 66;
/// The strip is this fraction of the height.
const STRIP: usize = 12;
/// Guards that differ by less are not guards.
const CONTRAST_MIN: u32 = 64;
/// A value further than this from the reader's clock is not a time, in µs.
const OFF_MAX_US: u64 = 10_000_000;

/// A rectangle of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    /// From the left.
    pub x: usize,
    /// From the top.
    pub y: usize,
    /// Pixels across.
    pub width: usize,
    /// Pixels down.
    pub height: usize,
}

/// Burns `unix_us` into the picture. One too small for 66 cells and a strip (66×12 pixels) is left
/// as it is.
pub fn write(frame: &mut VideoFrame, unix_us: u64) {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    if width < CELLS || height < STRIP {
        return;
    }
    let (black, white) = match frame.range {
        ColorRange::Limited => (16, 235),
        ColorRange::Full => (0, 255),
    };
    let strip = height / STRIP;
    let chroma_width = frame.stride(Plane::U);
    let [luma, blue, red] = frame.planes_mut();

    let (first, others) = luma[..strip * width].split_at_mut(width);
    for cell in 0..CELLS {
        let lit = match cell {
            0 => true,
            1..=64 => unix_us >> (64 - cell) & 1 == 1,
            _ => false,
        };
        first[cell_start(cell, width)..cell_start(cell + 1, width)].fill(if lit {
            white
        } else {
            black
        });
    }
    others.chunks_exact_mut(width).for_each(|row| row.copy_from_slice(first));
    for plane in [blue, red] {
        plane[..strip.div_ceil(2) * chroma_width].fill(128);
    }
}

/// Reads the time back; `None` without both guards, or if it is more than 10 s off `now_unix_us`.
pub fn read(frame: &VideoFrame, now_unix_us: u64) -> Option<u64> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    read_luma(frame.plane(Plane::Y), width, width, height, now_unix_us)
}

/// As [`read`], from plain luma values: `height` rows of `width`, `stride` bytes apart. For a
/// region of a larger picture, begin the slice at its first pixel.
pub fn read_luma(
    luma: &[u8],
    stride: usize,
    width: usize,
    height: usize,
    now_unix_us: u64,
) -> Option<u64> {
    let region = Region { x: 0, y: 0, width, height };
    read_pixels(region, now_unix_us, |x, y| {
        luma.get(y.checked_mul(stride)?.checked_add(x)?).map(|value| u32::from(*value))
    })
}

/// As [`read`], from a picture's place in RGBA pixels (a screenshot), whose rows are `stride`
/// bytes apart.
pub fn read_rgba(rgba: &[u8], stride: usize, region: Region, now_unix_us: u64) -> Option<u64> {
    read_pixels(region, now_unix_us, |x, y| {
        let at = y.checked_mul(stride)?.checked_add(x.checked_mul(4)?)?;
        let pixel = rgba.get(at..at.checked_add(3)?)?;
        // The strip is grey: any weights do.
        Some(pixel.iter().map(|value| u32::from(*value)).sum::<u32>() / 3)
    })
}

fn cell_start(cell: usize, width: usize) -> usize {
    cell * width / CELLS
}

fn read_pixels(
    region: Region,
    now_unix_us: u64,
    pixel: impl Fn(usize, usize) -> Option<u32>,
) -> Option<u64> {
    let Region { width, height, .. } = region;
    // The middle half of the strip's rows: below them the picture bleeds in.
    let strip = height / STRIP;
    let rows = strip / 4..(3 * strip / 4).max(strip / 4 + 1);
    if width < CELLS || strip == 0 {
        return None;
    }
    width.checked_mul(CELLS)?;
    let level = |cell: usize| {
        let (left, right) = (cell_start(cell, width), cell_start(cell + 1, width));
        let margin = (right - left).saturating_sub(1) / 3;
        let (mut sum, mut count) = (0, 0);
        for y in rows.clone() {
            for x in left + margin..right - margin {
                sum += pixel(region.x.checked_add(x)?, region.y.checked_add(y)?)?;
                count += 1;
            }
        }
        Some(sum / count)
    };
    let (white, black) = (level(0)?, level(CELLS - 1)?);
    if white < black + CONTRAST_MIN {
        return None;
    }
    let middle = (white + black) / 2;
    let mut unix_us = 0;
    for cell in 1..=64 {
        unix_us = unix_us << 1 | u64::from(level(cell)? > middle);
    }
    (unix_us.abs_diff(now_unix_us) <= OFF_MAX_US).then_some(unix_us)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CaptureTime, FramePool, convert, layers, pattern};

    const NOW: u64 = 1_790_000_123_456_789;

    fn stamped(width: u32, height: u32, unix_us: u64) -> VideoFrame {
        let mut frame = FramePool::new().frame(width, height, CaptureTime::now());
        pattern::paint(&mut frame, 100, 3);
        write(&mut frame, unix_us);
        frame
    }

    #[test]
    fn what_is_written_is_read_back_at_every_size() {
        for (width, height) in [(66, 12), (67, 13), (160, 90), (320, 180), (640, 360), (1920, 1080)]
        {
            for off in [0, 1, 0xFFFF, 9_999_999] {
                let frame = stamped(width, height, NOW - off);
                assert_eq!(read(&frame, NOW), Some(NOW - off), "{width}×{height}");
            }
        }
    }

    #[test]
    fn the_layout_is_the_contracts() {
        let frame = stamped(660, 240, NOW);
        let luma = frame.plane(Plane::Y);
        for y in 0..20 {
            for cell in 0..66 {
                let white = match cell {
                    0 => true,
                    65 => false,
                    bit => NOW >> (64 - bit) & 1 == 1,
                };
                let wanted = if white { 235 } else { 16 };
                assert!(luma[y * 660 + cell * 10..][..10].iter().all(|value| *value == wanted));
            }
        }
        assert!(frame.plane(Plane::U)[..10 * 330].iter().all(|value| *value == 128));
        assert!(frame.plane(Plane::V)[..10 * 330].iter().all(|value| *value == 128));
    }

    #[test]
    fn a_value_more_than_ten_seconds_off_is_dropped() {
        let frame = stamped(640, 360, NOW);
        assert_eq!(read(&frame, NOW + 10_000_000), Some(NOW));
        assert_eq!(read(&frame, NOW + 10_000_001), None);
        assert_eq!(read(&frame, NOW - 10_000_000), Some(NOW));
        assert_eq!(read(&frame, NOW - 10_000_001), None);
    }

    #[test]
    fn a_picture_without_either_guard_is_dropped() {
        for (cell, value) in [(0, 16), (65, 235)] {
            let mut frame = stamped(660, 240, NOW);
            for row in frame.planes_mut()[0].chunks_exact_mut(660).take(20) {
                row[cell * 10..(cell + 1) * 10].fill(value);
            }
            assert_eq!(read(&frame, NOW), None);
        }
    }

    #[test]
    fn the_time_survives_halving_to_the_low_layer() {
        let pool = FramePool::new();
        let low = layers::halve(&stamped(640, 360, NOW), &pool);
        assert_eq!(read(&low, NOW), Some(NOW));
    }

    #[test]
    fn the_time_is_read_from_a_scaled_place_in_a_screenshot() {
        let frame = stamped(640, 360, NOW);
        let mut rgba = vec![0; 640 * 360 * 4];
        convert::i420_to_rgba(&frame, &mut rgba, 640 * 4).unwrap();
        for (width, height) in [(400, 225), (500, 281), (640, 360), (901, 507)] {
            let (stride, place) = (1000 * 4, Region { x: 37, y: 21, width, height });
            let mut shot = vec![30; stride * 600];
            for y in 0..height {
                for x in 0..width {
                    let from = (y * 360 / height * 640 + x * 640 / width) * 4;
                    let to = (y + place.y) * stride + (x + place.x) * 4;
                    shot[to..to + 4].copy_from_slice(&rgba[from..from + 4]);
                }
            }
            assert_eq!(read_rgba(&shot, stride, place, NOW), Some(NOW), "{width}×{height}");
            // A tile's place is known to a pixel or so.
            let place = Region { x: 38, y: 22, ..place };
            assert_eq!(read_rgba(&shot, stride, place, NOW), Some(NOW), "{width}×{height}");
        }
    }

    #[test]
    fn slices_that_are_too_short_and_sizes_that_overflow_read_as_nothing() {
        let frame = stamped(640, 360, NOW);
        let luma = frame.plane(Plane::Y);
        assert_eq!(read_luma(&luma[..5000], 640, 640, 360, NOW), None);
        assert_eq!(read_luma(luma, usize::MAX, 640, 360, NOW), None);
        assert_eq!(read_luma(luma, 640, usize::MAX, usize::MAX, NOW), None);
        assert_eq!(read_luma(luma, 640, 65, 360, NOW), None);
        assert_eq!(read_luma(luma, 640, 640, 11, NOW), None);
        let far = Region { x: usize::MAX, y: usize::MAX, width: 640, height: 360 };
        assert_eq!(read_rgba(luma, 640, far, NOW), None);
    }
}
