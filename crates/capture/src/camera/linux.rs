//! Cameras of Linux (Video4Linux2).
//!
//! nokhwa carries the pictures. Before that, the `v4l` crate sets the mode, because nokhwa chooses
//! badly, and fails for good on a device whose present mode it does not understand. What nokhwa
//! can't express at all (fractional rates, sizes given as ranges) is read through `v4l` itself.

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use lanlens_media::{ColorMatrix, ColorRange, SourceError};
use nokhwa::utils::{CameraIndex, RequestedFormat, RequestedFormatType};
use nokhwa::{Camera, NokhwaError};
use v4l::buffer::Type;
use v4l::format::{Colorspace, Quantization};
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::FrameSizeEnum;
use v4l::io::traits::{CaptureStream, Stream};
use v4l::prelude::MmapStream;
use v4l::video::Capture;
use v4l::video::capture::Parameters;
use v4l::{Device, Format, FourCC, Fraction};

use super::CameraDevice;
use super::holder::holders;
use super::linux_list::{Roots, video_number};
use super::mode::{Delivery, Mode, PixelFormat, choose};
use super::nokhwa_stream::{FORMATS, NokhwaStream, to_nokhwa};
use super::thread::{Opened, RawStream};
use crate::pace::Rate;
use crate::{FPS_DEFAULT, SIZE_DEFAULT, Wish};

/// Buffers shared with the driver: one being filled, one waiting, one with us, one to spare.
const BUFFERS: u32 = 4;
/// How long a wait for a picture lasts before the stop flag is looked at.
const POLL_TIMEOUT: Duration = Duration::from_millis(200);
/// Sizes and rates that a driver may list; more are ignored.
const MODES_MAX: usize = 2000;

pub(super) fn cameras() -> Vec<CameraDevice> {
    let roots = Roots::of_this_machine();
    let mut list: Vec<CameraDevice> = Vec::new();
    for node in roots.video_nodes() {
        let listed = match Device::with_path(&node.path) {
            // Further nodes of a camera, for metadata, list no picture formats.
            Ok(device) => !formats(&device).is_empty(),
            // Shown all the same, unless it looks like such a second node: opening it says why.
            Err(_) => !list.iter().any(|known| known.name == node.name),
        };
        if listed {
            list.push(CameraDevice {
                index: u32::try_from(list.len()).unwrap_or(u32::MAX),
                stable_id: roots.stable_id(&node.path),
                path: node.path,
                name: node.name,
            });
        }
    }
    list
}

pub(super) fn stable_id(path: &Path) -> String {
    Roots::of_this_machine().stable_id(path)
}

/// Opens the device; to be called on the thread that will use it.
pub(super) fn open(path: &Path, wish: &Wish) -> Result<Opened, SourceError> {
    let number = path.canonicalize().ok().and_then(|path| video_number(&path));
    let label = match number {
        Some(number) => {
            format!("{} ({})", Roots::of_this_machine().name(number), path.display())
        }
        None => path.display().to_string(),
    };
    let failed = |error: io::Error| explain(path, &label, &error);
    let device = Device::with_path(path).map_err(failed)?;
    // Fails for what is no camera at all.
    device.format().map_err(failed)?;
    let listed = list_modes(&device, wish);
    let modes: Vec<Mode> = listed.iter().map(|listed| listed.mode).collect();
    let Some(mode) = choose(&modes, wish) else {
        return Err(SourceError::Unsupported(format!(
            "{label} delivers no pictures that can be used; wanted are YUYV, NV12 or MJPEG"
        )));
    };
    let delivery = set_mode(&device, &mode).map_err(failed)?.ok_or_else(|| {
        SourceError::Unsupported(format!("{label} refuses {}x{}", mode.width, mode.height))
    })?;
    let plain = listed.iter().any(|listed| listed.mode == mode && listed.plain);
    if let (Some(number), true) = (number, plain && is_whole(&delivery.mode.rate)) {
        // nokhwa opens the device a second time; the mode belongs to the device and stays set.
        match open_nokhwa(number, &delivery.mode, &label) {
            Ok(stream) => {
                tracing::debug!(camera = label, mode = ?delivery.mode, "opened through nokhwa");
                return Ok(Opened { label, delivery, stream: Box::new(stream) });
            }
            Err(error) if error.to_string().contains("os error 16") => {
                return Err(busy(path, &label));
            }
            Err(error) => {
                tracing::info!(camera = label, %error, "nokhwa can't open it; reading it directly");
            }
        }
    }
    open_direct(&device, &mode, label, path)
}

