//! Somebody with keys of his own stands between a viewer and a camera: the codes betray him.
//!
//! He plays every part that the protocol leaves him. Each try is one guess in a million, so a test
//! here fails by chance once in a million runs.

use std::time::Duration;

use anyhow::{Result, ensure};
use lanlens_e2e::middle::{Middle, Trap};
use lanlens_e2e::proofs::{self, Bytes32, Choice, steer};
use lanlens_e2e::talk::{ANSWER_LIMIT, nonce_in};
use lanlens_e2e::trust::{invitation, listed, trust, try_trust};
use lanlens_e2e::{Camera, CameraApp, START_LIMIT, Watch, WatchApp, wait_told};
use lanlens_model::DeviceId;
use lanlens_testkit::{Addresses, Event, Host, Lan};
use serde_json::json;

/// Long enough for whatever must not happen.
const QUIET: Duration = Duration::from_secs(2);

/// A claimed camera, a viewer who wants to watch, and a man between them under the camera's name.
struct Scene {
    camera: Camera,
    viewer: Watch,
    trap: Trap,
    middle: Middle,
    _owner: Option<Watch>,
    _lan: Lan,
}

impl Scene {
    /// The viewer also sees the true camera: a man in the middle cannot keep mDNS away.
    fn new() -> Result<Option<Self>> {
        let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(None) };
        let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").start()?;
        let owner = WatchApp::new(&lan.host("sofa")?).start()?;
        owner.wait_first_frame(camera.id())?;
        let viewer = WatchApp::new(&lan.host("desk")?).name("Ben's laptop");
        Self::around(lan, camera, Some(owner), viewer).map(Some)
    }

    fn around(
        mut lan: Lan,
        camera: Camera,
        owner: Option<Watch>,
        viewer: WatchApp,
    ) -> Result<Self> {
        let attacker: Host = lan.host("attacker")?;
        let trap = Trap::set(&attacker)?;
        let viewer = viewer.args(&["--peer", &trap.address.to_string()]).start()?;
        let middle = Middle::between(&trap, &attacker, camera.address, START_LIMIT)?;
        Ok(Self { camera, viewer, trap, middle, _owner: owner, _lan: lan })
    }

    fn camera_device(&self) -> Result<DeviceId> {
        Ok(self.camera.device().parse()?)
    }

    /// The code that the viewer would show for these nonces.
    fn code_at_viewer(&self, camera_nonce: &Bytes32, nonce: &Bytes32) -> String {
        proofs::code(camera_nonce, nonce, self.trap.key.device, self.middle.victim)
    }

    /// The code that the camera would show for these nonces.
    fn code_at_camera(&self, camera_nonce: &Bytes32, nonce: &Bytes32) -> Result<String> {
        Ok(proofs::code(camera_nonce, nonce, self.camera_device()?, self.trap.key.device))
    }

    /// The code under which the camera's people are asked about the man.
    fn asked_at_camera(&self) -> Result<String> {
        let asked = self.camera.wait_request(self.trap.key.device)?;
        Ok(asked.text("code").to_owned())
    }

    /// What the viewer's person reads at the man's tile.
    fn shown_at_viewer(&self) -> Result<String> {
        self.viewer.wait_code(&self.trap.camera().to_string())
    }

    fn viewer_shows_no_code(&self) -> Result<()> {
        let trap = self.trap.camera().to_string();
        let events = self.viewer.program.events();
        let shown = events.iter().any(|e| e.is_of("access", &trap) && !e.text("code").is_empty());
        self.viewer.program.check(!shown, "shows a code that it should not")
    }

    /// Runs the man's own request with the camera; gives the camera's nonce and his.
    fn ask_the_camera(&mut self) -> Result<(Bytes32, Bytes32)> {
        self.middle.camera.say(&json!({ "type": "access_request" }))?;
        self.middle.camera.wait("access_commit", ANSWER_LIMIT)?;
        let own = proofs::nonce("the man's nonce at the camera");
        self.middle.camera.say(&json!({ "type": "access_nonce", "nonce": proofs::hex(&own) }))?;
        let revealed = nonce_in(&self.middle.camera.wait("access_reveal", ANSWER_LIMIT)?)?;
        Ok((revealed, own))
    }

    /// Answers the viewer's request bound to this nonce; gives the viewer's.
    fn answer_the_viewer(&mut self, own: &Bytes32) -> Result<Bytes32> {
        self.middle.viewer.wait("access_request", START_LIMIT)?;
        let commit = json!({ "type": "access_commit", "commitment": proofs::commitment(own) });
        self.middle.viewer.say(&commit)?;
        nonce_in(&self.middle.viewer.wait("access_nonce", ANSWER_LIMIT)?)
    }

    fn reveal_to_the_viewer(&mut self, nonce: &Bytes32) -> Result<()> {
        let reveal = json!({ "type": "access_reveal", "nonce": proofs::hex(nonce) });
        self.middle.viewer.say(&reveal)
    }
}

