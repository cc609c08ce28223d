//! Nobody gets in where they don't belong, and nobody becomes somebody else.

use std::time::Duration;

use anyhow::{Context, Result};
use lanlens_e2e::impostor::{Announcement, overheard_txt};
use lanlens_e2e::peer::{Key, Peer};
use lanlens_e2e::{CameraApp, START_LIMIT, Stream, WatchApp, wait_told};
use lanlens_model::{CameraId, NodeId};
use lanlens_testkit::{Addresses, Lan};
use serde_json::json;

/// How soon a refusal must be told.
const TOLD_LIMIT: Duration = Duration::from_secs(5);

fn undisturbed(stream: Stream) -> Result<()> {
    stream.runs_smoothly("undisturbed")
}

#[test]
fn a_second_unknown_device_waits_and_gets_no_packet_of_video() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (one, two) = (lan.host("owner")?, lan.host("stranger")?);
    let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").start()?;
    let owner = WatchApp::new(&one).start()?;
    owner.wait_first_frame(camera.id())?;
    camera.program.wait("the claim", START_LIMIT, |event| event.is("claimed"))?;

    one.count_udp()?;
    two.count_udp()?;
    let mark = owner.program.mark();
    let stranger = WatchApp::new(&two).start()?;
    stranger.program.wait("pending", START_LIMIT, |event| {
        event.is_of("access", camera.id()) && event.text("state") == "pending"
    })?;
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(two.udp_received()?, 0, "no packet of video reaches the stranger");
    assert!(one.udp_received()? > 100, "the meter counts what the owner gets");
    let pictures = stranger.program.events().iter().any(|e| e.is("first_frame") || e.is("live"));
    stranger.program.check(!pictures, "a stranger sees pictures")?;
    let stats = camera.wait_stats("stats", START_LIMIT, |_| true)?;
    camera.program.check(stats["viewers"] == 1, "a stranger counts as viewer")?;
    undisturbed(owner.stream(camera.id(), mark, owner.program.mark())?)
}

#[test]
fn an_owner_is_known_again_and_so_is_a_camera_that_was_claimed_before_its_restart() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, viewer) = (lan.host("kitchen")?, lan.host("viewer")?);
    let camera = CameraApp::new(&kitchen, "Kitchen").start()?;
    let owner = WatchApp::new(&viewer).start()?;
    owner.wait_first_frame(camera.id())?;
    let (camera_home, owner_home) = (camera.home.clone(), owner.home.clone());
    drop((camera, owner));

    let camera = CameraApp::new(&kitchen, "Kitchen").home(&camera_home).start()?;
    let stranger = WatchApp::new(&viewer).start()?;
    stranger.program.wait("pending", START_LIMIT, |event| event.text("state") == "pending")?;
    let owner = WatchApp::new(&viewer).home(&owner_home).start()?;
    owner.wait_first_frame(camera.id())?;
    Ok(())
}

#[test]
fn a_device_may_watch_its_own_camera_without_claiming_it() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").start()?;
    let own = WatchApp::new(&lan.host("same home")?).home(&camera.home).start()?;
    own.wait_first_frame(camera.id())?;
    let claimed = camera.program.events().iter().any(|event| event.is("claimed"));
    camera.program.check(!claimed, "its own device has claimed it")
}

