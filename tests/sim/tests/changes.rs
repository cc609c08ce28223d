//! Changes of network on virtual time: addresses, cables, sleep, and paths that fail one at a time.

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

use std::time::Duration;

use lanlens_model::{Cause, Event, TileState};
use lanlens_sim::{HostId, Traffic, World};

const SECOND: Duration = Duration::from_secs(1);

/// A camera that a viewer has watched for a while. Who is made first decides whose link stays.
fn watched(seed: u64) -> (World, HostId, HostId) {
    let mut world = World::new(seed);
    let (camera, viewer) = match seed % 2 {
        0 => (world.camera("kitchen"), world.viewer()),
        _ => {
            let viewer = world.viewer();
            (world.camera("kitchen"), viewer)
        }
    };
    // Slow enough that the camera often dials as well.
    world.spec_mut(viewer).dial_latency = Duration::from_millis(300);
    world.start(camera);
    world.start(viewer);
    world.run(SECOND * 20);
    assert!(world.is_live(viewer, camera));
    (world, camera, viewer)
}

fn count(world: &World, host: HostId, what: impl Fn(&Event) -> bool) -> usize {
    world.events(host).iter().filter(|(_, event)| what(event)).count()
}

/// How long until the picture is back, from the fault on.
fn back(world: &mut World, viewer: HostId, camera: HostId, fault: impl Fn(&mut World)) -> Duration {
    let lives = |world: &World| count(world, viewer, |event| matches!(event, Event::Live { .. }));
    let before = lives(world);
    fault(world);
    let again = |w: &World| lives(w) > before && w.is_live(viewer, camera);
    world.run_until(SECOND * 20, again).unwrap()
}

#[test]
fn a_new_address_of_either_side_costs_a_second() {
    for seed in 0..20 {
        for moves in [0, 1] {
            let (mut world, camera, viewer) = watched(seed);
            let who = [camera, viewer][moves];
            let took = back(&mut world, viewer, camera, |w| w.move_address(who, 1));
            assert!(took < SECOND * 3 / 2, "seed {seed}, host {who}: {took:?}");
            assert_eq!(world.snapshot(viewer).cameras.len(), 1);
        }
    }
}

#[test]
fn links_that_break_do_not_touch_the_picture() {
    for seed in 0..20 {
        let (mut world, camera, viewer) = watched(seed);
        let alarms = |event: &Event| matches!(event, Event::Stalled { .. } | Event::Lost { .. });
        world.block(Traffic::Signaling, camera, viewer);
        world.block(Traffic::Signaling, viewer, camera);
        world.run(SECOND * 5);
        let id = world.camera_of(camera).unwrap();
        assert!(!world.snapshot(viewer).cameras[&id].linked, "seed {seed}: pings tell");
        world.mend_paths();
        let linked = |w: &World| w.snapshot(viewer).cameras[&id].linked;
        let took = world.run_until(SECOND * 2, linked);
        assert!(took.is_some(), "seed {seed}");
        world.run(SECOND * 12);
        assert_eq!(count(&world, viewer, alarms), 0, "seed {seed}");
    }
}

#[test]
fn pictures_that_stop_alone_stall_in_time_and_come_back_at_once() {
    for seed in 0..20 {
        let (mut world, camera, viewer) = watched(seed);
        world.block(Traffic::Media, camera, viewer);
        world.block(Traffic::Media, viewer, camera);
        let stalls = |w: &World| matches!(w.tile(viewer, camera), Some(TileState::Stalled { .. }));
        let took = world.run_until(SECOND, stalls);
        assert!(took.is_some_and(|t| t <= Duration::from_millis(700)), "seed {seed}: {took:?}");
        let id = world.camera_of(camera).unwrap();
        assert_eq!(world.snapshot(viewer).cameras[&id].cause, Some(Cause::NoPictures));
        world.run(SECOND * 5);
        let took = back(&mut world, viewer, camera, World::mend_paths);
        assert!(took < Duration::from_millis(100), "seed {seed}: {took:?}");
    }
}

