//! Ask, allow, deny, remove: what people on both sides see, and how soon.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lanlens_e2e::peer::{Key, Peer};
use lanlens_e2e::talk::{ANSWER_LIMIT, Asked};
use lanlens_e2e::trust::{is_listed, listed, trust, try_trust};
use lanlens_e2e::{Camera, CameraApp, START_LIMIT, Watch, WatchApp, eventually, only_json};
use lanlens_model::DeviceId;
use lanlens_testkit::figure::{self, within};
use lanlens_testkit::{Addresses, Host, Lan};
use serde_json::{Value, json};

/// From the decision to the first picture.
const ALLOW_TARGET: Duration = Duration::from_secs(1);
/// From the removal to the last packet.
const STOP_TARGET: Duration = Duration::from_millis(500);
/// Long enough for whatever must not happen.
const QUIET: Duration = Duration::from_secs(4);

/// A claimed camera, its owner, who watches it, and the host of somebody else.
struct Scene {
    camera: Camera,
    owner: Watch,
    kitchen: Host,
    desk: Host,
    lan: Lan,
}

impl Scene {
    fn new() -> Result<Option<Self>> {
        let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(None) };
        let (kitchen, sofa, desk) = (lan.host("kitchen")?, lan.host("sofa")?, lan.host("desk")?);
        let camera = CameraApp::new(&kitchen, "Kitchen").start()?;
        let owner = WatchApp::new(&sofa).name("Ann").start()?;
        owner.wait_first_frame(camera.id())?;
        Ok(Some(Self { camera, owner, kitchen, desk, lan }))
    }

    fn guest(&self) -> Result<Watch> {
        WatchApp::new(&self.desk).name("Ben's laptop").start()
    }

    /// A guest who watches.
    fn let_in_guest(&self) -> Result<Watch> {
        let guest = self.guest()?;
        trust(self.camera.home.path(), &["allow", &guest.wait_code(self.camera.id())?])?;
        guest.wait_first_frame(self.camera.id())?;
        Ok(guest)
    }

    fn device(&self) -> Result<DeviceId> {
        Ok(self.camera.device().parse()?)
    }

    /// Another program of the owner's home, linked to the camera, and what it was told first.
    fn owners_peer(&self, from: &Host) -> Result<(Peer, Value)> {
        let mut peer = Peer::greeted(from, self.camera.address, &Key::of(&self.owner.home)?)?;
        let told = peer.wait("watchers", ANSWER_LIMIT)?;
        Ok((peer, told))
    }

    /// Nothing that happened to others happened to the owner.
    fn owner_is_undisturbed(&self) -> Result<()> {
        let lost = self.owner.program.events().iter().any(|e| e.is("lost") || e.is("gone"));
        self.owner.program.check(!lost, "the owner's picture broke")
    }
}

/// Six other digits.
fn another(code: &str) -> Result<String> {
    Ok(format!("{:06}", (code.parse::<u32>()? + 1) % 1_000_000))
}

/// The next message of this type in which `test` holds.
fn wait_for(peer: &mut Peer, kind: &str, test: impl Fn(&Value) -> bool) -> Result<Value> {
    let end = Instant::now() + ANSWER_LIMIT;
    loop {
        let message = peer.wait(kind, end.saturating_duration_since(Instant::now()))?;
        if test(&message) {
            return Ok(message);
        }
    }
}

