//! One store for all programs of a home, however they end and whatever becomes of the disk.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use lanlens_e2e::peer::{Key, Peer};
use lanlens_e2e::talk::ANSWER_LIMIT;
use lanlens_e2e::trust::{is_listed, launch, listed, trust, try_trust};
use lanlens_e2e::{Camera, CameraApp, Home, START_LIMIT, Watch, WatchApp, eventually, wait_told};
use lanlens_testkit::figure::within;
use lanlens_testkit::{Addresses, Lan, Program, Signal};
use serde_json::json;

/// From the damage or the removal to the last packet.
const STOP_TARGET: Duration = Duration::from_millis(500);
/// From the repair to pictures again.
const MENDED_TARGET: Duration = Duration::from_secs(2);
/// A viewer that was told that it cannot ask now tries again every 20 s.
const ASKED_AGAIN_LIMIT: Duration = Duration::from_secs(45);
/// Long enough for whatever must not happen.
const QUIET: Duration = Duration::from_secs(3);

/// Allows whoever shows this code at any camera of the home.
fn allow(home: &Path, guest: &Watch, camera: &str) -> Result<()> {
    let code = guest.wait_code(camera)?;
    let listed = || try_trust(home, &["allow", &code]).is_ok_and(|p| p.exit_code() == Some(0));
    ensure!(eventually(ANSWER_LIMIT, listed), "nobody waits with the code {code}");
    Ok(())
}

fn lost_since(watch: &Watch, mark: usize) -> bool {
    watch.program.events().iter().skip(mark).any(|e| e.is("lost") || e.is("gone"))
}

#[test]
fn two_cameras_of_one_home_are_claimed_together_and_one_word_lets_a_guest_into_both() -> Result<()>
{
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("kitchen")?, lan.host("desk")?);
    let one = CameraApp::new(&kitchen, "Kitchen").start()?;
    let two = CameraApp::new(&kitchen, "Hall").home(&one.home).start()?;
    ensure!(one.device() == two.device() && one.id() != two.id(), "not two cameras of a home");
    let owner = WatchApp::new(&lan.host("sofa")?).args(&[one.id()]).start()?;
    owner.wait_first_frame(one.id())?;

    let guest = WatchApp::new(&desk).start()?;
    let codes = [guest.wait_code(one.id())?, guest.wait_code(two.id())?];
    let claims = [&one, &two].map(|camera| {
        camera.program.events().into_iter().filter(|event| event.is("claimed")).count()
    });
    ensure!(claims == [1, 0], "claims: {claims:?}");
    let both = || listed(one.home.path(), "waiting").is_ok_and(|waiting| waiting.len() == 2);
    ensure!(eventually(ANSWER_LIMIT, both), "the guest does not wait at both");
    let waiting = listed(one.home.path(), "waiting")?;
    let shown: BTreeSet<&str> = waiting.iter().map(|entry| entry.text("code")).collect();
    ensure!(shown == codes.iter().map(String::as_str).collect(), "{waiting:?} for {codes:?}");

    trust(one.home.path(), &["allow", &codes[0]])?;
    guest.wait_first_frame(one.id())?;
    guest.wait_first_frame(two.id())?;
    ensure!(listed(one.home.path(), "waiting")?.is_empty(), "somebody waits still");
    // The owner of one owns the other.
    let all = WatchApp::new(&lan.host("study")?).home(&owner.home).start()?;
    all.wait_first_frame(two.id())?;
    // And who is removed is removed from both.
    let device = guest.device()?.to_string();
    let mark = guest.program.mark();
    trust(one.home.path(), &["revoke", &device])?;
    guest.wait_access_from(mark, one.id(), "denied")?;
    guest.wait_access_from(mark, two.id(), "denied")?;
    Ok(())
}

