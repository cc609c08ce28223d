//! A crowd of strangers at a viewer: whoever fills the lists does not keep others out.
#![allow(clippy::disallowed_methods, reason = "a test needs a first instant")]

mod common;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::{Rig, channel, device, greeting, refusal, viewer};
use lanlens_mesh::{Action, DialFailure, LinkId, LinkInput, Mesh, SessionInput};
use lanlens_model::limits::{
    CAMERAS_MAX, CAMERAS_PER_NODE_MAX, CAMERAS_PER_VIEWER_MAX, CODES_PER_VIEWER_MAX, NODES_MAX,
    OFFER_BURST_MAX, OFFER_INTERVAL, WAITING_CODES_MAX, WAITING_TIME,
};
use lanlens_model::{
    Access, AccessMode, CameraId, Command, DeviceId, Epoch, NodeId, RequestEnd, Role, Selection,
};
use lanlens_protocol::{DiscoveryEvent, Greeting, Message, Nonce, OfferedCamera, Secret, Txt};

/// A viewer that watches everything.
struct Viewer {
    mesh: Mesh,
    now: Instant,
    links: u64,
    watched: BTreeSet<CameraId>,
    sessions: std::collections::BTreeMap<lanlens_mesh::SessionHandle, CameraId>,
}

impl Viewer {
    fn new() -> Self {
        let now = Instant::now();
        let config = viewer(NodeId::new(device("viewer"), "slot"));
        let mut mesh = Mesh::new(config, 1, Secret::new([1; 32]), now);
        mesh.handle_command(Command::Watch(Selection::All), now);
        let (watched, sessions) = (BTreeSet::new(), std::collections::BTreeMap::new());
        Self { mesh, now, links: 0, watched, sessions }
    }

    /// Plays the shell: whatever is dialed does not answer.
    fn drain(&mut self) {
        while let Some(action) = self.mesh.poll_action() {
            match action {
                Action::Dial { dial, .. } => {
                    let failure = DialFailure::Unreachable(String::new());
                    self.mesh.handle_link(LinkInput::DialFailed { dial, failure }, self.now);
                }
                Action::OpenSubscriber { handle, camera, .. } => {
                    self.watched.insert(camera);
                    self.sessions.insert(handle, camera);
                }
                Action::CloseSession { handle } => {
                    if let Some(camera) = self.sessions.remove(&handle) {
                        self.watched.remove(&camera);
                    }
                }
                _ => {}
            }
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now = self.mesh.poll_timeout().map_or(end, |due| due.clamp(self.now, end));
            self.mesh.handle_timeout(self.now);
            self.drain();
            self.now += Duration::from_millis(50);
        }
    }

    /// A camera's node dials in and lets everybody watch.
    fn camera(&mut self, ip: [u8; 4], device: DeviceId) -> CameraId {
        self.greeted(ip, device, Access::Granted);
        self.drain();
        CameraId::new(device, "pattern")
    }

    /// A camera's node dials in and says what may be done with its camera.
    fn greeted(&mut self, ip: [u8; 4], device: DeviceId, access: Access) -> LinkId {
        let (link, id) = (self.dialed_in(ip, device), CameraId::new(device, "pattern"));
        let hello = Greeting {
            role: Role::Camera,
            cameras: vec![OfferedCamera { id, name: "Door".into() }],
            access: Some(access),
            ..greeting(device, "x")
        };
        self.say(link, Message::Hello(hello));
        link
    }

    fn dialed_in(&mut self, ip: [u8; 4], device: DeviceId) -> LinkId {
        self.links += 1;
        let (link, remote) = (LinkId(self.links), SocketAddr::from((ip, 40_000)));
        let opened = LinkInput::Opened { link, device, remote, dial: None, channel: channel(link) };
        self.mesh.handle_link(opened, self.now);
        link
    }

    fn say(&mut self, link: LinkId, message: Message) {
        self.mesh.handle_link(LinkInput::Message { link, message }, self.now);
    }

    /// A camera tries to agree on a code; whether the viewer took part.
    fn draws_a_code(&mut self, link: LinkId) -> bool {
        let nonce = Nonce::from_bytes([3; 32]);
        self.say(link, Message::AccessCommit { commitment: nonce.commitment() });
        let actions: Vec<Action> = std::iter::from_fn(|| self.mesh.poll_action()).collect();
        self.say(link, Message::AccessReveal { nonce });
        let answer = |a: &Action| matches!(a, Action::Send { message: Message::AccessNonce { .. }, link: to } if *to == link);
        actions.iter().any(answer)
    }