#[test]
fn a_code_on_both_ends_lets_a_second_device_in_within_a_second() -> Result<()> {
    let Some(mut scene) = Scene::new()? else { return Ok(()) };
    let owner = scene.owner.device()?;
    let claims: Vec<_> =
        scene.camera.program.events().into_iter().filter(|event| event.is("claimed")).collect();
    ensure!(claims.len() == 1 && claims[0].text("viewer") == owner.to_string(), "{claims:?}");
    ensure!(claims[0].text("name") == "Ann", "{claims:?}");

    let guest = scene.guest()?;
    let code = guest.wait_code(scene.camera.id())?;
    let device = guest.device()?;
    let asked = scene.camera.wait_request(device)?;
    ensure!(asked.text("code") == code && asked.text("name") == "Ben's laptop", "{asked:?}");
    let waits = || -> Result<bool> { is_listed(scene.camera.home.path(), "waiting", device) };
    ensure!(eventually(ANSWER_LIMIT, || waits().unwrap_or(false)), "`lanlens trust` lists nobody");
    let listed = listed(scene.camera.home.path(), "waiting")?;
    ensure!(listed.len() == 1 && listed[0].text("code") == code, "{listed:?}");
    ensure!(listed[0].text("name") == "Ben's laptop", "{listed:?}");
    ensure!(listed[0].text("camera") == "Kitchen", "{listed:?}");

    // Nobody else's code opens the door.
    let wrong = try_trust(scene.camera.home.path(), &["allow", &another(&code)?])?;
    wrong.check(wrong.exit_code() == Some(3), "a wrong code did something")?;
    guest.never_saw(scene.camera.id())?;

    let decided = Instant::now();
    trust(scene.camera.home.path(), &["allow", &code])?;
    let first = guest.wait_first_frame(scene.camera.id())?;
    within("allow_by_code", first.at.saturating_duration_since(decided), ALLOW_TARGET)?;
    ensure!(is_listed(scene.camera.home.path(), "watcher", device)? && !waits()?, "not listed");
    scene.camera.program.wait("the decision", START_LIMIT, |event| {
        event.is("access_decided")
            && event.text("viewer") == device.to_string()
            && event["allow"] == true
    })?;
    ensure!(scene.camera.program.is_running(), "the camera was restarted");
    only_json(&scene.camera.program)?;
    only_json(&guest.program)?;
    scene.owner_is_undisturbed()
}

#[test]
fn of_two_devices_that_ask_in_the_same_instant_exactly_one_owns_the_camera() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, hosts) = (lan.host("kitchen")?, [lan.host("one")?, lan.host("two")?]);
    let mut raced = 0;
    for round in 0..6 {
        // In turn: both wait for the camera, or both come to it.
        let start = || -> Result<Vec<Watch>> {
            hosts.iter().map(|host| WatchApp::new(host).start()).collect()
        };
        let (camera, both) = if round % 2 == 0 {
            let both = start()?;
            std::thread::sleep(Duration::from_secs(1));
            (CameraApp::new(&kitchen, "Kitchen").start()?, both)
        } else {
            (CameraApp::new(&kitchen, "Kitchen").start()?, start()?)
        };
        let (id, path) = (camera.id(), camera.home.path());
        let has_picture = |watch: &&Watch| {
            watch.program.events().iter().any(|event| event.is_of("first_frame", id))
        };
        ensure!(eventually(START_LIMIT, || both.iter().any(|w| has_picture(&w))), "no picture");
        let (winners, losers): (Vec<&Watch>, Vec<&Watch>) = both.iter().partition(has_picture);
        ensure!(winners.len() == 1, "round {round}: both watch");
        losers[0].wait_code(id)?;
        losers[0].never_saw(id)?;
        // Whoever was told `unclaimed` and lost has asked before the claim was made.
        let told = losers[0].program.events();
        raced += u32::from(told.iter().any(|event| event.text("state") == "unclaimed"));

        let claims = camera.program.events().iter().filter(|event| event.is("claimed")).count();
        camera.program.check(claims == 1, &format!("round {round}: {claims} claims"))?;
        let owners = listed(path, "owner")?;
        let winner = winners[0].device()?.to_string();
        ensure!(owners.len() == 1 && owners[0].text("device") == winner, "{owners:?}");
    }
    figure::report("claims_that_raced", raced.into(), "of 6", "none set");
    Ok(())
}

