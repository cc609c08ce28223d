//! What happens to networks: cables, Wi-Fi that loses packets, firewalls, second interfaces, VPNs.
//! Nobody touches anything, and the pictures come back.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lanlens_e2e::faults::Pair;
use lanlens_e2e::{Camera, CameraApp, Watch, WatchApp, eventually};
use lanlens_testkit::figure::{patience, report, within};
use lanlens_testkit::{Addresses, Event, Host, Lan, Traffic};

const REPLUGGED_TARGET: Duration = Duration::from_secs(2);
const MEDIA_TARGET: Duration = Duration::from_millis(1500);
const LINK_TARGET: Duration = Duration::from_secs(2);
const MOVED_TARGET: Duration = Duration::from_secs(3);
const LOSSY_TARGET: Duration = Duration::from_secs(5);
/// For what a camera knows of its watchers, on a busy machine.
const TOLD_LIMIT: Duration = Duration::from_secs(5);
/// Nobody moves in the moment in which links are made, when two may cross.
const SETTLED: Duration = Duration::from_secs(6);
/// Of a session without its link; a link must be back before.
const SESSION_RESUME: Duration = Duration::from_secs(10);

fn seconds(seconds: u64) {
    std::thread::sleep(Duration::from_secs(seconds));
}

/// The viewer's cable is out for so long.
fn unplugs(addresses: Addresses, time: u64, name: &str) -> Result<()> {
    let Some(mut lan) = Lan::new(addresses)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("kitchen")?, lan.host("desk")?);
    let pair = Pair::start(CameraApp::new(&kitchen, "Kitchen"), WatchApp::new(&desk))?;
    let (mark, down) = (pair.mark(), Instant::now());
    desk.link_down()?;
    pair.stalls(name, mark, down)?;
    pair.tells_cause(mark, &["no_network"])?;
    std::thread::sleep(Duration::from_secs(time).saturating_sub(down.elapsed()));
    let (mark, up) = (pair.mark(), Instant::now());
    desk.link_up()?;
    pair.lives(name, mark, up, REPLUGGED_TARGET)?;
    pair.is_one_tile()
}

#[test]
fn a_viewer_whose_cable_was_out_for_eight_seconds_sees_its_camera_at_once() -> Result<()> {
    unplugs(Addresses::Both, 8, "viewer_replugged")
}

#[test]
fn a_viewer_whose_cable_was_out_for_half_a_minute_sees_its_camera_at_once() -> Result<()> {
    unplugs(Addresses::Ipv4, 30, "viewer_replugged_late")
}

#[test]
fn a_camera_whose_cable_was_out_is_seen_again_at_once() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("kitchen")?, lan.host("desk")?);
    let pair = Pair::start(CameraApp::new(&kitchen, "Kitchen"), WatchApp::new(&desk))?;
    let (mark, down) = (pair.mark(), Instant::now());
    kitchen.link_down()?;
    pair.stalls("camera_replugged", mark, down)?;
    pair.tells_cause(mark, &["unreachable"])?;
    std::thread::sleep(Duration::from_secs(8).saturating_sub(down.elapsed()));
    let (mark, up) = (pair.mark(), Instant::now());
    kitchen.link_up()?;
    pair.lives("camera_replugged", mark, up, REPLUGGED_TARGET)?;
    pair.is_one_tile()
}

#[test]
fn a_viewer_that_roams_to_another_address_sees_its_camera_again() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Ipv4)? else { return Ok(()) };
    let (kitchen, mut desk) = (lan.host("kitchen")?, lan.host("desk")?);
    let pair = Pair::start(CameraApp::new(&kitchen, "Kitchen"), WatchApp::new(&desk))?;
    pair.runs(SETTLED)?;
    let (mark, moved) = (pair.mark(), Instant::now());
    desk.renumber(88)?;
    pair.stalls("viewer_moved", mark, moved)?;
    pair.lives("viewer_moved", mark, moved, MOVED_TARGET)?;
    pair.is_one_tile()
}

