//! Who may watch, as people meet it: codes on both ends, allow, deny, remove, invite, copied keys.

use std::time::Duration;

use lanlens_model::limits::WAITING_MAX;
use lanlens_model::{
    AccessMode, Code, Command, Event, Invitation, RequestEnd, TileState, TrustChange, TrustView,
};
use lanlens_sim::{HostId, World};

const SECOND: Duration = Duration::from_secs(1);

/// A claimed camera with its owner's viewer, and a second viewer that waits.
struct Scene {
    world: World,
    camera: HostId,
    owner: HostId,
    guest: HostId,
}

fn scene(seed: u64) -> Scene {
    let mut world = World::new(seed);
    let (camera, owner, guest) = (world.camera("nursery"), world.viewer(), world.viewer());
    world.spec_mut(camera).access = AccessMode::Ask;
    world.start(camera);
    world.start(owner);
    assert!(world.run_until(SECOND, |w| w.is_live(owner, camera)).is_some());
    world.start(guest);
    assert!(world.run_until(SECOND, |w| code_on_tile(w, guest, camera).is_some()).is_some());
    world.run(SECOND);
    Scene { world, camera, owner, guest }
}

fn code_on_tile(world: &World, viewer: HostId, camera: HostId) -> Option<Code> {
    match world.tile(viewer, camera)? {
        TileState::Waiting { code } => code,
        _ => None,
    }
}

/// What a person does who sees a card: compares, and presses a button.
fn allow(world: &mut World, at: HostId, about: HostId) {
    let (device, requests) = (world.device_of(about), world.snapshot(at).requests);
    let of_device = requests.into_iter().filter(|request| request.device == device);
    let codes = of_device.flat_map(|request| request.codes).map(|(_, code)| code).collect();
    world.command(at, Command::Allow { device, name: String::new(), codes });
}

fn deny(world: &mut World, at: HostId, about: HostId) {
    let device = world.device_of(about);
    world.command(at, Command::Deny { device, name: String::new() });
}

fn remove(world: &mut World, at: HostId, about: HostId) {
    let device = world.device_of(about);
    world.command(at, Command::Remove { device, name: String::new() });
}

#[test]
fn both_ends_and_the_owner_show_one_code_and_allow_shows_the_picture() {
    let Scene { mut world, camera, owner, guest } = scene(1);
    let code = code_on_tile(&world, guest, camera);
    let asked = world.snapshot(owner).requests;
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].device, world.device_of(guest));
    assert_eq!(asked[0].codes, [("nursery".to_owned(), code.unwrap())]);
    let told = world.events(camera).into_iter().find_map(|(_, event)| match event {
        Event::AccessRequest { code, .. } => Some(code),
        _ => None,
    });
    assert_eq!(told, code);
    assert!(world.snapshot(guest).requests.is_empty(), "a guest decides nothing");

    allow(&mut world, owner, guest);
    assert!(world.snapshot(owner).requests.is_empty(), "the card goes at once");
    assert!(world.run_until(SECOND, |w| w.is_live(guest, camera)).is_some());
}

#[test]
fn allowing_at_the_camera_itself_shows_the_picture_too() {
    let Scene { mut world, camera, guest, .. } = scene(2);
    let device = world.device_of(guest);
    world.change_trust(camera, &TrustChange::Allow { device, name: String::new() });
    assert!(world.run_until(SECOND, |w| w.is_live(guest, camera)).is_some());
}

#[test]
fn a_denied_device_stays_denied_over_restarts_and_asks_nobody_again() {
    let Scene { mut world, camera, owner, guest } = scene(3);
    deny(&mut world, owner, guest);
    world.run(SECOND);
    assert_eq!(world.tile(guest, camera), Some(TileState::Denied));
    world.kill(camera);
    world.kill(guest);
    world.run(SECOND * 5);
    world.start(camera);
    world.start(guest);
    world.run(SECOND * 30);
    assert_eq!(world.tile(guest, camera), Some(TileState::Denied));
    assert!(world.snapshot(owner).requests.is_empty());
    // Somebody at the camera who thinks better of it can still let it in.
    let device = world.device_of(guest);
    world.change_trust(camera, &TrustChange::Allow { device, name: String::new() });
    assert!(world.run_until(SECOND, |w| w.is_live(guest, camera)).is_some());
}

