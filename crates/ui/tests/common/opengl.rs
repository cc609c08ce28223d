//! OpenGL without a window: a context of EGL's own, and egui painted into a texture.
#![allow(dead_code, reason = "tests and an example each use their part")]
#![allow(unsafe_code, reason = "every call into OpenGL is unsafe")]

use std::error::Error;
use std::sync::Arc;

use eframe::egui::{Context, Pos2, RawInput, Rect, TexturesDelta, Ui, Vec2};
use eframe::egui_glow::{Painter, ShaderVersion};
use eframe::glow::{self, HasContext as _};
use glutin::api::egl::{context::PossiblyCurrentContext, device::Device, display::Display};
use glutin::config::{Api, ConfigSurfaceTypes, ConfigTemplateBuilder};
use glutin::context::{ContextApi, ContextAttributesBuilder, GlProfile, Version};
use glutin::display::GlDisplay as _;

/// A picture of `size` pixels that egui paints.
pub(crate) struct Offscreen {
    pub(crate) gl: Arc<glow::Context>,
    pub(crate) context: Context,
    painter: Painter,
    deltas: TexturesDelta,
    size: [u32; 2],
    scale: f32,
    current: PossiblyCurrentContext,
}

impl Offscreen {
    /// # Errors
    /// Where there is no EGL that paints without a screen.
    pub(crate) fn new(
        dialect: ShaderVersion,
        size: [u32; 2],
        scale: f32,
    ) -> Result<Self, Box<dyn Error>> {
        let (gl, current) = context(dialect.is_embedded())?;
        let gl = Arc::new(gl);
        let painter = Painter::new(Arc::clone(&gl), "", Some(dialect), false)?;
        // SAFETY: the context is current.
        unsafe {
            let color = gl.create_texture()?;
            gl.bind_texture(glow::TEXTURE_2D, Some(color));
            let (format, none) = (glow::RGBA, glow::PixelUnpackData::Slice(None));
            let [width, height] = size.map(|side| side as i32);
            let bytes = glow::UNSIGNED_BYTE;
            let inner = glow::RGBA8 as i32;
            gl.tex_image_2d(glow::TEXTURE_2D, 0, inner, width, height, 0, format, bytes, none);
            let target = gl.create_framebuffer()?;
            gl.bind_framebuffer(glow::FRAMEBUFFER, Some(target));
            let attachment = glow::COLOR_ATTACHMENT0;
            let texture = glow::TEXTURE_2D;
            gl.framebuffer_texture_2d(glow::FRAMEBUFFER, attachment, texture, Some(color), 0);
            let complete = gl.check_framebuffer_status(glow::FRAMEBUFFER);
            assert_eq!(complete, glow::FRAMEBUFFER_COMPLETE);
        }
        let (context, deltas) = (Context::default(), TexturesDelta::default());
        Ok(Self { gl, context, painter, deltas, size, scale, current })
    }

    /// What follows is painted here.
    pub(crate) fn make_current(&self) {
        self.current.make_current_surfaceless().expect("it was current before");
    }

    /// How many textures there are.
    pub(crate) fn textures(&self) -> usize {
        let names = (1..1000).filter_map(std::num::NonZeroU32::new).map(glow::NativeTexture);
        // SAFETY: the context is current; any number may be asked about.
        names.filter(|name| unsafe { self.gl.is_texture(*name) }).count()
    }

    /// Runs one pass and paints it over black.
    pub(crate) fn paint(&mut self, ui: impl FnMut(&mut Ui)) {
        let [width, height] = self.size;
        let size = Vec2::new(width as f32, height as f32) / self.scale;
        let mut input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, size)),
            max_texture_side: Some(self.painter.max_texture_side()),
            ..RawInput::default()
        };
        input.viewports.entry(input.viewport_id).or_default().native_pixels_per_point =
            Some(self.scale);
        let output = self.context.run_ui(input, ui);
        let shapes = self.context.tessellate(output.shapes, output.pixels_per_point);
        self.deltas.append(output.textures_delta);
        self.painter.clear(self.size, [0.0, 0.0, 0.0, 1.0]);
        let (painter, deltas) = (&mut self.painter, &mut self.deltas);
        painter.paint_and_update_textures(self.size, output.pixels_per_point, &shapes, deltas);
    }

    /// Waits until all is painted.
    pub(crate) fn finish(&self) {
        // SAFETY: the context is current.
        unsafe { self.gl.finish() };
    }

    /// What was painted, RGBA, row by row from the top.
    pub(crate) fn pixels(&self) -> Vec<u8> {
        // SAFETY: the context is current.
        assert_eq!(unsafe { self.gl.get_error() }, glow::NO_ERROR);
        let image = self.painter.read_screen_rgba(self.size);
        image.pixels.iter().flat_map(|pixel| pixel.to_array()).collect()
    }
}

impl Drop for Offscreen {
    fn drop(&mut self) {
        self.make_current();
        self.painter.destroy();
    }
}

/// A current context of desktop OpenGL or of OpenGL ES.
fn context(embedded: bool) -> Result<(glow::Context, PossiblyCurrentContext), Box<dyn Error>> {
    let (api, wanted) = match embedded {
        true => (Api::GLES2, ContextApi::Gles(Some(Version::new(2, 0)))),
        false => (Api::OPENGL, ContextApi::OpenGl(None)),
    };
    let mut reasons = Vec::new();
    for device in Device::query_devices()? {
        match on_device(&device, api, wanted) {
            Ok(made) => return Ok(made),
            Err(error) => reasons.push(error.to_string()),
        }
    }
    Err(format!("no device of EGL paints without a screen: {}", reasons.join("; ")).into())
}

fn on_device(
    device: &Device,
    api: Api,
    wanted: ContextApi,
) -> Result<(glow::Context, PossiblyCurrentContext), Box<dyn Error>> {
    let template = ConfigTemplateBuilder::new()
        .with_api(api)
        .with_surface_type(ConfigSurfaceTypes::empty())
        .build();
    // The compatibility profile speaks every desktop dialect.
    let attributes = ContextAttributesBuilder::new()
        .with_context_api(wanted)
        .with_profile(GlProfile::Compatibility)
        .build(None);
    // SAFETY: no window's handle is given, so there is none that could be invalid.
    let (display, context) = unsafe {
        let display = Display::with_device(device, None)?;
        let config = display.find_configs(template)?.next().ok_or("no configuration")?;
        let context = display.create_context(&config, &attributes)?;
        (display, context)
    };
    let current = context.make_current_surfaceless()?;
    let load = |name: &std::ffi::CStr| display.get_proc_address(name);
    // SAFETY: the context is current, and the loader is its display's.
    let gl = unsafe { glow::Context::from_loader_function_cstr(load) };
    Ok((gl, current))
}
