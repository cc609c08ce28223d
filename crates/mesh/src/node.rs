//! Another node: what is announced of it, what it has proven, and whether it can be dialed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Instant;

use lanlens_model::limits::ADDRESSES_PER_NODE_MAX;
use lanlens_model::{Access, CameraId, DeviceId, Epoch, NodeId, Role};

use crate::ById;
use crate::backoff::Backoff;
use crate::io::{DialId, LinkId};
use crate::owning::People;
use crate::requesting::Request;

/// Another node.
pub(crate) struct Node {
    pub(crate) role: Role,
    /// Of the linked process, or as announced.
    pub(crate) epoch: Epoch,
    pub(crate) name: String,
    pub(crate) instances: BTreeMap<String, Instance>,
    /// Where it is, say the cameras that told of it.
    pub(crate) told: ById<NodeId, Vec<SocketAddr>>,
    /// Where it was reached in an earlier life of this program, or in this one.
    pub(crate) remembered: Vec<SocketAddr>,
    /// When that was written down last.
    pub(crate) written: Option<Instant>,
    /// The address at which it last proved itself.
    pub(crate) proven: Option<SocketAddr>,
    /// Where it said that it listens when it last dialed us.
    pub(crate) listens: Option<SocketAddr>,
    pub(crate) link: Option<LinkId>,
    /// When its last link ended.
    pub(crate) unlinked: Option<Instant>,
    pub(crate) dialing: Option<DialId>,
    pub(crate) backoff: Backoff,
    /// What it said we may do with its cameras; `None` where it has none.
    pub(crate) access: Option<Access>,
    /// Its start that was asked for its key, where it says to be of our own device.
    pub(crate) looked: Option<Epoch>,
    /// It has let us watch before, so a refusal now means that somebody removed us.
    pub(crate) let_in: bool,
    /// What came of asking it for leave.
    pub(crate) request: Request,
    /// Who waits and watches there; it tells only owners.
    pub(crate) people: Option<People>,
    /// When it told that.
    pub(crate) people_at: Option<Instant>,
    /// Whom it was told a decision about since it last told us who is there.
    pub(crate) decided: BTreeSet<DeviceId>,
    /// It said goodbye in this epoch, then: later announcements of the same start are echoes.
    pub(crate) left: Option<(Epoch, Instant)>,
    /// Addresses where somebody else answered.
    pub(crate) wrong: BTreeSet<SocketAddr>,
    /// The program was told of it.
    pub(crate) listed: bool,
}

/// One service instance that announces it.
pub(crate) struct Instance {
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) camera: Option<CameraId>,
    pub(crate) epoch: Epoch,
}

impl Node {
    pub(crate) fn new(role: Role, epoch: Epoch, due: Instant) -> Self {
        Self {
            role,
            epoch,
            name: String::new(),
            instances: BTreeMap::new(),
            told: ById::new(),
            remembered: Vec::new(),
            written: None,
            proven: None,
            listens: None,
            link: None,
            unlinked: None,
            dialing: None,
            backoff: Backoff::starting(due),
            access: None,
            looked: None,
            let_in: false,
            request: Request::default(),
            people: None,
            people_at: None,
            decided: BTreeSet::new(),
            left: None,
            wrong: BTreeSet::new(),
            listed: false,
        }
    }

    /// Every known address, at most [`ADDRESSES_PER_NODE_MAX`]: the proven one first, then the one
    /// that it named itself, announced, told and remembered ones, those where somebody else answered last.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let announced = self.instances.values().flat_map(|instance| instance.addresses.iter());
        let (wrong, good): (Vec<_>, Vec<_>) = announced.partition(|a| self.wrong.contains(a));
        let hearsay = self.told.values().flatten().chain(&self.remembered);
        each_once(self.proven.iter().chain(&self.listens).chain(good).chain(hearsay).chain(wrong))
    }

    /// Where announcements say that it is, at most [`ADDRESSES_PER_NODE_MAX`].
    pub(crate) fn announced(&self) -> Vec<SocketAddr> {
        each_once(self.instances.values().flat_map(|instance| &instance.addresses))
    }

    /// Where it was reached, and what its linked start says and announces; not what others say of it, nor what
    /// was remembered before.
    pub(crate) fn own_addresses(&self) -> Vec<SocketAddr> {
        let own = self.instances.values().filter(|instance| instance.epoch == self.epoch);
        let own = own.flat_map(|instance| &instance.addresses);
        each_once(self.proven.iter().chain(&self.listens).chain(own))
    }

    /// The node itself has said which start this is: what claims a later one was false, or comes
    /// again when it is true.
    pub(crate) fn believe_no_later_start_than(&mut self, epoch: Epoch) {
        for instance in self.instances.values_mut() {
            instance.epoch = instance.epoch.min(epoch);
        }
    }

    /// How many service instances announce it.
    pub(crate) fn instance_count(&self) -> usize {
        self.instances.len()
    }

    /// Whether the service instance of this name does.
    pub(crate) fn announced_by(&self, instance: &str) -> bool {
        self.instances.contains_key(instance)
    }

    pub(crate) fn announces(&self, camera: CameraId) -> bool {
        self.instances.values().any(|instance| instance.camera == Some(camera))
    }

    /// It was dialed for what was said of it, and never answered.
    pub(crate) fn led_nowhere(&self) -> bool {
        self.link.is_none()
            && self.proven.is_none()
            && self.dialing.is_none()
            && (self.backoff.has_failed() || !self.has_address())
    }

    /// Somewhere to dial.
    pub(crate) fn has_address(&self) -> bool {
        self.proven.is_some()
            || self.listens.is_some()
            || !self.instances.is_empty()
            || !self.told.is_empty()
            || !self.remembered.is_empty()
    }

    /// Whether it is dialed at this address, and nobody else has answered there.
    pub(crate) fn may_be_at(&self, address: SocketAddr) -> bool {
        !self.wrong.contains(&address) && self.addresses().contains(&address)
    }

    /// It has left, and may come back without a word that we could hear. (Where its announcements are
    /// heard, a new one brings it back, and an old one must not.)
    pub(crate) fn may_return_unheard(&self) -> bool {
        self.left.is_some() && !self.remembered.is_empty() && self.instances.is_empty()
    }

    /// Nothing says that it is there today.
    pub(crate) fn is_only_remembered(&self) -> bool {
        let was_here = self.proven.is_some() || self.listens.is_some();
        self.link.is_none() && !was_here && self.instances.is_empty()
    }

    /// It was started again since the link was made, says an announcement.
    pub(crate) fn restarted(&self) -> bool {
        self.instances.values().any(|instance| instance.epoch > self.epoch)
    }
}

/// At most [`ADDRESSES_PER_NODE_MAX`] of them.
fn each_once<'a>(addresses: impl Iterator<Item = &'a SocketAddr>) -> Vec<SocketAddr> {
    let mut all: Vec<SocketAddr> = Vec::new();
    for address in addresses {
        if !all.contains(address) && all.len() < ADDRESSES_PER_NODE_MAX {
            all.push(*address);
        }
    }
    all
}
