//! The main path on virtual time: find, connect, lose, find again.

use std::net::SocketAddr;
use std::time::Duration;

use lanlens_model::limits::{ADDRESSES_PER_NODE_MAX, CAMERAS_MAX};
use lanlens_model::{Access, AccessMode, CameraId, Command, DeviceId, Event, NodeId, TileState};
use lanlens_protocol::DiscoveryEvent;
use lanlens_sim::World;

const SECOND: Duration = Duration::from_secs(1);

fn count(world: &World, host: usize, what: impl Fn(&Event) -> bool) -> usize {
    world.events(host).iter().filter(|(_, event)| what(event)).count()
}

#[test]
fn a_viewer_that_starts_late_sees_every_camera() {
    let mut world = World::new(1);
    let cameras = [world.camera("kitchen"), world.camera("garage")];
    let viewer = world.viewer();
    cameras.iter().for_each(|camera| world.start(*camera));
    world.run(SECOND * 10);
    world.start(viewer);
    let took = world.run_until(SECOND, |w| cameras.iter().all(|c| w.is_live(viewer, *c)));
    assert!(took.is_some_and(|took| took < Duration::from_millis(200)), "{took:?}");
    assert_eq!(count(&world, viewer, |e| matches!(e, Event::FirstFrame { .. })), 2);
    assert_eq!(count(&world, viewer, |e| matches!(e, Event::Live { .. })), 2);
}

#[test]
fn a_camera_that_starts_late_appears_by_itself() {
    let mut world = World::new(2);
    let (camera, viewer) = (world.camera("kitchen"), world.viewer());
    world.start(viewer);
    world.run(SECOND * 60);
    world.start(camera);
    assert!(world.run_until(SECOND, |w| w.is_live(viewer, camera)).is_some());
}

#[test]
fn three_cameras_alone_know_each_other_and_leave_each_other_in_peace() {
    let mut world = World::new(3);
    let cameras: Vec<_> = (0..3).map(|n| world.camera(&n.to_string())).collect();
    cameras.iter().for_each(|camera| world.start(*camera));
    world.run(SECOND * 60);
    for camera in cameras {
        assert_eq!(count(&world, camera, |e| matches!(e, Event::Peer { .. })), 2);
        assert!(world.dials(camera).is_empty());
    }
}

#[test]
fn a_killed_camera_stalls_in_time_and_takes_its_old_tile_when_it_restarts() {
    let mut world = World::new(4);
    let (camera, viewer) = (world.camera("kitchen"), world.viewer());
    world.start(camera);
    world.start(viewer);
    world.run(SECOND * 5);
    let id = world.camera_of(camera).unwrap();
    world.kill(camera);
    assert!(world.run_until(SECOND, |w| !w.is_live(viewer, camera)).is_some());
    world.run(SECOND * 5);
    assert!(matches!(world.tile(viewer, camera), Some(TileState::Lost(_))));
    world.start(camera);
    assert!(world.run_until(SECOND, |w| w.is_live(viewer, camera)).is_some());
    let snapshot = world.snapshot(viewer);
    assert_eq!(snapshot.cameras.len(), 1);
    assert_eq!(snapshot.cameras[&id].epoch.0, 2);
}

#[test]
fn a_restart_faster_than_any_timeout_is_still_noticed() {
    let mut world = World::new(5);
    let (camera, viewer) = (world.camera("kitchen"), world.viewer());
    world.start(camera);
    world.start(viewer);
    world.run(SECOND * 5);
    world.kill(camera);
    world.start(camera);
    world.run(SECOND);
    assert!(world.is_live(viewer, camera));
    assert_eq!(world.publisher_count(camera), 1);
}

#[test]
fn a_goodbye_takes_the_tile_away_at_once_and_echoes_do_not_bring_it_back() {
    let mut world = World::new(6);
    let (camera, viewer) = (world.camera("kitchen"), world.viewer());
    world.start(camera);
    world.start(viewer);
    world.run(SECOND * 5);
    let echo = world.announcement(camera);
    world.stop(camera);
    assert!(
        world.run_until(SECOND, |w| w.tile(viewer, camera) == Some(TileState::Offline)).is_some()
    );
    world.inject(viewer, echo);
    world.run(SECOND * 5);
    assert_eq!(world.tile(viewer, camera), Some(TileState::Offline));
    assert_eq!(count(&world, viewer, |e| matches!(e, Event::Gone { .. })), 1);
    world.start(camera);
    assert!(world.run_until(SECOND, |w| w.is_live(viewer, camera)).is_some());
}

