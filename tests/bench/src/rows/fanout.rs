//! What one camera costs with 1 to 16 viewers, and each further one.

use std::time::Duration;

use anyhow::Result;
use lanlens_e2e::{Watch, WatchApp};

use crate::processes::{Cost, Meter};
use crate::report::{Figure, Outcome};
use crate::samples::slope;
use crate::scene::{Film, NO_LAN, Room};
use crate::settings::Settings;

/// Viewers of each step.
const STEPS: [usize; 5] = [1, 2, 4, 8, 16];
/// The camera's ceiling, kbit/s.
const BITRATE_KBPS: &str = "1000";

pub(super) fn run(settings: Settings) -> Result<Outcome> {
    let Some(room) = Room::new()? else { return Ok(Outcome::Skipped(NO_LAN.to_owned())) };
    let film = Film::of_640x360()?;
    let steps: &[usize] = if settings.quick { &STEPS[..2] } else { &STEPS };
    let costs = measure(&room, &film, steps, settings.settle(), settings.time(10))?;
    let line = |of: fn(&Cost) -> f64| -> Vec<(f64, f64)> {
        costs.iter().map(|(viewers, cost)| (*viewers as f64, of(cost))).collect()
    };
    let last = costs.last().map(|(_, cost)| cost.clone());
    let last = last.unwrap_or_else(|| unreachable!("there are steps"));
    let mut figures = vec![
        Figure::at_most("cpu_ms_per_second", last.cpu_ms_per_s, 120.0),
        Figure::at_most("cpu_ms_per_further_viewer", slope(&line(|cost| cost.cpu_ms_per_s)), 4.0),
        Figure::at_most("mib_per_further_viewer", slope(&line(|cost| cost.rss_mib)), 2.0),
    ];
    for (viewers, cost) in &costs {
        figures.push(Figure::shown(format!("cpu_ms_with_{viewers}"), cost.cpu_ms_per_s));
        figures.push(Figure::shown(format!("rss_mib_with_{viewers}"), cost.rss_mib));
    }
    Ok(Outcome::Measured(figures, vec![format!("threads, ms/s: {}", last.profile)]))
}

/// What a camera that plays a film costs with each of these numbers of viewers.
///
/// # Errors
/// When a program fails or a viewer sees nothing.
pub fn measure(
    room: &Room,
    film: &Film,
    steps: &[usize],
    settle: Duration,
    time: Duration,
) -> Result<Vec<(usize, Cost)>> {
    let cameras = room.cinemas(film, 1, &["--bitrate", BITRATE_KBPS])?;
    let mut viewers: Vec<Watch> = Vec::new();
    let mut costs = Vec::new();
    for &step in steps {
        while viewers.len() < step {
            // Without decoding: it is the camera that is measured, and the machine is shared.
            let watch = WatchApp::plain(&room.desk).args(&["--decode", "no"]).start()?;
            watch.wait_first_frame(cameras[0].id())?;
            viewers.push(watch);
        }
        std::thread::sleep(settle);
        costs.push((step, Meter::of(cameras[0].program.pid())?.after(time)?));
    }
    Ok(costs)
}
