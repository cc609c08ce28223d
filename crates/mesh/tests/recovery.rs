//! What a viewer does when pictures stop or cameras cannot be heard: whom it dials, what it says, what
//! it remembers.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, reason = "a test's bench")]

mod common;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::{Rig, channel, device};
use lanlens_mesh::{
    Action, Config, DialFailure, DialId, LinkEnd, LinkId, LinkInput, Mesh, ScanInput, SessionInput,
};
use lanlens_model::limits::{DIALS_MAX, TOLD_NODES_MAX};
use lanlens_model::{
    Access, AccessMode, CameraId, CameraView, Cause, Command, Epoch, Event, KnownNode, NodeId,
    Role, RunId, Selection, SessionId, TileState, TrustView,
};
use lanlens_protocol::{
    DiscoveryEvent, Greeting, Message, OfferedCamera, Secret, ToldNode, Txt, VERSION,
};

const PICTURE: Duration = Duration::from_millis(33);

/// A viewer on a bench, and a camera that the test plays.
struct Desk {
    mesh: Mesh,
    now: Instant,
    links: u64,
    epoch: u64,
    actions: Vec<Action>,
}

impl Desk {
    fn new(known: Vec<KnownNode>) -> Self {
        let now = Instant::now();
        let config = Config {
            node: NodeId::new(device("viewer"), "slot"),
            role: Role::Viewer,
            epoch: Epoch(1),
            run: RunId(1),
            name: String::new(),
            cameras: Vec::new(),
            access: AccessMode::Ask,
            trust: TrustView::default(),
            known,
        };
        let mut mesh = Mesh::new(config, 1, Secret::new([1; 32]), now);
        mesh.handle_command(Command::Watch(Selection::All), now);
        Self { mesh, now, links: 0, epoch: 1, actions: Vec::new() }
    }

    fn drain(&mut self) {
        self.actions.extend(std::iter::from_fn(|| self.mesh.poll_action()));
    }

    /// What came out since this was last asked.
    fn take(&mut self) -> Vec<Action> {
        self.drain();
        std::mem::take(&mut self.actions)
    }

