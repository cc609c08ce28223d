//! Moving pictures in a window.
//!
//! A frame's three planes go to the graphics side as they are, into textures that are used again,
//! once for each frame however often it is painted; a shader converts them where they are seen.
//! Where there is no shader (a driver refuses it), or the processor would have to run it, the
//! processor converts into a texture of egui's. Which of the two, is decided once, when the window
//! opens.
//!
//! Owns textures and shaders. Knows nothing of cameras or tiles.
//!
//! ```text
//! Arc<VideoFrame> ─▶ Video::show ─▶ (pass) Video::paint ─▶ callback ─▶ upload, once ─▶ shader ─▶ clip
//! ```

mod opengl;
mod rgba;
mod values;
mod webgpu;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use eframe::egui::{Context, CornerRadius, Painter, Rect, TextureId};
use eframe::egui_glow::ShaderVersion;
use eframe::egui_wgpu::RenderState;
use eframe::epaint::RectShape;
use eframe::{CreationContext, egui, glow};
use lanlens_media::{FramePool, VideoFrame, layers};
use thiserror::Error;

use crate::picture::{self, Picture};
pub(crate) use values::Cut;

/// Why pictures can't be converted by the graphics side.
#[derive(Debug, Error)]
#[error("the shader was refused: {0}")]
pub struct ShaderError(String);

/// How a window paints its pictures. Clones share one shader; without one, by default, the processor
/// converts.
#[derive(Debug, Clone, Default)]
pub struct VideoPainter {
    way: Way,
    /// For frames that are larger than the hardware's textures.
    pool: FramePool,
}

#[derive(Debug, Clone, Default)]
enum Way {
    #[default]
    Rgba,
    OpenGl(Arc<opengl::Program>),
    WebGpu(Arc<webgpu::Program>),
}

impl VideoPainter {
    /// For a window that eframe opens. `software`: its adapter is the processor. Then OpenGL's
    /// shader would run on the processor too, for every pixel of the window at every paint, which
    /// costs more than to convert each frame once.
    ///
    /// `LANLENS_PICTURES` (`planes` or `rgba`) overrides.
    pub fn new(creation: &CreationContext<'_>, software: bool) -> Self {
        let wish = std::env::var("LANLENS_PICTURES").unwrap_or_default();
        let made = match (&creation.gl, &creation.wgpu_render_state) {
            _ if wish == "rgba" => Ok(Self::rgba()),
            (Some(_), _) if software && wish != "planes" => Ok(Self::rgba()),
            (Some(gl), _) => Self::opengl(gl, None),
            (None, Some(state)) => Self::webgpu(state),
            (None, None) => Ok(Self::rgba()),
        };
        let painter = made.unwrap_or_else(|error| {
            tracing::warn!("the processor converts pictures: {error}");
            Self::rgba()
        });
        tracing::debug!("pictures are uploaded as {}", painter.path());
        painter
    }

    /// For egui on OpenGL (`egui_glow`), in the dialect that egui's painter was given, `None` for
    /// the context's own. The context must be current.
    ///
    /// # Errors
    /// When the driver refuses the shader.
    pub fn opengl(gl: &glow::Context, dialect: Option<ShaderVersion>) -> Result<Self, ShaderError> {
        Ok(Self::from(Way::OpenGl(Arc::new(opengl::Program::new(gl, dialect)?))))
    }

    /// For egui on wgpu, without multisampling and depth buffer.
    ///
    /// # Errors
    /// When the device refuses the shader.
    pub fn webgpu(state: &RenderState) -> Result<Self, ShaderError> {
        Ok(Self::from(Way::WebGpu(Arc::new(webgpu::Program::new(state)?))))
    }

    /// For any egui: the processor converts.
    pub fn rgba() -> Self {
        Self::from(Way::Rgba)
    }

    fn from(way: Way) -> Self {
        Self { way, pool: FramePool::new() }
    }

    /// What is uploaded: `planes`, or `rgba` without a shader.
    pub fn path(&self) -> &'static str {
        match self.way {
            Way::Rgba => "rgba",
            Way::OpenGl(_) | Way::WebGpu(_) => "planes",
        }
    }

    /// A stream of pictures to be shown, none so far.
    pub fn video(&self) -> Video {
        let screen = match &self.way {
            Way::Rgba => Screen::Rgba(None),
            Way::OpenGl(program) => Screen::OpenGl(Arc::new(opengl::Planes::new(program))),
            Way::WebGpu(program) => Screen::WebGpu(Arc::new(webgpu::Planes::new(program))),
        };
        Video { screen, pool: self.pool.clone(), size: None }
    }

    /// Frees what streams left behind that are gone; to be called in each pass. OpenGL's context
    /// must be current, as it is in [`eframe::App::ui`].
    pub fn free(&self, gl: Option<&glow::Context>) {
        if let (Way::OpenGl(program), Some(gl)) = (&self.way, gl) {
            program.free(gl);
        }
    }

    /// Frees everything; nothing is painted afterwards. Called with what [`eframe::App::on_exit`]
    /// is given.
    pub fn destroy(&self, gl: Option<&glow::Context>) {
        if let (Way::OpenGl(program), Some(gl)) = (&self.way, gl) {
            program.destroy(gl);
        }
    }
}

