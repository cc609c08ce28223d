//! Limits on links and sessions: at each of them everything passes, one past it is refused with words,
//! and nobody else is touched.
#![allow(clippy::disallowed_methods, reason = "a test needs a first instant")]

mod common;

use std::net::SocketAddr;
use std::time::Instant;

use common::{Rig, channel, device, greeting, refusal, viewer};
use lanlens_mesh::{Action, DialFailure, DialId, LinkId, LinkInput, Mesh};
use lanlens_model::limits::{
    CAMERAS_PER_NODE_MAX, DIALS_MAX, LINKS_PER_DEVICE_MAX, OPEN_LINKS_MAX, UNKNOWN_LINKS_MAX,
    UNKNOWN_LINKS_PER_DEVICE_MAX, VIEWERS_PER_CAMERA_MAX,
};
use lanlens_model::{Access, AccessMode, CameraId, DeviceId, Epoch, NodeId, Role};
use lanlens_protocol::{DiscoveryEvent, ErrorCode, Greeting, Message, OfferedCamera, Secret, Txt};

#[test]
fn only_so_many_dials_are_under_way_and_the_next_begins_when_one_ends() {
    let (own, now) = (device("viewer"), Instant::now());
    let config = viewer(NodeId::new(own, "slot"));
    let mut mesh = Mesh::new(config, 1, Secret::new([1; 32]), now);
    for n in 0..DIALS_MAX + 20 {
        let device = device(&n.to_string());
        let txt = Txt {
            node: NodeId::new(device, "slot"),
            role: Role::Camera,
            epoch: Epoch(1),
            camera: Some(CameraId::new(device, "c")),
            name: String::new(),
            via: None,
        };
        let addresses = vec![SocketAddr::from(([10, 0, 0, 9], 17_470))];
        let instance = n.to_string();
        mesh.handle_discovery(DiscoveryEvent::Resolved { instance, txt, addresses }, now);
    }
    let dials = dials(&mut mesh);
    assert_eq!(dials.len(), DIALS_MAX);
    let failure = DialFailure::Unreachable("refused".into());
    mesh.handle_link(LinkInput::DialFailed { dial: dials[0], failure }, now);
    assert_eq!(self::dials(&mut mesh).len(), 1);
}

fn dials(mesh: &mut Mesh) -> Vec<DialId> {
    let actions = std::iter::from_fn(|| mesh.poll_action());
    let dial = |action| match action {
        Action::Dial { dial, .. } => Some(dial),
        _ => None,
    };
    actions.filter_map(dial).collect()
}

#[test]
fn only_so_many_devices_that_may_not_watch_are_let_in() {
    let mut rig = Rig::new(AccessMode::Ask);
    for n in 0..UNKNOWN_LINKS_MAX {
        assert!(rig.dial_in(device(&n.to_string()), "x").is_ok(), "stranger {n}");
    }
    let refused = rig.dial_in(device("one too many"), "x");
    assert_eq!(refused, Err("too many devices wait here".into()));
    assert!(rig.dial_in(device("owner"), "x").is_ok(), "the owner always finds a place");
}

#[test]
fn one_stranger_cannot_take_all_places_of_strangers() {
    let mut rig = Rig::new(AccessMode::Ask);
    for n in 0..UNKNOWN_LINKS_PER_DEVICE_MAX {
        assert!(rig.dial_in(device("eve"), &n.to_string()).is_ok());
    }
    assert!(rig.dial_in(device("eve"), "one too many").is_err());
    assert!(rig.dial_in(device("bob"), "x").is_ok());
}

#[test]
fn one_device_has_only_so_many_links_even_at_an_open_camera() {
    let mut rig = Rig::new(AccessMode::Open);
    for n in 0..LINKS_PER_DEVICE_MAX {
        assert!(rig.dial_in(device("eve"), &n.to_string()).is_ok());
    }
    assert!(rig.dial_in(device("eve"), "one too many").is_err());
    assert!(rig.dial_in(device("bob"), "x").is_ok());
}

