//! A contact sheet: what several cameras show, side by side.

use std::sync::Arc;

use lanlens_media::VideoFrame;
use lanlens_media::convert::i420_to_rgba;

use crate::RgbaImage;

/// Between the cells and around them.
const BACKGROUND: [u8; 4] = [16, 18, 22, 255];
/// A cell without a picture.
const EMPTY: [u8; 4] = [48, 50, 56, 255];
/// Pixels between the cells and around them.
const GAP: usize = 4;
/// A cell's side is kept within this, in pixels, and the whole sheet within `SHEET_PIXELS_MAX`.
const CELL_SIDE_MAX: u32 = 4096;
/// 256 MiB of RGBA.
const SHEET_PIXELS_MAX: usize = 64 * 1024 * 1024;

/// Composes named pictures into rows of cells of `cell` = (width, height) pixels, as many columns
/// as rows or one more, in the order given. A picture is fitted into its cell in its own shape; a
/// camera without a picture gets a grey cell. The names go into the image's description, row by
/// row. A sheet that would be too large gets smaller cells.
pub fn grid(frames: &[(&str, Option<Arc<VideoFrame>>)], cell: (u32, u32)) -> RgbaImage {
    let sheet = Sheet::of(frames.len(), cell);
    let mut image = sheet.blank();
    for (index, (_, frame)) in frames.iter().enumerate() {
        let place = sheet.cell(index);
        match frame.as_deref().and_then(Rgba::of) {
            Some(picture) => draw(&mut image, place, &picture),
            None => fill(&mut image, place, EMPTY),
        }
    }
    let rows: Vec<String> = frames
        .chunks(sheet.columns)
        .map(|row| row.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" | "))
        .collect();
    image.description = rows.join("\n");
    image
}

/// Where the cells lie.
#[derive(Debug, Clone, Copy)]
struct Sheet {
    columns: usize,
    rows: usize,
    cell_width: usize,
    cell_height: usize,
}

/// A rectangle of the sheet, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

impl Sheet {
    fn of(cells: usize, (width, height): (u32, u32)) -> Self {
        let columns = (1..).find(|columns| columns * columns >= cells).unwrap_or(1);
        let rows = cells.div_ceil(columns).max(1);
        let mut sheet = Self {
            columns,
            rows,
            cell_width: width.clamp(1, CELL_SIDE_MAX) as usize,
            cell_height: height.clamp(1, CELL_SIDE_MAX) as usize,
        };
        while sheet.width().saturating_mul(sheet.height()) > SHEET_PIXELS_MAX
            && sheet.cell_width.max(sheet.cell_height) > 1
        {
            sheet.cell_width = (sheet.cell_width / 2).max(1);
            sheet.cell_height = (sheet.cell_height / 2).max(1);
        }
        sheet
    }

    fn width(&self) -> usize {
        self.columns * (self.cell_width + GAP) + GAP
    }

    fn height(&self) -> usize {
        self.rows * (self.cell_height + GAP) + GAP
    }

    fn blank(&self) -> RgbaImage {
        RgbaImage::filled(self.width() as u32, self.height() as u32, BACKGROUND)
    }

    fn cell(&self, index: usize) -> Place {
        let (row, column) = (index / self.columns, index % self.columns);
        Place {
            x: GAP + column * (self.cell_width + GAP),
            y: GAP + row * (self.cell_height + GAP),
            width: self.cell_width,
            height: self.cell_height,
        }
    }
}

/// A frame's pixels.
struct Rgba {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Rgba {
    /// `None` for a frame without pixels.
    fn of(frame: &VideoFrame) -> Option<Self> {
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        let mut pixels = vec![0; width * height * 4];
        i420_to_rgba(frame, &mut pixels, width * 4).ok()?;
        Some(Self { width, height, pixels })
    }

    /// The mean of a box, at least one pixel of it.
    fn mean(&self, columns: std::ops::Range<usize>, rows: std::ops::Range<usize>) -> [u8; 4] {
        let mut sum = [0u64; 4];
        for y in rows.clone() {
            let row = &self.pixels[y * self.width * 4..][..self.width * 4];
            for pixel in row[columns.start * 4..columns.end * 4].chunks_exact(4) {
                sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u64::from(*value));
            }
        }
        let count = (columns.len() * rows.len()) as u64;
        sum.map(|sum| ((sum + count / 2) / count) as u8)
    }
}

/// The largest place of the picture's shape within a cell, in its middle.
fn fitted(place: Place, width: usize, height: usize) -> Place {
    let (fit_width, fit_height) = if width * place.height > height * place.width {
        (place.width, (place.width * height / width).max(1))
    } else {
        ((place.height * width / height).max(1), place.height)
    };
    Place {
        x: place.x + (place.width - fit_width) / 2,
        y: place.y + (place.height - fit_height) / 2,
        width: fit_width,
        height: fit_height,
    }
}

