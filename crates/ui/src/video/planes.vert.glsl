// A picture's rectangle. The values are those of values.rs.
INPUT vec2 a_corner;
OUTPUT vec2 v_at;
OUTPUT vec2 v_uv;
uniform vec4 u_values[7];

void main() {
    v_at = a_corner * u_values[0].zw;
    v_uv = u_values[1].xy + a_corner * u_values[1].zw;
    vec2 at = (u_values[0].xy + v_at) / u_values[2].xy;
    gl_Position = vec4(2.0 * at.x - 1.0, 1.0 - 2.0 * at.y, 0.0, 1.0);
}
