//! One encode for all viewers, and none for nobody.

use std::time::Duration;

use anyhow::{Result, ensure};
use lanlens_e2e::units::{hashes, received_by_both};
use lanlens_e2e::{CameraApp, WatchApp, eventually};
use lanlens_testkit::{Addresses, Lan, Signal};

/// How soon an unwatched camera closes its device.
const CLOSING_LIMIT: Duration = Duration::from_secs(5);

#[test]
fn two_viewers_get_the_same_access_units_of_one_encode_and_none_runs_for_nobody() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").open().start()?;
    camera.wait_stats("no layer before a viewer", CLOSING_LIMIT, |stats| {
        stats["layers"].as_array().is_some_and(Vec::is_empty)
    })?;
    assert_eq!(camera.media_threads()?, [""; 0], "nothing is captured for nobody");

    let folder = tempfile::tempdir()?;
    let files = [folder.path().join("first"), folder.path().join("second")];
    let mut first = WatchApp::new(&lan.host("first")?).hashes(&files[0]).start()?;
    first.wait_first_frame(camera.id())?;
    let mut second = WatchApp::new(&lan.host("second")?).hashes(&files[1]).start()?;
    second.wait_first_frame(camera.id())?;
    let both = camera.wait_stats("two viewers", CLOSING_LIMIT, |stats| stats["viewers"] == 2)?;
    let layers = both["layers"].as_array().map_or(0, Vec::len);
    camera.program.check(layers == 1, "one layer for two viewers")?;
    let threads = camera.media_threads()?;
    let encoders = threads.iter().filter(|name| name.starts_with("enc")).count();
    camera.program.check(encoders == 1, &format!("one encoder among {threads:?}"))?;

    std::thread::sleep(Duration::from_secs(5));
    let mark = first.program.mark();
    second.program.end_with(Signal::INT, Duration::from_secs(5))?;
    std::thread::sleep(Duration::from_secs(4));
    let alone = first.stream(camera.id(), mark, first.program.mark())?;
    alone.runs_smoothly("first_viewer_after_the_second_left")?;
    first.program.end_with(Signal::INT, Duration::from_secs(5))?;

    let (all, part) = (hashes(&files[0])?, hashes(&files[1])?);
    ensure!(part.len() > 60 && all.len() > part.len(), "{} of {} units", part.len(), all.len());
    received_by_both(&part, &all)?;

    camera.wait_stats("no layer after the last viewer", CLOSING_LIMIT, |stats| {
        stats["viewers"] == 0 && stats["layers"].as_array().is_some_and(Vec::is_empty)
    })?;
    let idle = eventually(CLOSING_LIMIT, || camera.media_threads().is_ok_and(|t| t.is_empty()));
    camera.program.check(idle, &format!("threads left: {:?}", camera.media_threads()))
}
