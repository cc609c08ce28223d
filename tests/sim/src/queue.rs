//! What will happen, and when.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lanlens_mesh::{LinkInput, SessionHandle, SessionInput, TrustInput};
use lanlens_protocol::DiscoveryEvent;

use crate::host::HostId;

/// Something that reaches one host.
pub(crate) enum Delivery {
    Discovery(DiscoveryEvent),
    Link(LinkInput),
    Session(SessionHandle, SessionInput),
    Trust(TrustInput),
    /// A dial attempt arrives (or not) at its target.
    Dialed {
        dial: lanlens_mesh::DialId,
        addresses: Vec<std::net::SocketAddr>,
        expect: Option<lanlens_model::DeviceId>,
    },
    /// The camera takes its next picture for a session.
    Picture(SessionHandle),
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
