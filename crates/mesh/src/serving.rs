//! Serving: who may have our pictures, and who has them.

use std::time::Instant;

use lanlens_model::limits::{
    CANDIDATES_MAX, OFFER_BURST_MAX, OFFER_INTERVAL, VIEWERS_PER_CAMERA_MAX,
};
use lanlens_model::{
    Access, CameraId, DeviceId, Event, IceCandidate, Layer, LostReason, NodeId, SessionId,
};
use lanlens_protocol::{ErrorCode, Message};

use crate::io::{Claim, LinkId, SessionHandle, SessionInput};
use crate::quota::Quota;
use crate::watching::millis;
use crate::{Action, ById, Mesh};

#[derive(Default)]
pub(crate) struct Serving {
    pub(crate) sessions: ById<SessionHandle, ServeSession>,
    /// Offers whose device is just claiming the cameras.
    claiming: Vec<Offer>,
    /// How many more sessions each device may begin now; whoever has all of its rights is not here.
    offers: ById<DeviceId, Quota>,
}

pub(crate) struct ServeSession {
    pub(crate) camera: CameraId,
    pub(crate) node: NodeId,
    wire: SessionId,
    candidates: usize,
    pub(crate) joined: bool,
    /// Since when nothing of what we send has arrived.
    pub(crate) silent_since: Option<Instant>,
    orphan_until: Option<Instant>,
}

struct Offer {
    link: LinkId,
    node: NodeId,
    wire: SessionId,
    camera: CameraId,
    layer: Layer,
    sdp: String,
}

impl Serving {
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.sessions.values().filter_map(|session| session.orphan_until).min()
    }

    pub(crate) fn resumable(&self, device: DeviceId) -> impl Iterator<Item = SessionId> {
        let sessions = self.sessions.values();
        sessions.filter(move |s| s.node.device() == device && s.joined).map(|s| s.wire)
    }

    pub(crate) fn by_wire(&self, node: NodeId, wire: SessionId) -> Option<SessionHandle> {
        let mut sessions = self.sessions.iter();
        sessions.find(|(_, s)| s.node == node && s.wire == wire).map(|(handle, _)| *handle)
    }
}

impl Mesh {
    pub(crate) fn on_offer(
        &mut self,
        link: LinkId,
        node: NodeId,
        wire: SessionId,
        camera: CameraId,
        layer: Layer,
        sdp: String,
    ) {
        self.consider(Offer { link, node, wire, camera, layer, sdp });
    }

    /// Serves an offer, or claims for it, or lets it wait, or refuses it.
    fn consider(&mut self, offer: Offer) {
        if !self.config.cameras.iter().any(|(id, _)| *id == offer.camera) {
            return self.refuse_offer(&offer, ErrorCode::NotFound, "this node has no such camera");
        }
        if self.serving.by_wire(offer.node, offer.wire).is_some() {
            return;
        }
        let device = offer.node.device();
        match self.access_of(device) {
            Access::Granted if !self.may_begin(device) => {
                let text = "too many sessions in a short time; try again later";
                self.refuse_offer(&offer, ErrorCode::Limit, text);
            }
            Access::Granted => self.serve(offer),
            Access::Unclaimed => {
                if self.serving.claiming.len() >= VIEWERS_PER_CAMERA_MAX {
                    let text = "too many devices ask at once";
                    return self.refuse_offer(&offer, ErrorCode::Limit, text);
                }
                let name = self.name_of(offer.node);
                let first = !self.serving.claiming.iter().any(|o| o.node.device() == device);
                self.serving.claiming.push(offer);
                if first {
                    self.act(Action::Claim { device, name });
                }
            }
            // The offer is dropped; the watcher asks, and offers again when it is told that it may.
            Access::Pending | Access::Invite => {}
            Access::Denied => {
                let text = "the owner of this camera does not allow this device";
                self.refuse_offer(&offer, ErrorCode::Access, text);
            }
        }
    }

    fn may_begin(&mut self, device: DeviceId) -> bool {
        let now = self.now;
        let offers = &mut self.serving.offers;
        offers.retain(|_, quota| !quota.is_full(OFFER_BURST_MAX, OFFER_INTERVAL, now));
        let quota = offers.entry(device).or_insert_with(|| Quota::full(OFFER_BURST_MAX, now));
        quota.take(OFFER_BURST_MAX, OFFER_INTERVAL, now)
    }

