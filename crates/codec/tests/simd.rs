//! The build must not have fallen back to C++.

#[test]
fn openh264_was_built_with_its_assembly() {
    assert!(
        lanlens_codec::simd_is_compiled_in(),
        "openh264 was built without assembly: install nasm, then `cargo clean -p openh264-sys2`"
    );
}
