//! PNG files, written beside their place and then moved into it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use lanlens_media::VideoFrame;
use lanlens_media::convert::{ConvertError, i420_to_rgb};
use thiserror::Error;

use crate::RgbaImage;

/// Why a picture was not saved. Nothing is left behind, and a file that was there before is as it
/// was.
#[derive(Debug, Error)]
pub enum SaveError {
    /// The path has no file name.
    #[error("{} names no file", .0.display())]
    NoName(PathBuf),
    /// The file could not be made.
    #[error("can't write to {}: {source}", folder.display())]
    Create {
        /// Where it should have been.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Writing failed on the way, as on a full disk.
    #[error("can't write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The picture has no pixels.
    #[error("the picture can't be converted: {0}")]
    Picture(#[from] ConvertError),
}

/// Saves a picture as an RGB PNG, replacing what is there.
///
/// # Errors
/// See [`SaveError`].
pub fn write_png(path: &Path, frame: &VideoFrame) -> Result<(), SaveError> {
    let row = frame.width() as usize * 3;
    let mut rgb = vec![0; row * frame.height() as usize];
    i420_to_rgb(frame, &mut rgb, row)?;
    let picture = Picture {
        width: frame.width(),
        height: frame.height(),
        color: png::ColorType::Rgb,
        pixels: &rgb,
        description: "",
    };
    save(path, &picture)
}

/// Saves a composed picture as an RGBA PNG, replacing what is there.
///
/// # Errors
/// See [`SaveError`].
pub fn write_rgba_png(path: &Path, image: &RgbaImage) -> Result<(), SaveError> {
    let picture = Picture {
        width: image.width(),
        height: image.height(),
        color: png::ColorType::Rgba,
        pixels: image.pixels(),
        description: &image.description,
    };
    save(path, &picture)
}

/// What goes into a file.
struct Picture<'a> {
    width: u32,
    height: u32,
    color: png::ColorType,
    pixels: &'a [u8],
    description: &'a str,
}

impl Picture<'_> {
    fn encode(&self, file: &File) -> Result<(), png::EncodingError> {
        let mut out = BufWriter::new(file);
        let mut encoder = png::Encoder::new(&mut out, self.width, self.height);
        encoder.set_color(self.color);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        if !self.description.is_empty() {
            // A keyword of the PNG specification, section 11.3.3.
            encoder.add_itxt_chunk("Description".to_owned(), self.description.to_owned())?;
        }
        let mut writer = encoder.write_header()?;
        writer.write_image_data(self.pixels)?;
        writer.finish()?;
        out.flush()?;
        Ok(())
    }
}

fn save(path: &Path, picture: &Picture<'_>) -> Result<(), SaveError> {
    let Some(name) = path.file_name() else {
        return Err(SaveError::NoName(path.to_owned()));
    };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let part = Part::create(folder.join(part_name(name)))
        .map_err(|source| SaveError::Create { folder: folder.to_owned(), source })?;
    let failed = |source| SaveError::Write { path: path.to_owned(), source };
    picture.encode(&part.file).map_err(|error| failed(io_error(error)))?;
    part.become_file(path).map_err(failed)
}

fn io_error(error: png::EncodingError) -> io::Error {
    match error {
        png::EncodingError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

/// Unique among the threads of all processes that save the same name at once.
fn part_name(name: &std::ffi::OsStr) -> OsString {
    static SAVED: AtomicU32 = AtomicU32::new(0);
    let number = SAVED.fetch_add(1, Ordering::Relaxed);
    let mut part = OsString::from(".");
    part.push(name);
    part.push(format!(".{}-{number}.part", std::process::id()));
    part
}

/// A file that is not finished, and removed unless it is.
struct Part {
    file: File,
    path: PathBuf,
    finished: bool,
}

impl Part {
    fn create(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok(Self { file, path, finished: false })
    }

    /// Makes it durable, then gives it its name in one step.
    fn become_file(mut self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        std::fs::rename(&self.path, path)?;
        self.finished = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.finished {
            // Nothing more can be done about a file that can't be removed either.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use lanlens_media::{CaptureTime, FramePool, pattern};

    use super::*;

    fn painted(width: u32, height: u32) -> VideoFrame {
        let mut frame = FramePool::new().frame(width, height, CaptureTime::now());
        pattern::paint(&mut frame, 9, 2);
        frame
    }

    fn read(path: &Path) -> (png::OutputInfo, Vec<u8>, Vec<String>) {
        let decoder = png::Decoder::new(io::BufReader::new(File::open(path).unwrap()));
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let texts = reader.info().utf8_text.iter().map(|text| text.get_text().unwrap());
        (info, pixels, texts.collect())
    }

    fn names(folder: &Path) -> Vec<OsString> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_saved_picture_shows_the_colours_of_the_frame() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("still.png");
        write_png(&path, &painted(321, 181)).unwrap();
        let (info, pixels, _) = read(&path);
        assert_eq!((info.width, info.height, info.color_type), (321, 181, png::ColorType::Rgb));
        let corner = &pixels[(170 * 321 + 10) * 3..][..3];
        for (got, wanted) in corner.iter().zip(pattern::base_color(2)) {
            assert!(got.abs_diff(wanted) <= 4, "{corner:?}");
        }
        assert_eq!(names(folder.path()), ["still.png"]);
    }

    #[test]
    fn a_composed_picture_keeps_its_pixels_and_its_description() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sheet.png");
        let mut image = RgbaImage::new(2, 1, vec![1, 2, 3, 255, 5, 6, 7, 0]).unwrap();
        image.description = "Küche, Tür".to_owned();
        write_rgba_png(&path, &image).unwrap();
        let (info, pixels, texts) = read(&path);
        assert_eq!(info.color_type, png::ColorType::Rgba);
        assert_eq!(pixels, image.pixels());
        assert_eq!(texts, ["Küche, Tür"]);
    }

    #[test]
    fn saving_again_replaces_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("still.png");
        write_png(&path, &painted(64, 64)).unwrap();
        write_png(&path, &painted(32, 16)).unwrap();
        assert_eq!(read(&path).0.width, 32);
        assert_eq!(names(folder.path()).len(), 1);
    }

    #[test]
    fn a_failure_leaves_nothing_behind_and_says_where() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        let error = write_png(&missing.join("still.png"), &painted(16, 16)).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");

        // A folder stands in the way of the last step.
        let taken = folder.path().join("taken.png");
        std::fs::create_dir(&taken).unwrap();
        std::fs::write(taken.join("inside"), "kept").unwrap();
        let error = write_png(&taken, &painted(16, 16)).unwrap_err();
        assert!(matches!(error, SaveError::Write { .. }), "{error}");
        assert_eq!(names(folder.path()), ["taken.png"]);
    }

    #[test]
    fn no_name_and_no_pixels_are_errors() {
        let frame = painted(16, 16);
        assert!(matches!(write_png(Path::new("/"), &frame), Err(SaveError::NoName(_))));
        let folder = tempfile::tempdir().unwrap();
        let empty = painted(0, 16);
        let result = write_png(&folder.path().join("still.png"), &empty);
        assert!(matches!(result, Err(SaveError::Picture(_))));
        assert!(names(folder.path()).is_empty());
    }
}
