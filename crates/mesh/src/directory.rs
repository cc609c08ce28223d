//! Who is on the network: nodes, their addresses, their cameras.
//!
//! Announcements are hearsay: they say whom to dial and what to list. What a node says on its link
//! is proven and wins. A camera stays listed while anything vouches for it: an announcement, its
//! node's link, or a session that still brings pictures.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lanlens_model::limits::{
    ADDRESSES_PER_NODE_MAX, CAMERAS_MAX, NODES_MAX, OFFLINE_KEPT, PORT_MIN,
};
use lanlens_model::{Access, CameraId, DeviceId, Epoch, Event, LostReason, NodeId, Role};
use lanlens_protocol::Txt;

use crate::backoff::Backoff;
use crate::io::{DialId, LinkId};
use crate::pace::Pace;
use crate::{Action, ById, Mesh};

/// A camera waits this long (and up to as much again) before it dials a viewer, because the viewer
/// dials at once: two links at the same time are only needed where a firewall stops the viewer's.
const CAMERA_DIALS_AFTER: Duration = Duration::from_millis(200);

/// Echoes of announcements from before a goodbye are told from a new start for this long.
const GOODBYE_REMEMBERED: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(crate) struct Directory {
    pub(crate) nodes: ById<NodeId, Node>,
    pub(crate) cameras: ById<CameraId, Camera>,
    /// Addresses typed by hand.
    pub(crate) typed: BTreeMap<SocketAddr, Typed>,
    /// Which node each service instance announces.
    instances: BTreeMap<String, NodeId>,
    pub(crate) cameras_over_limit: u64,
}

/// Another node.
pub(crate) struct Node {
    pub(crate) role: Role,
    /// Of the linked process, or as announced.
    pub(crate) epoch: Epoch,
    pub(crate) name: String,
    instances: BTreeMap<String, Instance>,
    /// The address at which it last proved itself.
    pub(crate) proven: Option<SocketAddr>,
    pub(crate) link: Option<LinkId>,
    pub(crate) dialing: Option<DialId>,
    pub(crate) backoff: Backoff,
    /// What it said we may do with its cameras; `None` where it has none.
    pub(crate) access: Option<Access>,
    /// The link on which it was asked for leave.
    pub(crate) asked: Option<LinkId>,
    /// It said goodbye in this epoch, then: later announcements of the same start are echoes.
    pub(crate) left: Option<(Epoch, Instant)>,
    /// Addresses where somebody else answered.
    pub(crate) wrong: BTreeSet<SocketAddr>,
    /// The program was told of it.
    listed: bool,
}

struct Instance {
    addresses: Vec<SocketAddr>,
    camera: Option<CameraId>,
    epoch: Epoch,
}

/// A camera of another node.
pub(crate) struct Camera {
    pub(crate) name: String,
    pub(crate) node: NodeId,
    pub(crate) discovered: Instant,
    /// Its node told of it on the present link.
    pub(crate) told: bool,
    /// The program was told of it (and not yet that it is gone).
    listed: bool,
    pub(crate) offline_since: Option<Instant>,
    pub(crate) ever_live: bool,
    pub(crate) lost: Option<LostReason>,
    pub(crate) last_picture: Option<Instant>,
    /// The rhythm of its pictures, between sessions.
    pub(crate) pace: Pace,
    /// This node wants to watch it.
    pub(crate) selected: bool,
}

/// An address typed by hand.
pub(crate) struct Typed {
    pub(crate) backoff: Backoff,
    pub(crate) dialing: Option<DialId>,
    /// Who answered there.
    pub(crate) node: Option<NodeId>,
    /// The program was told that nobody answers.
    pub(crate) complained: bool,
}

impl Node {
    fn new(role: Role, epoch: Epoch, due: Instant) -> Self {
        Self {
            role,
            epoch,
            name: String::new(),
            instances: BTreeMap::new(),
            proven: None,
            link: None,
            dialing: None,
            backoff: Backoff::starting(due),
            access: None,
            asked: None,
            left: None,
            wrong: BTreeSet::new(),
            listed: false,
        }
    }

    /// Every known address, at most [`ADDRESSES_PER_NODE_MAX`]: the proven one first, those where
    /// somebody else answered last.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        let announced = self.instances.values().flat_map(|instance| instance.addresses.iter());
        let (wrong, good): (Vec<_>, Vec<_>) = announced.partition(|a| self.wrong.contains(a));
        let mut all: Vec<SocketAddr> = Vec::new();
        for address in self.proven.iter().chain(good).chain(wrong) {
            if !all.contains(address) && all.len() < ADDRESSES_PER_NODE_MAX {
                all.push(*address);
            }
        }
        all
    }

    /// The node itself has said which start this is: what claims a later one was false, or comes
    /// again when it is true.
    pub(crate) fn believe_no_later_start_than(&mut self, epoch: Epoch) {
        for instance in self.instances.values_mut() {
            instance.epoch = instance.epoch.min(epoch);
        }
    }

    fn announces(&self, camera: CameraId) -> bool {
        self.instances.values().any(|instance| instance.camera == Some(camera))
    }

    /// It was started again since the link was made, says an announcement.
    fn restarted(&self) -> bool {
        self.instances.values().any(|instance| instance.epoch > self.epoch)
    }
}

