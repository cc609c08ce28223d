//! One key on two machines: a home folder that was copied, with its card or by hand.
//!
//! All programs of a home on one machine say the same [`RunId`]. Another one of our own device is a
//! copy for certain: our programs run, so theirs are elsewhere. Of two others it is one only if both
//! prove to be alive for longer than a dead link may linger; a restart is not a copy.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lanlens_model::limits::{NODES_MAX, PING_TIMEOUT};
use lanlens_model::{CameraId, DeviceId, Event, NodeId, Role, RunId};
use lanlens_protocol::Greeting;

use crate::directory::Camera;
use crate::io::LinkId;
use crate::links::Target;
use crate::node::Node;
use crate::{Action, ById, Mesh};

/// Longer than a link lingers whose other end is gone.
const BOTH_ALIVE: Duration = PING_TIMEOUT.saturating_add(Duration::from_millis(500));
/// Devices that people are told of.
const TOLD_MAX: usize = 8;
/// Runs remembered of one device.
const RUNS_MAX: usize = 4;

/// Whoever announces ids of our own device is asked for its key this often at most: anybody can
/// announce anything.
const LOOK_EVERY: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(crate) struct Copies {
    looked: Option<Instant>,
    /// When two runs of a device may both have been alive for long enough.
    compare: ById<DeviceId, Instant>,
    runs: ById<DeviceId, Vec<Run>>,
    /// Devices that the program was told of, and what it was told.
    found: ById<DeviceId, String>,
}

struct Run {
    id: RunId,
    first: Instant,
    last: Instant,
    remote: SocketAddr,
}

impl Copies {
    /// What is wrong until a person acts.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = &String> {
        self.found.values()
    }
}

impl Mesh {
    /// Somebody else announces this very node: a copy proves our key when it is dialed, and a liar
    /// does not.
    pub(crate) fn look_at_own_name_elsewhere(&mut self, addresses: Vec<SocketAddr>) {
        if self.may_look() {
            self.look(addresses);
        }
    }

    /// Cameras of one device have nothing to say to each other, so they would not notice that one of
    /// them runs elsewhere: each start of another one is looked at once.
    pub(crate) fn look_at_siblings(&mut self) {
        if self.config.role != Role::Camera || !self.may_look() {
            return;
        }
        let due = self.unlooked().map(|(id, node)| (id, node.epoch, node.addresses())).next();
        let Some((id, epoch, addresses)) = due else { return };
        if let Some(node) = self.directory.nodes.get_mut(&id) {
            node.looked = Some(epoch);
        }
        self.look(addresses);
    }

    pub(crate) fn next_look_due(&self) -> Option<Instant> {
        let can = self.config.role == Role::Camera && self.links.free_dials() > 0;
        let waits = can && self.unlooked().next().is_some();
        let own_found = self.copies.found.contains_key(&self.own_device());
        let look = self.copies.looked.map(|at| at + LOOK_EVERY).filter(|_| waits && !own_found);
        look.into_iter().chain(self.copies.compare.values().copied()).min()
    }

    fn unlooked(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        let own = self.own_device();
        let nodes = self.directory.nodes.iter();
        let siblings =
            nodes.filter(move |(id, node)| id.device() == own && node.role == Role::Camera);
        siblings
            .filter(|(_, node)| {
                node.link.is_none() && node.has_address() && node.looked != Some(node.epoch)
            })
            .map(|(id, node)| (*id, node))
    }

    fn may_look(&self) -> bool {
        let soon = self.copies.looked.is_some_and(|looked| self.now < looked + LOOK_EVERY);
        let found = self.copies.found.contains_key(&self.own_device());
        !soon && !found && self.links.free_dials() > 0
    }

    fn look(&mut self, addresses: Vec<SocketAddr>) {
        self.copies.looked = Some(self.now);
        let dial = self.links.new_dial(Target::OwnName);
        let expect = Some(self.own_device());
        self.act(Action::Dial { dial, addresses, expect });
    }

