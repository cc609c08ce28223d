//! Who is on the network: nodes, their addresses, their cameras.
//!
//! Announcements are hearsay: they say whom to dial and what to list. What a node says on its link
//! is proven and wins. A camera stays listed while anything vouches for it: an announcement, its
//! node's link (or one that ended just now), or a session that still brings pictures.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lanlens_model::limits::{CAMERAS_MAX, NODES_MAX, OFFLINE_KEPT, PORT_MIN};
use lanlens_model::{CameraId, Cause, Epoch, Event, LostReason, NodeId, Role};
use lanlens_protocol::Txt;

use crate::dialing::Typed;
use crate::node::{Instance, Node};
use crate::pace::Pace;
use crate::{ById, Mesh};

/// A camera waits this long (and up to as much again) before it dials a viewer, because the viewer
/// dials at once: two links at the same time are only needed where a firewall stops the viewer's.
const CAMERA_DIALS_AFTER: Duration = Duration::from_millis(200);

/// Echoes of announcements from before a goodbye are told from a new start for this long.
const GOODBYE_REMEMBERED: Duration = Duration::from_secs(10);

/// After our own network came back, cameras have this long to be heard again.
const ANNOUNCED_AGAIN: Duration = Duration::from_secs(10);

/// A node that lost its link is back by another within this, or it is gone: where both have dialed,
/// one link ends, perhaps before the other's greeting is here.
const LINK_BACK: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(crate) struct Directory {
    pub(crate) nodes: ById<NodeId, Node>,
    pub(crate) cameras: ById<CameraId, Camera>,
    /// Addresses typed by hand.
    pub(crate) typed: BTreeMap<SocketAddr, Typed>,
    /// Which node each service instance announces.
    pub(crate) instances: BTreeMap<String, NodeId>,
    pub(crate) cameras_over_limit: u64,
    /// When hearsay last displaced older hearsay.
    pub(crate) node_made_way: Option<Instant>,
    pub(crate) camera_made_way: Option<Instant>,
}

/// A camera of another node.
pub(crate) struct Camera {
    pub(crate) name: String,
    pub(crate) node: NodeId,
    pub(crate) discovered: Instant,
    /// When its first picture came.
    pub(crate) first_picture: Option<Instant>,
    /// Its node told of it on the present link.
    pub(crate) told: bool,
    /// The program was told of it (and not yet that it is gone).
    pub(crate) listed: bool,
    pub(crate) offline_since: Option<Instant>,
    pub(crate) ever_live: bool,
    pub(crate) lost: Option<LostReason>,
    /// What its node says of its device.
    pub(crate) trouble: Option<String>,
    /// When it said so.
    pub(crate) trouble_at: Option<Instant>,
    /// Why it has no pictures, as the program was told.
    pub(crate) cause: Option<Cause>,
    pub(crate) last_picture: Option<Instant>,
    /// The rhythm of its pictures, between sessions.
    pub(crate) pace: Pace,
    /// This node wants to watch it.
    pub(crate) selected: bool,
}

impl Directory {
    pub(crate) fn next_due(&self, now: Instant) -> Option<Instant> {
        let expiry = |camera: &Camera| camera.offline_since.map(|since| since + OFFLINE_KEPT);
        let returns = |node: &Node| node.left.map(|(_, at)| at + GOODBYE_REMEMBERED);
        let cameras = self.cameras.values().filter_map(expiry);
        let nodes = self.nodes.values().filter(|node| node.may_return_unheard());
        cameras.chain(nodes.filter_map(returns)).map(|due| due.max(now)).min()
    }

    pub(crate) fn retry_all_now(&mut self, now: Instant) {
        self.nodes.values_mut().for_each(|node| node.backoff.hurry(now));
        self.typed.values_mut().for_each(|typed| typed.backoff.hurry(now));
    }
}

