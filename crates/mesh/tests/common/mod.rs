//! A mesh on a bench: one camera, and links that tests make and speak on themselves.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::disallowed_methods, reason = "a test needs a first instant")]

pub(crate) mod desk;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lanlens_mesh::{Action, Config, LinkId, LinkInput, Mesh, TrustInput};
use lanlens_model::{
    AccessMode, CameraId, DeviceId, Epoch, Layer, NodeId, Role, RunId, SessionId, TrustView,
};
use lanlens_protocol::{ChannelBinding, ErrorCode, Greeting, Message, Secret, VERSION};

/// A camera's mesh, and everything that came out of it since it was last asked.
pub(crate) struct Rig {
    pub(crate) mesh: Mesh,
    pub(crate) now: Instant,
    pub(crate) camera: CameraId,
    pub(crate) trust: TrustView,
    links: u64,
}

impl Rig {
    /// A camera that `owner` owns already, under this mode.
    pub(crate) fn new(access: AccessMode) -> Self {
        let mut trust = TrustView::default();
        trust.claim(DeviceId::from_spki(b"owner"), "", 1);
        Self::with(access, trust, 1)
    }

    /// A camera that nobody owns.
    pub(crate) fn unclaimed() -> Self {
        Self::with(AccessMode::Ask, TrustView::default(), 1)
    }

    /// So many cameras; `camera` is the first.
    pub(crate) fn with(access: AccessMode, trust: TrustView, cameras: usize) -> Self {
        let (device, now) = (device("camera"), Instant::now());
        let camera = CameraId::new(device, "pattern");
        let more = (1..cameras).map(|n| (CameraId::new(device, &n.to_string()), n.to_string()));
        let config = Config {
            node: NodeId::new(device, "slot"),
            role: Role::Camera,
            epoch: Epoch(1),
            run: RunId(1),
            port: 17_470,
            name: "Nursery".into(),
            cameras: std::iter::once((camera, "Nursery".into())).chain(more).collect(),
            via: None,
            access,
            trust: trust.clone(),
            known: Vec::new(),
        };
        Self { mesh: Mesh::new(config, 1, Secret::new([1; 32]), now), now, camera, trust, links: 0 }
    }

    /// A viewer dials in and greets; the refusal's words where it was refused.
    pub(crate) fn dial_in(&mut self, device: DeviceId, slot: &str) -> Result<LinkId, String> {
        self.greet(device, greeting(device, slot))
    }

    pub(crate) fn greet(&mut self, device: DeviceId, greeting: Greeting) -> Result<LinkId, String> {
        self.greet_from([10, 0, 0, 9], device, greeting)
    }

    pub(crate) fn greet_from(
        &mut self,
        ip: [u8; 4],
        device: DeviceId,
        greeting: Greeting,
    ) -> Result<LinkId, String> {
        self.links += 1;
        let link = LinkId(self.links);
        let remote = SocketAddr::from((ip, 40_000));
        let channel = channel(link);
        let opened = LinkInput::Opened { link, device, remote, dial: None, channel };
        self.mesh.handle_link(opened, self.now);
        match refusal(&self.say(link, Message::Hello(greeting))) {
            Some((_, text)) => Err(text),
            None => Ok(link),
        }
    }

    /// What came out, with every change of the store made, as the shell would.
    pub(crate) fn drain(&mut self) -> Vec<Action> {
        let mut all = Vec::new();
        while let Some(action) = self.mesh.poll_action() {
            if let Action::ChangeTrust(change) = &action {
                self.trust.apply(change);
                let changed = TrustInput::Changed(self.trust.clone());
                self.mesh.handle_trust(changed, self.now);
            }
            all.push(action);
        }
        all
    }

    /// Time passes.
    pub(crate) fn wait(&mut self, time: Duration) -> Vec<Action> {
        self.now += time;
        self.mesh.handle_timeout(self.now);
        self.drain()
    }

    /// A link breaks.
    pub(crate) fn hang_up(&mut self, link: LinkId) {
        let end = lanlens_mesh::LinkEnd::Lost(String::new());
        self.mesh.handle_link(LinkInput::Closed { link, end }, self.now);
        self.drain();
    }

    pub(crate) fn say(&mut self, link: LinkId, message: Message) -> Vec<Action> {
        self.mesh.handle_link(LinkInput::Message { link, message }, self.now);
        self.drain()
    }

    pub(crate) fn offer(&mut self, link: LinkId, session: u64) -> Vec<Action> {
        self.offer_for(self.camera, link, session)
    }

    pub(crate) fn offer_for(
        &mut self,
        camera: CameraId,
        link: LinkId,
        session: u64,
    ) -> Vec<Action> {
        let session = SessionId(session);
        self.say(link, Message::Offer { session, camera, layer: Layer::High, sdp: "v=0".into() })
    }
}

pub(crate) fn device(name: &str) -> DeviceId {
    DeviceId::from_spki(name.as_bytes())
}

pub(crate) fn greeting(device: DeviceId, slot: &str) -> Greeting {
    Greeting {
        v: VERSION,
        device,
        node: NodeId::new(device, slot),
        role: Role::Viewer,
        epoch: Epoch(1),
        run: None,
        name: String::new(),
        resume: Vec::new(),
        cameras: Vec::new(),
        access: None,
        port: None,
    }
}

pub(crate) fn refusal(actions: &[Action]) -> Option<(ErrorCode, String)> {
    actions.iter().find_map(|action| match action {
        Action::Send { message: Message::Error { code, text, .. }, .. } => {
            Some((*code, text.clone()))
        }
        _ => None,
    })
}

/// A viewer that knows nobody.
pub(crate) fn viewer(node: NodeId) -> Config {
    Config {
        node,
        role: Role::Viewer,
        epoch: Epoch(1),
        run: RunId(1),
        port: 17_470,
        name: String::new(),
        cameras: Vec::new(),
        via: None,
        access: AccessMode::Ask,
        trust: TrustView::default(),
        known: Vec::new(),
    }
}

/// What the two ends of a link know.
pub(crate) fn channel(link: LinkId) -> ChannelBinding {
    ChannelBinding::from_bytes([link.0 as u8; 32])
}