    /// Lets time pass, timer by timer.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.mesh.poll_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.mesh.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn hear(&mut self) {
        self.hear_of(camera(), "a");
    }

    fn hear_of(&mut self, camera: CameraId, instance: &str) {
        let txt = Txt {
            node: NodeId::new(camera.device(), "slot"),
            role: Role::Camera,
            epoch: Epoch(self.epoch),
            camera: Some(camera),
            name: "Nursery".into(),
        };
        let (instance, addresses) = (instance.to_owned(), vec![address()]);
        let resolved = DiscoveryEvent::Resolved { instance, txt, addresses };
        self.mesh.handle_discovery(resolved, self.now);
        self.drain();
    }

    /// The camera answers a dial, and lets us watch.
    fn answer(&mut self, dial: DialId) -> LinkId {
        let link = self.opened(address(), Some(dial));
        self.say(link, Message::Welcome(self.greeting()));
        link
    }

    /// The camera dials us.
    fn dialed_in(&mut self) -> LinkId {
        let link = self.opened(SocketAddr::from(([10, 0, 0, 7], 40_000)), None);
        self.say(link, Message::Hello(self.greeting()));
        link
    }

    fn opened(&mut self, remote: SocketAddr, dial: Option<DialId>) -> LinkId {
        self.links += 1;
        let (link, device) = (LinkId(self.links), device("camera"));
        let opened = LinkInput::Opened { link, device, remote, dial, channel: channel(link) };
        self.mesh.handle_link(opened, self.now);
        link
    }

    fn greeting(&self) -> Greeting {
        Greeting {
            v: VERSION,
            device: device("camera"),
            node: node(),
            role: Role::Camera,
            epoch: Epoch(self.epoch),
            run: None,
            name: "Nursery".into(),
            resume: Vec::new(),
            cameras: vec![OfferedCamera { id: camera(), name: "Nursery".into() }],
            access: Some(Access::Granted),
        }
    }

    fn say(&mut self, link: LinkId, message: Message) {
        self.mesh.handle_link(LinkInput::Message { link, message }, self.now);
        self.drain();
    }

    /// The session that was just begun connects and shows pictures for a second.
    fn play(&mut self, link: LinkId) {
        let begun = |action: &Action| match action {
            Action::OpenSubscriber { handle, .. } => Some(*handle),
            _ => None,
        };
        let handle = self.actions.iter().rev().find_map(begun).expect("a session is begun");
        let offer = SessionInput::Description("v=0".into());
        self.mesh.handle_session(handle, offer, self.now);
        self.drain();
        let wire = self.actions.iter().rev().find_map(|action| match action {
            Action::Send { message: Message::Offer { session, .. }, .. } => Some(*session),
            _ => None,
        });
        let session: SessionId = wire.expect("an offer is made");
        self.say(link, Message::Answer { session, sdp: "v=0".into() });
        let connected = SessionInput::Connected { candidate_pair: String::new() };
        self.mesh.handle_session(handle, connected, self.now);
        for _ in 0..30 {
            self.now += PICTURE;
            let (width, height, at) = (640, 360, self.now);
            self.mesh.handle_session(handle, SessionInput::Frame { width, height, at }, self.now);
        }
        self.drain();
    }

    /// A viewer that shows the camera.
    fn watching() -> (Self, LinkId) {
        let mut desk = Self::new(Vec::new());
        desk.hear();
        desk.drain();
        let dial = dials(&desk.actions)[0].0;
        let link = desk.answer(dial);
        desk.play(link);
        assert_eq!(desk.view().state, TileState::Live);
        (desk, link)
    }

    fn view(&self) -> CameraView {
        (*self.mesh.snapshot().cameras[&camera()]).clone()
    }

    fn hang_up(&mut self, link: LinkId) {
        let end = LinkEnd::Lost(String::new());
        self.mesh.handle_link(LinkInput::Closed { link, end }, self.now);
        self.drain();
    }

    fn fail(&mut self, dial: DialId) {
        let failure = DialFailure::Unreachable("timed out".into());
        self.mesh.handle_link(LinkInput::DialFailed { dial, failure }, self.now);
        self.drain();
    }
}

fn node() -> NodeId {
    NodeId::new(device("camera"), "slot")
}

fn camera() -> CameraId {
    CameraId::new(device("camera"), "pattern")
}

fn address() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 7], 17_470))
}

fn known() -> KnownNode {
    KnownNode { node: node(), addresses: vec![address()] }
}

fn dials(actions: &[Action]) -> Vec<(DialId, Vec<SocketAddr>)> {
    let dial = |action: &Action| match action {
        Action::Dial { dial, addresses, .. } => Some((*dial, addresses.clone())),
        _ => None,
    };
    actions.iter().filter_map(dial).collect()
}

fn causes(actions: &[Action]) -> Vec<Cause> {
    let cause = |action: &Action| match action {
        Action::Emit(Event::Cause { cause, .. }) => Some(cause.clone()),
        _ => None,
    };
    actions.iter().filter_map(cause).collect()
}

#[test]
fn a_stall_says_that_the_camera_answers_and_when_it_is_tried_again() {
    let (mut desk, _link) = Desk::watching();
    desk.take();
    let last = desk.now;
    desk.wait(Duration::from_millis(699));
    assert_eq!(desk.view().state, TileState::Live);
    desk.wait(Duration::from_millis(1));
    assert!(matches!(desk.view().state, TileState::Stalled { .. }));
    assert_eq!(desk.view().cause, Some(Cause::NoPictures));
    assert_eq!(desk.view().retry_at, Some(last + Duration::from_secs(10)));
    assert_eq!(causes(&desk.take()), [Cause::NoPictures]);
}

