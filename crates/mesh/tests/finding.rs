//! How a viewer finds cameras that it cannot hear: remembered, told of by others, searched for.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test's bench")]

mod common;

use std::net::SocketAddr;
use std::time::Duration;

use common::desk::{Desk, address, dials, known};
use common::{Rig, device, greeting};
use lanlens_mesh::{Action, DialFailure, LinkId, LinkInput, ScanInput};
use lanlens_model::limits::{DIALS_MAX, TOLD_NODES_MAX};
use lanlens_model::{
    AccessMode, CameraId, Command, Epoch, Event, KnownNode, NodeId, Role, TileState,
};
use lanlens_protocol::{DiscoveryEvent, Greeting, Message, ToldNode, Txt};

const PORT_OF_CAMERA: Option<u16> = Some(17_470);

#[test]
fn a_remembered_camera_is_found_without_multicast() {
    let mut desk = Desk::new(vec![known()]);
    desk.wait(Duration::ZERO);
    desk.mesh.handle_timeout(desk.now);
    let actions = desk.take();
    assert_eq!(dials(&actions)[0].1, [address()]);
    assert!(desk.mesh.snapshot().cameras.is_empty(), "nothing is listed on memory alone");
    let link = desk.answer(dials(&actions)[0].0);
    desk.play(link);
    assert_eq!(desk.view().state, TileState::Live);
    let again = |action: &Action| matches!(action, Action::RememberNode(_));
    assert!(!desk.take().iter().any(again), "what is written already is not written again");
}

#[test]
fn the_first_picture_is_what_makes_a_camera_worth_remembering() {
    let mut desk = Desk::new(Vec::new());
    desk.hear();
    let dial = dials(&desk.take())[0].0;
    let link = desk.answer(dial);
    let remembered = |desk: &mut Desk| {
        desk.drain();
        desk.actions.iter().filter(|a| **a == Action::RememberNode(known())).count()
    };
    assert_eq!(remembered(&mut desk), 0);
    desk.play(link);
    assert_eq!(remembered(&mut desk), 1);
}

#[test]
fn a_camera_that_dialed_us_is_remembered_as_soon_as_it_is_heard() {
    let mut desk = Desk::new(Vec::new());
    let link = desk.dialed_in();
    desk.play(link);
    let remembered = |action: &Action| *action == Action::RememberNode(known());
    assert!(!desk.take().iter().any(remembered), "nothing says where it listens");
    desk.hear();
    assert!(desk.take().iter().any(remembered));
}

#[test]
fn a_camera_that_dialed_us_and_says_where_it_listens_is_remembered_and_dialed_without_multicast() {
    let mut desk = Desk::new(Vec::new());
    let link = desk.dialed_in_from(PORT_OF_CAMERA);
    desk.play(link);
    let remembered = |action: &Action| *action == Action::RememberNode(known());
    assert!(desk.take().iter().any(remembered));
    desk.hang_up(link);
    for _ in 0..20 {
        let under_way = dials(&desk.take());
        assert_eq!(under_way.len(), 1);
        assert_eq!(under_way[0].1, [address()]);
        desk.fail(under_way[0].0);
        // It was here just now, so nobody has long to wait.
        desk.wait(Duration::from_secs(7));
    }
    let dial = dials(&desk.take())[0].0;
    let link = desk.answer(dial);
    desk.play(link);
    assert_eq!(desk.view().state, TileState::Live);
}

