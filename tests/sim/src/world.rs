//! The virtual network: it plays the shell for every mesh.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use lanlens_mesh::{Config, Mesh, SessionHandle, SessionInput};
use lanlens_model::{
    AccessMode, CameraId, Command, DeviceId, Epoch, Event, NodeId, Role, RunId, Selection,
    Snapshot, StreamStats, TileState, TrustView,
};
use lanlens_protocol::{DiscoveryEvent, Secret};

use crate::host::{Host, HostId};
use crate::invariants;
use crate::network::{LAN_LATENCY, PING_TIMEOUT};
use crate::queue::{Delivery, Queue};

/// What a host is.
#[derive(Clone)]
pub struct HostSpec {
    /// Camera or viewer.
    pub role: Role,
    /// Friendly name.
    pub name: String,
    /// Who may watch.
    pub access: AccessMode,
    /// Its firewall drops unsolicited inbound connections.
    pub firewalled: bool,
    /// Time from a dial to an open link, in both directions.
    pub dial_latency: Duration,
}

/// All hosts, the network between them, and the time.
pub struct World {
    pub(crate) hosts: Vec<Host>,
    pub(crate) queue: Queue,
    pub(crate) rng: fastrand::Rng,
    pub(crate) next_link: u64,
    next_run: u64,
    pub(crate) trust: std::collections::BTreeMap<DeviceId, TrustView>,
    /// Whether multicast gets through.
    pub multicast: bool,
    start: Instant,
}

impl World {
    /// An empty network.
    pub fn new(seed: u64) -> Self {
        #[allow(clippy::disallowed_methods, reason = "virtual time begins somewhere")]
        let start = Instant::now();
        Self {
            hosts: Vec::new(),
            queue: Queue::new(start),
            rng: fastrand::Rng::with_seed(seed),
            next_link: 0,
            next_run: 1,
            trust: std::collections::BTreeMap::new(),
            multicast: true,
            start,
        }
    }

    /// A camera that anyone may watch; not running yet.
    pub fn camera(&mut self, name: &str) -> HostId {
        self.add(HostSpec {
            role: Role::Camera,
            name: name.to_owned(),
            access: AccessMode::Open,
            firewalled: false,
            dial_latency: LAN_LATENCY * 3,
        })
    }

    /// A viewer that watches everything; not running yet.
    pub fn viewer(&mut self) -> HostId {
        self.add(HostSpec {
            role: Role::Viewer,
            name: String::new(),
            access: AccessMode::Ask,
            firewalled: false,
            dial_latency: LAN_LATENCY * 3,
        })
    }

    /// A host of any kind; not running yet.
    pub fn add(&mut self, spec: HostSpec) -> HostId {
        let id = self.hosts.len();
        let device = DeviceId::from_spki(format!("host {id}").as_bytes());
        let camera = (spec.role == Role::Camera).then(|| CameraId::new(device, "pattern-0"));
        self.hosts.push(Host {
            node: NodeId::new(device, "slot-0"),
            device,
            camera,
            address: address(id, 0),
            life: 0,
            mesh: None,
            links: Default::default(),
            subscribers: Default::default(),
            publishers: Default::default(),
            hidden: Default::default(),
            layers: Default::default(),
            cut: false,
            events: Vec::new(),
            dials: Vec::new(),
            last_picture: Default::default(),
            known_to: Default::default(),
            spec,
        });
        id
    }

    /// Changes what a host is before it starts.
    pub fn spec_mut(&mut self, id: HostId) -> &mut HostSpec {
        &mut self.hosts[id].spec
    }

    /// Starts a host's process: a new epoch.
    pub fn start(&mut self, id: HostId) {
        let seed = self.rng.u64(..);
        let now = self.queue.now;
        let host = &mut self.hosts[id];
        host.life += 1;
        let config = Config {
            node: host.node,
            role: host.spec.role,
            epoch: Epoch(host.life),
            run: RunId(self.next_run),
            name: host.spec.name.clone(),
            cameras: host
                .camera
                .map(|camera| (camera, host.spec.name.clone()))
                .into_iter()
                .collect(),
            access: host.spec.access,
            trust: self.trust.entry(host.device).or_default().clone(),
        };
        self.next_run += 1;
        let mut secret = [0; 32];
        self.rng.fill(&mut secret);
        let mut mesh = Mesh::new(config, seed, Secret::new(secret), now);
        if host.spec.role == Role::Viewer {
            mesh.handle_command(Command::Watch(Selection::All), now);
        }
        host.mesh = Some(mesh);
        self.announce(id);
        self.hear_everyone(id);
        self.drain(id);
    }