impl Mesh {
    pub(crate) fn on_resolved(&mut self, instance: String, txt: Txt, addresses: Vec<SocketAddr>) {
        if txt.node == self.config.node {
            return self.look_at_own_name_elsewhere(addresses);
        }
        if self.directory.instances.get(&instance).is_some_and(|node| *node != txt.node) {
            self.on_removed(&instance);
        }
        let left = self.directory.nodes.get(&txt.node).and_then(|node| node.left);
        if left.is_some_and(|(epoch, _)| txt.epoch <= epoch) {
            return;
        }
        if self.meet(txt.node, txt.role, txt.epoch).is_none() {
            self.directory.cameras_over_limit += u64::from(txt.camera.is_some());
            return;
        }
        self.make_room_for_instance(txt.node, &instance);
        let Some(node) = self.directory.nodes.get_mut(&txt.node) else { return };
        let entry = Instance {
            addresses: addresses.into_iter().filter(|a| a.port() >= PORT_MIN).collect(),
            camera: txt.camera,
            epoch: txt.epoch,
        };
        let before = node.addresses();
        node.instances.insert(instance.clone(), entry);
        let moved = node.addresses() != before;
        node.left = None;
        if node.link.is_none() {
            node.role = txt.role;
            node.epoch = txt.epoch;
            node.name.clone_from(&txt.name);
        }
        self.changed |= moved;
        self.directory.instances.insert(instance, txt.node);
        if let Some(node) = self.directory.nodes.get_mut(&txt.node) {
            // A sign of life; a viewer that was not dialed in vain yet keeps its head start.
            let dials_first = node.role == Role::Camera || node.backoff.has_failed();
            if dials_first && node.link.is_none() {
                node.backoff.hurry(self.now);
            }
        }
        if let Some(camera) = txt.camera {
            self.list_camera(camera, txt.node, &txt.name, false);
        }
        if moved && self.has_shown(txt.node) {
            // It had dialed us, so this is the first word of where it listens; or it has moved.
            self.remember_place(txt.node);
        }
    }

    pub(crate) fn on_removed(&mut self, instance: &str) {
        let Some(id) = self.directory.instances.remove(instance) else { return };
        if let Some(node) = self.directory.nodes.get_mut(&id) {
            node.instances.remove(instance);
            self.changed = true;
        }
    }

    /// The entry of a node, made and told to the program if it is new; `None` when the list is full.
    pub(crate) fn meet(&mut self, id: NodeId, role: Role, epoch: Epoch) -> Option<&mut Node> {
        if !self.directory.nodes.contains_key(&id) {
            if self.directory.nodes.len() >= NODES_MAX && !self.make_way_in_nodes() {
                return None;
            }
            let due = match role {
                Role::Camera => self.now,
                Role::Viewer => {
                    self.now + CAMERA_DIALS_AFTER + CAMERA_DIALS_AFTER.mul_f64(self.rng.f64())
                }
            };
            self.directory.nodes.insert(id, Node::new(role, epoch, due));
            self.changed = true;
        }
        self.directory.nodes.get_mut(&id)
    }

    /// Notes that a node has a camera. `told`: the node itself said so, on its link.
    pub(crate) fn list_camera(&mut self, id: CameraId, node: NodeId, name: &str, told: bool) {
        if let Some(camera) = self.directory.cameras.get_mut(&id) {
            // Hearsay never overrides what the linked node says of its own camera.
            if told || !camera.told {
                camera.told |= told;
                if camera.node != node || camera.name != name {
                    camera.node = node;
                    name.clone_into(&mut camera.name);
                    self.changed = true;
                    self.select_cameras();
                }
            }
            return;
        }
        if self.directory.cameras.len() >= CAMERAS_MAX && !self.make_room(told) {
            self.directory.cameras_over_limit += 1;
            return;
        }
        let camera = Camera {
            name: name.to_owned(),
            node,
            discovered: self.now,
            first_picture: None,
            told,
            listed: false,
            offline_since: None,
            ever_live: false,
            lost: None,
            trouble: None,
            trouble_at: None,
            cause: None,
            last_picture: None,
            pace: Pace::default(),
            selected: false,
        };
        self.directory.cameras.insert(id, camera);
        self.select_cameras();
    }

    pub(crate) fn forget_camera(&mut self, id: CameraId) {
        self.directory.cameras.remove(&id);
        self.watching.forget(id);
        self.changed = true;
        self.select_cameras();
    }