#[test]
fn who_passes_every_message_on_unchanged_is_betrayed_by_two_codes() -> Result<()> {
    let Some(mut scene) = Scene::new()? else { return Ok(()) };
    scene.middle.relay(START_LIMIT, |middle| middle.said(false, "access_reveal").is_ok())?;
    let (asked, shown) = (scene.asked_at_camera()?, scene.shown_at_viewer()?);

    // The nonces really went through unchanged, and nothing else is wrong with them.
    let camera_nonce = nonce_in(scene.middle.said(false, "access_reveal")?)?;
    let nonce = nonce_in(scene.middle.said(true, "access_nonce")?)?;
    ensure!(shown == scene.code_at_viewer(&camera_nonce, &nonce), "another code: {shown}");
    ensure!(asked == scene.code_at_camera(&camera_nonce, &nonce)?, "another code: {asked}");
    ensure!(asked != shown, "the man's code is on both ends: {asked}");

    // With the true camera, which it sees too, the viewer agrees.
    let honest = scene.camera.wait_request(scene.viewer.device()?)?;
    let true_code = scene.viewer.wait_code(scene.camera.id())?;
    ensure!(honest.text("code") == true_code, "{honest:?}, and {true_code} at the viewer");
    // Whoever allows what the viewer shows for the man's camera allows nobody.
    let allowed = try_trust(scene.camera.home.path(), &["allow", &shown])?;
    allowed.check(allowed.exit_code() == Some(3), "the man's code opens the door")
}

#[test]
fn who_runs_two_requests_with_nonces_of_his_own_is_betrayed_by_two_codes() -> Result<()> {
    let Some(mut scene) = Scene::new()? else { return Ok(()) };
    let (camera_nonce, own) = scene.ask_the_camera()?;
    // He gives the viewer the very nonce that the camera gave him.
    let nonce = scene.answer_the_viewer(&camera_nonce)?;
    scene.reveal_to_the_viewer(&camera_nonce)?;
    let (asked, shown) = (scene.asked_at_camera()?, scene.shown_at_viewer()?);
    ensure!(asked == scene.code_at_camera(&camera_nonce, &own)?, "another code: {asked}");
    ensure!(shown == scene.code_at_viewer(&camera_nonce, &nonce), "another code: {shown}");
    ensure!(asked != shown, "the man's code is on both ends: {asked}");
    Ok(())
}

#[test]
fn a_nonce_that_was_chosen_after_the_viewers_is_refused_and_its_code_never_shown() -> Result<()> {
    let Some(mut scene) = Scene::new()? else { return Ok(()) };
    let (camera_nonce, own) = scene.ask_the_camera()?;
    let asked = scene.asked_at_camera()?;
    ensure!(asked == scene.code_at_camera(&camera_nonce, &own)?, "another code: {asked}");

    let bound = proofs::nonce("what the man was bound to");
    let nonce = scene.answer_the_viewer(&bound)?;
    let (device, victim, wanted) = (scene.trap.key.device, scene.middle.victim, asked.clone());
    let chosen =
        scene.middle.meanwhile(move || steer(&wanted, &nonce, Choice::Camera, device, victim))?;
    ensure!(scene.code_at_viewer(&chosen, &nonce) == asked, "the man cannot even count");

    // With this one both ends would show one code.
    scene.reveal_to_the_viewer(&chosen)?;
    let farewell = scene.middle.viewer.until_closed(ANSWER_LIMIT)?;
    ensure!(farewell.is_refusal("identity"), "{farewell:?}");
    wait_told(&scene.viewer.program, &["somebody may be in between"], ANSWER_LIMIT)?;
    std::thread::sleep(QUIET);
    scene.viewer_shows_no_code()
}

#[test]
fn a_second_nonce_to_the_camera_makes_no_second_code() -> Result<()> {
    let Some(mut scene) = Scene::new()? else { return Ok(()) };
    // The viewer first: its code is certain before the camera's.
    let bound = proofs::nonce("what the man was bound to");
    let nonce = scene.answer_the_viewer(&bound)?;
    scene.reveal_to_the_viewer(&bound)?;
    let shown = scene.shown_at_viewer()?;
    ensure!(shown == scene.code_at_viewer(&bound, &nonce), "another code: {shown}");

    // Too early, when nobody is bound: it counts for nothing.
    let early = json!({ "type": "access_nonce", "nonce": proofs::hex(&nonce) });
    scene.middle.camera.say(&early)?;
    let (camera_nonce, own) = scene.ask_the_camera()?;
    let asked = scene.asked_at_camera()?;
    ensure!(asked == scene.code_at_camera(&camera_nonce, &own)?, "another code: {asked}");
    ensure!(asked != shown, "the man's code is on both ends: {asked}");

    // Now he knows both, and chooses the one that suits him.
    let (camera, device, wanted) = (scene.camera_device()?, scene.trap.key.device, shown.clone());
    let chosen = scene
        .middle
        .meanwhile(move || steer(&wanted, &camera_nonce, Choice::Watcher, camera, device))?;
    ensure!(scene.code_at_camera(&camera_nonce, &chosen)? == shown, "the man cannot even count");
    let mark = scene.camera.program.mark();
    let late = json!({ "type": "access_nonce", "nonce": proofs::hex(&chosen) });
    scene.middle.camera.say(&late)?;
    let heard = scene.middle.camera.stay(QUIET)?;
    ensure!(heard.is_empty(), "the camera answers a second nonce: {heard:?}");
    let news = scene.camera.program.events().split_off(mark);
    let man = device.to_string();
    let again = |e: &Event| e.is("access_request") && e.text("viewer") == man;
    ensure!(!news.iter().any(again), "{news:?}");
    let waiting = listed(scene.camera.home.path(), "waiting")?;
    ensure!(waiting.iter().all(|entry| entry.text("code") != shown), "{waiting:?}");
    let allowed = try_trust(scene.camera.home.path(), &["allow", &shown])?;
    allowed.check(allowed.exit_code() == Some(3), "the man's second code opens the door")
}

