//! Links: dials that arrive or do not, messages in order, and ends that learn late of the other's end.
//!
//! A link is TCP: nothing on it is lost or overtaken while it stands. Where packets do not get
//! through, messages wait; after a few seconds of unanswered pings each end gives up by itself.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lanlens_mesh::{DialFailure, LinkEnd as End, LinkId, LinkInput, ScanInput};
use lanlens_model::DeviceId;
use lanlens_model::limits::{LINK_QUEUE_MAX, PING_TIMEOUT};
use lanlens_protocol::{ChannelBinding, Message};

use crate::host::{Host, HostId, LinkEnd};
use crate::network::LAN_LATENCY;
use crate::paths::Traffic;
use crate::queue::{Attempt, Delivery};
use crate::world::World;

/// Over all addresses of a peer.
const DIAL_TIMEOUT: Duration = Duration::from_secs(3);
/// The first packet of a connection is sent again after this, once within the timeout.
const REPEATED_AFTER: Duration = Duration::from_secs(1);
/// What waited is sent within this once packets get through again.
const RESENT_WITHIN: Duration = Duration::from_millis(400);

/// What comes of one address.
enum Answer {
    /// The right device, or any where none is expected.
    From(HostId),
    /// Another device.
    Wrong,
    /// The machine is there, and nobody listens.
    Refused,
    Silence,
}

impl World {
    /// All addresses are tried at once; the first right one wins.
    pub(crate) fn on_dialed(&mut self, from: HostId, attempt: Attempt) {
        let life = self.hosts[from].life;
        let (mut wrong, mut silent) = (None, false);
        for address in &attempt.addresses {
            match self.answer(from, *address, attempt.expect) {
                Answer::From(to) => return self.open_link(from, to, &attempt),
                Answer::Wrong => wrong = wrong.or(Some(*address)),
                Answer::Refused => {}
                Answer::Silence => silent = true,
            }
        }
        if silent && attempt.repeats == 0 {
            let again = Attempt { repeats: 1, ..attempt };
            return self.queue.push(REPEATED_AFTER, from, life, Delivery::Dialed(again));
        }
        let failure = match wrong {
            Some(address) => DialFailure::WrongDevice { address },
            None => DialFailure::Unreachable("nobody answers".into()),
        };
        let input = LinkInput::DialFailed { dial: attempt.dial, failure };
        let after = if silent { DIAL_TIMEOUT - REPEATED_AFTER } else { LAN_LATENCY };
        self.queue.push(after, from, life, Delivery::Link(input));
    }

    fn answer(&self, from: HostId, address: SocketAddr, expect: Option<DeviceId>) -> Answer {
        let Some(to) = self.hosts.iter().position(|host| host.address == address) else {
            return Answer::Silence;
        };
        let host = &self.hosts[to];
        let through = self.passes_both(Traffic::Signaling, from, to);
        if !through || host.spec.firewalled || host.asleep.is_some() {
            return Answer::Silence;
        }
        if host.mesh.is_none() && !host.impostor {
            return Answer::Refused;
        }
        match expect {
            Some(device) if device != host.device => Answer::Wrong,
            _ => Answer::From(to),
        }
    }

    /// Knocks at everybody's door; the doors that open are told.
    pub(crate) fn scan(&mut self, from: HostId) {
        let life = self.hosts[from].life;
        let doors: Vec<SocketAddr> = self.hosts.iter().map(|host| host.address).collect();
        let total = doors.len();
        for (at, address) in doors.into_iter().enumerate() {
            let after = LAN_LATENCY * u32::try_from(at).unwrap_or(u32::MAX);
            if at != from && matches!(self.answer(from, address, None), Answer::From(_)) {
                let open = Delivery::Scan(ScanInput::Open(address));
                self.queue.push(after, from, life, open);
            }
        }
        self.queue.push(REPEATED_AFTER, from, life, Delivery::Scan(ScanInput::Done { total }));
    }

    fn open_link(&mut self, from: HostId, to: HostId, attempt: &Attempt) {
        let (here, there) = self.join(from, to);
        let dial = Some(attempt.dial);
        self.tell_opened(from, here, to, dial, here);
        self.tell_opened(to, there, from, None, here);
    }

    /// Makes both ends of a link; nobody is told yet.
    pub(crate) fn join(&mut self, from: HostId, to: HostId) -> (LinkId, LinkId) {
        let (here, there) = (LinkId(self.next_link), LinkId(self.next_link + 1));
        self.next_link += 2;
        let moves = (self.hosts[from].moves, self.hosts[to].moves);
        let end = |peer, theirs, moves| LinkEnd {
            peer,
            theirs,
            moves,
            silent_since: None,
            liar: false,
            held: Vec::new(),
            busy_until: None,
        };
        self.hosts[from].links.insert(here, end(to, there, moves));
        self.hosts[to].links.insert(there, end(from, here, (moves.1, moves.0)));
        (here, there)
    }

    /// Tells one end. Both ends of one connection know its `name`, and no other connection does.
    pub(crate) fn tell_opened(
        &mut self,
        at: HostId,
        link: LinkId,
        peer: HostId,
        dial: Option<lanlens_mesh::DialId>,
        name: LinkId,
    ) {
        let mut channel = [0; 32];
        channel[..8].copy_from_slice(&name.0.to_be_bytes());
        let channel = ChannelBinding::from_bytes(channel);
        let Host { device, address: remote, .. } = self.hosts[peer];
        let input = LinkInput::Opened { link, device, remote, dial, channel };
        self.queue.push(Duration::ZERO, at, self.hosts[at].life, Delivery::Link(input));
    }

