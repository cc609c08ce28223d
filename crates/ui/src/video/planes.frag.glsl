// Y, U and V into RGB, dimmed, with round corners; alpha premultiplied, gamma kept, as egui paints.
INPUT vec2 v_at;
INPUT vec2 v_uv;
uniform vec4 u_values[7];
uniform sampler2D u_y;
uniform sampler2D u_u;
uniform sampler2D u_v;

// How much of this pixel lies inside the rounded rectangle.
float coverage() {
    vec2 half_size = u_values[0].zw * 0.5;
    float radius = u_values[2].z;
    vec2 from_corner = abs(v_at - half_size) - half_size + radius;
    float outside = length(max(from_corner, 0.0)) + min(max(from_corner.x, from_corner.y), 0.0);
    return clamp(radius + 0.5 - outside, 0.0, 1.0);
}

void main() {
    vec2 chroma = v_uv * u_values[3].xy;
    vec4 yuv = vec4(SAMPLE(u_y, v_uv).r, SAMPLE(u_u, chroma).r, SAMPLE(u_v, chroma).r, 1.0);
    vec3 rgb = vec3(dot(u_values[4], yuv), dot(u_values[5], yuv), dot(u_values[6], yuv));
    rgb = clamp(rgb, 0.0, 1.0) * u_values[2].w;
    COLOR = vec4(rgb, 1.0) * coverage();
}
