//! What it costs to bring a frame to the graphics side: as three planes for the shader, and as RGBA
//! that the processor converted.
//!
//! Each figure is the median time of a pass with a new frame less that of a pass without one, with
//! almost no pixels to paint. `--json` prints one object a line.

#[path = "../tests/common/opengl.rs"]
mod opengl;

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use eframe::egui::{Context, Pos2, RawInput, Rect, Ui, vec2};
use eframe::egui_glow::ShaderVersion;
use eframe::egui_wgpu::{RenderState, Renderer, RendererOptions, ScreenDescriptor};
use eframe::wgpu;
use egui_kittest::wgpu::{create_render_state, default_wgpu_setup};
use lanlens_media::{CaptureTime, FramePool, VideoFrame, pattern};
use lanlens_ui::{Video, VideoPainter};
use opengl::Offscreen;

const SIZES: [(u32, u32); 2] = [(640, 360), (1280, 720)];
/// Passes of each kind; the first ones warm up.
const PASSES: usize = 400;
const WARM_UP: usize = 50;
/// Of the screen, pixels.
const SCREEN: u32 = 64;

/// Something that runs a pass, paints it, and waits until it is painted.
trait Window {
    fn pass(&mut self, ui: &mut dyn FnMut(&mut Ui)) -> Result<(), Box<dyn Error>>;
}

impl Window for Offscreen {
    fn pass(&mut self, ui: &mut dyn FnMut(&mut Ui)) -> Result<(), Box<dyn Error>> {
        self.paint(ui);
        self.finish();
        Ok(())
    }
}

struct WebGpu {
    state: RenderState,
    context: Context,
    target: wgpu::TextureView,
}

impl WebGpu {
    fn new() -> Self {
        let state = create_render_state(default_wgpu_setup(), RendererOptions::default());
        let size = wgpu::Extent3d { width: SCREEN, height: SCREEN, depth_or_array_layers: 1 };
        let target = state.device.create_texture(&wgpu::TextureDescriptor {
            label: None,
            size,
            mip_level_count: 1,
            sample_count: 1,
            dimension: wgpu::TextureDimension::D2,
            format: state.target_format,
            usage: wgpu::TextureUsages::RENDER_ATTACHMENT,
            view_formats: &[],
        });
        let target = target.create_view(&wgpu::TextureViewDescriptor::default());
        Self { state, context: Context::default(), target }
    }

    fn render(&self, renderer: &Renderer, encoder: &mut wgpu::CommandEncoder, shapes: &Shapes) {
        let attachment = wgpu::RenderPassColorAttachment {
            view: &self.target,
            resolve_target: None,
            ops: wgpu::Operations::default(),
            depth_slice: None,
        };
        let descriptor = wgpu::RenderPassDescriptor {
            color_attachments: &[Some(attachment)],
            ..wgpu::RenderPassDescriptor::default()
        };
        let mut pass = encoder.begin_render_pass(&descriptor).forget_lifetime();
        renderer.render(&mut pass, shapes, &SCREEN_SIZE);
    }
}

type Shapes = [eframe::egui::ClippedPrimitive];

const SCREEN_SIZE: ScreenDescriptor =
    ScreenDescriptor { size_in_pixels: [SCREEN; 2], pixels_per_point: 1.0 };

impl Window for WebGpu {
    fn pass(&mut self, ui: &mut dyn FnMut(&mut Ui)) -> Result<(), Box<dyn Error>> {
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, vec2(SCREEN as f32, SCREEN as f32))),
            max_texture_side: Some(4096),
            ..RawInput::default()
        };
        let mut output = self.context.run_ui(input, ui);
        let shapes = self.context.tessellate(output.shapes, 1.0);
        let (device, queue) = (&self.state.device, &self.state.queue);
        let mut renderer = self.state.renderer.write();
        for (id, images) in output.textures_delta.set.drain() {
            for image in images {
                renderer.update_texture(device, queue, id, &image);
            }
        }
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        renderer.update_buffers(device, queue, &mut encoder, &shapes, &SCREEN_SIZE);
        self.render(&renderer, &mut encoder, &shapes);
        queue.submit([encoder.finish()]);
        device.poll(wgpu::PollType::wait_indefinitely())?;
        Ok(())
    }
}

/// The median time of a pass in which every frame is shown, ms.
fn median(
    window: &mut dyn Window,
    video: &mut Video,
    frames: &[Arc<VideoFrame>],
) -> Result<f64, Box<dyn Error>> {
    let mut times = Vec::with_capacity(PASSES);
    for pass in 0..PASSES + WARM_UP {
        let fresh = frames.get(pass % frames.len().max(1));
        let began = Instant::now();
        window.pass(&mut |ui| {
            if let Some(frame) = fresh {
                video.show(ui.ctx(), Arc::clone(frame));
            }
            video.paint(ui.painter(), Rect::from_min_size(Pos2::ZERO, vec2(1.0, 1.0)), 0);
        })?;
        if pass >= WARM_UP {
            times.push(began.elapsed().as_secs_f64() * 1000.0);
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

fn frames((width, height): (u32, u32)) -> Vec<Arc<VideoFrame>> {
    let pool = FramePool::new();
    let frame = |index: u64| {
        let mut frame = pool.frame(width, height, CaptureTime::now());
        pattern::paint(&mut frame, index, 0);
        Arc::new(frame)
    };
    (0..4).map(frame).collect()
}

fn main() -> Result<(), Box<dyn Error>> {
    let json = std::env::args().any(|argument| argument == "--json");
    let mut webgpu = WebGpu::new();
    let mut opengl = Offscreen::new(ShaderVersion::Gl140, [SCREEN; 2], 1.0)?;
    let with_opengl = VideoPainter::opengl(&opengl.gl, Some(ShaderVersion::Gl140))?;
    let with_webgpu = VideoPainter::webgpu(&webgpu.state)?;
    for size in SIZES {
        let frames = frames(size);
        let windows: [(&str, &mut dyn Window, &VideoPainter); 2] =
            [("glow", &mut opengl, &with_opengl), ("wgpu", &mut webgpu, &with_webgpu)];
        for (renderer, window, planes) in windows {
            for painter in [planes, &VideoPainter::rgba()] {
                let mut video = painter.video();
                let with = median(window, &mut video, &frames)?;
                let without = median(window, &mut video, &[])?;
                say(json, painter.path(), renderer, size, (with - without).max(0.0));
            }
        }
    }
    Ok(())
}

fn say(json: bool, path: &str, renderer: &str, (width, height): (u32, u32), ms: f64) {
    let ms = (ms * 10_000.0).round() / 10_000.0;
    if json {
        let line = serde_json::json!({"stage": "upload", "path": path, "renderer": renderer,
                                      "width": width, "height": height, "ms": ms});
        println!("{line}");
    } else {
        println!("{renderer}  {path:6}  {width:4}×{height}  {ms:.3} ms");
    }
}
