//! Planes into OpenGL: 2.1 and later, ES 2 and later, in the dialect that egui's painter found.
//!
//! Owns the program, and the textures of each camera. OpenGL answers only on the window's thread
//! while its context is current: textures are made and filled when egui calls back to paint, and
//! those of a camera that went wait in a list for [`Program::free`].

#![allow(unsafe_code, reason = "every call into OpenGL is unsafe")]

use std::sync::{Arc, Mutex};

use eframe::egui::{PaintCallback, PaintCallbackInfo};
use eframe::egui_glow::{CallbackFn, Painter, ShaderVersion};
use eframe::glow::{self, HasContext as _, PixelUnpackData};
use lanlens_media::{Plane, VideoFrame};

use super::values::{Cut, Format, values};
use super::{ShaderError, Textures, lock};

const VERTEX: &str = include_str!("planes.vert.glsl");
const FRAGMENT: &str = include_str!("planes.frag.glsl");

/// Where the shader takes the corners from.
const CORNER: u32 = 0;
const CORNERS: [f32; 8] = [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0];

/// The shader, made once for a window.
#[derive(Debug)]
pub(super) struct Program {
    program: glow::Program,
    values: Option<glow::UniformLocation>,
    corners: glow::Buffer,
    /// Missing in the oldest versions, which keep vertex attributes in the context.
    vertex_array: Option<glow::VertexArray>,
    /// Internal and outer format of a texture with one channel.
    channel: (u32, u32),
    /// Rows may be further apart than they are long.
    row_length: bool,
    /// Of cameras that went.
    dead: Mutex<Vec<glow::Texture>>,
}

impl Program {
    /// Compiles the shader. The context must be current.
    pub(super) fn new(
        gl: &glow::Context,
        dialect: Option<ShaderVersion>,
    ) -> Result<Self, ShaderError> {
        let dialect = dialect.unwrap_or_else(|| ShaderVersion::get(gl));
        // SAFETY: the context is current; all objects are made by it.
        unsafe {
            let program = link(gl, dialect)?;
            gl.use_program(Some(program));
            for (unit, name) in ["u_y", "u_u", "u_v"].into_iter().enumerate() {
                let sampler = gl.get_uniform_location(program, name);
                gl.uniform_1_i32(sampler.as_ref(), unit as i32);
            }
            gl.use_program(None);
            let corners = gl.create_buffer().map_err(ShaderError)?;
            gl.bind_buffer(glow::ARRAY_BUFFER, Some(corners));
            let bytes: Vec<u8> = CORNERS.into_iter().flat_map(f32::to_ne_bytes).collect();
            gl.buffer_data_u8_slice(glow::ARRAY_BUFFER, &bytes, glow::STATIC_DRAW);
            let vertex_array = vertex_array(gl)?;
            gl.bind_buffer(glow::ARRAY_BUFFER, None);
            // The old dialects know neither the format R8 nor its name.
            let channel = match dialect.is_new_shader_interface() {
                true => (glow::R8, glow::RED),
                false => (glow::LUMINANCE, glow::LUMINANCE),
            };
            let values = gl.get_uniform_location(program, "u_values");
            let row_length = dialect != ShaderVersion::Es100;
            let dead = Mutex::default();
            Ok(Self { program, values, corners, vertex_array, channel, row_length, dead })
        }
    }

    /// Frees the textures of cameras that went. The context must be current.
    pub(super) fn free(&self, gl: &glow::Context) {
        for texture in std::mem::take(&mut *lock(&self.dead)) {
            // SAFETY: made by this context, and nothing refers to it any more.
            unsafe { gl.delete_texture(texture) };
        }
    }

    /// Frees everything; nothing is painted from here on. The context must be current.
    pub(super) fn destroy(&self, gl: &glow::Context) {
        self.free(gl);
        // SAFETY: made by this context.
        unsafe {
            gl.delete_program(self.program);
            gl.delete_buffer(self.corners);
            if let Some(array) = self.vertex_array {
                gl.delete_vertex_array(array);
            }
        }
    }

    /// Draws three textures. egui restores its own state afterwards.
    fn draw(&self, gl: &glow::Context, planes: &[glow::Texture; 3], values: &[f32]) {
        // SAFETY: called back by egui's painter, whose context is current and made all of these.
        unsafe {
            gl.use_program(Some(self.program));
            gl.uniform_4_f32_slice(self.values.as_ref(), values);
            for (unit, plane) in (0..).zip(planes) {
                gl.active_texture(glow::TEXTURE0 + unit);
                gl.bind_texture(glow::TEXTURE_2D, Some(*plane));
            }
            match self.vertex_array {
                Some(_) => gl.bind_vertex_array(self.vertex_array),
                None => attach(gl, self.corners),
            }
            gl.draw_arrays(glow::TRIANGLE_STRIP, 0, 4);
            if self.vertex_array.is_none() {
                gl.disable_vertex_attrib_array(CORNER);
            }
        }
    }
}

