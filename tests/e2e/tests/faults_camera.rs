//! What happens to cameras: they die, hang, sleep, move, lose their sensor. The tile says so within a
//! second, and is live again by itself.

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lanlens_e2e::faults::Pair;
use lanlens_e2e::sensor::Sensor;
use lanlens_e2e::{CameraApp, START_LIMIT, WatchApp, told, wait_told};
use lanlens_testkit::figure::within;
use lanlens_testkit::{Addresses, Lan, Signal};

const RESTARTED_TARGET: Duration = Duration::from_millis(1500);
const CONTINUED_TARGET: Duration = Duration::from_secs(1);
const MOVED_TARGET: Duration = Duration::from_secs(3);
/// Nobody moves in the moment in which links are made, when two may cross.
const SETTLED: Duration = Duration::from_secs(6);
const DEVICE_TARGET: Duration = Duration::from_secs(6);

fn seconds(seconds: u64) {
    std::thread::sleep(Duration::from_secs(seconds));
}

/// Ends the camera with `signal`, starts it again after `pause`, and looks at its tile.
fn restart(addresses: Addresses, signal: Signal, pause: u64, name: &str) -> Result<()> {
    let Some(mut lan) = Lan::new(addresses)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("kitchen")?, lan.host("desk")?);
    let camera = CameraApp::new(&kitchen, "Kitchen");
    let mut pair = Pair::start(camera.clone(), WatchApp::new(&desk))?;
    let (id, node) = (pair.camera.id().to_owned(), pair.camera.node().to_owned());

    let (mark, killed) = (pair.mark(), Instant::now());
    pair.camera.program.signal(signal)?;
    pair.stalls(name, mark, killed)?;
    pair.camera.program.wait_exit(START_LIMIT)?;
    seconds(pause);

    let (mark, home) = (pair.mark(), pair.camera.home.clone());
    pair.camera = camera.home(&home).open().start()?;
    ensure!((pair.camera.id(), pair.camera.node()) == (id.as_str(), node.as_str()), "other ids");
    pair.lives(name, mark, pair.camera.program.started(), RESTARTED_TARGET)?;
    pair.is_one_tile()
}

#[test]
fn a_killed_camera_is_said_to_be_stalled_and_takes_its_tile_again() -> Result<()> {
    restart(Addresses::Both, Signal::KILL, 2, "killed_camera")
}

#[test]
fn a_camera_that_was_dead_for_a_while_is_live_as_soon_as_it_starts_again() -> Result<()> {
    restart(Addresses::Both, Signal::KILL, 15, "long_dead_camera")
}

#[test]
fn a_closed_camera_takes_its_tile_again() -> Result<()> {
    restart(Addresses::Ipv4, Signal::TERM, 2, "closed_camera")
}

#[test]
fn a_camera_that_is_stopped_for_ten_seconds_is_live_again_at_once() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let pair = Pair::on(&mut lan)?;
    let (mark, stopped) = (pair.mark(), Instant::now());
    pair.camera.program.signal(Signal::STOP)?;
    pair.stalls("stopped_camera", mark, stopped)?;
    pair.tells_cause(mark, &["unreachable"])?;
    std::thread::sleep(Duration::from_secs(10).saturating_sub(stopped.elapsed()));
    let (mark, continued) = (pair.mark(), Instant::now());
    pair.camera.program.signal(Signal::CONT)?;
    pair.lives("stopped_camera", mark, continued, CONTINUED_TARGET)?;
    pair.is_one_tile()
}

#[test]
fn a_camera_that_hangs_for_a_moment_keeps_its_session() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let pair = Pair::on(&mut lan)?;
    let (mark, stopped) = (pair.mark(), Instant::now());
    pair.camera.program.signal(Signal::STOP)?;
    pair.stalls("hanging_camera", mark, stopped)?;
    seconds(1);
    let continued = Instant::now();
    pair.camera.program.signal(Signal::CONT)?;
    pair.lives("hanging_camera", mark, continued, CONTINUED_TARGET)?;
    let events = pair.watch.program.events();
    let lost = events.iter().any(|event| event.is("lost"));
    pair.watch.program.check(!lost, "a moment's silence ended the session")
}

