//! A picture of a screen: plain RGB, to measure in and to keep for people.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Rows of RGB, 8 bits each, without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// `width * height * 3` bytes.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// A black picture.
    pub fn black(width: usize, height: usize) -> Self {
        Self { width, height, rgb: vec![0; width * height * 3] }
    }

    /// Red, green, blue of a pixel; black outside.
    pub fn pixel(&self, x: usize, y: usize) -> [u8; 3] {
        let at = (y * self.width + x) * 3;
        match self.rgb.get(at..at + 3) {
            Some(&[r, g, b]) if x < self.width => [r, g, b],
            _ => [0; 3],
        }
    }

    /// Sets a pixel; nothing outside.
    pub fn set(&mut self, x: usize, y: usize, colour: [u8; 3]) {
        let at = (y * self.width + x) * 3;
        if x < self.width && y < self.height {
            self.rgb[at..at + 3].copy_from_slice(&colour);
        }
    }

    /// Brightness of a pixel, 0 to 255.
    pub fn luma(&self, x: usize, y: usize) -> u8 {
        let [r, g, b] = self.pixel(x, y).map(u32::from);
        u8::try_from((299 * r + 587 * g + 114 * b) / 1000).unwrap_or(u8::MAX)
    }

    /// Mean colour of a rectangle; black where it is empty.
    pub fn mean(&self, x: usize, y: usize, width: usize, height: usize) -> [u8; 3] {
        let mut sums = [0u64; 3];
        for row in y..y + height {
            for column in x..x + width {
                for (sum, value) in sums.iter_mut().zip(self.pixel(column, row)) {
                    *sum += u64::from(value);
                }
            }
        }
        let count = (width * height).max(1) as u64;
        sums.map(|sum| u8::try_from(sum / count).unwrap_or(u8::MAX))
    }

    /// Writes it as PNG.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_png(&self, path: &Path) -> Result<()> {
        let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
        let (width, height) = (u32::try_from(self.width)?, u32::try_from(self.height)?);
        let mut encoder = png::Encoder::new(BufWriter::new(file), width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header()?.write_image_data(&self.rgb)?;
        Ok(())
    }

    /// Reads a PNG with 8-bit RGB or RGBA pixels.
    ///
    /// # Errors
    /// When the file cannot be read or holds another kind of picture.
    pub fn read_png(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
        let mut reader = png::Decoder::new(std::io::BufReader::new(file)).read_info()?;
        let mut bytes = vec![0; reader.output_buffer_size().context("the picture is too large")?];
        let info = reader.next_frame(&mut bytes)?;
        let channels = match (info.color_type, info.bit_depth) {
            (png::ColorType::Rgb, png::BitDepth::Eight) => 3,
            (png::ColorType::Rgba, png::BitDepth::Eight) => 4,
            other => anyhow::bail!("a PNG of {other:?} is not read here"),
        };
        let pixels = bytes[..info.buffer_size()].chunks_exact(channels);
        let rgb = pixels.flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
        Ok(Self { width: info.width as usize, height: info.height as usize, rgb })
    }

    /// Keeps it as `NAME.png` in the folder that `LANLENS_ARTIFACTS` names, for people to look at.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, name: &str) -> Result<()> {
        if let Some(folder) = std::env::var_os("LANLENS_ARTIFACTS") {
            let folder = PathBuf::from(folder);
            std::fs::create_dir_all(&folder)?;
            self.write_png(&folder.join(format!("{name}.png")))?;
        }
        Ok(())
    }
}