    /// Lists what became known, marks what nothing vouches for any more, forgets what is long gone.
    pub(crate) fn expire_directory(&mut self) {
        self.list_new_nodes();
        let ids: Vec<CameraId> = self.directory.cameras.keys().copied().collect();
        for id in ids {
            if self.is_present(id) {
                self.list_if_new(id);
            } else {
                self.unlist(id);
            }
        }
        let directory = &mut self.directory;
        let served: BTreeSet<NodeId> = self.serving.sessions.values().map(|s| s.node).collect();
        let used: BTreeSet<NodeId> = directory.cameras.values().map(|camera| camera.node).collect();
        // Forgotten between its dial and its greeting, it would be dialed again without a pause.
        let greeting = self.links.greeting();
        let (before, now) = (directory.nodes.len(), self.now);
        for node in directory.nodes.values_mut().filter(|node| node.may_return_unheard()) {
            node.left = node.left.filter(|(_, at)| now < *at + GOODBYE_REMEMBERED);
        }
        directory.nodes.retain(|id, node| {
            node.link.is_some()
                || node.left.is_some_and(|(_, at)| now < at + GOODBYE_REMEMBERED)
                || node.dialing.is_some()
                || !node.instances.is_empty()
                || !node.remembered.is_empty()
                || !node.told.is_empty()
                || used.contains(id)
                || served.contains(id)
                || greeting.contains(id)
        });
        self.changed |= before != directory.nodes.len();
    }

    fn list_new_nodes(&mut self) {
        let mut news = Vec::new();
        for (id, node) in &mut self.directory.nodes {
            if !node.is_only_remembered() && !std::mem::replace(&mut node.listed, true) {
                news.push(Event::Peer { node: *id, role: node.role, name: node.name.clone() });
            }
        }
        news.into_iter().for_each(|event| self.emit(event));
    }

    /// Announcements went with our own network: that says nothing about cameras, until they had time to
    /// announce themselves again.
    fn hears_nobody(&self) -> bool {
        self.offline || self.back_at.is_some_and(|at| self.now < at + ANNOUNCED_AGAIN)
    }

    pub(crate) fn next_presence_due(&self) -> Option<Instant> {
        let unlinked = self.directory.nodes.values().filter_map(|node| node.unlinked);
        let ended = unlinked.map(|at| at + LINK_BACK);
        let dues = ended.chain(self.back_at.map(|at| at + ANNOUNCED_AGAIN));
        dues.filter(|due| *due > self.now).min()
    }

    fn is_present(&self, id: CameraId) -> bool {
        let Some(camera) = self.directory.cameras.get(&id) else { return false };
        let watched =
            self.watching.of_camera(id).is_some_and(|(_, session)| session.has_pictures());
        let node = self.directory.nodes.get(&camera.node);
        let vouched = node.is_some_and(|node| {
            (node.link.is_some() && camera.told) || (node.left.is_none() && node.announces(id))
        });
        // Who said goodbye has left, whoever else is heard.
        let left = node.is_some_and(|node| node.left.is_some());
        let unlinked = node.and_then(|node| node.unlinked);
        let back_soon = unlinked.is_some_and(|at| self.now < at + LINK_BACK);
        vouched || watched || (camera.listed && !left && (back_soon || self.hears_nobody()))
    }

    pub(crate) fn list_if_new(&mut self, id: CameraId) {
        let now = self.now;
        let Some(camera) = self.directory.cameras.get_mut(&id) else { return };
        if std::mem::replace(&mut camera.listed, true) {
            return;
        }
        camera.discovered = now;
        camera.offline_since = None;
        camera.lost = None;
        let (name, node) = (camera.name.clone(), camera.node);
        let addresses = self.directory.nodes.get(&node).map(Node::addresses).unwrap_or_default();
        self.emit(Event::Discovered { camera: id, name, node, addresses });
    }

    fn unlist(&mut self, id: CameraId) {
        let now = self.now;
        let Some(camera) = self.directory.cameras.get_mut(&id) else { return };
        if !camera.listed {
            let since = camera.offline_since.unwrap_or(now);
            if !camera.ever_live || now >= since + OFFLINE_KEPT {
                self.forget_camera(id);
            }
            return;
        }
        camera.listed = false;
        camera.offline_since = Some(now);
        let left = self.directory.nodes.get(&camera.node).is_some_and(|node| node.left.is_some());
        let reason = if left { LostReason::Goodbye } else { LostReason::Expired };
        self.close_watch_of(id);
        self.emit(Event::Gone { camera: id, reason });
    }
}