    fn serve(&mut self, offer: Offer) {
        // One session for each viewer and camera: a new offer replaces what stood.
        let same = |s: &ServeSession| s.node == offer.node && s.camera == offer.camera;
        let old = self.serving.sessions.iter().find(|(_, s)| same(s)).map(|(handle, _)| *handle);
        if let Some(old) = old {
            self.end_serve(old);
        }
        let viewers = self.serving.sessions.values().filter(|s| s.camera == offer.camera).count();
        if viewers >= VIEWERS_PER_CAMERA_MAX {
            let text = format!("{VIEWERS_PER_CAMERA_MAX} viewers watch this camera already");
            return self.refuse_offer(&offer, ErrorCode::Limit, &text);
        }
        let handle = self.watching.new_handle();
        let session = ServeSession {
            camera: offer.camera,
            node: offer.node,
            wire: offer.wire,
            candidates: 0,
            joined: false,
            silent_since: None,
            orphan_until: None,
        };
        self.serving.sessions.insert(handle, session);
        let Offer { camera, sdp, layer, .. } = offer;
        self.act(Action::OpenPublisher { handle, camera, offer: sdp, layer });
    }

    fn refuse_offer(&mut self, offer: &Offer, code: ErrorCode, text: &str) {
        let message = Message::Error { code, text: text.to_owned(), session: Some(offer.wire) };
        self.act(Action::Send { link: offer.link, message });
    }

    pub(crate) fn on_claim_done(&mut self, claim: Claim) {
        if claim.won {
            self.emit(Event::Claimed { viewer: claim.device, name: claim.name });
        }
        // Everyone linked learns at once whether it may still hope.
        self.on_trust_changed(claim.trust);
        let (mine, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.serving.claiming)
            .into_iter()
            .partition(|offer| offer.node.device() == claim.device);
        self.serving.claiming = others;
        for offer in mine {
            // A store that could not be written says “unclaimed” still: do not claim in a circle.
            if self.access_of(claim.device) == Access::Unclaimed {
                let text = "the camera could not remember its owner; look at its terminal";
                self.refuse_offer(&offer, ErrorCode::Access, text);
            } else {
                self.consider(offer);
            }
        }
    }

    pub(crate) fn on_served(&mut self, handle: SessionHandle, input: SessionInput) {
        let Some(session) = self.serving.sessions.get_mut(&handle) else { return };
        let (camera, node, wire) = (session.camera, session.node, session.wire);
        match input {
            SessionInput::Description(sdp) => {
                self.send_to(node, Message::Answer { session: wire, sdp });
            }
            SessionInput::Candidate(candidate) => {
                self.send_to(node, Message::Candidate { session: wire, candidate });
            }
            SessionInput::Connected { .. } => {
                if !std::mem::replace(&mut session.joined, true) {
                    let name = self.name_of(node);
                    self.emit(Event::ViewerJoined { camera, viewer: node, name });
                }
            }
            SessionInput::Failed { reason } => {
                let message =
                    Message::Error { code: ErrorCode::Sdp, text: reason, session: Some(wire) };
                self.send_to(node, message);
                self.end_serve(handle);
            }
            SessionInput::PathLost => {
                self.send_to(node, Message::Bye { session: Some(wire) });
                self.end_serve(handle);
            }
            SessionInput::Layer(layer) => {
                self.send_to(node, Message::Layer { session: wire, layer });
            }
            SessionInput::Silent(since) => self.on_viewer_silent(handle, since),
            // Facts of watching sessions only.
            SessionInput::Refused { .. } | SessionInput::Frame { .. } | SessionInput::Stats(_) => {}
        }
    }

    /// Whoever stands before the camera can see that its pictures do not arrive.
    fn on_viewer_silent(&mut self, handle: SessionHandle, since: Option<Instant>) {
        let now = self.now;
        let Some(session) = self.serving.sessions.get_mut(&handle) else { return };
        let before = std::mem::replace(&mut session.silent_since, since);
        let (camera, viewer) = (session.camera, session.node);
        let name = self.name_of(viewer);
        let passed = |since: Instant| millis(now.saturating_duration_since(since));
        match (before, since) {
            (None, Some(since)) => {
                let since_ms = passed(since);
                self.emit(Event::ViewerStalled { camera, viewer, name, since_ms });
            }
            (Some(before), None) => {
                let since_ms = passed(before);
                self.emit(Event::ViewerLive { camera, viewer, name, since_ms });
            }
            _ => {}
        }
    }

    pub(crate) fn on_candidate(
        &mut self,
        link: LinkId,
        node: NodeId,
        wire: SessionId,
        candidate: IceCandidate,
    ) {
        if self.on_watch_candidate(node, wire, &candidate) {
            return;
        }
        let Some(handle) = self.serving.by_wire(node, wire) else { return };
        let Some(session) = self.serving.sessions.get_mut(&handle) else { return };
        session.candidates += 1;
        if session.candidates > CANDIDATES_MAX {
            let text = "too many candidates".to_owned();
            let message = Message::Error { code: ErrorCode::Limit, text, session: Some(wire) };
            self.act(Action::Send { link, message });
            return self.end_serve(handle);
        }
        self.act(Action::AddCandidate { handle, candidate });
    }