/// The context must be current.
unsafe fn link(gl: &glow::Context, dialect: ShaderVersion) -> Result<glow::Program, ShaderError> {
    let new = dialect.is_new_shader_interface();
    let vertex_words = if new { ["in", "out"] } else { ["attribute", "varying"] };
    let fragment_words = if new { ["in", "out"] } else { ["varying", "varying"] };
    // SAFETY: the caller's.
    unsafe {
        let program = gl.create_program().map_err(ShaderError)?;
        let stages = [
            (glow::VERTEX_SHADER, vertex_words, VERTEX),
            (glow::FRAGMENT_SHADER, fragment_words, FRAGMENT),
        ];
        for (stage, words, source) in stages {
            let shader = gl.create_shader(stage).map_err(ShaderError)?;
            gl.shader_source(shader, &in_dialect(dialect, words, stage, source));
            gl.compile_shader(shader);
            if !gl.get_shader_compile_status(shader) {
                return Err(ShaderError(gl.get_shader_info_log(shader)));
            }
            gl.attach_shader(program, shader);
            // It lives on until the program goes.
            gl.delete_shader(shader);
        }
        gl.bind_attrib_location(program, CORNER, "a_corner");
        gl.link_program(program);
        match gl.get_program_link_status(program) {
            true => Ok(program),
            false => Err(ShaderError(gl.get_program_info_log(program))),
        }
    }
}

/// A shader's source behind what makes it one of a dialect.
fn in_dialect(dialect: ShaderVersion, words: [&str; 2], stage: u32, source: &str) -> String {
    let mut head = dialect.version_declaration().to_owned();
    if dialect.is_embedded() {
        // Both stages know whether pixels can be computed in high precision, and so agree.
        head += "#ifdef GL_FRAGMENT_PRECISION_HIGH\nprecision highp float;\n\
                 #else\nprecision mediump float;\n#endif\n";
    }
    let [input, output] = words;
    head += &format!("#define INPUT {input}\n#define OUTPUT {output}\n");
    if stage == glow::FRAGMENT_SHADER {
        head += match dialect.is_new_shader_interface() {
            true => "#define SAMPLE texture\n#define COLOR f_color\nout vec4 f_color;\n",
            false => "#define SAMPLE texture2D\n#define COLOR gl_FragColor\n",
        };
    }
    head + source
}

/// One that holds the corners, whose buffer is bound, where the version has such a thing.
unsafe fn vertex_array(gl: &glow::Context) -> Result<Option<glow::VertexArray>, ShaderError> {
    let has = gl.version().major >= 3
        || ["GL_ARB_vertex_array_object", "GL_OES_vertex_array_object"]
            .into_iter()
            .any(|name| gl.supported_extensions().contains(name));
    if !has {
        return Ok(None);
    }
    // SAFETY: the caller's: the context is current.
    unsafe {
        let array = gl.create_vertex_array().map_err(ShaderError)?;
        gl.bind_vertex_array(Some(array));
        gl.enable_vertex_attrib_array(CORNER);
        gl.vertex_attrib_pointer_f32(CORNER, 2, glow::FLOAT, false, 0, 0);
        gl.bind_vertex_array(None);
        Ok(Some(array))
    }
}

/// The corners for the next draw, in the context itself.
unsafe fn attach(gl: &glow::Context, corners: glow::Buffer) {
    // SAFETY: the caller's: the context is current and made the buffer.
    unsafe {
        gl.bind_buffer(glow::ARRAY_BUFFER, Some(corners));
        gl.enable_vertex_attrib_array(CORNER);
        gl.vertex_attrib_pointer_f32(CORNER, 2, glow::FLOAT, false, 0, 0);
    }
}

/// One camera's textures.
#[derive(Debug)]
pub(crate) struct Planes {
    program: Arc<Program>,
    state: Mutex<Textures<Shown>>,
}

