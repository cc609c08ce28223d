//! Links: who is at the other end, what was said, and what it is passed on to.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lanlens_model::limits::{ADDRESSES_PER_NODE_MAX, DIALS_MAX, HANDSHAKE_TIMEOUT, SESSION_RESUME};
use lanlens_model::{Access, DeviceId, Event, NodeId, RunId};
use lanlens_protocol::{ChannelBinding, ErrorCode, Message, ToldNode};

use crate::io::{DialFailure, DialId, LinkEnd, LinkId};
use crate::owning::People;
use crate::trouble::Troubles;
use crate::{Action, ById, Mesh};

/// The link itself enforces [`HANDSHAKE_TIMEOUT`]; this is for a shell that forgot.
const GREETING_TIMEOUT: Duration = HANDSHAKE_TIMEOUT.saturating_add(Duration::from_secs(1));

#[derive(Default)]
pub(crate) struct Links {
    pub(crate) open: ById<LinkId, Link>,
    dials: ById<DialId, Target>,
    last_dial: u64,
}

/// What an attempt to dial is for.
#[derive(Clone, Copy)]
pub(crate) enum Target {
    Node(NodeId),
    Typed(SocketAddr),
    /// Somebody who announces our own node.
    OwnName,
}

pub(crate) struct Link {
    pub(crate) device: DeviceId,
    pub(crate) remote: SocketAddr,
    pub(crate) target: Option<Target>,
    /// What our greeting said that the other side may do.
    pub(crate) told: Option<Access>,
    /// Who waits and watches, as an owner at the other side was told.
    pub(crate) told_people: Option<People>,
    /// What the other side was told of our cameras' devices.
    pub(crate) told_troubles: Troubles,
    /// Where the other side was told that cameras are.
    pub(crate) told_nodes: Vec<ToldNode>,
    pub(crate) opened: Instant,
    pub(crate) channel: ChannelBinding,
    /// It has shown the right invitation.
    pub(crate) invited: bool,
    /// Which run of its home the other side said to be.
    pub(crate) run: Option<RunId>,
    pub(crate) phase: Phase,
}

pub(crate) enum Phase {
    /// The greeting of the other side is awaited.
    Greeting { until: Instant },
    /// The node at the other end is known.
    Up { node: NodeId },
}

impl Link {
    pub(crate) fn node(&self) -> Option<NodeId> {
        match self.phase {
            Phase::Up { node } => Some(node),
            Phase::Greeting { .. } => None,
        }
    }
}

impl Links {
    pub(crate) fn new_dial(&mut self, target: Target) -> DialId {
        self.last_dial += 1;
        let dial = DialId(self.last_dial);
        self.dials.insert(dial, target);
        dial
    }

    /// The nodes that were dialed, have opened, and have not said who they are yet.
    pub(crate) fn greeting(&self) -> BTreeSet<NodeId> {
        let dialed = |link: &Link| match (&link.phase, link.target) {
            (Phase::Greeting { .. }, Some(Target::Node(node))) => Some(node),
            _ => None,
        };
        self.open.values().filter_map(dialed).collect()
    }

    /// How many attempts are under way.
    pub(crate) fn dials(&self) -> usize {
        self.dials.len()
    }

    /// How many more attempts may be under way.
    pub(crate) fn free_dials(&self) -> usize {
        DIALS_MAX.saturating_sub(self.dials.len())
    }

    pub(crate) fn next_due(&self) -> Option<Instant> {
        let deadline = |link: &Link| match link.phase {
            Phase::Greeting { until } => Some(until),
            Phase::Up { .. } => None,
        };
        self.open.values().filter_map(deadline).min()
    }
}

impl Mesh {
    pub(crate) fn on_link_opened(
        &mut self,
        id: LinkId,
        device: DeviceId,
        remote: SocketAddr,
        dial: Option<DialId>,
        channel: ChannelBinding,
    ) {
        let target = dial.and_then(|dial| self.end_dial(dial));
        let phase = Phase::Greeting { until: self.now + GREETING_TIMEOUT };
        let hello = dial.is_some().then(|| self.greeting_for(device));
        let told = hello.as_ref().and_then(|hello| hello.access);
        let link = Link {
            device,
            remote,
            target,
            told,
            told_people: None,
            told_troubles: Troubles::default(),
            told_nodes: Vec::new(),
            opened: self.now,
            channel,
            invited: false,
            run: None,
            phase,
        };
        self.links.open.insert(id, link);
        if let Some(hello) = hello {
            self.act(Action::Send { link: id, message: Message::Hello(hello) });
        }
    }

