//! At the viewer: asking a camera for leave, and what came of it so far.
//!
//! Where somebody wants to watch and was told to wait, the camera is asked once on each link; where
//! an invitation is needed, those that are held are proven once on each link.

use std::time::{Duration, Instant};

use lanlens_model::limits::{CODES_PER_VIEWER_MAX, WAITING_CODES_MAX, WAITING_TIME};
use lanlens_model::{Access, CameraId, Code, DeviceId, Event, NodeId, RequestEnd, TileState};
use lanlens_protocol::{Commitment, ErrorCode, Message, Nonce, Proof, code};

use crate::io::LinkId;
use crate::{Action, Mesh};

/// A camera that could not take the request is asked again after this.
const ASK_AGAIN: Duration = Duration::from_secs(20);

/// What is between this viewer and one node that did not let it in.
#[derive(Default)]
pub(crate) struct Request {
    /// The link on which it was asked, or invitations were shown.
    asked: Option<LinkId>,
    /// It was asked, and may bind itself to a nonce, once.
    awaited: bool,
    /// The camera is bound to its nonce, and has ours.
    bound: Option<(Commitment, Nonce)>,
    code: Option<Code>,
    ended: Option<(RequestEnd, Option<Instant>)>,
}

impl Request {
    /// A person, or a new invitation, wants another try.
    fn renew(&mut self) {
        if self.ended.take().is_some() {
            self.asked = None;
        }
    }

    pub(crate) fn code(&self) -> Option<Code> {
        self.code
    }

    fn retry_at(&self) -> Option<Instant> {
        self.ended.and_then(|(_, retry)| retry)
    }

    /// What a tile says while the camera's verdict is `access`.
    pub(crate) fn tile(&self, access: Access) -> TileState {
        match (self.ended, access) {
            (Some((reason, _)), _) => TileState::RequestEnded(reason),
            (None, Access::Invite) => TileState::NeedsInvitation,
            (None, _) => TileState::Waiting { code: self.code },
        }
    }
}

impl Mesh {
    /// Asks every node with a wanted camera that has told us to wait, once on each link.
    pub(crate) fn ask_for_leave(&mut self) {
        let wanted: std::collections::BTreeSet<NodeId> = self
            .directory
            .cameras
            .values()
            .filter(|camera| camera.selected && camera.told)
            .map(|camera| camera.node)
            .collect();
        let (now, has_invitations) = (self.now, !self.config.trust.joined.is_empty());
        // All that are due, wanted or not: a time that has passed must not be due for ever.
        for node in self.directory.nodes.values_mut() {
            if node.request.retry_at().is_some_and(|at| at <= now) {
                node.request.renew();
            }
        }
        let mut asked = Vec::new();
        for id in wanted {
            let Some(node) = self.directory.nodes.get_mut(&id) else { continue };
            let request = &mut node.request;
            if request.ended.is_some() || request.asked == node.link {
                continue;
            }
            let message = match node.access {
                Some(Access::Pending) => {
                    (request.bound, request.awaited) = (None, true);
                    Some(Message::AccessRequest { again: request.code.is_some() })
                }
                Some(Access::Invite) if has_invitations => None,
                _ => continue,
            };
            request.asked = node.link;
            asked.extend(node.link.map(|link| (id, link, message)));
        }
        for (node, link, message) in asked {
            let message = message.or_else(|| self.prove_invitations(node, link));
            if let Some(message) = message {
                self.act(Action::Send { link, message });
            }
        }
    }

    fn prove_invitations(&self, node: NodeId, link: LinkId) -> Option<Message> {
        let channel = self.links.open.get(&link)?.channel;
        let proof = |held| Proof::of(held, &channel, self.own_device(), node.device());
        Some(Message::Invitation { proofs: self.config.trust.joined.iter().map(proof).collect() })
    }

    pub(crate) fn next_request_due(&self) -> Option<Instant> {
        let linked = self.directory.nodes.values().filter(|node| node.link.is_some());
        linked.filter_map(|node| node.request.retry_at()).min()
    }