#[test]
fn a_removed_viewer_loses_the_picture_says_so_and_does_not_dial() {
    let Scene { mut world, camera, owner, guest } = scene(4);
    allow(&mut world, owner, guest);
    world.run(SECOND);
    let id = world.camera_of(camera).unwrap();
    let watching = world.snapshot(owner).cameras[&id].watchers.clone().unwrap();
    assert_eq!(watching.len(), 2, "the owner sees everyone who watches: {watching:?}");
    assert_eq!(world.snapshot(guest).cameras[&id].watchers, None, "and a guest does not");
    let dials = world.dials(guest).len();

    remove(&mut world, owner, guest);
    let gone = world.run_until(SECOND, |w| w.publisher_count(camera) == 1);
    assert!(gone.is_some_and(|time| time <= Duration::from_millis(10)), "{gone:?}");
    world.run(SECOND * 60);
    assert_eq!(world.tile(guest, camera), Some(TileState::Removed));
    assert_eq!(world.dials(guest).len(), dials);
    assert!(world.is_live(owner, camera));
}

#[test]
fn removing_the_last_owner_does_not_free_the_camera_and_a_reset_does() {
    let Scene { mut world, camera, owner, guest } = scene(5);
    let device = world.device_of(owner);
    world.change_trust(camera, &TrustChange::Deny { device, name: String::new() });
    world.run(SECOND * 30);
    assert_eq!(world.tile(owner, camera), Some(TileState::Removed));
    assert!(matches!(world.tile(guest, camera), Some(TileState::Waiting { .. })));
    world.reset_trust(camera);
    world.run(SECOND * 2);
    let live = [owner, guest].map(|viewer| world.is_live(viewer, camera));
    assert_eq!(live.iter().filter(|live| **live).count(), 1, "{live:?}");
}

#[test]
fn one_card_lets_a_device_in_at_every_camera_where_its_code_was_compared() {
    let Scene { mut world, camera, owner, guest } = scene(6);
    let (second, later) = (world.camera("kitchen"), world.camera("garage"));
    for camera in [second, later] {
        world.spec_mut(camera).access = AccessMode::Ask;
    }
    // The owner claims both while the guest is away; one is off when the guest is allowed.
    world.kill(guest);
    world.start(second);
    world.start(later);
    world.run(SECOND * 2);
    assert!(world.is_live(owner, second) && world.is_live(owner, later));
    world.kill(later);
    world.start(guest);
    world.run(SECOND * 5);
    assert_eq!(world.snapshot(owner).requests.len(), 1, "one card for one device");
    assert_eq!(world.snapshot(owner).requests[0].codes.len(), 2);
    allow(&mut world, owner, guest);
    let both = |w: &World| w.is_live(guest, camera) && w.is_live(guest, second);
    assert!(world.run_until(SECOND, both).is_some());
    // Of a camera that comes later nobody has compared a code: there is a card again.
    world.start(later);
    world.run(SECOND * 3);
    assert!(!world.is_live(guest, later));
    allow(&mut world, owner, guest);
    assert!(world.run_until(SECOND, |w| w.is_live(guest, later)).is_some());
}

