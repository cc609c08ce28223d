//! What the network does: it carries dials, links, messages, announcements and pictures, late.

use std::net::SocketAddr;
use std::time::Duration;

use lanlens_mesh::{
    Action, Claim, DialFailure, DialId, LinkEnd, LinkId, LinkInput, Mesh, SessionHandle,
    SessionInput, TrustInput,
};
use lanlens_model::{DeviceId, Epoch, Layer, TrustChange, Waiting};
use lanlens_protocol::{ChannelBinding, DiscoveryEvent, Message, Txt};

use crate::host::{Host, HostId};
use crate::queue::Delivery;
use crate::world::World;

pub(crate) const LAN_LATENCY: Duration = Duration::from_millis(2);
const MDNS_LATENCY: Duration = Duration::from_millis(5);
/// A link across a cut is noticed by its pings.
pub(crate) const PING_TIMEOUT: Duration = Duration::from_millis(2500);
const DIAL_TIMEOUT: Duration = Duration::from_secs(3);
const PICTURE_INTERVAL: Duration = Duration::from_millis(33);

impl World {
    /// Executes what a mesh wants done.
    pub(crate) fn drain(&mut self, id: HostId) {
        while let Some(action) = self.hosts[id].mesh.as_mut().and_then(Mesh::poll_action) {
            self.act(id, action);
        }
    }

    fn act(&mut self, id: HostId, action: Action) {
        let life = self.hosts[id].life;
        match action {
            Action::Dial { dial, addresses, expect } => {
                self.hosts[id].dials.push(self.queue.now);
                let latency = self.hosts[id].spec.dial_latency;
                self.queue.push(latency, id, life, Delivery::Dialed { dial, addresses, expect });
            }
            Action::Send { link, message } => self.send(id, link, message),
            Action::CloseLink { link } => self.close_link(id, link),
            Action::OpenSubscriber { handle, camera, .. } => {
                self.hosts[id].subscribers.insert(handle, camera);
                let offer = SessionInput::Description(format!("{id} {}", handle.0));
                self.queue.push(LAN_LATENCY, id, life, Delivery::Session(handle, offer));
            }
            Action::OpenPublisher { handle, offer, layer, .. } => {
                let (viewer, theirs) = parse_sdp(&offer);
                self.hosts[id].publishers.insert(handle, (viewer, theirs));
                self.send_layer(id, handle, layer);
                let answer = SessionInput::Description(format!("{id} {}", handle.0));
                self.queue.push(LAN_LATENCY, id, life, Delivery::Session(handle, answer));
            }
            Action::AcceptAnswer { handle, sdp } => self.connect_media(id, handle, &sdp),
            Action::CloseSession { handle } => {
                self.hosts[id].subscribers.remove(&handle);
                self.hosts[id].publishers.remove(&handle);
                self.hosts[id].hidden.remove(&handle);
                self.hosts[id].layers.remove(&handle);
            }
            Action::SetLayer { handle, layer } => self.send_layer(id, handle, layer),
            Action::SetVisible { handle, visible: true } => {
                self.hosts[id].hidden.remove(&handle);
            }
            Action::SetVisible { handle, visible: false } => {
                self.hosts[id].hidden.insert(handle);
            }
            Action::Claim { device, name } => {
                let trust = self.trust.entry(self.hosts[id].device).or_default();
                let won = trust.claim(device, &name, 1_795_000_000);
                let claim = Claim { device, name, won, trust: trust.clone() };
                let input = Delivery::Trust(TrustInput::ClaimDone(claim));
                self.queue.push(Duration::from_millis(1), id, life, input);
            }
            Action::ChangeTrust(change) => self.change_trust(id, &change),
            // How long it waits is told in wall time, which only people read.
            Action::Wait { device, name, code, .. } => {
                let (node, camera) = (self.hosts[id].node, self.hosts[id].spec.name.clone());
                let waiting = Waiting { device, name, node, camera, code, until_s: 0 };
                self.change_trust(id, &TrustChange::Wait(waiting));
            }
            Action::StopWaiting { device } => {
                let node = self.hosts[id].node;
                self.change_trust(id, &TrustChange::StopWaiting { device, node });
            }
            Action::Emit(event) => self.hosts[id].events.push((self.queue.now, event)),
            Action::Stop => {
                self.hosts[id].mesh = None;
                self.forget_process(id, LAN_LATENCY);
                self.say_goodbye(id);
            }
            Action::AddCandidate { .. } | Action::KnowAddress(_) | Action::Browse => {}
        }
    }

