//! A picture in a rectangle that may have another shape, and the shade that captions stand on.

use eframe::egui::{
    Color32, ColorImage, Context, CornerRadius, Painter, Rect, TextureHandle, TextureOptions, pos2,
    vec2,
};
use eframe::epaint::RectShape;

use crate::grid;
use crate::video::{Cut, Image};

/// What a camera shows, in one pass.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    pub(crate) image: Image,
    /// Width over height.
    pub(crate) aspect: f32,
}

/// Shapes that differ by less than this are made equal by cutting the edges.
const ASPECT_TOLERANCE: f32 = 0.02;
/// What the zoomed copy behind a picture of another shape is multiplied with.
const BACKDROP: u8 = 46;

const WHOLE: Rect = Rect { min: pos2(0.0, 0.0), max: pos2(1.0, 1.0) };

/// Paints a picture so that all of it is seen in its own shape. What it leaves free shows the same
/// picture, zoomed and dim. `light` dims the whole, 255 not at all.
pub(crate) fn paint(painter: &Painter, rect: Rect, picture: &Picture, radius: u8, light: u8) {
    let shape = rect.aspect_ratio();
    if (picture.aspect / shape - 1.0).abs() <= ASPECT_TOLERANCE {
        cut(painter, rect, picture, covering(picture.aspect, shape), radius, light);
        return;
    }
    let dim = (u16::from(BACKDROP) * u16::from(light) / 255) as u8;
    cut(painter, rect, picture, covering(picture.aspect, shape), radius, dim);
    let inner = Rect::from_center_size(rect.center(), grid::contained(rect.size(), picture.aspect));
    // Where the bars are narrower than the corner, the picture's own corner must be cut too.
    let bar = (rect.width() - inner.width()).max(rect.height() - inner.height()) / 2.0;
    let left = (f32::from(radius) - bar).max(0.0) as u8;
    cut(painter, inner, picture, WHOLE, left, light);
}

/// Paints a picture over the whole rectangle and cuts what is too much.
pub(crate) fn paint_covering(
    painter: &Painter,
    rect: Rect,
    picture: &Picture,
    radius: u8,
    light: u8,
) {
    let uv = covering(picture.aspect, rect.aspect_ratio());
    cut(painter, rect, picture, uv, radius, light);
}

/// The middle part of a picture that has the shape `shape`, in texture coordinates.
fn covering(aspect: f32, shape: f32) -> Rect {
    let size = if aspect > shape { vec2(shape / aspect, 1.0) } else { vec2(1.0, aspect / shape) };
    Rect::from_center_size(pos2(0.5, 0.5), size)
}

fn cut(painter: &Painter, rect: Rect, picture: &Picture, uv: Rect, radius: u8, light: u8) {
    picture.image.paint(painter, Cut { rect, uv, radius, light });
}

/// A vertical smoothstep from clear to dark: a texture, so that the rounded corners of a tile cut it.
pub(crate) struct Shade {
    texture: TextureHandle,
}

impl Shade {
    pub(crate) fn new(context: &Context) -> Self {
        const ROWS: usize = 64;
        let pixels = (0..ROWS).map(|row| {
            let t = row as f32 / (ROWS - 1) as f32;
            Color32::from_black_alpha((t * t * (3.0 - 2.0 * t) * 205.0) as u8)
        });
        let image = ColorImage::new([1, ROWS], pixels.collect());
        Self { texture: context.load_texture("caption shade", image, TextureOptions::LINEAR) }
    }

    /// Paints the shade over the lower `height` points of a tile.
    pub(crate) fn paint(&self, painter: &Painter, tile: Rect, height: f32, radius: u8) {
        let rect = tile.with_min_y((tile.bottom() - height).max(tile.top()));
        let corners = CornerRadius { sw: radius, se: radius, ..CornerRadius::ZERO };
        painter.add(
            RectShape::filled(rect, corners, Color32::WHITE).with_texture(self.texture.id(), WHOLE),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_covering_cut_keeps_the_shape_of_what_is_seen() {
        for (aspect, shape) in [(16.0 / 9.0, 1.0), (9.0 / 16.0, 16.0 / 9.0), (1.0, 1.0)] {
            let uv = covering(aspect, shape);
            assert!(WHOLE.expand(1e-6).contains_rect(uv));
            assert!((uv.width() / uv.height() * aspect - shape).abs() < 1e-5);
        }
    }
}
