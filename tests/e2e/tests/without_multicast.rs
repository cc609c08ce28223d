//! Networks that do not carry multicast (guest Wi-Fi, VLANs, strict firewalls): cameras that were
//! seen before are remembered, a scan finds new ones, connected peers tell of others. However a
//! camera was found, its tile looks like any other.

use std::net::{Ipv6Addr, TcpListener};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lanlens_e2e::{Camera, CameraApp, START_LIMIT, Watch, WatchApp, program};
use lanlens_testkit::figure::{patience, within};
use lanlens_testkit::{Addresses, Host, Lan, Signal, Traffic};

const KNOWN_TARGET: Duration = Duration::from_millis(1500);
const SCAN_TARGET: Duration = Duration::from_secs(5);
const TOLD_TARGET: Duration = Duration::from_secs(2);
/// Nothing tells that a camera is back, so it is asked from time to time, soon after it went most
/// often.
const ASKED_TARGET: Duration = Duration::from_secs(3);
const ASKED_LATER_TARGET: Duration = Duration::from_secs(10);
/// Long enough for mDNS to find what it can find.
const QUIET: Duration = Duration::from_secs(4);

/// A camera of this host, open to everyone and of its name.
fn camera(host: &Host) -> Result<Camera> {
    CameraApp::new(host, host.name()).open().start()
}

/// Blocks multicast from and to these hosts.
fn block(lan: &Lan, hosts: &[&Host]) -> Result<()> {
    hosts.iter().try_for_each(|host| lan.cut(host, Traffic::Multicast))
}

/// A camera is live soon enough after the viewer's start, and has its name.
fn shows(watch: &Watch, camera: &Camera, name: &str, target: Duration) -> Result<()> {
    watch.lives_from(0, camera.id(), name, watch.program.started(), target)?;
    let tiles = watch.tiles();
    let names = tiles.get(camera.id()).with_context(|| format!("no tile: {tiles:?}"))?;
    ensure!(names.iter().any(|name| name == camera.ready.text("name")), "named {names:?}");
    Ok(())
}

/// Nothing is found in a while.
fn shows_nothing(watch: &Watch) -> Result<()> {
    std::thread::sleep(QUIET);
    ensure!(watch.tiles().is_empty(), "multicast is not blocked: {:?}", watch.tiles());
    Ok(())
}

/// Sees these cameras for a moment, so that the home remembers them, and closes. (A camera may have
/// dialed the viewer; then its announcement says a little later where it listens.)
fn see_once(desk: &Host, cameras: &[Camera]) -> Result<Watch> {
    let mut watch = WatchApp::new(desk).start()?;
    for camera in cameras {
        watch.wait_first_frame(camera.id())?;
    }
    std::thread::sleep(Duration::from_secs(2));
    watch.program.end_with(Signal::INT, START_LIMIT)?;
    Ok(watch)
}

#[test]
fn known_cameras_are_live_from_where_they_were_last_seen() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, garden, desk) = (lan.host("Kitchen")?, lan.host("Garden")?, lan.host("desk")?);
    let cameras = [camera(&kitchen)?, camera(&garden)?];
    let before = see_once(&desk, &cameras)?;

    block(&lan, &[&kitchen, &garden, &desk])?;
    shows_nothing(&WatchApp::new(&desk).start()?)?;
    let watch = WatchApp::new(&desk).home(&before.home).start()?;
    for camera in &cameras {
        shows(&watch, camera, "remembered_camera", KNOWN_TARGET)?;
    }
    ensure!(watch.tiles().len() == 2, "two tiles: {:?}", watch.tiles());
    Ok(())
}

#[test]
fn known_cameras_are_live_behind_a_firewall_of_ones_own_that_refuses_multicast() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("Kitchen")?, lan.host("desk")?);
    let cameras = [camera(&kitchen)?];
    let before = see_once(&desk, &cameras)?;
    // Programs are told here: sending fails.
    for (tool, group) in [("iptables", "224.0.0.0/4"), ("ip6tables", "ff02::fb")] {
        for chain in ["INPUT", "OUTPUT"] {
            desk.run(&[tool, "-A", chain, "-d", group, "-j", "DROP"])?;
        }
    }
    shows_nothing(&WatchApp::new(&desk).start()?)?;
    let watch = WatchApp::new(&desk).home(&before.home).start()?;
    shows(&watch, &cameras[0], "remembered_camera_firewalled", KNOWN_TARGET)
}

#[test]
fn a_known_camera_that_is_off_is_live_soon_after_it_starts_without_any_multicast() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("Kitchen")?, lan.host("desk")?);
    let mut first = camera(&kitchen)?;
    let before = see_once(&desk, std::slice::from_ref(&first))?;
    first.program.end_with(Signal::TERM, START_LIMIT)?;

    block(&lan, &[&kitchen, &desk])?;
    let watch = WatchApp::new(&desk).home(&before.home).start()?;
    std::thread::sleep(Duration::from_secs(10));
    let again = CameraApp::new(&kitchen, "Kitchen").home(&first.home).open().start()?;
    let started = again.program.started();
    watch.lives_from(0, again.id(), "remembered_camera_late", started, ASKED_LATER_TARGET)
}