    pub(crate) fn send(&mut self, from: HostId, link: LinkId, message: Message) {
        let severed = self.is_severed(from, link);
        let liar = self.hosts[from].links.get(&link).is_some_and(|end| end.liar);
        if liar && matches!(message, Message::Welcome(_)) {
            self.broken(&format!("host {from} welcomes somebody who is not who he says"));
        }
        let Some(end) = self.hosts[from].links.get_mut(&link) else { return };
        if severed || !end.held.is_empty() {
            end.held.push(message);
            if end.held.len() > LINK_QUEUE_MAX {
                self.end_link(from, link);
                self.tell_closed(from, link, LAN_LATENCY, "it does not read");
            }
            return;
        }
        self.carry(from, link, message, LAN_LATENCY);
    }

    fn carry(&mut self, from: HostId, link: LinkId, message: Message, after: Duration) {
        let now = self.queue.now;
        let Some(end) = self.hosts[from].links.get_mut(&link) else { return };
        let at = end.busy_until.map_or(now + after, |busy| busy.max(now + after));
        end.busy_until = Some(at);
        let (peer, theirs) = (end.peer, end.theirs);
        let input = LinkInput::Message { link: theirs, message };
        self.queue.push(at - now, peer, self.hosts[peer].life, Delivery::Link(input));
    }

    /// Nothing gets through, in one direction at least, or one end is not there any more.
    fn is_severed(&self, id: HostId, link: LinkId) -> bool {
        let Some(end) = self.hosts[id].links.get(&link) else { return true };
        let (here, there) = (&self.hosts[id], &self.hosts[end.peer]);
        end.moves != (here.moves, there.moves)
            || here.asleep.is_some()
            || there.asleep.is_some()
            || !self.passes_both(Traffic::Signaling, id, end.peer)
    }

    /// Whether what one host says to another now arrives.
    pub(crate) fn hears(&self, at: HostId, from: HostId) -> bool {
        let mut links = self.hosts[at].links.iter();
        links.any(|(link, end)| end.peer == from && !self.is_severed(at, *link))
    }

    /// Whether the other side is told when this end is closed: a sleeper's system is.
    fn is_heard(&self, id: HostId, end: &LinkEnd) -> bool {
        end.moves == (self.hosts[id].moves, self.hosts[end.peer].moves)
            && self.passes_both(Traffic::Signaling, id, end.peer)
    }

    /// This end is closed; the other learns of it, unless nothing gets there.
    pub(crate) fn end_link(&mut self, id: HostId, link: LinkId) {
        let Some(end) = self.hosts[id].links.remove(&link) else { return };
        if self.is_heard(id, &end) && self.hosts[end.peer].links.remove(&end.theirs).is_some() {
            let now = self.queue.now;
            let last = end.busy_until.map_or(Duration::ZERO, |at| at.max(now) - now);
            self.tell_closed(end.peer, end.theirs, last.max(LAN_LATENCY), "closed");
        }
    }

    fn tell_closed(&mut self, at: HostId, link: LinkId, after: Duration, why: &str) {
        let input = LinkInput::Closed { link, end: End::Lost(why.to_owned()) };
        self.queue.push(after, at, self.hosts[at].life, Delivery::Link(input));
    }

    /// To be called when anything about paths has changed.
    pub(crate) fn look_at_links(&mut self) {
        for id in 0..self.hosts.len() {
            let links: Vec<LinkId> = self.hosts[id].links.keys().copied().collect();
            links.into_iter().for_each(|link| self.look_at_link(id, link));
        }
    }

    fn look_at_link(&mut self, id: HostId, link: LinkId) {
        let (now, severed) = (self.queue.now, self.is_severed(id, link));
        let Some(end) = self.hosts[id].links.get_mut(&link) else { return };
        if !severed {
            end.silent_since = None;
            let (held, peer, theirs) = (std::mem::take(&mut end.held), end.peer, end.theirs);
            if !self.hosts[peer].links.contains_key(&theirs) {
                // Its next packet is answered by a reset.
                self.hosts[id].links.remove(&link);
                return self.tell_closed(id, link, LAN_LATENCY, "reset");
            }
            let after = RESENT_WITHIN.mul_f64(self.rng.f64());
            held.into_iter().for_each(|message| self.carry(id, link, message, after));
        } else if end.silent_since.is_none() {
            end.silent_since = Some(now);
            let patience = PING_TIMEOUT.mul_f64(0.9 + 0.2 * self.rng.f64());
            let life = self.hosts[id].life;
            self.queue.push(patience, id, life, Delivery::Silent(link, now));
        }
    }

    pub(crate) fn on_silent(&mut self, id: HostId, link: LinkId, since: Instant) {
        let end = self.hosts[id].links.get(&link);
        if end.is_some_and(|end| end.silent_since == Some(since)) {
            self.end_link(id, link);
            self.tell_closed(id, link, Duration::ZERO, "its pings are not answered");
        }
    }
}
