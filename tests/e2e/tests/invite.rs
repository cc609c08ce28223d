//! By invitation only: who holds the link is let in, and the link itself is never on the wire.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lanlens_e2e::peer::{Key, Peer};
use lanlens_e2e::talk::ANSWER_LIMIT;
use lanlens_e2e::trust::{invitation, is_listed, listed, trust};
use lanlens_e2e::{Camera, CameraApp, Home, START_LIMIT, WatchApp, proofs};
use lanlens_model::DeviceId;
use lanlens_testkit::capture::frames_with;
use lanlens_testkit::figure::within;
use lanlens_testkit::{Addresses, Lan};

/// From the invitation to the first picture.
const JOIN_TARGET: Duration = Duration::from_secs(1);
/// A camera looks at its lists every 250 ms.
const NOTICED: Duration = Duration::from_millis(600);
/// Long enough for whatever must not happen.
const QUIET: Duration = Duration::from_secs(4);

/// A home that holds these invitations to the cameras of others.
fn home_with(links: &[&str]) -> Result<Home> {
    let home = Home::fresh()?;
    links.iter().try_for_each(|link| trust(home.path(), &["join", link]).map(drop))?;
    Ok(home)
}

/// The invitation to some other home.
fn wrong_link() -> Result<String> {
    invitation(Home::fresh()?.path())
}

/// The invitation to a camera's home; from then on the camera knows it too.
fn invitation_to(camera: &Camera) -> Result<String> {
    let link = invitation(camera.home.path())?;
    std::thread::sleep(NOTICED);
    Ok(link)
}

fn secret(link: &str) -> Result<Vec<u8>> {
    proofs::secret(link).with_context(|| format!("no secret in {link}"))
}

#[test]
fn without_the_invitation_there_is_no_picture_and_with_it_there_is_at_once() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (desk, sofa) = (lan.host("desk")?, lan.host("sofa")?);
    let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").by_invitation().start()?;
    desk.count_udp()?;
    let watch = WatchApp::new(&desk).start()?;
    watch.wait_access_from(0, camera.id(), "invite")?;
    std::thread::sleep(QUIET);
    ensure!(desk.udp_received()? == 0, "packets of video reach who is not invited");
    watch.never_saw(camera.id())?;
    ensure!(listed(camera.home.path(), "owner")?.is_empty(), "somebody claimed the camera");
    ensure!(listed(camera.home.path(), "waiting")?.is_empty(), "somebody waits");

    // Both while their programs run.
    let link = invitation_to(&camera)?;
    let joined = Instant::now();
    trust(watch.home.path(), &["join", &link])?;
    let first = watch.wait_first_frame(camera.id())?;
    within("join_to_first_frame", first.at.saturating_duration_since(joined), JOIN_TARGET)?;
    ensure!(is_listed(camera.home.path(), "watcher", watch.device()?)?, "it is not written down");

    // Who held it before the start needs nothing else, and is known again later.
    let home = home_with(&[&wrong_link()?, &link])?;
    let other = WatchApp::new(&sofa).home(&home).start()?;
    other.wait_first_frame(camera.id())?;
    let other = other.device()?;

    // A new invitation ends the old one, and takes leave from nobody who has it.
    let new = trust(camera.home.path(), &["invite", "--new"])?;
    ensure!(new.trim() != link, "the same invitation again");
    std::thread::sleep(NOTICED);
    drop(watch);
    let late = WatchApp::new(&desk).home(&home_with(&[&link])?).start()?;
    late.program.wait("a refusal", START_LIMIT, |event| {
        event.is_of("access", camera.id()) && event.text("reason") == "wrong_invitation"
    })?;
    late.never_saw(camera.id())?;
    let again = WatchApp::new(&sofa).home(&home).start()?;
    again.wait_first_frame(camera.id())?;
    ensure!(is_listed(camera.home.path(), "watcher", other)?, "who was let in is not any more");
    Ok(())
}

/// Shows a proof of this secret; the reason why not, or nothing for leave.
fn try_secret(
    lan_host: &lanlens_testkit::Host,
    camera: &Camera,
    key: &Key,
    secret: &[u8],
) -> Result<Option<String>> {
    let device: DeviceId = camera.device().parse()?;
    let mut peer = Peer::greeted(lan_host, camera.address, key)?;
    peer.prove(secret, key, device)?;
    let end = Instant::now() + ANSWER_LIMIT;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let message = peer.hear(left)?.context("no answer to an invitation")?;
        match message["type"].as_str() {
            Some("access") if message["state"] == "granted" => return Ok(None),
            Some("access_ended") => {
                return Ok(message["reason"].as_str().map(str::to_owned));
            }
            _ => {}
        }
    }
}