/// Scales by boxes: small pictures stay free of the shimmer that single pixels would give.
fn draw(image: &mut RgbaImage, place: Place, picture: &Rgba) {
    let place = fitted(place, picture.width, picture.height);
    let span = |at: usize, places: usize, pixels: usize| {
        let from = at * pixels / places;
        from..((at + 1) * pixels / places).max(from + 1)
    };
    let stride = image.width() as usize * 4;
    for y in 0..place.height {
        let row = &mut image.pixels_mut()[(place.y + y) * stride + place.x * 4..];
        for (x, out) in row.chunks_exact_mut(4).take(place.width).enumerate() {
            let columns = span(x, place.width, picture.width);
            out.copy_from_slice(&picture.mean(columns, span(y, place.height, picture.height)));
        }
    }
}

fn fill(image: &mut RgbaImage, place: Place, color: [u8; 4]) {
    let stride = image.width() as usize * 4;
    for row in image.pixels_mut().chunks_exact_mut(stride).skip(place.y).take(place.height) {
        for pixel in row[place.x * 4..(place.x + place.width) * 4].chunks_exact_mut(4) {
            pixel.copy_from_slice(&color);
        }
    }
}

#[cfg(test)]
mod tests {
    use lanlens_media::burned_time::{self, Region};
    use lanlens_media::{CaptureTime, FramePool, pattern};

    use super::*;

    fn painted(width: u32, height: u32, seed: u64) -> Arc<VideoFrame> {
        let mut frame = FramePool::new().frame(width, height, CaptureTime::now());
        pattern::paint(&mut frame, 5, seed);
        let unix_us = frame.captured.unix_us;
        burned_time::write(&mut frame, unix_us);
        Arc::new(frame)
    }

    fn pixel(image: &RgbaImage, x: usize, y: usize) -> [u8; 4] {
        let at = (y * image.width() as usize + x) * 4;
        image.pixels()[at..at + 4].try_into().unwrap()
    }

    fn columns_and_rows(cells: usize) -> (usize, usize) {
        let sheet = Sheet::of(cells, (160, 90));
        (sheet.columns, sheet.rows)
    }

    #[test]
    fn cells_stand_in_as_many_columns_as_rows_or_one_more() {
        let wanted = [(0, (1, 1)), (1, (1, 1)), (2, (2, 1)), (3, (2, 2)), (4, (2, 2)), (5, (3, 2))];
        for (cells, shape) in wanted {
            assert_eq!(columns_and_rows(cells), shape, "{cells} cells");
        }
        assert_eq!(columns_and_rows(200), (15, 14));
    }

    #[test]
    fn each_camera_shows_in_its_own_cell_and_a_missing_one_is_grey() {
        let frames: Vec<(&str, _)> = vec![
            ("Kitchen", Some(painted(640, 360, 0))),
            ("Door", Some(painted(640, 360, 1))),
            ("Garden", None),
        ];
        let image = grid(&frames, (320, 180));
        assert_eq!((image.width(), image.height()), (2 * 324 + 4, 2 * 184 + 4));
        for (cell, seed) in [((4, 4), 0), ((328, 4), 1)] {
            let corner = pixel(&image, cell.0 + 10, cell.1 + 170);
            for (got, wanted) in corner.into_iter().zip(pattern::base_color(seed)) {
                assert!(got.abs_diff(wanted) <= 4, "seed {seed}: {corner:?}");
            }
        }
        assert_eq!(pixel(&image, 4 + 160, 188 + 90), EMPTY);
        assert_eq!(pixel(&image, 328 + 160, 188 + 90), BACKGROUND);
        assert_eq!(image.description, "Kitchen | Door\nGarden");
    }

    #[test]
    fn the_burned_in_time_is_readable_on_the_sheet() {
        let frame = painted(640, 360, 3);
        let image = grid(&[("Camera", Some(Arc::clone(&frame)))], (320, 180));
        let place = Region { x: GAP, y: GAP, width: 320, height: 180 };
        let unix_us = frame.captured.unix_us;
        let stride = image.width() as usize * 4;
        assert_eq!(burned_time::read_rgba(image.pixels(), stride, place, unix_us), Some(unix_us));
    }

    #[test]
    fn a_portrait_picture_keeps_its_shape() {
        let image = grid(&[("Phone", Some(painted(360, 640, 0)))], (320, 180));
        let background = |x| pixel(&image, x, GAP + 90) == BACKGROUND;
        assert!(background(GAP + 50) && background(GAP + 270));
        let place = Place { x: GAP, y: GAP, width: 320, height: 180 };
        assert_eq!(fitted(place, 360, 640).width, 101);
        assert!(!background(GAP + 160));
    }

    #[test]
    fn absurd_sizes_give_a_sheet_that_fits_into_memory() {
        let picture = Some(painted(64, 48, 0));
        for cell in [(0, 0), (1, u32::MAX), (u32::MAX, u32::MAX)] {
            let frames: Vec<_> = (0..40).map(|_| ("Camera", picture.clone())).collect();
            let image = grid(&frames, cell);
            assert!(image.pixels().len() <= SHEET_PIXELS_MAX * 4);
        }
        assert!(grid(&[], (320, 180)).description.is_empty());
        grid(&[("Empty", Some(painted(0, 0, 0)))], (320, 180));
    }
}