#[test]
fn media_that_were_dropped_for_five_seconds_come_back_by_themselves() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("kitchen")?, lan.host("desk")?);
    let pair = Pair::start(CameraApp::new(&kitchen, "Kitchen"), WatchApp::new(&desk))?;
    let (mark, dropped) = (pair.mark(), Instant::now());
    let camera = &pair.camera.program;
    lan.cut(&kitchen, Traffic::Media)?;
    pair.stalls("media_dropped", mark, dropped)?;
    pair.tells_cause(mark, &["no_pictures"])?;
    // Its watcher list says so as well.
    let told = camera.wait("that nothing arrives", TOLD_LIMIT, |e| e.is("viewer_stalled"))?;
    report("media_dropped_watcher", (told.at - dropped).as_secs_f64() * 1000.0, "ms", "about 1 s");
    let told_at = camera.mark();
    camera.wait("a silent viewer", TOLD_LIMIT, |e| e.is("stats") && e["viewers_stalled"] == 1)?;
    std::thread::sleep(Duration::from_secs(5).saturating_sub(dropped.elapsed()));
    let (mark, healed) = (pair.mark(), Instant::now());
    lan.heal(&kitchen)?;
    pair.lives("media_dropped", mark, healed, MEDIA_TARGET)?;
    let again = |e: &Event| e.is("viewer_live") || e.is("viewer_joined");
    camera.wait_from(told_at, "that it arrives again", TOLD_LIMIT, again)?;
    pair.is_one_tile()
}

#[test]
fn a_network_that_swallows_everything_for_twenty_seconds_is_survived() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("kitchen")?, lan.host("desk")?);
    let pair = Pair::start(CameraApp::new(&kitchen, "Kitchen"), WatchApp::new(&desk))?;
    let (mark, cut) = (pair.mark(), Instant::now());
    lan.cut(&desk, Traffic::All)?;
    pair.stalls("all_dropped", mark, cut)?;
    std::thread::sleep(Duration::from_secs(20).saturating_sub(cut.elapsed()));
    let (mark, healed) = (pair.mark(), Instant::now());
    lan.heal(&desk)?;
    // No target is set: nothing tells either end that the switch works again.
    pair.lives("all_dropped", mark, healed, MOVED_TARGET)?;
    pair.is_one_tile()
}

#[test]
fn a_cut_link_never_stops_the_picture_and_is_back_soon() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("kitchen")?, lan.host("desk")?);
    let pair = Pair::start(CameraApp::new(&kitchen, "Kitchen"), WatchApp::new(&desk))?;
    let port = pair.camera.address.port();
    ensure!(kitchen.connections(port)? == 1, "one link before");
    let mark = pair.mark();
    lan.cut(&kitchen, Traffic::Signaling)?;
    let silent = Duration::from_secs(5);
    let gone = || kitchen.connections(port).is_ok_and(|links| links == 0);
    ensure!(eventually(silent, gone), "nobody notices that the link is dead");
    seconds(2);
    let healed = Instant::now();
    lan.heal(&kitchen)?;
    let back = || both_ends(&kitchen, &desk, port).unwrap_or(false);
    ensure!(eventually(patience(LINK_TARGET), back), "the link does not come back");
    within("cut_link_back", healed.elapsed(), LINK_TARGET)?;
    // Without a new link the session would end by itself.
    std::thread::sleep(SESSION_RESUME + Duration::from_secs(3));
    pair.never_stopped(mark)?;
    pair.runs(Duration::from_secs(1))?;
    pair.is_one_tile()
}

/// Whether a link stands at the camera and at the viewer.
fn both_ends(camera: &Host, viewer: &Host, port: u16) -> Result<bool> {
    Ok(camera.connections(port)? > 0 && viewer.connections(port)? > 0)
}

