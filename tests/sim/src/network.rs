//! What the shell does for every mesh: it executes actions.

use std::time::Duration;

use lanlens_mesh::{Action, Claim, Mesh, SessionInput, TrustInput};
use lanlens_model::{TrustChange, TrustView, Waiting};

use crate::host::{Dial, HostId, Publisher, Subscriber};
use crate::queue::{Attempt, Delivery};
use crate::trace::note;
use crate::world::World;

pub(crate) const LAN_LATENCY: Duration = Duration::from_millis(2);

impl World {
    /// Executes what a mesh wants done.
    pub(crate) fn drain(&mut self, id: HostId) {
        while let Some(action) = self.hosts[id].mesh.as_mut().and_then(Mesh::poll_action) {
            self.act(id, action);
        }
    }

    fn act(&mut self, id: HostId, action: Action) {
        let life = self.hosts[id].life;
        if !matches!(action, Action::ChangeTrust(_)) {
            note!(self, "host {id} → {action:?}");
        }
        match action {
            Action::Dial { dial, addresses, expect } => {
                let noted = Dial { life, at: self.queue.now, expect, addresses: addresses.clone() };
                self.hosts[id].dials.push(noted);
                let latency = self.hosts[id].spec.dial_latency;
                let attempt = Attempt { dial, addresses, expect, repeats: 0 };
                self.queue.push(latency, id, life, Delivery::Dialed(attempt));
            }
            Action::Send { link, message } => self.send(id, link, message),
            Action::CloseLink { link } => self.end_link(id, link),
            Action::Claim { device, name } => {
                let trust = self.trust.entry(self.hosts[id].device).or_default();
                let won = trust.claim(device, &name, 1_795_000_000);
                let claim = Claim { device, name, won, trust: trust.clone() };
                let input = Delivery::Trust(TrustInput::ClaimDone(claim));
                self.queue.push(Duration::ZERO, id, life, input);
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
            Action::Emit(event) => {
                let told = self.hosts[id].screen.on_event(&event);
                told.unwrap_or_else(|lie| self.broken(&format!("host {id}: {lie}")));
                self.hosts[id].events.push((self.queue.now, event));
            }
            Action::RememberNode(known) => {
                self.hosts[id].known.insert(known.node, known);
            }
            Action::Scan => self.scan(id),
            Action::Browse => self.hear_everyone(id),
            Action::Stop => self.on_stopped(id),
            action => self.act_on_session(id, action),
        }
    }

    fn act_on_session(&mut self, id: HostId, action: Action) {
        let (life, moves) = (self.hosts[id].life, self.hosts[id].moves);
        match action {
            Action::OpenSubscriber { handle, camera, .. } => {
                let subscriber = Subscriber { camera, from: None, moves, connected: false };
                self.hosts[id].subscribers.insert(handle, subscriber);
                self.hosts[id].screen.on_open(camera, handle);
                let offer = SessionInput::Description(format!("{id} {}", handle.0));
                self.queue.push(LAN_LATENCY, id, life, Delivery::Session(handle, offer));
            }
            Action::OpenPublisher { handle, offer, layer, .. } => {
                let Some((viewer, theirs)) = self.parse(&offer) else {
                    let failed = SessionInput::Failed { reason: "nonsense".to_owned() };
                    self.queue.push(LAN_LATENCY, id, life, Delivery::Session(handle, failed));
                    return;
                };
                let publisher = Publisher {
                    viewer,
                    theirs,
                    layer,
                    visible: true,
                    moves,
                    connected: false,
                    broken_since: None,
                };
                self.hosts[id].publishers.insert(handle, publisher);
                self.send_layer(id, handle, layer);
                let answer = SessionInput::Description(format!("{id} {}", handle.0));
                self.queue.push(LAN_LATENCY, id, life, Delivery::Session(handle, answer));
            }
            Action::AcceptAnswer { handle, sdp } => {
                let from = self.parse(&sdp);
                let subscriber = self.hosts[id].subscribers.get_mut(&handle);
                if let Some(subscriber) = subscriber.filter(|s| s.from.is_none()) {
                    subscriber.from = from;
                    self.queue.push(LAN_LATENCY * 5, id, life, Delivery::Connect(handle));
                }
            }
            Action::CloseSession { handle } => {
                if let Some(subscriber) = self.hosts[id].subscribers.remove(&handle) {
                    self.hosts[id].screen.on_close(subscriber.camera, handle);
                }
                self.hosts[id].publishers.remove(&handle);
            }
            Action::SetLayer { handle, layer } => self.send_layer(id, handle, layer),
            Action::SetVisible { handle, visible } => {
                if let Some(publisher) = self.hosts[id].publishers.get_mut(&handle) {
                    publisher.visible = visible;
                }
            }
            // The rest is for shells with sockets of their own.
            _ => {}
        }
    }

    /// A change of a host's store, by its own program or by `lanlens trust` beside it.
    pub fn change_trust(&mut self, id: HostId, change: &TrustChange) {
        note!(self, "the store of host {id} is changed: {change:?}");
        let trust = self.trust.entry(self.hosts[id].device).or_default();
        trust.apply(change);
        self.tell_trust(id);
    }

    /// Puts lists into a host's store before it starts.
    pub fn set_trust(&mut self, id: HostId, trust: TrustView) {
        self.trust.insert(self.hosts[id].device, trust);
    }

    /// `lanlens trust reset` on a host.
    pub fn reset_trust(&mut self, id: HostId) {
        self.trust.insert(self.hosts[id].device, TrustView::default());
        self.tell_trust(id);
    }

    fn tell_trust(&mut self, id: HostId) {
        let trust = self.trust.entry(self.hosts[id].device).or_default().clone();
        let input = Delivery::Trust(TrustInput::Changed(trust));
        self.queue.push(Duration::ZERO, id, self.hosts[id].life, input);
    }
}
