//! The words of `--source`, and which real source they mean on this machine.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use lanlens_media::SourceError;
use thiserror::Error;

use crate::camera::{self, CameraDevice};

/// A source as the user names it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SourceSpec {
    /// The first real camera: `auto`.
    #[default]
    Auto,
    /// The n-th real camera in the order of [`cameras`](crate::cameras), from 0: `camera:N`.
    Camera(u32),
    /// A camera by its device: `/dev/videoN`, or any link to it under `/dev`.
    Device(PathBuf),
    /// The moving test picture: `pattern`.
    Pattern,
    /// A YUV4MPEG2 file, played again and again: `file:PATH`.
    File(PathBuf),
}

/// Why a text names no source.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpecError {
    /// No such word.
    #[error("unknown source {0:?}; use auto, camera:N, /dev/videoN, pattern or file:PATH.y4m")]
    Unknown(String),
    /// `camera:` without a number.
    #[error("camera: needs a number, such as camera:0, not {0:?}")]
    BadNumber(String),
    /// `file:` without a name.
    #[error("file: needs the path of a .y4m file")]
    NoPath,
    /// Another kind of file.
    #[error("{0} is no .y4m file; convert it with: ffmpeg -i {0} -pix_fmt yuv420p out.y4m")]
    NotY4m(String),
}

impl FromStr for SourceSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        if let Some(number) = text.strip_prefix("camera:") {
            let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            return match number.parse() {
                Ok(number) if digits => Ok(SourceSpec::Camera(number)),
                _ => Err(SpecError::BadNumber(number.to_owned())),
            };
        }
        if let Some(path) = text.strip_prefix("file:") {
            let file = PathBuf::from(path);
            return match file.extension().and_then(|extension| extension.to_str()) {
                _ if path.is_empty() => Err(SpecError::NoPath),
                Some(extension) if extension.eq_ignore_ascii_case("y4m") => {
                    Ok(SourceSpec::File(file))
                }
                _ => Err(SpecError::NotY4m(path.to_owned())),
            };
        }
        match text {
            "auto" => Ok(SourceSpec::Auto),
            "pattern" => Ok(SourceSpec::Pattern),
            _ if text.starts_with("/dev/") && text.len() > "/dev/".len() => {
                Ok(SourceSpec::Device(PathBuf::from(text)))
            }
            _ => Err(SpecError::Unknown(text.to_owned())),
        }
    }
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceSpec::Auto => f.write_str("auto"),
            SourceSpec::Camera(number) => write!(f, "camera:{number}"),
            SourceSpec::Device(path) => path.display().fmt(f),
            SourceSpec::Pattern => f.write_str("pattern"),
            SourceSpec::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl SourceSpec {
    /// Turns `auto` and `camera:N` into the device they mean now; the rest stays as it is.
    ///
    /// # Errors
    /// `NotFound`, with what to do, when there is no such camera.
    pub fn resolve(&self) -> Result<SourceSpec, SourceError> {
        match self {
            SourceSpec::Auto => resolve_auto(),
            SourceSpec::Camera(number) => nth(&camera::cameras(), *number),
            other => Ok(other.clone()),
        }
    }

    /// Whether this source exists now, without opening a camera: for a clear word at the start. A
    /// file's header is read.
    ///
    /// # Errors
    /// `NotFound` or `Unsupported`, with what to do.
    pub fn check(&self) -> Result<(), SourceError> {
        match self {
            SourceSpec::File(path) => crate::file::FileSource::open(path).map(drop),
            SourceSpec::Device(path) if !path.exists() => Err(SourceError::NotFound(format!(
                "there is no {}; plug the camera in, or choose another --source",
                path.display()
            ))),
            _ => self.resolve().map(drop),
        }
    }

    /// The name that stays with this source through restarts and other addresses, from which a
    /// `CameraId` is derived: a camera's [`stable_id`](CameraDevice::stable_id), a file's absolute
    /// path. `None` for a pattern, which is told apart by the node's slot.
    ///
    /// # Errors
    /// `NotFound` when `auto` or `camera:N` names no camera of this machine.
    pub fn identity(&self) -> Result<Option<String>, SourceError> {
        match self.resolve()? {
            SourceSpec::File(path) => {
                let path = path.canonicalize().unwrap_or(path);
                Ok(Some(format!("file:{}", path.display())))
            }
            SourceSpec::Device(path) => Ok(Some(camera::stable_id(&path))),
            SourceSpec::Auto | SourceSpec::Camera(_) | SourceSpec::Pattern => Ok(None),
        }
    }
}