fn open_nokhwa(number: u32, mode: &Mode, label: &str) -> Result<NokhwaStream, NokhwaError> {
    let exact = RequestedFormatType::Exact(to_nokhwa(mode));
    let format = RequestedFormat::with_formats(exact, &FORMATS);
    NokhwaStream::start(Camera::new(CameraIndex::Index(number), format)?, label)
}

fn open_direct(
    device: &Device,
    mode: &Mode,
    label: String,
    path: &Path,
) -> Result<Opened, SourceError> {
    let failed = |error: io::Error| explain(path, &label, &error);
    let delivery = set_mode(device, mode).map_err(failed)?.ok_or_else(|| {
        SourceError::Unsupported(format!("{label} refuses {}x{}", mode.width, mode.height))
    })?;
    let stream = DirectStream::start(device, &label).map_err(failed)?;
    tracing::debug!(camera = label, mode = ?delivery.mode, "opened directly");
    Ok(Opened { label, delivery, stream: Box::new(stream) })
}

/// Sets format and rate and asks what came of it; `None` where the driver chose another format.
fn set_mode(device: &Device, mode: &Mode) -> io::Result<Option<Delivery>> {
    let fourcc = to_fourcc(mode.pixels);
    device.set_format(&Format::new(mode.width, mode.height, fourcc))?;
    let (frames, seconds) = mode.rate.parts();
    // Some devices, virtual ones above all, have one rate only and refuse to hear of it.
    if let Err(error) = device.set_params(&Parameters::new(Fraction::new(seconds, frames))) {
        tracing::debug!(%error, "the driver does not take a rate");
    }
    let format = device.format()?;
    let rate = device
        .params()
        .ok()
        .and_then(|params| Rate::new(params.interval.denominator, params.interval.numerator));
    if format.fourcc != fourcc || crate::check_size(format.width, format.height).is_err() {
        return Ok(None);
    }
    let set = Mode {
        width: format.width,
        height: format.height,
        rate: rate.unwrap_or(mode.rate),
        ..*mode
    };
    Ok(Some(Delivery {
        mode: set,
        stride: format.stride as usize,
        range: range_of(&format),
        matrix: match format.colorspace {
            Colorspace::Rec709 => ColorMatrix::Bt709,
            _ => ColorMatrix::Bt601,
        },
    }))
}

/// The kernel's rule (`V4L2_MAP_QUANTIZATION_DEFAULT`): YUV is limited unless it is JPEG's.
fn range_of(format: &Format) -> ColorRange {
    match (format.quantization, format.colorspace) {
        (Quantization::FullRange, _) | (Quantization::Default, Colorspace::JPEG) => {
            ColorRange::Full
        }
        _ => ColorRange::Limited,
    }
}

fn to_fourcc(pixels: PixelFormat) -> FourCC {
    FourCC::new(match pixels {
        PixelFormat::Yuyv => b"YUYV",
        PixelFormat::Nv12 => b"NV12",
        PixelFormat::Mjpeg => b"MJPG",
    })
}

fn formats(device: &Device) -> Vec<PixelFormat> {
    let known = [PixelFormat::Yuyv, PixelFormat::Nv12, PixelFormat::Mjpeg];
    let Ok(listed) = device.enum_formats() else { return Vec::new() };
    known.into_iter().filter(|it| listed.iter().any(|f| f.fourcc == to_fourcc(*it))).collect()
}

