//! Multicast DNS: announcements, questions and goodbyes, some of which are lost, doubled or late.

use std::time::Duration;

use lanlens_protocol::{DiscoveryEvent, Txt};

use lanlens_model::Epoch;

use crate::host::HostId;
use crate::paths::Traffic;
use crate::queue::Delivery;
use crate::world::World;

const LATENCY: Duration = Duration::from_millis(5);
/// What nobody renews is forgotten after this.
const TTL: Duration = Duration::from_secs(115);
/// Questions are asked again at doubled intervals from one second on, this often.
const QUESTIONS_MAX: u32 = 5;
/// The latest of what is late.
pub(crate) const LATE_MAX: Duration = Duration::from_secs(2);

/// What becomes of multicast on its way, each as a share of 1.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Air {
    pub(crate) lost: f64,
    pub(crate) doubled: f64,
    pub(crate) late: f64,
}

impl World {
    /// The announcement a host would make now.
    pub fn announcement(&self, id: HostId) -> DiscoveryEvent {
        let host = &self.hosts[id];
        DiscoveryEvent::Resolved {
            instance: instance(id),
            txt: Txt {
                node: host.node,
                role: host.spec.role,
                epoch: Epoch(host.life),
                camera: host.camera,
                name: host.spec.name.clone(),
                via: host.spec.via,
            },
            addresses: host.announced_addresses(),
        }
    }

    /// Delivers something straight to a host, as a hostile or broken peer might.
    pub fn inject(&mut self, id: HostId, event: DiscoveryEvent) {
        let life = self.hosts[id].life;
        self.queue.push(Duration::ZERO, id, life, Delivery::Discovery(event));
    }

    pub(crate) fn announce(&mut self, id: HostId) {
        self.hosts[id].announced += 1;
        for to in (0..self.hosts.len()).filter(|to| *to != id) {
            self.multicast(id, to, self.announcement(id));
        }
    }

    /// Asks everyone; who runs answers.
    pub(crate) fn hear_everyone(&mut self, id: HostId) {
        for from in (0..self.hosts.len()).filter(|from| *from != id) {
            let asked = self.multicast && self.passes(Traffic::Multicast, id, from);
            if asked && self.hosts[from].is_awake() {
                self.multicast(from, id, self.announcement(from));
            } else {
                self.hosts[from].unheard = true;
            }
        }
    }

    /// The n-th question since the process began. With the second, the announcement is repeated too
    /// (RFC 6762 section 8.3).
    pub(crate) fn browse(&mut self, id: HostId, times: u32) {
        if self.hosts[id].mesh.is_none() {
            return;
        }
        if times == 1 {
            self.announce(id);
        }
        self.hear_everyone(id);
        if times < QUESTIONS_MAX {
            let life = self.hosts[id].life;
            let after = Duration::from_secs(1 << times);
            self.queue.push(after, id, life, Delivery::Browse(times + 1));
        }
    }

    pub(crate) fn say_goodbye(&mut self, id: HostId) {
        for to in (0..self.hosts.len()).filter(|to| *to != id) {
            self.multicast(id, to, DiscoveryEvent::Removed { instance: instance(id) });
        }
    }

    /// A host fell silent: in the end, what others know of it expires.
    pub(crate) fn expire_later(&mut self, id: HostId) {
        let announced = self.hosts[id].announced;
        for to in (0..self.hosts.len()).filter(|to| *to != id) {
            self.queue.push(TTL, to, self.hosts[to].life, Delivery::Expired(id, announced));
        }
    }

    pub(crate) fn on_expired(&mut self, at: HostId, of: HostId, announced: u64) {
        if self.hosts[of].announced == announced {
            let event = DiscoveryEvent::Removed { instance: instance(of) };
            self.input(at, Delivery::Discovery(event));
        }
    }

    /// One host's part of a multicast.
    pub(crate) fn multicast(&mut self, from: HostId, to: HostId, event: DiscoveryEvent) {
        let lost = self.air.lost > 0.0 && self.rng.f64() < self.air.lost;
        if lost || !self.multicast || !self.passes(Traffic::Multicast, from, to) {
            self.hosts[from].unheard = true;
            return;
        }
        if self.air.doubled > 0.0 && self.rng.f64() < self.air.doubled {
            let after = LATENCY + LATE_MAX.mul_f64(self.rng.f64());
            let again = Delivery::Discovery(event.clone());
            self.queue.push(after, to, self.hosts[to].life, again);
        }
        let late = self.air.late > 0.0 && self.rng.f64() < self.air.late;
        let after = if late { LATE_MAX.mul_f64(self.rng.f64()) } else { Duration::ZERO };
        self.queue.push(LATENCY + after, to, self.hosts[to].life, Delivery::Discovery(event));
    }
}

/// The name of a host's service instance.
pub(crate) fn instance(id: HostId) -> String {
    format!("host-{id}")
}