#[test]
fn a_peer_without_certificate_and_one_with_anothers_camera_are_refused_and_told() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let attacker = lan.host("attacker")?;
    let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").open().start()?;
    let watch = WatchApp::new(&lan.host("viewer")?).start()?;
    watch.wait_first_frame(camera.id())?;
    std::thread::sleep(Duration::from_secs(2));
    let mark = watch.program.mark();
    let from = attacker.address().to_string();

    let nameless = Peer::connect(&attacker, camera.address, None);
    let words = format!("{:#}", nameless.err().context("a peer without certificate is let in")?);
    assert!(words.to_lowercase().contains("certificate"), "the peer learns why: {words}");
    wait_told(&camera.program, &[&from], TOLD_LIMIT)?;

    let key = Key::new()?;
    let mut thief = Peer::connect(&attacker, camera.address, Some(&key))?;
    let mut hello = key.hello();
    hello["role"] = "camera".into();
    hello["cameras"] = json!([{ "id": camera.id(), "name": "Kitchen" }]);
    thief.send(&hello.to_string())?;
    let farewell = thief.until_closed(TOLD_LIMIT)?;
    assert!(farewell.is_refusal("identity"), "{farewell:?}");

    let mut liar = Peer::connect(&attacker, camera.address, Some(&key))?;
    let mut hello = key.hello();
    hello["device"] = camera.device().into();
    liar.send(&hello.to_string())?;
    let farewell = liar.until_closed(TOLD_LIMIT)?;
    assert!(farewell.is_refusal("identity"), "{farewell:?}");
    wait_told(&camera.program, &["proven device"], TOLD_LIMIT)?;

    std::thread::sleep(Duration::from_secs(3));
    undisturbed(watch.stream(camera.id(), mark, watch.program.mark())?)
}

#[test]
fn an_announcement_with_anothers_ids_leads_nobody_astray() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (attacker, viewer) = (lan.host("attacker")?, lan.host("viewer")?);
    let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").open().start()?;
    // It answers, as a program of ours would, but with a key of its own.
    let trap = CameraApp::new(&attacker, "Trap").open().start()?;
    let watch = WatchApp::new(&viewer).args(&[camera.id()]).start()?;
    watch.wait_first_frame(camera.id())?;
    std::thread::sleep(Duration::from_secs(2));
    let mark = watch.program.mark();

    let mut txt = overheard_txt(&attacker, camera.id())?;
    for (key, value) in &mut txt {
        if key == "epoch" {
            *value = b"4000000000".to_vec();
        }
    }
    let pairs: Vec<(&str, &[u8])> = txt.iter().map(|(k, v)| (k.as_str(), v.as_slice())).collect();
    let port = trap.address.port();
    let _forged = Announcement::start(&attacker, "forged", attacker.address(), port, &pairs)?;
    std::thread::sleep(Duration::from_secs(6));
    undisturbed(watch.stream(camera.id(), mark, watch.program.mark())?)?;

    // Who comes now hears both announcements, and is led to the right one.
    let late = WatchApp::new(&viewer).args(&[camera.id()]).start()?;
    late.wait_first_frame(camera.id())?;
    undisturbed(late.measure(camera.id(), 4)?)
}

#[test]
fn whoever_answers_with_another_key_than_announced_is_refused_and_told() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let attacker = lan.host("attacker")?;
    let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").open().start()?;
    let trap = CameraApp::new(&attacker, "Trap").open().start()?;
    let watch = WatchApp::new(&lan.host("viewer")?).start()?;
    watch.wait_first_frame(camera.id())?;
    std::thread::sleep(Duration::from_secs(2));
    let mark = watch.program.mark();

    let device = Key::new()?.device;
    let node = NodeId::new(device, "camera-0").to_string();
    let stolen = CameraId::new(device, "camera-0").to_string();
    let txt: [(&str, &[u8]); 6] = [
        ("v", b"1"),
        ("node", node.as_bytes()),
        ("role", b"camera"),
        ("epoch", b"1"),
        ("cam", stolen.as_bytes()),
        ("name", b"Kitchen"),
    ];
    let port = trap.address.port();
    let _forged = Announcement::start(&attacker, "forged", attacker.address(), port, &txt)?;
    wait_told(&watch.program, &[&trap.address.to_string()], TOLD_LIMIT)?;
    std::thread::sleep(Duration::from_secs(3));
    let pictures = watch.program.events().iter().any(|event| event.is_of("live", &stolen));
    watch.program.check(!pictures, "a camera is shown under ids that are not its own")?;
    undisturbed(watch.stream(camera.id(), mark, watch.program.mark())?)
}