    pub(crate) fn on_dial_failed(&mut self, dial: DialId, failure: DialFailure) {
        let Some(target) = self.end_dial(dial) else { return };
        self.dial_was_in_vain(target);
        self.on_no_second_link(target);
        match (target, failure) {
            (Target::Node(id), DialFailure::WrongDevice { address }) => {
                let Some(node) = self.directory.nodes.get_mut(&id) else { return };
                if node.wrong.len() < ADDRESSES_PER_NODE_MAX && node.wrong.insert(address) {
                    let reason = format!(
                        "the device there is not “{}”, whose address it was said to be",
                        node.name
                    );
                    self.emit(Event::PeerRefused { address: address.to_string(), reason });
                }
            }
            (Target::Typed(address), DialFailure::Unreachable(why)) => {
                let Some(typed) = self.directory.typed.get_mut(&address) else { return };
                if !std::mem::replace(&mut typed.complained, true) {
                    let message = format!(
                        "{address} does not answer ({why}); check that lanlens-camera runs there and that its firewall allows tcp {}",
                        address.port()
                    );
                    self.emit(Event::Error { message });
                }
            }
            _ => {}
        }
    }

    /// The attempt is over: its target may be dialed again. Returns the target.
    fn end_dial(&mut self, dial: DialId) -> Option<Target> {
        let target = self.links.dials.remove(&dial)?;
        match target {
            Target::Node(id) => {
                if let Some(node) = self.directory.nodes.get_mut(&id) {
                    node.dialing = None;
                }
            }
            Target::Typed(address) => {
                if let Some(typed) = self.directory.typed.get_mut(&address) {
                    typed.dialing = None;
                }
            }
            Target::OwnName => {}
        }
        Some(target)
    }

    pub(crate) fn dial_was_in_vain(&mut self, target: Target) {
        if let Target::Typed(address) = target
            && self.directory.typed.get(&address).is_some_and(|typed| typed.once)
        {
            self.directory.typed.remove(&address);
            return;
        }
        let longest = self.longest_wait_for(target);
        let backoff = match target {
            Target::Node(id) => self.directory.nodes.get_mut(&id).map(|node| &mut node.backoff),
            Target::Typed(address) => {
                self.directory.typed.get_mut(&address).map(|typed| &mut typed.backoff)
            }
            Target::OwnName => None,
        };
        if let Some(backoff) = backoff {
            backoff.failed(self.now, &mut self.rng, longest);
        }
    }

    pub(crate) fn on_link_closed(&mut self, id: LinkId, end: LinkEnd) {
        let Some(link) = self.links.open.remove(&id) else { return };
        if let LinkEnd::Refused(reason) = end {
            self.emit(Event::PeerRefused { address: link.remote.to_string(), reason });
        }
        match link.phase {
            Phase::Greeting { .. } => {
                if let Some(target) = link.target {
                    self.dial_was_in_vain(target);
                    self.on_no_second_link(target);
                }
            }
            Phase::Up { node } => self.on_node_unlinked(node, id),
        }
    }

    /// A node that still has a link and gave no other was not started anew, whatever was announced: had
    /// it been, the link would have ended. If it ends later, it is dialed for that.
    fn on_no_second_link(&mut self, target: Target) {
        let Target::Node(id) = target else { return };
        if let Some(node) = self.directory.nodes.get_mut(&id).filter(|node| node.link.is_some()) {
            node.believe_no_later_start_than(node.epoch);
        }
    }

    /// The node's link is gone, but perhaps not its pictures: sessions have time to be resumed.
    pub(crate) fn on_node_unlinked(&mut self, id: NodeId, link: LinkId) {
        let now = self.now;
        let Some(node) = self.directory.nodes.get_mut(&id) else { return };
        if node.link != Some(link) {
            return;
        }
        node.link = None;
        node.unlinked = Some(now);
        node.access = None;
        node.people = None;
        node.backoff.succeeded();
        node.backoff.hurry(now);
        self.changed = true;
        for camera in self.directory.cameras.values_mut().filter(|camera| camera.node == id) {
            camera.told = false;
            camera.trouble = None;
        }
        self.forget_what_was_told_by(id);
        self.orphan_watched(id, now + SESSION_RESUME);
        self.orphan_served(id, now + SESSION_RESUME);
    }

