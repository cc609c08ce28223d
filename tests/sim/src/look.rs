//! Looking at the world from outside, as tests do.

use std::net::SocketAddr;
use std::time::Duration;

use lanlens_mesh::{Mesh, Sizes};
use lanlens_model::{AccessMode, CameraId, DeviceId, Event, NodeId, Snapshot, TileState};

use crate::host::HostId;
use crate::trace::ms;
use crate::world::World;

impl World {
    /// What a host would paint; empty while it does not run.
    pub fn snapshot(&self, id: HostId) -> Snapshot {
        self.hosts[id].mesh.as_ref().map(Mesh::snapshot).unwrap_or_default()
    }

    /// Whether a host's snapshot may have changed since this was last asked.
    pub fn take_changed(&mut self, id: HostId) -> bool {
        std::mem::take(&mut self.hosts[id].changed)
    }

    /// The state of a camera's tile at a viewer.
    pub fn tile(&self, viewer: HostId, camera: HostId) -> Option<TileState> {
        let (viewer, id) = (&self.hosts[viewer], self.hosts[camera].camera?);
        viewer.mesh.as_ref()?;
        viewer.shown.cameras.get(&id).map(|view| view.state.clone())
    }

    /// Whether the viewer shows the camera's new pictures.
    pub fn is_live(&self, viewer: HostId, camera: HostId) -> bool {
        self.tile(viewer, camera) == Some(TileState::Live)
    }

    /// Everything a host's program was told, with virtual ms since the world began.
    pub fn events(&self, id: HostId) -> Vec<(u64, Event)> {
        let events = self.hosts[id].events.iter();
        events.map(|(at, event)| (ms(self.start, *at), event.clone())).collect()
    }

    /// When a host dialed, in virtual ms since the world began.
    pub fn dials(&self, id: HostId) -> Vec<u64> {
        self.hosts[id].dials.iter().map(|dial| ms(self.start, dial.at)).collect()
    }

    /// Links that stand at a host.
    pub fn link_count(&self, id: HostId) -> usize {
        self.hosts[id].links.len()
    }

    /// Sessions that send a host's pictures.
    pub fn publisher_count(&self, id: HostId) -> usize {
        self.hosts[id].publishers.len()
    }

    /// How much a host's mesh remembers; `None` while it does not run.
    pub fn sizes(&self, id: HostId) -> Option<Sizes> {
        self.hosts[id].mesh.as_ref().map(Mesh::sizes)
    }

    /// Where a host listens.
    pub fn address_of(&self, id: HostId) -> SocketAddr {
        self.hosts[id].address
    }

    /// A host's camera.
    pub fn camera_of(&self, id: HostId) -> Option<CameraId> {
        self.hosts[id].camera
    }

    /// The device of a host.
    pub fn device_of(&self, id: HostId) -> DeviceId {
        self.hosts[id].device
    }

    /// Time since the world began.
    pub fn passed(&self) -> Duration {
        self.queue.now - self.start
    }

    /// A phone's camera that another host serves beside its own; not running yet.
    pub fn phone(&mut self, name: &str, server: HostId) -> HostId {
        let id = self.camera(name);
        let (device, node) = (self.hosts[server].device, self.hosts[server].node);
        let host = &mut self.hosts[id];
        (host.device, host.node) = (device, NodeId::new(device, name));
        host.camera = Some(CameraId::new(device, name));
        (host.spec.via, host.spec.access) = (Some(node), AccessMode::Ask);
        id
    }

    /// Makes a host a copy of another one: the same key on another machine, and the same slots
    /// unless another source is used there.
    pub fn copy_home(&mut self, of: HostId, to: HostId, same_source: bool) {
        let (device, node, camera) = {
            let host = &self.hosts[of];
            (host.device, host.node, host.camera)
        };
        let host = &mut self.hosts[to];
        (host.device, host.node, host.camera) = match same_source {
            true => (device, node, camera),
            false => {
                (device, NodeId::new(device, "slot-1"), Some(CameraId::new(device, "pattern-1")))
            }
        };
    }
}
