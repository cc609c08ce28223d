//! The thread that lives with one open camera.
//!
//! It opens the device itself, because some platforms tie a camera to the thread that opened it,
//! and drops it itself. Dropping the source stops the thread and waits for it a moment, so that
//! the camera is free again for whoever opens it next.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use lanlens_media::{CaptureTime, FrameSource, LatestSlot, SourceError, VideoFrame};
use lanlens_model::VideoFormat;

use super::convert::Converter;
use super::mode::Delivery;

/// A camera needs up to this long to set up, and again to show its first picture.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
/// A running camera that shows nothing for this long, and a picture's time, is lost.
const SILENCE_MAX: Duration = Duration::from_secs(1);
/// How long a stop waits for the thread.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);
/// After this many buffers without a picture in them the camera is given up.
const BAD_PICTURES_MAX: u32 = 60;

/// An open device, as the platform's code sees it.
pub(super) trait RawStream {
    /// Blocks for the next buffer. `None` when there was none for a while, so that a stop is seen;
    /// implementations that can't wake up by themselves block until the device gives or fails.
    fn next_buffer(&mut self) -> Result<Option<Cow<'_, [u8]>>, SourceError>;
}

/// What opening a device gives.
pub(super) struct Opened {
    /// For messages: name and path.
    pub(super) label: String,
    pub(super) delivery: Delivery,
    pub(super) stream: Box<dyn RawStream>,
}

type Slot = LatestSlot<Result<Arc<VideoFrame>, SourceError>>;

/// A camera as a source of pictures.
pub(crate) struct CameraSource {
    label: String,
    format: VideoFormat,
    slot: Arc<Slot>,
    stop: Arc<AtomicBool>,
    /// Closes when the thread has let go of the device.
    done: Receiver<()>,
    first: Option<Arc<VideoFrame>>,
    silence_max: Duration,
}

impl CameraSource {
    /// Opens the device on a thread of its own and waits for the first picture.
    pub(super) fn start(
        name: &str,
        open: impl FnOnce() -> Result<Opened, SourceError> + Send + 'static,
    ) -> Result<Self, SourceError> {
        let slot = Arc::new(Slot::new());
        let stop = Arc::new(AtomicBool::new(false));
        let (ready, is_ready) = sync_channel(1);
        let (alive, done) = sync_channel(0);
        let worker = Worker { slot: Arc::clone(&slot), stop: Arc::clone(&stop), _alive: alive };
        std::thread::Builder::new()
            .name(format!("capture-{name}"))
            .spawn(move || worker.run(open, &ready))
            .map_err(|error| SourceError::Lost(format!("no thread for {name}: {error}")))?;
        let (label, delivery) = match is_ready.recv_timeout(OPEN_TIMEOUT) {
            Ok(opened) => opened?,
            Err(RecvTimeoutError::Disconnected) => {
                return Err(SourceError::Lost(format!("the driver library failed at {name}")));
            }
            Err(RecvTimeoutError::Timeout) => {
                stop.store(true, Ordering::Relaxed);
                return Err(SourceError::Lost(format!("{name} does not answer; plug it in again")));
            }
        };
        let rate = delivery.mode.rate;
        let mut source = Self {
            label,
            format: VideoFormat {
                width: delivery.mode.width,
                height: delivery.mode.height,
                fps: rate.fps_rounded(),
            },
            slot,
            stop,
            done,
            first: None,
            silence_max: SILENCE_MAX + Duration::from_secs_f64(rate.fps().max(0.2).recip()),
        };
        source.first = Some(source.wait(OPEN_TIMEOUT)?);
        Ok(source)
    }

    fn wait(&self, timeout: Duration) -> Result<Arc<VideoFrame>, SourceError> {
        self.slot.wait(timeout).unwrap_or_else(|| {
            Err(SourceError::Lost(if self.slot.is_closed() {
                format!("{} stopped", self.label)
            } else {
                format!("{} gave no picture for {:.1} s", self.label, timeout.as_secs_f32())
            }))
        })
    }
}

