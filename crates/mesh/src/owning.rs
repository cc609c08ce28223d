//! Owners: what a camera tells them, and what their viewer does for them.
//!
//! A camera tells every viewer of an owner who waits and who watches; to be told is how a viewer
//! knows that it owns the camera. It believes no camera about another one: whom its user allows is let
//! in where it waits with a code that was compared, and whom its user removes is removed everywhere,
//! also where the camera is off, as soon as the device shows up there.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use lanlens_model::limits::TOLD_WATCHERS_MAX;
use lanlens_model::{Access, Code, DeviceId, NodeId, RequestView, Role, TrustChange};
use lanlens_protocol::{Message, WaitingDevice, WatchingDevice};

use crate::io::LinkId;
use crate::watching::millis;
use crate::{Action, Mesh};

/// Owners are told at most this often: strangers who come and go must not fill an owner's link.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// Devices that a window is asked about at once.
const REQUESTS_MAX: usize = 32;
/// Codes of one device that it is asked to compare at once: so few that all are seen.
const CODES_A_CARD: usize = 4;

/// Who waits and who watches somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct People {
    pub(crate) waiting: Vec<WaitingDevice>,
    pub(crate) watching: Vec<WatchingDevice>,
}

impl People {
    /// What is news where it changes: how long somebody gets nothing does so all the time.
    fn without_times(mut self) -> Self {
        let silent = self.watching.iter_mut().filter_map(|watching| watching.silent_ms.as_mut());
        silent.for_each(|ms| *ms = 0);
        self
    }

    fn lists(&self, device: DeviceId) -> bool {
        self.waiting.iter().any(|waiting| waiting.device == device)
            || self.watching.iter().any(|watching| watching.device == device)
    }
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
            silent_ms: session
                .silent_since
                .map(|since| millis(self.now.saturating_duration_since(since))),
        });
        People { waiting: waiting.collect(), watching: watching.take(TOLD_WATCHERS_MAX).collect() }
    }

    /// Tells owners what has changed since they were told last.
    pub(crate) fn tell_owners(&mut self) {
        if self.config.cameras.is_empty() {
            return;
        }
        let people = self.people();
        let known = people.clone().without_times();
        let own = self.own_device();
        let stale: Vec<LinkId> = self
            .links
            .open
            .iter()
            .filter(|(_, link)| self.config.trust.is_owner(link.device, own))
            .filter(|(_, link)| link.told_people.as_ref() != Some(&known))
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
                link.told_people = Some(known.clone());
            }
        }
    }

    /// At the viewer: an owned camera tells.
    pub(crate) fn on_watchers(&mut self, id: NodeId, mut people: People) {
        if self.config.role != Role::Viewer {
            return;
        }
        people.watching.retain(|watching| watching.camera.device() == id.device());
        let mut seen = BTreeSet::new();
        people.waiting.retain(|waiting| seen.insert(waiting.device));
        let Some(node) = self.directory.nodes.get_mut(&id) else { return };
        if node.access != Some(Access::Granted) {
            return;
        }
        let told = std::mem::take(&mut node.decided);
        let done: Vec<DeviceId> =
            told.iter().copied().filter(|device| !people.lists(*device)).collect();
        if told.is_empty() && node.people.as_ref() == Some(&people) {
            return;
        }
        (node.people, node.people_at) = (Some(people), Some(self.now));
        self.changed = true;
        for device in done {
            if self.config.trust.removed.contains_key(&device) {
                self.change_trust(TrustChange::RemovalDone { device, at: id.device() });
            }
        }
    }

    /// Removes at owned cameras whoever was removed before and shows up there: once at each, since
    /// what is decided there later is newer.
    pub(crate) fn remove_again(&mut self) {
        let removed = &self.config.trust.removed;
        if removed.is_empty() {
            return;
        }
        let mut removals = Vec::new();
        for (id, node) in &mut self.directory.nodes {
            let Some(people) = &node.people else { continue };
            let there = removed.iter().filter(|(device, removal)| {
                people.lists(**device) && !removal.told.contains(&id.device())
            });
            for (device, removal) in there {
                if node.decided.insert(*device) {
                    removals.push((*id, *device, removal.name.clone()));
                }
            }
        }
        for (node, device, name) in removals {
            self.send_to(node, Message::AccessDeny { device, name });
        }
    }

    /// A person has compared codes and lets a device watch, where it waits with one of them. A
    /// camera that lies about who waits gains nothing: elsewhere it was not the code there.
    pub(crate) fn on_allow(&mut self, device: DeviceId, name: &str, codes: &[Code]) {
        if device == self.own_device() {
            return;
        }
        if self.config.trust.removed.contains_key(&device) {
            self.change_trust(TrustChange::TakeBackRemoval { device });
        }
        self.allow_here(device, name, codes);
        let mut waits = Vec::new();
        for (id, node) in &mut self.directory.nodes {
            let waiting = node.people.iter().flat_map(|people| &people.waiting);
            let compared =
                waiting.filter(|w| w.device == device && codes.contains(&w.code)).map(|w| w.code);
            for code in compared.collect::<Vec<_>>() {
                node.decided.insert(device);
                waits.push((*id, code));
            }
        }
        for (node, code) in waits {
            let name = name.to_owned();
            self.send_to(node, Message::AccessAllow { device, name, code });
        }
        self.changed = true;
    }

    /// A person refuses a device, where it waits.
    pub(crate) fn on_deny(&mut self, device: DeviceId, name: &str) {
        if self.asking.waiting().any(|(waiting, ..)| waiting == device) {
            self.remove_here(device, name.to_owned());
        }
        let mut waits = Vec::new();
        for (id, node) in &mut self.directory.nodes {
            let waiting = node.people.iter().flat_map(|people| &people.waiting);
            if waiting.clone().any(|waiting| waiting.device == device) {
                node.decided.insert(device);
                waits.push(*id);
            }
        }
        for node in waits {
            self.send_to(node, Message::AccessDeny { device, name: name.to_owned() });
        }
        self.changed = true;
    }

    /// A person removes a device from every camera that is ours.
    pub(crate) fn on_remove(&mut self, device: DeviceId, name: &str) {
        if device == self.own_device() {
            return;
        }
        self.change_trust(TrustChange::Remove { device, name: name.to_owned() });
        if !self.config.cameras.is_empty() {
            self.remove_here(device, name.to_owned());
        }
        let mut owned = Vec::new();
        for (id, node) in self.directory.nodes.iter_mut().filter(|(_, n)| n.people.is_some()) {
            node.decided.insert(device);
            owned.push(*id);
        }
        for node in owned {
            self.send_to(node, Message::AccessDeny { device, name: name.to_owned() });
        }
        self.changed = true;
    }

    /// Who asks at any camera that is ours, each device once. Whom something was just decided about
    /// is not asked about again until its camera says that it still waits.
    pub(crate) fn requests(&self) -> Vec<RequestView> {
        let mut requests: Vec<RequestView> = Vec::new();
        let mut add = |device, name: &str, camera: &str, code| {
            let camera = (camera.to_owned(), code);
            let full = requests.len() >= REQUESTS_MAX;
            match requests.iter_mut().find(|request| request.device == device) {
                Some(request) if request.codes.len() < CODES_A_CARD => request.codes.push(camera),
                // The rest is asked when these were decided.
                Some(_) => {}
                None if full => {}
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

    pub(crate) fn role_of(&self, node: NodeId) -> Role {
        self.directory.nodes.get(&node).map_or(Role::Camera, |node| node.role)
    }
}
