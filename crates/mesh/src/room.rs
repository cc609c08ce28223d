//! Room in full lists: what has proven itself displaces hearsay, hearsay that led nowhere makes way,
//! and nobody fills a list alone. Who has many keys still has few addresses, so linked nodes are
//! counted by where they are.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use lanlens_model::limits::{ADDRESSES_PER_NODE_MAX, CAMERAS_PER_VIEWER_MAX, NODES_MAX};
use lanlens_model::{CameraId, DeviceId, Event, LostReason, NodeId, origin};
use lanlens_protocol::ErrorCode;

use crate::Mesh;
use crate::io::{LinkId, SessionHandle};

/// Hearsay displaces older hearsay this often at most: a flood must not become a flood of events.
const MAKE_WAY_EVERY: Duration = Duration::from_millis(500);

/// Whose share of a list something takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Share {
    /// Linked: by where its node is.
    Address(IpAddr),
    /// Only announced.
    Device(DeviceId),
}

impl Mesh {
    /// For a node that has proven itself, hearsay makes way.
    pub(crate) fn make_room_for(&mut self, id: NodeId) {
        if self.directory.nodes.contains_key(&id) || self.directory.nodes.len() < NODES_MAX {
            return;
        }
        let useful = self.useful_nodes();
        let mut nodes = self.directory.nodes.iter();
        let victim =
            nodes.find(|(id, node)| node.link.is_none() && !useful.contains(id)).map(|(id, _)| *id);
        if let Some(victim) = victim {
            self.forget_node(victim);
        }
    }

    /// For new hearsay, an announcement that led nowhere makes way.
    pub(crate) fn make_way_in_nodes(&mut self) -> bool {
        if !self.may_make_way(self.directory.node_made_way) {
            return false;
        }
        let useful = self.useful_nodes();
        let mut nodes = self.directory.nodes.iter();
        let vain = nodes.find(|(id, node)| node.led_nowhere() && !useful.contains(id));
        let Some(vain) = vain.map(|(id, _)| *id) else { return false };
        self.directory.node_made_way = Some(self.now);
        self.forget_node(vain);
        true
    }

    /// A node is announced by one service instance, and by liars: which of too many are believed is left
    /// to chance, so that no order of names or times shuts the true one out for good.
    pub(crate) fn make_room_for_instance(&mut self, id: NodeId, instance: &str) {
        let Some(node) = self.directory.nodes.get(&id) else { return };
        if node.announced_by(instance) || node.instance_count() < ADDRESSES_PER_NODE_MAX {
            return;
        }
        let mut of_node = self.directory.instances.iter().filter(|(_, of)| **of == id);
        let victim = of_node.nth(self.rng.usize(0..ADDRESSES_PER_NODE_MAX));
        let Some(victim) = victim.map(|(name, _)| name.clone()) else { return };
        self.on_removed(&victim);
    }

    fn may_make_way(&self, last: Option<Instant>) -> bool {
        last.is_none_or(|at| self.now >= at + MAKE_WAY_EVERY)
    }

    fn forget_node(&mut self, id: NodeId) {
        self.directory.nodes.remove(&id);
        self.directory.instances.retain(|_, node| *node != id);
    }

    /// Nodes that something good came of.
    fn useful_nodes(&self) -> BTreeSet<NodeId> {
        let cameras = self.directory.cameras.values();
        cameras
            .filter(|camera| camera.told || camera.ever_live)
            .map(|camera| camera.node)
            .chain(self.serving.sessions.values().map(|session| session.node))
            .collect()
    }

    /// Frees a place in the camera list: an offline camera; for one that has proven itself, one that
    /// has not; for one that is only announced, one whose announcement led nowhere.
    pub(crate) fn make_room(&mut self, for_proven: bool) -> bool {
        let cameras = || self.directory.cameras.iter();
        let offline = cameras().find(|(_, camera)| camera.offline_since.is_some());
        let hearsay = || cameras().filter(|(_, c)| !c.told && !c.ever_live);
        let vain = || {
            let nodes = &self.directory.nodes;
            hearsay().find(|(_, c)| nodes.get(&c.node).is_none_or(|node| node.led_nowhere()))
        };
        let victim = match offline {
            Some((id, _)) => Some(*id),
            None if for_proven => {
                hearsay().next().map(|(id, _)| *id).or_else(|| self.silent_of_the_greediest())
            }
            None if self.may_make_way(self.directory.camera_made_way) => vain().map(|(id, _)| *id),
            None => None,
        };
        let Some(victim) = victim else { return false };
        if !for_proven {
            self.directory.camera_made_way = Some(self.now);
        }
        let was_listed = self.directory.cameras.get(&victim).is_some_and(|camera| camera.listed);
        self.close_watch_of(victim);
        self.forget_camera(victim);
        if was_listed {
            self.emit(Event::Gone { camera: victim, reason: LostReason::Expired });
        }
        true
    }

