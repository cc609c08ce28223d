//! Cameras that die, come back, or leave politely.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::Result;
use lanlens_e2e::{CameraApp, START_LIMIT, WatchApp};
use lanlens_testkit::figure::{report, within};
use lanlens_testkit::{Addresses, Lan, Signal};

#[test]
fn a_killed_camera_takes_its_tile_again_without_anyone_touching_the_viewer() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, viewer) = (lan.host("kitchen")?, lan.host("viewer")?);
    let mut first = CameraApp::new(&kitchen, "Kitchen").start()?;
    let watch = WatchApp::new(&viewer).start()?;
    watch.wait_first_frame(first.id())?;
    std::thread::sleep(Duration::from_secs(1));

    let mark = watch.program.mark();
    first.program.signal(Signal::KILL)?;
    first.program.wait_exit(Duration::from_secs(1))?;
    watch.program.wait_from(mark, "notice of the death", Duration::from_secs(5), |event| {
        event.is_of("stalled", first.id()) || event.is_of("lost", first.id())
    })?;
    let again = CameraApp::new(&kitchen, "Kitchen").home(&first.home).start()?;
    assert_eq!((again.id(), again.node()), (first.id(), first.node()));
    let live = watch.wait_live_from(mark, again.id(), START_LIMIT)?;
    let took = live.at - again.program.started();
    report("restarted_camera_live_again", took.as_secs_f64() * 1000.0, "ms", "none set");

    let events = watch.program.events();
    let tiles: BTreeSet<&str> =
        events.iter().filter(|e| e.is("discovered")).map(|e| e.text("camera")).collect();
    assert_eq!(tiles.len(), 1, "the same tile, no second one");
    let stream = watch.measure(again.id(), 3)?;
    assert!(!stream.lost && stream.fps > 15.0, "{stream:?}");
    Ok(())
}

#[test]
fn a_camera_restarted_at_once_is_live_again() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, viewer) = (lan.host("kitchen")?, lan.host("viewer")?);
    let first = CameraApp::new(&kitchen, "Kitchen").start()?;
    let (home, id) = (first.home.clone(), first.id().to_owned());
    let watch = WatchApp::new(&viewer).start()?;
    watch.wait_first_frame(&id)?;
    let mark = watch.program.mark();
    drop(first);
    let again = CameraApp::new(&kitchen, "Kitchen").home(&home).start()?;
    assert_eq!(again.id(), id);
    watch.wait_live_from(mark, &id, START_LIMIT)?;
    Ok(())
}

#[test]
fn a_camera_that_is_closed_is_gone_from_the_viewer_within_two_seconds() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, viewer) = (lan.host("kitchen")?, lan.host("viewer")?);
    let mut camera = CameraApp::new(&kitchen, "Kitchen").start()?;
    let watch = WatchApp::new(&viewer).start()?;
    watch.wait_first_frame(camera.id())?;
    let closed = Instant::now();
    let took = camera.program.end_with(Signal::TERM, Duration::from_secs(10))?;
    within("camera_exit_on_sigterm", took, Duration::from_secs(1))?;
    let gone = watch.program.wait("gone", START_LIMIT, |event| event.is_of("gone", camera.id()))?;
    within("closed_camera_gone", gone.at - closed, Duration::from_secs(2))
}
