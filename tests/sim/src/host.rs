//! One machine of the virtual network, and what it holds.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Instant;

use lanlens_mesh::{LinkId, Mesh, SessionHandle};
use lanlens_model::{CameraId, DeviceId, Event, Layer, NodeId};

use crate::world::HostSpec;

/// A host's place in the world.
pub type HostId = usize;

pub(crate) struct Host {
    pub(crate) spec: HostSpec,
    pub(crate) device: DeviceId,
    pub(crate) node: NodeId,
    pub(crate) camera: Option<CameraId>,
    pub(crate) address: SocketAddr,
    /// Process starts so far; also the epoch.
    pub(crate) life: u64,
    /// `None` while the process does not run.
    pub(crate) mesh: Option<Mesh>,
    pub(crate) links: BTreeMap<LinkId, (HostId, LinkId)>,
    /// Watching sessions and their cameras.
    pub(crate) subscribers: BTreeMap<SessionHandle, CameraId>,
    /// Serving sessions and the subscriber each belongs to.
    pub(crate) publishers: BTreeMap<SessionHandle, (HostId, SessionHandle)>,
    /// Serving sessions whose picture nobody sees.
    pub(crate) hidden: BTreeSet<SessionHandle>,
    /// What is sent in each serving session.
    pub(crate) layers: BTreeMap<SessionHandle, Layer>,
    /// Cannot be reached, nor reach anyone.
    pub(crate) cut: bool,
    pub(crate) events: Vec<(Instant, Event)>,
    pub(crate) dials: Vec<Instant>,
    pub(crate) last_picture: BTreeMap<CameraId, Instant>,
    pub(crate) known_to: BTreeSet<HostId>,
}