    pub(crate) fn on_message(&mut self, id: LinkId, message: Message) {
        let Some(link) = self.links.open.get(&id) else { return };
        let Some(node) = link.node() else {
            let dialed = link.target.is_some();
            return match message {
                Message::Hello(greeting) if !dialed => self.on_greeting(id, greeting),
                Message::Welcome(greeting) if dialed => self.on_greeting(id, greeting),
                Message::Error { text, .. } => self.on_refused_by_peer(id, &text),
                Message::Bye { .. } if dialed => self.on_bye_instead_of_welcome(id),
                _ => self.refuse_link(id, ErrorCode::Order, "the first message must be a greeting"),
            };
        };
        match message {
            Message::Hello(_) | Message::Welcome(_) => {
                self.refuse_link(id, ErrorCode::Order, "a second greeting");
            }
            Message::Access { state } => {
                let known = self.directory.nodes.get(&node).and_then(|node| node.access);
                if known != Some(state) {
                    self.on_access(node, state);
                    self.know_address_of(id);
                }
            }
            Message::Offer { session, camera, layer, sdp } => {
                self.on_offer(id, node, session, camera, layer, sdp);
            }
            Message::AccessRequest { again } => self.on_access_request(id, node, again),
            Message::AccessCommit { commitment } => self.on_access_commit(id, node, commitment),
            Message::AccessNonce { nonce } => self.on_access_nonce(id, node, &nonce),
            Message::AccessReveal { nonce } => self.on_access_reveal(id, node, &nonce),
            Message::AccessEnded { reason } => self.on_access_ended(node, reason),
            Message::Invitation { proofs } => self.on_invitation(id, node, &proofs),
            Message::Watchers { waiting, watching } => {
                self.on_watchers(node, People { waiting, watching });
            }
            Message::AccessAllow { device, name, code } => {
                if self.is_owners(id, node) {
                    self.allow_here(device, &name, &[code]);
                }
            }
            Message::AccessDeny { device, name } => {
                if self.is_owners(id, node) {
                    self.remove_here(device, name);
                }
            }
            Message::Answer { session, sdp } => self.on_answer(node, session, sdp),
            Message::Candidate { session, candidate } => {
                self.on_candidate(id, node, session, candidate);
            }
            Message::Layer { session, layer } => self.on_layer(node, session, layer),
            Message::Nodes { nodes } => self.on_nodes(node, nodes),
            Message::Source { camera, trouble } => self.on_source_told(node, camera, trouble),
            Message::Visible { session, visible } => self.on_visible(node, session, visible),
            Message::Bye { session: Some(session) } => self.on_session_bye(node, session),
            Message::Bye { session: None } => self.on_node_bye(id, node),
            Message::Error { session: Some(session), text, .. } => {
                self.on_session_refused(node, session, text);
            }
            Message::Error { session: None, .. }
            | Message::Ping { .. }
            | Message::Pong { .. }
            | Message::Unknown => {}
        }
    }

    /// Answers a breach of the rules: says why, closes that link, and touches nothing else.
    pub(crate) fn refuse_link(&mut self, id: LinkId, code: ErrorCode, text: &str) {
        let Some(link) = self.links.open.remove(&id) else { return };
        let message = Message::Error { code, text: text.to_owned(), session: None };
        self.act(Action::Send { link: id, message });
        self.act(Action::CloseLink { link: id });
        self.emit(Event::PeerRefused { address: link.remote.to_string(), reason: text.to_owned() });
        match link.phase {
            Phase::Greeting { .. } => {
                if let Some(target) = link.target {
                    self.dial_was_in_vain(target);
                }
            }
            Phase::Up { node } => self.on_node_unlinked(node, id),
        }
    }

    fn on_bye_instead_of_welcome(&mut self, id: LinkId) {
        let Some(link) = self.links.open.remove(&id) else { return };
        self.act(Action::CloseLink { link: id });
        if let Some(target) = link.target {
            self.dial_was_in_vain(target);
        }
    }

    fn on_refused_by_peer(&mut self, id: LinkId, text: &str) {
        let Some(link) = self.links.open.remove(&id) else { return };
        self.act(Action::CloseLink { link: id });
        if matches!(link.target, Some(Target::OwnName)) {
            // It has proven our key, and is another run.
            self.tell_own_copy(link.remote);
        } else {
            let message = format!("{} refused this device: {text}", link.remote);
            self.emit(Event::Error { message });
        }
        if let Some(target) = link.target {
            self.dial_was_in_vain(target);
        }
    }

    /// The node leaves for good (until a later epoch announces it).
    fn on_node_bye(&mut self, link: LinkId, id: NodeId) {
        self.links.open.remove(&link);
        self.act(Action::CloseLink { link });
        let now = self.now;
        if let Some(node) = self.directory.nodes.get_mut(&id) {
            node.left = Some((node.epoch, now));
            (node.proven, node.listens) = (None, None);
        }
        self.on_node_unlinked(id, link);
        self.end_watched_of(id, &lanlens_model::LostReason::Goodbye);
        self.end_served_of(id);
    }

    pub(crate) fn expire_links(&mut self) {
        let now = self.now;
        let late: Vec<LinkId> = self
            .links
            .open
            .iter()
            .filter(|(_, link)| matches!(link.phase, Phase::Greeting { until } if until <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            self.refuse_link(id, ErrorCode::Order, "no greeting in time");
        }
    }

    pub(crate) fn say_bye_on_all_links(&mut self) {
        let links: Vec<(LinkId, bool)> =
            self.links.open.iter().map(|(id, link)| (*id, link.node().is_some())).collect();
        for (link, is_up) in links {
            // Whoever was not greeted yet expects a greeting, and sees the link close instead.
            if is_up {
                self.act(Action::Send { link, message: Message::Bye { session: None } });
            }
            self.act(Action::CloseLink { link });
        }
    }

    /// Tells every linked watcher what it may do now, where that has changed.
    pub(crate) fn tell_access(&mut self) {
        if self.config.cameras.is_empty() {
            return;
        }
        let mut news = Vec::new();
        for (id, link) in &mut self.links.open {
            let state = self.config.access_of(link.device);
            if link.node().is_some() && link.told.replace(state) != Some(state) {
                news.push((*id, state));
            }
        }
        for (link, state) in news {
            self.act(Action::Send { link, message: Message::Access { state } });
            self.know_address_of(link);
        }
    }
}
