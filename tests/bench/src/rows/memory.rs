//! What a camera holds while nobody watches.

use anyhow::Result;

use crate::processes::Meter;
use crate::report::{Figure, Outcome};
use crate::scene::{NO_LAN, Room};
use crate::settings::Settings;

pub(super) fn run(settings: Settings) -> Result<Outcome> {
    let Some(room) = Room::new()? else { return Ok(Outcome::Skipped(NO_LAN.to_owned())) };
    let camera = room.camera("Kitchen").start()?;
    std::thread::sleep(settings.settle());
    let never = Meter::of(camera.program.pid())?.after(settings.time(10))?;
    // What a viewer leaves behind.
    let watch = room.watch().start()?;
    watch.wait_first_frame(camera.id())?;
    std::thread::sleep(settings.settle());
    drop(watch);
    std::thread::sleep(settings.time(10));
    let again = Meter::of(camera.program.pid())?.after(settings.time(10))?;
    let figures = vec![
        Figure::at_most("rss_mib", never.rss_mib, 30.0),
        Figure::shown("cpu_ms_per_second", never.cpu_ms_per_s),
        Figure::shown("rss_mib_after_a_viewer", again.rss_mib),
        Figure::shown("cpu_ms_per_second_after_a_viewer", again.cpu_ms_per_s),
    ];
    Ok(Outcome::Measured(figures, Vec::new()))
}
