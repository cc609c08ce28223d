//! Many at once: a viewer that is started again among twenty cameras, eight viewers that come to one
//! camera in the same instant.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lanlens_e2e::{Camera, CameraApp, Watch, WatchApp};
use lanlens_testkit::figure::{patience, report, within};
use lanlens_testkit::{Addresses, Host, Lan, Signal};

const CAMERAS: usize = 20;
const ALL_LIVE_TARGET: Duration = Duration::from_secs(2);
const EIGHT_TARGET: Duration = Duration::from_millis(1500);

/// How long each camera took from the viewer's start to be live.
fn times_to_live(watch: &Watch, cameras: &[Camera]) -> Result<Vec<Duration>> {
    let limit = patience(ALL_LIVE_TARGET);
    let live = |camera: &Camera| -> Result<Duration> {
        Ok(watch.wait_live_from(0, camera.id(), limit)?.at - watch.program.started())
    };
    cameras.iter().map(live).collect()
}

/// What 95 of 100 do not exceed.
fn p95(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get((times.len() * 95).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default()
}

/// The viewer is ended so and started again, five times.
fn restarts_among_twenty(signal: Signal, name: &str) -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let desk = lan.host("desk")?;
    let mut cameras = Vec::new();
    for number in 1..=CAMERAS {
        let room = lan.host(&format!("room {number}"))?;
        let camera = CameraApp::new(&room, &format!("Camera {number}"));
        cameras.push(camera.open().size("320x180").args(&["--fps", "15"]).start()?);
    }
    let mut watch = WatchApp::plain(&desk).start()?;
    times_to_live(&watch, &cameras)?;
    let mut times = Vec::new();
    for _ in 0..5 {
        std::thread::sleep(Duration::from_secs(2));
        watch.program.signal(signal)?;
        watch.program.wait_exit(Duration::from_secs(5))?;
        watch = WatchApp::plain(&desk).home(&watch.home).start()?;
        times.extend(times_to_live(&watch, &cameras)?);
        ensure!(watch.tiles().len() == CAMERAS, "tiles: {:?}", watch.tiles());
    }
    within(&format!("{name}_p95"), p95(&mut times), ALL_LIVE_TARGET)?;
    let slowest = times.last().copied().unwrap_or_default();
    report(&format!("{name}_slowest"), slowest.as_secs_f64() * 1000.0, "ms", "none set");
    Ok(())
}

#[test]
fn a_viewer_that_is_closed_and_started_again_sees_twenty_cameras_at_once() -> Result<()> {
    restarts_among_twenty(Signal::INT, "viewer_restarted_among_20")
}

#[test]
fn a_viewer_that_was_killed_sees_twenty_cameras_at_once() -> Result<()> {
    restarts_among_twenty(Signal::KILL, "viewer_killed_among_20")
}

#[test]
fn eight_viewers_that_come_in_the_same_instant_are_all_served_at_once() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").open().start()?;
    let desks: Vec<Host> =
        (1..=8).map(|n| lan.host(&format!("desk {n}"))).collect::<Result<_>>()?;
    let since = Instant::now();
    let viewers: Vec<Watch> =
        desks.iter().map(|desk| WatchApp::plain(desk).start()).collect::<Result<_>>()?;
    let mut worst = Duration::ZERO;
    for viewer in &viewers {
        let live = viewer.wait_live_from(0, camera.id(), patience(EIGHT_TARGET))?;
        worst = worst.max(live.at - since);
    }
    within("eight_viewers_live", worst, EIGHT_TARGET)?;

    let watched = camera
        .wait_stats("eight viewers", Duration::from_secs(5), |stats| stats["viewers"] == 8)?;
    let layers = watched["layers"].as_array().map_or(0, Vec::len);
    camera.program.check(layers == 1, "one encode for all")?;
    // Nobody's coming disturbs who is there.
    std::thread::sleep(Duration::from_secs(3));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for event in viewers.iter().flat_map(|viewer| viewer.program.events()) {
        *counts.entry(event.kind().to_owned()).or_default() += 1;
    }
    ensure!(!counts.contains_key("lost") && !counts.contains_key("stalled"), "{counts:?}");
    Ok(())
}