#[test]
fn the_owner_sees_who_asks_and_lets_them_in_from_afar_within_a_second() -> Result<()> {
    let Some(mut scene) = Scene::new()? else { return Ok(()) };
    let study = scene.lan.host("study")?;
    let (mut owner, told) = scene.owners_peer(&study)?;
    ensure!(told["waiting"].as_array().is_none_or(Vec::is_empty), "{told}");

    let guest = scene.guest()?;
    let (code, device) = (guest.wait_code(scene.camera.id())?, guest.device()?);
    let entry = json!({ "device": device, "name": "Ben's laptop", "code": code });
    wait_for(&mut owner, "watchers", |told| told["waiting"] == json!([entry]))?;

    // Only with the code that was compared.
    let allow = |code: &str| json!({ "type": "access_allow", "device": device, "name": "Ben's laptop", "code": code });
    owner.say(&allow(&another(&code)?))?;
    wait_for(&mut owner, "watchers", |told| told["waiting"] == json!([entry]))?;
    ensure!(!is_listed(scene.camera.home.path(), "watcher", device)?, "a wrong code lets in");

    let decided = Instant::now();
    owner.say(&allow(&code))?;
    // Pings of the owner's link wait meanwhile.
    let first = guest.wait_first_frame(scene.camera.id())?;
    within("allow_by_owner", first.at.saturating_duration_since(decided), ALLOW_TARGET)?;
    let watches = |told: &Value| {
        let watching = told["watching"].as_array().into_iter().flatten();
        watching
            .filter(|w| w["camera"] == scene.camera.id() && w["device"] == json!(device))
            .count()
            == 1
            && told["waiting"].as_array().is_none_or(Vec::is_empty)
    };
    wait_for(&mut owner, "watchers", watches)?;
    ensure!(is_listed(scene.camera.home.path(), "watcher", device)?, "it is not written down");

    // Who was let in is told of nobody, and lets nobody in.
    let mut insider = Peer::greeted(&study, scene.camera.address, &Key::of(&guest.home)?)?;
    let stranger = Key::new()?;
    let mut asks = Peer::greeted(&scene.desk, scene.camera.address, &stranger)?;
    let code = asks.ask(&stranger, scene.device()?)?.code()?;
    let asking = |told: &Value| told["waiting"][0]["device"] == json!(stranger.device);
    wait_for(&mut owner, "watchers", asking)?;
    let heard = insider.stay(Duration::from_secs(1))?;
    ensure!(!heard.iter().any(|message| message["type"] == "watchers"), "{heard:?}");
    let decisions = [
        json!({ "type": "access_allow", "device": stranger.device, "name": "", "code": code }),
        json!({ "type": "access_deny", "device": stranger.device, "name": "" }),
        json!({ "type": "access_deny", "device": scene.owner.device()?, "name": "" }),
    ];
    for decision in decisions {
        let key = Key::of(&guest.home)?;
        let mut insider = Peer::greeted(&study, scene.camera.address, &key)?;
        insider.say(&decision)?;
        let farewell = insider.until_closed(ANSWER_LIMIT)?;
        ensure!(farewell.is_refusal("access"), "{decision}: {farewell:?}");
    }
    let heard = asks.stay(Duration::from_secs(1))?;
    ensure!(!heard.iter().any(|message| message["type"] == "access"), "{heard:?}");
    ensure!(
        !is_listed(scene.camera.home.path(), "watcher", stranger.device)?,
        "an insider decides"
    );
    scene.owner_is_undisturbed()
}

#[test]
fn a_denied_device_is_not_asked_about_again_over_restarts_of_both_until_it_is_allowed() -> Result<()>
{
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let guest = scene.guest()?;
    let (code, device) = (guest.wait_code(scene.camera.id())?, guest.device()?);
    trust(scene.camera.home.path(), &["deny", &code])?;
    guest.wait_access_from(0, scene.camera.id(), "denied")?;
    guest.never_saw(scene.camera.id())?;

    let (camera_home, guest_home) = (scene.camera.home.clone(), guest.home.clone());
    let Scene { camera, kitchen, desk, lan: _lan, .. } = scene;
    drop((camera, guest));
    desk.count_udp()?;
    let camera = CameraApp::new(&kitchen, "Kitchen").home(&camera_home).start()?;
    let guest = WatchApp::new(&desk).home(&guest_home).start()?;
    guest.wait_access_from(0, camera.id(), "denied")?;
    std::thread::sleep(QUIET);
    ensure!(desk.udp_received()? == 0, "a denied device gets packets of video");
    let asked = camera.program.events().iter().any(|event| event.is("access_request"));
    camera.program.check(!asked, "somebody is asked about a denied device")?;
    guest.never_saw(camera.id())?;

    trust(camera_home.path(), &["allow", &device.to_string()])?;
    guest.wait_first_frame(camera.id())?;
    Ok(())
}