#[test]
fn two_cables_to_one_camera_are_one_tile_and_one_of_them_is_enough() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Ipv4)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("kitchen")?, lan.host("desk")?);
    lan.plug_in_again(&kitchen, "wlan0")?;
    let pair = Pair::start(CameraApp::new(&kitchen, "Kitchen"), WatchApp::new(&desk))?;
    pair.is_one_tile()?;
    let (mark, down) = (pair.mark(), Instant::now());
    kitchen.link_down()?;
    pair.watch.lives_from(mark, pair.camera.id(), "second_cable", down, MOVED_TARGET).or_else(
        // Its pictures may have come by the other one all the time.
        |error| pair.never_stopped(mark).map_err(|_| error),
    )?;
    pair.runs(Duration::from_secs(2))?;
    let mark = pair.mark();
    kitchen.link_up()?;
    seconds(5);
    pair.never_stopped(mark)?;
    pair.is_one_tile()
}

#[test]
fn a_vpn_that_comes_and_goes_disturbs_no_picture_and_hides_no_camera() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Ipv4)? else { return Ok(()) };
    let (kitchen, desk, attic) = (lan.host("kitchen")?, lan.host("desk")?, lan.host("attic")?);
    let pair = Pair::start(CameraApp::new(&kitchen, "Kitchen"), WatchApp::new(&desk))?;
    let mark = pair.mark();
    lan.vpn_up(&desk, "tun0")?;
    lan.vpn_up(&kitchen, "tun0")?;
    seconds(4);
    pair.never_stopped(mark)?;
    // Who starts meanwhile has the VPN among its interfaces from the beginning.
    lan.vpn_up(&attic, "tun0")?;
    let late = CameraApp::new(&attic, "Attic").open().start()?;
    let (id, started) = (late.id(), late.program.started());
    pair.watch.lives_from(mark, id, "camera_beside_vpn", started, Duration::from_millis(1500))?;
    let viewer = WatchApp::new(&attic).start()?;
    let started = viewer.program.started();
    viewer.lives_from(0, pair.camera.id(), "viewer_beside_vpn", started, MEDIA_TARGET)?;
    for host in [&desk, &kitchen, &attic] {
        host.unplug("tun0")?;
    }
    seconds(4);
    pair.never_stopped(mark)?;
    ensure!(pair.watch.tiles().len() == 2, "two tiles: {:?}", pair.watch.tiles());
    Ok(())
}

/// Waits until every camera is live, and reports the one that took longest from when both it and
/// the viewer ran.
fn all_live(watch: &Watch, cameras: &[Camera], name: &str) -> Result<()> {
    let mut worst = Duration::ZERO;
    for camera in cameras {
        let live = watch.wait_live_from(0, camera.id(), patience(LOSSY_TARGET))?;
        let both = camera.program.started().max(watch.program.started());
        worst = worst.max(live.at.saturating_duration_since(both));
    }
    within(name, worst, LOSSY_TARGET)
}

#[test]
fn with_a_third_of_multicast_lost_every_camera_is_found() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let desk = lan.host("desk")?;
    let rooms: Vec<Host> = (0..8).map(|n| lan.host(&format!("room {n}"))).collect::<Result<_>>()?;
    for host in rooms.iter().chain([&desk]) {
        lan.lose(host, Traffic::Multicast, 30)?;
    }
    let camera = |host: &Host| {
        CameraApp::new(host, host.name()).open().size("320x180").args(&["--fps", "10"])
    };
    // What gets lost is chance: so several times, with viewers first and with cameras first.
    for round in 0..3 {
        let watch = WatchApp::plain(&desk).start()?;
        seconds(1);
        let cameras: Vec<Camera> =
            rooms.iter().map(|host| camera(host).start()).collect::<Result<_>>()?;
        all_live(&watch, &cameras, &format!("lossy_cameras_late_{round}"))?;
        let second = WatchApp::plain(&desk).start()?;
        all_live(&second, &cameras, &format!("lossy_viewer_late_{round}"))?;
        ensure!(second.tiles().len() == 8, "eight tiles: {:?}", second.tiles());
    }
    Ok(())
}
