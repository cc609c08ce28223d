//! How a watching session ends: its time is over, it failed, its other side ended it, or nobody wants it
//! any more.

use lanlens_model::{CameraId, Event, LostReason, NodeId, SessionId};
use lanlens_protocol::Message;

use crate::backoff::LONGEST;
use crate::io::SessionHandle;
use crate::watching::{WatchPhase, millis};
use crate::{Action, Mesh};

impl Mesh {
    /// Flags stalls, and ends what waited too long.
    pub(crate) fn expire_watched(&mut self) {
        let now = self.now;
        let due: Vec<SessionHandle> = self
            .watching
            .sessions
            .iter()
            .filter(|(_, session)| session.due().is_some_and(|due| due <= now))
            .map(|(handle, _)| *handle)
            .collect();
        for handle in due {
            self.expire_watch(handle);
        }
    }

    fn expire_watch(&mut self, handle: SessionHandle) {
        let now = self.now;
        let Some(session) = self.watching.sessions.get_mut(&handle) else { return };
        if session.orphan_until.is_some_and(|until| until <= now) {
            return self.end_watch(handle, LostReason::Unreachable);
        }
        let WatchPhase::Connected { .. } = session.phase else {
            return self.end_watch(handle, LostReason::MediaFailed);
        };
        let Some(last) = session.pace.last().filter(|_| session.shown) else {
            return self.end_watch(handle, LostReason::MediaFailed);
        };
        let (camera, since) = (session.camera, now - last);
        if session.stalled.is_none() {
            session.stalled = Some(since);
            let orphan = session.orphan_until.is_some();
            let overdue = session.due().is_some_and(|due| due <= now);
            self.emit(Event::Stalled { camera, since_ms: millis(since) });
            if orphan {
                // Neither link nor pictures: nothing is left to wait for.
                self.end_watch(handle, LostReason::Unreachable);
            } else if overdue {
                // Noticed only now, after a sleep.
                self.end_watch(handle, LostReason::MediaFailed);
            }
        } else {
            self.end_watch(handle, LostReason::MediaFailed);
        }
    }

    /// Ends a session that failed; it is tried again after its backoff.
    pub(crate) fn end_watch(&mut self, handle: SessionHandle, reason: LostReason) {
        let Some(session) = self.watching.sessions.remove(&handle) else { return };
        self.act(Action::CloseSession { handle });
        self.send_to(session.node, Message::Bye { session: Some(session.wire) });
        if let Some(retry) = self.watching.retries.get_mut(&session.camera) {
            retry.failed(self.now, &mut self.rng, LONGEST);
            // What ended for a known reason begins again at once.
            let known =
                [LostReason::Restarted, LostReason::Unreachable, LostReason::NetworkChanged];
            if known.contains(&reason) {
                retry.hurry(self.now);
            }
        }
        if let Some(camera) = self.directory.cameras.get_mut(&session.camera) {
            camera.lost = Some(reason.clone());
            camera.pace = session.pace;
        }
        self.emit(Event::Lost { camera: session.camera, reason });
    }

    /// Ends a session that is no longer wanted.
    pub(crate) fn close_watch_of(&mut self, camera: CameraId) {
        let Some((handle, session)) = self.watching.of_camera(camera) else { return };
        let (node, wire) = (session.node, session.wire);
        let session = self.watching.sessions.remove(&handle);
        if let (Some(entry), Some(session)) = (self.directory.cameras.get_mut(&camera), session) {
            entry.pace = session.pace;
        }
        // It may begin again at once, but not again and again.
        if let Some(retry) = self.watching.retries.get_mut(&camera) {
            retry.hurry(self.now);
        }
        self.changed = true;
        self.act(Action::CloseSession { handle });
        self.send_to(node, Message::Bye { session: Some(wire) });
    }

    pub(crate) fn on_watch_ended_by_peer(
        &mut self,
        node: NodeId,
        wire: SessionId,
        reason: LostReason,
    ) -> bool {
        let Some(handle) = self.watching.by_wire(node, wire) else { return false };
        self.end_watch(handle, reason);
        true
    }
}