#[test]
fn of_ten_devices_eight_wait_and_two_are_told_that_there_is_no_room() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let camera = scene.device()?;
    let keys: Vec<Key> = (0..10).map(|_| Key::new()).collect::<Result<_>>()?;
    let mut peers = Vec::new();
    for key in &keys {
        peers.push(Peer::greeted(&scene.desk, scene.camera.address, key)?);
    }
    let mut answers = Vec::new();
    for (peer, key) in peers.iter_mut().zip(&keys) {
        answers.push(peer.ask(key, camera)?);
    }
    let (with_code, without): (Vec<_>, Vec<_>) =
        answers.iter().partition(|answer| matches!(answer, Asked::Code(_)));
    ensure!(with_code.len() == 8 && without.len() == 2, "{answers:?}");
    ensure!(
        without.iter().all(|answer| **answer == Asked::Ended("full".to_owned())),
        "{without:?}"
    );
    for (key, answer) in keys.iter().zip(&answers) {
        if let Asked::Code(code) = answer {
            let told = scene.camera.wait_request(key.device)?;
            ensure!(told.text("code") == code, "{told:?} for {code}");
        }
    }
    let eight = || listed(scene.camera.home.path(), "waiting").is_ok_and(|list| list.len() == 8);
    ensure!(eventually(ANSWER_LIMIT, eight), "`lanlens trust` does not list the eight");

    // A program of ours says so too.
    let guest = scene.guest()?;
    guest.program.wait("full", START_LIMIT, |event| {
        event.is_of("access", scene.camera.id()) && event.text("reason") == "full"
    })?;
    // Somebody is refused, so there is a place again; its code was made known once only.
    let code = answers[0].clone().code()?;
    trust(scene.camera.home.path(), &["deny", &code])?;
    let device = keys[0].device;
    peers[0].wait("access", ANSWER_LIMIT)?;
    ensure!(is_listed(scene.camera.home.path(), "denied", device)?, "the denial is not listed");
    let last = answers.iter().position(|answer| *answer == Asked::Ended("full".to_owned()));
    let last = last.context("somebody was told that there is no room")?;
    // The guest's program may be quicker with its second try.
    let again = peers[last].ask(&keys[last], camera)?;
    let guest_waits = is_listed(scene.camera.home.path(), "waiting", guest.device()?)?;
    ensure!(again.code().is_ok() || guest_waits, "the free place is given to nobody");
    scene.owner_is_undisturbed()
}

#[test]
fn a_device_has_three_codes_and_then_waits_with_what_it_has() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let (camera, key) = (scene.device()?, Key::new()?);
    let mut codes = Vec::new();
    for _ in 0..3 {
        // A new link each time, as somebody would do who tries for a code that suits him.
        let mut peer = Peer::greeted(&scene.desk, scene.camera.address, &key)?;
        codes.push(peer.ask(&key, camera)?.code()?);
    }
    let mut peer = Peer::greeted(&scene.desk, scene.camera.address, &key)?;
    let fourth = peer.ask(&key, camera)?;
    ensure!(fourth == Asked::Ended("too_often".to_owned()), "{fourth:?}");
    let waiting = || listed(scene.camera.home.path(), "waiting");
    let newest =
        |list: &[lanlens_testkit::Event]| list.len() == 1 && list[0].text("code") == codes[2];
    ensure!(eventually(ANSWER_LIMIT, || waiting().is_ok_and(|list| newest(&list))), "{codes:?}");
    let old = try_trust(scene.camera.home.path(), &["allow", &codes[0]])?;
    old.check(old.exit_code() == Some(3), "an old code still opens the door")
}

/// Everybody's connections with a camera.
fn links(camera: &Camera, kitchen: &Host) -> Result<BTreeSet<String>> {
    let port = format!("( sport = :{0} or dport = :{0} )", camera.address.port());
    let text = kitchen.run(&["ss", "-Htn", "state", "established", &port])?;
    let ends = |line: &str| line.split_whitespace().skip(2).collect::<Vec<_>>().join(" ");
    Ok(text.lines().map(ends).collect())
}

