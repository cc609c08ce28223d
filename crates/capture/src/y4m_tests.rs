//! What a reader of `.y4m` files must get right, on files made in memory.

use std::io::Cursor;

use lanlens_media::{CaptureTime, FramePool, Plane};

use super::*;

fn reader(file: &[u8]) -> Result<Y4mReader<Cursor<Vec<u8>>>, Y4mError> {
    Y4mReader::new(Cursor::new(file.to_vec()))
}

fn next<R: BufRead + Seek>(reader: &mut Y4mReader<R>) -> Result<VideoFrame, Y4mError> {
    let header = *reader.header();
    let mut frame = FramePool::new().frame(header.width, header.height, CaptureTime::now());
    reader.read_into(&mut frame).map(|()| frame)
}

/// A file whose n-th picture has luma n, U 100 + n and V 200 + n.
fn file(header: &str, luma: usize, chroma: usize, pictures: u8) -> Vec<u8> {
    let mut file = format!("YUV4MPEG2 {header}\n").into_bytes();
    for n in 0..pictures {
        file.extend_from_slice(b"FRAME\n");
        file.extend(std::iter::repeat_n(n, luma));
        file.extend(std::iter::repeat_n(100 + n, chroma));
        file.extend(std::iter::repeat_n(200 + n, chroma));
    }
    file
}

fn values(frame: &VideoFrame) -> [u8; 3] {
    [Plane::Y, Plane::U, Plane::V].map(|plane| {
        let plane = frame.plane(plane);
        assert!(plane.iter().all(|value| *value == plane[0]), "not one colour");
        plane[0]
    })
}

#[test]
fn pictures_come_in_order_and_start_again_after_the_last() {
    let mut reader = reader(&file("W16 H16 F30000:1001 Ip A1:1 C420jpeg", 256, 64, 2)).unwrap();
    assert_eq!(reader.header().rate, Rate::new(30_000, 1001).unwrap());
    let seen: Vec<_> = (0..5).map(|_| values(&next(&mut reader).unwrap())).collect();
    assert_eq!(seen[0], [0, 100, 200]);
    assert_eq!(seen[1], [1, 101, 201]);
    assert_eq!(seen[2..], [seen[0], seen[1], seen[0]]);
}

#[test]
fn odd_sizes_have_chroma_rounded_up() {
    let mut reader = reader(&file("W17 H19 F25:1", 17 * 19, 9 * 10, 2)).unwrap();
    let frame = next(&mut reader).unwrap();
    assert_eq!((frame.width(), frame.height()), (17, 19));
    assert_eq!(values(&frame), [0, 100, 200]);
    assert_eq!(values(&next(&mut reader).unwrap()), [1, 101, 201]);
}

#[test]
fn other_subsamplings_are_brought_to_420() {
    for (header, chroma) in [("W16 H18 C422", 8 * 18), ("W17 H18 C444", 17 * 18)] {
        let luma = if header.starts_with("W17") { 17 * 18 } else { 16 * 18 };
        let mut reader = reader(&file(header, luma, chroma, 2)).unwrap();
        assert_eq!(values(&next(&mut reader).unwrap()), [0, 100, 200], "{header}");
        assert_eq!(values(&next(&mut reader).unwrap()), [1, 101, 201], "{header}");
    }
}

#[test]
fn range_and_matrix_travel_with_the_picture() {
    let mut small = reader(&file("W16 H16 XYSCSS=420JPEG XCOLORRANGE=FULL", 256, 64, 1)).unwrap();
    let frame = next(&mut small).unwrap();
    assert_eq!((frame.range, frame.matrix), (ColorRange::Full, ColorMatrix::Bt601));
    let mut large = reader(&file("W16 H720 C420mpeg2", 16 * 720, 8 * 360, 1)).unwrap();
    let frame = next(&mut large).unwrap();
    assert_eq!((frame.range, frame.matrix), (ColorRange::Limited, ColorMatrix::Bt709));
}

#[test]
fn frame_lines_may_carry_parameters() {
    let mut file = b"YUV4MPEG2 W16 H16\nFRAME Ip XNOTE=1\n".to_vec();
    file.extend([7; 384]);
    assert_eq!(values(&next(&mut reader(&file).unwrap()).unwrap()), [7, 7, 7]);
}

#[test]
fn a_bad_header_is_refused_with_words() {
    for (header, part) in [
        ("", "no YUV4MPEG2"),
        ("YUV4MPEG", "no YUV4MPEG2"),
        ("RIFF....AVI LIST\n", "no YUV4MPEG2"),
        ("YUV4MPEG2X W16 H16\n", "no YUV4MPEG2"),
        ("YUV4MPEG2 W16 H16", "no end"),
        ("YUV4MPEG2 H16\n", "no width"),
        ("YUV4MPEG2 W16\n", "no height"),
        ("YUV4MPEG2 W H16\n", "valid width"),
        ("YUV4MPEG2 W-16 H16\n", "valid width"),
        ("YUV4MPEG2 W16 H99999999999999\n", "valid height"),
        ("YUV4MPEG2 W0 H16\n", "too small"),
        ("YUV4MPEG2 W4294967295 H4294967295\n", "too large"),
        ("YUV4MPEG2 W16 H16 F30\n", "valid rate"),
        ("YUV4MPEG2 W16 H16 F1:0\n", "valid rate"),
        ("YUV4MPEG2 W16 H16 F1:10\n", "pictures a second"),
        ("YUV4MPEG2 W16 H16 F9999:1\n", "pictures a second"),
        ("YUV4MPEG2 W16 H16 It\n", "interlaced"),
        ("YUV4MPEG2 W16 H16 Im\n", "interlaced"),
        ("YUV4MPEG2 W16 H16 Cmono\n", "no colours"),
        ("YUV4MPEG2 W16 H16 C420p10\n", "C420p10"),
        ("YUV4MPEG2 W16 H16 C444alpha\n", "C444alpha"),
        ("YUV4MPEG2 W16 H16 \u{fc}\n", "valid parameter"),
    ] {
        let error = reader(header.as_bytes()).err().unwrap().to_string();
        assert!(error.contains(part), "{header:?}: {error}");
    }
    let long = format!("YUV4MPEG2 W16 H16 X{}\n", "a".repeat(100_000));
    assert!(reader(long.as_bytes()).err().unwrap().to_string().contains("no end"));
}

#[test]
fn a_damaged_picture_is_refused_with_its_number() {
    let good = file("W16 H16", 256, 64, 2);
    let mut truncated = reader(&good[..good.len() - 1]).unwrap();
    next(&mut truncated).unwrap();
    let error = next(&mut truncated).unwrap_err().to_string();
    assert!(error.contains("middle of picture 2"), "{error}");

    let mut shifted = good.clone();
    shifted.insert(b"YUV4MPEG2 W16 H16\nFRAME\n".len(), 0);
    let mut shifted = reader(&shifted).unwrap();
    next(&mut shifted).unwrap();
    let error = next(&mut shifted).unwrap_err().to_string();
    assert!(error.contains("picture 2"), "{error}");

    let error = next(&mut reader(b"YUV4MPEG2 W16 H16\n").unwrap()).unwrap_err().to_string();
    assert!(error.contains("no picture"), "{error}");

    let endless = [b"YUV4MPEG2 W16 H16\n".as_slice(), &[b'F'; 5000]].concat();
    let error = next(&mut reader(&endless).unwrap()).unwrap_err().to_string();
    assert!(error.contains("FRAME line has no end"), "{error}");
}