    /// A camera that never showed anything, of whoever lists the most such.
    fn silent_of_the_greediest(&self) -> Option<CameraId> {
        let mut silent: BTreeMap<Share, Vec<CameraId>> = BTreeMap::new();
        for (id, camera) in self.directory.cameras.iter().filter(|(_, camera)| !camera.ever_live) {
            silent.entry(self.share_of(camera.node)).or_default().push(*id);
        }
        let greediest = silent.into_values().max_by_key(Vec::len)?;
        greediest.last().copied().filter(|_| greediest.len() > 1)
    }

    /// Whether to look who has a place and who wants one: always while some are free.
    pub(crate) fn may_share_out(&mut self) -> bool {
        if self.watching.sessions.len() < CAMERAS_PER_VIEWER_MAX {
            return true;
        }
        let due = self.may_make_way(self.watching.shared_out);
        if due {
            self.watching.shared_out = Some(self.now);
        }
        due
    }

    /// Whether `camera` may be watched besides all that is watched already. When that is as much as
    /// may be, whoever has the most gives one up for whoever would have less.
    pub(crate) fn make_room_to_watch(&mut self, camera: CameraId) -> bool {
        if self.watching.sessions.len() < CAMERAS_PER_VIEWER_MAX {
            return true;
        }
        let Some(wanted) = self.directory.cameras.get(&camera).map(|c| self.share_of(c.node))
        else {
            return false;
        };
        let mut shares: BTreeMap<Share, Vec<SessionHandle>> = BTreeMap::new();
        for (handle, session) in &self.watching.sessions {
            shares.entry(self.share_of(session.node)).or_default().push(*handle);
        }
        let has = shares.get(&wanted).map_or(0, Vec::len);
        let greediest = shares.into_values().max_by_key(Vec::len).unwrap_or_default();
        if greediest.len() <= has + 1 {
            return false;
        }
        let sessions = &self.watching.sessions;
        let shows = |handle: &&SessionHandle| sessions.get(*handle).is_some_and(|s| s.shown);
        let dark = greediest.iter().rev().find(|handle| !shows(handle));
        // A living picture is given up only by who has most of all places, for who has none.
        let lit = (has == 0 && greediest.len() > CAMERAS_PER_VIEWER_MAX / 2)
            .then(|| greediest.last())
            .flatten();
        let victim = dark.or(lit).and_then(|handle| sessions.get(handle));
        let Some(victim) = victim.map(|session| session.camera) else { return false };
        self.close_watch_of(victim);
        true
    }

    /// For another camera's link, when there are as many as may be: whoever has the most gives one up
    /// for whoever would have less. Cameras that are watched keep theirs.
    pub(crate) fn make_room_to_link(&mut self, new: LinkId) -> bool {
        let Some(wanted) = self.links.open.get(&new).map(|link| share_of_address(link.remote.ip()))
        else {
            return false;
        };
        let mut shares: BTreeMap<IpAddr, Vec<LinkId>> = BTreeMap::new();
        for (id, link) in &self.links.open {
            let node = link.node().filter(|node| self.watching.watches_nothing_of(*node));
            let node = node.and_then(|node| self.directory.nodes.get(&node));
            if node.is_some_and(|node| node.access.is_some()) {
                shares.entry(share_of_address(link.remote.ip())).or_default().push(*id);
            }
        }
        let has = shares.get(&wanted).map_or(0, Vec::len);
        let greediest = shares.into_values().max_by_key(Vec::len).unwrap_or_default();
        let Some(victim) = greediest.last().copied().filter(|_| greediest.len() > has + 1) else {
            return false;
        };
        self.refuse_link(victim, ErrorCode::Limit, "too many cameras at this address");
        true
    }

    fn share_of(&self, node: NodeId) -> Share {
        let link = self.directory.nodes.get(&node).and_then(|node| node.link);
        match link.and_then(|link| self.links.open.get(&link)) {
            Some(link) => Share::Address(share_of_address(link.remote.ip())),
            None => Share::Device(node.device()),
        }
    }
}

/// A host has as many link-local addresses as it likes, so here all of them are one.
fn share_of_address(ip: IpAddr) -> IpAddr {
    match origin(ip) {
        IpAddr::V6(v6) if v6.is_unicast_link_local() => IpAddr::V6(LINK_LOCAL),
        ip => ip,
    }
}

const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0);
