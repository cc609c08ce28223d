//! Owners: what a camera tells them, and what their viewer does for them.
//!
//! A camera tells every viewer of an owner who waits and who watches; to be told is how a viewer
//! knows that it owns the camera. What its user decides about a device holds for all cameras that it
//! owns: for those linked now at once, for others as soon as the device shows up there.

use std::time::{Duration, Instant};

use lanlens_model::limits::TOLD_WATCHERS_MAX;
use lanlens_model::{Access, DeviceId, NodeId, RequestView, Role, TrustChange, Verdict};
use lanlens_protocol::{Message, WaitingDevice, WatchingDevice};

use crate::io::LinkId;
use crate::{Action, Mesh};

/// Owners are told at most this often: strangers who come and go must not fill an owner's link.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// Who waits and who watches somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct People {
    pub(crate) waiting: Vec<WaitingDevice>,
    pub(crate) watching: Vec<WatchingDevice>,
}

#[derive(Default)]
pub(crate) struct Owning {
    /// When owners may be told again.
    next: Option<Instant>,
    /// Something waits to be told until then.
    late: bool,
}

impl Owning {
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.next.filter(|_| self.late)
    }
}

impl Mesh {
    /// At the camera: who waits and who watches here.
    pub(crate) fn people(&self) -> People {
        let waiting = self.asking.waiting().map(|(device, name, code)| WaitingDevice {
            device,
            name: name.to_owned(),
            code,
        });
        let sessions = self.serving.sessions.values().filter(|session| session.joined);
        let watching = sessions.map(|session| WatchingDevice {
            camera: session.camera,
            device: session.node.device(),
            name: self.name_of(session.node),
        });
        People { waiting: waiting.collect(), watching: watching.take(TOLD_WATCHERS_MAX).collect() }
    }

    /// Tells owners what has changed since they were told last.
    pub(crate) fn tell_owners(&mut self) {
        if self.config.cameras.is_empty() {
            return;
        }
        let people = self.people();
        let own = self.own_device();
        let stale: Vec<LinkId> = self
            .links
            .open
            .iter()
            .filter(|(_, link)| self.config.trust.is_owner(link.device, own))
            .filter(|(_, link)| link.told_people.as_ref() != Some(&people))
            .filter(|(_, link)| link.node().is_some_and(|node| self.role_of(node) == Role::Viewer))
            .map(|(id, _)| *id)
            .collect();
        self.owning.late = !stale.is_empty();
        if stale.is_empty() || self.owning.next.is_some_and(|next| self.now < next) {
            return;
        }
        self.owning = Owning { next: Some(self.now + TELL_EVERY), late: false };
        for id in stale {
            let People { waiting, watching } = people.clone();
            self.act(Action::Send { link: id, message: Message::Watchers { waiting, watching } });
            if let Some(link) = self.links.open.get_mut(&id) {
                link.told_people = Some(people.clone());
            }
        }
    }

    /// At the viewer: an owned camera tells.
    pub(crate) fn on_watchers(&mut self, id: NodeId, mut people: People) {
        people.watching.retain(|watching| watching.camera.device() == id.device());
        let Some(node) = self.directory.nodes.get_mut(&id) else { return };
        if node.access == Some(Access::Granted) {
            node.people = Some(people);
            node.decided.clear();
            self.changed = true;
        }
    }

    /// Tells owned cameras what was decided before about who shows up there: each camera once, since
    /// what is decided there later is newer.
    pub(crate) fn decide_again(&mut self) {
        let verdicts = &self.config.trust.verdicts;
        if verdicts.is_empty() {
            return;
        }
        let mut decisions = Vec::new();
        for (id, node) in &mut self.directory.nodes {
            let Some(people) = &node.people else { continue };
            let waiting = people.waiting.iter().map(|waiting| (waiting.device, true));
            let watching = people.watching.iter().map(|watching| (watching.device, false));
            for (device, waits) in waiting.chain(watching) {
                let Some(verdict) = verdicts.get(&device) else { continue };
                let news = !verdict.told.contains(id) && node.decided.insert(device);
                if news && (waits || !verdict.allow) {
                    decisions.push((*id, device, verdict.clone()));
                }
            }
        }
        for (node, device, Verdict { name, allow, .. }) in decisions {
            self.change_trust(TrustChange::Told { device, node });
            self.send_to(node, Message::AccessDecide { device, name, allow });
        }
    }

    /// A person has decided about a device.
    pub(crate) fn on_decide(&mut self, device: DeviceId, name: String, allow: bool) {
        if device == self.own_device() {
            return;
        }
        let owned: Vec<NodeId> = self
            .directory
            .nodes
            .iter_mut()
            .filter(|(_, node)| node.people.is_some())
            .map(|(id, node)| {
                node.decided.insert(device);
                *id
            })
            .collect();
        let verdict = Verdict { name: name.clone(), allow, told: owned.clone() };
        self.change_trust(TrustChange::Decide { device, verdict });
        if !self.config.cameras.is_empty() {
            self.decide_here(device, name.clone(), allow);
        }
        for node in owned {
            let name = name.clone();
            self.send_to(node, Message::AccessDecide { device, name, allow });
        }
        self.changed = true;
    }

    /// Who asks at any camera that is ours, each device once. Whom something was just decided about
    /// is not asked about again until its camera says that it still waits.
    pub(crate) fn requests(&self) -> Vec<RequestView> {
        let mut requests: Vec<RequestView> = Vec::new();
        let mut add = |device, name: &str, camera: &str, code| {
            let camera = (camera.to_owned(), code);
            match requests.iter_mut().find(|request| request.device == device) {
                Some(request) => request.codes.push(camera),
                None => requests.push(RequestView {
                    device,
                    name: name.to_owned(),
                    codes: vec![camera],
                }),
            }
        };
        if self.config.role == Role::Camera {
            for (device, name, code) in self.asking.waiting() {
                add(device, name, &self.config.name, code);
            }
        }
        for node in self.directory.nodes.values() {
            let people = node.people.iter().flat_map(|people| &people.waiting);
            for waiting in people.filter(|waiting| !node.decided.contains(&waiting.device)) {
                add(waiting.device, &waiting.name, &node.name, waiting.code);
            }
        }
        requests
    }

    fn role_of(&self, node: NodeId) -> Role {
        self.directory.nodes.get(&node).map_or(Role::Camera, |node| node.role)
    }
}