    /// SIGKILL: its sockets are closed by its kernel, nothing is said.
    pub fn kill(&mut self, id: HostId) {
        self.hosts[id].mesh = None;
        // Its announcements live on until their TTL, 115 s later: longer than anything here waits.
        self.hosts[id].known_to.clear();
        self.forget_process(id, LAN_LATENCY);
    }

    /// SIGTERM: goodbyes are said.
    pub fn stop(&mut self, id: HostId) {
        self.command(id, Command::Shutdown);
    }

    /// Every packet to and from this host is lost from now on (or no longer).
    pub fn cut(&mut self, id: HostId, cut: bool) {
        self.hosts[id].cut = cut;
        if cut {
            self.close_links(id, PING_TIMEOUT, PING_TIMEOUT);
        } else {
            self.announce(id);
            self.hear_everyone(id);
        }
    }

    /// DHCP: a new address; old connections are dead, which nobody is told.
    pub fn move_address(&mut self, id: HostId, generation: u8) {
        self.hosts[id].address = address(id, generation);
        self.close_links(id, PING_TIMEOUT, PING_TIMEOUT);
        self.hosts[id].publishers.clear();
        let gone: Vec<_> = self.hosts[id].subscribers.keys().copied().collect();
        for host in &mut self.hosts {
            host.publishers.retain(|_, (to, handle)| !(*to == id && gone.contains(handle)));
        }
        self.announce(id);
    }

    /// Gives a host a wish.
    pub fn command(&mut self, id: HostId, command: Command) {
        let now = self.queue.now;
        if let Some(mesh) = &mut self.hosts[id].mesh {
            mesh.handle_command(command, now);
        }
        self.drain(id);
    }

    /// Makes a host a copy of another one: the same key on another machine, and the same slots
    /// unless another source is used there.
    pub fn copy_home(&mut self, of: HostId, to: HostId, same_source: bool) {
        let (device, node, camera) = {
            let host = &self.hosts[of];
            (host.device, host.node, host.camera)
        };
        let host = &mut self.hosts[to];
        (host.device, host.node, host.camera) = match same_source {
            true => (device, node, camera),
            false => {
                (device, NodeId::new(device, "slot-1"), Some(CameraId::new(device, "pattern-1")))
            }
        };
    }

    /// Puts lists into a host's store before it starts.
    pub fn set_trust(&mut self, id: HostId, trust: TrustView) {
        self.trust.insert(self.hosts[id].device, trust);
    }

    /// `lanlens trust reset` on a host.
    pub fn reset_trust(&mut self, id: HostId) {
        self.trust.insert(self.hosts[id].device, TrustView::default());
        self.tell_trust(id);
    }

    /// The device of a host.
    pub fn device_of(&self, id: HostId) -> DeviceId {
        self.hosts[id].device
    }

    /// Delivers something straight to a host, as a hostile or broken peer might.
    pub fn inject(&mut self, id: HostId, event: DiscoveryEvent) {
        let life = self.hosts[id].life;
        self.queue.push(Duration::ZERO, id, life, Delivery::Discovery(event));
    }

    /// Lets time pass, checking the invariants after every step.
    pub fn run(&mut self, span: Duration) {
        let end = self.queue.now + span;
        while let Some(at) = self.next_at().filter(|at| *at <= end) {
            self.queue.now = at.max(self.queue.now);
            self.step();
        }
        self.queue.now = end;
        invariants::check(self);
    }

    /// Lets time pass until `done`, at most `within`; how long it took.
    pub fn run_until(
        &mut self,
        within: Duration,
        done: impl Fn(&World) -> bool,
    ) -> Option<Duration> {
        let begin = self.queue.now;
        while !done(self) {
            let at = self.next_at().filter(|at| *at <= begin + within)?;
            self.queue.now = at.max(self.queue.now);
            self.step();
        }
        Some(self.queue.now - begin)
    }

    fn next_at(&self) -> Option<Instant> {
        let timeouts = self.hosts.iter().filter_map(|host| host.mesh.as_ref()?.poll_timeout());
        timeouts.chain(self.queue.next_at()).min()
    }

    fn step(&mut self) {
        let now = self.queue.now;
        while let Some((to, life, delivery)) = self.queue.pop_due() {
            if self.hosts[to].life == life {
                self.deliver(to, delivery);
                self.drain(to);
                invariants::check(self);
            }
        }
        for id in 0..self.hosts.len() {
            let Some(mesh) = &mut self.hosts[id].mesh else { continue };
            if mesh.poll_timeout().is_some_and(|due| due <= now) {
                mesh.handle_timeout(now);
                assert!(
                    mesh.poll_timeout().is_none_or(|due| due > now),
                    "a timer that never rests"
                );
                self.drain(id);
                invariants::check(self);
            }
        }
    }