    /// From a watcher, what it would like; from a camera, what it sends.
    pub(crate) fn on_layer(&mut self, node: NodeId, wire: SessionId, layer: Layer) {
        if self.on_layer_told(node, wire, layer) {
            return;
        }
        if let Some(handle) = self.serving.by_wire(node, wire) {
            self.act(Action::SetLayer { handle, layer });
        }
    }

    pub(crate) fn on_visible(&mut self, node: NodeId, wire: SessionId, visible: bool) {
        if let Some(handle) = self.serving.by_wire(node, wire) {
            self.act(Action::SetVisible { handle, visible });
        }
    }

    pub(crate) fn on_session_bye(&mut self, node: NodeId, wire: SessionId) {
        self.serving.claiming.retain(|offer| offer.node != node || offer.wire != wire);
        if !self.on_watch_ended_by_peer(node, wire, LostReason::Goodbye)
            && let Some(handle) = self.serving.by_wire(node, wire)
        {
            self.end_serve(handle);
        }
    }

    pub(crate) fn on_session_refused(&mut self, node: NodeId, wire: SessionId, text: String) {
        if !self.on_watch_ended_by_peer(node, wire, LostReason::Refused(text))
            && let Some(handle) = self.serving.by_wire(node, wire)
        {
            self.end_serve(handle);
        }
    }

    fn end_serve(&mut self, handle: SessionHandle) {
        let Some(session) = self.serving.sessions.remove(&handle) else { return };
        self.act(Action::CloseSession { handle });
        if session.joined {
            let name = self.name_of(session.node);
            self.emit(Event::ViewerLeft { camera: session.camera, viewer: session.node, name });
        }
    }

    pub(crate) fn end_served_of(&mut self, node: NodeId) {
        self.served_of(node).into_iter().for_each(|handle| self.end_serve(handle));
    }

    /// The picture stops at once for whoever lost its leave.
    pub(crate) fn end_sessions_without_leave(&mut self) {
        let without: Vec<(SessionHandle, NodeId, SessionId)> = self
            .serving
            .sessions
            .iter()
            .filter(|(_, s)| self.access_of(s.node.device()) != Access::Granted)
            .map(|(handle, s)| (*handle, s.node, s.wire))
            .collect();
        for (handle, node, wire) in without {
            let text = "the owner of this camera has removed this device".to_owned();
            let message = Message::Error { code: ErrorCode::Access, text, session: Some(wire) };
            self.send_to(node, message);
            self.end_serve(handle);
        }
    }

    pub(crate) fn orphan_served(&mut self, node: NodeId, until: Instant) {
        for handle in self.served_of(node) {
            match self.serving.sessions.get_mut(&handle) {
                Some(session) if session.joined => session.orphan_until = Some(until),
                _ => self.end_serve(handle),
            }
        }
        self.serving.claiming.retain(|offer| offer.node != node);
    }

    pub(crate) fn resume_served(&mut self, node: NodeId, held_by_peer: &[SessionId]) {
        for handle in self.served_of(node) {
            match self.serving.sessions.get_mut(&handle) {
                Some(session) if held_by_peer.contains(&session.wire) => {
                    session.orphan_until = None;
                }
                Some(session) => {
                    // Our greeting may have named it, so the watcher could wait for its pictures.
                    let bye = Message::Bye { session: Some(session.wire) };
                    self.send_to(node, bye);
                    self.end_serve(handle);
                }
                None => {}
            }
        }
    }

    pub(crate) fn expire_served(&mut self) {
        let now = self.now;
        let late: Vec<SessionHandle> = self
            .serving
            .sessions
            .iter()
            .filter(|(_, s)| s.orphan_until.is_some_and(|until| until <= now))
            .map(|(handle, _)| *handle)
            .collect();
        late.into_iter().for_each(|handle| self.end_serve(handle));
    }

    fn served_of(&self, node: NodeId) -> Vec<SessionHandle> {
        let sessions = self.serving.sessions.iter();
        sessions.filter(|(_, s)| s.node == node).map(|(handle, _)| *handle).collect()
    }

    pub(crate) fn name_of(&self, node: NodeId) -> String {
        self.directory.nodes.get(&node).map(|node| node.name.clone()).unwrap_or_default()
    }
}