#[test]
fn damaged_lists_admit_nobody_but_the_own_device_until_they_are_mended() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (desk, attic) = (lan.host("desk")?, lan.host("attic")?);
    let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").start()?;
    let id = camera.id();
    let owner = WatchApp::new(&lan.host("sofa")?).start()?;
    owner.wait_first_frame(id)?;
    let guest = WatchApp::new(&desk).start()?;
    allow(camera.home.path(), &guest, id)?;
    guest.wait_first_frame(id)?;
    let own = WatchApp::new(&lan.host("same home")?).home(&camera.home).start()?;
    own.wait_first_frame(id)?;

    let file = camera.home.path().join("trust.json");
    let good = std::fs::read(&file)?;
    desk.count_udp()?;
    attic.count_udp()?;
    let marks = [&owner, &guest, &own].map(|watch| watch.program.mark());
    // A guest that hears nothing ends nothing either: the camera must.
    guest.freeze()?;
    let damaged = Instant::now();
    std::fs::write(&file, &good[..good.len() / 2])?;
    let last = desk.last_udp_within(QUIET)?;
    guest.thaw()?;
    within("damage_last_packet", last.saturating_duration_since(damaged), STOP_TARGET)?;
    wait_told(&camera.program, &["is damaged"], ANSWER_LIMIT)?;
    for (watch, mark) in [(&owner, marks[0]), (&guest, marks[1])] {
        watch.wait_access_from(mark, id, "pending")?;
    }
    let alone = camera.wait_stats("one viewer", START_LIMIT, |stats| stats["viewers"] == 1)?;
    ensure!(!alone["layers"].as_array().is_none_or(Vec::is_empty), "{alone:?}");
    let stranger = WatchApp::new(&attic).start()?;
    stranger.wait_access_from(0, id, "pending")?;
    std::thread::sleep(QUIET);
    ensure!(attic.udp_received()? == 0, "a stranger gets packets of video");
    stranger.never_saw(id)?;
    ensure!(!lost_since(&own, marks[2]), "the own device lost its picture");
    ensure!(std::fs::read(&file)?.len() == good.len() / 2, "somebody wrote over damaged lists");
    let refused = try_trust(camera.home.path(), &["allow", "482913"])?;
    refused.check(refused.exit_code() == Some(1), "damaged lists were changed")?;

    let marks = [&owner, &guest].map(|watch| watch.program.mark());
    let mended = Instant::now();
    std::fs::write(&file, &good)?;
    for (watch, mark) in [(&owner, marks[0]), (&guest, marks[1])] {
        let live = watch.wait_live_from(mark, id, START_LIMIT)?;
        within("mended_live_again", live.at.saturating_duration_since(mended), MENDED_TARGET)?;
    }
    // It was told that nobody can be asked, and asks again by itself.
    stranger.program.wait("a code", ASKED_AGAIN_LIMIT, |event| {
        event.is_of("access", id) && !event.text("code").is_empty()
    })?;
    stranger.never_saw(id)?;
    ensure!(!lost_since(&own, 0), "the own device lost its picture");
    Ok(())
}

/// Takes every byte that is left.
fn fill(path: &Path) -> Result<()> {
    let mut file = File::create(path)?;
    for bytes in [4096, 1] {
        loop {
            match file.write_all(&vec![7; bytes]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => break,
                Err(error) => bail!(error),
            }
        }
    }
    Ok(())
}

#[test]
fn on_a_full_disk_nobody_is_let_in_and_who_is_removed_stays_so_until_it_is_written() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (desk, study) = (lan.host("desk")?, lan.host("study")?);
    let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").small_disk(512).start()?;
    let (id, home) = (camera.id(), camera.home_path());
    ensure!(std::fs::read_dir(camera.home.path())?.next().is_none(), "not on a disk of its own");
    let owner = WatchApp::new(&lan.host("sofa")?).start()?;
    owner.wait_first_frame(id)?;
    let guest = WatchApp::new(&desk).start()?;
    allow(&home, &guest, id)?;
    guest.wait_first_frame(id)?;
    let (guest_device, second) = (guest.device()?, Key::new()?);
    let mut owners = Peer::greeted(&study, camera.address, &Key::of(&owner.home)?)?;

    fill(&home.join("filler"))?;
    let mark = camera.program.mark();
    let mut asks = Peer::greeted(&study, camera.address, &second)?;
    let code = asks.ask(&second, camera.device().parse()?)?.code()?;
    owners.say(&json!({ "type": "access_allow", "device": second.device, "name": "",
                        "code": code }))?;
    owners.stay(Duration::from_millis(500))?;
    let told = |words: &str| {
        let events = camera.program.events().split_off(mark);
        events.iter().any(|e| e.is("error") && e.text("message").contains(words))
    };
    ensure!(eventually(ANSWER_LIMIT, || told("nobody was let in")), "it is not told");
    ensure!(eventually(ANSWER_LIMIT, || told("free some space")), "nor what to do");
    let refused = try_trust(&home, &["allow", &second.device.to_string()])?;
    refused.check(refused.exit_code() == Some(1), "a command says that it is done")?;
    ensure!(refused.log().contains("the disk is full"), "{}", refused.log());
    ensure!(!is_listed(&home, "watcher", second.device)?, "a device is allowed on a full disk");

    // A removal holds at once, also where it cannot be written.
    desk.count_udp()?;
    std::thread::sleep(Duration::from_secs(1));
    ensure!(desk.udp_received()? > 20, "the meter counts what the guest gets");
    drop(owners);
    let mut owners = Peer::greeted(&study, camera.address, &Key::of(&owner.home)?)?;
    let mark_guest = guest.program.mark();
    guest.freeze()?;
    let removed = Instant::now();
    owners.say(&json!({ "type": "access_deny", "device": guest_device, "name": "" }))?;
    let last = desk.last_udp_within(QUIET)?;
    guest.thaw()?;
    within("full_disk_revoke_last_packet", last.saturating_duration_since(removed), STOP_TARGET)?;
    guest.wait_access_from(mark_guest, id, "denied")?;
    ensure!(told("holds only while this program runs"), "nobody is told that it is not written");
    ensure!(is_listed(&home, "watcher", guest_device)?, "the lists on the disk have changed");
    ensure!(!lost_since(&owner, 0), "the owner lost the picture");

    std::fs::remove_file(home.join("filler"))?;
    let denied = || is_listed(&home, "denied", guest_device).unwrap_or(false);
    let freed = Instant::now();
    ensure!(eventually(START_LIMIT, denied), "the removal is never written");
    within("full_disk_revoke_written", freed.elapsed(), MENDED_TARGET)?;
    ensure!(!is_listed(&home, "watcher", guest_device)?, "on both lists");
    // And changes are made again.
    trust(&home, &["allow", &second.device.to_string()])?;
    ensure!(is_listed(&home, "watcher", second.device)?, "a change was not made");
    ensure!(!lost_since(&owner, 0), "the owner lost the picture");
    Ok(())
}

