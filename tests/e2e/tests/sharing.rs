//! One encode for all viewers, and none for nobody.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lanlens_e2e::{CameraApp, Watch, WatchApp, eventually};
use lanlens_testkit::{Addresses, Host, Lan, Signal};

/// How soon an unwatched camera closes its device.
const CLOSING_LIMIT: Duration = Duration::from_secs(5);

/// The hashes of the access units that a watcher received, in order (`lanlens watch --hashes`:
/// camera, media time, SHA-256 in a line).
fn hashes(file: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(file)?;
    let hash = |line: &str| line.split_whitespace().nth(2).map(str::to_owned);
    text.lines().map(|line| hash(line).with_context(|| format!("no hash in “{line}”"))).collect()
}

/// Fails unless all of `part` stands in `whole` in the same order.
fn is_received_by_both(part: &[String], whole: &[String]) -> Result<()> {
    let place: BTreeMap<&str, usize> =
        whole.iter().enumerate().map(|(n, hash)| (hash.as_str(), n)).collect();
    let places: Option<Vec<usize>> =
        part.iter().map(|hash| place.get(hash.as_str()).copied()).collect();
    let places = places.context("an access unit differs between the viewers")?;
    ensure!(places.is_sorted(), "the viewers got the access units in different order");
    Ok(())
}

fn watch_with_hashes(host: &Host, file: &Path) -> Result<Watch> {
    let file = file.to_str().context("a path in UTF-8")?;
    WatchApp::new(host).args(&["--hashes", file]).start()
}

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
    let mut first = watch_with_hashes(&lan.host("first")?, &files[0])?;
    first.wait_first_frame(camera.id())?;
    let mut second = watch_with_hashes(&lan.host("second")?, &files[1])?;
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
    is_received_by_both(&part, &all)?;

    camera.wait_stats("no layer after the last viewer", CLOSING_LIMIT, |stats| {
        stats["viewers"] == 0 && stats["layers"].as_array().is_some_and(Vec::is_empty)
    })?;
    let idle = eventually(CLOSING_LIMIT, || camera.media_threads().is_ok_and(|t| t.is_empty()));
    camera.program.check(idle, &format!("threads left: {:?}", camera.media_threads()))
}