#[test]
fn a_remembered_address_that_another_device_has_now_shows_nobody_elses_picture() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Ipv4)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("Kitchen")?, lan.host("desk")?);
    let mut known = camera(&kitchen)?;
    let before = see_once(&desk, std::slice::from_ref(&known))?;
    known.program.end_with(Signal::TERM, START_LIMIT)?;

    block(&lan, &[&kitchen, &desk])?;
    let other = CameraApp::new(&kitchen, "Somebody").open().start()?;
    let watch = WatchApp::new(&desk).home(&before.home).start()?;
    std::thread::sleep(QUIET);
    watch.never_saw(known.id())?;
    watch.never_saw(other.id())
}

#[test]
fn a_scan_finds_new_cameras_on_any_of_the_default_ports() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Ipv4)? else { return Ok(()) };
    let (kitchen, garden, desk) = (lan.host("Kitchen")?, lan.host("Garden")?, lan.host("desk")?);
    // In the garden something else has the first port.
    let _taken = garden.within(|| {
        TcpListener::bind((Ipv6Addr::UNSPECIFIED, 17470))
            .or_else(|_| TcpListener::bind(("0.0.0.0", 17470)))
    })??;
    let cameras = [camera(&kitchen)?, camera(&garden)?];
    ensure!(cameras[1].address.port() != 17470, "the port was not taken");
    block(&lan, &[&kitchen, &garden, &desk])?;
    shows_nothing(&WatchApp::new(&desk).start()?)?;
    let watch = WatchApp::new(&desk).args(&["--scan"]).start()?;
    for camera in &cameras {
        shows(&watch, camera, "scanned_camera", SCAN_TARGET)?;
    }
    ensure!(watch.tiles().len() == 2, "two tiles: {:?}", watch.tiles());
    Ok(())
}

#[test]
fn a_list_with_a_scan_names_what_mdns_does_not() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Ipv4)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("Kitchen")?, lan.host("desk")?);
    let found = camera(&kitchen)?;
    block(&lan, &[&kitchen, &desk])?;
    let home = lanlens_e2e::Home::fresh()?;
    let list = |args: &[&str]| {
        program(&desk, "lanlens", &home)?.args(["list", "--json"]).args(args).finish(START_LIMIT)
    };
    let without = list(&[])?;
    without.check(without.exit_code() == Some(3), "multicast is not blocked")?;
    let with = list(&["--scan"])?;
    with.check(with.exit_code() == Some(0), "the scan finds nothing")?;
    let named = with.events().iter().any(|event| {
        event["camera"] == found.id() || event["id"] == found.id() || event["name"] == "Kitchen"
    });
    with.check(named, "the camera is not in the list")
}

#[test]
fn a_connected_peer_tells_of_the_cameras_that_it_sees() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, garden, desk) = (lan.host("Kitchen")?, lan.host("Garden")?, lan.host("desk")?);
    let cameras = [camera(&kitchen)?, camera(&garden)?];
    // The cameras hear each other; the viewer hears nobody.
    cameras[0].program.wait("its neighbour", START_LIMIT, |event| event.is("peer"))?;
    block(&lan, &[&desk])?;
    shows_nothing(&WatchApp::new(&desk).start()?)?;
    let typed = cameras[0].address.to_string();
    let watch = WatchApp::new(&desk).args(&["--peer", &typed]).start()?;
    shows(&watch, &cameras[0], "typed_camera", KNOWN_TARGET)?;
    shows(&watch, &cameras[1], "told_camera", TOLD_TARGET)?;
    ensure!(watch.tiles().len() == 2, "two tiles: {:?}", watch.tiles());
    Ok(())
}

#[test]
fn a_camera_found_by_its_address_survives_the_same_faults_as_any_other() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("Kitchen")?, lan.host("desk")?);
    let first = camera(&kitchen)?;
    block(&lan, &[&kitchen, &desk])?;
    let typed = first.address.to_string();
    let watch = WatchApp::new(&desk).args(&["--peer", &typed]).start()?;
    shows(&watch, &first, "typed_camera", KNOWN_TARGET)?;

    let mark = watch.program.mark();
    first.program.signal(Signal::KILL)?;
    watch.wait_not_live_from(mark, first.id())?;
    std::thread::sleep(Duration::from_secs(2));
    let mark = watch.program.mark();
    let again = CameraApp::new(&kitchen, "Kitchen").home(&first.home).open().start()?;
    let started = again.program.started();
    watch.lives_from(mark, again.id(), "typed_camera_restarted", started, ASKED_TARGET)?;

    let mark = watch.program.mark();
    desk.link_down()?;
    watch.wait_not_live_from(mark, again.id())?;
    std::thread::sleep(Duration::from_secs(5));
    let (mark, up) = (watch.program.mark(), std::time::Instant::now());
    desk.link_up()?;
    // Plugging in made a new interface for multicast, which is blocked as before.
    let limit = patience(Duration::from_secs(2));
    let live = watch.wait_live_from(mark, again.id(), limit)?;
    within("typed_camera_replugged", live.at - up, Duration::from_secs(2))?;
    ensure!(watch.tiles().len() == 1, "one tile: {:?}", watch.tiles());
    Ok(())
}
