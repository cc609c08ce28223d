//! What a shader must know to paint one copy of a picture: seven vectors, the same for every dialect.
//!
//! Owns the arithmetic of colours and corners. Knows no graphics interface.

use eframe::egui::Rect;
use lanlens_media::{ColorMatrix, ColorRange, VideoFrame};

/// One painted copy of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cut {
    /// Where, points. It is moved to whole pixels.
    pub(crate) rect: Rect,
    /// Which part of the picture, 0 to 1.
    pub(crate) uv: Rect,
    /// Of the corners, points.
    pub(crate) radius: u8,
    /// What the colours are multiplied with, 255 for 1.
    pub(crate) light: u8,
}

/// What stays the same from frame to frame of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    /// Pixels.
    pub(super) width: u32,
    /// Pixels.
    pub(super) height: u32,
    range: ColorRange,
    matrix: ColorMatrix,
}

impl Format {
    pub(super) fn of(frame: &VideoFrame) -> Self {
        let (width, height) = (frame.width(), frame.height());
        Self { width, height, range: frame.range, matrix: frame.matrix }
    }

    /// Width and height of the planes Y, U, V in pixels.
    pub(super) fn planes(&self) -> [[u32; 2]; 3] {
        let chroma = [self.width.div_ceil(2), self.height.div_ceil(2)];
        [[self.width, self.height], chroma, chroma]
    }
}

/// The vectors:
///
/// 0. left, top, width, height on the screen, pixels
/// 1. left, top, width, height in the picture, 0 to 1
/// 2. width and height of the screen, radius of the corners (pixels); light, 0 to 1
/// 3. from a place in the luma plane to the same place in the chroma planes (x, y); two spare
/// 4. to 6.: red, green, blue from Y, U, V, 1
pub(super) type Values = [[f32; 4]; 7];

/// The values for a cut of a picture on a screen of `screen` pixels.
pub(super) fn values(
    cut: &Cut,
    format: &Format,
    screen: [u32; 2],
    pixels_per_point: f32,
) -> Values {
    let pixel = |point: f32| (point * pixels_per_point).round();
    let (left, top) = (pixel(cut.rect.left()), pixel(cut.rect.top()));
    let (right, bottom) = (pixel(cut.rect.right()), pixel(cut.rect.bottom()));
    // Two pixels of luma share one of chroma; an odd side's last shares with nobody.
    let share = |side: u32| side as f32 / (2 * side.div_ceil(2)).max(1) as f32;
    let [red, green, blue] = rgb_of_yuv(format.range, format.matrix);
    [
        [left, top, right - left, bottom - top],
        [cut.uv.left(), cut.uv.top(), cut.uv.width(), cut.uv.height()],
        [
            screen[0] as f32,
            screen[1] as f32,
            f32::from(cut.radius) * pixels_per_point,
            f32::from(cut.light) / 255.0,
        ],
        [share(format.width), share(format.height), 0.0, 0.0],
        red,
        green,
        blue,
    ]
}

/// Red, green and blue as sums over Y, U, V (each 0 to 1) and 1 (ITU-R BT.601-7 section 2.5,
/// BT.709-6 section 3).
fn rgb_of_yuv(range: ColorRange, matrix: ColorMatrix) -> [[f32; 4]; 3] {
    let (red, blue) = match matrix {
        ColorMatrix::Bt601 => (0.299, 0.114),
        ColorMatrix::Bt709 => (0.2126, 0.0722),
    };
    let green = 1.0 - red - blue;
    let (black, luma, chroma) = match range {
        ColorRange::Limited => (16.0 / 255.0, 255.0 / 219.0, 255.0 / 224.0),
        ColorRange::Full => (0.0, 1.0, 1.0),
    };
    let row = |u: f32, v: f32| {
        let (u, v) = (u * chroma, v * chroma);
        [luma, u, v, -black * luma - (u + v) * 128.0 / 255.0]
    };
    [
        row(0.0, 2.0 * (1.0 - red)),
        row(-2.0 * blue * (1.0 - blue) / green, -2.0 * red * (1.0 - red) / green),
        row(2.0 * (1.0 - blue), 0.0),
    ]
}

#[cfg(test)]
mod tests {
    use eframe::egui::{pos2, vec2};

    use super::*;

    fn rgb(yuv: [u8; 3], range: ColorRange, matrix: ColorMatrix) -> [i32; 3] {
        let [y, u, v] = yuv.map(|value| f32::from(value) / 255.0);
        rgb_of_yuv(range, matrix)
            .map(|row| ((row[0] * y + row[1] * u + row[2] * v + row[3]) * 255.0).round() as i32)
    }

    #[test]
    fn black_and_white_are_where_the_range_says() {
        for matrix in [ColorMatrix::Bt601, ColorMatrix::Bt709] {
            assert_eq!(rgb([16, 128, 128], ColorRange::Limited, matrix), [0; 3]);
            assert_eq!(rgb([235, 128, 128], ColorRange::Limited, matrix), [255; 3]);
            assert_eq!(rgb([0, 128, 128], ColorRange::Full, matrix), [0; 3]);
            assert_eq!(rgb([255, 128, 128], ColorRange::Full, matrix), [255; 3]);
        }
    }

    #[test]
    fn the_known_values_of_red_become_red() {
        // BT.601: 81, 90, 240. BT.709: 63, 102, 240.
        let near =
            |rgb: [i32; 3]| rgb.into_iter().zip([255, 0, 0]).all(|(a, b)| (a - b).abs() <= 2);
        assert!(near(rgb([81, 90, 240], ColorRange::Limited, ColorMatrix::Bt601)));
        assert!(near(rgb([63, 102, 240], ColorRange::Limited, ColorMatrix::Bt709)));
        assert!(!near(rgb([81, 90, 240], ColorRange::Limited, ColorMatrix::Bt709)));
    }

    #[test]
    fn a_cut_lies_on_whole_pixels() {
        let rect = Rect::from_min_size(pos2(1.2, 3.4), vec2(10.0, 20.1));
        let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        let cut = Cut { rect, uv, radius: 8, light: 255 };
        let frame = lanlens_media::FramePool::new().frame(5, 4, lanlens_media::CaptureTime::now());
        let values = values(&cut, &Format::of(&frame), [100, 50], 1.5);
        assert_eq!(values[0], [2.0, 5.0, 15.0, 30.0]);
        assert_eq!(values[2], [100.0, 50.0, 12.0, 1.0]);
        assert_eq!(values[3][..2], [5.0 / 6.0, 1.0]);
    }
}