    /// Looks at who greets, whatever becomes of the link.
    pub(crate) fn look_for_copies(&mut self, link: LinkId, greeting: &Greeting) {
        let Some(run) = greeting.run else { return };
        let Some(open) = self.links.open.get_mut(&link) else { return };
        open.run = Some(run);
        let (device, remote) = (open.device, open.remote);
        if device == self.own_device() {
            if run != self.config.run {
                self.tell_own_copy(remote);
            }
            return;
        }
        let now = self.now;
        if !self.copies.runs.contains_key(&device) && self.copies.runs.len() >= NODES_MAX {
            let linked: BTreeSet<DeviceId> = self.links.open.values().map(|l| l.device).collect();
            self.copies.runs.retain(|device, _| linked.contains(device));
        }
        let runs = self.copies.runs.entry(device).or_default();
        match runs.iter_mut().find(|known| known.id == run) {
            Some(known) => (known.last, known.remote) = (now, remote),
            None => {
                if runs.len() >= RUNS_MAX {
                    runs.remove(0);
                }
                runs.push(Run { id: run, first: now, last: now, remote });
                if runs.len() > 1 {
                    self.copies.compare.insert(device, now + BOTH_ALIVE);
                }
            }
        }
        self.compare_runs(device);
    }

    pub(crate) fn compare_what_is_due(&mut self) {
        let due = |(device, at): (&DeviceId, &Instant)| (*at <= self.now).then_some(*device);
        let due: Vec<DeviceId> = self.copies.compare.iter().filter_map(due).collect();
        for device in due {
            self.copies.compare.remove(&device);
            self.compare_runs(device);
        }
    }

    /// Somebody else at `remote` has proven our key.
    pub(crate) fn tell_own_copy(&mut self, remote: SocketAddr) {
        let text = format!(
            "another machine at {} uses the same key as this one (a copied card or folder?): \
             stop Lanlens on one of the two and run `lanlens trust new-key` there",
            remote.ip()
        );
        self.tell_copy(self.own_device(), text);
    }

    /// Tells when two runs of one device have both been alive since both were known.
    fn compare_runs(&mut self, device: DeviceId) {
        let now = self.now;
        let linked: BTreeSet<RunId> =
            self.links.open.values().filter(|l| l.device == device).filter_map(|l| l.run).collect();
        let Some(runs) = self.copies.runs.get(&device) else { return };
        let alive = |run: &Run| if linked.contains(&run.id) { now } else { run.last };
        let copied = runs.iter().enumerate().find_map(|(n, one)| {
            let other = runs[..n].iter().find(|other| {
                let both_known = one.first.max(other.first);
                alive(one).min(alive(other)) >= both_known + BOTH_ALIVE
            })?;
            Some((one.remote.ip(), other.remote.ip()))
        });
        if let Some((one, other)) = copied {
            let short: String = device.to_string().chars().take(8).collect();
            let text = format!(
                "two machines, {one} and {other}, use the same key (device {short}; a copied card or \
                 folder?): stop Lanlens on one of the two and run `lanlens trust new-key` there"
            );
            self.tell_copy(device, text);
        }
    }

    /// Only of ourselves, of whom we let in, and of cameras that showed something: anybody can draw
    /// keys and use them twice.
    fn tell_copy(&mut self, device: DeviceId, text: String) {
        let own = device == self.own_device();
        let shown = |id: &CameraId, camera: &Camera| id.device() == device && camera.ever_live;
        let matters = own
            || self.config.trust.admits(device)
            || self.directory.cameras.iter().any(|(id, camera)| shown(id, camera));
        let full = !own && self.copies.found.len() >= TOLD_MAX;
        if !matters || full || self.copies.found.contains_key(&device) {
            return;
        }
        self.copies.found.insert(device, text.clone());
        self.emit(Event::Error { message: text });
    }
}
