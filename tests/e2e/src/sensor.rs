//! A camera's sensor in the hands of a test: a pipe that pictures come out of, until they do not.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use lanlens_testkit::Launch;
use tempfile::TempDir;

/// A larger picture than the pipe and its reader can hold: when it stops, nothing is left to show.
const SIZE: (usize, usize) = (640, 360);
/// Between two looks whether somebody reads. (`O_NONBLOCK`: a pipe nobody reads must not hold a test.)
const PAUSE: Duration = Duration::from_millis(2);
const O_NONBLOCK: i32 = 0o4000;

/// A live source of moving pictures at 30 a second (the reader sets the pace).
#[derive(Debug)]
pub struct Sensor {
    path: PathBuf,
    state: Arc<State>,
    thread: Option<JoinHandle<()>>,
    _folder: TempDir,
}

#[derive(Debug, Default)]
struct State {
    stopped: AtomicBool,
    ended: AtomicBool,
}

impl Sensor {
    /// One that works.
    ///
    /// # Errors
    /// When the pipe or its thread cannot be made.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("lanlens-sensor-").tempdir()?;
        let path = folder.path().join("sensor.y4m");
        let made = Launch::here("mkfifo").arg(&path).finish(Duration::from_secs(5))?;
        made.check(made.exit_code() == Some(0), "no pipe")?;
        let state = Arc::<State>::default();
        let (own, end) = (Arc::clone(&state), path.clone());
        let thread = std::thread::Builder::new().name("sensor".to_owned());
        let thread = thread.spawn(move || own.feed(&end)).context("no thread")?;
        Ok(Self { path, state, thread: Some(thread), _folder: folder })
    }

    /// As `--source` wants it.
    pub fn source(&self) -> String {
        format!("file:{}", self.path.display())
    }

    /// It hangs from now on, as hardware does: no picture, and no error either.
    pub fn stop(&self) {
        self.state.stopped.store(true, Ordering::Relaxed);
    }

    /// It works again.
    pub fn go_on(&self) {
        self.state.stopped.store(false, Ordering::Relaxed);
    }
}

impl Drop for Sensor {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl State {
    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Writes for one reader after the other.
    fn feed(&self, path: &Path) {
        while !self.has_ended() {
            let pipe = OpenOptions::new().write(true).custom_flags(O_NONBLOCK).open(path);
            match pipe {
                // Until the reader leaves.
                Ok(mut pipe) => drop(self.play(&mut pipe)),
                Err(_) => std::thread::sleep(PAUSE),
            }
        }
    }

    fn play(&self, pipe: &mut File) -> std::io::Result<()> {
        let (width, height) = SIZE;
        let header = format!("YUV4MPEG2 W{width} H{height} F30:1 Ip A1:1 C420\n");
        self.write(pipe, header.as_bytes())?;
        let mut picture = b"FRAME\n".to_vec();
        picture.resize(picture.len() + width * height * 3 / 2, 128);
        for number in 0_usize.. {
            // A moving edge, so that each picture is another one.
            let edge = number * 2 % width;
            for (column, luma) in picture[6..6 + width].iter_mut().enumerate() {
                *luma = if column < edge { 60 } else { 180 };
            }
            let (first, rest) = picture[6..6 + width * height].split_at_mut(width);
            rest.chunks_exact_mut(width).for_each(|row| row.copy_from_slice(first));
            while self.stopped.load(Ordering::Relaxed) && !self.has_ended() {
                std::thread::sleep(PAUSE);
            }
            self.write(pipe, &picture)?;
        }
        Ok(())
    }

    fn write(&self, pipe: &mut File, mut bytes: &[u8]) -> std::io::Result<()> {
        while !bytes.is_empty() {
            if self.has_ended() {
                return Err(ErrorKind::BrokenPipe.into());
            }
            match pipe.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(PAUSE),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
