//! Why there are no pictures: what a camera's own node says of its device, and what can be told from
//! here.
//!
//! A camera whose device is in use or gone stays on the network and says so to whoever may watch it,
//! so that nobody looks for the fault in the network.

use std::time::Instant;

use lanlens_model::{Access, CameraId, Cause, Event, NodeId, Role, TileState};
use lanlens_protocol::Message;

use crate::directory::Camera;
use crate::io::LinkId;
use crate::node::Node;
use crate::watching::WatchPhase;
use crate::{ById, Mesh};

/// What keeps cameras from giving pictures, in words.
pub(crate) type Troubles = ById<CameraId, String>;

impl Mesh {
    /// At the camera: its device gives no pictures, or gives them again.
    pub(crate) fn on_source(&mut self, camera: CameraId, trouble: Option<String>) {
        if !self.config.cameras.iter().any(|(id, _)| *id == camera) {
            return;
        }
        match trouble {
            Some(text) => self.troubles.insert(camera, text),
            None => self.troubles.remove(&camera),
        };
    }

    /// Tells everyone who may watch what has changed since they were told last.
    pub(crate) fn tell_troubles(&mut self) {
        if self.config.cameras.is_empty() {
            return;
        }
        let mut news: Vec<(LinkId, CameraId, Option<String>)> = Vec::new();
        for (id, link) in &mut self.links.open {
            if link.told != Some(Access::Granted) || link.node().is_none() {
                continue;
            }
            if link.told_troubles == self.troubles {
                continue;
            }
            for camera in self.config.cameras.iter().map(|(camera, _)| *camera) {
                let now = self.troubles.get(&camera);
                if link.told_troubles.get(&camera) != now {
                    news.push((*id, camera, now.cloned()));
                }
            }
            link.told_troubles.clone_from(&self.troubles);
        }
        for (link, camera, trouble) in news {
            self.act(crate::Action::Send { link, message: Message::Source { camera, trouble } });
        }
    }

    /// At the viewer: a camera's node tells. About cameras of others nobody is believed.
    pub(crate) fn on_source_told(&mut self, node: NodeId, id: CameraId, trouble: Option<String>) {
        if self.config.role != Role::Viewer {
            return;
        }
        let now = self.now;
        let Some(camera) = self.directory.cameras.get_mut(&id) else { return };
        if camera.node != node || !camera.told || camera.trouble == trouble {
            return;
        }
        camera.trouble = trouble;
        camera.trouble_at = Some(now);
        let waits = camera.trouble.is_some();
        let session = self.watching.sessions.values_mut().find(|session| session.camera == id);
        if let Some(session) = session {
            session.waits_for_source = waits;
            if let WatchPhase::Connected { since } = &mut session.phase {
                // It has as long as at its start from now on.
                *since = now;
            }
        }
        self.changed = true;
    }

    /// Tells the program of every cause that has become known or has changed.
    pub(crate) fn tell_causes(&mut self) {
        let mut news = Vec::new();
        for (id, camera) in &self.directory.cameras {
            let cause = self.cause(*id, camera);
            if camera.cause != cause {
                news.push((*id, cause));
            }
        }
        for (id, cause) in news {
            if let Some(camera) = self.directory.cameras.get_mut(&id) {
                camera.cause.clone_from(&cause);
            }
            self.changed = true;
            if let Some(cause) = cause {
                self.emit(Event::Cause { camera: id, cause });
            }
        }
    }

    /// Why pictures that are wanted do not come, as far as can be known here.
    fn cause(&self, id: CameraId, camera: &Camera) -> Option<Cause> {
        let node = self.directory.nodes.get(&camera.node);
        let state = crate::view::state(self, id, camera, node);
        let waits = match state {
            TileState::Stalled { .. } | TileState::Lost(_) => true,
            TileState::Connecting => false,
            _ => return None,
        };
        if self.offline {
            return Some(Cause::NoNetwork);
        }
        let linked = node.is_some_and(|node| node.link.is_some());
        match &camera.trouble {
            Some(text) if linked => Some(Cause::Source(text.clone())),
            _ if !waits => None,
            _ if linked => Some(Cause::NoPictures),
            _ => Some(Cause::Unreachable),
        }
    }

    /// When something is tried next for a camera without pictures.
    pub(crate) fn retry_at(&self, id: CameraId, node: Option<&Node>) -> Option<Instant> {
        let node = node?;
        if node.link.is_none() {
            return node.dialing.is_none().then(|| node.backoff.due());
        }
        match self.watching.of_camera(id) {
            Some((_, session)) => session.retry_at(),
            None => self.watching.retry_of(id),
        }
    }
}
