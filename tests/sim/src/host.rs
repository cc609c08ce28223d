//! One machine of the virtual network, and what it holds.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use lanlens_mesh::{LinkId, Mesh, SessionHandle};
use lanlens_model::{
    AccessMode, CameraId, DeviceId, Event, KnownNode, Layer, NodeId, Role, RunId, Snapshot,
};
use lanlens_protocol::Message;

use crate::queue::Delivery;
use crate::screen::Screen;

/// A host's place in the world.
pub type HostId = usize;

/// What a host is.
#[derive(Clone)]
pub struct HostSpec {
    /// Camera or viewer.
    pub role: Role,
    /// Friendly name.
    pub name: String,
    /// Whoever serves this camera for the phone that films.
    pub via: Option<NodeId>,
    /// Who may watch.
    pub access: AccessMode,
    /// Its firewall drops unsolicited inbound connections.
    pub firewalled: bool,
    /// Time from a dial to an open link, in both directions.
    pub dial_latency: Duration,
    /// Time between two of its pictures.
    pub picture_interval: Duration,
    /// It announces a second address, at which nothing arrives.
    pub dead_interface: bool,
    /// Addresses typed by hand (`--peer`).
    pub peers: Vec<SocketAddr>,
}

pub(crate) struct Host {
    pub(crate) spec: HostSpec,
    pub(crate) device: DeviceId,
    pub(crate) node: NodeId,
    pub(crate) camera: Option<CameraId>,
    pub(crate) address: SocketAddr,
    /// How often its address has changed: what was begun before is dead.
    pub(crate) moves: u64,
    /// Of its latest start.
    pub(crate) run: RunId,
    /// Process starts so far; also the epoch.
    pub(crate) life: u64,
    /// `None` while the process does not run.
    pub(crate) mesh: Option<Mesh>,
    /// Not a mesh but an attacker: it answers at its address, with its own key.
    pub(crate) impostor: bool,
    pub(crate) links: BTreeMap<LinkId, LinkEnd>,
    /// Watching sessions.
    pub(crate) subscribers: BTreeMap<SessionHandle, Subscriber>,
    /// Serving sessions.
    pub(crate) publishers: BTreeMap<SessionHandle, Publisher>,
    /// Cannot be reached, nor reach anyone.
    pub(crate) cut: bool,
    /// Its own interface is down, which its system knows.
    pub(crate) unplugged: bool,
    /// Its process stands still.
    pub(crate) asleep: Option<Sleep>,
    /// What arrived meanwhile.
    pub(crate) inbox: Vec<Delivery>,
    /// How far its clock is behind, because it stood still in its sleep.
    pub(crate) clock_behind: Duration,
    /// Its sensor gives pictures.
    pub(crate) sensor: bool,
    /// Others may have missed how it can be reached.
    pub(crate) unheard: bool,
    /// Announcements made so far.
    pub(crate) announced: u64,
    /// When its mesh wants to be woken, in the world's time.
    pub(crate) due: Option<Instant>,
    /// Wakes in the present second.
    pub(crate) wakes: (u64, u32),
    pub(crate) events: Vec<(Instant, Event)>,
    pub(crate) dials: Vec<Dial>,
    /// What its program shows.
    pub(crate) shown: Snapshot,
    /// The mesh said so, and nobody has asked the world yet.
    pub(crate) changed: bool,
    /// What it should show.
    pub(crate) screen: Screen,
    /// Where its program has reached cameras, over all its starts.
    pub(crate) known: BTreeMap<NodeId, KnownNode>,
    /// Tiles that nobody sees.
    pub(crate) hidden: BTreeSet<CameraId>,
}

/// One end of a link.
pub(crate) struct LinkEnd {
    pub(crate) peer: HostId,
    pub(crate) theirs: LinkId,
    /// The moves of both hosts when it was made.
    pub(crate) moves: (u64, u64),
    pub(crate) silent_since: Option<Instant>,
    /// The other side does not say who it is.
    pub(crate) liar: bool,
    /// What waits to be sent while nothing gets through.
    pub(crate) held: Vec<Message>,
    /// Nothing sent later arrives before this.
    pub(crate) busy_until: Option<Instant>,
}

/// Receives a camera.
pub(crate) struct Subscriber {
    pub(crate) camera: CameraId,
    /// Whose answer was accepted.
    pub(crate) from: Option<(HostId, SessionHandle)>,
    pub(crate) moves: u64,
    pub(crate) connected: bool,
}

/// Sends to a subscriber.
pub(crate) struct Publisher {
    pub(crate) viewer: HostId,
    pub(crate) theirs: SessionHandle,
    pub(crate) layer: Layer,
    pub(crate) visible: bool,
    pub(crate) moves: u64,
    pub(crate) connected: bool,
    /// Nothing came back from the viewer since then.
    pub(crate) broken_since: Option<Instant>,
}

/// A process that stands still.
#[derive(Clone, Copy)]
pub(crate) struct Sleep {
    pub(crate) since: Instant,
    /// A suspended machine: its monotonic clock stands still too, and it is told when it wakes.
    pub(crate) suspended: bool,
}

/// An attempt to dial.
#[derive(Debug, Clone)]
pub(crate) struct Dial {
    /// Of which process.
    pub(crate) life: u64,
    pub(crate) at: Instant,
    pub(crate) expect: Option<DeviceId>,
    pub(crate) addresses: Vec<SocketAddr>,
}

impl Host {
    pub(crate) fn new(id: HostId, spec: HostSpec) -> Self {
        let device = DeviceId::from_spki(format!("host {id}").as_bytes());
        let camera = (spec.role == Role::Camera).then(|| CameraId::new(device, "pattern-0"));
        Self {
            spec,
            node: NodeId::new(device, "slot-0"),
            device,
            camera,
            address: address(id, 0),
            moves: 0,
            run: RunId(0),
            life: 0,
            mesh: None,
            impostor: false,
            links: BTreeMap::new(),
            subscribers: BTreeMap::new(),
            publishers: BTreeMap::new(),
            cut: false,
            unplugged: false,
            asleep: None,
            inbox: Vec::new(),
            clock_behind: Duration::ZERO,
            sensor: true,
            unheard: false,
            announced: 0,
            due: None,
            wakes: (0, 0),
            events: Vec::new(),
            dials: Vec::new(),
            shown: Snapshot::default(),
            changed: false,
            screen: Screen::default(),
            known: BTreeMap::new(),
            hidden: BTreeSet::new(),
        }
    }

    /// Whether its process runs and does not stand still.
    pub(crate) fn is_awake(&self) -> bool {
        self.mesh.is_some() && self.asleep.is_none()
    }

    /// Where it says that it listens.
    pub(crate) fn announced_addresses(&self) -> Vec<SocketAddr> {
        let dead = SocketAddr::from((Ipv4Addr::new(172, 17, 0, 1), self.address.port()));
        // The dead one first: whoever tried only one address would try that.
        self.spec.dead_interface.then_some(dead).into_iter().chain([self.address]).collect()
    }
}

/// The address of a host that has changed it this often.
pub(crate) fn address(id: HostId, generation: u8) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(10, generation, (id / 250) as u8, (id % 250) as u8 + 1), 17470))
}
