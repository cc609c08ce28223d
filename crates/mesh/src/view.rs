//! The mesh's state as a window paints it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lanlens_model::{
    Access, CameraId, CameraView, DeviceId, DeviceView, LocalCamera, Snapshot, TileState,
    WatcherView,
};

use crate::Mesh;
use crate::directory::Camera;
use crate::node::Node;

pub(crate) fn snapshot(mesh: &Mesh) -> Snapshot {
    let cameras = mesh.directory.cameras.iter();
    let names = owners_of_names(mesh);
    let owner_of = |name: &str| names.get(&folded(name)).copied().flatten();
    Snapshot {
        own: Some(mesh.own_device()),
        cameras: cameras
            .map(|(id, camera)| (*id, Arc::new(tile(mesh, *id, camera, owner_of(&camera.name)))))
            .collect(),
        local: mesh.config.cameras.iter().map(|(id, name)| local(mesh, *id, name)).collect(),
        cameras_over_limit: mesh.directory.cameras_over_limit,
        requests: mesh.requests(),
        news: mesh.config.trust.news.clone(),
        scan: mesh.scan,
        warnings: warnings(mesh),
    }
}

/// Which device a name belongs to, of those that use it now: one whose cameras are ours, else the one
/// that showed a picture first, else the only one that is more than an announcement; nobody's where
/// that leaves several. Announcements alone never have a name first.
fn owners_of_names(mesh: &Mesh) -> BTreeMap<String, Option<DeviceId>> {
    let mut best: BTreeMap<String, (Claim, Option<DeviceId>)> = BTreeMap::new();
    for (id, camera) in &mesh.directory.cameras {
        let ours = mesh.directory.nodes.get(&camera.node).is_some_and(|n| n.people.is_some());
        let claim = match camera.first_picture {
            Some(at) if ours => Claim::Ours(at),
            Some(at) => Claim::Shown(at),
            None if camera.told => Claim::Told,
            None => Claim::Announced,
        };
        let device = id.device();
        match best.entry(folded(&camera.name)) {
            Entry::Vacant(entry) => {
                entry.insert((claim, Some(device)));
            }
            Entry::Occupied(mut entry) => {
                let (known, owner) = *entry.get();
                if claim < known {
                    entry.insert((claim, Some(device)));
                } else if claim == known && owner != Some(device) {
                    entry.insert((known, None));
                }
            }
        }
    }
    best.into_iter().map(|(name, (_, owner))| (name, owner)).collect()
}

/// How good a claim to a name is, the best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Claim {
    Ours(Instant),
    Shown(Instant),
    Told,
    Announced,
}

/// Names that people take for the same.
fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

fn tile(mesh: &Mesh, id: CameraId, camera: &Camera, owner: Option<DeviceId>) -> CameraView {
    let node = mesh.directory.nodes.get(&camera.node);
    let state = state(mesh, id, camera, node);
    let waits = matches!(state, TileState::Stalled { .. } | TileState::Lost(_));
    CameraView {
        id,
        name: camera.name.clone(),
        node: camera.node,
        epoch: node.map(|node| node.epoch).unwrap_or_default(),
        addresses: node.map(Node::addresses).unwrap_or_default(),
        state,
        cause: camera.cause.clone(),
        retry_at: mesh.retry_at(id, node).filter(|_| waits),
        access: node.and_then(|node| node.access),
        linked: node.is_some_and(|node| node.link.is_some()),
        same_name: owner != Some(id.device()),
        watchers: node.and_then(|node| watchers(id, node)),
        stats: mesh.watching.of_camera(id).and_then(|(_, session)| session.stats.clone()),
    }
}

pub(crate) fn state(mesh: &Mesh, id: CameraId, camera: &Camera, node: Option<&Node>) -> TileState {
    if camera.offline_since.is_some() {
        return TileState::Offline;
    }
    if let Some((_, session)) = mesh.watching.of_camera(id) {
        return match session.stalled {
            _ if session.is_paused() => TileState::Paused,
            Some(since) => {
                TileState::Stalled { since_ms: since.as_millis().try_into().unwrap_or(u64::MAX) }
            }
            None if session.has_pictures() => TileState::Live,
            None => TileState::Connecting,
        };
    }
    match (node.and_then(|node| node.access), &camera.lost) {
        _ if !camera.selected => TileState::Idle,
        (Some(access @ (Access::Pending | Access::Invite)), _) => {
            node.map_or(TileState::Connecting, |node| node.request.tile(access))
        }
        (Some(Access::Denied), _) if node.is_some_and(|node| node.let_in) => TileState::Removed,
        (Some(Access::Denied), _) => TileState::Denied,
        (_, Some(reason)) => TileState::Lost(reason.clone()),
        (_, None) => TileState::Connecting,
    }
}

/// Who watches a camera, if its node told us because we own it. Two windows of a device are one.
fn watchers(camera: CameraId, node: &Node) -> Option<Vec<DeviceView>> {
    let people = node.people.as_ref()?;
    let silent_since = |ms: u64| {
        let heard = node.people_at?;
        Some(heard.checked_sub(Duration::from_millis(ms)).unwrap_or(heard))
    };
    let mut watchers: Vec<DeviceView> = Vec::new();
    for watching in people.watching.iter().filter(|watching| watching.camera == camera) {
        if !watchers.iter().any(|known| known.device == watching.device) {
            let name = watching.name.clone();
            let silent_since = watching.silent_ms.and_then(silent_since);
            watchers.push(DeviceView { device: watching.device, name, silent_since });
        }
    }
    Some(watchers)
}

fn warnings(mesh: &Mesh) -> Vec<String> {
    let sealed = mesh.config.trust.sealed.then(|| {
        "the list of who may watch cannot be used: nobody but this device can watch its cameras; \
         `lanlens trust list` tells why"
            .to_owned()
    });
    sealed.into_iter().chain(mesh.copies.warnings().cloned()).collect()
}

fn local(mesh: &Mesh, id: CameraId, name: &str) -> LocalCamera {
    let sessions = mesh.serving.sessions.values();
    let watchers =
        sessions.filter(|session| session.camera == id && session.joined).map(|s| WatcherView {
            node: s.node,
            device: s.node.device(),
            name: mesh.name_of(s.node),
            silent_since: s.silent_since,
        });
    LocalCamera { id, name: name.to_owned(), watchers: watchers.collect() }
}