#[test]
fn a_sensor_that_stops_is_not_live_though_its_process_runs() {
    for told in [false, true] {
        let (mut world, camera, viewer) = watched(1);
        world.set_sensor(camera, false, told);
        world.run(SECOND);
        assert!(matches!(world.tile(viewer, camera), Some(TileState::Stalled { .. })));
        let id = world.camera_of(camera).unwrap();
        let cause = world.snapshot(viewer).cameras[&id].cause.clone();
        match told {
            true => assert!(matches!(cause, Some(Cause::Source(_))), "{cause:?}"),
            false => assert_eq!(cause, Some(Cause::NoPictures)),
        }
        world.run(SECOND * 60);
        assert!(!world.is_live(viewer, camera));
        let took = back(&mut world, viewer, camera, |w| w.set_sensor(camera, true, told));
        assert!(took < SECOND * 10, "told: {told}, {took:?}");
    }
}

#[test]
fn a_viewer_that_slept_shows_no_old_picture_as_live_and_new_ones_soon() {
    for suspended in [false, true] {
        for span in [1, 3, 8, 60, 600] {
            let (mut world, camera, viewer) = watched(span);
            world.sleep(viewer, SECOND * u32::try_from(span).unwrap(), suspended);
            world.run(SECOND * u32::try_from(span).unwrap());
            let live = |w: &World| w.is_live(viewer, camera);
            world.run(SECOND);
            let took = world.run_until(SECOND * 3, live);
            assert!(took.is_some(), "{span} s, suspended: {suspended}");
            let shown = world.snapshot(viewer).cameras.len();
            assert_eq!(shown, 1, "{span} s: one tile");
        }
    }
}

#[test]
fn a_cable_that_was_out_for_eight_seconds_costs_two() {
    for seed in 0..20 {
        let (mut world, camera, viewer) = watched(seed);
        let id = world.camera_of(camera).unwrap();
        world.unplug(viewer, true);
        world.run(SECOND * 8);
        assert_eq!(world.snapshot(viewer).cameras[&id].cause, Some(Cause::NoNetwork));
        let took = back(&mut world, viewer, camera, |w| w.unplug(viewer, false));
        assert!(took < SECOND * 2, "seed {seed}: {took:?}");
    }
}

#[test]
fn a_viewer_that_moved_is_found_by_a_camera_that_only_dials_out() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        let (camera, viewer) = (world.camera("kitchen"), world.viewer());
        world.spec_mut(camera).firewalled = true;
        world.start(camera);
        world.start(viewer);
        world.run(SECOND * 5);
        // Long enough for its tries to have become rare.
        world.cut(viewer, true);
        world.move_address(viewer, 1);
        world.run(SECOND * 60);
        let took = back(&mut world, viewer, camera, |w| w.cut(viewer, false));
        // An attempt at the old address may be under way.
        assert!(took < SECOND * 4, "seed {seed}: {took:?}");
    }
}

#[test]
fn a_forged_later_start_of_who_cannot_be_dialed_is_not_believed_for_long() {
    let mut world = World::new(3);
    let (camera, viewer) = (world.camera("kitchen"), world.viewer());
    world.spec_mut(camera).firewalled = true;
    world.start(camera);
    world.start(viewer);
    world.run(SECOND * 5);
    let lanlens_protocol::DiscoveryEvent::Resolved { mut txt, addresses, .. } =
        world.announcement(camera)
    else {
        panic!("an announcement");
    };
    txt.epoch.0 += 1000;
    let instance = "forged".to_owned();
    world.inject(viewer, lanlens_protocol::DiscoveryEvent::Resolved { instance, txt, addresses });
    let before = world.dials(viewer).len();
    world.run(SECOND * 100);
    let dials = world.dials(viewer).len() - before;
    assert!((1..=2).contains(&dials), "{dials} dials");
    assert!(world.is_live(viewer, camera));
}
