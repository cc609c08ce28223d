//! What the stages work on: a short film of the moving test picture, and the same as cameras send it.

use lanlens_media::{CaptureTime, FramePool, Plane, VideoFrame, burned_time, pattern};
use turbojpeg::{Subsamp, YuvImage};

/// Pictures of a film: a second and a half.
pub(crate) const FILM: u64 = 45;
/// As webcams compress.
const JPEG_QUALITY: i32 = 80;

/// A size and what it is encoded with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Format {
    pub(crate) name: &'static str,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) bitrate_kbps: u32,
}

/// The first pictures of the test pattern, each with a time burned in.
pub(crate) fn film(format: Format, count: u64) -> Vec<VideoFrame> {
    let pool = FramePool::new();
    let picture = |number| {
        let mut frame = pool.frame(format.width, format.height, CaptureTime::now());
        pattern::paint(&mut frame, number, 1);
        burned_time::write(&mut frame, 1_795_000_000_000_000 + number * 33_333);
        frame
    };
    (0..count).map(picture).collect()
}

/// A film without an end that never jumps: forwards, backwards, forwards.
pub(crate) fn to_and_fro(film: &[VideoFrame]) -> impl Iterator<Item = &VideoFrame> {
    film.iter().chain(film.iter().rev()).cycle()
}

/// As an uncompressed webcam sends it.
pub(crate) fn yuyv(frame: &VideoFrame) -> Vec<u8> {
    let (width, half) = (frame.stride(Plane::Y), frame.stride(Plane::U));
    let mut bytes = Vec::new();
    for (y, luma) in frame.plane(Plane::Y).chunks_exact(width).enumerate() {
        let chroma = |plane| &frame.plane(plane)[y / 2 * half..][..half];
        let pairs = luma.chunks_exact(2).zip(chroma(Plane::U)).zip(chroma(Plane::V));
        bytes.extend(pairs.flat_map(|((luma, blue), red)| [luma[0], *blue, luma[1], *red]));
    }
    bytes
}

/// As most webcams send it.
pub(crate) fn jpeg(frame: &VideoFrame) -> Vec<u8> {
    let pixels = [Plane::Y, Plane::U, Plane::V].map(|plane| frame.plane(plane)).concat();
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let subsamp = Subsamp::Sub2x2;
    let image = YuvImage { pixels: pixels.as_slice(), width, align: 1, height, subsamp };
    turbojpeg::compress_yuv(image, JPEG_QUALITY).unwrap().to_vec()
}