#[test]
fn a_removed_viewer_loses_the_picture_at_once_says_so_and_does_not_dial_again() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let guest = scene.let_in_guest()?;
    let (id, device) = (scene.camera.id(), guest.device()?);
    scene.desk.count_udp()?;
    std::thread::sleep(Duration::from_secs(1));
    ensure!(scene.desk.udp_received()? > 20, "the meter counts what the guest gets");
    let before = links(&scene.camera, &scene.kitchen)?;
    ensure!(before.len() == 2, "the owner and the guest are linked: {before:?}");
    let mark = guest.program.mark();

    let removed = Instant::now();
    trust(scene.camera.home.path(), &["revoke", &device.to_string()])?;
    let last = scene.desk.last_udp_within(QUIET)?;
    let packets = scene.desk.udp_received()?;
    within("revoke_last_packet", last.saturating_duration_since(removed), STOP_TARGET)?;
    let denied = guest.wait_access_from(mark, id, "denied")?;
    within("revoke_told", denied.at.saturating_duration_since(removed), STOP_TARGET)?;
    let lost = guest.program.wait_from(mark, "lost", START_LIMIT, |e| e.is_of("lost", id))?;
    within("revoke_lost", lost.at.saturating_duration_since(removed), STOP_TARGET)?;
    ensure!(lost.text("reason").contains("removed"), "{lost:?}");
    scene.camera.program.wait("viewer_left", START_LIMIT, |event| {
        event.is("viewer_left") && event.text("viewer").starts_with(&device.to_string()[..24])
    })?;

    let (mark, end) = (guest.program.mark(), Instant::now() + Duration::from_secs(10));
    while Instant::now() < end {
        let now = links(&scene.camera, &scene.kitchen)?;
        ensure!(now.is_subset(&before), "it dials again: {before:?}, then {now:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    ensure!(scene.desk.udp_received()? == packets, "packets come again");
    let news: Vec<_> = guest.program.events().split_off(mark);
    ensure!(!news.iter().any(|e| e.is_of("live", id) || e.is_of("lost", id)), "{news:?}");
    scene.owner_is_undisturbed()
}

#[test]
fn a_removed_viewer_that_does_not_hear_of_it_gets_no_more_packets_either() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let guest = scene.let_in_guest()?;
    let device = guest.device()?.to_string();
    guest.freeze()?;
    scene.desk.count_udp()?;
    std::thread::sleep(Duration::from_millis(500));
    ensure!(scene.desk.udp_received()? > 10, "the camera stops by itself for a silent viewer");

    let removed = Instant::now();
    trust(scene.camera.home.path(), &["revoke", &device])?;
    let last = scene.desk.last_udp_within(QUIET)?;
    within("revoke_deaf_last_packet", last.saturating_duration_since(removed), STOP_TARGET)?;
    // It learns of it when it listens again.
    let mark = guest.program.mark();
    guest.thaw()?;
    guest.wait_access_from(mark, scene.camera.id(), "denied")?;
    let packets = scene.desk.udp_received()?;
    std::thread::sleep(QUIET);
    ensure!(scene.desk.udp_received()? == packets, "packets come again");
    scene.owner_is_undisturbed()
}

#[test]
fn removing_the_last_owner_frees_the_camera_for_nobody_and_a_reset_does() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let (id, home) = (scene.camera.id(), scene.camera.home.path());
    let mark = scene.owner.program.mark();
    trust(home, &["revoke", "Ann"])?;
    scene.owner.wait_access_from(mark, id, "denied")?;
    let guest = scene.guest()?;
    guest.wait_code(id)?;
    std::thread::sleep(QUIET);
    guest.never_saw(id)?;
    let claims = scene.camera.program.events().iter().filter(|e| e.is("claimed")).count();
    scene.camera.program.check(claims == 1, "the camera was claimed again")?;

    let marks = (scene.camera.program.mark(), scene.owner.program.mark());
    trust(home, &["reset", "--yes"])?;
    let claimed = scene
        .camera
        .program
        .wait_from(marks.0, "a new owner", START_LIMIT, |event| event.is("claimed"))?;
    let owners = listed(home, "owner")?;
    ensure!(owners.len() == 1 && owners[0].text("device") == claimed.text("viewer"), "{owners:?}");
    // Both ask at once; one of them owns it, and the other one waits.
    let live = |watch: &Watch, mark: usize| {
        watch.program.events().iter().skip(mark).any(|event| event.is_of("live", id))
    };
    let both = || [live(&guest, 0), live(&scene.owner, marks.1)];
    ensure!(eventually(START_LIMIT, || both() != [false, false]), "the new owner sees nothing");
    std::thread::sleep(Duration::from_secs(1));
    ensure!(both() != [true, true], "both own it");
    Ok(())
}

#[test]
fn an_offer_that_makes_no_sense_claims_nothing() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").start()?;
    let mut peer = Peer::greeted(&lan.host("desk")?, camera.address, &Key::new()?)?;
    let offer = json!({ "type": "offer", "session": "5f0c1d2e3b4a5968", "camera": camera.id(),
                        "sdp": "v=0\r\nthis is no session description\r\n" });
    peer.say(&offer)?;
    let refused = peer.wait("error", ANSWER_LIMIT)?;
    ensure!(refused["code"] == "sdp", "{refused}");
    ensure!(listed(camera.home.path(), "owner")?.is_empty(), "it is an owner now");
    let owner = WatchApp::new(&lan.host("sofa")?).start()?;
    owner.wait_first_frame(camera.id())?;
    Ok(())
}