#[derive(Debug, Clone, Copy)]
struct Shown {
    textures: [glow::Texture; 3],
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
        let planes = Arc::clone(self);
        let paint = move |info: PaintCallbackInfo, painter: &Painter| {
            planes.paint(&cut, &info, painter.gl());
        };
        PaintCallback { rect: cut.rect, callback: Arc::new(CallbackFn::new(paint)) }
    }

    fn paint(&self, cut: &Cut, info: &PaintCallbackInfo, gl: &glow::Context) {
        let Some(shown) = self.upload(gl) else { return };
        let values = values(cut, &shown.format, info.screen_size_px, info.pixels_per_point);
        let [width, height] = info.screen_size_px.map(|side| side as i32);
        // SAFETY: called back by egui's painter, whose context is current.
        unsafe { gl.viewport(0, 0, width, height) };
        self.program.draw(gl, &shown.textures, values.as_flattened());
    }

    /// Brings the fresh frame, if any, into the textures.
    fn upload(&self, gl: &glow::Context) -> Option<Shown> {
        let mut state = lock(&self.state);
        let Some(frame) = state.fresh.take() else { return state.shown };
        let format = Format::of(&frame);
        let resized = state.shown.is_none_or(|shown| shown.format.planes() != format.planes());
        let textures = match state.shown {
            Some(shown) => shown.textures,
            None => make(gl).inspect_err(|error| tracing::warn!("no texture: {error}")).ok()?,
        };
        state.shown = Some(Shown { textures, format });
        state.uploads += 1;
        let (internal, outer) = self.program.channel;
        // SAFETY: called back by egui's painter, whose context is current and made the textures;
        // each plane's slice holds all rows of its texture.
        unsafe {
            gl.active_texture(glow::TEXTURE0);
            gl.pixel_store_i32(glow::UNPACK_ALIGNMENT, 1);
            let planes = [Plane::Y, Plane::U, Plane::V].into_iter().zip(format.planes());
            for (texture, (plane, [width, height])) in textures.into_iter().zip(planes) {
                gl.bind_texture(glow::TEXTURE_2D, Some(texture));
                if resized {
                    let (internal, nothing) = (internal as i32, PixelUnpackData::Slice(None));
                    let (width, height) = (width as i32, height as i32);
                    gl.tex_image_2d(
                        glow::TEXTURE_2D,
                        0,
                        internal,
                        width,
                        height,
                        0,
                        outer,
                        glow::UNSIGNED_BYTE,
                        nothing,
                    );
                }
                let (bytes, stride) = (frame.plane(plane), frame.stride(plane));
                fill(gl, outer, [width, height], bytes, (stride, self.program.row_length));
            }
        }
        state.shown
    }
}

impl Drop for Planes {
    fn drop(&mut self) {
        if let Some(shown) = lock(&self.state).shown {
            lock(&self.program.dead).extend(shown.textures);
        }
    }
}

/// Three empty textures. The context must be current.
fn make(gl: &glow::Context) -> Result<[glow::Texture; 3], String> {
    // SAFETY: the context is current: this runs only when egui's painter calls back.
    unsafe {
        let textures = [gl.create_texture()?, gl.create_texture()?, gl.create_texture()?];
        for texture in textures {
            gl.bind_texture(glow::TEXTURE_2D, Some(texture));
            let set = |name, value: u32| gl.tex_parameter_i32(glow::TEXTURE_2D, name, value as i32);
            set(glow::TEXTURE_MIN_FILTER, glow::LINEAR);
            set(glow::TEXTURE_MAG_FILTER, glow::LINEAR);
            set(glow::TEXTURE_WRAP_S, glow::CLAMP_TO_EDGE);
            set(glow::TEXTURE_WRAP_T, glow::CLAMP_TO_EDGE);
        }
        Ok(textures)
    }
}

/// Fills the bound texture with rows that are `stride` bytes apart; ES 2 cannot be told so and takes
/// them one by one.
unsafe fn fill(
    gl: &glow::Context,
    format: u32,
    [width, height]: [u32; 2],
    bytes: &[u8],
    (stride, row_length): (usize, bool),
) {
    let rows = |y: i32, rows: i32, bytes: &[u8]| {
        let (width, pixels) = (width as i32, PixelUnpackData::Slice(Some(bytes)));
        // SAFETY: the caller's: a current context, a bound texture, enough bytes.
        unsafe {
            gl.tex_sub_image_2d(
                glow::TEXTURE_2D,
                0,
                0,
                y,
                width,
                rows,
                format,
                glow::UNSIGNED_BYTE,
                pixels,
            );
        }
    };
    if stride == width as usize {
        rows(0, height as i32, bytes);
    } else if row_length {
        // SAFETY: the caller's.
        unsafe { gl.pixel_store_i32(glow::UNPACK_ROW_LENGTH, stride as i32) };
        rows(0, height as i32, bytes);
        // SAFETY: the caller's.
        unsafe { gl.pixel_store_i32(glow::UNPACK_ROW_LENGTH, 0) };
    } else {
        for (y, row) in (0..height as i32).zip(bytes.chunks(stride)) {
            rows(y, 1, row);
        }
    }
}
