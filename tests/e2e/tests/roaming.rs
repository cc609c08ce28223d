//! Networks change under running programs: new leases, pulled plugs. Pictures come back by themselves.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lanlens_e2e::{Camera, CameraApp, Watch, WatchApp};
use lanlens_testkit::figure::{at_most, report};
use lanlens_testkit::{Addresses, Lan};

/// How long a picture may take to come back.
const BACK_LIMIT: Duration = Duration::from_secs(30);

/// Waits until the camera's picture runs again, for two seconds without a break.
fn comes_back(watch: &Watch, camera: &Camera, since: Instant, name: &str) -> Result<()> {
    let mark = watch.program.mark();
    let running = watch.program.wait_from(mark, "pictures again", BACK_LIMIT, |event| {
        event.is_of("stats", camera.id()) && event["fps"].as_f64().is_some_and(|fps| fps > 20.0)
    })?;
    report(name, (running.at - since).as_secs_f64() * 1000.0, "ms", "none set");
    let after = watch.measure(camera.id(), 3)?;
    watch.program.check(!after.lost && after.fps > 15.0, &format!("unsteady: {after:?}"))
}

#[test]
fn a_camera_with_a_new_address_comes_back() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Ipv4)? else { return Ok(()) };
    let (mut kitchen, viewer) = (lan.host("kitchen")?, lan.host("viewer")?);
    let camera = CameraApp::new(&kitchen, "Kitchen").open().start()?;
    let watch = WatchApp::new(&viewer).start()?;
    watch.wait_first_frame(camera.id())?;
    std::thread::sleep(Duration::from_secs(1));
    let moved = Instant::now();
    kitchen.renumber(77)?;
    std::thread::sleep(Duration::from_secs(1));
    comes_back(&watch, &camera, moved, "new_address_live_again")
}

#[test]
fn a_viewer_that_was_unplugged_sees_its_camera_again() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, viewer) = (lan.host("kitchen")?, lan.host("viewer")?);
    let camera = CameraApp::new(&kitchen, "Kitchen").open().start()?;
    let watch = WatchApp::new(&viewer).start()?;
    watch.wait_first_frame(camera.id())?;
    let mark = watch.program.mark();
    viewer.link_down()?;
    watch.program.wait_from(mark, "the stall", Duration::from_secs(5), |event| {
        event.is_of("stalled", camera.id())
    })?;
    std::thread::sleep(Duration::from_secs(5));
    let back = Instant::now();
    viewer.link_up()?;
    comes_back(&watch, &camera, back, "replugged_viewer_live_again")
}

#[test]
fn a_short_break_is_a_stall_and_then_live_again() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, viewer) = (lan.host("kitchen")?, lan.host("viewer")?);
    let camera = CameraApp::new(&kitchen, "Kitchen").open().start()?;
    let watch = WatchApp::new(&viewer).start()?;
    watch.wait_first_frame(camera.id())?;
    std::thread::sleep(Duration::from_secs(1));
    let mark = watch.program.mark();
    camera.program.signal(lanlens_testkit::Signal::STOP)?;
    let stalled = watch.program.wait_from(mark, "the stall", Duration::from_secs(5), |event| {
        event.is_of("stalled", camera.id())
    })?;
    let since = stalled["since_ms"].as_f64().context("since_ms is missing")?;
    at_most("stall_noticed_at", since, "ms", 1000.0)?;
    camera.program.signal(lanlens_testkit::Signal::CONT)?;
    watch.wait_live_from(mark, camera.id(), BACK_LIMIT)?;
    Ok(())
}