#[test]
fn a_camera_has_only_so_many_viewers() {
    let mut rig = Rig::new(AccessMode::Open);
    for n in 0..=VIEWERS_PER_CAMERA_MAX {
        let link = rig.dial_in(device(&n.to_string()), "x").unwrap();
        let actions = rig.offer(link, 7);
        let served = actions.iter().any(|a| matches!(a, Action::OpenPublisher { .. }));
        assert_eq!(served, n < VIEWERS_PER_CAMERA_MAX, "viewer {n}");
        assert_eq!(refusal(&actions).is_some(), n == VIEWERS_PER_CAMERA_MAX);
    }
}

#[test]
fn an_offer_without_leave_starts_nothing() {
    let mut rig = Rig::new(AccessMode::Ask);
    let link = rig.dial_in(device("eve"), "x").unwrap();
    let actions = rig.offer(link, 7);
    assert!(!actions.iter().any(|a| matches!(a, Action::OpenPublisher { .. })), "{actions:?}");
}

#[test]
fn a_greeting_must_be_true_to_the_proven_device() {
    let mut rig = Rig::new(AccessMode::Open);
    let eve = device("eve");
    let stolen = |change: &dyn Fn(&mut Greeting)| {
        let mut greeting = greeting(eve, "x");
        change(&mut greeting);
        greeting
    };
    let camera = |of: DeviceId| OfferedCamera { id: CameraId::new(of, "c"), name: "Door".into() };
    for lie in [
        stolen(&|g| g.device = device("owner")),
        stolen(&|g| g.node = NodeId::new(device("owner"), "x")),
        stolen(&|g| (g.cameras, g.access) = (vec![camera(device("owner"))], Some(Access::Granted))),
        stolen(&|g| g.cameras = vec![camera(eve)]),
        stolen(&|g| g.access = Some(Access::Granted)),
    ] {
        assert!(rig.greet(eve, lie.clone()).is_err(), "{lie:?}");
    }
    let many = (0..CAMERAS_PER_NODE_MAX).map(|_| camera(eve)).collect();
    let honest = stolen(&|g| g.access = Some(Access::Granted));
    assert!(rig.greet(eve, Greeting { cameras: many, ..honest }).is_ok());
}

#[test]
fn a_message_before_the_greeting_or_a_second_greeting_ends_that_link_only() {
    let mut rig = Rig::new(AccessMode::Open);
    let good = rig.dial_in(device("bob"), "x").unwrap();
    assert!(rig.offer(good, 1).iter().any(|a| matches!(a, Action::OpenPublisher { .. })));
    let again = rig.dial_in(device("eve"), "x").unwrap();
    let actions = rig.say(again, Message::Hello(greeting(device("eve"), "x")));
    assert_eq!(refusal(&actions).map(|(code, _)| code), Some(ErrorCode::Order));
    let early = LinkId(1000);
    let remote = SocketAddr::from(([10, 0, 0, 8], 40_000));
    let channel = channel(early);
    let opened =
        LinkInput::Opened { link: early, device: device("eve"), remote, dial: None, channel };
    rig.mesh.handle_link(opened, rig.now);
    let actions = rig.offer(early, 1);
    assert_eq!(refusal(&actions).map(|(code, _)| code), Some(ErrorCode::Order));
    assert!(actions.contains(&Action::CloseLink { link: early }));
    assert!(!actions.contains(&Action::CloseLink { link: good }));
}

#[test]
fn strangers_hold_only_so_many_links_and_never_keep_the_owner_out() {
    for (access, max) in [(AccessMode::Ask, UNKNOWN_LINKS_MAX), (AccessMode::Open, OPEN_LINKS_MAX)]
    {
        let mut rig = Rig::new(access);
        for n in 0..=max {
            let linked = rig.dial_in(device(&n.to_string()), "x");
            assert_eq!(linked.is_ok(), n < max, "{access:?}, device {n}: {linked:?}");
        }
        assert!(rig.dial_in(device("owner"), "x").is_ok());
    }
    // A camera that nobody owns yet has no owner to make room for, and still its limit.
    let mut rig = Rig::unclaimed();
    for n in 0..=UNKNOWN_LINKS_MAX {
        assert_eq!(rig.dial_in(device(&n.to_string()), "x").is_ok(), n < UNKNOWN_LINKS_MAX);
    }
}
