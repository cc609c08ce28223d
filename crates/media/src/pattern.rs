//! The moving test picture: a landscape under a wandering sun, with a clock hand that sweeps.
//!
//! Each seed has its own colour, so that cameras are told apart at a glance, and so that a test can
//! tell from a screenshot whose picture it sees: the lower-left corner is a flat block of
//! [`base_color`]. The content is smooth, with some texture that moves slowly and a few things that
//! move fast, so it encodes much like a camera's picture. Knows nothing of time: see
//! [`burned_time`](crate::burned_time).

use std::f32::consts::TAU;

use crate::burned_time::Region;
use crate::convert::yuv_of;
use crate::{Plane, VideoFrame};

/// Well apart from each other, also after encoding.
const COLORS: [[u8; 3]; 8] = [
    [52, 120, 210],  // blue
    [214, 110, 40],  // orange
    [62, 158, 70],   // green
    [170, 70, 180],  // purple
    [205, 56, 72],   // red
    [40, 168, 170],  // teal
    [200, 170, 50],  // yellow
    [120, 120, 128], // grey
];

/// The hand turns once in this many frames: two seconds at 30 frames a second.
const HAND_FRAMES: u64 = 60;
/// The sun's path closes after this many frames.
const SUN_FRAMES: u64 = 420;
/// Period of the hills' texture, in pixels.
const GRASS: usize = 128;
/// The hills have passed by once after this many frames.
const HILLS_FRAMES: u64 = 1280;

/// The RGB colour of the reference block and the hue of the whole picture. Seeds 0 to 7 differ
/// from each other; others share those colours.
pub fn base_color(seed: u64) -> [u8; 3] {
    COLORS[(seed % COLORS.len() as u64) as usize]
}

/// Where the flat block of [`base_color`] lies: the lower-left corner, a quarter of each side.
pub fn reference_block(width: usize, height: usize) -> Region {
    let y = (height - height / 4) & !1;
    Region { x: 0, y, width: (width / 4) & !1, height: height - y }
}

/// Paints frame `number` of the endless film of `seed`, in the frame's own range and matrix.
pub fn paint(frame: &mut VideoFrame, number: u64, seed: u64) {
    if frame.width() == 0 || frame.height() == 0 {
        return;
    }
    let base = yuv_of(base_color(seed), frame.range, frame.matrix);
    let white = yuv_of([255; 3], frame.range, frame.matrix);
    let mut canvas = Canvas::of(frame);
    paint_landscape(&mut canvas, number, base);
    paint_sun(&mut canvas, number, white);
    paint_clock(&mut canvas, number, white);
    paint_reference(&mut canvas, base);
}

/// The three planes and their size.
struct Canvas<'a> {
    width: usize,
    height: usize,
    chroma_width: usize,
    planes: [&'a mut [u8]; 3],
}

impl<'a> Canvas<'a> {
    fn of(frame: &'a mut VideoFrame) -> Self {
        Self {
            width: frame.width() as usize,
            height: frame.height() as usize,
            chroma_width: frame.stride(Plane::U),
            planes: frame.planes_mut(),
        }
    }

    /// A row of luma and the columns `from..to` of it, cut to the picture.
    fn luma(&mut self, y: usize, from: f32, to: f32) -> (usize, &mut [u8]) {
        let [from, to] = [from, to].map(|x| (x.max(0.0) as usize).min(self.width));
        (from, &mut self.planes[0][y * self.width + from..y * self.width + to.max(from)])
    }

    /// Rows that a span touches, cut to the picture.
    fn rows(&self, from: f32, to: f32) -> std::ops::Range<usize> {
        from.max(0.0) as usize..(to.max(0.0) as usize).min(self.height)
    }
}

/// Where in a cycle of `frames` the film is, 0..1. Taken modulo first: `f32` can't tell the frames
/// of a day apart.
fn phase(number: u64, frames: u64) -> f32 {
    (number % frames) as f32 / frames as f32
}

