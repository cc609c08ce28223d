//! Room in full lists: what has proven itself displaces hearsay, and no device fills a list alone.

use std::collections::{BTreeMap, BTreeSet};

use lanlens_model::limits::NODES_MAX;
use lanlens_model::{CameraId, DeviceId, Event, LostReason, NodeId};

use crate::Mesh;

impl Mesh {
    /// For a node that has proven itself, hearsay makes way.
    pub(crate) fn make_room_for(&mut self, id: NodeId) {
        if self.directory.nodes.contains_key(&id) || self.directory.nodes.len() < NODES_MAX {
            return;
        }
        let useful: BTreeSet<NodeId> = self
            .directory
            .cameras
            .values()
            .filter(|camera| camera.told || camera.ever_live)
            .map(|camera| camera.node)
            .chain(self.serving.sessions.values().map(|session| session.node))
            .collect();
        let mut nodes = self.directory.nodes.iter();
        let victim =
            nodes.find(|(id, node)| node.link.is_none() && !useful.contains(id)).map(|(id, _)| *id);
        if let Some(victim) = victim {
            self.directory.nodes.remove(&victim);
            self.directory.instances.retain(|_, node| *node != victim);
        }
    }

    /// Frees a place in the camera list: an offline camera, or, for one that has proven itself, one
    /// that has not.
    pub(crate) fn make_room(&mut self, for_proven: bool) -> bool {
        let mut cameras = self.directory.cameras.iter();
        let victim = cameras
            .clone()
            .find(|(_, camera)| camera.offline_since.is_some())
            .or_else(|| cameras.find(|(_, c)| for_proven && !c.told && !c.ever_live))
            .map(|(id, _)| *id)
            .or_else(|| self.of_the_greediest_device().filter(|_| for_proven));
        let Some(victim) = victim else { return false };
        let was_listed = self.directory.cameras.get(&victim).is_some_and(|camera| camera.listed);
        self.close_watch_of(victim);
        self.forget_camera(victim);
        if was_listed {
            self.emit(Event::Gone { camera: victim, reason: LostReason::Expired });
        }
        true
    }

    /// A camera that never showed anything, of the device that lists the most such.
    fn of_the_greediest_device(&self) -> Option<CameraId> {
        let mut silent: BTreeMap<DeviceId, Vec<CameraId>> = BTreeMap::new();
        for (id, _) in self.directory.cameras.iter().filter(|(_, camera)| !camera.ever_live) {
            silent.entry(id.device()).or_default().push(*id);
        }
        let greediest = silent.into_values().max_by_key(Vec::len)?;
        greediest.first().copied().filter(|_| greediest.len() > 1)
    }
}
