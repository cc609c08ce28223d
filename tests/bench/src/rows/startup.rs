//! How long it takes from the start of a program to the first picture.

use std::time::Duration;

use anyhow::Result;
use lanlens_e2e::{Home, START_LIMIT};
use lanlens_testkit::Signal;

use crate::report::{Figure, Outcome};
use crate::samples::percentile;
use crate::scene::{NO_LAN, Room};
use crate::settings::Settings;

/// How long a program may take to end.
const END_LIMIT: Duration = Duration::from_secs(10);
/// A viewer that joined this long ago has heard all that mDNS repeats at its start.
const QUIET: Duration = Duration::from_secs(2);

/// The camera is up; a viewer starts and ends, again and again.
pub(super) fn viewer(settings: Settings) -> Result<Outcome> {
    let Some(room) = Room::new()? else { return Ok(Outcome::Skipped(NO_LAN.to_owned())) };
    let camera = room.camera("Kitchen").start()?;
    std::thread::sleep(QUIET);
    // One person's computer: its home exists.
    let home = Home::fresh()?;
    let (mut outside, mut inside) = (Vec::new(), Vec::new());
    // The first one makes the home, and is not counted.
    for run in 0..=settings.runs(20) {
        let mut watch = room.watch().home(&home).start()?;
        let first = watch.wait_first_frame(camera.id())?;
        if run > 0 {
            outside.push((first.at - watch.program.started()).as_secs_f64() * 1000.0);
            inside.extend(first["since_start_ms"].as_f64());
        }
        watch.program.end_with(Signal::TERM, END_LIMIT)?;
        std::thread::sleep(settings.settle() / 3);
    }
    let mut figures = figures(&outside, 250.0, 450.0);
    figures.push(Figure::shown("p50_by_its_own_clock_ms", percentile(&inside, 0.5)));
    Ok(Outcome::Measured(figures, Vec::new()))
}

/// The viewer is open; a camera of a new home starts and ends, again and again.
pub(super) fn camera(settings: Settings) -> Result<Outcome> {
    let Some(room) = Room::new()? else { return Ok(Outcome::Skipped(NO_LAN.to_owned())) };
    let watch = room.watch().start()?;
    std::thread::sleep(QUIET);
    let mut outside = Vec::new();
    for _ in 0..settings.runs(20) {
        let mut camera = room.camera("Kitchen").start()?;
        let first = watch.wait_first_frame(camera.id())?;
        outside.push((first.at - camera.program.started()).as_secs_f64() * 1000.0);
        camera.program.end_with(Signal::TERM, END_LIMIT)?;
        let gone = |event: &lanlens_testkit::Event| event.is_of("gone", camera.id());
        watch.program.wait("gone", START_LIMIT, gone)?;
        std::thread::sleep(settings.settle() / 3);
    }
    Ok(Outcome::Measured(figures(&outside, 400.0, 700.0), Vec::new()))
}

fn figures(samples: &[f64], p50_ms_max: f64, p95_ms_max: f64) -> Vec<Figure> {
    vec![
        Figure::at_most("p50_ms", percentile(samples, 0.5), p50_ms_max),
        Figure::at_most("p95_ms", percentile(samples, 0.95), p95_ms_max),
        Figure::shown("max_ms", percentile(samples, 1.0)),
        Figure::shown("runs", samples.len() as f64),
    ]
}
