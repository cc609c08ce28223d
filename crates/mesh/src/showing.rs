//! What a viewer would like of each camera, which encoding, and whether anybody sees it; and what the
//! camera says it sends.
//!
//! A wish outlives its session. A camera that nobody sees keeps its session, so that its picture is
//! back with the next keyframe, and is neither live nor stalled meanwhile.

use lanlens_model::{CameraId, Layer, NodeId, SessionId};
use lanlens_protocol::Message;

use crate::watching::WatchPhase;
use crate::{Mesh, SessionHandle};

impl Mesh {
    pub(crate) fn on_set_layer(&mut self, camera: CameraId, layer: Layer) {
        if self.watching.layers.insert(camera, layer) == Some(layer) {
            return;
        }
        let Some((_, session)) = self.watching.of_camera(camera) else { return };
        let (node, wire) = (session.node, session.wire);
        self.send_to(node, Message::Layer { session: wire, layer });
    }

    pub(crate) fn on_set_visible(&mut self, camera: CameraId, visible: bool) {
        let changed = if visible {
            self.watching.hidden.remove(&camera)
        } else {
            self.watching.hidden.insert(camera)
        };
        let Some((handle, session)) = self.watching.of_camera(camera).filter(|_| changed) else {
            return;
        };
        let (node, wire) = (session.node, session.wire);
        self.show_session(handle, visible);
        self.send_to(node, Message::Visible { session: wire, visible });
    }

    fn show_session(&mut self, handle: SessionHandle, visible: bool) {
        let Some(session) = self.watching.sessions.get_mut(&handle) else { return };
        session.visible = visible;
        session.shown = false;
        session.stalled = None;
        session.pace.on_pause();
        if let WatchPhase::Connected { since } = &mut session.phase {
            // Pictures are awaited from now on.
            *since = self.now;
        }
        self.changed = true;
    }

    /// What a new session is to know beside its offer.
    pub(crate) fn tell_wishes(&mut self, node: NodeId, wire: SessionId, camera: CameraId) {
        if self.watching.hidden.contains(&camera) {
            self.send_to(node, Message::Visible { session: wire, visible: false });
        }
    }

    /// A camera says which encoding it sends; `false` where this is none of our watching sessions.
    pub(crate) fn on_layer_told(&mut self, node: NodeId, wire: SessionId, layer: Layer) -> bool {
        let Some(handle) = self.watching.by_wire(node, wire) else { return false };
        if let Some(session) = self.watching.sessions.get_mut(&handle) {
            session.sent = Some(layer);
        }
        true
    }
}