    /// Somebody announces a camera that nobody can reach.
    fn hearsay(&mut self, name: &str) -> CameraId {
        let device = device(name);
        let camera = CameraId::new(device, "pattern");
        let txt = Txt {
            node: NodeId::new(device, "slot"),
            role: Role::Camera,
            epoch: Epoch(1),
            camera: Some(camera),
            name: name.to_owned(),
            via: None,
        };
        let addresses = vec![SocketAddr::from(([10, 0, 9, 9], 17470))];
        let event = DiscoveryEvent::Resolved { instance: name.to_owned(), txt, addresses };
        self.mesh.handle_discovery(event, self.now);
        self.drain();
        camera
    }
}

#[test]
fn one_host_with_many_keys_does_not_take_all_places_to_watch() {
    let mut viewer = Viewer::new();
    for n in 0..CAMERAS_PER_VIEWER_MAX + 20 {
        viewer.camera([10, 0, 0, 66], device(&format!("eve {n}")));
    }
    assert_eq!(viewer.watched.len(), CAMERAS_PER_VIEWER_MAX);
    let honest: Vec<CameraId> =
        (1..=5).map(|n| viewer.camera([10, 0, 0, n], device(&format!("ann {n}")))).collect();
    viewer.wait(Duration::from_millis(1500));
    for camera in &honest {
        assert!(viewer.watched.contains(camera), "{} of 5", viewer.watched.len());
    }
    assert_eq!(viewer.watched.len(), CAMERAS_PER_VIEWER_MAX);
    // Shared out once, it stays so: nothing flaps.
    let before = viewer.watched.clone();
    viewer.wait(Duration::from_millis(1500));
    assert_eq!(viewer.watched.intersection(&before).count(), CAMERAS_PER_VIEWER_MAX);
}

#[test]
fn one_host_with_many_keys_does_not_fill_the_list_of_cameras() {
    let mut viewer = Viewer::new();
    for n in 0..CAMERAS_MAX + 20 {
        viewer.camera([10, 0, 0, 66], device(&format!("eve {n}")));
    }
    assert_eq!(viewer.mesh.snapshot().cameras.len(), CAMERAS_MAX);
    let honest = viewer.camera([10, 0, 0, 1], device("ann"));
    assert!(viewer.mesh.snapshot().cameras.contains_key(&honest));
}

#[test]
fn announcements_that_lead_nowhere_make_way_for_new_ones_but_slowly() {
    let mut viewer = Viewer::new();
    for n in 0..NODES_MAX + 200 {
        viewer.hearsay(&format!("eve {n}"));
    }
    viewer.wait(Duration::from_secs(10));
    let newcomer = viewer.hearsay("ann");
    assert!(viewer.mesh.snapshot().cameras.contains_key(&newcomer));
    let second = viewer.hearsay("bob");
    assert!(!viewer.mesh.snapshot().cameras.contains_key(&second), "all in the same instant");
    assert_eq!(viewer.mesh.snapshot().cameras.len(), CAMERAS_MAX);
}

#[test]
fn a_device_begins_only_so_many_sessions_in_a_short_time() {
    let mut rig = Rig::new(AccessMode::Open);
    let (eve, bob) = (device("eve"), device("bob"));
    let (eves, bobs) = (rig.dial_in(eve, "x").unwrap(), rig.dial_in(bob, "x").unwrap());
    for n in 0..=OFFER_BURST_MAX {
        let actions = rig.offer(eves, n.into());
        let served = actions.iter().any(|a| matches!(a, Action::OpenPublisher { .. }));
        assert_eq!(served, n < OFFER_BURST_MAX, "offer {n}");
        assert_eq!(refusal(&actions).is_some(), n == OFFER_BURST_MAX);
    }
    assert!(rig.offer(bobs, 1).iter().any(|a| matches!(a, Action::OpenPublisher { .. })));
    rig.wait(OFFER_INTERVAL);
    assert!(rig.offer(eves, 1000).iter().any(|a| matches!(a, Action::OpenPublisher { .. })));
}

#[test]
fn a_camera_draws_one_code_for_each_request_and_only_a_few_in_all() {
    let mut viewer = Viewer::new();
    let eve = device("eve");
    let link = viewer.greeted([10, 0, 0, 66], eve, Access::Pending);
    assert!(viewer.draws_a_code(link));
    assert!((0..1000).all(|_| !viewer.draws_a_code(link)), "again on the same link");
    for n in 1..WAITING_CODES_MAX + 5 {
        let end = lanlens_mesh::LinkEnd::Lost(String::new());
        let last = LinkId(viewer.links);
        viewer.mesh.handle_link(LinkInput::Closed { link: last, end }, viewer.now);
        let link = viewer.greeted([10, 0, 0, 66], eve, Access::Pending);
        assert_eq!(viewer.draws_a_code(link), n < WAITING_CODES_MAX, "link {n}");
    }
    viewer.wait(WAITING_TIME);
    viewer.mesh.handle_command(Command::Refresh, viewer.now);
    viewer.drain();
    assert!(viewer.draws_a_code(LinkId(viewer.links)), "ten minutes later");
}

