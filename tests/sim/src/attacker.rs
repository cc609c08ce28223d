//! Somebody on the network who lies: announces what is not its own, and says nonsense on links.
//!
//! It has a key of its own and can send anything; what it cannot do is prove another's key.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use lanlens_model::{
    Access, CameraId, Code, DeviceId, Epoch, IceCandidate, Layer, NodeId, RequestEnd, Role,
    SessionId,
};
use lanlens_protocol::{
    DiscoveryEvent, ErrorCode, Greeting, Message, OfferedCamera, ToldNode, VERSION,
};

use crate::host::HostId;
use crate::mdns::instance;
use crate::paths::Traffic;
use crate::queue::Delivery;
use crate::trace::note;
use crate::world::World;

/// What it says on one link at most.
const WORDS_MAX: usize = 30;

impl World {
    /// A machine that runs no Lanlens, and answers at its address with its own key.
    pub fn attacker(&mut self) -> HostId {
        let id = self.viewer();
        self.hosts[id].impostor = true;
        id
    }

    /// One attack on one host that an attacker would think of, by chance.
    pub fn attack(&mut self, attacker: HostId, victim: HostId) {
        let kind = self.rng.u8(0..9);
        note!(self, "host {attacker} attacks host {victim}, way {kind}");
        let here = self.hosts[attacker].address;
        let nobody = SocketAddr::from((Ipv4Addr::new(10, 99, 9, self.rng.u8(1..)), 17470));
        // Whoever hears somebody else say what only it may say, says it again.
        self.hosts[victim].unheard |= (2..=4).contains(&kind);
        match kind {
            0 => self.lie(attacker, victim, "evil", &[here]),
            1 => self.lie(attacker, victim, "evil", &[nobody]),
            // As if it were the victim's own announcement.
            2 => self.lie(attacker, victim, &instance(victim), &[here, nobody]),
            3 => self.shout(attacker, &DiscoveryEvent::Removed { instance: instance(victim) }),
            4 => self.invent(attacker, victim),
            5 => {
                for n in 0..self.rng.u8(1..6) {
                    self.lie(attacker, victim, &format!("evil-{n}"), &[nobody]);
                }
            }
            6 => self.visit(attacker, victim, true),
            7 => self.repeat(attacker, victim, here),
            _ => self.visit(attacker, victim, false),
        }
    }

    /// Announces the victim with these addresses, and perhaps a start that is yet to come, or one
    /// that is long past.
    fn lie(&mut self, attacker: HostId, victim: HostId, instance: &str, at: &[SocketAddr]) {
        let DiscoveryEvent::Resolved { mut txt, .. } = self.announcement(victim) else { return };
        txt.epoch = match self.rng.u8(0..3) {
            0 => Epoch(txt.epoch.0 + self.rng.u64(1..1000)),
            1 => Epoch(txt.epoch.0.saturating_sub(1)),
            _ => txt.epoch,
        };
        let (instance, addresses) = (instance.to_owned(), at.to_vec());
        self.shout(attacker, &DiscoveryEvent::Resolved { instance, txt, addresses });
    }

    /// Says for a second that the victim is here, again and again.
    fn repeat(&mut self, attacker: HostId, victim: HostId, here: SocketAddr) {
        let DiscoveryEvent::Resolved { txt, .. } = self.announcement(victim) else { return };
        for n in 1..30 {
            let (instance, txt) = (format!("evil-{}", n % 3), txt.clone());
            let event = DiscoveryEvent::Resolved { instance, txt, addresses: vec![here] };
            for to in (0..self.hosts.len()).filter(|to| *to != attacker) {
                if self.multicast && self.passes(Traffic::Multicast, attacker, to) {
                    let (after, life) = (Duration::from_millis(35) * n, self.hosts[to].life);
                    self.queue.push(after, to, life, Delivery::Discovery(event.clone()));
                }
            }
        }
    }

    /// Announces nodes that do not exist, some under the victim's instance name.
    fn invent(&mut self, attacker: HostId, victim: HostId) {
        for n in 0..self.rng.u8(1..12) {
            let DiscoveryEvent::Resolved { mut txt, .. } = self.announcement(victim) else {
                return;
            };
            let device = DeviceId::from_spki(&[n, self.rng.u8(..)]);
            txt.node = NodeId::new(device, "x");
            txt.camera = txt.camera.map(|_| CameraId::new(device, "x"));
            let instance = if n == 0 { instance(victim) } else { format!("evil-{n}") };
            let addresses = vec![SocketAddr::from((Ipv4Addr::new(10, 99, 8, n + 1), 17470))];
            self.shout(attacker, &DiscoveryEvent::Resolved { instance, txt, addresses });
        }
    }

