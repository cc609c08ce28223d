//! Two browsers and the sessions between them.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::browser::{Browser, Looks};
use crate::samples::median;
use crate::scene::{Film, Room};

/// How long the first picture may take.
const PICTURE_LIMIT: Duration = Duration::from_secs(20);

/// A sending browser among the cameras, and a receiving one on the desk.
#[derive(Debug)]
pub struct Pair {
    /// It captures and encodes.
    pub sender: Browser,
    /// It receives and decodes.
    pub receiver: Browser,
}

/// What came in over a stretch of time.
#[derive(Debug, Clone)]
pub struct Flow {
    /// The median session's pictures a second.
    pub fps: f64,
    /// The median session's bitrate, headers included, kbit/s.
    pub kbps: f64,
    /// The narrowest picture, pixels: the sender may have scaled it down.
    pub width: f64,
    /// What it was encoded with.
    pub codec: String,
}

impl Pair {
    /// Starts both; the sender's camera plays a film.
    ///
    /// # Errors
    /// When a browser does not start, or has no camera.
    pub fn with_film(room: &Room, film: &Film) -> Result<Self> {
        let file = format!("--use-file-for-fake-video-capture={}", film.path.display());
        let args = ["--use-fake-device-for-media-stream".to_owned(), file];
        let mut pair = Self::start(room, Looks::Headless, &args)?;
        pair.sender.evaluate("openCamera()")?;
        Ok(pair)
    }

    /// Starts both; the sender paints a picture with the time burned in.
    ///
    /// # Errors
    /// When a browser does not start.
    pub fn with_canvas(room: &Room, looks: Looks<'_>, size: (u32, u32)) -> Result<Self> {
        let mut pair = Self::start(room, looks, &[])?;
        pair.sender.evaluate(&format!("openCanvas({}, {})", size.0, size.1))?;
        Ok(pair)
    }

    fn start(room: &Room, looks: Looks<'_>, sender_args: &[String]) -> Result<Self> {
        let page = page()?;
        Ok(Self {
            sender: Browser::start(&room.cameras, Looks::Headless, &page, sender_args)?,
            receiver: Browser::start(&room.desk, looks, &page, &[])?,
        })
    }

    /// Opens so many sessions of the same picture and waits until each shows it.
    ///
    /// # Errors
    /// When the browsers do not agree, or a picture does not come.
    pub fn connect(&mut self, sessions: usize, bitrate_kbps: u32) -> Result<()> {
        let offers = self.sender.evaluate(&format!("offers({sessions})"))?;
        let answers = self.receiver.evaluate(&format!("answers({offers})"))?;
        let bitrate = bitrate_kbps * 1000;
        self.sender.evaluate(&format!("accept({answers}, {bitrate})"))?;
        let start = Instant::now();
        loop {
            let received = self.received()?;
            if received.iter().all(|session| session["frames"].as_u64() > Some(0)) {
                return Ok(());
            }
            ensure!(start.elapsed() < PICTURE_LIMIT, "no picture came through: {received:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// What the receiver's sessions have received so far.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn received(&mut self) -> Result<Vec<Value>> {
        let sessions = self.receiver.evaluate("received()")?;
        sessions.as_array().cloned().context("no sessions")
    }

    /// What came in since `before`, `time` ago.
    ///
    /// # Errors
    /// When the receiver does not answer.
    pub fn flow_since(&mut self, before: &[Value], time: Duration) -> Result<Flow> {
        let now = self.received()?;
        let grown = |field: &str| -> f64 {
            let number = |session: &Value| session[field].as_f64().unwrap_or(f64::NAN);
            let pairs = now.iter().zip(before);
            median(&pairs.map(|(now, before)| number(now) - number(before)).collect::<Vec<_>>())
                / time.as_secs_f64()
        };
        let widths = now.iter().filter_map(|session| session["width"].as_f64());
        Ok(Flow {
            fps: grown("frames"),
            kbps: grown("bytes") * 8.0 / 1000.0,
            width: widths.fold(f64::INFINITY, f64::min),
            codec: now.first().unwrap_or(&json!({}))["codec"].as_str().unwrap_or("?").to_owned(),
        })
    }
}

/// The page that both ends open.
fn page() -> Result<PathBuf> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/peer.html");
    ensure!(page.is_file(), "{} is missing: run this from its checkout", page.display());
    Ok(page)
}
