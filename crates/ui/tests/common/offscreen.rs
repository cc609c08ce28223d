//! Every renderer that the window may use, painting into memory.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "opengl.rs"]
mod opengl;

use std::sync::Arc;

use eframe::egui::{Color32, Ui, Vec2};
use eframe::egui_glow::ShaderVersion;
use eframe::egui_wgpu::{RenderState, RendererOptions};
use eframe::epaint::mutex::RwLock;
use egui_kittest::Harness;
use egui_kittest::wgpu::{WgpuTestRenderer, create_render_state, default_wgpu_setup};
use lanlens_ui::VideoPainter;
pub(crate) use opengl::Offscreen;

/// A square screen.
pub(crate) struct Screen {
    pub(crate) name: String,
    pub(crate) painter: VideoPainter,
    kind: Kind,
    side: u32,
    scale: f32,
}

enum Kind {
    OpenGl(Box<Offscreen>),
    WebGpu(RenderState),
}

/// One screen of each kind, `scale` pixels a point.
pub(crate) fn screens(side: u32, scale: f32) -> Vec<Screen> {
    let mut screens = vec![webgpu(side, scale)];
    use ShaderVersion::{Es100, Es300, Gl120, Gl140};
    for dialect in [Gl120, Gl140, Es100, Es300] {
        match Offscreen::new(dialect, [side; 2], scale) {
            Ok(screen) => {
                let painter = VideoPainter::opengl(&screen.gl, Some(dialect)).unwrap();
                let (name, kind) = (format!("{dialect:?}"), Kind::OpenGl(Box::new(screen)));
                screens.push(Screen { name, painter, kind, side, scale });
            }
            Err(error) => lanlens_testkit::skip(&format!("{dialect:?}: {error}")).unwrap(),
        }
    }
    screens
}

/// wgpu as the snapshots use it.
pub(crate) fn render_state() -> RenderState {
    create_render_state(default_wgpu_setup(), RendererOptions::PREDICTABLE)
}

fn webgpu(side: u32, scale: f32) -> Screen {
    let state = render_state();
    let painter = VideoPainter::webgpu(&state).unwrap();
    Screen { name: "wgpu".into(), painter, kind: Kind::WebGpu(state), side, scale }
}

impl Screen {
    /// What one pass paints over black: RGBA, row by row from the top.
    pub(crate) fn paint(&mut self, mut ui: impl FnMut(&mut Ui) + 'static) -> Vec<u8> {
        match &mut self.kind {
            Kind::OpenGl(screen) => {
                screen.make_current();
                screen.paint(ui);
                screen.pixels()
            }
            Kind::WebGpu(state) => {
                // A harness takes no used state; the device may be shared.
                let options = RendererOptions::PREDICTABLE;
                let renderer =
                    eframe::egui_wgpu::Renderer::new(&state.device, state.target_format, options);
                let fresh =
                    RenderState { renderer: Arc::new(RwLock::new(renderer)), ..state.clone() };
                let mut harness = Harness::builder()
                    .with_size(Vec2::splat(self.side as f32 / self.scale))
                    .with_pixels_per_point(self.scale)
                    .renderer(WgpuTestRenderer::from_render_state(fresh))
                    .build_ui(move |base| {
                        base.painter().rect_filled(base.max_rect().expand(99.0), 0, Color32::BLACK);
                        ui(base);
                    });
                harness.render().unwrap().into_raw()
            }
        }
    }

    pub(crate) fn into_opengl(self) -> Option<Box<Offscreen>> {
        match self.kind {
            Kind::OpenGl(screen) => {
                screen.make_current();
                Some(screen)
            }
            Kind::WebGpu(_) => None,
        }
    }
}