#[test]
fn a_forged_goodbye_changes_nothing_while_the_link_stands() {
    let mut world = World::new(7);
    let (camera, viewer) = (world.camera("kitchen"), world.viewer());
    world.start(camera);
    world.start(viewer);
    world.run(SECOND * 5);
    world.inject(viewer, DiscoveryEvent::Removed { instance: format!("host-{camera}") });
    world.run(SECOND * 5);
    assert!(world.is_live(viewer, camera));
    assert_eq!(
        count(&world, viewer, |e| matches!(e, Event::Gone { .. } | Event::Stalled { .. })),
        0
    );
}

#[test]
fn a_new_address_is_followed() {
    let mut world = World::new(8);
    let (camera, viewer) = (world.camera("kitchen"), world.viewer());
    world.start(camera);
    world.start(viewer);
    world.run(SECOND * 5);
    world.move_address(camera, 1);
    assert!(world.run_until(SECOND, |w| !w.is_live(viewer, camera)).is_some());
    assert!(world.run_until(SECOND * 5, |w| w.is_live(viewer, camera)).is_some());
    assert_eq!(world.snapshot(viewer).cameras.len(), 1);
}

#[test]
fn an_address_that_is_heard_after_the_link_stands_is_shown() {
    let mut world = World::new(16);
    let (camera, viewer) = (world.camera("kitchen"), world.viewer());
    world.spec_mut(camera).dead_interface = true;
    world.start(viewer);
    world.multicast = false;
    world.start(camera);
    let viewer_address = world.address_of(viewer);
    world.command(camera, Command::AddPeer(viewer_address));
    world.run(SECOND);
    let id = world.camera_of(camera).unwrap();
    let addresses = |world: &World| world.snapshot(viewer).cameras[&id].addresses.clone();
    assert_eq!(addresses(&world), [world.address_of(camera)], "as it said itself");
    world.take_changed(viewer);
    let announcement = world.announcement(camera);
    world.inject(viewer, announcement);
    world.run(Duration::from_millis(1));
    assert!(world.take_changed(viewer));
    assert_eq!(addresses(&world).len(), 2);
}

#[test]
fn redials_are_bounded_and_spread() {
    let first_redials = (0..20).map(|seed| {
        let mut world = World::new(seed);
        let (camera, viewer) = (world.camera("kitchen"), world.viewer());
        world.start(camera);
        world.start(viewer);
        world.run(SECOND * 5);
        let before = world.dials(viewer).len();
        world.kill(camera);
        world.run(SECOND * 60);
        let dials = world.dials(viewer)[before..].to_vec();
        assert!((5..=20).contains(&dials.len()), "{} dials in a minute", dials.len());
        dials[2]
    });
    let mut times: Vec<u64> = first_redials.collect();
    times.sort_unstable();
    times.dedup();
    assert!(times.len() > 10, "every viewer dials at its own time");
}

#[test]
fn a_camera_behind_a_firewall_dials_out() {
    let mut world = World::new(9);
    let (camera, viewer) = (world.camera("kitchen"), world.viewer());
    world.spec_mut(camera).firewalled = true;
    world.start(camera);
    world.start(viewer);
    let took = world.run_until(SECOND * 2, |w| w.is_live(viewer, camera));
    assert!(took.is_some_and(|took| took < SECOND), "{took:?}");
}

#[test]
fn when_both_dial_at_once_one_link_stays() {
    for seed in 0..50 {
        let mut world = World::new(seed);
        let (camera, viewer) = (world.camera("kitchen"), world.viewer());
        // So slow that the camera dials before the viewer's link stands.
        for host in [camera, viewer] {
            world.spec_mut(host).dial_latency = Duration::from_millis(900);
        }
        world.start(camera);
        world.start(viewer);
        world.run(SECOND * 10);
        assert!(!world.dials(camera).is_empty() && !world.dials(viewer).is_empty());
        assert!(world.is_live(viewer, camera), "seed {seed}");
        assert_eq!((world.link_count(camera), world.link_count(viewer)), (1, 1), "seed {seed}");
        let alarm = |e: &Event| matches!(e, Event::Lost { .. } | Event::PeerRefused { .. });
        assert_eq!(
            count(&world, viewer, alarm),
            0,
            "seed {seed}: nothing that anyone saw was lost"
        );
        assert_eq!(world.publisher_count(camera), 1);
    }
}

