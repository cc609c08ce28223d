//! Cameras of macOS (AVFoundation) and Windows (Media Foundation), through nokhwa alone.
//!
//! These systems have no device files; `/dev/cameraN` stands for the n-th camera of nokhwa's list,
//! so that every source has a path.

use std::path::{Path, PathBuf};

use lanlens_media::{ColorMatrix, ColorRange, SourceError};
use nokhwa::utils::{
    ApiBackend, CameraFormat, CameraIndex, FrameFormat, RequestedFormat, RequestedFormatType,
};
use nokhwa::{Camera, NokhwaError};

use super::CameraDevice;
use super::mode::{Delivery, Mode, PixelFormat, choose};
use super::nokhwa_stream::{FORMATS, NokhwaStream, to_nokhwa};
use super::thread::Opened;
use crate::Wish;
use crate::pace::Rate;

const STAND_IN: &str = "/dev/camera";

pub(super) fn cameras() -> Vec<CameraDevice> {
    let list = match nokhwa::query(ApiBackend::Auto) {
        Ok(list) => list,
        Err(error) => {
            tracing::warn!(%error, "the system does not list its cameras");
            return Vec::new();
        }
    };
    let mut devices: Vec<CameraDevice> = list
        .iter()
        .filter_map(|info| {
            let index = info.index().as_index().ok()?;
            let path = PathBuf::from(format!("{STAND_IN}{index}"));
            // Both systems put their own lasting id here.
            let id = info.misc();
            let stable_id = if id.is_empty() { path.display().to_string() } else { id };
            Some(CameraDevice { index, path, name: info.human_name(), stable_id })
        })
        .collect();
    devices.sort_by_key(|device| device.index);
    for (place, device) in (0..).zip(&mut devices) {
        device.index = place;
    }
    devices
}

pub(super) fn stable_id(path: &Path) -> String {
    cameras()
        .into_iter()
        .find(|device| device.path == path)
        .map_or_else(|| path.display().to_string(), |device| device.stable_id)
}

/// Opens the device; to be called on the thread that will use it.
pub(super) fn open(path: &Path, wish: &Wish) -> Result<Opened, SourceError> {
    let Some(device) = cameras().into_iter().find(|device| device.path == path) else {
        return Err(SourceError::NotFound(format!(
            "there is no camera {}; is it plugged in, and may this program use it?",
            path.display()
        )));
    };
    let Some(index) =
        path.to_str().and_then(|path| path.strip_prefix(STAND_IN)).and_then(|n| n.parse().ok())
    else {
        return Err(SourceError::NotFound(format!("{} is no camera", path.display())));
    };
    let failed = |error: NokhwaError| {
        let error = error.to_string();
        if error.to_lowercase().contains("in use") {
            return SourceError::Busy { device: device.name.clone() };
        }
        SourceError::Unsupported(format!("can't open {}: {error}", device.name))
    };
    let any = RequestedFormat::with_formats(RequestedFormatType::None, &FORMATS);
    let mut camera = Camera::new(CameraIndex::Index(index), any).map_err(failed)?;
    let formats = camera.compatible_camera_formats().map_err(failed)?;
    let modes: Vec<Mode> = formats.iter().filter_map(to_mode).collect();
    let Some(mode) = choose(&modes, wish) else {
        return Err(SourceError::Unsupported(format!(
            "{} delivers neither YUYV, NV12 nor MJPEG pictures",
            device.name
        )));
    };
    let exact = RequestedFormatType::Exact(to_nokhwa(&mode));
    camera.set_camera_requset(RequestedFormat::with_formats(exact, &FORMATS)).map_err(failed)?;
    let stream = NokhwaStream::start(camera, &device.name).map_err(failed)?;
    let range = ColorRange::Limited;
    let delivery = Delivery { mode, stride: 0, range, matrix: ColorMatrix::Bt601 };
    Ok(Opened { label: device.name, delivery, stream: Box::new(stream) })
}

fn to_mode(format: &CameraFormat) -> Option<Mode> {
    let pixels = match format.format() {
        FrameFormat::YUYV => PixelFormat::Yuyv,
        // nokhwa asks macOS for a 10-bit layout when NV12 is wanted.
        FrameFormat::NV12 if !cfg!(target_os = "macos") => PixelFormat::Nv12,
        FrameFormat::MJPEG => PixelFormat::Mjpeg,
        _ => return None,
    };
    let rate = Rate::new(format.frame_rate(), 1)?;
    Some(Mode { pixels, width: format.width(), height: format.height(), rate })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_survive_the_way_to_nokhwa_and_back() {
        for pixels in [PixelFormat::Yuyv, PixelFormat::Nv12, PixelFormat::Mjpeg] {
            let mode = Mode { pixels, width: 640, height: 480, rate: Rate::whole(30) };
            assert_eq!(to_mode(&to_nokhwa(&mode)), Some(mode));
        }
    }

    #[test]
    fn a_camera_that_is_not_in_the_list_is_not_found() {
        let nowhere = Path::new("/dev/camera4711");
        let error = open(nowhere, &Wish::default()).err().unwrap();
        assert!(matches!(error, SourceError::NotFound(_)), "{error}");
        assert_eq!(stable_id(nowhere), "/dev/camera4711");
    }
}
