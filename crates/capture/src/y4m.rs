//! YUV4MPEG2, the uncompressed video format of mjpegtools and ffmpeg (`.y4m`): a header line, then
//! for each picture a `FRAME` line and its planes.
//!
//! Reads from anything that seeks, holds one picture at a time, and trusts nothing: every length is
//! bounded before memory is taken.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use lanlens_media::{ColorMatrix, ColorRange, VideoFrame};
use thiserror::Error;

use crate::pace::Rate;
use crate::shrink::{PlaneIn, shrink_into};
use crate::{FPS_MAX, check_size};

const MAGIC: &str = "YUV4MPEG2";
/// Longer lines are refused: ffmpeg's are under 120 bytes.
const LINE_BYTES_MAX: u64 = 1024;
/// The rate of a file that names none (`F0:0` means unknown).
const FPS_UNKNOWN: u32 = 25;

/// Why a file can't be played.
#[derive(Debug, Error)]
pub(crate) enum Y4mError {
    #[error("this is no YUV4MPEG2 file")]
    NotY4m,
    #[error("the {0} line has no end")]
    EndlessLine(&'static str),
    #[error("the header says {0:?}, which is no valid {1}")]
    BadParameter(String, &'static str),
    #[error("the header has no {0}")]
    Missing(&'static str),
    #[error("{0}")]
    Size(String),
    #[error("{0:.3} pictures a second can't be played; 1 to {FPS_MAX} can")]
    Rate(f64),
    #[error("it is interlaced; convert it with: ffmpeg -i IN -vf yadif OUT.y4m")]
    Interlaced,
    #[error("it has no colours (C{0}); convert it with: ffmpeg -i IN -pix_fmt yuv420p OUT.y4m")]
    Mono(String),
    #[error(
        "its colour format C{0} is not supported; \
         convert it with: ffmpeg -i IN -pix_fmt yuv420p OUT.y4m"
    )]
    Colours(String),
    #[error("it holds no picture")]
    Empty,
    #[error("picture {0} does not begin with FRAME")]
    NoFrameLine(u64),
    #[error("it ends in the middle of picture {0}")]
    Truncated(u64),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// How chroma is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subsampling {
    Both,
    Horizontal,
    None,
}

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) rate: Rate,
    range: ColorRange,
    subsampling: Subsampling,
}

impl Header {
    fn parse(line: &str) -> Result<Self, Y4mError> {
        let mut words = line.split(' ').filter(|word| !word.is_empty());
        if words.next() != Some(MAGIC) {
            return Err(Y4mError::NotY4m);
        }
        let (mut width, mut height) = (None, None);
        let mut rate = Rate::whole(FPS_UNKNOWN);
        let (mut range, mut subsampling) = (ColorRange::Limited, Subsampling::Both);
        for word in words {
            let Some((tag, value)) = word.split_at_checked(1) else {
                return Err(Y4mError::BadParameter(word.to_owned(), "parameter"));
            };
            match tag {
                "W" => width = Some(parse_number(word, value, "width")?),
                "H" => height = Some(parse_number(word, value, "height")?),
                "F" => rate = parse_rate(word, value)?,
                "I" if !matches!(value, "p" | "?" | "") => return Err(Y4mError::Interlaced),
                "C" => subsampling = parse_colours(value)?,
                "X" if value == "COLORRANGE=FULL" => range = ColorRange::Full,
                // Pixel aspect, comments, and what later writers may add.
                _ => {}
            }
        }
        let width = width.ok_or(Y4mError::Missing("width"))?;
        let height = height.ok_or(Y4mError::Missing("height"))?;
        check_size(width, height).map_err(Y4mError::Size)?;
        Ok(Self { width, height, rate, range, subsampling })
    }

    /// Width and height of a chroma plane as stored.
    fn chroma(&self) -> (usize, usize) {
        let (width, height) = (self.width as usize, self.height as usize);
        match self.subsampling {
            Subsampling::Both => (width.div_ceil(2), height.div_ceil(2)),
            Subsampling::Horizontal => (width.div_ceil(2), height),
            Subsampling::None => (width, height),
        }
    }

    /// The file does not say; by convention small pictures are BT.601 and large ones BT.709.
    fn matrix(&self) -> ColorMatrix {
        if self.width >= 1280 || self.height >= 720 {
            ColorMatrix::Bt709
        } else {
            ColorMatrix::Bt601
        }
    }
}

fn parse_number(word: &str, value: &str, what: &'static str) -> Result<u32, Y4mError> {
    value.parse().map_err(|_| Y4mError::BadParameter(word.to_owned(), what))
}