#[test]
fn of_two_links_the_first_may_end_before_the_second_has_greeted_and_no_tile_flaps() {
    let told = |desk: &mut Desk| {
        let events = desk.take().into_iter().filter_map(|action| match action {
            Action::Emit(Event::Discovered { .. }) => Some("discovered"),
            Action::Emit(Event::Gone { .. }) => Some("gone"),
            _ => None,
        });
        events.collect::<Vec<_>>()
    };
    let mut desk = Desk::new(vec![known()]);
    desk.mesh.handle_timeout(desk.now);
    let dial = dials(&desk.take())[0].0;
    let first = desk.dialed_in();
    let second = desk.opened(address(), Some(dial));
    desk.hang_up(first);
    desk.wait(Duration::from_millis(300));
    desk.say(second, Message::Welcome(desk.greeting()));
    assert_eq!(told(&mut desk), ["discovered"]);
    // One that stays away is gone soon, and one that says goodbye at once.
    desk.hang_up(second);
    desk.wait(Duration::from_millis(990));
    assert_eq!(told(&mut desk), [""; 0]);
    desk.wait(Duration::from_millis(20));
    assert_eq!(told(&mut desk), ["gone"]);
    let third = desk.dialed_in();
    desk.say(third, Message::Bye { session: None });
    assert_eq!(told(&mut desk), ["discovered", "gone"]);
}

#[test]
fn who_dialed_us_is_dialed_at_its_own_address_only_and_at_no_system_port() {
    for port in [None, Some(22), Some(1023)] {
        let mut desk = Desk::new(Vec::new());
        let link = desk.dialed_in_from(port);
        desk.play(link);
        desk.hang_up(link);
        desk.wait(Duration::from_secs(20));
        assert_eq!(dials(&desk.take()), [], "{port:?}");
    }
    let mut rig = Rig::new(AccessMode::Open);
    let hello = Greeting { port: PORT_OF_CAMERA, ..greeting(device("viewer"), "slot") };
    let link = rig.greet(device("viewer"), hello).unwrap();
    rig.hang_up(link);
    let dials = |action: &Action| matches!(action, Action::Dial { .. });
    assert!(!rig.wait(Duration::from_secs(1)).iter().any(dials), "only cameras are looked for");
}

#[test]
fn whoever_is_only_remembered_is_dialed_patiently_for_ever() {
    let mut desk = Desk::new(vec![known()]);
    desk.mesh.handle_timeout(desk.now);
    let (start, mut tries) = (desk.now, 0);
    while desk.now < start + Duration::from_secs(600) {
        for (dial, _) in dials(&desk.take()) {
            tries += 1;
            desk.fail(dial);
        }
        desk.wait(Duration::from_millis(250));
    }
    assert!((35..60).contains(&tries), "{tries} tries in ten minutes");
}

#[test]
fn a_camera_that_said_goodbye_is_looked_for_again_where_it_was() {
    let mut desk = Desk::new(vec![known()]);
    desk.mesh.handle_timeout(desk.now);
    let dial = dials(&desk.take())[0].0;
    let link = desk.answer(dial);
    desk.play(link);
    desk.say(link, Message::Bye { session: None });
    desk.take();
    desk.wait(Duration::from_secs(9));
    assert_eq!(dials(&desk.take()), [], "it has just left");
    desk.wait(Duration::from_secs(2));
    desk.epoch = 2;
    let dial = dials(&desk.take())[0].0;
    let link = desk.answer(dial);
    desk.play(link);
    assert_eq!(desk.view().state, TileState::Live);
}

#[test]
fn those_who_are_here_are_dialed_before_those_who_were_here_once() {
    let gone = |n: u8| KnownNode {
        node: NodeId::new(device(&format!("gone {n}")), "slot"),
        addresses: vec![([10, 0, 1, n], 17_470).into()],
    };
    let mut desk = Desk::new((0..64).map(gone).collect());
    desk.mesh.handle_timeout(desk.now);
    assert!(dials(&desk.take()).len() <= DIALS_MAX / 2);
    desk.hear();
    assert_eq!(dials(&desk.take())[0].1, [address()], "it waits for nobody");
    let typed = SocketAddr::from(([10, 0, 0, 50], 17_470));
    desk.mesh.handle_command(Command::AddPeer(typed), desk.now);
    assert_eq!(dials(&desk.take())[0].1, [typed]);
    assert!(desk.mesh.poll_timeout().is_none_or(|due| due > desk.now), "and no timer spins");
}

