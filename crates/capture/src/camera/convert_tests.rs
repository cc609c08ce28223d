//! Each byte layout against pictures whose values are known.

use lanlens_media::{ColorMatrix, ColorRange};
use turbojpeg::{Compressor, Image};

use super::super::mode::Mode;
use super::*;
use crate::pace::Rate;

fn converter(pixels: PixelFormat, width: u32, height: u32, stride: usize) -> Converter {
    Converter::new(Delivery {
        mode: Mode { pixels, width, height, rate: Rate::whole(30) },
        stride,
        range: ColorRange::Limited,
        matrix: ColorMatrix::Bt709,
    })
}

fn convert(mut converter: Converter, bytes: &[u8]) -> Result<VideoFrame, ConvertError> {
    converter.convert(bytes, CaptureTime::now())
}

/// Left half red, right half blue, as a JPEG.
fn jpeg(width: usize, height: usize, subsamp: Subsamp) -> Vec<u8> {
    let pixels: Vec<u8> = (0..width * height)
        .flat_map(|at| if at % width < width / 2 { [255, 0, 0] } else { [0, 0, 255] })
        .collect();
    let mut compressor = Compressor::new().unwrap();
    compressor.set_subsamp(subsamp).unwrap();
    compressor.set_quality(95).unwrap();
    let format = turbojpeg::PixelFormat::RGB;
    let image = Image { pixels: pixels.as_slice(), width, pitch: width * 3, height, format };
    compressor.compress_to_vec(image).unwrap()
}

fn at(frame: &VideoFrame, x: usize, y: usize) -> [u8; 3] {
    [(Plane::Y, x, y), (Plane::U, x / 2, y / 2), (Plane::V, x / 2, y / 2)]
        .map(|(plane, x, y)| frame.plane(plane)[y * frame.stride(plane) + x])
}

#[track_caller]
fn assert_near(got: [u8; 3], want: [u8; 3]) {
    let near = got.iter().zip(want).all(|(got, want)| got.abs_diff(want) <= 3);
    assert!(near, "{got:?} is not near {want:?}");
}

#[test]
fn yuyv_rows_may_be_longer_than_the_picture() {
    let stride = 12;
    let mut bytes = vec![0xEE; stride * 3 + 8];
    for row in 0..4_u8 {
        let start = usize::from(row) * stride;
        let first = row * 2;
        bytes[start..start + 8].copy_from_slice(&[
            first,
            100,
            first,
            200,
            first + 1,
            110 + row,
            first + 1,
            220 - row,
        ]);
    }
    let frame = convert(converter(PixelFormat::Yuyv, 4, 4, stride), &bytes).unwrap();
    assert_eq!(frame.plane(Plane::Y), [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]);
    assert_eq!(frame.plane(Plane::U), [100, 111, 100, 113]);
    assert_eq!(frame.plane(Plane::V), [200, 220, 200, 218]);
    assert_eq!((frame.range, frame.matrix), (ColorRange::Limited, ColorMatrix::Bt709));
}

#[test]
fn yuyv_of_odd_size_keeps_its_last_column_and_row() {
    let bytes = [1, 50, 2, 60, 3, 70, 9, 80].repeat(3);
    let frame = convert(converter(PixelFormat::Yuyv, 3, 3, 8), &bytes).unwrap();
    assert_eq!(frame.plane(Plane::Y), [1, 2, 3].repeat(3));
    assert_eq!(frame.plane(Plane::U), [50, 70, 50, 70]);
    assert_eq!(frame.plane(Plane::V), [60, 80, 60, 80]);
}

#[test]
fn nv12_is_taken_apart() {
    let mut bytes = vec![7; 6 * 2];
    bytes.extend([10, 20, 11, 21, 0xEE, 0xEE]);
    let frame = convert(converter(PixelFormat::Nv12, 4, 2, 6), &bytes).unwrap();
    assert_eq!(frame.plane(Plane::Y), [7; 8]);
    assert_eq!(frame.plane(Plane::U), [10, 11]);
    assert_eq!(frame.plane(Plane::V), [20, 21]);
}

#[test]
fn a_short_buffer_is_an_error_and_never_a_panic() {
    for pixels in [PixelFormat::Yuyv, PixelFormat::Nv12, PixelFormat::Mjpeg] {
        for length in [0, 1, 7, 300] {
            assert!(convert(converter(pixels, 64, 36, 128), &vec![0; length]).is_err());
        }
    }
}

#[test]
fn jpeg_of_every_chroma_layout_gives_the_right_colours_in_full_range() {
    for subsamp in
        [Subsamp::None, Subsamp::Sub2x1, Subsamp::Sub2x2, Subsamp::Sub1x2, Subsamp::Sub4x1]
    {
        let frame =
            convert(converter(PixelFormat::Mjpeg, 128, 64, 0), &jpeg(128, 64, subsamp)).unwrap();
        // BT.601 in full range: ITU-T T.871 section 7.
        assert_near(at(&frame, 20, 10), [76, 85, 255]);
        assert_near(at(&frame, 100, 60), [29, 255, 107]);
        assert_eq!((frame.range, frame.matrix), (ColorRange::Full, ColorMatrix::Bt601));
    }
}

#[test]
fn grey_jpeg_has_neutral_chroma() {
    let frame =
        convert(converter(PixelFormat::Mjpeg, 64, 32, 0), &jpeg(64, 32, Subsamp::Gray)).unwrap();
    assert_near(at(&frame, 10, 10), [76, 128, 128]);
}

#[test]
fn jpeg_of_odd_size_fits() {
    for subsamp in [Subsamp::Sub2x1, Subsamp::Sub2x2, Subsamp::None] {
        let frame =
            convert(converter(PixelFormat::Mjpeg, 67, 35, 0), &jpeg(67, 35, subsamp)).unwrap();
        assert_near(at(&frame, 10, 34), [76, 85, 255]);
        assert_near(at(&frame, 66, 34), [29, 255, 107]);
    }
}

#[test]
fn bytes_behind_the_jpeg_do_not_matter() {
    // Drivers hand out whole buffers, with the end of an earlier picture in them.
    let mut bytes = jpeg(64, 32, Subsamp::Sub2x1);
    let stale = bytes[bytes.len() / 2..].to_vec();
    bytes.extend(stale);
    let frame = convert(converter(PixelFormat::Mjpeg, 64, 32, 0), &bytes).unwrap();
    assert_near(at(&frame, 10, 10), [76, 85, 255]);
}

#[test]
fn a_jpeg_of_another_size_or_cut_short_is_an_error_and_the_next_one_works() {
    let mut converter = converter(PixelFormat::Mjpeg, 64, 32, 0);
    let good = jpeg(64, 32, Subsamp::Sub2x1);
    let mut convert = |bytes: &[u8]| converter.convert(bytes, CaptureTime::now());
    let error = convert(&jpeg(32, 32, Subsamp::Sub2x1)).unwrap_err().to_string();
    assert!(error.contains("32x32 where 64x32"), "{error}");
    assert!(convert(&good[..good.len() / 2]).is_err());
    assert!(convert(b"").is_err());
    convert(&good).unwrap();
}
