//! Limits of time and number at their edge: what passes there, and what one step further does.
#![allow(clippy::disallowed_methods, reason = "a test needs a first instant")]

mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::{Rig, channel, device, greeting, viewer};
use lanlens_mesh::{Action, LinkId, LinkInput, Mesh, SessionHandle, SessionInput, TrustInput};
use lanlens_model::limits::{
    CODE_TIMEOUT, NODES_MAX, OFFLINE_KEPT, SESSION_RESUME, TOLD_WATCHERS_MAX,
    WRONG_INVITATION_DELAY_MAX, WRONG_INVITATIONS_FREE,
};
use lanlens_model::{
    Access, AccessMode, CameraId, Command, Epoch, Event, Invitation, NodeId, RequestEnd, Role,
    Selection, SessionId, TileState, TrustView,
};
use lanlens_protocol::{
    DiscoveryEvent, Greeting, Message, Nonce, OfferedCamera, Proof, Secret, Txt, WatchingDevice,
};

const SECOND: Duration = Duration::from_secs(1);
/// Less than any timer is late.
const TICK: Duration = Duration::from_millis(1);

/// Somebody announces a viewer; how many nodes the program was told of.
fn announce(rig: &mut Rig, name: &str) -> usize {
    let txt = Txt {
        node: NodeId::new(device(name), "slot"),
        role: Role::Viewer,
        epoch: Epoch(1),
        camera: None,
        name: String::new(),
        via: None,
    };
    let addresses = vec![SocketAddr::from(([10, 0, 9, 9], 17_470))];
    let event = DiscoveryEvent::Resolved { instance: name.to_owned(), txt, addresses };
    rig.mesh.handle_discovery(event, rig.now);
    let actions = rig.drain();
    actions.iter().filter(|action| matches!(action, Action::Emit(Event::Peer { .. }))).count()
}

#[test]
fn a_full_list_of_nodes_takes_no_more_hearsay_but_whoever_proves_itself() {
    let mut rig = Rig::new(AccessMode::Ask);
    let told: usize = (0..NODES_MAX).map(|n| announce(&mut rig, &format!("eve {n}"))).sum();
    assert_eq!(told, NODES_MAX);
    assert_eq!(announce(&mut rig, "one too many"), 0);
    assert!(rig.dial_in(device("owner"), "x").is_ok());
}

#[test]
fn a_list_full_of_linked_nodes_refuses_one_more_with_words() {
    let mut trust = TrustView::default();
    let friend = |n: usize| device(&format!("friend {n}"));
    (0..=NODES_MAX).for_each(|n| trust.allow(friend(n), ""));
    let mut rig = Rig::with(AccessMode::Ask, trust, 1);
    for n in 0..NODES_MAX {
        assert!(rig.dial_in(friend(n), "x").is_ok(), "friend {n}");
    }
    assert_eq!(rig.dial_in(friend(NODES_MAX), "x"), Err("too many nodes".into()));
    assert!(rig.dial_in(friend(0), "x").is_ok(), "who is there already may come again");
}

/// A camera that asks for an invitation, and somebody who has another one.
struct Guesser {
    rig: Rig,
}

impl Guesser {
    fn new() -> Self {
        let mut rig = Rig::new(AccessMode::Invite);
        rig.trust.invitation = Some(Invitation::from_bytes([9; 16]));
        rig.mesh.handle_trust(TrustInput::Changed(rig.trust.clone()), rig.now);
        Self { rig }
    }

    fn guess(&mut self) -> Option<RequestEnd> {
        let eve = device("eve");
        let link = self.rig.dial_in(eve, "x").expect("there is a place");
        let wrong = Invitation::from_bytes([8; 16]);
        let proof = Proof::of(&wrong, &channel(link), eve, device("camera"));
        let actions = self.rig.say(link, Message::Invitation { proofs: vec![proof] });
        actions.iter().find_map(|action| match action {
            Action::Send { message: Message::AccessEnded { reason }, .. } => Some(*reason),
            _ => None,
        })
    }

