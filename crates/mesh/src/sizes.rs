//! How much is remembered, for whoever watches over memory: the simulation after every step, and a
//! program that runs for weeks.

use crate::Mesh;

/// Entries in the mesh's lists; each has a bound, whatever the network says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Other nodes, at most [`NODES_MAX`](lanlens_model::limits::NODES_MAX).
    pub nodes: usize,
    /// Service instances, at most
    /// [`ADDRESSES_PER_NODE_MAX`](lanlens_model::limits::ADDRESSES_PER_NODE_MAX) for each node.
    pub instances: usize,
    /// Cameras of others, at most [`CAMERAS_MAX`](lanlens_model::limits::CAMERAS_MAX).
    pub cameras: usize,
    /// Links, those that have not greeted yet too.
    pub links: usize,
    /// Attempts to dial that are under way.
    pub dials: usize,
    /// Cameras that are watched, at most
    /// [`CAMERAS_PER_VIEWER_MAX`](lanlens_model::limits::CAMERAS_PER_VIEWER_MAX).
    pub watched: usize,
    /// Sessions that send our pictures, at most
    /// [`VIEWERS_PER_CAMERA_MAX`](lanlens_model::limits::VIEWERS_PER_CAMERA_MAX) for each camera.
    pub served: usize,
}

impl Mesh {
    /// How much is remembered now.
    pub fn sizes(&self) -> Sizes {
        Sizes {
            nodes: self.directory.nodes.len(),
            instances: self.directory.instances.len(),
            cameras: self.directory.cameras.len(),
            links: self.links.open.len(),
            dials: self.links.dials(),
            watched: self.watching.sessions.len(),
            served: self.serving.sessions.len(),
        }
    }
}