/// A sky that brightens downwards with slow drifting light, and two ranges of hills that pass by.
fn paint_landscape(canvas: &mut Canvas<'_>, number: u64, base: [u8; 3]) {
    let (width, height) = (canvas.width, canvas.height);
    let drift = phase(number, HILLS_FRAMES);
    let light: Vec<i16> = (0..width)
        .map(|x| (9.0 * (TAU * (x as f32 / width as f32 * 1.5 + drift)).sin()) as i16)
        .collect();
    let hills = |level: f32, size: f32, waves: f32| -> Vec<i16> {
        let outline = |x: usize| {
            let at = TAU * (x as f32 / width as f32 * 0.5 + drift) * waves;
            level + size * (at.sin() + 0.5 * (3.0 * at + 1.0).sin() + 0.2 * (11.0 * at).sin())
        };
        (0..width).map(|x| (height as f32 * outline(x)) as i16).collect()
    };
    let (far, near) = (hills(0.62, 0.05, 1.0), hills(0.80, 0.07, 2.0));
    let grass = grass(width);
    // The near hills pass by at one pixel a frame where the picture is 640 pixels wide.
    let passed = (number % HILLS_FRAMES) as usize * width / 640;

    for (y, row) in canvas.planes[0].chunks_exact_mut(width).enumerate() {
        let down = y as f32 / height as f32;
        let sky = i16::from(base[0]) - 20 + (down * 55.0) as i16;
        let grass = &grass[(y * 29 + y / 7 * 13 + passed) % GRASS..];
        let y = y as i16;
        let columns = light.iter().zip(&far).zip(near.iter().zip(grass));
        for (out, ((light, far), (near, grass))) in row.iter_mut().zip(columns) {
            // All ones where the hill is, so that the compiler finds vector instructions.
            let (far, near) = (-i16::from(y >= *far), -i16::from(y >= *near));
            let shade = (far & 38) + (near & (34 + grass));
            *out = (sky + light - shade).clamp(24, 225) as u8;
        }
    }
    let chroma_rows = height.div_ceil(2) as f32;
    for (plane, base) in canvas.planes[1..].iter_mut().zip(&base[1..]) {
        for (y, row) in plane.chunks_exact_mut(canvas.chroma_width).enumerate() {
            // Colours deepen from 70 % at the top.
            let depth = 0.7 + 0.3 * y as f32 / chroma_rows;
            row.fill((128.0 + (f32::from(*base) - 128.0) * depth) as u8);
        }
    }
}

/// A row of texture with period [`GRASS`], a period longer than the picture. Each row of the
/// picture begins elsewhere in it, so no stripes are seen.
fn grass(width: usize) -> Vec<i16> {
    let blade = |x: usize| {
        let hash = ((x % GRASS) as u32).wrapping_mul(0x9E37_79B9);
        ((hash ^ hash >> 15).wrapping_mul(0x85EB_CA6B) >> 28) as i16 - 8
    };
    // Two neighbours together: a lens does not resolve single pixels.
    (0..width + GRASS).map(|x| (blade(x) + blade(x + 1)) / 2).collect()
}

/// A bright disc on a closed path, shaded so that it looks round, warm white.
fn paint_sun(canvas: &mut Canvas<'_>, number: u64, white: [u8; 3]) {
    let (width, height) = (canvas.width as f32, canvas.height as f32);
    let turn = TAU * phase(number, SUN_FRAMES);
    let radius = height.min(width) * 0.09;
    let (x, y) = (width * (0.5 + 0.4 * turn.sin()), height * (0.34 + 0.14 * (2.0 * turn).sin()));
    for row in canvas.rows(y - radius, y + radius + 1.0) {
        let dy = row as f32 - y;
        let reach = (radius * radius - dy * dy).max(0.0).sqrt();
        let (from, out) = canvas.luma(row, x - reach, x + reach + 1.0);
        for (column, out) in out.iter_mut().enumerate() {
            let dx = (from + column) as f32 - x;
            let rim = (dx * dx + dy * dy) / (radius * radius);
            let bright = f32::from(white[0]) - 30.0 * rim;
            // The outermost tenth blends into what is behind.
            let cover = ((1.0 - rim) * 5.0).clamp(0.0, 1.0);
            *out = (f32::from(*out) + (bright - f32::from(*out)) * cover) as u8;
        }
    }
}

