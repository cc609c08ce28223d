//! A raw picture: I420 (4:2:0 planar, ITU-R BT.601 or BT.709) in one pooled buffer.
//!
//! Buffers return to their [`FramePool`] when the last reference goes, so a steady stream allocates
//! nothing.

use std::sync::{Arc, Mutex, PoisonError};

use crate::CaptureTime;

/// How luma and chroma values map to the 8-bit range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ColorRange {
    /// 16–235 for luma, 16–240 for chroma (video).
    #[default]
    Limited,
    /// 0–255 (JPEG).
    Full,
}

/// Which RGB primaries the YUV values come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ColorMatrix {
    /// Standard definition and most webcams.
    #[default]
    Bt601,
    /// High definition.
    Bt709,
}

/// Spare buffers of one stream.
#[derive(Debug, Clone, Default)]
pub struct FramePool {
    spare: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// More spare buffers than this are freed: a stream has two or three pictures in flight.
const SPARE_MAX: usize = 4;

impl FramePool {
    /// An empty pool.
    pub fn new() -> Self {
        Self::default()
    }

    /// A frame of `width`×`height` pixels whose planes hold arbitrary old bytes.
    ///
    /// Odd sizes are allowed; chroma planes are rounded up.
    pub fn frame(&self, width: u32, height: u32, captured: CaptureTime) -> VideoFrame {
        let layout = Layout::of(width, height);
        let mut data =
            self.spare.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        data.resize(layout.len(), 0);
        VideoFrame {
            buffer: Buffer { data, home: Arc::clone(&self.spare) },
            layout,
            range: ColorRange::default(),
            matrix: ColorMatrix::default(),
            captured,
        }
    }
}

#[derive(Debug)]
struct Buffer {
    data: Vec<u8>,
    home: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut spare = self.home.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.len() < SPARE_MAX {
            spare.push(std::mem::take(&mut self.data));
        }
    }
}

/// Where the three planes lie: tightly packed, Y then U then V.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    width: u32,
    height: u32,
}

impl Layout {
    fn of(width: u32, height: u32) -> Self {
        Self { width, height }
    }
    fn luma(self) -> usize {
        self.width as usize * self.height as usize
    }
    fn chroma(self) -> usize {
        (self.width as usize).div_ceil(2) * (self.height as usize).div_ceil(2)
    }
    fn len(self) -> usize {
        self.luma() + 2 * self.chroma()
    }
}

/// One of the three planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plane {
    /// Luma, full size.
    Y,
    /// Blue difference, half size both ways.
    U,
    /// Red difference, half size both ways.
    V,
}

/// A raw picture. Share it as `Arc<VideoFrame>`.
#[derive(Debug)]
pub struct VideoFrame {
    buffer: Buffer,
    layout: Layout,
    /// Limited or full range.
    pub range: ColorRange,
    /// BT.601 or BT.709.
    pub matrix: ColorMatrix,
    /// When it was taken.
    pub captured: CaptureTime,
}

impl VideoFrame {
    /// Pixels.
    pub fn width(&self) -> u32 {
        self.layout.width
    }

    /// Pixels.
    pub fn height(&self) -> u32 {
        self.layout.height
    }

    /// Bytes from one row of a plane to the next (rows are packed, so also a row's length).
    pub fn stride(&self, plane: Plane) -> usize {
        match plane {
            Plane::Y => self.layout.width as usize,
            Plane::U | Plane::V => (self.layout.width as usize).div_ceil(2),
        }
    }

    /// Rows of a plane.
    pub fn rows(&self, plane: Plane) -> usize {
        match plane {
            Plane::Y => self.layout.height as usize,
            Plane::U | Plane::V => (self.layout.height as usize).div_ceil(2),
        }
    }

    /// The bytes of one plane, `stride × rows` of them.
    pub fn plane(&self, plane: Plane) -> &[u8] {
        let (luma, chroma) = (self.layout.luma(), self.layout.chroma());
        let range = match plane {
            Plane::Y => 0..luma,
            Plane::U => luma..luma + chroma,
            Plane::V => luma + chroma..luma + 2 * chroma,
        };
        &self.buffer.data[range]
    }

    /// All three planes, for writing: Y, U, V.
    pub fn planes_mut(&mut self) -> [&mut [u8]; 3] {
        let (luma, chroma) = (self.layout.luma(), self.layout.chroma());
        let (y, rest) = self.buffer.data.split_at_mut(luma);
        let (u, v) = rest.split_at_mut(chroma);
        [y, u, v]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_cover_the_buffer_also_for_odd_sizes() {
        let frame = FramePool::new().frame(5, 3, CaptureTime::now());
        assert_eq!(frame.plane(Plane::Y).len(), 15);
        assert_eq!(frame.plane(Plane::U).len(), 6);
        assert_eq!(frame.stride(Plane::V) * frame.rows(Plane::V), frame.plane(Plane::V).len());
    }

    #[test]
    fn a_dropped_frame_gives_its_buffer_back() {
        let pool = FramePool::new();
        let first = pool.frame(64, 64, CaptureTime::now());
        let address = first.plane(Plane::Y).as_ptr();
        drop(first);
        assert_eq!(pool.frame(64, 64, CaptureTime::now()).plane(Plane::Y).as_ptr(), address);
    }

    #[test]
    fn a_pool_keeps_only_a_few_spare_buffers() {
        let pool = FramePool::new();
        let frames: Vec<_> = (0..10).map(|_| pool.frame(16, 16, CaptureTime::now())).collect();
        drop(frames);
        assert_eq!(pool.spare.lock().unwrap().len(), SPARE_MAX);
    }
}