#[test]
fn a_camera_that_lies_about_who_waits_lets_nobody_in_elsewhere() {
    let Scene { mut world, camera, owner, guest } = scene(14);
    // Eve's own camera, which the owner's viewer has claimed like any other, says that Eve's viewer
    // waits there with a code that the owner will find right.
    let (trap, eve) = (world.camera("nursery"), world.viewer());
    world.spec_mut(trap).access = AccessMode::Ask;
    world.start(trap);
    world.run(SECOND);
    world.start(eve);
    world.run(SECOND * 3);
    let (device, requests) = (world.device_of(eve), world.snapshot(owner).requests);
    let card = requests.iter().find(|request| request.device == device).unwrap();
    // Of the card's codes, the owner saw only the trap's on a screen that he trusts.
    let at_trap = code_on_tile(&world, eve, trap).unwrap();
    assert!(card.codes.iter().any(|(_, code)| *code == at_trap));
    let codes = vec![at_trap];
    world.command(owner, Command::Allow { device, name: String::new(), codes });
    world.run(SECOND * 5);
    assert!(world.is_live(eve, trap));
    assert!(!world.is_live(eve, camera), "what was compared at one camera opens no other");
    assert!(!world.is_live(guest, camera));
}

#[test]
fn who_is_removed_once_is_removed_where_the_camera_was_off_as_well() {
    let Scene { mut world, camera, owner, guest } = scene(7);
    allow(&mut world, owner, guest);
    world.run(SECOND);
    // Cut off, so that the message is lost on its way.
    world.cut(owner, true);
    remove(&mut world, owner, guest);
    world.run(SECOND * 10);
    assert!(world.is_live(guest, camera));
    world.cut(owner, false);
    world.run(SECOND * 30);
    assert_eq!(world.tile(guest, camera), Some(TileState::Removed));
    assert!(world.is_live(owner, camera));
}

#[test]
fn what_is_decided_at_the_camera_later_holds_against_an_older_decision_in_the_viewer() {
    let Scene { mut world, camera, owner, guest } = scene(13);
    remove(&mut world, owner, guest);
    world.run(SECOND);
    let device = world.device_of(guest);
    world.change_trust(camera, &TrustChange::Allow { device, name: String::new() });
    assert!(world.run_until(SECOND, |w| w.is_live(guest, camera)).is_some());
    world.kill(owner);
    world.start(owner);
    world.run(SECOND * 10);
    assert!(world.is_live(guest, camera) && world.is_live(owner, camera));
}

#[test]
fn ten_devices_ask_eight_wait_and_two_are_told_why_and_ask_again_by_themselves() {
    let mut world = World::new(8);
    let (camera, owner) = (world.camera("nursery"), world.viewer());
    world.spec_mut(camera).access = AccessMode::Ask;
    world.start(camera);
    world.start(owner);
    world.run(SECOND);
    let guests: Vec<HostId> = (0..10).map(|_| world.viewer()).collect();
    guests.iter().for_each(|guest| world.start(*guest));
    world.run(SECOND * 5);
    let full = TileState::RequestEnded(RequestEnd::Full);
    let (waiting, told): (Vec<HostId>, Vec<HostId>) =
        guests.iter().partition(|guest| code_on_tile(&world, **guest, camera).is_some());
    assert_eq!((waiting.len(), told.len()), (WAITING_MAX, 2));
    assert!(told.iter().all(|guest| world.tile(*guest, camera) == Some(full.clone())));
    assert_eq!(world.snapshot(owner).requests.len(), WAITING_MAX);
    deny(&mut world, owner, waiting[0]);
    world.run(SECOND * 30);
    assert_eq!(world.snapshot(owner).requests.len(), WAITING_MAX, "a place was free again");
}

#[test]
fn a_request_that_nobody_answers_ends_and_begins_again_only_by_hand() {
    let Scene { mut world, camera, owner, guest } = scene(9);
    world.run(SECOND * 700);
    let unanswered = Some(TileState::RequestEnded(RequestEnd::Unanswered));
    assert_eq!(world.tile(guest, camera), unanswered);
    assert!(world.snapshot(owner).requests.is_empty());
    world.run(SECOND * 700);
    assert_eq!(world.tile(guest, camera), unanswered);
    world.command(guest, Command::Refresh);
    world.run(SECOND);
    assert!(code_on_tile(&world, guest, camera).is_some());
}