/// A mode of the driver's list; `plain` where nokhwa can read the list it comes from.
struct Listed {
    mode: Mode,
    plain: bool,
}

/// All modes the device names; of a range of sizes or rates, the one nearest to the wish.
fn list_modes(device: &Device, wish: &Wish) -> Vec<Listed> {
    let (wish_width, wish_height) = wish.size.unwrap_or(SIZE_DEFAULT);
    let mut modes = Vec::new();
    for pixels in formats(device) {
        let fourcc = to_fourcc(pixels);
        for listed in device.enum_framesizes(fourcc).unwrap_or_default() {
            let (width, height, plain) = match listed.size {
                FrameSizeEnum::Discrete(size) => (size.width, size.height, true),
                FrameSizeEnum::Stepwise(range) => (
                    snap(wish_width, range.min_width, range.max_width, range.step_width),
                    snap(wish_height, range.min_height, range.max_height, range.step_height),
                    false,
                ),
            };
            for (rate, plain_rate) in list_rates(device, fourcc, (width, height), wish) {
                if modes.len() < MODES_MAX {
                    let mode = Mode { pixels, width, height, rate };
                    modes.push(Listed { mode, plain: plain && plain_rate });
                }
            }
        }
    }
    modes
}

fn list_rates(
    device: &Device,
    fourcc: FourCC,
    (width, height): (u32, u32),
    wish: &Wish,
) -> Vec<(Rate, bool)> {
    let wished = Rate::whole(wish.fps.unwrap_or(FPS_DEFAULT));
    let listed = device.enum_frameintervals(fourcc, width, height).unwrap_or_default();
    if listed.is_empty() {
        // The driver does not say: ask for the wish and take what comes.
        return vec![(wished, false)];
    }
    let rate = |interval: Fraction| Rate::new(interval.denominator, interval.numerator);
    listed
        .into_iter()
        .filter_map(|listed| match listed.interval {
            FrameIntervalEnum::Discrete(interval) => Some((rate(interval)?, true)),
            FrameIntervalEnum::Stepwise(range) => {
                // The shortest interval is the highest rate.
                let (high, low) = (rate(range.min)?, rate(range.max)?);
                let fps = wished.fps();
                let within = if fps > high.fps() {
                    high
                } else if fps < low.fps() {
                    low
                } else {
                    wished
                };
                Some((within, false))
            }
        })
        .collect()
}

/// The value nearest to `wish` in `min..=max`, a whole number of steps above `min`.
fn snap(wish: u32, min: u32, max: u32, step: u32) -> u32 {
    let above = wish.clamp(min, max.max(min)) - min;
    min + above - above % step.max(1)
}

fn is_whole(rate: &Rate) -> bool {
    let (frames, seconds) = rate.parts();
    // nokhwa reads the driver's fraction as it stands.
    seconds == 1 && frames > 0
}

/// What an error of the kernel means for a person.
fn explain(path: &Path, label: &str, error: &io::Error) -> SourceError {
    match error.kind() {
        ErrorKind::ResourceBusy => busy(path, label),
        ErrorKind::NotFound => SourceError::NotFound(format!(
            "there is no camera {}; is it plugged in? 'ls /dev/video*' shows what is there",
            path.display()
        )),
        ErrorKind::PermissionDenied => SourceError::NotFound(format!(
            "no leave to open {label}; run 'sudo usermod -aG video $USER' and log in again"
        )),
        // ENXIO, ENODEV: the file is there, the device behind it is not.
        _ if matches!(error.raw_os_error(), Some(6 | 19)) => {
            SourceError::NotFound(format!("{label} was unplugged; plug it in again"))
        }
        _ if error.raw_os_error() == Some(25) => {
            SourceError::Unsupported(format!("{} is no camera", path.display()))
        }
        _ => SourceError::Unsupported(format!("can't use {label}: {error}")),
    }
}

fn busy(path: &Path, label: &str) -> SourceError {
    let holders = holders(Path::new("/proc"), path);
    let device = match holders.as_slice() {
        [] => label.to_owned(),
        names => format!("{label}, opened by {},", names.join(" and ")),
    };
    SourceError::Busy { device }
}

