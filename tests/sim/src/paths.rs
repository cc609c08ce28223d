//! Who can reach whom: cuts between two hosts, in one direction or both, of one kind of traffic or all.

use crate::host::HostId;
use crate::world::World;

/// A kind of traffic that can be cut alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Traffic {
    /// Links: TCP.
    Signaling,
    /// Pictures, and what comes back for them: UDP.
    Media,
    /// mDNS.
    Multicast,
}

impl Traffic {
    /// Each kind.
    pub const ALL: [Self; 3] = [Self::Signaling, Self::Media, Self::Multicast];
}

/// Nothing of a kind gets from one host to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Block {
    traffic: Traffic,
    from: HostId,
    to: HostId,
}

impl World {
    /// Nothing of this kind gets from `from` to `to` any more.
    pub fn block(&mut self, traffic: Traffic, from: HostId, to: HostId) {
        self.blocked.insert(Block { traffic, from, to });
        self.look_at_links();
    }

    /// Two sets of hosts no longer hear of each other, which nobody is told.
    pub fn part(&mut self, some: &[HostId], others: &[HostId]) {
        for (one, other) in some.iter().flat_map(|one| others.iter().map(move |o| (*one, *o))) {
            for traffic in Traffic::ALL {
                self.blocked.insert(Block { traffic, from: one, to: other });
                self.blocked.insert(Block { traffic, from: other, to: one });
            }
        }
        self.look_at_links();
    }

    /// Every cut between two hosts is mended for which `which` is true.
    pub(crate) fn unblock(&mut self, mut which: impl FnMut() -> bool) {
        self.blocked.retain(|_| !which());
        self.look_at_links();
    }

    /// Every cut between two hosts is mended.
    pub fn mend_paths(&mut self) {
        self.unblock(|| true);
    }

    /// Whether packets get from one host to another.
    pub(crate) fn passes(&self, traffic: Traffic, from: HostId, to: HostId) -> bool {
        let off = |id: HostId| self.hosts[id].cut || self.hosts[id].unplugged;
        !off(from) && !off(to) && !self.blocked.contains(&Block { traffic, from, to })
    }

    /// Whether they do in both directions.
    pub(crate) fn passes_both(&self, traffic: Traffic, one: HostId, other: HostId) -> bool {
        self.passes(traffic, one, other) && self.passes(traffic, other, one)
    }
}
