//! Who comes when, and from behind what: later cameras, firewalls, cameras among themselves.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;
use lanlens_e2e::{CameraApp, START_LIMIT, Watch, WatchApp};
use lanlens_testkit::figure::{patience, within};
use lanlens_testkit::{Addresses, Lan, Program};

const LATE_CAMERA_TARGET: Duration = Duration::from_millis(1500);
const FIREWALL_TARGET: Duration = Duration::from_millis(2000);

/// From a camera's start to its picture in a viewer that was already there.
fn picture_of_a_late_camera(watch: &Watch, camera: &Program, target: Duration) -> Result<Duration> {
    let ready = camera.wait("ready", START_LIMIT, |event| event.is("ready"))?;
    let live = watch.wait_live_from(0, ready.text("camera"), patience(target))?;
    Ok(live.at - camera.started())
}

#[test]
fn a_camera_started_after_the_viewer_shows_up_by_itself() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let watch = WatchApp::new(&lan.host("viewer")?).start()?;
    std::thread::sleep(Duration::from_secs(2));
    let (camera, _home) = CameraApp::new(&lan.host("kitchen")?, "Kitchen").launch()?;
    let took = picture_of_a_late_camera(&watch, &camera, LATE_CAMERA_TARGET)?;
    within("camera_after_viewer", took, LATE_CAMERA_TARGET)
}

#[test]
fn a_camera_behind_a_strict_firewall_dials_out_and_is_seen() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, viewer) = (lan.host("kitchen")?, lan.host("viewer")?);
    kitchen.drop_inbound_except_mdns()?;
    let watch = WatchApp::new(&viewer).start()?;
    std::thread::sleep(Duration::from_secs(2));
    let (camera, _home) = CameraApp::new(&kitchen, "Kitchen").launch()?;
    let took = picture_of_a_late_camera(&watch, &camera, FIREWALL_TARGET)?;
    within("firewalled_camera_after_viewer", took, FIREWALL_TARGET)
}

#[test]
fn a_viewer_started_after_a_firewalled_camera_sees_it_too() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, viewer) = (lan.host("kitchen")?, lan.host("viewer")?);
    kitchen.drop_inbound_except_mdns()?;
    let camera = CameraApp::new(&kitchen, "Kitchen").start()?;
    let watch = WatchApp::new(&viewer).start()?;
    let live = watch.wait_live_from(0, camera.id(), patience(FIREWALL_TARGET))?;
    within("viewer_after_firewalled_camera", live.at - watch.program.started(), FIREWALL_TARGET)
}

#[test]
fn three_cameras_without_a_viewer_know_each_other() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let mut cameras = Vec::new();
    for name in ["Kitchen", "Garden", "거실"] {
        cameras.push((name, CameraApp::new(&lan.host(name)?, name).start()?));
    }
    for (name, camera) in &cameras {
        for (other_name, other) in &cameras {
            if other.node() != camera.node() {
                let what = format!("{name} sees {other_name}");
                let peer = camera.program.wait(&what, START_LIMIT, |event| {
                    event.is("peer") && event.text("node") == other.node()
                })?;
                assert_eq!((peer.text("role"), peer.text("name")), ("camera", *other_name));
            }
        }
        let events = camera.program.events();
        let peers: Vec<&str> =
            events.iter().filter(|e| e.is("peer")).map(|e| e.text("node")).collect();
        let distinct: BTreeSet<&str> = peers.iter().copied().collect();
        camera.program.check(peers.len() == 2 && distinct.len() == 2, "two peers, each once")?;
    }
    Ok(())
}