/// The camera's host gets another address while its picture runs. (Packets with an old IPv6 address
/// may go on for a while, so that the picture need not stop at once.)
fn moves(addresses: Addresses, name: &str) -> Result<()> {
    let Some(mut lan) = Lan::new(addresses)? else { return Ok(()) };
    let (mut kitchen, desk) = (lan.host("kitchen")?, lan.host("desk")?);
    let pair = Pair::start(CameraApp::new(&kitchen, "Kitchen"), WatchApp::new(&desk))?;
    pair.runs(SETTLED)?;
    let (mark, moved) = (pair.mark(), Instant::now());
    kitchen.renumber(77)?;
    seconds(8);
    let live_since = pair.live_since(mark)?.unwrap_or(moved);
    within(&format!("{name}_live"), live_since.saturating_duration_since(moved), MOVED_TARGET)?;
    pair.runs(Duration::from_secs(2))?;
    pair.is_one_tile()
}

#[test]
fn a_camera_with_a_new_lease_is_live_again_on_its_tile() -> Result<()> {
    moves(Addresses::Ipv4, "moved_camera")
}

#[test]
fn a_camera_with_a_new_ipv6_address_is_live_again_on_its_tile() -> Result<()> {
    moves(Addresses::Ipv6, "moved_camera_ipv6")
}

#[test]
fn a_sensor_that_stops_is_a_stall_though_everything_else_runs() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("kitchen")?, lan.host("desk")?);
    let sensor = Sensor::new()?;
    let camera = CameraApp::new(&kitchen, "Kitchen").source(&sensor.source());
    let pair = Pair::start(camera, WatchApp::plain(&desk))?;
    let (mark, stopped) = (pair.mark(), Instant::now());
    sensor.stop();
    pair.stalls("stopped_sensor", mark, stopped)?;
    pair.tells_cause(mark, &["no_pictures", "source"])?;
    // Its own program notices that the device hangs, and says so; nobody takes it for a broken path.
    pair.tells_cause(mark, &["source"])?;
    wait_told(&pair.camera.program, &["neither a picture nor an error"], START_LIMIT)?;
    seconds(8);
    let live = pair.watch.program.events().iter().skip(mark).any(|event| event.is("live"));
    pair.watch.program.check(!live, "live without a picture")?;
    let going_on = Instant::now();
    sensor.go_on();
    pair.lives("stopped_sensor", mark, going_on, CONTINUED_TARGET)?;
    // The link stood all the time, and so did the session.
    let lost = pair.watch.program.events().iter().any(|event| event.is("lost"));
    pair.watch.program.check(!lost, "a stopped sensor ended the session")?;
    pair.is_one_tile()
}

/// A short film of grey pictures, each a little lighter, at this path.
fn write_film(path: &std::path::Path) -> Result<()> {
    let mut film = b"YUV4MPEG2 W320 H180 F30:1 Ip A1:1 C420\n".to_vec();
    for luma in 40..200 {
        film.extend(b"FRAME\n");
        film.extend([luma; 320 * 180]);
        film.extend([128; 320 * 180 / 2]);
    }
    Ok(std::fs::write(path, film)?)
}

#[test]
fn a_source_that_breaks_and_comes_back_is_told_and_resumed() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("kitchen")?, lan.host("desk")?);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("film.y4m");
    write_film(&path)?;
    let source = format!("file:{}", path.display());
    let camera = CameraApp::new(&kitchen, "Kitchen").source(&source);
    let pair = Pair::start(camera, WatchApp::plain(&desk))?;
    ensure!(!told(&pair.camera.program, &["film.y4m"]), "trouble before any");

    let (mark, broken) = (pair.mark(), Instant::now());
    File::options().write(true).truncate(true).open(&path)?.write_all(b"YUV4MPEG2 W320 H180\n")?;
    pair.stalls("broken_source", mark, broken)?;
    wait_told(&pair.camera.program, &["film.y4m"], START_LIMIT)?;
    // The viewer hears it from the camera: nobody looks for the fault in the network.
    pair.tells_cause(mark, &["source"])?;
    seconds(7);
    let (mark, mended) = (pair.mark(), Instant::now());
    write_film(&path)?;
    pair.lives("broken_source", mark, mended, DEVICE_TARGET)?;
    pair.is_one_tile()
}
