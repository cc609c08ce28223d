//! Sessions between two links: which go on, which begin again, which end.

use std::time::Instant;

use lanlens_model::limits::CAMERAS_PER_VIEWER_MAX;
use lanlens_model::{DeviceId, LostReason, NodeId, SessionId};
use lanlens_protocol::Message;

use crate::Mesh;
use crate::io::SessionHandle;

impl Mesh {
    pub(crate) fn orphan_watched(&mut self, node: NodeId, until: Instant) {
        for handle in self.watched_of(node) {
            let Some(session) = self.watching.sessions.get_mut(&handle) else { continue };
            session.orphan_until = Some(until);
            // Who says nothing any more is not waited for.
            session.waits_for_source = false;
            self.end_without_pictures(handle);
        }
    }

    /// A session that lost its link before it showed anything has lost nothing that anyone saw: it
    /// begins again without a word. One whose pictures have stalled ends as unreachable.
    fn end_without_pictures(&mut self, handle: SessionHandle) {
        let Some(session) = self.watching.sessions.get(&handle) else { return };
        if !session.shown {
            self.close_watch_of(session.camera);
        } else if session.stalled.is_some() {
            self.end_watch(handle, LostReason::Unreachable);
        }
    }

    /// A new link to the same start of the node: what both sides still hold goes on.
    pub(crate) fn resume_watched(&mut self, node: NodeId, held_by_peer: &[SessionId]) {
        for handle in self.watched_of(node) {
            let Some(session) = self.watching.sessions.get_mut(&handle) else { continue };
            if held_by_peer.contains(&session.wire) {
                session.orphan_until = None;
            } else {
                self.end_without_pictures(handle);
                self.end_watch(handle, LostReason::Unreachable);
            }
        }
    }

    /// What the other side still holds, and we no longer: one that we named in our greeting may have
    /// ended before theirs came, and they would wait for its pictures.
    pub(crate) fn end_what_is_not_held(&mut self, node: NodeId, held_by_peer: &[SessionId]) {
        for wire in held_by_peer.iter().take(CAMERAS_PER_VIEWER_MAX) {
            let held = self.watching.by_wire(node, *wire).or(self.serving.by_wire(node, *wire));
            if held.is_none() {
                self.send_to(node, Message::Bye { session: Some(*wire) });
            }
        }
    }

    /// The sessions with a device's nodes that could go on over a new link.
    pub(crate) fn resumable(&self, device: DeviceId) -> Vec<SessionId> {
        let watched = self
            .watching
            .sessions
            .values()
            .filter(|s| s.node.device() == device && s.can_go_on())
            .map(|s| s.wire);
        watched.chain(self.serving.resumable(device)).collect()
    }

    pub(crate) fn watched_of(&self, node: NodeId) -> Vec<SessionHandle> {
        let sessions = self.watching.sessions.iter();
        sessions.filter(|(_, s)| s.node == node).map(|(handle, _)| *handle).collect()
    }

    pub(crate) fn end_watched_of(&mut self, node: NodeId, reason: &LostReason) {
        for handle in self.watched_of(node) {
            self.end_watch(handle, reason.clone());
        }
    }
}