impl FrameSource for CameraSource {
    fn format(&self) -> VideoFormat {
        self.format
    }

    fn next_frame(&mut self) -> Result<Arc<VideoFrame>, SourceError> {
        // The first picture is old by now if another one has come.
        let first = self.first.take();
        match (self.slot.take(), first) {
            (Some(newest), _) => newest,
            (None, Some(first)) => Ok(first),
            (None, None) => self.wait(self.silence_max),
        }
    }
}

impl Drop for CameraSource {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Nothing is ever sent: the wait ends when the thread drops its side, or in vain.
        if self.done.recv_timeout(STOP_TIMEOUT) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!(
                camera = self.label,
                "the camera is silent and can't be closed before it answers or is unplugged"
            );
        }
    }
}

/// The thread's side.
struct Worker {
    slot: Arc<Slot>,
    stop: Arc<AtomicBool>,
    _alive: SyncSender<()>,
}

impl Drop for Worker {
    /// Also when a driver library panics: the taker must not wait for a thread that is gone.
    fn drop(&mut self) {
        self.slot.close();
    }
}

type Ready = SyncSender<Result<(String, Delivery), SourceError>>;

impl Worker {
    fn run(self, open: impl FnOnce() -> Result<Opened, SourceError>, ready: &Ready) {
        // A full or closed channel means that nobody waits any more; `stop` says so too.
        let Opened { label, delivery, mut stream } = match open() {
            Ok(opened) => opened,
            Err(error) => {
                let _ = ready.try_send(Err(error));
                return;
            }
        };
        let _ = ready.try_send(Ok((label.clone(), delivery)));
        if let Err(error) = self.pump(&label, delivery, stream.as_mut()) {
            self.slot.put(Err(error));
        }
        // The device is let go before `self`, whose end tells the taker that it is free.
        drop(stream);
    }

