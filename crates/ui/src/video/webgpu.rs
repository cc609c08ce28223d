//! Planes into wgpu: Vulkan, Metal, Direct3D 12.
//!
//! Owns the pipeline, and the textures of each camera. Frames are written before egui's render pass
//! begins (`prepare`), and painted inside it.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use eframe::egui::{PaintCallback, PaintCallbackInfo};
use eframe::egui_wgpu::{
    Callback, CallbackResources, CallbackTrait, RenderState, ScreenDescriptor,
};
use eframe::wgpu;
use lanlens_media::{Plane, VideoFrame};

use super::values::{Cut, Format, Values, values};
use super::{ShaderError, Textures, lock};

/// The shader, made once for a window.
#[derive(Debug)]
pub(super) struct Program {
    pipeline: wgpu::RenderPipeline,
    values: wgpu::BindGroupLayout,
    planes: wgpu::BindGroupLayout,
    linear: wgpu::Sampler,
    slots: Mutex<Slots>,
}

/// The values of each copy painted in a pass; kept for the next pass.
#[derive(Debug, Default)]
struct Slots {
    slots: Vec<Slot>,
    used: usize,
}

#[derive(Debug, Clone)]
struct Slot {
    buffer: wgpu::Buffer,
    group: wgpu::BindGroup,
}

impl Program {
    /// Compiles the shader for the format that egui paints into.
    pub(super) fn new(state: &RenderState) -> Result<Self, ShaderError> {
        let device = &state.device;
        let scope = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let values = layout(device, &[uniform()]);
        let planes = layout(device, &[plane(0), plane(1), plane(2), sampler()]);
        let pipeline = pipeline(device, state.target_format, [&values, &planes]);
        let linear = device.create_sampler(&wgpu::SamplerDescriptor {
            label: Some("linear"),
            mag_filter: wgpu::FilterMode::Linear,
            min_filter: wgpu::FilterMode::Linear,
            ..wgpu::SamplerDescriptor::default()
        });
        // On the desktop the answer is ready at the first poll.
        let mut answer = pin!(scope.pop());
        match answer.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(error)) => Err(ShaderError(error.to_string())),
            Poll::Ready(None) | Poll::Pending => {
                Ok(Self { pipeline, values, planes, linear, slots: Mutex::default() })
            }
        }
    }

    /// Writes values where [`slot`](Self::slot) finds them in the render pass.
    fn write(&self, device: &wgpu::Device, queue: &wgpu::Queue, values: &Values) -> usize {
        let bytes: Vec<u8> =
            values.as_flattened().iter().flat_map(|value| value.to_ne_bytes()).collect();
        let mut slots = lock(&self.slots);
        let index = slots.used;
        if index == slots.slots.len() {
            let slot = self.new_slot(device, bytes.len() as u64);
            slots.slots.push(slot);
        }
        queue.write_buffer(&slots.slots[index].buffer, 0, &bytes);
        slots.used += 1;
        index
    }

    fn new_slot(&self, device: &wgpu::Device, size: u64) -> Slot {
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("picture values"),
            size,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("picture values"),
            layout: &self.values,
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: buffer.as_entire_binding() }],
        });
        Slot { buffer, group }
    }

    fn slot(&self, index: usize) -> Option<wgpu::BindGroup> {
        lock(&self.slots).slots.get(index).map(|slot| slot.group.clone())
    }
}

const fn uniform() -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding: 0,
        visibility: wgpu::ShaderStages::VERTEX_FRAGMENT,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Uniform,
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    }
}

const fn plane(binding: u32) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::FRAGMENT,
        ty: wgpu::BindingType::Texture {
            sample_type: wgpu::TextureSampleType::Float { filterable: true },
            view_dimension: wgpu::TextureViewDimension::D2,
            multisampled: false,
        },
        count: None,
    }
}

const fn sampler() -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding: 3,
        visibility: wgpu::ShaderStages::FRAGMENT,
        ty: wgpu::BindingType::Sampler(wgpu::SamplerBindingType::Filtering),
        count: None,
    }
}

fn layout(device: &wgpu::Device, entries: &[wgpu::BindGroupLayoutEntry]) -> wgpu::BindGroupLayout {
    let label = Some("picture");
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label, entries })
}

fn pipeline(
    device: &wgpu::Device,
    format: wgpu::TextureFormat,
    [values, planes]: [&wgpu::BindGroupLayout; 2],
) -> wgpu::RenderPipeline {
    let module = device.create_shader_module(wgpu::include_wgsl!("planes.wgsl"));
    let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some("picture"),
        bind_group_layouts: &[Some(values), Some(planes)],
        immediate_size: 0,
    });
    let blend = |src_factor, dst_factor| wgpu::BlendComponent {
        src_factor,
        dst_factor,
        operation: wgpu::BlendOperation::Add,
    };
    let target = wgpu::ColorTargetState {
        format,
        // As egui blends everything else.
        blend: Some(wgpu::BlendState {
            color: blend(wgpu::BlendFactor::One, wgpu::BlendFactor::OneMinusSrcAlpha),
            alpha: blend(wgpu::BlendFactor::OneMinusDstAlpha, wgpu::BlendFactor::One),
        }),
        write_mask: wgpu::ColorWrites::ALL,
    };
    let fragment = if format.is_srgb() { "into_linear" } else { "into_gamma" };
    device.create_render_pipeline(&wgpu::RenderPipelineDescriptor {
        label: Some("picture"),
        layout: Some(&layout),
        vertex: wgpu::VertexState {
            module: &module,
            entry_point: Some("corner"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            buffers: &[],
        },
        primitive: wgpu::PrimitiveState {
            topology: wgpu::PrimitiveTopology::TriangleStrip,
            ..wgpu::PrimitiveState::default()
        },
        depth_stencil: None,
        multisample: wgpu::MultisampleState::default(),
        fragment: Some(wgpu::FragmentState {
            module: &module,
            entry_point: Some(fragment),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            targets: &[Some(target)],
        }),
        multiview_mask: None,
        cache: None,
    })
}

