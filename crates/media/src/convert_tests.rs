//! Known pixels through each conversion, padded strides, odd sizes, buffers one byte short.

use super::*;
use crate::{CaptureTime, FramePool};

fn frame(width: u32, height: u32) -> VideoFrame {
    let mut frame = FramePool::new().frame(width, height, CaptureTime::now());
    frame.planes_mut().into_iter().for_each(|plane| plane.fill(0xEE));
    frame
}

/// Sizes whose rows and columns pair up and sizes whose don't.
const SIZES: [(u32, u32); 5] = [(8, 4), (7, 5), (64, 3), (1, 1), (33, 2)];

#[test]
fn yuyv_keeps_luma_and_averages_the_chroma_of_two_rows() {
    // Two rows of two pixels, padded to six bytes.
    let yuyv = [10, 100, 20, 200, 0, 0, 30, 110, 40, 220];
    let mut frame = frame(2, 2);
    yuyv_to_i420(&yuyv, 6, &mut frame).unwrap();
    assert_eq!(frame.plane(Plane::Y), [10, 20, 30, 40]);
    assert_eq!(frame.plane(Plane::U), [105]);
    assert_eq!(frame.plane(Plane::V), [210]);
}

#[test]
fn yuyv_fills_every_byte_also_of_odd_sizes_and_padded_rows() {
    for (width, height) in SIZES {
        for padding in [0, 10] {
            let stride = width.div_ceil(2) as usize * 4 + padding;
            let yuyv = [50, 60, 50, 70].repeat(stride * height as usize / 4 + 1);
            // Padding shifts the pattern, so only luma's two values and chroma's two may occur.
            let mut frame = frame(width, height);
            yuyv_to_i420(&yuyv, stride, &mut frame).unwrap();
            assert!(frame.plane(Plane::Y).iter().all(|value| *value != 0xEE));
            assert!(frame.plane(Plane::U).iter().all(|value| *value != 0xEE));
            assert!(frame.plane(Plane::V).iter().all(|value| *value != 0xEE));
        }
    }
}

#[test]
fn nv12_is_taken_apart_row_by_row() {
    let luma = [1, 2, 3, 0, 4, 5, 6];
    let chroma = [7, 8, 9, 10, 0];
    let mut frame = frame(3, 2);
    nv12_to_i420(&luma, 4, &chroma, 5, &mut frame).unwrap();
    assert_eq!(frame.plane(Plane::Y), [1, 2, 3, 4, 5, 6]);
    assert_eq!(frame.plane(Plane::U), [7, 9]);
    assert_eq!(frame.plane(Plane::V), [8, 10]);
}

#[test]
fn colours_survive_rgb_to_i420_to_rgba_in_every_range_and_matrix() {
    for color in [[200, 30, 40], [20, 180, 60], [40, 60, 220], [255, 255, 255], [0, 0, 0]] {
        for range in [ColorRange::Limited, ColorRange::Full] {
            for matrix in [ColorMatrix::Bt601, ColorMatrix::Bt709] {
                for (width, height) in SIZES {
                    let mut frame = frame(width, height);
                    (frame.range, frame.matrix) = (range, matrix);
                    let rgb = color.repeat((width * height) as usize);
                    rgb_to_i420(&rgb, width as usize * 3, &mut frame).unwrap();
                    let expected = yuv_of(color, range, matrix);
                    assert!(frame.plane(Plane::Y)[0].abs_diff(expected[0]) <= 1);
                    assert!(frame.plane(Plane::U)[0].abs_diff(expected[1]) <= 1);
                    assert!(frame.plane(Plane::V)[0].abs_diff(expected[2]) <= 1);

                    let stride = width as usize * 4 + 4;
                    let mut rgba = vec![0; stride * height as usize];
                    i420_to_rgba(&frame, &mut rgba, stride).unwrap();
                    for row in rgba.chunks(stride) {
                        for pixel in row[..width as usize * 4].chunks(4) {
                            for (got, wanted) in pixel.iter().zip(color) {
                                assert!(got.abs_diff(wanted) <= 4, "{pixel:?} {color:?}");
                            }
                            assert_eq!(pixel[3], 255);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn rgb_output_equals_rgba_output_without_alpha() {
    let mut frame = frame(7, 5);
    rgb_to_i420(&[10, 200, 90].repeat(35), 21, &mut frame).unwrap();
    let (mut rgb, mut rgba) = (vec![0; 105], vec![0; 140]);
    i420_to_rgb(&frame, &mut rgb, 21).unwrap();
    i420_to_rgba(&frame, &mut rgba, 28).unwrap();
    let without: Vec<u8> = rgba.chunks(4).flat_map(|pixel| &pixel[..3]).copied().collect();
    assert_eq!(rgb, without);
}

#[test]
fn a_buffer_one_byte_short_is_an_error_in_each_conversion() {
    for (width, height) in SIZES {
        let mut frame = frame(width, height);
        let (w, h, half) = (width as usize, height as usize, width.div_ceil(2) as usize);
        let short = |len: usize| vec![0; len - 1];
        let is_short = |result| matches!(result, Err(ConvertError::TooShort { .. }));
        assert!(is_short(yuyv_to_i420(&short(half * 4 * h), half * 4, &mut frame)));
        let chroma = half * 2 * h.div_ceil(2);
        let (luma, uv) = (vec![0; w * h], vec![0; chroma]);
        assert!(is_short(nv12_to_i420(&short(w * h), w, &uv, half * 2, &mut frame)));
        assert!(is_short(nv12_to_i420(&luma, w, &short(chroma), half * 2, &mut frame)));
        assert!(is_short(rgb_to_i420(&short(w * h * 3), w * 3, &mut frame)));
        assert!(is_short(i420_to_rgba(&frame, &mut short(w * h * 4), w * 4)));
        assert!(is_short(i420_to_rgb(&frame, &mut short(w * h * 3), w * 3)));
    }
}

#[test]
fn a_stride_below_the_row_and_a_picture_without_pixels_are_errors() {
    let mut small = frame(8, 4);
    let plenty = vec![0; 4096];
    let stride = ConvertError::Stride { needed: 16, stride: 15 };
    assert_eq!(yuyv_to_i420(&plenty, 15, &mut small), Err(stride));
    assert!(rgb_to_i420(&plenty, 23, &mut small).is_err());
    assert!(rgb_to_i420(&plenty, usize::MAX, &mut small).is_err());
    let mut empty = frame(0, 4);
    assert!(matches!(yuyv_to_i420(&plenty, 64, &mut empty), Err(ConvertError::Size(_))));
    assert!(matches!(rgb_to_i420(&plenty, 64, &mut empty), Err(ConvertError::Size(_))));
}