impl Directory {
    pub(crate) fn next_due(&self, now: Instant) -> Option<Instant> {
        let expiry = |camera: &Camera| camera.offline_since.map(|since| since + OFFLINE_KEPT);
        self.cameras.values().filter_map(expiry).map(|due| due.max(now)).min()
    }

    pub(crate) fn retry_all_now(&mut self, now: Instant) {
        self.nodes.values_mut().for_each(|node| node.backoff.hurry(now));
        self.typed.values_mut().for_each(|typed| typed.backoff.hurry(now));
    }
}

impl Mesh {
    pub(crate) fn on_resolved(&mut self, instance: String, txt: Txt, addresses: Vec<SocketAddr>) {
        if txt.node == self.config.node {
            return;
        }
        if self.directory.instances.get(&instance).is_some_and(|node| *node != txt.node) {
            self.on_removed(&instance);
        }
        let left = self.directory.nodes.get(&txt.node).and_then(|node| node.left);
        if left.is_some_and(|(epoch, _)| txt.epoch <= epoch) {
            return;
        }
        let Some(node) = self.meet(txt.node, txt.role, txt.epoch) else {
            self.directory.cameras_over_limit += u64::from(txt.camera.is_some());
            return;
        };
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
            // A sign of life; the first dial of a camera keeps its head start for the viewer.
            if node.role == Role::Camera && node.link.is_none() {
                node.backoff.hurry(self.now);
            }
        }
        if let Some(camera) = txt.camera {
            self.list_camera(camera, txt.node, &txt.name, false);
        }
    }

    pub(crate) fn on_removed(&mut self, instance: &str) {
        let Some(id) = self.directory.instances.remove(instance) else { return };
        if let Some(node) = self.directory.nodes.get_mut(&id) {
            node.instances.remove(instance);
            self.changed = true;
        }
    }

    pub(crate) fn on_add_peer(&mut self, address: SocketAddr) {
        let due = self.now;
        self.directory.typed.entry(address).or_insert_with(|| Typed {
            backoff: Backoff::starting(due),
            dialing: None,
            node: None,
            complained: false,
        });
    }

    /// The entry of a node, made and told to the program if it is new; `None` when the list is full.
    pub(crate) fn meet(&mut self, id: NodeId, role: Role, epoch: Epoch) -> Option<&mut Node> {
        if !self.directory.nodes.contains_key(&id) {
            if self.directory.nodes.len() >= NODES_MAX {
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

    /// For a node that has proven itself, hearsay makes way.
    pub(crate) fn make_room_for(&mut self, id: NodeId) {
        if self.directory.nodes.contains_key(&id) || self.directory.nodes.len() < NODES_MAX {
            return;
        }
        let useful: BTreeSet<NodeId> = self
            .directory
            .cameras
            .values()
            .filter(|camera| camera.told || camera.ever_live)
            .map(|camera| camera.node)
            .chain(self.serving.sessions.values().map(|session| session.node))
            .collect();
        let mut nodes = self.directory.nodes.iter();
        let victim =
            nodes.find(|(id, node)| node.link.is_none() && !useful.contains(id)).map(|(id, _)| *id);
        if let Some(victim) = victim {
            self.directory.nodes.remove(&victim);
            self.directory.instances.retain(|_, node| *node != victim);
        }
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
            told,
            listed: false,
            offline_since: None,
            ever_live: false,
            lost: None,
            last_picture: None,
            pace: Pace::default(),
            selected: false,
        };
        self.directory.cameras.insert(id, camera);
        self.select_cameras();
    }

    /// Frees a place in the camera list: an offline camera, or, for one that has proven itself, one
    /// that has not.
    fn make_room(&mut self, for_proven: bool) -> bool {
        let mut cameras = self.directory.cameras.iter();
        let victim = cameras
            .clone()
            .find(|(_, camera)| camera.offline_since.is_some())
            .or_else(|| cameras.find(|(_, c)| for_proven && !c.told && !c.ever_live))
            .map(|(id, _)| *id)
            .or_else(|| self.of_the_greediest_device().filter(|_| for_proven));
        let Some(victim) = victim else { return false };
        let was_listed = self.directory.cameras.get(&victim).is_some_and(|camera| camera.listed);
        self.close_watch_of(victim);
        self.forget_camera(victim);
        if was_listed {
            self.emit(Event::Gone { camera: victim, reason: LostReason::Expired });
        }
        true
    }

    /// A camera that never showed anything, of the device that lists the most such.
    fn of_the_greediest_device(&self) -> Option<CameraId> {
        let mut silent: BTreeMap<DeviceId, Vec<CameraId>> = BTreeMap::new();
        for (id, _) in self.directory.cameras.iter().filter(|(_, camera)| !camera.ever_live) {
            silent.entry(id.device()).or_default().push(*id);
        }
        let greediest = silent.into_values().max_by_key(Vec::len)?;
        greediest.first().copied().filter(|_| greediest.len() > 1)
    }

    fn forget_camera(&mut self, id: CameraId) {
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
        let (before, now) = (directory.nodes.len(), self.now);
        directory.nodes.retain(|id, node| {
            node.link.is_some()
                || node.left.is_some_and(|(_, at)| now < at + GOODBYE_REMEMBERED)
                || node.dialing.is_some()
                || !node.instances.is_empty()
                || used.contains(id)
                || served.contains(id)
        });
        self.changed |= before != directory.nodes.len();
    }

    fn list_new_nodes(&mut self) {
        let mut news = Vec::new();
        for (id, node) in &mut self.directory.nodes {
            if !std::mem::replace(&mut node.listed, true) {
                news.push(Event::Peer { node: *id, role: node.role, name: node.name.clone() });
            }
        }
        news.into_iter().for_each(|event| self.emit(event));
    }

    fn is_present(&self, id: CameraId) -> bool {
        let Some(camera) = self.directory.cameras.get(&id) else { return false };
        let watched =
            self.watching.of_camera(id).is_some_and(|(_, session)| session.has_pictures());
        let vouched = self.directory.nodes.get(&camera.node).is_some_and(|node| {
            (node.link.is_some() && camera.told) || (node.left.is_none() && node.announces(id))
        });
        vouched || watched
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

    pub(crate) fn dial_what_is_due(&mut self) {
        let now = self.now;
        let mut due: Vec<(bool, Instant, NodeId)> = self
            .directory
            .nodes
            .iter()
            .filter(|(id, node)| self.wants_link(**id, node) && node.backoff.due() <= now)
            .map(|(id, node)| (node.proven.is_none(), node.backoff.due(), *id))
            .collect();
        // Who has proven itself before goes before hearsay, then who waits longest.
        due.sort_unstable();
        for (_, _, id) in due.into_iter().take(self.links.free_dials()) {
            let dial = self.links.new_dial(crate::links::Target::Node(id));
            let Some(node) = self.directory.nodes.get_mut(&id) else { continue };
            node.dialing = Some(dial);
            node.backoff.tried(now);
            let addresses = node.addresses();
            self.act(Action::Dial { dial, addresses, expect: Some(id.device()) });
        }
        let typed: Vec<SocketAddr> = self
            .directory
            .typed
            .iter()
            .filter(|(_, typed)| self.wants_typed(typed) && typed.backoff.due() <= now)
            .map(|(address, _)| *address)
            .collect();
        for address in typed.into_iter().take(self.links.free_dials()) {
            let dial = self.links.new_dial(crate::links::Target::Typed(address));
            let Some(typed) = self.directory.typed.get_mut(&address) else { continue };
            typed.dialing = Some(dial);
            typed.backoff.tried(now);
            self.act(Action::Dial { dial, addresses: vec![address], expect: None });
        }
    }

    pub(crate) fn next_dial_due(&self) -> Option<Instant> {
        if self.links.free_dials() == 0 {
            // The end of an attempt is an input of its own.
            return None;
        }
        let nodes = self.directory.nodes.iter().filter(|(id, node)| self.wants_link(**id, node));
        let typed = self.directory.typed.values().filter(|typed| self.wants_typed(typed));
        nodes
            .map(|(_, node)| node.backoff.due())
            .chain(typed.map(|typed| typed.backoff.due()))
            .min()
    }

    /// Somebody watches and somebody serves, and there is no link (or only one to an earlier start).
    fn wants_link(&self, id: NodeId, node: &Node) -> bool {
        let pair = match node.role {
            Role::Camera => self.config.role == Role::Viewer,
            Role::Viewer => !self.config.cameras.is_empty(),
        };
        pair && id != self.config.node
            && node.left.is_none()
            && node.dialing.is_none()
            && (node.link.is_none() || node.restarted())
            && (node.proven.is_some() || !node.instances.is_empty())
    }

    fn wants_typed(&self, typed: &Typed) -> bool {
        let linked = typed
            .node
            .and_then(|id| self.directory.nodes.get(&id))
            .is_some_and(|node| node.link.is_some());
        typed.dialing.is_none() && !linked
    }
}