#[test]
fn a_reveal_without_a_binding_and_a_second_binding_show_nothing() -> Result<()> {
    let Some(mut scene) = Scene::new()? else { return Ok(()) };
    let (first, second) = (proofs::nonce("first"), proofs::nonce("second"));
    scene.middle.viewer.wait("access_request", START_LIMIT)?;
    scene.reveal_to_the_viewer(&first)?;
    for nonce in [&first, &second] {
        let commit = json!({ "type": "access_commit", "commitment": proofs::commitment(nonce) });
        scene.middle.viewer.say(&commit)?;
    }
    let nonce = nonce_in(&scene.middle.viewer.wait("access_nonce", ANSWER_LIMIT)?)?;
    let heard = scene.middle.viewer.stay(Duration::from_secs(1))?;
    ensure!(!heard.iter().any(|m| m["type"] == "access_nonce"), "a second nonce: {heard:?}");
    scene.viewer_shows_no_code()?;
    scene.reveal_to_the_viewer(&first)?;
    let shown = scene.shown_at_viewer()?;
    ensure!(shown == scene.code_at_viewer(&first, &nonce), "another code: {shown}");
    Ok(())
}

#[test]
fn who_hangs_up_and_answers_again_gets_three_codes_to_guess_with() -> Result<()> {
    let Some(mut scene) = Scene::new()? else { return Ok(()) };
    let mut codes = 0;
    for round in 0..5 {
        let own = proofs::nonce(&format!("round {round}"));
        scene.middle.viewer.wait("access_request", START_LIMIT)?;
        let commit = json!({ "type": "access_commit", "commitment": proofs::commitment(&own) });
        scene.middle.viewer.say(&commit)?;
        let answers = scene.middle.viewer.stay(Duration::from_millis(500))?;
        if answers.iter().any(|answer| answer["type"] == "access_nonce") {
            codes += 1;
            scene.reveal_to_the_viewer(&own)?;
        } else {
            break;
        }
        // The viewer dials again by itself.
        scene.middle.hang_up_on_the_viewer(&scene.trap, START_LIMIT)?;
    }
    ensure!(codes == 3, "the viewer agrees on {codes} codes");
    scene.viewer.program.wait("too often", START_LIMIT, |event| {
        event.is_of("access", &scene.trap.camera().to_string())
            && event.text("reason") == "too_often"
    })?;
    Ok(())
}

#[test]
fn a_proof_of_an_invitation_is_worth_nothing_to_whoever_passes_it_on() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").by_invitation().start()?;
    let link = invitation(camera.home.path())?;
    // The camera looks at its lists every 250 ms.
    std::thread::sleep(Duration::from_millis(600));
    let desk = lan.host("desk")?;
    let home = lanlens_e2e::Home::fresh()?;
    trust(home.path(), &["join", &link])?;
    let mut scene = Scene::around(lan, camera, None, WatchApp::new(&desk).home(&home))?;
    scene.middle.relay(START_LIMIT, |middle| middle.said(false, "access_ended").is_ok())?;
    let ended = scene.middle.said(false, "access_ended")?;
    ensure!(ended["reason"] == "wrong_invitation", "{ended}");
    let proven = scene.middle.said(true, "invitation")?["proofs"].as_array().map_or(0, Vec::len);
    ensure!(proven == 1, "the viewer proved nothing");

    // He read everything, and has not got the secret.
    let secret = proofs::secret(&link).unwrap_or_default();
    ensure!(secret.len() == 16);
    let read: String = scene.middle.read.iter().map(|(_, message)| message.to_string()).collect();
    for form in proofs::spellings(&secret) {
        ensure!(!read.contains(&form), "the secret is sent as {form}");
    }
    // The viewer itself, which sees the camera too, is let in by the same secret.
    scene.viewer.wait_first_frame(scene.camera.id())?;
    scene.viewer.never_saw(&scene.trap.camera().to_string())
}