#[test]
fn a_broken_link_is_the_cause_once_the_pictures_stop_and_not_before() {
    let (mut desk, link) = Desk::watching();
    desk.take();
    desk.hang_up(link);
    assert_eq!(desk.view().cause, None);
    desk.wait(Duration::from_millis(700));
    assert_eq!(desk.view().cause, Some(Cause::Unreachable));
    assert_eq!(causes(&desk.take()), [Cause::Unreachable]);
}

#[test]
fn a_device_without_pictures_is_told_in_its_words_and_waited_for() {
    let (mut desk, link) = Desk::watching();
    desk.take();
    let text = "/dev/video0 was unplugged; trying again every 5 s".to_owned();
    let trouble = Some(text.clone());
    desk.say(link, Message::Source { camera: camera(), trouble });
    assert_eq!(desk.view().cause, None, "pictures still come");
    desk.wait(Duration::from_secs(60));
    let view = desk.view();
    assert!(matches!(view.state, TileState::Stalled { .. }), "{:?}", view.state);
    assert_eq!(view.cause, Some(Cause::Source(text)));
    assert_eq!(view.retry_at, None, "nothing is tried here: the camera tries");
    assert!(!desk.take().iter().any(|action| matches!(action, Action::CloseSession { .. })));
    desk.say(link, Message::Source { camera: camera(), trouble: None });
    desk.wait(Duration::from_millis(10));
    assert_eq!(desk.view().cause, Some(Cause::NoPictures));
}

#[test]
fn nobody_is_believed_about_the_cameras_of_others() {
    let (mut desk, link) = Desk::watching();
    let other = CameraId::new(device("other"), "pattern");
    desk.hear_of(other, "b");
    for camera in [other, CameraId::new(device("camera"), "none")] {
        desk.say(link, Message::Source { camera, trouble: Some("lies".into()) });
    }
    desk.wait(Duration::from_secs(1));
    assert_eq!(desk.view().cause, Some(Cause::NoPictures));
    let causes = causes(&desk.take());
    assert!(!causes.iter().any(|cause| matches!(cause, Cause::Source(_))), "{causes:?}");
}

#[test]
fn a_camera_tells_its_device_to_those_who_may_watch_and_to_nobody_else() {
    let mut rig = Rig::new(AccessMode::Ask);
    let owner = rig.dial_in(device("owner"), "slot").unwrap();
    let stranger = rig.dial_in(device("stranger"), "slot").unwrap();
    rig.drain();
    let told = |rig: &mut Rig| -> Vec<(LinkId, Option<String>)> {
        let told = |action| match action {
            Action::Send { link, message: Message::Source { trouble, .. } } => {
                Some((link, trouble))
            }
            _ => None,
        };
        rig.drain().into_iter().filter_map(told).collect()
    };
    let (camera, now) = (rig.camera, rig.now);
    rig.mesh.handle_source(camera, Some("busy".into()), now);
    assert_eq!(told(&mut rig), [(owner, Some("busy".to_owned()))]);
    rig.mesh.handle_source(camera, Some("busy".into()), now);
    assert_eq!(told(&mut rig), [], "told once");
    let late = rig.dial_in(device("owner"), "late").unwrap();
    assert_eq!(told(&mut rig), [], "drained by the greeting");
    rig.mesh.handle_source(camera, None, now);
    assert_eq!(told(&mut rig), [(owner, None), (late, None)]);
    let _ = stranger;
}