/// A dial with a sweeping hand, so that a still picture is told from a moving one.
fn paint_clock(canvas: &mut Canvas<'_>, number: u64, white: [u8; 3]) {
    let (width, height) = (canvas.width as f32, canvas.height as f32);
    let radius = height.min(width) * 0.15;
    let (x, y) = (width - radius * 1.4, height - radius * 1.4);
    let (sin, cos) = (TAU * phase(number, HAND_FRAMES)).sin_cos();
    let thick = (radius * 0.07).max(1.0);
    for row in canvas.rows(y - radius, y + radius + 1.0) {
        let dy = row as f32 - y;
        let reach = (radius * radius - dy * dy).max(0.0).sqrt();
        let (from, out) = canvas.luma(row, x - reach, x + reach + 1.0);
        for (column, out) in out.iter_mut().enumerate() {
            let dx = (from + column) as f32 - x;
            // Along the hand and across it; twelve o'clock is up.
            let (along, across) = (dx * sin - dy * cos, (dx * cos + dy * sin).abs());
            let hand = (0.0..radius * 0.85).contains(&along) && across < thick;
            *out = if hand { white[0] } else { (u16::from(*out) * 5 / 8) as u8 + 10 };
        }
    }
}

fn paint_reference(canvas: &mut Canvas<'_>, base: [u8; 3]) {
    let block = reference_block(canvas.width, canvas.height);
    for row in canvas.planes[0].chunks_exact_mut(canvas.width).skip(block.y) {
        row[..block.width].fill(base[0]);
    }
    for (plane, base) in canvas.planes[1..].iter_mut().zip(&base[1..]) {
        for row in plane.chunks_exact_mut(canvas.chroma_width).skip(block.y / 2) {
            row[..block.width / 2].fill(*base);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CaptureTime, ColorMatrix, ColorRange, FramePool, convert};

    fn painted(width: u32, height: u32, number: u64, seed: u64) -> VideoFrame {
        let mut frame = FramePool::new().frame(width, height, CaptureTime::now());
        paint(&mut frame, number, seed);
        frame
    }

    fn difference(one: &VideoFrame, other: &VideoFrame) -> usize {
        let pairs = one.plane(Plane::Y).iter().zip(other.plane(Plane::Y));
        pairs.filter(|(one, other)| one.abs_diff(**other) > 8).count()
    }

    #[test]
    fn the_colours_of_eight_seeds_are_far_from_each_other() {
        for one in 0..8 {
            for other in 0..one {
                let pairs = base_color(one).into_iter().zip(base_color(other));
                let distance: u32 =
                    pairs.map(|(one, other)| u32::from(one.abs_diff(other)).pow(2)).sum();
                assert!(distance > 60 * 60, "{one} and {other}");
            }
        }
    }

    #[test]
    fn the_reference_block_shows_the_base_colour_in_every_range_and_matrix() {
        for seed in [0, 3, 6, u64::MAX] {
            for range in [ColorRange::Limited, ColorRange::Full] {
                for matrix in [ColorMatrix::Bt601, ColorMatrix::Bt709] {
                    let mut frame = FramePool::new().frame(321, 181, CaptureTime::now());
                    (frame.range, frame.matrix) = (range, matrix);
                    paint(&mut frame, 12, seed);
                    let mut rgba = vec![0; 321 * 181 * 4];
                    convert::i420_to_rgba(&frame, &mut rgba, 321 * 4).unwrap();
                    let block = reference_block(321, 181);
                    for (x, y) in [(0, block.y), (block.width - 1, 180), (40, 160)] {
                        let pixel = &rgba[(y * 321 + x) * 4..][..3];
                        for (got, wanted) in pixel.iter().zip(base_color(seed)) {
                            assert!(got.abs_diff(wanted) <= 4, "{pixel:?} {range:?} {matrix:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn each_frame_differs_from_the_one_before_also_after_days() {
        for number in [0, 1, 59, 60, 1_000, 30 * 86_400 * 3, u64::MAX - 1] {
            let (one, next) = (painted(640, 360, number, 1), painted(640, 360, number + 1, 1));
            let moved = difference(&one, &next);
            assert!(moved > 100, "frame {number}: {moved}");
            assert!(moved < 640 * 360 / 10, "frame {number}: {moved}");
        }
    }

    #[test]
    fn the_same_number_and_seed_give_the_same_picture() {
        let (one, other) = (painted(320, 180, 77, 2), painted(320, 180, 77, 2));
        for plane in [Plane::Y, Plane::U, Plane::V] {
            assert_eq!(one.plane(plane), other.plane(plane));
        }
    }

    #[test]
    fn every_size_is_painted_whole() {
        for (width, height) in [(0, 0), (1, 1), (2, 5), (66, 12), (37, 641), (1920, 1080)] {
            let frame = painted(width, height, 5, 0);
            assert_eq!(frame.plane(Plane::Y).len(), (width * height) as usize);
        }
    }
}