/// The first real camera of this machine.
///
/// # Errors
/// `NotFound` when there is none.
pub fn resolve_auto() -> Result<SourceSpec, SourceError> {
    nth(&camera::cameras(), 0)
}

fn nth(cameras: &[CameraDevice], number: u32) -> Result<SourceSpec, SourceError> {
    if let Some(camera) = cameras.iter().find(|camera| camera.index == number) {
        return Ok(SourceSpec::Device(camera.path.clone()));
    }
    let Some(last) = cameras.last() else {
        return Err(SourceError::NotFound(
            "no camera found; plug one in, or show the test picture with --source pattern"
                .to_owned(),
        ));
    };
    Err(SourceError::NotFound(format!(
        "there is no camera:{number}; the last one is camera:{}, {}",
        last.index, last.name
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_of_the_contract_is_understood_and_printed_back() {
        for (text, spec) in [
            ("auto", SourceSpec::Auto),
            ("camera:0", SourceSpec::Camera(0)),
            ("camera:12", SourceSpec::Camera(12)),
            ("/dev/video3", SourceSpec::Device("/dev/video3".into())),
            ("/dev/v4l/by-id/usb-x", SourceSpec::Device("/dev/v4l/by-id/usb-x".into())),
            ("pattern", SourceSpec::Pattern),
            ("file:a b.y4m", SourceSpec::File("a b.y4m".into())),
            ("file:/x/CLIP.Y4M", SourceSpec::File("/x/CLIP.Y4M".into())),
        ] {
            assert_eq!(text.parse(), Ok(spec.clone()), "{text}");
            assert_eq!(spec.to_string(), text);
        }
    }

    #[test]
    fn a_wrong_source_says_what_would_be_right() {
        for (text, part) in [
            ("", "use auto"),
            ("Auto", "use auto"),
            ("webcam", "\"webcam\""),
            ("/dev/", "use auto"),
            ("/tmp/video0", "use auto"),
            ("camera:", "camera:0"),
            ("camera:-1", "camera:0"),
            ("camera:+1", "camera:0"),
            ("camera:99999999999", "camera:0"),
            ("file:", ".y4m"),
            ("file:clip.mp4", "ffmpeg -i clip.mp4"),
        ] {
            let error = text.parse::<SourceSpec>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_camera_number_past_the_end_names_the_last_camera() {
        let desk = CameraDevice {
            index: 0,
            path: "/dev/video2".into(),
            name: "Desk".into(),
            stable_id: "usb-desk".into(),
        };
        let list = [desk];
        assert_eq!(nth(&list, 0).unwrap(), SourceSpec::Device("/dev/video2".into()));
        assert!(nth(&list, 1).unwrap_err().to_string().contains("camera:0, Desk"));
        assert!(nth(&[], 0).unwrap_err().to_string().contains("--source pattern"));
    }

    #[test]
    fn a_file_is_the_same_source_by_whatever_path_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clip.y4m");
        std::fs::write(&file, b"").unwrap();
        let roundabout = folder.path().join(".").join("clip.y4m");
        let identity = SourceSpec::File(file).identity().unwrap();
        assert!(identity.is_some());
        assert_eq!(SourceSpec::File(roundabout).identity().unwrap(), identity);
        assert_eq!(SourceSpec::Pattern.identity().unwrap(), None);
    }
}
