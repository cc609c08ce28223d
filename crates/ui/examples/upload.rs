//! What it costs to bring a frame to the graphics side: as three planes for the shader, and as RGBA
//! that the processor converted.
//!
//! Each figure is the median time of a pass with a new frame less that of a pass without one, with
//! almost no pixels to paint. With `--paint` it is that of a whole pass that paints a large picture:
//! on a machine without a graphics processor the shader is work too. `--json` prints one object a
//! line.

#[path = "../tests/common/opengl.rs"]
mod opengl;

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use eframe::egui::{Context, Pos2, RawInput, Rect, Ui, Vec2, vec2};
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
/// What is measured, on which screen, pixels.
#[derive(Clone, Copy)]
struct Stage {
    name: &'static str,
    screen: [u32; 2],
    picture: Vec2,
}

const UPLOAD: Stage = Stage { name: "upload", screen: [64, 64], picture: vec2(1.0, 1.0) };
const PAINT: Stage = Stage { name: "paint", screen: [1280, 720], picture: vec2(1200.0, 675.0) };

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
    screen: ScreenDescriptor,
}

impl WebGpu {
    fn new(size_in_pixels: [u32; 2]) -> Self {
        let state = create_render_state(default_wgpu_setup(), RendererOptions::default());
        let [width, height] = size_in_pixels;
        let size = wgpu::Extent3d { width, height, depth_or_array_layers: 1 };
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
        let screen = ScreenDescriptor { size_in_pixels, pixels_per_point: 1.0 };
        Self { state, context: Context::default(), target, screen }
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
        renderer.render(&mut pass, shapes, &self.screen);
    }
}

type Shapes = [eframe::egui::ClippedPrimitive];

impl Window for WebGpu {
    fn pass(&mut self, ui: &mut dyn FnMut(&mut Ui)) -> Result<(), Box<dyn Error>> {
        let [width, height] = self.screen.size_in_pixels;
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, vec2(width as f32, height as f32))),
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
        renderer.update_buffers(device, queue, &mut encoder, &shapes, &self.screen);
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
    picture: Vec2,
) -> Result<f64, Box<dyn Error>> {
    let mut times = Vec::with_capacity(PASSES);
    for pass in 0..PASSES + WARM_UP {
        let fresh = frames.get(pass % frames.len().max(1));
        let began = Instant::now();
        window.pass(&mut |ui| {
            if let Some(frame) = fresh {
                video.show(ui.ctx(), Arc::clone(frame));
            }
            video.paint(ui.painter(), Rect::from_min_size(Pos2::ZERO, picture), 0);
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
    let asked = |flag: &str| std::env::args().any(|argument| argument == flag);
    let (json, stage) = (asked("--json"), if asked("--paint") { PAINT } else { UPLOAD });
    let mut webgpu = WebGpu::new(stage.screen);
    let mut opengl = Offscreen::new(ShaderVersion::Gl140, stage.screen, 1.0)?;
    let with_opengl = VideoPainter::opengl(&opengl.gl, Some(ShaderVersion::Gl140))?;
    let with_webgpu = VideoPainter::webgpu(&webgpu.state)?;
    for size in SIZES {
        let frames = frames(size);
        let windows: [(&str, &mut dyn Window, &VideoPainter); 2] =
            [("glow", &mut opengl, &with_opengl), ("wgpu", &mut webgpu, &with_webgpu)];
        for (renderer, window, planes) in windows {
            for painter in [planes, &VideoPainter::rgba()] {
                let mut video = painter.video();
                let mut ms = median(window, &mut video, &frames, stage.picture)?;
                if stage.name == UPLOAD.name {
                    ms -= median(window, &mut video, &[], stage.picture)?;
                }
                say(json, stage.name, (painter.path(), renderer), size, ms.max(0.0));
            }
        }
    }
    Ok(())
}

fn say(json: bool, stage: &str, with: (&str, &str), (width, height): (u32, u32), ms: f64) {
    let ((path, renderer), ms) = (with, (ms * 10_000.0).round() / 10_000.0);
    if json {
        let line = serde_json::json!({"stage": stage, "path": path, "renderer": renderer,
                                      "width": width, "height": height, "ms": ms});
        println!("{line}");
    } else {
        println!("{stage}  {renderer}  {path:6}  {width:4}×{height}  {ms:.3} ms");
    }
}
