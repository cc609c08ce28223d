//! Which of a camera's modes to use: pure choice, no device.

use lanlens_media::{ColorMatrix, ColorRange};

use crate::pace::Rate;
use crate::{FPS_DEFAULT, SIZE_DEFAULT, Wish, check_size};

/// The byte layouts that can be converted, first what cameras have most and drivers do best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PixelFormat {
    /// Packed 4:2:2.
    Yuyv,
    /// Luma plane, then interleaved chroma of half size both ways.
    Nv12,
    /// One JPEG per picture: far more work, and full range.
    Mjpeg,
}

/// One thing a camera can deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mode {
    pub(super) pixels: PixelFormat,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) rate: Rate,
}

/// What a camera delivers once it is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Delivery {
    pub(super) mode: Mode,
    /// Bytes from one row to the next (the luma plane's for NV12; without meaning for JPEG).
    pub(super) stride: usize,
    pub(super) range: ColorRange,
    pub(super) matrix: ColorMatrix,
}

/// A rate is reached when it is this much of what was asked: 29.97 is 30.
const REACHED: f64 = 0.95;
/// A size nobody asked for is given up when its best rate is below this part of the wished one.
const TOO_SLOW: f64 = 0.8;

/// The mode to use, or `None` where the camera has none that can be converted.
///
/// The size comes first: the wished one, or else the one nearest in area and shape. Where the user
/// named no size, one that is too slow for the rate counts as further away. Then the rate: the
/// lowest that reaches the wish, or else the highest. Then the format: uncompressed before JPEG.
pub(super) fn choose(modes: &[Mode], wish: &Wish) -> Option<Mode> {
    let fps = f64::from(wish.fps.unwrap_or(FPS_DEFAULT));
    let usable = || modes.iter().filter(|mode| check_size(mode.width, mode.height).is_ok());
    let best_rate = |size: (u32, u32)| {
        usable()
            .filter(|mode| (mode.width, mode.height) == size)
            .map(|mode| mode.rate.fps())
            .fold(0.0, f64::max)
    };
    let cost = |size: (u32, u32)| {
        let rate = best_rate(size);
        let slow =
            if wish.size.is_none() && rate < fps * TOO_SLOW { (fps / rate).ln() } else { 0.0 };
        distance(size, wish.size.unwrap_or(SIZE_DEFAULT)) + slow
    };
    let size = usable()
        .map(|mode| (mode.width, mode.height))
        .min_by(|a, b| cost(*a).total_cmp(&cost(*b)).then(b.cmp(a)))?;
    usable()
        .filter(|mode| (mode.width, mode.height) == size)
        .min_by(|a, b| {
            let order = |mode: &Mode| {
                let rate = mode.rate.fps();
                let reached = rate >= fps * REACHED;
                (!reached, if reached { 0.0 } else { -rate }, mode.pixels, rate)
            };
            let (a, b) = (order(a), order(b));
            a.0.cmp(&b.0)
                .then(a.1.total_cmp(&b.1))
                .then((a.2 == PixelFormat::Mjpeg).cmp(&(b.2 == PixelFormat::Mjpeg)))
                .then(a.3.total_cmp(&b.3))
                .then(a.2.cmp(&b.2))
        })
        .copied()
}

/// How different two sizes look: in area, and twice as much in shape.
fn distance(size: (u32, u32), wish: (u32, u32)) -> f64 {
    let (width, height) = (f64::from(size.0), f64::from(size.1));
    let (wish_width, wish_height) = (f64::from(wish.0), f64::from(wish.1));
    let area = (width * height / (wish_width * wish_height)).ln().abs();
    let shape = (width / height * wish_height / wish_width).ln().abs();
    area + 2.0 * shape
}

#[cfg(test)]
mod tests {
    use super::*;
    use PixelFormat::{Mjpeg, Nv12, Yuyv};

    fn mode(pixels: PixelFormat, width: u32, height: u32, fps: u32) -> Mode {
        Mode { pixels, width, height, rate: Rate::whole(fps) }
    }

    /// The usual webcam: raw is fast only while small.
    fn webcam() -> Vec<Mode> {
        vec![
            mode(Yuyv, 640, 480, 30),
            mode(Yuyv, 640, 480, 15),
            mode(Yuyv, 640, 360, 30),
            mode(Yuyv, 1280, 720, 10),
            mode(Mjpeg, 640, 480, 30),
            mode(Mjpeg, 1280, 720, 30),
            mode(Mjpeg, 1280, 720, 60),
            mode(Mjpeg, 1920, 1080, 30),
        ]
    }

    fn chosen(modes: &[Mode], size: Option<(u32, u32)>, fps: Option<u32>) -> Mode {
        choose(modes, &Wish { size, fps }).unwrap()
    }

    #[test]
    fn jpeg_is_taken_only_where_raw_is_too_slow() {
        assert_eq!(chosen(&webcam(), None, None), mode(Mjpeg, 1280, 720, 30));
        assert_eq!(chosen(&webcam(), Some((1280, 720)), Some(10)), mode(Yuyv, 1280, 720, 10));
        assert_eq!(chosen(&webcam(), Some((640, 480)), None), mode(Yuyv, 640, 480, 30));
    }

    #[test]
    fn the_lowest_rate_that_serves_the_wish_is_used() {
        assert_eq!(chosen(&webcam(), Some((640, 480)), Some(15)), mode(Yuyv, 640, 480, 15));
        assert_eq!(chosen(&webcam(), Some((1280, 720)), Some(60)), mode(Mjpeg, 1280, 720, 60));
        assert_eq!(chosen(&webcam(), Some((1920, 1080)), Some(60)), mode(Mjpeg, 1920, 1080, 30));
    }

    #[test]
    fn a_size_the_camera_lacks_becomes_the_nearest() {
        assert_eq!(chosen(&webcam(), Some((320, 180)), None), mode(Yuyv, 640, 360, 30));
        assert_eq!(chosen(&webcam(), Some((3840, 2160)), None), mode(Mjpeg, 1920, 1080, 30));
        assert_eq!(chosen(&webcam(), Some((600, 450)), None), mode(Yuyv, 640, 480, 30));
    }

    #[test]
    fn a_size_nobody_asked_for_may_not_cost_the_rate() {
        let raw_only =
            [mode(Yuyv, 640, 480, 30), mode(Yuyv, 1280, 720, 5), mode(Yuyv, 3840, 2160, 2)];
        assert_eq!(chosen(&raw_only, None, None), mode(Yuyv, 640, 480, 30));
        assert_eq!(chosen(&raw_only, Some((1280, 720)), None), mode(Yuyv, 1280, 720, 5));
    }

    #[test]
    fn almost_30_is_30() {
        let ntsc = Mode { rate: Rate::new(30_000, 1001).unwrap(), ..mode(Nv12, 1280, 720, 1) };
        let modes = [ntsc, mode(Mjpeg, 1280, 720, 30), mode(Nv12, 1280, 720, 60)];
        assert_eq!(chosen(&modes, None, None), ntsc);
    }

    #[test]
    fn modes_that_can_not_be_used_are_passed_over() {
        assert_eq!(choose(&[], &Wish::default()), None);
        let absurd = [mode(Yuyv, 0, 0, 30), mode(Yuyv, 100_000, 100_000, 30)];
        assert_eq!(choose(&absurd, &Wish::default()), None);
    }
}