#[test]
fn an_address_that_somebody_types_while_a_search_tries_it_is_tried_again_and_again() {
    let mut desk = Desk::new(Vec::new());
    desk.mesh.handle_command(Command::Scan, desk.now);
    desk.mesh.handle_scan(ScanInput::Open(address()), desk.now);
    let dial = dials(&desk.take())[0].0;
    desk.mesh.handle_command(Command::AddPeer(address()), desk.now);
    desk.fail(dial);
    desk.wait(Duration::from_secs(1));
    assert!(!dials(&desk.take()).is_empty());
}

/// A viewer that shows a camera whose address was typed.
fn typed() -> (Desk, LinkId) {
    let mut desk = Desk::new(Vec::new());
    desk.mesh.handle_command(Command::AddPeer(address()), desk.now);
    let dial = dials(&desk.take())[0].0;
    let link = desk.answer(dial);
    desk.play(link);
    desk.take();
    (desk, link)
}

#[test]
fn a_typed_address_whose_node_is_known_is_dialed_once_at_a_time_and_as_often_as_before() {
    for goodbye in [false, true] {
        let (mut desk, link) = typed();
        match goodbye {
            true => desk.say(link, Message::Bye { session: None }),
            false => desk.hang_up(link),
        }
        let mut tries = 0;
        for _ in 0..1400 {
            let under_way = dials(&desk.take());
            assert!(under_way.len() <= 1, "{under_way:?}");
            under_way.iter().for_each(|(dial, _)| desk.fail(*dial));
            tries += under_way.len();
            desk.wait(Duration::from_millis(100));
        }
        assert!((20..40).contains(&tries), "{tries} tries in 140 s");
        desk.take();
        desk.epoch += 1;
        desk.wait(Duration::from_secs(7));
        let dial = dials(&desk.take())[0].0;
        let link = desk.answer(dial);
        desk.play(link);
        assert_eq!(desk.view().state, TileState::Live);
    }
}

#[test]
fn a_typed_address_is_that_of_whoever_is_there_now() {
    let (mut desk, link) = typed();
    // It ends with a word, so that it is dialed by its name no longer.
    desk.say(link, Message::Bye { session: None });
    desk.wait(Duration::from_secs(5));
    assert_eq!(dials(&desk.take()).len(), 1);
    let (mut desk, link) = typed();
    desk.hang_up(link);
    let dial = dials(&desk.take())[0].0;
    let failure = DialFailure::WrongDevice { address: address() };
    desk.mesh.handle_link(LinkInput::DialFailed { dial, failure }, desk.now);
    desk.wait(Duration::from_secs(5));
    let anyone = |action: &Action| matches!(action, Action::Dial { expect: None, .. });
    assert!(desk.take().iter().any(anyone), "somebody else has the address");
}

#[test]
fn a_search_dials_each_open_door_once() {
    let mut desk = Desk::new(Vec::new());
    desk.mesh.handle_command(Command::Scan, desk.now);
    desk.mesh.handle_command(Command::Scan, desk.now);
    let scans = desk.take().iter().filter(|action| **action == Action::Scan).count();
    assert_eq!(scans, 1, "one search at a time");
    let trap = SocketAddr::from(([10, 0, 0, 99], 17_470));
    for open in [address(), trap] {
        desk.mesh.handle_scan(ScanInput::Open(open), desk.now);
    }
    desk.mesh.handle_scan(ScanInput::Done { total: 254 }, desk.now);
    let tried = dials(&desk.take());
    assert_eq!(tried.len(), 2);
    let of = |address: SocketAddr| tried.iter().find(|(_, at)| at[0] == address).unwrap().0;
    desk.fail(of(trap));
    let link = desk.answer(of(address()));
    desk.play(link);
    let scan = desk.mesh.snapshot().scan.unwrap();
    assert_eq!((scan.total, scan.open, scan.over), (254, 2, true));
    desk.take();
    desk.wait(Duration::from_secs(30));
    assert!(dials(&desk.take()).iter().all(|(_, at)| *at != [trap]), "traps are left alone");
    desk.mesh.handle_command(Command::Scan, desk.now);
    assert!(desk.take().contains(&Action::Scan), "and again, when somebody asks again");
}

