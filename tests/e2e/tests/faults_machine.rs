//! What happens to computers: they sleep, their disks fill up, their ports are taken, their clocks
//! are set.

use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lanlens_e2e::faults::Pair;
use lanlens_e2e::{Camera, CameraApp, Home, START_LIMIT, Watch, WatchApp};
use lanlens_testkit::figure::{report, within};
use lanlens_testkit::{Addresses, Host, Lan, SmallDisk, WallClock, skip};

const WOKEN_TARGET: Duration = Duration::from_secs(2);
const STARTED_TARGET: Duration = Duration::from_millis(1500);

fn seconds(seconds: u64) {
    std::thread::sleep(Duration::from_secs(seconds));
}

/// After a sleep: where a picture comes at once, there is no stall to tell of.
fn is_live_soon(pair: &Pair, mark: usize, woken: Instant, name: &str) -> Result<()> {
    seconds(3);
    let live_since = pair.live_since(mark)?.unwrap_or(woken);
    within(&format!("{name}_live"), live_since.saturating_duration_since(woken), WOKEN_TARGET)?;
    pair.runs(Duration::from_secs(2))?;
    pair.is_one_tile()
}

#[test]
fn a_viewer_that_slept_for_twenty_seconds_is_live_again_soon_after_it_wakes() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let pair = Pair::on(&mut lan)?;
    pair.watch.freeze()?;
    seconds(20);
    let (mark, woken) = (pair.mark(), Instant::now());
    pair.watch.thaw()?;
    is_live_soon(&pair, mark, woken, "woken_viewer")
}

#[test]
fn a_house_that_slept_is_live_again_soon_after_it_wakes() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let pair = Pair::on(&mut lan)?;
    // One laptop that both run on, and the network comes back a moment later than the programs.
    pair.watch.freeze()?;
    pair.camera.program.signal(lanlens_testkit::Signal::STOP)?;
    seconds(15);
    let (mark, woken) = (pair.mark(), Instant::now());
    pair.camera.program.signal(lanlens_testkit::Signal::CONT)?;
    pair.watch.thaw()?;
    is_live_soon(&pair, mark, woken, "woken_house")
}

#[test]
fn a_full_disk_stops_no_picture_and_no_start() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("kitchen")?, lan.host("desk")?);
    let home = Home::fresh()?;
    let disk = SmallDisk::new(&desk, home.path(), 512)?;
    let camera = CameraApp::new(&kitchen, "Kitchen");
    let watch = WatchApp::new(&desk).home(&home).on_disk(&disk);
    let mut pair = Pair::start(camera, watch.clone())?;
    ensure!(std::fs::read_dir(disk.seen())?.count() > 0, "its home is on this disk");

    disk.fill()?;
    let mark = pair.mark();
    seconds(3);
    pair.never_stopped(mark)?;
    // What it finds out meanwhile it cannot write down, and shows all the same.
    let late = CameraApp::new(&lan.host("attic")?, "Attic").open().start()?;
    let started = late.program.started();
    pair.watch.lives_from(mark, late.id(), "full_disk_late_camera", started, STARTED_TARGET)?;
    pair.never_stopped(mark)?;

    pair.watch.program.end_with(lanlens_testkit::Signal::INT, START_LIMIT)?;
    pair.watch = watch.start()?;
    let started = pair.watch.program.started();
    pair.lives("full_disk_restart", 0, started, STARTED_TARGET)?;

    // A device that is new on a full disk can have no key: it says so, in one line.
    let empty = Home::fresh()?;
    let full = SmallDisk::new(&desk, empty.path(), 16)?;
    full.fill()?;
    let mut fresh = WatchApp::plain(&desk).home(&empty).on_disk(&full).start()?;
    fresh.program.wait_exit(START_LIMIT)?;
    let (code, log) = (fresh.program.exit_code(), fresh.program.log());
    let words = log.lines().filter(|line| line.contains("disk")).count();
    ensure!(code == Some(1) && words == 1, "exit code {code:?}: {log}");
    Ok(())
}

