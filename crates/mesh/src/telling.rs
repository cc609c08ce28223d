//! Cameras tell their viewers where other cameras are, so that one address is enough where multicast
//! does not come through: whoever types it sees the whole room behind it.
//!
//! Only whoever may watch is told, and only of announcements that everyone there can hear. What is told
//! is hearsay like an announcement: worth dialing, with the key to be proven. A liar gets us to dial
//! [`TOLD_NODES_MAX`] wrong doors, and one more every ten seconds; what it said is forgotten with it.

use std::time::{Duration, Instant};

use lanlens_model::limits::TOLD_NODES_MAX;
use lanlens_model::{Access, DeviceId, Epoch, NodeId, Role};
use lanlens_protocol::{Message, ToldNode};

use crate::io::LinkId;
use crate::node::Node;
use crate::quota::Quota;
use crate::{Action, ById, Mesh};

/// Changes are told together.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// After as many as one message holds, a device may tell of one more in this time.
const ANOTHER_EVERY: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(crate) struct Telling {
    /// When it may be told again.
    next: Option<Instant>,
    /// Something waits to be told until then.
    late: bool,
    /// How many more unknown nodes each device may tell us of now.
    believed: ById<DeviceId, Quota>,
}

impl Telling {
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.next.filter(|_| self.late)
    }
}

impl Mesh {
    /// At the camera: the announced cameras that others run here.
    fn other_cameras(&self) -> Vec<ToldNode> {
        let nodes = self.directory.nodes.iter();
        let cameras = nodes.filter(|(_, node)| node.role == Role::Camera && node.left.is_none());
        // What stands on this machine is announced on its loopback too, which means nothing elsewhere.
        let abroad = |node: &Node| {
            let addresses = node.announced().into_iter();
            addresses.filter(|address| !address.ip().is_loopback()).collect()
        };
        let told = cameras.map(|(id, node)| ToldNode { node: *id, addresses: abroad(node) });
        told.filter(|told| !told.addresses.is_empty()).take(TOLD_NODES_MAX).collect()
    }

    /// Tells whoever may watch what has changed.
    pub(crate) fn tell_nodes(&mut self) {
        if self.config.cameras.is_empty() {
            return;
        }
        let nodes = self.other_cameras();
        let stale: Vec<LinkId> = self
            .links
            .open
            .iter()
            .filter(|(_, link)| link.told == Some(Access::Granted) && link.told_nodes != nodes)
            .filter(|(_, link)| link.node().is_some_and(|node| self.role_of(node) == Role::Viewer))
            .map(|(id, _)| *id)
            .collect();
        self.telling.late = !stale.is_empty();
        if stale.is_empty() || self.telling.next.is_some_and(|next| self.now < next) {
            return;
        }
        (self.telling.next, self.telling.late) = (Some(self.now + TELL_EVERY), false);
        for id in stale {
            self.act(Action::Send { link: id, message: Message::Nodes { nodes: nodes.clone() } });
            if let Some(link) = self.links.open.get_mut(&id) {
                link.told_nodes.clone_from(&nodes);
            }
        }
    }

    /// At the viewer: a camera that lets us watch tells whom it hears.
    pub(crate) fn on_nodes(&mut self, teller: NodeId, nodes: Vec<ToldNode>) {
        let believed = self.directory.nodes.get(&teller).and_then(|node| node.access);
        if self.config.role != Role::Viewer || believed != Some(Access::Granted) {
            return;
        }
        // All of it, each time: what it says no longer is taken back.
        self.forget_what_was_told_by(teller);
        let own = self.config.node;
        for ToldNode { node: id, addresses } in nodes.into_iter().filter(|told| told.node != own) {
            if !self.directory.nodes.contains_key(&id) && !self.may_tell_of_another(teller.device())
            {
                continue;
            }
            if let Some(node) = self.meet(id, Role::Camera, Epoch::default()) {
                node.told.insert(teller, addresses);
            }
        }
    }

    /// Names that nobody else knows cost a dial each.
    fn may_tell_of_another(&mut self, device: DeviceId) -> bool {
        let (now, burst) = (self.now, TOLD_NODES_MAX as u32);
        let believed = &mut self.telling.believed;
        believed.retain(|_, quota| !quota.is_full(burst, ANOTHER_EVERY, now));
        believed.entry(device).or_insert_with(|| Quota::full(burst, now)).take(
            burst,
            ANOTHER_EVERY,
            now,
        )
    }

    /// It is gone, or may no longer be believed.
    pub(crate) fn forget_what_was_told_by(&mut self, teller: NodeId) {
        for node in self.directory.nodes.values_mut() {
            node.told.remove(&teller);
        }
    }
}
