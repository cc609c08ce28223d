//! Every program ends within a second of being asked to, and says goodbye first.

use std::time::{Duration, Instant};

use anyhow::Result;
use lanlens_e2e::{Camera, CameraApp, Home, START_LIMIT, WatchApp, only_json, program};
use lanlens_testkit::figure::within;
use lanlens_testkit::{Addresses, Display, Host, Lan, Program, Signal};

const SIGNALS: [(Signal, &str); 2] = [(Signal::INT, "ctrl_c"), (Signal::TERM, "sigterm")];
const EXIT_TARGET: Duration = Duration::from_secs(1);
const EXIT_LIMIT: Duration = Duration::from_secs(10);
const GOODBYE_TARGET: Duration = Duration::from_secs(2);

/// Waits until the camera is watched (or not), and fails unless that was soon after `since`.
fn camera_notices(camera: &Camera, mark: usize, kind: &str, since: Instant) -> Result<()> {
    let event = camera.program.wait_from(mark, kind, START_LIMIT, |event| event.is(kind))?;
    within(
        &format!("camera_sees_{kind}"),
        event.at.saturating_duration_since(since),
        GOODBYE_TARGET,
    )
}

#[test]
fn a_camera_ends_on_ctrl_c_and_on_sigterm_while_it_is_watched() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, viewer) = (lan.host("kitchen")?, lan.host("viewer")?);
    let watch = WatchApp::new(&viewer).start()?;
    for (signal, name) in SIGNALS {
        let mut camera = CameraApp::new(&kitchen, "Kitchen").open().start()?;
        watch.wait_first_frame(camera.id())?;
        let asked = Instant::now();
        let took = camera.program.end_with(signal, EXIT_LIMIT)?;
        within(&format!("camera_exit_{name}"), took, EXIT_TARGET)?;
        only_json(&camera.program)?;
        let id = camera.id();
        let gone = watch.program.wait("gone", START_LIMIT, |event| event.is_of("gone", id))?;
        within("camera_goodbye", gone.at.saturating_duration_since(asked), GOODBYE_TARGET)?;
    }
    Ok(())
}

#[test]
fn a_watcher_ends_on_ctrl_c_and_on_sigterm_with_its_summary() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, viewer) = (lan.host("kitchen")?, lan.host("viewer")?);
    let camera = CameraApp::new(&kitchen, "Kitchen").open().start()?;
    for (signal, name) in SIGNALS {
        let mut watch = WatchApp::new(&viewer).start()?;
        watch.wait_first_frame(camera.id())?;
        let (mark, asked) = (camera.program.mark(), Instant::now());
        let took = watch.program.end_with(signal, EXIT_LIMIT)?;
        within(&format!("watch_exit_{name}"), took, EXIT_TARGET)?;
        only_json(&watch.program)?;
        let summary = watch.program.events().last().is_some_and(|event| event.is("summary"));
        watch.program.check(summary, "no summary at the end")?;
        camera_notices(&camera, mark, "viewer_left", asked)?;
    }
    Ok(())
}

fn viewer(host: &Host, display: &Display, home: &Home) -> Result<Program> {
    display.show(program(host, "lanlens-viewer", home)?).start()
}

#[test]
fn the_viewer_ends_on_ctrl_c_on_sigterm_and_when_its_window_is_closed() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("kitchen")?, lan.host("desk")?);
    let camera = CameraApp::new(&kitchen, "Kitchen").open().start()?;
    let display = Display::start(800, 600)?;
    for way in [Some(SIGNALS[0]), Some(SIGNALS[1]), None] {
        let home = Home::fresh()?;
        let mark = camera.program.mark();
        let mut viewer = viewer(&desk, &display, &home)?;
        camera
            .program
            .wait_from(mark, "the viewer", START_LIMIT * 2, |event| event.is("viewer_joined"))?;
        display.wait_window()?;
        let (mark, asked) = (camera.program.mark(), Instant::now());
        let took = match way {
            Some((signal, _)) => viewer.end_with(signal, EXIT_LIMIT)?,
            None => {
                display.close_window()?;
                viewer.wait_exit(EXIT_LIMIT)?;
                viewer.check(viewer.exit_code() == Some(0), "did not end cleanly")?;
                asked.elapsed()
            }
        };
        let how = way.map_or("window_closed", |(_, name)| name);
        within(&format!("viewer_exit_{how}"), took, EXIT_TARGET)?;
        camera_notices(&camera, mark, "viewer_left", asked)?;
    }
    Ok(())
}
