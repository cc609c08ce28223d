//! Fifty cameras, each its own process, into one viewer.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Result;
use lanlens_e2e::{Watch, eventually};

use crate::processes::Meter;
use crate::report::{Figure, Outcome};
use crate::samples::percentile;
use crate::scene::{NO_LAN, Room};
use crate::settings::Settings;

const CAMERAS: usize = 50;
/// They start over this time.
const STARTING: Duration = Duration::from_secs(10);
/// How long the last one may take to be live.
const LIVE_LIMIT: Duration = Duration::from_secs(60);

pub(super) fn run(settings: Settings) -> Result<Outcome> {
    let Some(room) = Room::new()? else { return Ok(Outcome::Skipped(NO_LAN.to_owned())) };
    let count = settings.count(CAMERAS);
    let watch = room.watch().start()?;
    std::thread::sleep(Duration::from_secs(1));

    let started = Instant::now();
    let mut cameras = Vec::new();
    for number in 0..count {
        let due = STARTING.mul_f64(number as f64 / CAMERAS as f64);
        std::thread::sleep(due.saturating_sub(started.elapsed()));
        let camera = room.camera(&format!("Camera {number}")).size("320x180");
        cameras.push(camera.args(&["--fps", "15"]).launch()?);
    }
    eventually(LIVE_LIMIT, || live(&watch).len() >= count);
    let all_live = started.elapsed();
    let ids = live(&watch);
    std::thread::sleep(settings.settle());

    let mark = watch.program.mark();
    let cost = Meter::of(watch.program.pid())?.after(settings.time(30))?;
    let (mut fps, mut freezes) = (Vec::new(), 0.0);
    for id in &ids {
        let stream = watch.stream(id, mark, usize::MAX)?;
        fps.push(stream.fps);
        freezes += stream.freezes;
    }
    let steady = fps.iter().filter(|fps| **fps >= 14.0).count();
    let figures = vec![
        Figure::at_least("live", ids.len() as f64, count as f64),
        Figure::shown("all_live_after_ms", all_live.as_secs_f64() * 1000.0),
        Figure::at_least("fps_min", percentile(&fps, 0.0), 14.0),
        Figure::shown("fps_p50", percentile(&fps, 0.5)),
        Figure::at_least("at_14_fps_or_more", steady as f64, count as f64),
        Figure::at_most("freezes", freezes, 0.0),
        Figure::shown("viewer_cpu_ms_per_second", cost.cpu_ms_per_s),
        Figure::shown("viewer_rss_mib", cost.rss_mib),
    ];
    Ok(Outcome::Measured(figures, vec![format!("viewer's threads, ms/s: {}", cost.profile)]))
}

/// The cameras that have shown a picture.
fn live(watch: &Watch) -> BTreeSet<String> {
    let events = watch.program.events();
    events.iter().filter(|e| e.is("first_frame")).map(|e| e.text("camera").to_owned()).collect()
}
