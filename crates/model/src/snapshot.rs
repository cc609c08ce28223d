//! The state that a window paints: the mesh writes it, everyone else only reads.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::{Access, CameraId, DeviceId, Epoch, LostReason, NodeId, StreamStats};

/// What a tile may truthfully say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TileState {
    /// Seen on the network; nobody asked for its video.
    Idle,
    /// A link or a session is being made.
    Connecting,
    /// The camera asks somebody for leave.
    Waiting,
    /// Leave was refused.
    Denied,
    /// New pictures arrive.
    Live,
    /// None for too long, though the session stands.
    Stalled {
        /// Time since the last picture when the stall was noticed, ms.
        since_ms: u64,
    },
    /// The session ended; tried again.
    Lost(LostReason),
    /// The camera's node said goodbye or expired; kept for its place in the grid.
    Offline,
}

/// One camera of the network, as seen from here.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraView {
    /// Stable id: the tile belongs to it.
    pub id: CameraId,
    /// Friendly name.
    pub name: String,
    /// The node that serves it.
    pub node: NodeId,
    /// The node's process start.
    pub epoch: Epoch,
    /// Where its node listens.
    pub addresses: Vec<SocketAddr>,
    /// What the tile says.
    pub state: TileState,
    /// What this device may do, as far as told.
    pub access: Option<Access>,
    /// The link to its node stands.
    pub linked: bool,
    /// The figures of the last second.
    pub stats: Option<StreamStats>,
}

/// Somebody who watches one of our cameras.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatcherView {
    /// The watching node.
    pub node: NodeId,
    /// Its device.
    pub device: DeviceId,
    /// Its name, empty where it has none.
    pub name: String,
}

/// A camera that this node serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalCamera {
    /// Its id.
    pub id: CameraId,
    /// Friendly name.
    pub name: String,
    /// Who watches now.
    pub watchers: Vec<WatcherView>,
}

/// Everything a window needs, as of one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// Cameras of other nodes (and of this device's other programs), by id.
    pub cameras: BTreeMap<CameraId, Arc<CameraView>>,
    /// The cameras that this node serves.
    pub local: Vec<LocalCamera>,
    /// Cameras that were announced but not listed, because the list is full.
    pub cameras_over_limit: u64,
}