#[test]
fn however_many_cameras_somebody_pretends_to_be_a_viewer_draws_only_so_many_codes() {
    let mut viewer = Viewer::new();
    let drawn = (0..CODES_PER_VIEWER_MAX + 20)
        .filter(|n| {
            let eve = device(&format!("eve {n}"));
            let link = viewer.greeted([10, 0, 0, 66], eve, Access::Pending);
            viewer.draws_a_code(link)
        })
        .count();
    assert_eq!(drawn, CODES_PER_VIEWER_MAX);
}

#[test]
fn a_name_belongs_to_the_camera_that_showed_a_picture_first() {
    let mut viewer = Viewer::new();
    viewer.hearsay("Door");
    let (first, second) =
        (viewer.camera([10, 0, 0, 1], device("ann")), viewer.camera([10, 0, 0, 66], device("eve")));
    let marked = |viewer: &Viewer| {
        let cameras = viewer.mesh.snapshot().cameras;
        (cameras[&first].same_name, cameras[&second].same_name)
    };
    assert_eq!(marked(&viewer), (true, true), "nobody knows which is which");
    let handle = *viewer.sessions.iter().find(|(_, camera)| **camera == first).unwrap().0;
    let connected = SessionInput::Connected { candidate_pair: String::new() };
    let frame = SessionInput::Frame { width: 64, height: 36, at: viewer.now };
    for input in [connected, frame] {
        viewer.mesh.handle_session(handle, input, viewer.now);
    }
    assert_eq!(marked(&viewer), (false, true));
}

#[test]
fn what_was_not_begun_cannot_be_ended_and_no_time_is_due_for_ever() {
    let mut viewer = Viewer::new();
    viewer.mesh.handle_command(Command::Watch(Selection::None), viewer.now);
    let link = viewer.greeted([10, 0, 0, 66], device("eve"), Access::Pending);
    for reason in [RequestEnd::Full, RequestEnd::Other] {
        viewer.say(link, Message::AccessEnded { reason });
    }
    viewer.drain();
    for _ in 0..100 {
        let Some(due) = viewer.mesh.poll_timeout() else { return };
        viewer.now = due.max(viewer.now);
        viewer.mesh.handle_timeout(viewer.now);
        viewer.drain();
        assert!(viewer.mesh.poll_timeout().is_none_or(|due| due > viewer.now), "it spins");
    }
}

#[test]
fn a_camera_that_opens_and_shuts_its_door_all_the_time_costs_few_sessions() {
    let mut viewer = Viewer::new();
    let link = viewer.greeted([10, 0, 0, 66], device("eve"), Access::Pending);
    let mut opened = 0;
    for n in 0..500 {
        let state = if n % 2 == 0 { Access::Granted } else { Access::Pending };
        viewer.say(link, Message::Access { state });
        let actions = std::iter::from_fn(|| viewer.mesh.poll_action());
        opened += actions.filter(|a| matches!(a, Action::OpenSubscriber { .. })).count();
        viewer.now += Duration::from_millis(20);
    }
    assert!(opened <= 45, "{opened} in 10 s");
}

#[test]
fn cameras_that_must_wait_for_their_next_session_wake_nobody_before() {
    let (mut viewer, eve) = (Viewer::new(), device("eve"));
    let cameras: Vec<OfferedCamera> = (0..CAMERAS_PER_NODE_MAX)
        .map(|n| OfferedCamera { id: CameraId::new(eve, &n.to_string()), name: n.to_string() })
        .collect();
    let (role, access) = (Role::Camera, Some(Access::Pending));
    let link = viewer.dialed_in([10, 0, 0, 66], eve);
    viewer.say(link, Message::Hello(Greeting { role, cameras, access, ..greeting(eve, "x") }));
    // The second time none of its rights is left.
    for state in [Access::Granted, Access::Pending, Access::Granted] {
        viewer.say(link, Message::Access { state });
        viewer.drain();
        viewer.now += Duration::from_millis(260);
    }
    let before = viewer.sessions.len();
    assert!(before < CAMERAS_PER_NODE_MAX, "some must wait");
    // Shorter than a camera may take to answer.
    for _ in 0..10 {
        let due = viewer.mesh.poll_timeout().unwrap();
        viewer.now = viewer.now.max(due);
        viewer.mesh.handle_timeout(viewer.now);
        viewer.drain();
    }
    assert_eq!(viewer.sessions.len(), before + 10, "one for each time that it woke up");
}
