//! Frames into textures.
//!
//! Each camera has one texture that lives as long as its size stays: a new frame overwrites it in
//! place. Converts on the processor; a shader that takes the three planes would replace this file
//! and nothing else.

use std::sync::Arc;

use eframe::egui::{Color32, ColorImage, Context, TextureHandle, TextureOptions};
use lanlens_media::{VideoFrame, convert};

use crate::picture::Picture;

/// The picture of one camera, on the graphics side.
pub(crate) struct VideoTexture {
    handle: TextureHandle,
    /// Reused from frame to frame: the renderer lets go of its reference once it has uploaded.
    image: Arc<ColorImage>,
    /// Of the frame, pixels; the texture is smaller where the hardware can't hold it.
    size: [u32; 2],
}

impl VideoTexture {
    /// A texture that shows this frame.
    pub(crate) fn new(context: &Context, name: &str, frame: &VideoFrame) -> Self {
        let step = step(context, frame);
        let mut image = blank(frame, step);
        fill(frame, &mut image, step);
        let image = Arc::new(image);
        let handle = context.load_texture(name, Arc::clone(&image), TextureOptions::LINEAR);
        Self { handle, image, size: [frame.width(), frame.height()] }
    }

    /// Shows another frame. Only a change of size makes a new texture.
    pub(crate) fn update(&mut self, context: &Context, frame: &VideoFrame) {
        if self.size != [frame.width(), frame.height()] {
            let name = self.handle.name();
            *self = Self::new(context, &name, frame);
            return;
        }
        let step = step(context, frame);
        if Arc::get_mut(&mut self.image).is_none() {
            self.image = Arc::new(blank(frame, step));
        }
        let Some(image) = Arc::get_mut(&mut self.image) else { return };
        fill(frame, image, step);
        // Over the whole image, yet partial: `set` would make the renderer create a new texture.
        self.handle.set_partial([0, 0], Arc::clone(&self.image), TextureOptions::LINEAR);
    }

    /// For painting, in this pass.
    pub(crate) fn picture(&self) -> Picture {
        let aspect = self.size[0] as f32 / self.size[1].max(1) as f32;
        Picture { texture: self.handle.id(), aspect }
    }
}

/// Every how many pixels are shown: 1, unless the hardware's textures are smaller than the frame.
fn step(context: &Context, frame: &VideoFrame) -> usize {
    let side = context.input(|input| input.max_texture_side).max(1);
    (frame.width().max(frame.height()) as usize).div_ceil(side).max(1)
}

fn blank(frame: &VideoFrame, step: usize) -> ColorImage {
    let size =
        [frame.width() as usize, frame.height() as usize].map(|side| side.div_ceil(step).max(1));
    ColorImage::filled(size, Color32::BLACK)
}

fn fill(frame: &VideoFrame, image: &mut ColorImage, step: usize) {
    if step == 1 {
        rgba(frame, image);
        return;
    }
    let mut whole = blank(frame, 1);
    rgba(frame, &mut whole);
    let [width, _] = image.size;
    for (y, row) in image.pixels.chunks_exact_mut(width).enumerate() {
        let source = &whole.pixels[y * step * whole.size[0]..];
        for (x, pixel) in row.iter_mut().enumerate() {
            *pixel = source[x * step];
        }
    }
}

/// A frame that can't be converted (it has no pixels) leaves the image as it is.
fn rgba(frame: &VideoFrame, image: &mut ColorImage) {
    let stride = 4 * image.size[0];
    if let Err(error) = convert::i420_to_rgba(frame, image.as_raw_mut(), stride) {
        tracing::debug!("a frame was not shown: {error}");
    }
}

#[cfg(test)]
mod tests {
    use lanlens_media::{CaptureTime, FramePool};

    use super::*;

    fn frame(width: u32, height: u32, luma: u8) -> VideoFrame {
        let mut frame = FramePool::new().frame(width, height, CaptureTime::now());
        let [y, u, v] = frame.planes_mut();
        y.fill(luma);
        u.fill(128);
        v.fill(128);
        frame
    }

    #[test]
    fn a_frame_of_the_same_size_keeps_the_texture() {
        let context = Context::default();
        let mut texture = VideoTexture::new(&context, "camera", &frame(64, 36, 16));
        let id = texture.picture().texture;
        texture.update(&context, &frame(64, 36, 235));
        assert_eq!(texture.picture().texture, id);
        assert_eq!(texture.image.pixels[0], Color32::WHITE);
        texture.update(&context, &frame(32, 18, 235));
        assert_ne!(texture.picture().texture, id);
        assert_eq!(texture.size, [32, 18]);
    }

    #[test]
    fn a_picture_larger_than_the_hardware_takes_is_thinned_out() {
        let context = Context::default();
        let side = context.input(|input| input.max_texture_side) as u32;
        let texture = VideoTexture::new(&context, "camera", &frame(side + 2, 3, 235));
        assert_eq!(texture.image.size, [(side as usize + 2).div_ceil(2), 2]);
        assert_eq!(texture.image.pixels[0], Color32::WHITE);
    }
}
