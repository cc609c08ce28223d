//! A viewer's window without cameras: nothing moves, so nothing is painted and nothing is worked.

use std::time::Duration;

use anyhow::{Result, ensure};
use lanlens_e2e::{Home, program};
use lanlens_testkit::Display;

use crate::processes::Meter;
use crate::report::{Figure, Outcome};
use crate::scene::{NO_LAN, Room};
use crate::screen::Painted;
use crate::settings::Settings;

/// Five seconds after its start the window says for the last time what to do: after that, nothing.
const SETTLE: Duration = Duration::from_secs(6);

pub(super) fn run(settings: Settings) -> Result<Outcome> {
    let Some(room) = Room::new()? else { return Ok(Outcome::Skipped(NO_LAN.to_owned())) };
    let (display, home) = (Display::start(1280, 800)?, Home::fresh()?);
    let painted = Painted::on(&display)?;
    let viewer = display.show(program(&room.desk, "lanlens-viewer", &home)?).start()?;
    display.wait_window()?;
    std::thread::sleep(SETTLE);
    // A probe that saw nothing of the window's first picture would see nothing later either.
    ensure!(painted.repaints()? > 0, viewer.failure("its first picture was not seen"));
    let meter = Meter::of(viewer.pid())?;
    let (mut repaints, mut notes) = (0, Vec::new());
    for second in 1..=settings.seconds(20) {
        std::thread::sleep(Duration::from_secs(1));
        let seen = painted.repaints()?;
        if seen > 0 {
            notes.push(format!("{seen} repaints in second {second} after it settled"));
        }
        repaints += seen;
    }
    let cost = meter.read()?;
    let figures = vec![
        Figure::at_most("repaints", repaints as f64, 0.0),
        Figure::at_most("cpu_ms_per_second", cost.cpu_ms_per_s, 10.0),
        Figure::shown("rss_mib", cost.rss_mib),
    ];
    Ok(Outcome::Measured(figures, notes))
}
