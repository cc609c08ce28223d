//! What receiving and decoding 16 streams costs the viewer.

use std::time::Duration;

use anyhow::Result;
use lanlens_e2e::WatchApp;

use crate::processes::{Cost, Meter};
use crate::report::{Figure, Outcome};
use crate::samples::median;
use crate::scene::{Film, NO_LAN, Room};
use crate::settings::Settings;

/// Streams.
pub const STREAMS: usize = 16;
/// Each with this ceiling, kbit/s.
pub const BITRATE_KBPS: u32 = 1000;

pub(super) fn run(settings: Settings) -> Result<Outcome> {
    let Some(room) = Room::new()? else { return Ok(Outcome::Skipped(NO_LAN.to_owned())) };
    let film = Film::of_640x360()?;
    let count = settings.count(STREAMS);
    let received = measure(&room, &film, count, settings.settle(), settings.time(20))?;
    let figures = vec![
        Figure::at_most("cpu_ms_per_stream_second", received.cpu_ms_per_stream_s, 13.0),
        Figure::at_most("rss_mib", received.cost.rss_mib, 150.0),
        Figure::shown("fps", received.fps),
        Figure::shown("kbps", received.kbps),
    ];
    Ok(Outcome::Measured(figures, vec![format!("threads, ms/s: {}", received.cost.profile)]))
}

/// What a watcher of some cameras cost and saw.
#[derive(Debug)]
pub struct Received {
    /// The process.
    pub cost: Cost,
    /// Its processor time for each stream, ms a second.
    pub cpu_ms_per_stream_s: f64,
    /// The median camera's pictures a second.
    pub fps: f64,
    /// The median camera's bitrate.
    pub kbps: f64,
}

/// Plays a film in `count` cameras and watches them all in one process.
///
/// # Errors
/// When a program fails or a camera is not seen.
pub fn measure(
    room: &Room,
    film: &Film,
    count: usize,
    settle: Duration,
    time: Duration,
) -> Result<Received> {
    let cameras = room.cinemas(film, count, &["--bitrate", &BITRATE_KBPS.to_string()])?;
    // The film carries no time, so nothing is spent on reading one.
    let watch = WatchApp::plain(&room.desk).start()?;
    for camera in &cameras {
        watch.wait_first_frame(camera.id())?;
    }
    std::thread::sleep(settle);
    let mark = watch.program.mark();
    let cost = Meter::of(watch.program.pid())?.after(time)?;
    let (mut fps, mut kbps) = (Vec::new(), Vec::new());
    for camera in &cameras {
        fps.push(watch.stream(camera.id(), mark, usize::MAX)?.fps);
        kbps.extend(watch.stats(camera.id()).last().and_then(|event| event["kbps"].as_f64()));
    }
    Ok(Received {
        cpu_ms_per_stream_s: cost.cpu_ms_per_s / count as f64,
        cost,
        fps: median(&fps),
        kbps: median(&kbps),
    })
}