/// A pair whose camera finds what it usually listens on in use.
fn starts_beside(host: &Host, desk: &Host, args: &[&str]) -> Result<(Camera, Watch)> {
    let camera = CameraApp::new(host, "Kitchen").open().args(args).start()?;
    let watch = WatchApp::new(desk).start()?;
    let started = watch.program.started();
    watch.lives_from(0, camera.id(), "port_taken", started, STARTED_TARGET)?;
    Ok((camera, watch))
}

#[test]
fn ports_that_are_taken_are_passed_over_and_one_that_was_asked_for_is_a_clear_word() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("kitchen")?, lan.host("desk")?);
    // Of both families, and every media port besides.
    let (_tcp, _udp) = kitchen.within(|| -> Result<_> {
        let tcp = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 17470)).context("17470/tcp")?;
        let ports = 17480..=17579;
        let udp: Result<Vec<UdpSocket>, _> =
            ports.map(|port| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))).collect();
        Ok((tcp, udp.context("media ports")?))
    })??;
    let (camera, watch) = starts_beside(&kitchen, &desk, &[])?;
    ensure!(camera.address.port() == 17471, "the next free port: {}", camera.address);
    drop((camera, watch));

    let taken = ["--listen", "0.0.0.0:17470"];
    let (mut refused, _home) = CameraApp::new(&kitchen, "Kitchen").args(&taken).launch()?;
    refused.wait_exit(START_LIMIT)?;
    let (code, log) = (refused.exit_code(), refused.log());
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("17470")).collect();
    ensure!(code == Some(1) && lines.len() == 1, "exit code {code:?}: {log}");

    // All ten of them: then any port, found by mDNS all the same.
    let _rest = kitchen.within(|| -> Result<Vec<TcpListener>, _> {
        (17471..=17479).map(|port| TcpListener::bind((Ipv6Addr::UNSPECIFIED, port))).collect()
    })??;
    let (camera, _watch) = starts_beside(&kitchen, &desk, &[])?;
    ensure!(!(17470..=17479).contains(&camera.address.port()), "{}", camera.address);
    Ok(())
}

/// The latency in the last figures is one that people would believe.
fn latency_is_sane(watch: &Watch, camera: &str, name: &str) -> Result<()> {
    let mark = watch.program.mark();
    let event = watch.program.wait_from(mark, "a latency", Duration::from_secs(20), |event| {
        event.is_of("stats", camera) && event["latency_ms"]["p50"].is_number()
    })?;
    let p50 = event["latency_ms"]["p50"].as_f64().unwrap_or(f64::NAN);
    report(&format!("{name}_latency_p50"), p50, "ms", "none set");
    watch.program.check((-5.0..500.0).contains(&p50), &format!("a latency of {p50} ms"))
}

#[test]
fn a_clock_that_jumps_by_an_hour_stops_no_picture() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("kitchen")?, lan.host("desk")?);
    let (Some(camera_clock), Some(viewer_clock)) = (WallClock::new()?, WallClock::new()?) else {
        return skip("libfaketime is not installed: run scripts/setup.sh --test");
    };
    let camera = CameraApp::new(&kitchen, "Kitchen").clock(&camera_clock);
    let pair = Pair::start(camera, WatchApp::plain(&desk).clock(&viewer_clock))?;
    let id = pair.camera.id();
    latency_is_sane(&pair.watch, id, "before_the_jump")?;
    for (clock, off, name) in [
        (&viewer_clock, 3600, "viewer_clock_ahead"),
        (&viewer_clock, -3600, "viewer_clock_back"),
        (&camera_clock, 3600, "camera_clock_ahead"),
        (&camera_clock, 0, "camera_clock_right_again"),
    ] {
        let mark = pair.mark();
        clock.set_off(off)?;
        seconds(5);
        pair.never_stopped(mark)?;
        pair.runs(Duration::from_secs(1))?;
        // The offset between the two clocks is measured anew.
        latency_is_sane(&pair.watch, id, name)?;
    }
    pair.is_one_tile()
}