    /// A change of a host's store, by its own program or by `lanlens trust` beside it.
    pub fn change_trust(&mut self, id: HostId, change: &TrustChange) {
        let trust = self.trust.entry(self.hosts[id].device).or_default();
        trust.apply(change);
        self.tell_trust(id);
    }

    pub(crate) fn tell_trust(&mut self, id: HostId) {
        let trust = self.trust.entry(self.hosts[id].device).or_default().clone();
        let input = Delivery::Trust(TrustInput::Changed(trust));
        self.queue.push(Duration::ZERO, id, self.hosts[id].life, input);
    }

    pub(crate) fn on_dialed(
        &mut self,
        from: HostId,
        dial: DialId,
        addresses: &[SocketAddr],
        expect: Option<DeviceId>,
    ) {
        let life = self.hosts[from].life;
        let target = self.hosts.iter().position(|host| {
            addresses.contains(&host.address)
                && host.mesh.is_some()
                && !host.spec.firewalled
                && expect.is_none_or(|device| device == host.device)
        });
        let reachable = target.filter(|to| !self.hosts[from].cut && !self.hosts[*to].cut);
        let Some(to) = reachable else {
            let failure = DialFailure::Unreachable("timed out".into());
            let input = LinkInput::DialFailed { dial, failure };
            return self.queue.push(DIAL_TIMEOUT, from, life, Delivery::Link(input));
        };
        let (ours, theirs) = (LinkId(self.next_link), LinkId(self.next_link + 1));
        self.next_link += 2;
        self.hosts[from].links.insert(ours, (to, theirs));
        self.hosts[to].links.insert(theirs, (from, ours));
        // Both ends of one connection know the same, and no other connection does.
        let mut channel = [0; 32];
        channel[..8].copy_from_slice(&ours.0.to_be_bytes());
        let channel = ChannelBinding::from_bytes(channel);
        let opened = |link, host: &Host, dial| {
            Delivery::Link(LinkInput::Opened {
                link,
                device: host.device,
                remote: host.address,
                dial,
                channel,
            })
        };
        let (here, there) = (&self.hosts[from], &self.hosts[to]);
        let (to_here, to_there) = (opened(ours, there, Some(dial)), opened(theirs, here, None));
        let their_life = there.life;
        self.queue.push(Duration::ZERO, from, life, to_here);
        self.queue.push(Duration::ZERO, to, their_life, to_there);
    }

    fn send(&mut self, from: HostId, link: LinkId, message: Message) {
        let Some((to, theirs)) = self.hosts[from].links.get(&link).copied() else { return };
        if self.hosts[from].cut || self.hosts[to].cut {
            return;
        }
        let life = self.hosts[to].life;
        let input = LinkInput::Message { link: theirs, message };
        self.queue.push(LAN_LATENCY, to, life, Delivery::Link(input));
    }

    fn close_link(&mut self, id: HostId, link: LinkId) {
        let Some((to, theirs)) = self.hosts[id].links.remove(&link) else { return };
        if self.hosts[to].links.remove(&theirs).is_some() {
            let life = self.hosts[to].life;
            let input = LinkInput::Closed { link: theirs, end: LinkEnd::Lost("closed".into()) };
            self.queue.push(LAN_LATENCY, to, life, Delivery::Link(input));
        }
    }

    pub(crate) fn close_links(&mut self, id: HostId, here_after: Duration, there_after: Duration) {
        for (ours, (to, theirs)) in std::mem::take(&mut self.hosts[id].links) {
            let (life, their_life) = (self.hosts[id].life, self.hosts[to].life);
            let closed = |link| {
                Delivery::Link(LinkInput::Closed { link, end: LinkEnd::Lost("lost".into()) })
            };
            self.queue.push(here_after, id, life, closed(ours));
            if self.hosts[to].links.remove(&theirs).is_some() {
                self.queue.push(there_after, to, their_life, closed(theirs));
            }
        }
    }

    pub(crate) fn forget_process(&mut self, id: HostId, noticed_after: Duration) {
        self.close_links(id, noticed_after, noticed_after);
        self.hosts[id].subscribers.clear();
        self.hosts[id].publishers.clear();
        self.hosts[id].hidden.clear();
        self.hosts[id].layers.clear();
        self.hosts[id].last_picture.clear();
    }