/// One stream on a screen.
pub struct Video {
    screen: Screen,
    pool: FramePool,
    /// Of the newest frame, pixels.
    size: Option<[u32; 2]>,
}

enum Screen {
    Rgba(Option<rgba::Texture>),
    OpenGl(Arc<opengl::Planes>),
    WebGpu(Arc<webgpu::Planes>),
}

impl Video {
    /// Shows this frame from the next paint on. One without pixels is ignored.
    pub fn show(&mut self, context: &Context, frame: Arc<VideoFrame>) {
        let size = [frame.width(), frame.height()];
        if size.contains(&0) {
            return;
        }
        self.size = Some(size);
        let frame = self.fitted(context, frame);
        match &mut self.screen {
            Screen::Rgba(texture) => rgba::show(texture, context, &frame),
            Screen::OpenGl(planes) => planes.show(frame),
            Screen::WebGpu(planes) => planes.show(frame),
        }
    }

    /// Halved until the hardware's textures can hold it.
    fn fitted(&self, context: &Context, mut frame: Arc<VideoFrame>) -> Arc<VideoFrame> {
        let side = context.input(|input| input.max_texture_side).max(1);
        while frame.width().max(frame.height()) as usize > side {
            frame = Arc::new(layers::halve(&frame, &self.pool));
        }
        frame
    }

    /// Width over height of the newest frame; `None` before the first.
    pub fn aspect(&self) -> Option<f32> {
        self.size.map(|[width, height]| width as f32 / height as f32)
    }

    /// How many frames were uploaded so far, so that a program can see that none was uploaded twice.
    pub fn uploads(&self) -> u64 {
        match &self.screen {
            Screen::Rgba(texture) => texture.as_ref().map_or(0, rgba::Texture::uploads),
            Screen::OpenGl(planes) => planes.uploads(),
            Screen::WebGpu(planes) => planes.uploads(),
        }
    }

    /// Paints the newest frame whole and in its own shape, with corners of `radius` points; what
    /// that leaves free of `rect` shows a dim, zoomed copy.
    pub fn paint(&self, painter: &Painter, rect: Rect, radius: u8) {
        if let Some(picture) = self.picture() {
            picture::paint(painter, rect, &picture, radius, u8::MAX);
        }
    }

    /// For painting, in this pass.
    pub(crate) fn picture(&self) -> Option<Picture> {
        let aspect = self.aspect()?;
        let image = match &self.screen {
            Screen::Rgba(texture) => Image::Texture(texture.as_ref()?.id()),
            Screen::OpenGl(planes) => Image::OpenGl(Arc::clone(planes)),
            Screen::WebGpu(planes) => Image::WebGpu(Arc::clone(planes)),
        };
        Some(Picture { image, aspect })
    }
}

/// What is painted, in one pass.
#[derive(Debug, Clone)]
pub(crate) enum Image {
    Texture(TextureId),
    OpenGl(Arc<opengl::Planes>),
    WebGpu(Arc<webgpu::Planes>),
}

impl Image {
    /// Paints a cut of it.
    pub(crate) fn paint(&self, painter: &Painter, cut: Cut) {
        match self {
            Image::Texture(texture) => {
                let light = egui::Color32::from_gray(cut.light);
                let shape = RectShape::filled(cut.rect, CornerRadius::same(cut.radius), light);
                painter.add(shape.with_texture(*texture, cut.uv));
            }
            Image::OpenGl(planes) => {
                painter.add(planes.shape(cut));
            }
            Image::WebGpu(planes) => {
                painter.add(planes.shape(cut));
            }
        }
    }
}

/// The textures of one stream and the frame on its way to them.
#[derive(Debug)]
struct Textures<T> {
    /// Not uploaded yet.
    fresh: Option<Arc<VideoFrame>>,
    shown: Option<T>,
    uploads: u64,
}

impl<T> Default for Textures<T> {
    fn default() -> Self {
        Self { fresh: None, shown: None, uploads: 0 }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use lanlens_media::CaptureTime;

    use super::*;

    fn frame(width: u32, height: u32) -> Arc<VideoFrame> {
        Arc::new(FramePool::new().frame(width, height, CaptureTime::now()))
    }

    #[test]
    fn a_stream_without_a_frame_or_with_an_empty_one_has_no_picture() {
        let (context, mut video) = (Context::default(), VideoPainter::rgba().video());
        assert!(video.picture().is_none());
        video.show(&context, frame(0, 8));
        assert!(video.picture().is_none() && video.uploads() == 0);
    }

    #[test]
    fn a_picture_larger_than_the_hardware_takes_is_halved_and_keeps_its_shape() {
        let (context, mut video) = (Context::default(), VideoPainter::rgba().video());
        let side = context.input(|input| input.max_texture_side) as u32;
        let fitted = video.fitted(&context, frame(side + 2, 4));
        assert_eq!([fitted.width(), fitted.height()], [side / 2 + 1, 2]);
        video.show(&context, frame(side + 2, 4));
        assert_eq!(video.aspect(), Some((side + 2) as f32 / 4.0));
    }
}