#[test]
fn without_a_network_nothing_is_given_up_and_with_it_everybody_is_tried_at_once() {
    let (mut desk, link) = Desk::watching();
    desk.mesh.handle_network(false, desk.now);
    desk.mesh.handle_discovery(DiscoveryEvent::Removed { instance: "a".into() }, desk.now);
    desk.wait(Duration::from_millis(700));
    assert_eq!(desk.view().cause, Some(Cause::NoNetwork));
    desk.hang_up(link);
    let mut tries = Vec::new();
    for _ in 0..60 {
        desk.wait(Duration::from_millis(500));
        for (dial, _) in dials(&desk.take()) {
            tries.push(desk.now);
            desk.fail(dial);
        }
    }
    assert!((3..20).contains(&tries.len()), "{} tries in half a minute", tries.len());
    assert!(matches!(desk.view().state, TileState::Lost(_)), "{:?}", desk.view().state);
    desk.take();
    desk.mesh.handle_network(true, desk.now);
    desk.wait(Duration::from_millis(250));
    let actions = desk.take();
    assert!(actions.contains(&Action::Browse));
    let dial = dials(&actions)[0].0;
    let link = desk.answer(dial);
    desk.play(link);
    assert_eq!(desk.view().state, TileState::Live);
    // Now it is expected to be announced again; its link vouches for it.
    desk.wait(Duration::from_secs(11));
    assert_ne!(desk.view().state, TileState::Offline);
}

#[test]
fn a_path_from_an_address_that_is_gone_is_replaced_at_once() {
    let (mut desk, _link) = Desk::watching();
    let begun = |action: &Action| match action {
        Action::OpenSubscriber { handle, .. } => Some(*handle),
        _ => None,
    };
    let handle = desk.take().iter().find_map(begun).unwrap();
    desk.mesh.handle_session(handle, SessionInput::PathLost, desk.now);
    desk.mesh.handle_network(true, desk.now);
    desk.wait(Duration::from_millis(250));
    assert_eq!(desk.take().iter().filter_map(begun).count(), 1);
}

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
    assert_eq!(dials(&desk.take()), [], "an echo of its announcement must not bring it back");
    desk.wait(Duration::from_secs(2));
    desk.epoch = 2;
    let dial = dials(&desk.take())[0].0;
    let link = desk.answer(dial);
    desk.play(link);
    assert_eq!(desk.view().state, TileState::Live);
}

#[test]
fn an_announcement_from_before_a_goodbye_brings_nothing_back_and_one_after_it_does() {
    let (mut desk, link) = Desk::watching();
    // Its goodbye by multicast gets lost: the announcement stands.
    desk.say(link, Message::Bye { session: None });
    desk.take();
    for _ in 0..30 {
        desk.wait(Duration::from_secs(1));
        desk.hear();
        assert_eq!(dials(&desk.take()), []);
        assert_eq!(desk.view().state, TileState::Offline);
    }
    desk.epoch = 2;
    desk.hear();
    assert_eq!(dials(&desk.take()).len(), 1);
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
fn a_picture_that_was_on_its_way_does_not_overrule_the_word_of_a_broken_device() {
    let (mut desk, link) = Desk::watching();
    let begun = |action: &Action| match action {
        Action::OpenSubscriber { handle, .. } => Some(*handle),
        _ => None,
    };
    let handle = desk.take().iter().find_map(begun).unwrap();
    let trouble = Some("unplugged".to_owned());
    desk.say(link, Message::Source { camera: camera(), trouble });
    let show = |desk: &mut Desk| {
        let frame = SessionInput::Frame { width: 640, height: 360, at: desk.now };
        desk.mesh.handle_session(handle, frame, desk.now);
        desk.drain();
    };
    show(&mut desk);
    desk.wait(Duration::from_secs(1));
    assert_eq!(desk.view().cause, Some(Cause::Source("unplugged".into())));
    show(&mut desk);
    desk.wait(Duration::from_secs(1));
    assert_eq!(desk.view().cause, Some(Cause::NoPictures), "a later one does");
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
        };
        let (instance, addresses) = (n.to_string(), vec![address()]);
        let resolved = DiscoveryEvent::Resolved { instance, txt, addresses };
        rig.mesh.handle_discovery(resolved, rig.now);
    }
    let mut told = Vec::new();
    for _ in 0..5 {
        for action in rig.wait(Duration::from_secs(1)) {
            if let Action::Send { link, message: Message::Nodes { nodes } } = action {
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
