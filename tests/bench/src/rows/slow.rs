//! One of three viewers sits behind a narrow link: it lives with less, and the others notice nothing.

use anyhow::Result;
use lanlens_e2e::WatchApp;

use crate::report::{Figure, Outcome};
use crate::scene::{NO_LAN, Room, Watched};
use crate::settings::Settings;

/// What the slow viewer's link carries.
const NARROW_KBPS: u32 = 300;

pub(super) fn run(settings: Settings) -> Result<Outcome> {
    let Some(mut room) = Room::new()? else { return Ok(Outcome::Skipped(NO_LAN.to_owned())) };
    let slow = room.lan.host("slow")?;
    let seconds = settings.seconds(40);
    let camera = room.camera("Kitchen").start()?;
    let mut fast: Vec<_> =
        (0..2).map(|_| room.watch().seconds(seconds).start()).collect::<Result<_>>()?;
    let mut behind = WatchApp::new(&slow).seconds(seconds).start()?;
    behind.wait_first_frame(camera.id())?;
    room.lan.narrow(&slow, NARROW_KBPS)?;

    let others: Vec<Watched> = fast
        .iter_mut()
        .map(|watch| Watched::of(watch, camera.id(), seconds))
        .collect::<Result<_>>()?;
    let poor = Watched::of(&mut behind, camera.id(), seconds)?;
    let stats = behind.stats(camera.id());
    // The second half, when what could be learned of the link has been learned.
    let late = &stats[stats.len() / 2..];
    let is_low = |event: &&lanlens_testkit::Event| event.text("layer") == "low";
    let low = late.iter().filter(is_low).count() as f64 / late.len().max(1) as f64;
    let fps: f64 = late.iter().filter_map(|event| event["fps"].as_f64()).sum();
    let worst = |of: fn(&Watched) -> f64| others.iter().map(of).fold(f64::NAN, f64::max);
    let fewest = others.iter().map(|watched| watched.fps).fold(f64::NAN, f64::min);
    let figures = vec![
        Figure::at_least("slow_low_share", low, 0.9),
        Figure::at_least("slow_fps", fps / late.len().max(1) as f64, 5.0),
        Figure::shown("slow_p50_ms", poor.p50_ms),
        Figure::shown("slow_freezes", poor.freezes),
        Figure::at_least("others_fps", fewest, 29.0),
        Figure::at_most("others_p50_ms", worst(|watched| watched.p50_ms), 4.0),
        Figure::at_most("others_p95_ms", worst(|watched| watched.p95_ms), 10.0),
        Figure::at_most("others_freezes", worst(|watched| watched.freezes), 0.0),
    ];
    Ok(Outcome::Measured(figures, Vec::new()))
}
