//! All hosts, the time, and the step from one moment to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use lanlens_mesh::Mesh;
use lanlens_model::{Access, AccessMode, DeviceId, Role, TrustView};

use crate::host::{Host, HostId, HostSpec};
use crate::invariants;
use crate::mdns::Air;
use crate::network::LAN_LATENCY;
use crate::paths::Block;
use crate::queue::{Delivery, Queue};
use crate::trace::{Trace, note};

/// As many pictures as most cameras give.
const PICTURE_INTERVAL: Duration = Duration::from_millis(33);

/// All hosts, the network between them, and the time.
pub struct World {
    pub(crate) hosts: Vec<Host>,
    pub(crate) queue: Queue,
    pub(crate) rng: fastrand::Rng,
    pub(crate) next_link: u64,
    pub(crate) next_run: u64,
    pub(crate) trust: BTreeMap<DeviceId, TrustView>,
    /// Whether multicast gets through.
    pub multicast: bool,
    /// What becomes of multicast on its way.
    pub(crate) air: Air,
    pub(crate) blocked: BTreeSet<Block>,
    pub(crate) start: Instant,
    pub(crate) trace: Trace,
    /// Somebody catches what is broken, and tells it.
    pub(crate) caught: bool,
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
            trust: BTreeMap::new(),
            multicast: true,
            air: Air::default(),
            blocked: BTreeSet::new(),
            start,
            trace: Trace::default(),
            caught: false,
        }
    }

    /// A camera that anyone may watch; not running yet.
    pub fn camera(&mut self, name: &str) -> HostId {
        self.add(HostSpec {
            role: Role::Camera,
            name: name.to_owned(),
            via: None,
            access: AccessMode::Open,
            firewalled: false,
            dial_latency: LAN_LATENCY * 3,
            picture_interval: PICTURE_INTERVAL,
            dead_interface: false,
            peers: Vec::new(),
        })
    }

    /// A viewer that watches everything; not running yet.
    pub fn viewer(&mut self) -> HostId {
        self.add(HostSpec {
            role: Role::Viewer,
            name: String::new(),
            via: None,
            access: AccessMode::Ask,
            firewalled: false,
            dial_latency: LAN_LATENCY * 3,
            picture_interval: PICTURE_INTERVAL,
            dead_interface: false,
            peers: Vec::new(),
        })
    }

    /// A host of any kind; not running yet.
    pub fn add(&mut self, spec: HostSpec) -> HostId {
        let id = self.hosts.len();
        self.hosts.push(Host::new(id, spec));
        id
    }

    /// Changes what a host is before it starts.
    pub fn spec_mut(&mut self, id: HostId) -> &mut HostSpec {
        &mut self.hosts[id].spec
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
        let due = self.hosts.iter().filter(|host| host.asleep.is_none()).filter_map(|h| h.due);
        due.chain(self.queue.next_at()).min()
    }

    /// Everything that is due now, then everything that must hold.
    fn step(&mut self) {
        while let Some((to, life, delivery)) = self.queue.pop_due() {
            if self.hosts[to].life == life && self.hosts[to].mesh.is_some() {
                self.deliver(to, delivery);
            }
        }
        for id in 0..self.hosts.len() {
            self.wake_if_due(id);
        }
        invariants::check(self);
    }

    /// Gives a host what is for it, or keeps it until its process goes on.
    pub(crate) fn deliver(&mut self, to: HostId, delivery: Delivery) {
        match delivery {
            Delivery::Wake => self.wake(to),
            Delivery::Dialed(attempt) if self.hosts[to].asleep.is_none() => {
                self.on_dialed(to, attempt);
            }
            Delivery::Picture(handle) => self.on_picture(to, handle),
            Delivery::Connect(handle) => self.on_connect(to, handle),
            delivery if self.hosts[to].asleep.is_some() => self.hosts[to].inbox.push(delivery),
            Delivery::Silent(link, since) => self.on_silent(to, link, since),
            Delivery::Browse(times) => self.browse(to, times),
            Delivery::Expired(from, announcement) => self.on_expired(to, from, announcement),
            Delivery::Network { slept } => self.on_network(to, slept),
            Delivery::Dialed(attempt) => self.on_dialed(to, attempt),
            input => self.input(to, input),
        }
    }

    /// Hands an awake mesh one input, and does what it wants.
    pub(crate) fn input(&mut self, to: HostId, input: Delivery) {
        self.trace_input(to, &input);
        if self.refuses_senseless_offer(to, &input) {
            return;
        }
        self.with_mesh(to, |mesh, now| match input {
            Delivery::Discovery(event) => mesh.handle_discovery(event, now),
            Delivery::Link(input) => mesh.handle_link(input, now),
            Delivery::Session(handle, input) => mesh.handle_session(handle, input, now),
            Delivery::Trust(input) => mesh.handle_trust(input, now),
            Delivery::Scan(input) => mesh.handle_scan(input, now),
            _ => {}
        });
    }

    fn trace_input(&mut self, to: HostId, input: &Delivery) {
        match input {
            Delivery::Trust(_) => note!(self, "host {to} ← its trust store"),
            input => note!(self, "host {to} ← {input:?}"),
        }
    }

    /// Lets a host's mesh do something at its own time, then does what it wants and shows the state.
    pub(crate) fn with_mesh(&mut self, id: HostId, work: impl FnOnce(&mut Mesh, Instant)) {
        let now = self.local_time(id);
        let Some(mesh) = &mut self.hosts[id].mesh else { return };
        work(mesh, now);
        self.drain(id);
        let behind = self.hosts[id].clock_behind;
        let host = &mut self.hosts[id];
        let Some(mesh) = &mut host.mesh else {
            host.due = None;
            return;
        };
        host.due = mesh.poll_timeout().map(|due| due + behind);
        if mesh.take_changed() {
            host.shown = mesh.snapshot();
            host.changed = true;
            // A tile that is gone is hidden no longer.
            host.hidden.retain(|camera| host.shown.cameras.contains_key(camera));
        }
        invariants::check_host(self, id);
    }

    pub(crate) fn wake_if_due(&mut self, id: HostId) {
        if self.hosts[id].due.is_some_and(|due| due <= self.queue.now) {
            self.wake_mesh(id);
        }
    }

    fn wake_mesh(&mut self, id: HostId) {
        if !self.hosts[id].is_awake() {
            return;
        }
        self.with_mesh(id, Mesh::handle_timeout);
        if self.hosts[id].due.is_some_and(|due| due <= self.queue.now) {
            self.broken(&format!("host {id} has a timer that never rests"));
        }
        invariants::count_wake(self, id);
    }

    /// What a host's own clock says.
    pub(crate) fn local_time(&self, id: HostId) -> Instant {
        self.queue.now - self.hosts[id].clock_behind
    }

    /// What a device may do at a host, by the host's own store.
    pub(crate) fn access(&self, host: HostId, device: DeviceId) -> Access {
        let host = &self.hosts[host];
        let ask = |trust: &TrustView| trust.access_for(device, host.device, host.spec.access);
        match self.trust.get(&host.device).map_or_else(|| ask(&TrustView::default()), ask) {
            Access::Unclaimed if host.spec.via.is_some() => Access::Pending,
            access => access,
        }
    }
}