    /// Somebody wants another try where nobody is asked any longer.
    pub(crate) fn renew_requests(&mut self) {
        self.directory.nodes.values_mut().for_each(|node| node.request.renew());
        self.changed = true;
    }

    /// New invitations are shown to whoever wants one.
    pub(crate) fn show_invitations_again(&mut self) {
        let nodes = self.directory.nodes.values_mut();
        for node in nodes.filter(|node| node.access == Some(Access::Invite)) {
            node.request = Request::default();
        }
        self.changed = true;
    }

    pub(crate) fn on_access_commit(&mut self, link: LinkId, id: NodeId, commitment: Commitment) {
        let nonce = self.secret.nonce();
        let may_draw = self.may_draw_code(id.device());
        let Some(node) = self.directory.nodes.get_mut(&id) else { return };
        // One for each time that we asked: a camera cannot make us draw codes until one fits.
        let asked = node.request.asked == Some(link) && node.access == Some(Access::Pending);
        if !asked || !std::mem::take(&mut node.request.awaited) {
            return;
        }
        if !may_draw {
            // It may be somebody else who has drawn that many.
            return self.end_own_request(id, RequestEnd::TooOften, true);
        }
        node.request.bound = Some((commitment, nonce));
        self.drawn.push_back((self.now, id.device()));
        self.act(Action::Send { link, message: Message::AccessNonce { nonce } });
    }

    /// Whether another code may be agreed on with a device: each is a guess for whoever stands in
    /// between, whatever the number of cameras that it pretends to be.
    fn may_draw_code(&mut self, device: DeviceId) -> bool {
        let now = self.now;
        self.drawn.retain(|(at, _)| now < *at + WAITING_TIME);
        let of_device = self.drawn.iter().filter(|(_, of)| *of == device).count();
        self.drawn.len() < CODES_PER_VIEWER_MAX && of_device < WAITING_CODES_MAX as usize
    }

    pub(crate) fn on_access_reveal(&mut self, link: LinkId, id: NodeId, theirs: &Nonce) {
        let own = self.own_device();
        let Some(node) = self.directory.nodes.get_mut(&id) else { return };
        let Some((commitment, nonce)) = node.request.bound.take() else { return };
        if theirs.commitment() != commitment {
            let text = "its nonce is not the one that it was bound to: somebody may be in between";
            return self.refuse_link(link, ErrorCode::Identity, text);
        }
        let code = code(theirs, &nonce, id.device(), own);
        node.request.code = Some(code);
        self.tell_cameras_of(id, |camera| Event::Access {
            camera,
            state: Access::Pending,
            code: Some(code),
        });
    }

    pub(crate) fn on_access_ended(&mut self, id: NodeId, reason: RequestEnd) {
        let Some(node) = self.directory.nodes.get(&id) else { return };
        // Nobody ends what was not begun.
        if node.link.is_none() || node.request.asked != node.link {
            return;
        }
        // It needs no person where the reason passes by itself.
        let passes = match (reason, node.access) {
            (RequestEnd::Full | RequestEnd::Other, Some(Access::Pending)) => true,
            (RequestEnd::TooOften, Some(Access::Invite)) => true,
            (_, Some(Access::Pending | Access::Invite)) => false,
            _ => return,
        };
        self.end_own_request(id, reason, passes);
    }

    fn end_own_request(&mut self, id: NodeId, reason: RequestEnd, passes: bool) {
        let retry = passes.then(|| self.now + ASK_AGAIN);
        let Some(node) = self.directory.nodes.get_mut(&id) else { return };
        let asked = node.request.asked;
        node.request = Request { asked, ended: Some((reason, retry)), ..Request::default() };
        self.tell_cameras_of(id, |camera| Event::RequestEnded { camera, reason });
    }

    /// An event for each wanted camera that a node has told us of.
    fn tell_cameras_of(&mut self, node: NodeId, event: impl Fn(CameraId) -> Event) {
        let cameras = self.directory.cameras.iter();
        let events: Vec<Event> = cameras
            .filter(|(_, camera)| camera.node == node && camera.told && camera.selected)
            .map(|(id, _)| event(*id))
            .collect();
        events.into_iter().for_each(|event| self.emit(event));
    }
}