/// The device read through `v4l`, with a timeout.
struct DirectStream {
    stream: MmapStream<'static>,
    label: String,
}

impl DirectStream {
    fn start(device: &Device, label: &str) -> io::Result<Self> {
        let mut stream = MmapStream::with_buffers(device, Type::VideoCapture, BUFFERS)?;
        // `next` gives buffer 0 back before it waits, as if it had been in use; so that one is
        // held back here. Started this way the stream can be polled before each `next`, which
        // itself must not time out: it would give the same buffer back twice.
        for index in 1..BUFFERS as usize {
            match CaptureStream::queue(&mut stream, index) {
                // The driver may have made fewer.
                Err(_) if index > 1 => break,
                result => result?,
            }
        }
        Stream::start(&mut stream)?;
        Ok(Self { stream, label: label.to_owned() })
    }
}

impl RawStream for DirectStream {
    fn next_buffer(&mut self) -> Result<Option<Cow<'_, [u8]>>, SourceError> {
        /// `POLLIN` of poll(2).
        const READABLE: i16 = 1;
        let lost = |error: io::Error| SourceError::Lost(format!("{} stopped: {error}", self.label));
        let timeout = i32::try_from(POLL_TIMEOUT.as_millis()).unwrap_or(i32::MAX);
        match self.stream.handle().poll(READABLE, timeout) {
            Ok(0) => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(None),
            result => result.map_err(lost)?,
        };
        let (bytes, meta) = self.stream.next().map_err(lost)?;
        // What lies behind is left over from an earlier picture.
        let used = (meta.bytesused as usize).min(bytes.len());
        Ok(Some(Cow::Borrowed(&bytes[..used])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_snapped_into_the_drivers_range() {
        assert_eq!(snap(1280, 32, 2592, 2), 1280);
        assert_eq!(snap(1279, 32, 2592, 2), 1278);
        assert_eq!(snap(10, 32, 2592, 2), 32);
        assert_eq!(snap(9999, 32, 2592, 0), 2592);
        assert_eq!(snap(50, 100, 10, 1), 100);
    }

    #[test]
    fn only_whole_rates_go_through_nokhwa() {
        assert!(is_whole(&Rate::whole(30)));
        assert!(!is_whole(&Rate::new(30_000, 1001).unwrap()));
    }

    #[test]
    fn errors_of_the_kernel_are_put_into_words() {
        let say = |code: i32| {
            explain(
                Path::new("/dev/video9"),
                "Desk cam (/dev/video9)",
                &io::Error::from_raw_os_error(code),
            )
        };
        assert!(matches!(say(16), SourceError::Busy { .. }));
        assert!(matches!(say(2), SourceError::NotFound(_)));
        assert!(say(2).to_string().contains("is it plugged in"));
        assert!(say(13).to_string().contains("usermod -aG video"));
        assert!(say(19).to_string().contains("Desk cam (/dev/video9) was unplugged"));
        assert!(say(25).to_string().contains("/dev/video9 is no camera"));
        assert!(say(22).to_string().contains("Desk cam"));
    }

    #[test]
    fn what_is_no_camera_is_refused_with_words() {
        for (path, part) in [("/dev/null", "is no camera"), ("/dev/video4711", "is it plugged in")]
        {
            let error = open(Path::new(path), &Wish::default()).err().unwrap().to_string();
            assert!(error.contains(part), "{path}: {error}");
        }
    }

    #[test]
    fn range_follows_the_kernels_rule() {
        let mut format = Format::new(1, 1, to_fourcc(PixelFormat::Yuyv));
        assert_eq!(range_of(&format), ColorRange::Limited);
        format.colorspace = Colorspace::JPEG;
        assert_eq!(range_of(&format), ColorRange::Full);
        format.quantization = Quantization::LimitedRange;
        assert_eq!(range_of(&format), ColorRange::Limited);
    }
}