    fn pump(
        &self,
        label: &str,
        delivery: Delivery,
        stream: &mut dyn RawStream,
    ) -> Result<(), SourceError> {
        let mut converter = Converter::new(delivery);
        let mut bad_in_a_row = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let Some(bytes) = stream.next_buffer()? else { continue };
            let captured = CaptureTime::now();
            match converter.convert(&bytes, captured) {
                Ok(frame) => {
                    bad_in_a_row = 0;
                    self.slot.put(Ok(Arc::new(frame)));
                }
                // Damaged pictures are common while a USB camera starts up.
                Err(error) if bad_in_a_row < BAD_PICTURES_MAX => {
                    tracing::debug!(camera = label, %error, "picture dropped");
                    bad_in_a_row += 1;
                }
                Err(error) => return Err(SourceError::Unsupported(format!("{label}: {error}"))),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::mode::{Mode, PixelFormat};
    use crate::pace::Rate;
    use lanlens_media::{ColorMatrix, ColorRange, Plane};

    /// A device that plays a script: luma of a picture, or a failure.
    struct Script {
        steps: std::vec::IntoIter<Result<u8, SourceError>>,
        /// Taken before each step, so that a test decides when it comes.
        go: Receiver<()>,
        released: Arc<AtomicBool>,
    }

    impl RawStream for Script {
        fn next_buffer(&mut self) -> Result<Option<Cow<'_, [u8]>>, SourceError> {
            if self.go.recv_timeout(Duration::from_millis(5)).is_err() {
                return Ok(None);
            }
            match self.steps.next() {
                Some(Ok(0)) => Ok(Some(Cow::Borrowed(&[]))),
                Some(Ok(luma)) => Ok(Some(Cow::Owned(vec![luma; 16 * 16 * 2]))),
                Some(Err(error)) => Err(error),
                None => Ok(None),
            }
        }
    }

    impl Drop for Script {
        fn drop(&mut self) {
            self.released.store(true, Ordering::SeqCst);
        }
    }

    fn start(
        steps: Vec<Result<u8, SourceError>>,
    ) -> (Result<CameraSource, SourceError>, SyncSender<()>, Arc<AtomicBool>) {
        let (step, go) = sync_channel(1000);
        step.send(()).unwrap();
        let released = Arc::new(AtomicBool::new(false));
        let script = Script { steps: steps.into_iter(), go, released: Arc::clone(&released) };
        let mode = Mode { pixels: PixelFormat::Yuyv, width: 16, height: 16, rate: Rate::whole(30) };
        let delivery =
            Delivery { mode, stride: 32, range: ColorRange::Full, matrix: ColorMatrix::Bt601 };
        let source = CameraSource::start("script", move || {
            Ok(Opened { label: "Script cam".to_owned(), delivery, stream: Box::new(script) })
        });
        (source, step, released)
    }

    fn lost() -> Result<u8, SourceError> {
        Err(SourceError::Lost("unplugged".to_owned()))
    }

    #[test]
    fn pictures_arrive_and_dropping_the_source_frees_the_device() {
        let (source, step, released) = start(vec![Ok(1), Ok(2)]);
        let mut source = source.unwrap();
        assert_eq!(source.format(), VideoFormat { width: 16, height: 16, fps: 30 });
        assert_eq!(source.next_frame().unwrap().plane(Plane::Y)[0], 1);
        step.send(()).unwrap();
        let frame = source.next_frame().unwrap();
        assert_eq!((frame.plane(Plane::Y)[0], frame.range), (2, ColorRange::Full));
        assert!(!released.load(Ordering::SeqCst));
        drop(source);
        assert!(released.load(Ordering::SeqCst));
    }

    #[test]
    fn an_unplugged_camera_says_so_once_and_stays_lost() {
        let (source, step, released) = start(vec![Ok(1), lost()]);
        let mut source = source.unwrap();
        source.next_frame().unwrap();
        step.send(()).unwrap();
        assert_eq!(source.next_frame().unwrap_err().to_string(), "unplugged");
        assert_eq!(source.next_frame().unwrap_err().to_string(), "Script cam stopped");
        drop(source);
        assert!(released.load(Ordering::SeqCst));
    }

    #[test]
    fn a_camera_that_falls_silent_is_lost_and_not_waited_for() {
        let (source, _step, _) = start(vec![Ok(1)]);
        let mut source = source.unwrap();
        source.next_frame().unwrap();
        source.silence_max = Duration::from_millis(10);
        let error = source.next_frame().unwrap_err();
        assert!(error.to_string().contains("gave no picture"), "{error}");
    }

    #[test]
    fn a_few_damaged_pictures_are_passed_over_but_not_endlessly_many() {
        let (source, step, _) = start(vec![Ok(1), Ok(0), Ok(0), Ok(4)]);
        let mut source = source.unwrap();
        source.next_frame().unwrap();
        for _ in 0..3 {
            step.send(()).unwrap();
        }
        assert_eq!(source.next_frame().unwrap().plane(Plane::Y)[0], 4);

        let (source, step, _) = start(std::iter::once(1).chain([0; 100]).map(Ok).collect());
        let mut source = source.unwrap();
        source.next_frame().unwrap();
        // The thread gives up somewhere on the way and then takes no more.
        while step.send(()).is_ok() {}
        let error = source.next_frame().unwrap_err();
        assert!(matches!(error, SourceError::Unsupported(_)), "{error}");
    }

    #[test]
    fn a_camera_that_can_not_be_opened_says_why() {
        let busy = || Err(SourceError::Busy { device: "Desk cam".to_owned() });
        let error = CameraSource::start("busy", busy).err().unwrap();
        assert!(error.to_string().starts_with("Desk cam is in use"), "{error}");
        let panics = || panic!("a driver library");
        let error = CameraSource::start("panics", panics).err().unwrap();
        assert!(error.to_string().contains("library failed at panics"), "{error}");
    }
}
