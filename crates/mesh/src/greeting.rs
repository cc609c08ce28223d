//! The first message on a link: who we are, who they are, and which of two links stays.

use std::net::SocketAddr;
use std::time::Duration;

use lanlens_model::limits::{
    CAMERAS_MAX, LINKS_PER_DEVICE_MAX, OPEN_LINKS_MAX, UNKNOWN_LINKS_MAX,
    UNKNOWN_LINKS_PER_DEVICE_MAX,
};
use lanlens_model::{AccessMode, DeviceId, NodeId, Role};
use lanlens_protocol::{ErrorCode, Greeting, Message, OfferedCamera, VERSION};

use crate::io::LinkId;
use crate::links::{Phase, Target};
use crate::{Action, Mesh};

/// Two sides that dial each other unknowingly do so within this: an attempt takes no longer.
const CROSSING: Duration = Duration::from_secs(5);

impl Mesh {
    /// What we say first to a device.
    pub(crate) fn greeting_for(&self, device: DeviceId) -> Greeting {
        let serves = !self.config.cameras.is_empty();
        Greeting {
            v: VERSION,
            device: self.own_device(),
            node: self.config.node,
            role: self.config.role,
            epoch: self.config.epoch,
            run: Some(self.config.run),
            name: self.config.name.clone(),
            resume: self.resumable(device),
            cameras: self
                .config
                .cameras
                .iter()
                .map(|(id, name)| OfferedCamera { id: *id, name: name.clone() })
                .collect(),
            access: serves.then(|| self.access_of(device)),
            port: serves.then_some(self.config.port),
        }
    }

    pub(crate) fn on_greeting(&mut self, id: LinkId, greeting: Greeting) {
        let Some(link) = self.links.open.get(&id) else { return };
        let (device, remote, target) = (link.device, link.remote, link.target);
        if let Err(text) = check(&greeting, device) {
            return self.refuse_link(id, ErrorCode::Identity, text);
        }
        self.look_for_copies(id, &greeting);
        if greeting.node == self.config.node {
            if greeting.run.is_some_and(|run| run != self.config.run) {
                let text = "another machine uses the same key: see its terminal for what to do";
                return self.refuse_link(id, ErrorCode::Identity, text);
            }
            // We dialed ourselves, by an address typed by hand.
            self.links.open.remove(&id);
            if let Some(Target::Typed(address)) = target {
                self.directory.typed.remove(&address);
            }
            return self.act(Action::CloseLink { link: id });
        }
        if matches!(target, Some(Target::OwnName)) {
            // It was only looked at.
            self.links.open.remove(&id);
            return self.act(Action::CloseLink { link: id });
        }
        if self.too_many_strangers(id, &greeting) {
            return self.refuse_link(id, ErrorCode::Limit, "too many devices wait here");
        }
        if let Some(Target::Typed(address)) = target
            && self.directory.typed.get(&address).is_some_and(|typed| typed.once)
        {
            // Its node is known by name now.
            self.directory.typed.remove(&address);
        }
        if !self.keeps(id, &greeting) {
            self.links.open.remove(&id);
            return self.act(Action::CloseLink { link: id });
        }
        self.make_room_for(greeting.node);
        if self.meet(greeting.node, greeting.role, greeting.epoch).is_none() {
            return self.refuse_link(id, ErrorCode::Limit, "too many nodes");
        }
        if let Some(Target::Typed(address)) = target
            && let Some(typed) = self.directory.typed.get_mut(&address)
        {
            typed.node = Some(greeting.node);
            typed.complained = false;
            typed.backoff.succeeded();
        }
        if target.is_none() {
            // First of all that is said here, and while we still hold the sessions it names.
            let welcome = self.greeting_for(device);
            if let Some(link) = self.links.open.get_mut(&id) {
                link.told = welcome.access;
            }
            self.act(Action::Send { link: id, message: Message::Welcome(welcome) });
        }
        self.link_is_up(id, greeting, remote, target.is_some());
        // What has changed since our greeting was written.
        self.tell_access();
    }

    fn link_is_up(&mut self, id: LinkId, greeting: Greeting, remote: SocketAddr, dialed: bool) {
        let node_id = greeting.node;
        if let Some(link) = self.links.open.get_mut(&id) {
            link.phase = Phase::Up { node: node_id };
        }
        let old = self.directory.nodes.get(&node_id).and_then(|node| node.link);
        if let Some(old) = old {
            self.links.open.remove(&old);
            self.act(Action::CloseLink { link: old });
        }
        let Some(node) = self.directory.nodes.get_mut(&node_id) else { return };
        let restarted = node.epoch != greeting.epoch;
        node.link = Some(id);
        node.role = greeting.role;
        node.epoch = greeting.epoch;
        node.name.clone_from(&greeting.name);
        node.access = greeting.access;
        node.left = None;
        node.believe_no_later_start_than(greeting.epoch);
        node.backoff.succeeded();
        if dialed {
            node.proven = Some(remote);
        }
        // Its own word, for the address that it came from and for no other.
        let listens = greeting.port.filter(|_| !dialed && greeting.role == Role::Camera);
        node.listens = listens.map(|port| {
            let mut address = remote;
            address.set_port(port);
            address
        });
        self.changed = true;
        if restarted {
            self.end_watched_of(node_id, &lanlens_model::LostReason::Restarted);
            self.end_served_of(node_id);
        } else {
            self.resume_watched(node_id, &greeting.resume);
            self.resume_served(node_id, &greeting.resume);
            self.end_what_is_not_held(node_id, &greeting.resume);
        }
        for camera in &greeting.cameras {
            self.list_camera(camera.id, node_id, &camera.name, true);
            self.list_if_new(camera.id);
        }
        if let Some(state) = greeting.access {
            self.on_access(node_id, state);
        }
        self.know_address_of(id);
    }