    /// Judged at once, or not before this time has passed.
    fn must_wait(&mut self, time: Duration) {
        self.rig.now += time - TICK;
        assert_eq!(self.guess(), Some(RequestEnd::TooOften), "before {time:?}");
        self.rig.now += TICK;
        assert_eq!(self.guess(), Some(RequestEnd::WrongInvitation), "after {time:?}");
    }
}

#[test]
fn five_wrong_invitations_cost_no_wait_and_then_it_doubles_up_to_five_minutes() {
    let mut eve = Guesser::new();
    for n in 0..WRONG_INVITATIONS_FREE {
        assert_eq!(eve.guess(), Some(RequestEnd::WrongInvitation), "try {n}");
    }
    let mut delay = SECOND;
    while delay < WRONG_INVITATION_DELAY_MAX {
        eve.must_wait(delay);
        delay *= 2;
    }
    for _ in 0..20 {
        eve.must_wait(WRONG_INVITATION_DELAY_MAX);
    }
}

/// A viewer watches; how it is called.
fn served(rig: &mut Rig, camera: CameraId, link: LinkId, session: u64) -> SessionHandle {
    let actions = rig.offer_for(camera, link, session);
    let opened = actions.iter().find_map(|action| match action {
        Action::OpenPublisher { handle, .. } => Some(*handle),
        _ => None,
    });
    let handle = opened.expect("it is served");
    let connected = SessionInput::Connected { candidate_pair: String::new() };
    rig.mesh.handle_session(handle, connected, rig.now);
    rig.drain();
    handle
}

#[test]
fn a_session_outlives_its_link_for_ten_seconds_and_ends_then() {
    let mut rig = Rig::new(AccessMode::Ask);
    let owner = device("owner");
    let closes = |actions: &[Action], handle| actions.contains(&Action::CloseSession { handle });
    let (link, camera) = (rig.dial_in(owner, "x").unwrap(), rig.camera);
    let handle = served(&mut rig, camera, link, 7);
    rig.hang_up(link);
    assert!(!closes(&rig.wait(SESSION_RESUME - TICK), handle));
    let hello = Greeting { resume: vec![SessionId(7)], ..greeting(owner, "x") };
    let link = rig.greet(owner, hello).unwrap();
    assert!(!closes(&rig.wait(SESSION_RESUME * 10), handle), "a new link names it: it goes on");
    rig.hang_up(link);
    assert!(!closes(&rig.wait(SESSION_RESUME - TICK), handle));
    assert!(closes(&rig.wait(TICK), handle));
}

#[test]
fn an_owner_is_told_of_so_many_watchers_and_no_more_in_one_message() {
    const CAMERAS: usize = 3;
    let mut trust = TrustView::default();
    trust.claim(device("owner"), "", 1);
    for watchers in [TOLD_WATCHERS_MAX - 1, TOLD_WATCHERS_MAX, TOLD_WATCHERS_MAX + 1] {
        let mut rig = Rig::with(AccessMode::Open, trust.clone(), CAMERAS);
        let cameras: Vec<CameraId> =
            rig.mesh.snapshot().local.iter().map(|camera| camera.id).collect();
        let mut link = LinkId(0);
        for n in 0..watchers {
            if n % CAMERAS == 0 {
                link = rig.dial_in(device(&n.to_string()), "x").unwrap();
            }
            served(&mut rig, cameras[n % CAMERAS], link, n as u64);
        }
        let told = told_watchers(&mut rig).expect("the owner is told");
        assert_eq!(told.len(), watchers.min(TOLD_WATCHERS_MAX));
        let message = Message::Watchers { waiting: Vec::new(), watching: told };
        assert_eq!(Message::parse(&message.to_json()), Ok(message), "the owner's viewer takes it");
    }
}

