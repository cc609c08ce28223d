//! What a camera keeps of its viewers when they have gone: nothing, however often they came.

use std::time::Duration;

use anyhow::{Result, ensure};
use lanlens_e2e::{CameraApp, Home, START_LIMIT, WatchApp, eventually};
use lanlens_testkit::figure::report;
use lanlens_testkit::{Addresses, Lan, Signal};

/// An encoder for 720p holds 10 MiB, and glibc kept it of nearly each visit: 29 MiB after six.
const VISITS: usize = 6;
/// Heaps of small blocks settle within this, MiB; much less than one encoder.
const GROWN_MIB_MAX: f64 = 4.0;

#[test]
fn a_camera_that_was_left_six_times_is_as_small_as_after_the_first_time() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, viewer) = (lan.host("kitchen")?, lan.host("viewer")?);
    let camera = CameraApp::new(&kitchen, "Kitchen").open().size("1280x720").start()?;
    let home = Home::fresh()?;
    let mut after = Vec::new();
    for _ in 0..VISITS {
        let mut watch = WatchApp::plain(&viewer).home(&home).start()?;
        watch.wait_first_frame(camera.id())?;
        // Some hundred packets, so that there is something to keep.
        std::thread::sleep(Duration::from_secs(2));
        watch.program.end_with(Signal::TERM, START_LIMIT)?;
        let left = eventually(START_LIMIT, || camera.media_threads().is_ok_and(|t| t.is_empty()));
        camera.program.check(left, "it still encodes, for nobody")?;
        after.push(camera.program.usage()?.rss_mib);
    }
    let first = after.first().copied().unwrap_or_default();
    let grown = after.iter().fold(first, |most, rss| rss.max(most)) - first;
    report("camera_grown_by_visits", grown, "MiB", &format!("at most {GROWN_MIB_MAX}"));
    ensure!(grown <= GROWN_MIB_MAX, "the camera grew by {grown:.1} MiB: {after:.1?}");
    Ok(())
}