#[test]
fn a_camera_that_lets_us_watch_tells_of_others_and_they_are_dialed() {
    let (mut desk, link) = Desk::watching();
    desk.take();
    let far = SocketAddr::from(([10, 9, 0, 1], 17_470));
    let other = NodeId::new(device("other"), "slot");
    let told = |addresses| Message::Nodes { nodes: vec![ToldNode { node: other, addresses }] };
    desk.say(link, told(vec![far]));
    assert_eq!(dials(&desk.take())[0].1, [far]);
    assert_eq!(desk.mesh.snapshot().cameras.len(), 1, "hearsay of hearsay is not listed");
    let nobody = Message::Nodes { nodes: Vec::new() };
    desk.say(link, nobody);
    desk.wait(Duration::from_secs(5));
    assert_eq!(dials(&desk.take()), [], "what is no longer said is no longer tried");
    desk.say(link, told(vec![far]));
    for (dial, _) in dials(&desk.take()) {
        desk.fail(dial);
    }
    desk.hang_up(link);
    desk.take();
    desk.wait(Duration::from_secs(60));
    let tried = dials(&desk.take());
    assert!(tried.iter().all(|(_, at)| *at != [far]), "nor what somebody said who is gone");
}

#[test]
fn a_liar_with_ever_new_names_gets_few_of_them_dialed() {
    let (mut desk, link) = Desk::watching();
    desk.take();
    let mut tried = 0;
    for round in 0..100 {
        let lie = |n| ToldNode {
            node: NodeId::new(device(&format!("lie {round} {n}")), "slot"),
            addresses: vec![([10, 9, round, n], 17_470).into()],
        };
        let nodes = (0..TOLD_NODES_MAX as u8).map(lie).collect();
        desk.say(link, Message::Nodes { nodes });
        desk.wait(Duration::from_millis(100));
        for (dial, _) in dials(&desk.take()) {
            tried += 1;
            desk.fail(dial);
        }
    }
    assert!(tried <= TOLD_NODES_MAX + 2, "{tried} doors in ten seconds");
}

#[test]
fn a_camera_tells_whoever_may_watch_of_the_cameras_it_hears_but_not_for_ever_more() {
    let mut rig = Rig::new(AccessMode::Ask);
    let owner = rig.dial_in(device("owner"), "slot").unwrap();
    let stranger = rig.dial_in(device("stranger"), "slot").unwrap();
    rig.drain();
    for n in 0..TOLD_NODES_MAX + 8 {
        let device = device(&format!("camera {n}"));
        let txt = Txt {
            node: NodeId::new(device, "slot"),
            role: Role::Camera,
            epoch: Epoch(1),
            camera: Some(CameraId::new(device, "c")),
            name: String::new(),
            via: None,
        };
        // One that runs beside us is heard on this machine's own loopback too.
        let (instance, addresses) =
            (n.to_string(), vec!["127.0.0.1:17471".parse().unwrap(), address()]);
        let resolved = DiscoveryEvent::Resolved { instance, txt, addresses };
        rig.mesh.handle_discovery(resolved, rig.now);
    }
    let mut told = Vec::new();
    for _ in 0..5 {
        for action in rig.wait(Duration::from_secs(1)) {
            if let Action::Send { link, message: Message::Nodes { nodes } } = action {
                let told_of = nodes.iter().flat_map(|node| &node.addresses);
                assert!(
                    told_of.clone().all(|a| !a.ip().is_loopback()),
                    "it means nothing elsewhere"
                );
                assert_eq!(told_of.count(), nodes.len());
                told.push((link, nodes.len()));
            }
        }
    }
    assert!(
        told.iter().all(|(link, _)| *link == owner),
        "a stranger is told nothing: {stranger:?}"
    );
    assert_eq!(told.last(), Some(&(owner, TOLD_NODES_MAX)));
    assert!(told.len() <= 2, "told together: {told:?}");
}
