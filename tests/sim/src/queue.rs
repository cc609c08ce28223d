//! What will happen, and when.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lanlens_mesh::{DialId, LinkId, LinkInput, ScanInput, SessionHandle, SessionInput, TrustInput};
use lanlens_model::DeviceId;
use lanlens_protocol::DiscoveryEvent;

use crate::host::HostId;

/// Something that reaches one host.
#[derive(Debug)]
pub(crate) enum Delivery {
    Discovery(DiscoveryEvent),
    Link(LinkInput),
    Session(SessionHandle, SessionInput),
    Trust(TrustInput),
    Scan(ScanInput),
    /// A dial attempt arrives (or not) at its target.
    Dialed(Attempt),
    /// The camera takes its next picture for a session.
    Picture(SessionHandle),
    /// Both ends of a watching session look for a path.
    Connect(SessionHandle),
    /// A link's pings have gone unanswered since then, unless it was heard of meanwhile.
    Silent(LinkId, Instant),
    /// mDNS asks the network, for the n-th time since the process began.
    Browse(u32),
    /// Nobody has renewed what was announced, for the n-th time, by a host that fell silent.
    Expired(HostId, u64),
    /// The system's list of addresses was looked at, and has changed. `slept`: nothing that stood
    /// before is trusted.
    Network {
        slept: bool,
    },
    /// The host's process goes on.
    Wake,
}

/// An attempt to reach one of several addresses.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) dial: DialId,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) expect: Option<DeviceId>,
    /// How often the first packet was sent before.
    pub(crate) repeats: u32,
}

/// Deliveries in the order of time, and of making where the time is equal.
pub(crate) struct Queue {
    pub(crate) now: Instant,
    made: u64,
    items: BTreeMap<(Instant, u64), (HostId, u64, Delivery)>,
}

impl Queue {
    pub(crate) fn new(now: Instant) -> Self {
        Self { now, made: 0, items: BTreeMap::new() }
    }

    /// `life` is the process start that the delivery is meant for: a restarted host never gets it.
    pub(crate) fn push(&mut self, after: Duration, to: HostId, life: u64, delivery: Delivery) {
        self.made += 1;
        self.items.insert((self.now + after, self.made), (to, life, delivery));
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.items.first_key_value().map(|((at, _), _)| *at)
    }

    pub(crate) fn pop_due(&mut self) -> Option<(HostId, u64, Delivery)> {
        let entry = self.items.first_entry()?;
        (entry.key().0 <= self.now).then(|| entry.remove())
    }
}
