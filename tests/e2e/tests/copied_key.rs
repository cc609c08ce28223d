//! One key on two machines, as after copying a card: everybody is told, and a new key mends it.

use std::fs::File;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lanlens_e2e::trust::{device_in, trust, try_trust};
use lanlens_e2e::{Camera, CameraApp, Home, START_LIMIT, Watch, WatchApp, told, wait_told};
use lanlens_model::DeviceId;
use lanlens_testkit::figure::within;
use lanlens_testkit::{Addresses, Lan, Program, Signal};

/// What each of them is told.
const WORDS: &str = "lanlens trust new-key";
/// From the start of the copy to the last one who is told.
const TOLD_TARGET: Duration = Duration::from_secs(10);
/// A restart that were taken for a copy would be told of by then.
const QUIET: Duration = Duration::from_secs(6);

/// The same key in two kitchens, and somebody who watches.
struct Scene {
    first: Camera,
    second: Camera,
    watch: Watch,
    hosts: [lanlens_testkit::Host; 2],
    _lan: Lan,
}

/// A camera that was stopped, its home copied, and both started: the two are the same node, or, with
/// `sibling`, two cameras of what looks like one home.
fn scene(sibling: bool) -> Result<Option<Scene>> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(None) };
    let hosts = [lan.host("kitchen")?, lan.host("garage")?];
    let camera = CameraApp::new(&hosts[0], "Kitchen").open().start()?;
    let home = camera.home.clone();
    drop(camera);
    let copy = Home::copy_of(&home)?;

    let first = CameraApp::new(&hosts[0], "Kitchen").home(&home).open().start()?;
    let watch = WatchApp::new(&lan.host("desk")?).start()?;
    watch.wait_first_frame(first.id())?;
    // As if another camera of the copy held the first slot: then the next one is taken.
    let _held = if sibling { hold_slots(&copy)? } else { Vec::new() };
    let started = Instant::now();
    let second = CameraApp::new(&hosts[1], "Garage").home(&copy).open().start()?;
    ensure!(first.device() == second.device(), "the copy is another device");
    ensure!((first.node() == second.node()) != sibling, "{} and {}", first.node(), second.node());
    for program in [&first.program, &second.program, &watch.program] {
        wait_told(program, &[WORDS], TOLD_TARGET * 5)?;
    }
    within("copy_told_to_all", started.elapsed(), TOLD_TARGET)?;
    Ok(Some(Scene { first, second, watch, hosts, _lan: lan }))
}

/// Holds every slot that programs of a home have used.
fn hold_slots(home: &Home) -> Result<Vec<File>> {
    let mut held = Vec::new();
    for slot in std::fs::read_dir(home.path().join("slots"))? {
        let file = File::options().read(true).write(true).open(slot?.path())?;
        file.lock()?;
        held.push(file);
    }
    ensure!(!held.is_empty(), "no program of this home has taken a slot");
    Ok(held)
}

fn times_told(program: &Program) -> usize {
    let events = program.events();
    events.iter().filter(|e| e.is("error") && e.text("message").contains(WORDS)).count()
}

#[test]
fn a_copied_home_is_told_to_all_and_a_new_key_lets_both_cameras_live_side_by_side() -> Result<()> {
    let Some(Scene { first, mut second, watch, hosts, _lan }) = scene(false)? else {
        return Ok(());
    };
    std::thread::sleep(Duration::from_secs(5));
    for program in [&first.program, &second.program, &watch.program] {
        ensure!(times_told(program) == 1, "told {} times", times_told(program));
    }

    // Not under a running program.
    let home = second.home.clone();
    let refused = try_trust(home.path(), &["new-key", "--yes"])?;
    refused.check(refused.exit_code() == Some(1), "the key of a running camera is replaced")?;
    let old: DeviceId = second.device().parse()?;
    second.program.end_with(Signal::INT, START_LIMIT)?;
    drop(second);
    let new = device_in(&trust(home.path(), &["new-key", "--yes"])?)?;
    ensure!(new != old, "the same device again");

    let second = CameraApp::new(&hosts[1], "Garage").home(&home).open().start()?;
    ensure!(second.device() == new.to_string(), "the new key is not used");
    ensure!(first.id() != second.id(), "the same camera again");
    watch.wait_first_frame(second.id())?;
    // What was in the air of the two that were one has settled by then.
    std::thread::sleep(QUIET);
    let from = watch.program.mark();
    std::thread::sleep(QUIET);
    let end = watch.program.mark();
    for (camera, name) in [(&first, "original"), (&second, "new_key")] {
        watch.stream(camera.id(), from, end)?.runs_smoothly(name)?;
    }
    ensure!(!told(&second.program, &[WORDS]), "the new key is called a copy");
    Ok(())
}

#[test]
fn a_copy_that_runs_other_cameras_than_the_original_is_told_to_all_too() -> Result<()> {
    scene(true).map(drop)
}

#[test]
fn a_restart_a_crash_and_a_new_address_are_no_copies() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let mut kitchen = lan.host("kitchen")?;
    let watch = WatchApp::new(&lan.host("desk")?).start()?;
    let mut camera = CameraApp::new(&kitchen, "Kitchen").open().start()?;
    watch.wait_first_frame(camera.id())?;
    let home = camera.home.clone();
    for round in 0..3 {
        match round {
            0 => drop(camera.program.end_with(Signal::INT, START_LIMIT)?),
            1 => camera.program.signal(Signal::KILL)?,
            _ => {
                // It moves while it is down, so that the old address is still in everybody's ears.
                camera.program.signal(Signal::KILL)?;
                kitchen.renumber(99)?;
            }
        }
        drop(camera);
        let mark = watch.program.mark();
        camera = CameraApp::new(&kitchen, "Kitchen").home(&home).open().start()?;
        watch.wait_live_from(mark, camera.id(), START_LIMIT)?;
        std::thread::sleep(QUIET);
        for program in [&camera.program, &watch.program] {
            program.check(!told(program, &[WORDS]), "a restart is called a copy")?;
        }
    }
    Ok(())
}
