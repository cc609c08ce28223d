//! The mesh's state as a window paints it.

use std::sync::Arc;

use lanlens_model::{Access, CameraId, CameraView, LocalCamera, Snapshot, TileState, WatcherView};

use crate::Mesh;
use crate::directory::{Camera, Node};

pub(crate) fn snapshot(mesh: &Mesh) -> Snapshot {
    let cameras = mesh.directory.cameras.iter();
    Snapshot {
        cameras: cameras.map(|(id, camera)| (*id, Arc::new(tile(mesh, *id, camera)))).collect(),
        local: mesh.config.cameras.iter().map(|(id, name)| local(mesh, *id, name)).collect(),
        cameras_over_limit: mesh.directory.cameras_over_limit,
    }
}

fn tile(mesh: &Mesh, id: CameraId, camera: &Camera) -> CameraView {
    let node = mesh.directory.nodes.get(&camera.node);
    CameraView {
        id,
        name: camera.name.clone(),
        node: camera.node,
        epoch: node.map(|node| node.epoch).unwrap_or_default(),
        addresses: node.map(Node::addresses).unwrap_or_default(),
        state: state(mesh, id, camera, node),
        access: node.and_then(|node| node.access),
        linked: node.is_some_and(|node| node.link.is_some()),
        stats: mesh.watching.of_camera(id).and_then(|(_, session)| session.stats.clone()),
    }
}

fn state(mesh: &Mesh, id: CameraId, camera: &Camera, node: Option<&Node>) -> TileState {
    if camera.offline_since.is_some() {
        return TileState::Offline;
    }
    if let Some((_, session)) = mesh.watching.of_camera(id) {
        return match session.stalled {
            Some(since) => {
                TileState::Stalled { since_ms: since.as_millis().try_into().unwrap_or(u64::MAX) }
            }
            None if session.has_pictures() => TileState::Live,
            None => TileState::Connecting,
        };
    }
    match (node.and_then(|node| node.access), &camera.lost) {
        _ if !camera.selected => TileState::Idle,
        (Some(Access::Pending), _) => TileState::Waiting,
        (Some(Access::Denied), _) => TileState::Denied,
        (_, Some(reason)) => TileState::Lost(reason.clone()),
        (_, None) => TileState::Connecting,
    }
}

fn local(mesh: &Mesh, id: CameraId, name: &str) -> LocalCamera {
    let sessions = mesh.serving.sessions.values();
    let watchers = sessions
        .filter(|session| session.camera == id && session.joined)
        .map(|s| WatcherView { node: s.node, device: s.node.device(), name: mesh.name_of(s.node) });
    LocalCamera { id, name: name.to_owned(), watchers: watchers.collect() }
}