    fn shout(&mut self, attacker: HostId, event: &DiscoveryEvent) {
        for to in (0..self.hosts.len()).filter(|to| *to != attacker) {
            self.multicast(attacker, to, event.clone());
        }
    }

    /// Opens a link, and says things that make no sense. `honest`: its first words are in order.
    fn visit(&mut self, attacker: HostId, victim: HostId, honest: bool) {
        let host = &self.hosts[victim];
        let through = self.passes_both(Traffic::Signaling, attacker, victim);
        if !host.is_awake() || host.spec.firewalled || !through {
            return;
        }
        let (here, there) = self.join(attacker, victim);
        self.tell_opened(victim, there, attacker, None, here);
        if self.rng.u8(0..8) == 0 {
            // It stays, and says nothing.
            return;
        }
        if let Some(end) = self.hosts[victim].links.get_mut(&there) {
            end.liar = !honest;
        }
        let greeting = self.greeting(attacker, victim, honest);
        self.send(attacker, here, greeting);
        for _ in 0..self.rng.usize(0..WORDS_MAX) {
            let word = self.word(attacker, victim);
            self.send(attacker, here, word);
        }
        if self.rng.bool() {
            self.end_link(attacker, here);
        }
    }

    fn greeting(&mut self, attacker: HostId, victim: HostId, honest: bool) -> Message {
        let serves = self.rng.bool();
        // It says to be somebody whom the victim may know.
        let mut others = (0..self.hosts.len()).filter(|id| *id != victim && *id != attacker);
        let other = others.nth(self.rng.usize(0..self.hosts.len() - 2)).unwrap_or(attacker);
        let (own, other) = (&self.hosts[attacker], &self.hosts[other]);
        let device = own.device;
        let cameras = serves.then(|| OfferedCamera {
            id: CameraId::new(device, "trap"),
            name: other.spec.name.clone(),
        });
        let mut greeting = Greeting {
            v: VERSION,
            device,
            node: own.node,
            role: if serves { Role::Camera } else { Role::Viewer },
            epoch: Epoch(self.rng.u64(0..5)),
            run: None,
            name: "evil".to_owned(),
            resume: vec![SessionId(self.rng.u64(0..3))],
            cameras: cameras.into_iter().collect(),
            access: serves.then_some(Access::Granted),
            port: Some(self.rng.u16(..)),
        };
        if !honest {
            match self.rng.u8(0..3) {
                0 => greeting.node = other.node,
                1 => greeting.device = other.device,
                _ => greeting.access = (!serves).then_some(Access::Granted),
            }
        }
        Message::Hello(greeting)
    }

    /// A message that fits nothing, as from a broken peer or from an earlier life.
    fn word(&mut self, attacker: HostId, victim: HostId) -> Message {
        let session = SessionId(self.rng.u64(..));
        let own_camera = CameraId::new(self.hosts[attacker].device, "trap");
        let camera = self.hosts[victim].camera.unwrap_or(own_camera);
        let device = self.hosts[self.rng.usize(0..self.hosts.len())].device;
        let (sdp, name) = ("nonsense".to_owned(), String::new());
        let candidate =
            IceCandidate { candidate: "candidate:1".to_owned(), mid: None, mline: None };
        match self.rng.u8(0..16) {
            0 => Message::Offer { session, camera, layer: Layer::High, sdp },
            1 => Message::Offer { session, camera: own_camera, layer: Layer::Low, sdp },
            2 => Message::Answer { session, sdp },
            3 => Message::Candidate { session, candidate },
            4 => Message::Layer { session, layer: Layer::Low },
            5 => Message::Visible { session, visible: false },
            6 => Message::Bye { session: Some(session) },
            7 => Message::Error { code: ErrorCode::Other, text: name, session: Some(session) },
            8 => Message::Access { state: Access::Granted },
            9 => Message::AccessAllow { device, name, code: Code::from_number(1) },
            10 => Message::AccessDeny { device, name },
            11 => Message::Watchers { waiting: Vec::new(), watching: Vec::new() },
            12 => Message::AccessEnded { reason: RequestEnd::Other },
            14 => {
                let node = self.hosts[self.rng.usize(0..self.hosts.len())].node;
                let addresses = vec![self.hosts[attacker].address];
                Message::Nodes { nodes: vec![ToldNode { node, addresses }] }
            }
            13 => Message::Source { camera, trouble: Some("evil".to_owned()) },
            _ => Message::Bye { session: None },
        }
    }
}