    /// Notes where a device is that matters here.
    pub(crate) fn know_address_of(&mut self, id: LinkId) {
        let Some(link) = self.links.open.get(&id) else { return };
        let (node, remote) = (link.node(), link.remote);
        let watched = node.is_some_and(|node| self.has_shown(node));
        let serves = !self.config.cameras.is_empty();
        let listed = link.device == self.own_device() || self.config.trust.admits(link.device);
        if watched || (serves && listed) {
            self.act(Action::KnowAddress(remote));
        }
        if let Some(node) = node.filter(|_| watched) {
            self.remember_place(node);
        }
    }

    /// Whether a new link is kept beside what stands already: a later start of the node replaces an
    /// earlier one, and a new link one of long ago, which must be dead at the other side, perhaps
    /// because it has moved. Of two that crossed, the link that the lower node dialed stays, and of
    /// two dialed by the same node the newer.
    fn keeps(&self, new: LinkId, greeting: &Greeting) -> bool {
        let Some(node) = self.directory.nodes.get(&greeting.node) else { return true };
        let Some(old) = node.link else { return true };
        if greeting.epoch != node.epoch {
            return greeting.epoch > node.epoch;
        }
        if self.links.open.get(&old).is_some_and(|old| self.now >= old.opened + CROSSING) {
            return true;
        }
        let (new, old) = (self.dialer(new, greeting.node), self.dialer(old, greeting.node));
        new <= old
    }

    fn dialer(&self, link: LinkId, peer: NodeId) -> NodeId {
        let ours = self.links.open.get(&link).is_some_and(|link| link.target.is_some());
        if ours { self.config.node } else { peer }
    }

    /// Whether a link is one too many: of one device, or of those that are of no use here: at a
    /// camera, devices that nobody has let in; at a viewer, nodes without a camera. (Links of cameras
    /// are bounded as cameras.)
    fn too_many_strangers(&mut self, id: LinkId, greeting: &Greeting) -> bool {
        let serves = !self.config.cameras.is_empty();
        let let_in = |device| device == self.own_device() || self.config.trust.admits(device);
        let is_stranger = |device, has_cameras: bool| match serves {
            true => !let_in(device),
            false => !has_cameras,
        };
        let linked = self.links.open.values().filter_map(|link| Some((link.device, link.node()?)));
        let (mut strangers, mut strangers_of_device, mut of_device, mut cameras) = (0, 0, 0, 0);
        for (device, node) in linked {
            let has_cameras = self.directory.nodes.get(&node).is_some_and(|n| n.access.is_some());
            let stranger = is_stranger(device, has_cameras);
            strangers += usize::from(stranger);
            of_device += usize::from(device == greeting.device);
            strangers_of_device += usize::from(stranger && device == greeting.device);
            cameras += usize::from(has_cameras);
        }
        let has_cameras = !greeting.cameras.is_empty();
        let (strangers_max, of_device_max) = match serves && self.config.access == AccessMode::Open
        {
            true => (OPEN_LINKS_MAX, LINKS_PER_DEVICE_MAX),
            false => (UNKNOWN_LINKS_MAX, UNKNOWN_LINKS_PER_DEVICE_MAX),
        };
        let full = strangers >= strangers_max || strangers_of_device >= of_device_max;
        of_device >= LINKS_PER_DEVICE_MAX
            || (is_stranger(greeting.device, has_cameras) && full)
            || (has_cameras && cameras >= CAMERAS_MAX && !self.make_room_to_link(id))
    }
}

/// Everything in a greeting must belong to the device that TLS has proved.
fn check(greeting: &Greeting, proven: DeviceId) -> Result<(), &'static str> {
    if greeting.device != proven || greeting.node.device() != proven {
        return Err("the greeting names another device than the certificate proves");
    }
    if greeting.cameras.iter().any(|camera| camera.id.device() != proven) {
        return Err("the greeting offers a camera of another device");
    }
    if greeting.access.is_some() == greeting.cameras.is_empty() {
        return Err("a greeting tells what may be done with its cameras, and only then");
    }
    Ok(())
}
