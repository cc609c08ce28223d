//! Where cameras were reached: remembered from start to start, so that they are found again where they
//! cannot be heard.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use lanlens_model::limits::KNOWN_NODES_MAX;
use lanlens_model::{Epoch, KnownNode, NodeId, Role};

use crate::directory::Directory;
use crate::node::Node;
use crate::{Action, Config, Mesh};

/// Places are written to the disk this often at most, each.
const WRITE_EVERY: Duration = Duration::from_secs(10);

impl Directory {
    /// What an earlier life of this program knew.
    pub(crate) fn with_known(config: &Config, now: Instant) -> Self {
        let mut directory = Self::default();
        if config.role == Role::Viewer {
            for known in config.known.iter().take(KNOWN_NODES_MAX) {
                let mut node = Node::new(Role::Camera, Epoch::default(), now);
                node.remembered.clone_from(&known.addresses);
                directory.nodes.insert(known.node, node);
            }
            directory.nodes.remove(&config.node);
        }
        directory
    }
}

impl Mesh {
    /// Pictures came from it: a stranger can say anything else.
    pub(crate) fn has_shown(&self, node: NodeId) -> bool {
        self.directory.cameras.values().any(|camera| camera.ever_live && camera.node == node)
    }

    /// Writes down where a camera's node is, if that has changed since it was written last.
    pub(crate) fn remember_place(&mut self, id: NodeId) {
        let now = self.now;
        let Some(node) = self.directory.nodes.get_mut(&id) else { return };
        // Lies must not outlive the day.
        let mut addresses = node.own_addresses();
        // Interfaces are numbered anew at every start of the system.
        addresses.retain(|a| !matches!(a.ip(), IpAddr::V6(ip) if ip.is_unicast_link_local()));
        addresses.retain(|address| !node.wrong.contains(address));
        let as_before = addresses.len() == node.remembered.len()
            && addresses.iter().all(|address| node.remembered.contains(address));
        let just_now = node.written.is_some_and(|at| now < at + WRITE_EVERY);
        if addresses.is_empty() || as_before || just_now {
            return;
        }
        node.written = Some(now);
        node.remembered.clone_from(&addresses);
        self.act(Action::RememberNode(KnownNode { node: id, addresses }));
    }
}
