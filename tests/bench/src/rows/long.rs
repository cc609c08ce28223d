//! Twenty minutes of watching: nothing drifts and nothing grows.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::report::{Figure, Outcome};
use crate::samples::median;
use crate::scene::{NO_LAN, Room};
use crate::settings::Settings;

/// How often memory is read.
const LOOK: Duration = Duration::from_secs(5);

pub(super) fn run(settings: Settings) -> Result<Outcome> {
    let Some(room) = Room::new()? else { return Ok(Outcome::Skipped(NO_LAN.to_owned())) };
    let time = settings.time(20 * 60);
    let camera = room.camera("Kitchen").start()?;
    let watch = room.watch().start()?;
    watch.wait_first_frame(camera.id())?;
    // The first minute is for filling pools and caches.
    let warm_up = (time / 20).min(Duration::from_secs(60));
    std::thread::sleep(warm_up);

    let start = Instant::now();
    let (mut viewer, mut sender) = (Vec::new(), Vec::new());
    while start.elapsed() + warm_up < time {
        viewer.push(watch.program.usage()?.rss_mib);
        sender.push(camera.program.usage()?.rss_mib);
        std::thread::sleep(LOOK.min(time / 20));
    }
    let stats = watch.stats(camera.id());
    let p50s: Vec<f64> =
        stats.iter().filter_map(|event| event["latency_ms"]["p50"].as_f64()).collect();
    let tenth = (p50s.len() / 10).max(1).min(p50s.len());
    let (first, last) = (median(&p50s[..tenth]), median(&p50s[p50s.len() - tenth..]));
    let freezes = stats.last().and_then(|event| event["freezes"].as_f64());
    let figures = vec![
        Figure::at_most("p50_drift_ms", (last - first).abs(), 1.0),
        Figure::at_most("viewer_rss_span_mib", span(&viewer), 4.0),
        Figure::at_most("camera_rss_span_mib", span(&sender), 4.0),
        Figure::shown("p50_first_tenth_ms", first),
        Figure::shown("p50_last_tenth_ms", last),
        Figure::shown("freezes", freezes.unwrap_or(f64::NAN)),
        Figure::shown("viewer_rss_mib", viewer.last().copied().unwrap_or(f64::NAN)),
        Figure::shown("camera_rss_mib", sender.last().copied().unwrap_or(f64::NAN)),
        Figure::shown("seconds", time.as_secs_f64()),
    ];
    Ok(Outcome::Measured(figures, Vec::new()))
}

/// From the least to the most: ±2 MiB is a span of 4.
fn span(samples: &[f64]) -> f64 {
    let most = samples.iter().copied().fold(f64::NAN, f64::max);
    most - samples.iter().copied().fold(f64::NAN, f64::min)
}
