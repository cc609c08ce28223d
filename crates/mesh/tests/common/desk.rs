//! A viewer on a bench, and a camera that the test plays.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lanlens_mesh::{
    Action, Config, DialFailure, DialId, LinkEnd, LinkId, LinkInput, Mesh, SessionInput,
};
use lanlens_model::{
    Access, CameraId, CameraView, Cause, Command, Epoch, Event, KnownNode, NodeId, Role, Selection,
    SessionId, TileState,
};
use lanlens_protocol::{DiscoveryEvent, Greeting, Message, OfferedCamera, Secret, Txt, VERSION};

use super::{channel, device, viewer};

const PICTURE: Duration = Duration::from_millis(33);

/// A viewer on a bench, and a camera that the test plays.
pub(crate) struct Desk {
    pub(crate) mesh: Mesh,
    pub(crate) now: Instant,
    links: u64,
    pub(crate) epoch: u64,
    pub(crate) actions: Vec<Action>,
}

impl Desk {
    pub(crate) fn new(known: Vec<KnownNode>) -> Self {
        let now = Instant::now();
        let config = Config { known, ..viewer(NodeId::new(device("viewer"), "slot")) };
        let mut mesh = Mesh::new(config, 1, Secret::new([1; 32]), now);
        mesh.handle_command(Command::Watch(Selection::All), now);
        Self { mesh, now, links: 0, epoch: 1, actions: Vec::new() }
    }

    pub(crate) fn drain(&mut self) {
        self.actions.extend(std::iter::from_fn(|| self.mesh.poll_action()));
    }

    /// What came out since this was last asked.
    pub(crate) fn take(&mut self) -> Vec<Action> {
        self.drain();
        std::mem::take(&mut self.actions)
    }

    /// Lets time pass, timer by timer.
    pub(crate) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.mesh.poll_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.mesh.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    pub(crate) fn hear(&mut self) {
        self.hear_of(camera(), "a");
    }

    pub(crate) fn hear_of(&mut self, camera: CameraId, instance: &str) {
        let txt = Txt {
            node: NodeId::new(camera.device(), "slot"),
            role: Role::Camera,
            epoch: Epoch(self.epoch),
            camera: Some(camera),
            name: "Nursery".into(),
            via: None,
        };
        let (instance, addresses) = (instance.to_owned(), vec![address()]);
        let resolved = DiscoveryEvent::Resolved { instance, txt, addresses };
        self.mesh.handle_discovery(resolved, self.now);
        self.drain();
    }

    /// The camera answers a dial, and lets us watch.
    pub(crate) fn answer(&mut self, dial: DialId) -> LinkId {
        let link = self.opened(address(), Some(dial));
        self.say(link, Message::Welcome(self.greeting()));
        link
    }

    /// The camera dials us.
    pub(crate) fn dialed_in(&mut self) -> LinkId {
        self.dialed_in_from(None)
    }

    /// The camera dials us, and says at which port it listens. Its words are read as from the wire.
    pub(crate) fn dialed_in_from(&mut self, port: Option<u16>) -> LinkId {
        let link = self.opened(SocketAddr::from(([10, 0, 0, 7], 40_000)), None);
        let hello = Message::Hello(Greeting { port, ..self.greeting() });
        self.say(link, Message::parse(&hello.to_json()).expect("it is well made"));
        link
    }

    pub(crate) fn opened(&mut self, remote: SocketAddr, dial: Option<DialId>) -> LinkId {
        self.links += 1;
        let (link, device) = (LinkId(self.links), device("camera"));
        let opened = LinkInput::Opened { link, device, remote, dial, channel: channel(link) };
        self.mesh.handle_link(opened, self.now);
        link
    }

    pub(crate) fn greeting(&self) -> Greeting {
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
            port: None,
        }
    }

    pub(crate) fn say(&mut self, link: LinkId, message: Message) {
        self.mesh.handle_link(LinkInput::Message { link, message }, self.now);
        self.drain();
    }

    /// The session that was just begun connects and shows pictures for a second.
    pub(crate) fn play(&mut self, link: LinkId) {
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
    pub(crate) fn watching() -> (Self, LinkId) {
        let mut desk = Self::new(Vec::new());
        desk.hear();
        desk.drain();
        let dial = dials(&desk.actions)[0].0;
        let link = desk.answer(dial);
        desk.play(link);
        assert_eq!(desk.view().state, TileState::Live);
        (desk, link)
    }

    pub(crate) fn view(&self) -> CameraView {
        (*self.mesh.snapshot().cameras[&camera()]).clone()
    }

    pub(crate) fn hang_up(&mut self, link: LinkId) {
        let end = LinkEnd::Lost(String::new());
        self.mesh.handle_link(LinkInput::Closed { link, end }, self.now);
        self.drain();
    }

    pub(crate) fn fail(&mut self, dial: DialId) {
        let failure = DialFailure::Unreachable("timed out".into());
        self.mesh.handle_link(LinkInput::DialFailed { dial, failure }, self.now);
        self.drain();
    }
}

pub(crate) fn node() -> NodeId {
    NodeId::new(device("camera"), "slot")
}

pub(crate) fn camera() -> CameraId {
    CameraId::new(device("camera"), "pattern")
}

pub(crate) fn address() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 7], 17_470))
}

pub(crate) fn known() -> KnownNode {
    KnownNode { node: node(), addresses: vec![address()] }
}

pub(crate) fn dials(actions: &[Action]) -> Vec<(DialId, Vec<SocketAddr>)> {
    let dial = |action: &Action| match action {
        Action::Dial { dial, addresses, .. } => Some((*dial, addresses.clone())),
        _ => None,
    };
    actions.iter().filter_map(dial).collect()
}

pub(crate) fn causes(actions: &[Action]) -> Vec<Cause> {
    let cause = |action: &Action| match action {
        Action::Emit(Event::Cause { cause, .. }) => Some(cause.clone()),
        _ => None,
    };
    actions.iter().filter_map(cause).collect()
}
