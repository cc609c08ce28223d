// Y, U and V into RGB, dimmed, with round corners; alpha premultiplied, gamma kept, as egui paints.

// The values of values.rs.
struct Values {
    rect: vec4<f32>,
    uv: vec4<f32>,
    screen_radius_light: vec4<f32>,
    chroma: vec4<f32>,
    red: vec4<f32>,
    green: vec4<f32>,
    blue: vec4<f32>,
};

@group(0) @binding(0) var<uniform> values: Values;
@group(1) @binding(0) var luma: texture_2d<f32>;
@group(1) @binding(1) var blue_difference: texture_2d<f32>;
@group(1) @binding(2) var red_difference: texture_2d<f32>;
@group(1) @binding(3) var linear: sampler;

struct Corner {
    @builtin(position) position: vec4<f32>,
    @location(0) at: vec2<f32>,
    @location(1) uv: vec2<f32>,
};

@vertex
fn corner(@builtin(vertex_index) index: u32) -> Corner {
    let which = vec2<f32>(f32(index & 1u), f32(index >> 1u));
    var out: Corner;
    out.at = which * values.rect.zw;
    out.uv = values.uv.xy + which * values.uv.zw;
    let at = (values.rect.xy + out.at) / values.screen_radius_light.xy;
    out.position = vec4<f32>(2.0 * at.x - 1.0, 1.0 - 2.0 * at.y, 0.0, 1.0);
    return out;
}

// How much of this pixel lies inside the rounded rectangle.
fn coverage(at: vec2<f32>) -> f32 {
    let half_size = values.rect.zw * 0.5;
    let radius = values.screen_radius_light.z;
    let from_corner = abs(at - half_size) - half_size + radius;
    let outside = length(max(from_corner, vec2<f32>(0.0)))
        + min(max(from_corner.x, from_corner.y), 0.0);
    return clamp(radius + 0.5 - outside, 0.0, 1.0);
}

fn color(in: Corner) -> vec3<f32> {
    let chroma = in.uv * values.chroma.xy;
    let yuv = vec4<f32>(
        textureSample(luma, linear, in.uv).r,
        textureSample(blue_difference, linear, chroma).r,
        textureSample(red_difference, linear, chroma).r,
        1.0,
    );
    let rgb = vec3<f32>(dot(values.red, yuv), dot(values.green, yuv), dot(values.blue, yuv));
    return clamp(rgb, vec3<f32>(0.0), vec3<f32>(1.0)) * values.screen_radius_light.w;
}

@fragment
fn into_gamma(in: Corner) -> @location(0) vec4<f32> {
    return vec4<f32>(color(in), 1.0) * coverage(in.at);
}

// Where the framebuffer encodes what is written to it.
@fragment
fn into_linear(in: Corner) -> @location(0) vec4<f32> {
    let gamma = color(in);
    let lower = gamma / vec3<f32>(12.92);
    let higher = pow((gamma + vec3<f32>(0.055)) / vec3<f32>(1.055), vec3<f32>(2.4));
    let rgb = select(higher, lower, gamma < vec3<f32>(0.04045));
    return vec4<f32>(rgb, 1.0) * coverage(in.at);
}
