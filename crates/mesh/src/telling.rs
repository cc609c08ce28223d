//! Cameras tell their viewers where other cameras are, so that one address is enough where multicast
//! does not come through: whoever types it sees the whole room behind it.
//!
//! Only whoever may watch is told, and only of announcements that everyone there can hear. What is told
//! is hearsay like an announcement: worth dialing, with the key to be proven. A liar gets us to dial
//! [`TOLD_NODES_MAX`] wrong doors, slowly.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use lanlens_model::limits::TOLD_NODES_MAX;
use lanlens_model::{Access, Epoch, NodeId, Role};
use lanlens_protocol::{Message, ToldNode};

use crate::io::LinkId;
use crate::{Action, Mesh};

/// Changes are told together.
const TELL_EVERY: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(crate) struct Telling {
    /// When it may be told again.
    next: Option<Instant>,
    /// Something waits to be told until then.
    late: bool,
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
        let told = cameras.map(|(id, node)| ToldNode { node: *id, addresses: node.announced() });
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
        self.telling = Telling { next: Some(self.now + TELL_EVERY), late: false };
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
        let told: BTreeSet<NodeId> = nodes.iter().map(|told| told.node).collect();
        for (id, node) in &mut self.directory.nodes {
            if node.told_by == Some(teller) && !told.contains(id) {
                // It says so no longer; what was found true in the meantime stands by itself.
                node.told_by = None;
                node.told.clear();
            }
        }
        let own = self.config.node;
        for ToldNode { node: id, addresses } in nodes.into_iter().filter(|told| told.node != own) {
            let Some(node) = self.meet(id, Role::Camera, Epoch::default()) else { continue };
            if node.told_by.is_none_or(|by| by == teller) {
                node.told_by = Some(teller);
                node.told = addresses;
            }
        }
    }
}
