//! From the capture to the decoded picture, read from the time burned into the picture.

use anyhow::Result;

use crate::report::{Figure, Outcome};
use crate::scene::{NO_LAN, Room, Watched};
use crate::settings::Settings;

pub(super) fn at_360(settings: Settings) -> Result<Outcome> {
    run("640x360", &[], settings, 4.0, 10.0)
}

pub(super) fn at_720(settings: Settings) -> Result<Outcome> {
    run("1280x720", &["--bitrate", "2500"], settings, 10.0, 20.0)
}

fn run(
    size: &'static str,
    args: &[&str],
    settings: Settings,
    p50_ms_max: f64,
    p95_ms_max: f64,
) -> Result<Outcome> {
    let Some(room) = Room::new()? else { return Ok(Outcome::Skipped(NO_LAN.to_owned())) };
    let watched = watch_one(&room, size, args, settings.seconds(30))?;
    let figures = vec![
        Figure::at_most("p50_ms", watched.p50_ms, p50_ms_max),
        Figure::at_most("p95_ms", watched.p95_ms, p95_ms_max),
        Figure::shown("fps", watched.fps),
        Figure::shown("kbps", watched.kbps),
        Figure::shown("capture_error_p95_ms", watched.capture_error_p95_ms),
    ];
    Ok(Outcome::Measured(figures, Vec::new()))
}

/// One camera, one viewer, for so many seconds.
pub fn watch_one(room: &Room, size: &'static str, args: &[&str], seconds: u32) -> Result<Watched> {
    let camera = room.camera("Kitchen").size(size).args(args).start()?;
    let mut watch = room.watch().seconds(seconds).start()?;
    Watched::of(&mut watch, camera.id(), seconds)
}