/// What a round of changes around a kill has reported as done.
#[derive(Default)]
struct Done {
    allowed: BTreeSet<String>,
    denied: BTreeSet<String>,
}

/// Runs `lanlens trust` side by side and notes what it said was done.
fn change_at_once(home: &Home, done: &mut Done, kill: impl FnOnce() -> Result<()>) -> Result<()> {
    let start = |word: &'static str| -> Result<(&'static str, String, Program)> {
        let device = Key::new()?.device.to_string();
        let program = launch(home.path(), &[word, &device])?.start()?;
        Ok((word, device, program))
    };
    let running: Vec<_> =
        ["allow", "deny", "allow", "deny"].into_iter().map(start).collect::<Result<_>>()?;
    kill()?;
    for (word, device, mut program) in running {
        program.wait_exit(START_LIMIT)?;
        if program.exit_code() == Some(0) {
            match word {
                "allow" => done.allowed.insert(device),
                _ => done.denied.insert(device),
            };
        }
    }
    Ok(())
}

/// What the camera itself has told of before it was killed.
fn note_told(camera: &Camera, done: &mut Done, claims: &mut Vec<String>) {
    for event in camera.program.events() {
        let viewer = event.text("viewer").to_owned();
        if event.is("claimed") {
            claims.push(viewer);
        } else if event.is("access_decided") && event["allow"] == true {
            done.allowed.insert(viewer);
        } else if event.is("access_decided") {
            done.denied.insert(viewer);
        }
    }
}

#[test]
fn nothing_that_was_reported_as_done_is_lost_when_a_camera_is_killed() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("kitchen")?, lan.host("desk")?);
    let home = Home::fresh()?;
    let (mut done, mut claims) = (Done::default(), Vec::new());
    // It claims whenever the camera lives long enough for it.
    let owner = WatchApp::new(&lan.host("sofa")?).args(&["--decode", "no"]).start()?;
    for round in 0..20_u64 {
        let mut camera = CameraApp::new(&kitchen, "Kitchen").home(&home).start()?;
        let asking = Key::new()?;
        // Somebody asks, so that the camera writes its own part meanwhile.
        if round % 2 == 1
            && let Ok(mut peer) = Peer::greeted(&desk, camera.address, &asking)
        {
            peer.ask(&asking, camera.device().parse()?).ok();
        }
        let program = &camera.program;
        change_at_once(&home, &mut done, || {
            std::thread::sleep(Duration::from_millis(round * 37 % 40));
            program.signal(Signal::KILL)
        })?;
        camera.program.wait_exit(START_LIMIT)?;
        note_told(&camera, &mut done, &mut claims);
    }
    let camera = CameraApp::new(&kitchen, "Kitchen").home(&home).start()?;
    owner.wait_first_frame(camera.id())?;
    note_told(&camera, &mut done, &mut claims);
    ensure!(claims.len() == 1, "claimed {} times: {claims:?}", claims.len());

    let on = |list: &str| -> Result<BTreeSet<String>> {
        let events = listed(home.path(), list)?;
        Ok(events.iter().map(|event| event.text("device").to_owned()).collect())
    };
    let (watchers, denied, owners) = (on("watcher")?, on("denied")?, on("owner")?);
    let lost: Vec<_> = done.allowed.difference(&watchers).collect();
    ensure!(lost.is_empty(), "allowed, and forgotten: {lost:?}");
    let lost: Vec<_> = done.denied.difference(&denied).collect();
    ensure!(lost.is_empty(), "refused, and forgotten: {lost:?}");
    ensure!(owners.contains(claims.first().context("a claim")?), "{owners:?} for {claims:?}");
    ensure!(owners.len() == 1, "{owners:?}");
    ensure!(done.allowed.len() >= 20 && done.denied.len() >= 20, "too little was done to tell");
    // What killed programs left behind is taken away by those after them.
    let waiting = || listed(home.path(), "waiting").is_ok_and(|waiting| waiting.is_empty());
    ensure!(eventually(ANSWER_LIMIT, waiting), "the dead ones' guests wait for ever");
    Ok(())
}