#[test]
fn without_multicast_a_typed_address_is_enough() {
    let mut world = World::new(10);
    world.multicast = false;
    let (camera, viewer) = (world.camera("kitchen"), world.viewer());
    world.start(camera);
    world.start(viewer);
    world.run(SECOND);
    assert_eq!(world.tile(viewer, camera), None);
    let address = world.address_of(camera);
    world.command(viewer, Command::AddPeer(address));
    assert!(world.run_until(SECOND, |w| w.is_live(viewer, camera)).is_some());
    world.kill(camera);
    world.run(SECOND * 20);
    world.start(camera);
    assert!(world.run_until(SECOND * 11, |w| w.is_live(viewer, camera)).is_some());
}

#[test]
fn the_first_viewer_claims_and_the_second_waits_without_a_picture() {
    let mut world = World::new(11);
    let (camera, first, second) = (world.camera("nursery"), world.viewer(), world.viewer());
    world.spec_mut(camera).access = AccessMode::Ask;
    world.start(camera);
    world.start(first);
    assert!(world.run_until(SECOND, |w| w.is_live(first, camera)).is_some());
    world.start(second);
    world.run(SECOND * 30);
    assert!(matches!(world.tile(second, camera), Some(TileState::Waiting { code: Some(_) })));
    assert!(world.is_live(first, camera));
    assert_eq!(world.publisher_count(camera), 1);
    let waits = |e: &Event| matches!(e, Event::Access { state: Access::Pending, .. });
    // Told to wait, and then its code.
    assert_eq!(count(&world, second, waits), 2);
    assert_eq!(count(&world, camera, |e| matches!(e, Event::Claimed { .. })), 1);
    assert_eq!(count(&world, camera, |e| matches!(e, Event::AccessRequest { .. })), 1);
}

#[test]
fn of_two_viewers_in_the_same_instant_exactly_one_claims() {
    for seed in 0..50 {
        let mut world = World::new(seed);
        let (camera, a, b) = (world.camera("nursery"), world.viewer(), world.viewer());
        world.spec_mut(camera).access = AccessMode::Ask;
        world.start(a);
        world.start(b);
        world.run(SECOND);
        world.start(camera);
        world.run(SECOND * 5);
        assert_eq!(u8::from(world.is_live(a, camera)) + u8::from(world.is_live(b, camera)), 1);
        assert_eq!(count(&world, camera, |e| matches!(e, Event::Claimed { .. })), 1);
    }
}

#[test]
fn looking_without_watching_claims_nothing() {
    let mut world = World::new(12);
    let (camera, lister) = (world.camera("nursery"), world.viewer());
    world.spec_mut(camera).access = AccessMode::Ask;
    world.start(camera);
    world.start(lister);
    world.command(lister, Command::Watch(lanlens_model::Selection::None));
    world.run(SECOND * 30);
    assert_eq!(world.tile(lister, camera), Some(TileState::Idle));
    assert_eq!(count(&world, camera, |e| matches!(e, Event::AccessRequest { .. })), 0);
    assert_eq!(count(&world, camera, |e| matches!(e, Event::Claimed { .. })), 0);
}

#[test]
fn a_forged_later_start_costs_one_dial_and_no_picture() {
    let mut world = World::new(13);
    let (camera, viewer) = (world.camera("kitchen"), world.viewer());
    world.start(camera);
    world.start(viewer);
    world.run(SECOND * 5);
    let before = world.dials(viewer).len();
    let DiscoveryEvent::Resolved { mut txt, addresses, .. } = world.announcement(camera) else {
        panic!("an announcement");
    };
    txt.epoch.0 += 1000;
    let instance = "forged".to_owned();
    world.inject(viewer, DiscoveryEvent::Resolved { instance, txt, addresses });
    world.run(SECOND * 60);
    assert!(world.dials(viewer).len() - before <= 2, "{:?}", &world.dials(viewer)[before..]);
    assert!(world.is_live(viewer, camera));
}

