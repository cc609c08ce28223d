//! The main path: two cameras and a viewer with fresh homes meet without being told of each other.

use std::time::Duration;

use anyhow::Result;
use lanlens_e2e::{CameraApp, WatchApp};
use lanlens_testkit::figure::at_most;
use lanlens_testkit::{Addresses, Lan};

/// Seconds measured, after two in which the stream settles.
const MEASURED: u32 = 10;

/// Two cameras, already up, then the viewer: both live, at once and smoothly.
fn two_cameras_and_a_viewer(addresses: Addresses, size: &'static str, title: &str) -> Result<()> {
    let Some(mut lan) = Lan::new(addresses)? else { return Ok(()) };
    let kitchen = CameraApp::new(&lan.host("kitchen")?, "Kitchen").size(size).start()?;
    let garden = CameraApp::new(&lan.host("garden")?, "Garden").size(size).start()?;
    let mut watch = WatchApp::new(&lan.host("viewer")?).seconds(MEASURED + 2).start()?;

    for (camera, name) in [(&kitchen, "Kitchen"), (&garden, "Garden")] {
        let first = watch.wait_first_frame(camera.id())?;
        let picture = format!("{}x{}", first["width"], first["height"]);
        watch.program.check(picture == size, &format!("{name} came as {picture}"))?;
        let since_start = first["since_start_ms"].as_f64().unwrap_or(f64::MAX);
        at_most(&format!("{title}_first_frame_{name}"), since_start, "ms", 1000.0)?;
        watch.wait_live_from(0, camera.id(), Duration::from_secs(1))?;
    }
    watch.wait_done(Duration::from_secs(30))?;

    let mut names: Vec<String> = watch
        .program
        .events()
        .iter()
        .filter(|event| event.is("discovered"))
        .map(|event| event.text("name").to_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["Garden", "Kitchen"]);
    for (camera, name) in [(&kitchen, "Kitchen"), (&garden, "Garden")] {
        let stream = watch.stream(camera.id(), 0, usize::MAX)?;
        stream.runs_smoothly(&format!("{title}_{name}"))?;
        if size == "640x360" {
            stream.latency_at_most(&format!("{title}_{name}"), 15.0)?;
        }
    }
    Ok(())
}

#[test]
fn two_cameras_are_live_in_a_viewer_that_was_told_nothing_over_ipv4() -> Result<()> {
    two_cameras_and_a_viewer(Addresses::Ipv4, "640x360", "ipv4_360p")
}

#[test]
fn two_cameras_are_live_in_a_viewer_that_was_told_nothing_over_ipv6_only() -> Result<()> {
    two_cameras_and_a_viewer(Addresses::Ipv6, "640x360", "ipv6_360p")
}

#[test]
fn two_cameras_of_720p_run_smoothly_where_both_families_are_spoken() -> Result<()> {
    two_cameras_and_a_viewer(Addresses::Both, "1280x720", "both_720p")
}