/// What an owner is told who dials in now.
fn told_watchers(rig: &mut Rig) -> Option<Vec<WatchingDevice>> {
    let owner = device("owner");
    let link = LinkId(10_000);
    let remote = SocketAddr::from(([10, 0, 0, 9], 40_000));
    let channel = channel(link);
    let opened = LinkInput::Opened { link, device: owner, remote, dial: None, channel };
    rig.mesh.handle_link(opened, rig.now);
    let mut actions = rig.say(link, Message::Hello(greeting(owner, "x")));
    actions.extend(rig.wait(SECOND));
    actions.into_iter().find_map(|action| match action {
        Action::Send { link: to, message: Message::Watchers { watching, .. } } if to == link => {
            Some(watching)
        }
        _ => None,
    })
}

#[test]
fn a_code_is_agreed_on_within_ten_seconds_or_not_at_all() {
    for (wait, in_time) in [(CODE_TIMEOUT - TICK, true), (CODE_TIMEOUT, false)] {
        let mut rig = Rig::new(AccessMode::Ask);
        let link = rig.dial_in(device("bob"), "x").unwrap();
        rig.say(link, Message::AccessRequest { again: false });
        rig.wait(wait);
        let actions = rig.say(link, Message::AccessNonce { nonce: Nonce::from_bytes([7; 32]) });
        let reveals =
            |a: &Action| matches!(a, Action::Send { message: Message::AccessReveal { .. }, .. });
        assert_eq!(actions.iter().any(reveals), in_time, "after {wait:?}: {actions:?}");
        assert_eq!(rig.mesh.snapshot().requests.len(), usize::from(in_time));
    }
}

/// A viewer, and a camera that it watches.
struct Watched {
    mesh: Mesh,
    now: Instant,
    camera: CameraId,
}

impl Watched {
    const LINK: LinkId = LinkId(1);

    fn live() -> Self {
        let (now, kitchen) = (Instant::now(), device("kitchen"));
        let config = viewer(NodeId::new(device("viewer"), "slot"));
        let mesh = Mesh::new(config, 1, Secret::new([1; 32]), now);
        let mut watched = Self { mesh, now, camera: CameraId::new(kitchen, "pattern") };
        watched.mesh.handle_command(Command::Watch(Selection::All), now);
        let (link, remote) = (Self::LINK, SocketAddr::from(([10, 0, 0, 1], 40_000)));
        let channel = channel(link);
        let opened = LinkInput::Opened { link, device: kitchen, remote, dial: None, channel };
        watched.mesh.handle_link(opened, now);
        let offered = OfferedCamera { id: watched.camera, name: "Kitchen".into() };
        watched.say(Message::Hello(Greeting {
            role: Role::Camera,
            cameras: vec![offered],
            access: Some(Access::Granted),
            ..greeting(kitchen, "x")
        }));
        let mut actions = std::iter::from_fn(|| watched.mesh.poll_action());
        let opened = actions.find_map(|action| match action {
            Action::OpenSubscriber { handle, .. } => Some(handle),
            _ => None,
        });
        let handle = opened.expect("the viewer watches");
        for input in [
            SessionInput::Connected { candidate_pair: String::new() },
            SessionInput::Frame { width: 640, height: 360, at: now },
        ] {
            watched.mesh.handle_session(handle, input, now);
        }
        assert_eq!(watched.tile(), Some(TileState::Live));
        watched
    }

    fn say(&mut self, message: Message) {
        self.mesh.handle_link(LinkInput::Message { link: Self::LINK, message }, self.now);
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.mesh.handle_timeout(self.now);
    }

    fn tile(&self) -> Option<TileState> {
        self.mesh.snapshot().cameras.get(&self.camera).map(|camera| camera.state.clone())
    }
}

#[test]
fn a_camera_that_left_keeps_its_greyed_tile_for_ten_minutes_and_then_goes() {
    let mut watched = Watched::live();
    watched.say(Message::Bye { session: None });
    assert_eq!(watched.tile(), Some(TileState::Offline));
    let due = watched.mesh.poll_timeout();
    assert!(due.is_some_and(|due| due <= watched.now + OFFLINE_KEPT), "it wakes up by itself");
    watched.wait(OFFLINE_KEPT - TICK);
    assert_eq!(watched.tile(), Some(TileState::Offline));
    watched.wait(TICK);
    assert_eq!(watched.tile(), None);
}