/// One camera's textures; wgpu frees them with the last reference.
#[derive(Debug)]
pub(crate) struct Planes {
    program: Arc<Program>,
    state: Mutex<Textures<Shown>>,
}

#[derive(Debug)]
struct Shown {
    textures: [wgpu::Texture; 3],
    group: wgpu::BindGroup,
    format: Format,
}

impl Planes {
    pub(super) fn new(program: &Arc<Program>) -> Self {
        Self { program: Arc::clone(program), state: Mutex::default() }
    }

    /// The next paint shows this frame.
    pub(super) fn show(&self, frame: Arc<VideoFrame>) {
        lock(&self.state).fresh = Some(frame);
    }

    /// Frames uploaded so far.
    pub(super) fn uploads(&self) -> u64 {
        lock(&self.state).uploads
    }

    /// The shape that paints a cut of the newest frame.
    pub(super) fn shape(self: &Arc<Self>, cut: Cut) -> PaintCallback {
        let copy = Copy { planes: Arc::clone(self), cut, slot: AtomicUsize::new(usize::MAX) };
        Callback::new_paint_callback(cut.rect, copy)
    }

    /// Brings the fresh frame, if any, into the textures. What they hold then, if anything.
    fn upload(&self, device: &wgpu::Device, queue: &wgpu::Queue) -> Option<Format> {
        let mut state = lock(&self.state);
        if let Some(frame) = state.fresh.take() {
            let format = Format::of(&frame);
            match &mut state.shown {
                Some(shown) if shown.format.planes() == format.planes() => shown.format = format,
                shown => *shown = Some(self.make(device, format)),
            }
            if let Some(shown) = &state.shown {
                shown.fill(queue, &frame);
            }
            state.uploads += 1;
        }
        state.shown.as_ref().map(|shown| shown.format)
    }

    fn make(&self, device: &wgpu::Device, format: Format) -> Shown {
        let textures = format.planes().map(|[width, height]| {
            device.create_texture(&wgpu::TextureDescriptor {
                label: Some("plane"),
                size: wgpu::Extent3d { width, height, depth_or_array_layers: 1 },
                mip_level_count: 1,
                sample_count: 1,
                dimension: wgpu::TextureDimension::D2,
                format: wgpu::TextureFormat::R8Unorm,
                usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
                view_formats: &[],
            })
        });
        let views = textures
            .each_ref()
            .map(|texture| texture.create_view(&wgpu::TextureViewDescriptor::default()));
        let view = |binding: u32| wgpu::BindGroupEntry {
            binding,
            resource: wgpu::BindingResource::TextureView(&views[binding as usize]),
        };
        let linear = wgpu::BindingResource::Sampler(&self.program.linear);
        let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("planes"),
            layout: &self.program.planes,
            entries: &[
                view(0),
                view(1),
                view(2),
                wgpu::BindGroupEntry { binding: 3, resource: linear },
            ],
        });
        Shown { textures, group, format }
    }
}

impl Shown {
    fn fill(&self, queue: &wgpu::Queue, frame: &VideoFrame) {
        for (plane, texture) in [Plane::Y, Plane::U, Plane::V].into_iter().zip(&self.textures) {
            let layout = wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: u32::try_from(frame.stride(plane)).ok(),
                rows_per_image: None,
            };
            queue.write_texture(
                texture.as_image_copy(),
                frame.plane(plane),
                layout,
                texture.size(),
            );
        }
    }
}

/// A cut of a camera's picture in one pass.
struct Copy {
    planes: Arc<Planes>,
    cut: Cut,
    /// Of the values, from `prepare` for `paint`.
    slot: AtomicUsize,
}

impl CallbackTrait for Copy {
    fn prepare(
        &self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        screen: &ScreenDescriptor,
        _: &mut wgpu::CommandEncoder,
        _: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        if let Some(format) = self.planes.upload(device, queue) {
            let scale = screen.pixels_per_point;
            let values = values(&self.cut, &format, screen.size_in_pixels, scale);
            let slot = self.planes.program.write(device, queue, &values);
            self.slot.store(slot, Ordering::Relaxed);
        }
        Vec::new()
    }

    fn finish_prepare(
        &self,
        _: &wgpu::Device,
        _: &wgpu::Queue,
        _: &mut wgpu::CommandEncoder,
        _: &mut CallbackResources,
    ) -> Vec<wgpu::CommandBuffer> {
        // All copies of this pass have their slots: the next pass begins with the first again.
        lock(&self.planes.program.slots).used = 0;
        Vec::new()
    }

    fn paint(
        &self,
        info: PaintCallbackInfo,
        pass: &mut wgpu::RenderPass<'static>,
        _: &CallbackResources,
    ) {
        let program = &self.planes.program;
        let state = lock(&self.planes.state);
        let slot = program.slot(self.slot.load(Ordering::Relaxed));
        let (Some(shown), Some(values)) = (&state.shown, slot) else { return };
        let [width, height] = info.screen_size_px.map(|side| side as f32);
        pass.set_viewport(0.0, 0.0, width, height, 0.0, 1.0);
        pass.set_pipeline(&program.pipeline);
        pass.set_bind_group(0, &values, &[]);
        pass.set_bind_group(1, &shown.group, &[]);
        pass.draw(0..4, 0..1);
    }
}