    fn connect_media(&mut self, viewer: HostId, handle: SessionHandle, answer: &str) {
        let (camera, theirs) = parse_sdp(answer);
        let connected = || SessionInput::Connected { candidate_pair: "a ↔ b".into() };
        let (life, their_life) = (self.hosts[viewer].life, self.hosts[camera].life);
        self.queue.push(LAN_LATENCY * 5, viewer, life, Delivery::Session(handle, connected()));
        self.queue.push(
            LAN_LATENCY * 5,
            camera,
            their_life,
            Delivery::Session(theirs, connected()),
        );
        self.queue.push(LAN_LATENCY * 6, camera, their_life, Delivery::Picture(theirs));
    }

    /// A camera sends what it is asked for, and says so.
    fn send_layer(&mut self, camera: HostId, handle: SessionHandle, layer: Layer) {
        let life = self.hosts[camera].life;
        self.hosts[camera].layers.insert(handle, layer);
        let sent = SessionInput::Layer(layer);
        self.queue.push(LAN_LATENCY, camera, life, Delivery::Session(handle, sent));
    }

    pub(crate) fn on_picture(&mut self, camera: HostId, handle: SessionHandle) {
        let Some((viewer, theirs)) = self.hosts[camera].publishers.get(&handle).copied() else {
            return;
        };
        let life = self.hosts[camera].life;
        self.queue.push(PICTURE_INTERVAL, camera, life, Delivery::Picture(handle));
        let seen = !self.hosts[camera].hidden.contains(&handle);
        let through = seen && !self.hosts[camera].cut && !self.hosts[viewer].cut;
        if let Some(id) = self.hosts[viewer].subscribers.get(&theirs).copied().filter(|_| through) {
            let now = self.queue.now;
            self.hosts[viewer].last_picture.insert(id, now);
            let viewer_life = self.hosts[viewer].life;
            let frame = match self.hosts[camera].layers.get(&handle) {
                Some(Layer::Low) => SessionInput::Frame { width: 320, height: 180, at: now },
                _ => SessionInput::Frame { width: 640, height: 360, at: now },
            };
            self.queue.push(Duration::ZERO, viewer, viewer_life, Delivery::Session(theirs, frame));
        }
    }

    pub(crate) fn resolved(&self, id: HostId) -> DiscoveryEvent {
        let host = &self.hosts[id];
        DiscoveryEvent::Resolved {
            instance: format!("host-{id}"),
            txt: Txt {
                node: host.node,
                role: host.spec.role,
                epoch: Epoch(host.life),
                camera: host.camera,
                name: host.spec.name.clone(),
            },
            addresses: vec![host.address],
        }
    }

    pub(crate) fn announce(&mut self, id: HostId) {
        if !self.multicast || self.hosts[id].cut {
            return;
        }
        for to in (0..self.hosts.len()).filter(|to| *to != id) {
            if !self.hosts[to].cut {
                let (life, event) = (self.hosts[to].life, self.resolved(id));
                self.hosts[id].known_to.insert(to);
                self.queue.push(MDNS_LATENCY, to, life, Delivery::Discovery(event));
            }
        }
    }

    pub(crate) fn hear_everyone(&mut self, id: HostId) {
        if !self.multicast {
            return;
        }
        for from in (0..self.hosts.len()).filter(|from| *from != id) {
            if self.hosts[from].mesh.is_some() && !self.hosts[from].cut {
                let (life, event) = (self.hosts[id].life, self.resolved(from));
                self.queue.push(MDNS_LATENCY, id, life, Delivery::Discovery(event));
            }
        }
    }

    pub(crate) fn say_goodbye(&mut self, id: HostId) {
        for to in std::mem::take(&mut self.hosts[id].known_to) {
            let life = self.hosts[to].life;
            let event = DiscoveryEvent::Removed { instance: format!("host-{id}") };
            self.queue.push(MDNS_LATENCY, to, life, Delivery::Discovery(event));
        }
    }
}

/// The world's "session description" is who made it, and which session of theirs it is for.
#[expect(clippy::unwrap_used, reason = "the world wrote it itself")]
fn parse_sdp(sdp: &str) -> (HostId, SessionHandle) {
    let (host, handle) = sdp.split_once(' ').unwrap();
    (host.parse().unwrap(), SessionHandle(handle.parse().unwrap()))
}
