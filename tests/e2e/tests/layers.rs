//! Two encodings of one capture: each viewer gets the one that it asks for, or that its path carries.

use std::time::Duration;

use anyhow::Result;
use lanlens_e2e::{Camera, CameraApp, START_LIMIT, WatchApp};
use lanlens_testkit::{Addresses, Lan, Signal};

const LIMIT: Duration = Duration::from_secs(20);

/// Waits until these layers are encoded, and no other.
fn wait_layers(camera: &Camera, expected: &[&str]) -> Result<()> {
    let names = |stats: &lanlens_testkit::Event| -> Vec<String> {
        let layers = stats["layers"].as_array().into_iter().flatten();
        layers.filter_map(|layer| Some(layer["layer"].as_str()?.to_owned())).collect()
    };
    camera.wait_stats(&format!("{expected:?}"), LIMIT, |stats| names(stats) == expected)?;
    Ok(())
}

#[test]
fn each_watcher_gets_the_layer_it_asks_for_and_none_is_encoded_for_nobody() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").open().start()?;
    let high = WatchApp::new(&lan.host("first")?).start()?;
    let first = high.wait_first_frame(camera.id())?;
    high.program.check(first["width"] == 640 && first["height"] == 360, "high is as captured")?;
    wait_layers(&camera, &["high"])?;

    let mark = high.program.mark();
    let mut low = WatchApp::new(&lan.host("second")?).args(&["--layer", "low"]).start()?;
    let first = low.wait_first_frame(camera.id())?;
    low.program.check(first["width"] == 320 && first["height"] == 180, "low is a quarter")?;
    wait_layers(&camera, &["high", "low"])?;
    let stats = low.program.wait("its layer", START_LIMIT, |event| {
        event.is_of("stats", camera.id()) && event.text("layer") == "low"
    })?;
    low.program.check(stats["kbps"].as_f64().is_some_and(|kbps| kbps < 400.0), "low is little")?;

    // The capture time that travels with a picture is the one that is burned into it.
    let measured = high.program.wait_from(mark, "figures", START_LIMIT, |event| {
        event.is_of("stats", camera.id()) && event["capture_error_ms"]["n"].as_u64() > Some(20)
    })?;
    let error = measured["capture_error_ms"]["p99"].as_f64();
    high.program.check(error.is_some_and(|ms| ms < 1.0), "the capture time is the picture's")?;

    low.program.end_with(Signal::INT, LIMIT)?;
    wait_layers(&camera, &["high"])?;
    let alone = high.stream(camera.id(), mark, high.program.mark())?;
    alone.runs_smoothly("high_while_low_came_and_went")
}

#[test]
fn a_viewer_behind_a_narrow_path_gets_low_and_lives_and_the_other_notices_nothing() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").open().start()?;
    let (near, far) = (lan.host("near")?, lan.host("far")?);
    let (fast, slow) = (WatchApp::new(&near).start()?, WatchApp::new(&far).start()?);
    fast.wait_first_frame(camera.id())?;
    slow.wait_first_frame(camera.id())?;
    let mark = fast.program.mark();
    lan.narrow(&far, 300)?;
    let moved = slow.program.mark();
    // Half of what low has, because so many programs run on the machine that tests this.
    slow.program.wait_from(moved, "low, and alive", LIMIT, |event| {
        event.is_of("stats", camera.id())
            && event.text("layer") == "low"
            && event["width"] == 320
            && event["fps"].as_f64().is_some_and(|fps| fps > 15.0)
    })?;
    // The change may have come within a second, which is too short to call anything smooth.
    fast.measure(camera.id(), 3)?;
    let stream = fast.stream(camera.id(), mark, fast.program.mark())?;
    stream.runs_smoothly("fast_beside_a_narrow_path")
}
