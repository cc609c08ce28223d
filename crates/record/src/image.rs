//! A composed picture in memory.

use thiserror::Error;

/// Rows of RGBA pixels, packed, not premultiplied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RgbaImage {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
    /// Stored beside the picture (PNG's `Description`); nothing is stored if it is empty.
    pub description: String,
}

/// The pixels don't fit the size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("an RGBA picture of {width}×{height} does not have {got} bytes")]
pub struct RgbaImageError {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Bytes given.
    pub got: usize,
}

impl RgbaImage {
    /// Takes `width`×`height`×4 bytes.
    ///
    /// # Errors
    /// When there are more or fewer.
    pub fn new(width: u32, height: u32, pixels: Vec<u8>) -> Result<Self, RgbaImageError> {
        let needed = width as u128 * height as u128 * 4;
        if pixels.len() as u128 != needed {
            return Err(RgbaImageError { width, height, got: pixels.len() });
        }
        Ok(Self { width, height, pixels, description: String::new() })
    }

    /// One colour all over. The caller bounds the size.
    pub(crate) fn filled(width: u32, height: u32, color: [u8; 4]) -> Self {
        let pixels = color.repeat(width as usize * height as usize);
        Self { width, height, pixels, description: String::new() }
    }

    /// Pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Four bytes a pixel, row after row.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    pub(crate) fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_must_fit_the_size() {
        assert!(RgbaImage::new(2, 3, vec![0; 24]).is_ok());
        assert!(RgbaImage::new(2, 3, vec![0; 23]).is_err());
        assert!(RgbaImage::new(u32::MAX, u32::MAX, vec![0; 4]).is_err());
    }
}