#[test]
fn wrong_invitations_are_told_and_after_five_the_next_tries_have_to_wait() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (desk, sofa) = (lan.host("desk")?, lan.host("sofa")?);
    let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").by_invitation().start()?;
    let right = secret(&invitation_to(&camera)?)?;
    let refused = |reason: &str| Some(reason.to_owned());

    // Each try by another device: they share an address.
    for n in 0..5_u8 {
        let outcome = try_secret(&desk, &camera, &Key::new()?, &[n; 16])?;
        ensure!(outcome == refused("wrong_invitation"), "try {n}: {outcome:?}");
    }
    let fifth = Instant::now();
    let outcome = try_secret(&desk, &camera, &Key::new()?, &[8; 16])?;
    if fifth.elapsed() < Duration::from_millis(900) {
        ensure!(outcome == refused("too_often"), "{outcome:?}");
    }
    // Another address is not made to wait.
    let elsewhere = try_secret(&sofa, &camera, &Key::new()?, &[7; 16])?;
    ensure!(elsewhere == refused("wrong_invitation"), "all have to wait: {elsewhere:?}");
    std::thread::sleep(Duration::from_millis(1200).saturating_sub(fifth.elapsed()));
    let outcome = try_secret(&desk, &camera, &Key::new()?, &[9; 16])?;
    ensure!(outcome == refused("wrong_invitation"), "{outcome:?}");
    // From here on it is two seconds.
    let sixth = Instant::now();
    std::thread::sleep(Duration::from_millis(1200));
    let outcome = try_secret(&desk, &camera, &Key::new()?, &[9; 16])?;
    if sixth.elapsed() < Duration::from_millis(1900) {
        ensure!(outcome == refused("too_often"), "the wait does not grow: {outcome:?}");
    }
    // Whoever shares that address and holds the right one is not kept out by it.
    ensure!(try_secret(&desk, &camera, &Key::new()?, &right)?.is_none(), "the right one waits");
    ensure!(
        camera
            .program
            .events()
            .iter()
            .any(|e| { e.is("error") && e.text("message").contains("wrong invitation") }),
        "the camera's people are not told"
    );
    Ok(())
}

#[test]
fn a_program_with_a_wrong_invitation_says_so() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let desk = lan.host("desk")?;
    let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").by_invitation().start()?;
    let link = invitation_to(&camera)?;
    let watch = WatchApp::new(&desk).home(&home_with(&[&wrong_link()?])?).start()?;
    let told = watch.program.wait("a refusal", START_LIMIT, |event| {
        event.is_of("access", camera.id()) && !event.text("reason").is_empty()
    })?;
    ensure!(told.text("reason") == "wrong_invitation", "{told:?}");
    std::thread::sleep(QUIET);
    watch.never_saw(camera.id())?;
    let told = watch.program.events();
    let refusals = told.iter().filter(|e| e.text("reason") == "wrong_invitation").count();
    ensure!(refusals == 1, "it tries again and again: {refusals} times");
    // The right one beside it is enough.
    trust(watch.home.path(), &["join", &link])?;
    watch.wait_first_frame(camera.id())?;
    Ok(())
}

#[test]
fn the_secret_is_on_the_wire_in_no_spelling_while_somebody_joins() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("kitchen")?, lan.host("desk")?);
    let camera = CameraApp::new(&kitchen, "Kitchen").by_invitation().start()?;
    let watch = WatchApp::new(&desk).start()?;
    watch.wait_access_from(0, camera.id(), "invite")?;

    let capture = lan.capture()?;
    let link = invitation_to(&camera)?;
    trust(watch.home.path(), &["join", &link])?;
    watch.wait_first_frame(camera.id())?;
    std::thread::sleep(Duration::from_secs(1));
    let frames = capture.end()?;

    let secret = secret(&link)?;
    let mut forms: Vec<Vec<u8>> =
        proofs::spellings(&secret).into_iter().map(String::into_bytes).collect();
    forms.push(secret.clone());
    for form in &forms {
        let found = frames_with(&frames, form);
        ensure!(found == 0, "{} of {} frames hold {form:?}", found, frames.len());
    }
    // What must have passed was captured: TLS records (application data, version 1.2 on the wire)
    // and the camera's name, which mDNS announces to everyone.
    ensure!(frames_with(&frames, &[23, 3, 3]) > 0, "no TLS among {} frames", frames.len());
    ensure!(frames.len() > 50, "only {} frames", frames.len());

    // And the search would have found it, in every spelling.
    let capture = lan.capture()?;
    let leak = desk.within(|| UdpSocket::bind((desk.ipv4(), 0)))??;
    for form in &forms {
        leak.send_to(&[b"x", form.as_slice()].concat(), (kitchen.ipv4(), 9))?;
    }
    std::thread::sleep(Duration::from_millis(200));
    let frames = capture.end()?;
    for form in &forms {
        ensure!(frames_with(&frames, form) > 0, "the search does not find {form:?}");
    }
    Ok(())
}

#[test]
fn the_secret_is_in_no_message_that_a_camera_sends() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let desk = lan.host("desk")?;
    let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").by_invitation().start()?;
    let (secret, key) = (secret(&invitation_to(&camera)?)?, Key::new()?);
    let mut peer = Peer::connect(&desk, camera.address, Some(&key))?;
    peer.say(&key.hello())?;
    let mut heard = peer.stay(Duration::from_millis(300))?;
    peer.prove(&[0; 16], &key, camera.device().parse()?)?;
    heard.extend(peer.stay(Duration::from_millis(300))?);
    peer.prove(&secret, &key, camera.device().parse()?)?;
    heard.extend(peer.stay(Duration::from_secs(1))?);
    let states: Vec<&str> = heard.iter().filter_map(|m| m["type"].as_str()).collect();
    ensure!(states == ["welcome", "access_ended", "access"], "{states:?}");
    let read: String = heard.iter().map(|message| message.to_string()).collect();
    for form in proofs::spellings(&secret) {
        ensure!(!read.contains(&form), "the camera sends {form}");
    }
    let told = format!("{:?}{}", camera.program.events(), camera.program.log());
    for form in proofs::spellings(&secret) {
        ensure!(!told.contains(&form), "the camera logs {form}");
    }
    Ok(())
}