    fn deliver(&mut self, to: HostId, delivery: Delivery) {
        let now = self.queue.now;
        match delivery {
            Delivery::Dialed { dial, addresses, expect } => {
                return self.on_dialed(to, dial, &addresses, expect);
            }
            Delivery::Picture(handle) => return self.on_picture(to, handle),
            _ => {}
        }
        let Some(mesh) = &mut self.hosts[to].mesh else { return };
        match delivery {
            Delivery::Discovery(event) => mesh.handle_discovery(event, now),
            Delivery::Link(input) => mesh.handle_link(input, now),
            Delivery::Session(handle, input) => mesh.handle_session(handle, input, now),
            Delivery::Trust(input) => mesh.handle_trust(input, now),
            Delivery::Dialed { .. } | Delivery::Picture(_) => {}
        }
    }

    /// What a device may do at a host, by the host's own store.
    pub(crate) fn access(&self, host: HostId, device: DeviceId) -> lanlens_model::Access {
        let host = &self.hosts[host];
        let trust = self.trust.get(&host.device).cloned().unwrap_or_default();
        trust.access_for(device, host.device, host.spec.access)
    }

    /// What a host would paint; empty while it does not run.
    pub fn snapshot(&self, id: HostId) -> Snapshot {
        self.hosts[id].mesh.as_ref().map(Mesh::snapshot).unwrap_or_default()
    }

    /// Whether a host's snapshot may have changed since this was last asked.
    pub fn take_changed(&mut self, id: HostId) -> bool {
        self.hosts[id].mesh.as_mut().is_some_and(Mesh::take_changed)
    }

    /// The state of a camera's tile at a viewer.
    pub fn tile(&self, viewer: HostId, camera: HostId) -> Option<TileState> {
        let id = self.hosts[camera].camera?;
        self.snapshot(viewer).cameras.get(&id).map(|view| view.state.clone())
    }

    /// Whether the viewer shows the camera's new pictures.
    pub fn is_live(&self, viewer: HostId, camera: HostId) -> bool {
        self.tile(viewer, camera) == Some(TileState::Live)
    }

    /// Everything a host's program was told, with virtual ms since the world began.
    pub fn events(&self, id: HostId) -> Vec<(u64, Event)> {
        let ms = |at: &Instant| at.duration_since(self.start).as_millis() as u64;
        self.hosts[id].events.iter().map(|(at, event)| (ms(at), event.clone())).collect()
    }

    /// When a host dialed, in virtual ms since the world began.
    pub fn dials(&self, id: HostId) -> Vec<u64> {
        let ms = |at: &Instant| at.duration_since(self.start).as_millis() as u64;
        self.hosts[id].dials.iter().map(ms).collect()
    }

    /// Links that stand at a host.
    pub fn link_count(&self, id: HostId) -> usize {
        self.hosts[id].links.len()
    }

    /// Sessions that send a host's pictures.
    pub fn publisher_count(&self, id: HostId) -> usize {
        self.hosts[id].publishers.len()
    }

    /// A viewer's session with a camera has figures of the last second, all zero.
    pub fn report_stats(&mut self, viewer: HostId, camera: HostId) {
        let (id, life) = (self.hosts[camera].camera, self.hosts[viewer].life);
        let sessions = self.hosts[viewer].subscribers.iter();
        let of_camera: Vec<SessionHandle> = sessions
            .filter(|(_, camera)| Some(**camera) == id)
            .map(|(handle, _)| *handle)
            .collect();
        for handle in of_camera {
            let stats = SessionInput::Stats(StreamStats::default());
            self.queue.push(Duration::ZERO, viewer, life, Delivery::Session(handle, stats));
        }
    }

    /// Where a host listens.
    pub fn address_of(&self, id: HostId) -> SocketAddr {
        self.hosts[id].address
    }

    /// A host's camera.
    pub fn camera_of(&self, id: HostId) -> Option<CameraId> {
        self.hosts[id].camera
    }

    /// The announcement a host would make now.
    pub fn announcement(&self, id: HostId) -> DiscoveryEvent {
        self.resolved(id)
    }
}

fn address(id: HostId, generation: u8) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(10, generation, (id / 250) as u8, (id % 250) as u8 + 1), 17470))
}
