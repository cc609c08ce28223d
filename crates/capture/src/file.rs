//! A `.y4m` file as a source: streamed from disk, in its own rate, again and again.

use std::fs::File;
use std::io::{BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use lanlens_media::{CaptureTime, FramePool, FrameSource, SourceError, VideoFrame};
use lanlens_model::VideoFormat;

use crate::pace::{Pacer, wait_until};
use crate::y4m::{Y4mError, Y4mReader};

/// Read ahead in pieces of this size: a 720p picture is 1.3 MiB.
const READ_BYTES: usize = 256 * 1024;

/// A file being played.
#[derive(Debug)]
pub(crate) struct FileSource {
    path: PathBuf,
    reader: Y4mReader<BufReader<File>>,
    pacer: Pacer,
    pool: FramePool,
    /// Read while opening, so that a file without any picture is refused there.
    first: Option<VideoFrame>,
}

impl FileSource {
    pub(crate) fn open(path: &Path) -> Result<Self, SourceError> {
        let file = File::open(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                SourceError::NotFound(format!("there is no file {}", path.display()))
            }
            _ => SourceError::NotFound(format!("can't open {}: {error}", path.display())),
        })?;
        let reader = Y4mReader::new(BufReader::with_capacity(READ_BYTES, file))
            .map_err(|error| refused(path, &error))?;
        let pacer = Pacer::new(reader.header().rate);
        let mut source =
            Self { path: path.to_owned(), reader, pacer, pool: FramePool::new(), first: None };
        source.first = Some(source.read()?);
        Ok(source)
    }

    fn read(&mut self) -> Result<VideoFrame, SourceError> {
        let VideoFormat { width, height, .. } = self.format();
        let mut frame = self.pool.frame(width, height, CaptureTime::now());
        match self.reader.read_into(&mut frame) {
            Ok(()) => Ok(frame),
            Err(Y4mError::Io(error)) => {
                Err(SourceError::Lost(format!("can't read {}: {error}", self.path.display())))
            }
            Err(error) => Err(refused(&self.path, &error)),
        }
    }
}

impl FrameSource for FileSource {
    fn format(&self) -> VideoFormat {
        let header = self.reader.header();
        VideoFormat {
            width: header.width,
            height: header.height,
            fps: self.pacer.rate().fps_rounded(),
        }
    }

    fn next_frame(&mut self) -> Result<Arc<VideoFrame>, SourceError> {
        let mut frame = match self.first.take() {
            Some(frame) => frame,
            None => self.read()?,
        };
        let (_, due) = self.pacer.next(Instant::now());
        wait_until(due);
        frame.captured = CaptureTime::now();
        Ok(Arc::new(frame))
    }
}

fn refused(path: &Path, error: &Y4mError) -> SourceError {
    SourceError::Unsupported(format!("can't play {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanlens_media::Plane;

    #[test]
    fn a_file_is_played_in_a_loop() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("two.y4m");
        let mut file = b"YUV4MPEG2 W32 H16 F120:1\n".to_vec();
        for luma in [10, 20] {
            file.extend_from_slice(b"FRAME\n");
            file.extend([luma; 32 * 16]);
            file.extend([128; 32 * 16 / 2]);
        }
        std::fs::write(&path, file).unwrap();
        let mut source = FileSource::open(&path).unwrap();
        assert_eq!(source.format(), VideoFormat { width: 32, height: 16, fps: 120 });
        let seen: Vec<u8> =
            (0..5).map(|_| source.next_frame().unwrap().plane(Plane::Y)[0]).collect();
        assert_eq!(seen, [10, 20, 10, 20, 10]);
    }

    #[test]
    fn a_file_that_can_not_be_played_is_refused_when_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none.y4m");
        std::fs::write(&path, "YUV4MPEG2 W32 H16\n").unwrap();
        let error = FileSource::open(&path).unwrap_err();
        assert!(matches!(error, SourceError::Unsupported(_)));
        assert!(error.to_string().contains("none.y4m: it holds no picture"), "{error}");
        assert!(FileSource::open(folder.path()).is_err());
    }
}
