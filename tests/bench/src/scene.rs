//! What most rows stand on: a LAN with a room of cameras and a desk with viewers, a film for sources
//! that must all show the same, and what one viewer measured.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use lanlens_e2e::{Camera, CameraApp, Watch, WatchApp};
use lanlens_media::{CaptureTime, FramePool, Plane, pattern};
use lanlens_testkit::{Addresses, Event, Host, Lan};
use serde_json::Value;
use tempfile::TempDir;

/// What a row says where there is no LAN.
pub const NO_LAN: &str = "needs root for network namespaces";
/// Beyond the time that a watcher was given.
const END_LIMIT: Duration = Duration::from_secs(15);
/// Pictures of a film; its end and its beginning do not match, which all sides see alike.
const FILM_FRAMES: u64 = 150;

/// Two hosts on one switch. What runs on them must be dropped first.
#[derive(Debug)]
pub struct Room {
    /// Where cameras run.
    pub cameras: Host,
    /// Where viewers run.
    pub desk: Host,
    /// The network itself.
    pub lan: Lan,
}

impl Room {
    /// `None` where network namespaces cannot be made; the reason is [`NO_LAN`].
    ///
    /// # Errors
    /// As [`Lan::new`].
    pub fn new() -> Result<Option<Self>> {
        let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(None) };
        Ok(Some(Self { cameras: lan.host("cameras")?, desk: lan.host("desk")?, lan }))
    }

    /// A camera that admits everyone: the test picture, 640×360 at 30 frames a second.
    pub fn camera(&self, name: &str) -> CameraApp {
        CameraApp::new(&self.cameras, name).open()
    }

    /// A watcher of every camera, which reads the time burned into test pictures.
    pub fn watch(&self) -> WatchApp {
        WatchApp::new(&self.desk)
    }

    /// So many cameras that play a film.
    ///
    /// # Errors
    /// When one does not start.
    pub fn cinemas(&self, film: &Film, count: usize, args: &[&str]) -> Result<Vec<Camera>> {
        let one = |number| {
            let camera = self.camera(&format!("Cinema {number}"));
            camera.source(&film.source()).size(film.size).args(args).start()
        };
        (1..=count).map(one).collect()
    }
}

/// A file of moving pictures, removed with this.
#[derive(Debug)]
pub struct Film {
    /// Where it is.
    pub path: PathBuf,
    size: &'static str,
    _folder: TempDir,
}

impl Film {
    /// The test picture at 640×360 and 30 frames a second, as YUV4MPEG2.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn of_640x360() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("lanlens-film-").tempdir()?;
        let path = folder.path().join("film.y4m");
        let mut file = BufWriter::new(File::create(&path)?);
        file.write_all(b"YUV4MPEG2 W640 H360 F30:1 Ip A1:1 C420mpeg2\n")?;
        let pool = FramePool::new();
        for number in 0..FILM_FRAMES {
            let mut frame = pool.frame(640, 360, CaptureTime::now());
            pattern::paint(&mut frame, number, 1);
            file.write_all(b"FRAME\n")?;
            for plane in [Plane::Y, Plane::U, Plane::V] {
                file.write_all(frame.plane(plane))?;
            }
        }
        file.flush()?;
        Ok(Self { path, size: "640x360", _folder: folder })
    }

    /// As `--source` wants it.
    pub fn source(&self) -> String {
        format!("file:{}", self.path.display())
    }
}

/// What one watcher measured of one camera, over its whole run.
#[derive(Debug, Clone, Copy)]
pub struct Watched {
    /// Age of the decoded pictures, ms: the median.
    pub p50_ms: f64,
    /// And what 95 of 100 do not exceed.
    pub p95_ms: f64,
    /// Pictures a second.
    pub fps: f64,
    /// As the contract defines them.
    pub freezes: f64,
    /// The longest of them, ms, at most: freezes of one second are told together.
    pub freeze_ms_max: f64,
    /// Payload received of late, kbit/s.
    pub kbps: f64,
    /// The part of the seconds in which the large picture came, 0 to 1.
    pub high_share: f64,
    /// How far the capture time that travels with the pictures is off the one burned into them, ms:
    /// the worst second's 95 of 100.
    pub capture_error_p95_ms: f64,
}

impl Watched {
    /// Waits for the end of a watcher that was given `seconds`, and reads what it says of a camera.
    ///
    /// # Errors
    /// When it fails, or says nothing of the camera.
    pub fn of(watch: &mut Watch, camera: &str, seconds: u32) -> Result<Self> {
        watch.wait_done(Duration::from_secs(seconds.into()) + END_LIMIT)?;
        let events = watch.program.events();
        let summary = events.iter().find(|event| event.is("summary")).context("no summary")?;
        let cameras = summary["cameras"].as_array().context("a summary without cameras")?;
        let of = cameras.iter().find(|entry| entry["camera"] == camera);
        let of = of.with_context(|| watch.program.failure("nothing of the camera").to_string())?;
        let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
        let stats: Vec<Event> = watch.stats(camera);
        let frozen = stats.iter().map(|event| number(&event["frozen_ms"]));
        let steps = frozen.clone().skip(1).zip(frozen).map(|(now, before)| now - before);
        let high = stats.iter().filter(|event| event.text("layer") == "high");
        let errors = stats.iter().filter_map(|event| event["capture_error_ms"]["p95"].as_f64());
        Ok(Self {
            p50_ms: number(&of["latency_ms"]["p50"]),
            p95_ms: number(&of["latency_ms"]["p95"]),
            fps: number(&of["fps"]),
            freezes: number(&of["freezes"]),
            freeze_ms_max: steps.fold(0.0, f64::max),
            high_share: high.count() as f64 / stats.len() as f64,
            kbps: stats.last().map_or(f64::NAN, |event| number(&event["kbps"])),
            capture_error_p95_ms: errors.fold(f64::NAN, f64::max),
        })
    }
}