#[test]
fn an_invitation_opens_the_cameras_of_its_home_and_no_others() {
    let mut world = World::new(10);
    let (camera, other, guest) =
        (world.camera("stage"), world.camera("dressing room"), world.viewer());
    let held = Invitation::from_bytes([7; 16]);
    for (host, byte) in [(camera, 7), (other, 8)] {
        world.spec_mut(host).access = AccessMode::Invite;
        let invitation = Some(Invitation::from_bytes([byte; 16]));
        world.set_trust(host, TrustView { invitation, ..TrustView::default() });
        world.start(host);
    }
    world.start(guest);
    world.run(SECOND * 5);
    assert_eq!(world.tile(guest, camera), Some(TileState::NeedsInvitation));
    world.command(guest, Command::Join(held));
    assert!(world.run_until(SECOND, |w| w.is_live(guest, camera)).is_some());
    let wrong = TileState::RequestEnded(RequestEnd::WrongInvitation);
    assert_eq!(world.tile(guest, other), Some(wrong));
    // It is kept, and so is the leave that it gave.
    world.kill(guest);
    world.start(guest);
    assert!(world.run_until(SECOND * 3, |w| w.is_live(guest, camera)).is_some());
}

#[test]
fn a_copied_key_is_told_to_both_machines_and_to_whoever_sees_them() {
    for same_node in [true, false] {
        let mut world = World::new(11);
        let (one, two, viewer) = (world.camera("a"), world.camera("b"), world.viewer());
        world.copy_home(one, two, same_node);
        world.start(one);
        world.start(viewer);
        world.run(SECOND * 5);
        world.start(two);
        world.run(SECOND * 30);
        for host in [one, two, viewer] {
            let warnings = world.snapshot(host).warnings;
            assert_eq!(warnings.len(), 1, "host {host}, same node {same_node}: {warnings:?}");
            assert!(warnings[0].contains("lanlens trust new-key"), "{warnings:?}");
        }
    }
}

#[test]
fn a_restart_is_no_copied_key_however_it_ends() {
    let mut world = World::new(12);
    let (camera, viewer) = (world.camera("a"), world.viewer());
    world.start(camera);
    world.start(viewer);
    for _ in 0..5 {
        world.run(SECOND * 5);
        world.kill(camera);
        world.start(camera);
        world.run(SECOND * 5);
        world.cut(camera, true);
        world.kill(camera);
        world.cut(camera, false);
        world.start(camera);
        world.run(SECOND * 5);
    }
    assert!(world.is_live(viewer, camera));
    assert_eq!(world.snapshot(viewer).warnings, Vec::<String>::new());
}

#[test]
fn a_phones_camera_is_nobodys_to_claim_and_its_server_decides_who_watches() {
    let mut world = World::new(13);
    let (server, guest) = (world.viewer(), world.viewer());
    let phone = world.phone("phone", server);
    world.start(server);
    world.start(guest);
    world.run(SECOND * 5);
    // The stranger asks as soon as there is a camera, and may be the first to do so.
    world.start(phone);
    assert!(world.run_until(SECOND, |w| w.is_live(server, phone)).is_some());
    assert!(world.run_until(SECOND, |w| !w.snapshot(server).requests.is_empty()).is_some());
    let code = code_on_tile(&world, guest, phone);
    assert_eq!(world.snapshot(server).requests[0].codes, [("phone".to_owned(), code.unwrap())]);
    world.run(SECOND * 10);
    assert!(!world.is_live(guest, phone), "nobody has decided");
    assert!(!world.events(phone).iter().any(|(_, event)| matches!(event, Event::Claimed { .. })));
    assert_eq!(world.snapshot(server).warnings, Vec::<String>::new(), "one home, one machine");

    allow(&mut world, server, guest);
    assert!(world.run_until(SECOND, |w| w.is_live(guest, phone)).is_some());
    remove(&mut world, server, guest);
    assert!(world.run_until(SECOND, |w| !w.is_live(guest, phone)).is_some());
}