#[test]
fn forged_announcements_never_lock_out_a_camera_that_proves_itself() {
    let mut world = World::new(14);
    let (camera, viewer) = (world.camera("kitchen"), world.viewer());
    world.start(viewer);
    let DiscoveryEvent::Resolved { txt, .. } = world.announcement(camera) else {
        panic!("an announcement");
    };
    for n in 0..1000u32 {
        let device = DeviceId::from_spki(&n.to_be_bytes());
        let mut txt = txt.clone();
        txt.node = NodeId::new(device, "x");
        txt.camera = Some(CameraId::new(device, "x"));
        let addresses = vec![SocketAddr::from(([10, 9, 9, 9], 20_000))];
        let instance = format!("forged-{n}");
        world.inject(viewer, DiscoveryEvent::Resolved { instance, txt, addresses });
    }
    world.run(SECOND * 5);
    assert!(world.snapshot(viewer).cameras.len() <= CAMERAS_MAX);
    assert!(world.snapshot(viewer).cameras_over_limit > 0);
    world.start(camera);
    assert!(world.run_until(SECOND * 5, |w| w.is_live(viewer, camera)).is_some());
}

#[test]
fn many_names_for_one_camera_are_not_all_remembered_and_do_not_hide_it() {
    let mut world = World::new(15);
    let (camera, viewer) = (world.camera("kitchen"), world.viewer());
    world.start(viewer);
    let DiscoveryEvent::Resolved { txt, .. } = world.announcement(camera) else {
        panic!("an announcement");
    };
    for n in 0..5000u32 {
        let addresses = vec![SocketAddr::from(([10, 9, 9, 9], 20_000))];
        let instance = format!("forged-{n}");
        world.inject(viewer, DiscoveryEvent::Resolved { instance, txt: txt.clone(), addresses });
    }
    world.run(SECOND * 5);
    let remembered = world.sizes(viewer).unwrap();
    assert!(remembered.instances <= ADDRESSES_PER_NODE_MAX, "{remembered:?}");
    // Only the viewer can dial.
    world.start(camera);
    assert!(world.run_until(SECOND * 5, |w| w.is_live(viewer, camera)).is_some());
}

#[test]
fn a_link_that_replaces_another_before_the_first_picture_is_no_alarm() {
    let mut replaced = 0;
    for seed in 0..200 {
        let mut world = World::new(seed);
        // Who is made first decides whose id is lower, and so whose link stays.
        let (camera, viewer) = match seed % 2 {
            0 => (world.camera("kitchen"), world.viewer()),
            _ => {
                let viewer = world.viewer();
                (world.camera("kitchen"), viewer)
            }
        };
        // So that the camera's own link often stands just after the viewer's.
        world.spec_mut(viewer).dial_latency = Duration::from_millis(300);
        world.start(camera);
        world.start(viewer);
        world.run(SECOND * 3);
        assert!(world.is_live(viewer, camera), "seed {seed}");
        let alarm = |e: &Event| matches!(e, Event::Lost { .. } | Event::PeerRefused { .. });
        assert_eq!(count(&world, viewer, alarm), 0, "seed {seed}");
        replaced += usize::from(!world.dials(camera).is_empty());
    }
    assert!(replaced > 50, "both dialed in {replaced} of 200");
}

#[test]
fn a_camera_that_restarts_behind_its_firewall_is_welcomed_at_once() {
    for seed in 0..20 {
        let mut world = World::new(seed);
        let (camera, viewer) = (world.camera("kitchen"), world.viewer());
        world.spec_mut(camera).firewalled = true;
        world.start(camera);
        world.start(viewer);
        world.run(SECOND * 5);
        world.kill(camera);
        world.start(camera);
        // Its first dial, 200 to 400 ms after its start, is the one that counts.
        let took = world.run_until(SECOND * 2, |w| w.publisher_count(camera) == 1);
        assert!(took.is_some_and(|t| t < Duration::from_millis(450)), "seed {seed}: {took:?}");
        world.run(SECOND * 2);
        assert!(world.is_live(viewer, camera));
        assert_eq!(count(&world, camera, |e| matches!(e, Event::PeerRefused { .. })), 0);
        assert_eq!(count(&world, viewer, |e| matches!(e, Event::PeerRefused { .. })), 0);
    }
}