fn parse_rate(word: &str, value: &str) -> Result<Rate, Y4mError> {
    let bad = || Y4mError::BadParameter(word.to_owned(), "rate");
    let (frames, seconds) = value.split_once(':').ok_or_else(bad)?;
    let (frames, seconds) =
        (frames.parse().map_err(|_| bad())?, seconds.parse().map_err(|_| bad())?);
    if (frames, seconds) == (0, 0) {
        return Ok(Rate::whole(FPS_UNKNOWN));
    }
    let rate = Rate::new(frames, seconds).ok_or_else(bad)?;
    if rate.fps() < 1.0 || rate.fps() > f64::from(FPS_MAX) {
        return Err(Y4mError::Rate(rate.fps()));
    }
    Ok(rate)
}

fn parse_colours(value: &str) -> Result<Subsampling, Y4mError> {
    match value {
        // The variants tell where between the pixels chroma was measured: less than a pixel apart.
        "420" | "420jpeg" | "420mpeg2" | "420paldv" => Ok(Subsampling::Both),
        "422" => Ok(Subsampling::Horizontal),
        "444" => Ok(Subsampling::None),
        _ if value.starts_with("mono") => Err(Y4mError::Mono(value.to_owned())),
        _ => Err(Y4mError::Colours(value.to_owned())),
    }
}

/// A file being played.
#[derive(Debug)]
pub(crate) struct Y4mReader<R> {
    input: R,
    header: Header,
    /// Where the first `FRAME` line begins.
    first: u64,
    /// Pictures read since then.
    number: u64,
    /// One chroma plane as stored, where it must be made smaller.
    scratch: Vec<u8>,
}

impl<R: BufRead + Seek> Y4mReader<R> {
    /// Reads the header.
    pub(crate) fn new(mut input: R) -> Result<Self, Y4mError> {
        let mut magic = [0; MAGIC.len()];
        match input.read_exact(&mut magic) {
            Ok(()) if magic == *MAGIC.as_bytes() => {}
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error.into()),
            _ => return Err(Y4mError::NotY4m),
        }
        let rest = read_line(&mut input, "header")?.ok_or(Y4mError::EndlessLine("header"))?;
        let header = Header::parse(&format!("{MAGIC}{rest}"))?;
        // A pipe has none: it is played to its end, which is then an error like any other.
        let first = input.stream_position().unwrap_or(0);
        Ok(Self { input, header, first, number: 0, scratch: Vec::new() })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// Fills `frame`, of the header's size, with the next picture; after the last comes the first.
    pub(crate) fn read_into(&mut self, frame: &mut VideoFrame) -> Result<(), Y4mError> {
        let mut line = read_line(&mut self.input, "FRAME")?;
        if line.is_none() {
            if self.number == 0 {
                return Err(Y4mError::Empty);
            }
            self.input.seek(SeekFrom::Start(self.first))?;
            self.number = 0;
            line = read_line(&mut self.input, "FRAME")?;
        }
        self.number += 1;
        let line = line.ok_or(Y4mError::Empty)?;
        if line != "FRAME" && !line.starts_with("FRAME ") {
            return Err(Y4mError::NoFrameLine(self.number));
        }
        if line.split(' ').skip(1).any(|word| word.starts_with('I') && !word.starts_with("Ip")) {
            return Err(Y4mError::Interlaced);
        }
        frame.range = self.header.range;
        frame.matrix = self.header.matrix();
        self.read_planes(frame).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => Y4mError::Truncated(self.number),
            _ => Y4mError::Io(error),
        })
    }

    fn read_planes(&mut self, frame: &mut VideoFrame) -> io::Result<()> {
        let (width, height) =
            ((frame.width() as usize).div_ceil(2), (frame.height() as usize).div_ceil(2));
        let stored = self.header.chroma();
        let [y, u, v] = frame.planes_mut();
        self.input.read_exact(y)?;
        for plane in [u, v] {
            if stored == (width, height) {
                self.input.read_exact(plane)?;
                continue;
            }
            self.scratch.resize(stored.0 * stored.1, 0);
            self.input.read_exact(&mut self.scratch)?;
            let stored = PlaneIn {
                data: &self.scratch,
                stride: stored.0,
                width: stored.0,
                height: stored.1,
            };
            shrink_into(stored, plane, width, height);
        }
        Ok(())
    }
}

/// One line without its end; `None` at the end of the file.
fn read_line(input: &mut impl BufRead, what: &'static str) -> Result<Option<String>, Y4mError> {
    let mut line = Vec::new();
    input.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(Y4mError::EndlessLine(what));
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

#[cfg(test)]
#[path = "y4m_tests.rs"]
mod tests;
