//! Frames into textures of egui's, converted by the processor: where there is no shader.

use std::sync::Arc;

use eframe::egui::{Color32, ColorImage, Context, TextureHandle, TextureId, TextureOptions};
use lanlens_media::{VideoFrame, convert};

/// The picture of one stream; it lives as long as its size stays.
pub(super) struct Texture {
    handle: TextureHandle,
    /// Reused from frame to frame: the renderer lets go of its reference once it has uploaded.
    image: Arc<ColorImage>,
    uploads: u64,
}

/// Shows a frame. Only a change of size makes a new texture.
pub(super) fn show(texture: &mut Option<Texture>, context: &Context, frame: &VideoFrame) {
    let size = [frame.width() as usize, frame.height() as usize];
    match texture {
        Some(texture) if texture.image.size == size => texture.overwrite(frame),
        other => {
            let uploads = other.as_ref().map_or(0, Texture::uploads);
            *other = Some(Texture::new(context, frame, uploads + 1));
        }
    }
}

impl Texture {
    fn new(context: &Context, frame: &VideoFrame, uploads: u64) -> Self {
        let image = Arc::new(converted(frame));
        let handle = context.load_texture("video", Arc::clone(&image), TextureOptions::LINEAR);
        Self { handle, image, uploads }
    }

    fn overwrite(&mut self, frame: &VideoFrame) {
        match Arc::get_mut(&mut self.image) {
            Some(image) => convert_into(image, frame),
            None => self.image = Arc::new(converted(frame)),
        }
        // Over the whole image, yet partial: `set` would make the renderer create a new texture.
        self.handle.set_partial([0, 0], Arc::clone(&self.image), TextureOptions::LINEAR);
        self.uploads += 1;
    }

    pub(super) fn id(&self) -> TextureId {
        self.handle.id()
    }

    pub(super) fn uploads(&self) -> u64 {
        self.uploads
    }
}

fn converted(frame: &VideoFrame) -> ColorImage {
    let size = [frame.width() as usize, frame.height() as usize];
    let mut image = ColorImage::filled(size, Color32::BLACK);
    convert_into(&mut image, frame);
    image
}

fn convert_into(image: &mut ColorImage, frame: &VideoFrame) {
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
        let (context, mut shown) = (Context::default(), None);
        show(&mut shown, &context, &frame(64, 36, 16));
        let id = shown.as_ref().map(Texture::id);
        show(&mut shown, &context, &frame(64, 36, 235));
        assert_eq!(shown.as_ref().map(Texture::id), id);
        assert_eq!(shown.as_ref().map(|texture| texture.image.pixels[0]), Some(Color32::WHITE));
        show(&mut shown, &context, &frame(32, 18, 235));
        assert_ne!(shown.as_ref().map(Texture::id), id);
        assert_eq!(shown.map(|texture| (texture.image.size, texture.uploads)), Some(([32, 18], 3)));
    }
}
