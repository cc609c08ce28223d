//! The state that a window paints: the mesh writes it, everyone else only reads.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::{
    Access, CameraId, ClaimNews, Code, DeviceId, Epoch, LostReason, NodeId, RequestEnd, StreamStats,
};

/// What a tile may truthfully say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TileState {
    /// Seen on the network; nobody asked for its video.
    Idle,
    /// A link or a session is being made.
    Connecting,
    /// The camera asks somebody for leave. Both ends show the code, once they have agreed on it.
    Waiting {
        /// What the other end shows too.
        code: Option<Code>,
    },
    /// Nobody is asked any longer. Unless there were too many who asked, only a person can ask again,
    /// by a [`crate::Command::Refresh`].
    RequestEnded(RequestEnd),
    /// Only viewers with the camera's invitation may watch, and this one has shown none.
    NeedsInvitation,
    /// Leave was refused.
    Denied,
    /// This device could watch, and somebody has removed it.
    Removed,
    /// New pictures arrive.
    Live,
    /// The session stands, and nobody sees the picture, so none is asked for.
    Paused,
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

/// Why pictures that are wanted do not come, as far as it can be known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// This computer has no network.
    NoNetwork,
    /// The camera's node does not answer.
    Unreachable,
    /// The camera's device gives no pictures; why, in its node's words.
    Source(String),
    /// The link to the camera's node stands (a dead one is noticed after 2.5 s), but no picture arrives.
    NoPictures,
}

impl Cause {
    /// The word used in JSON output.
    pub fn as_str(&self) -> &'static str {
        match self {
            Cause::NoNetwork => "no_network",
            Cause::Unreachable => "unreachable",
            Cause::Source(_) => "source",
            Cause::NoPictures => "no_pictures",
        }
    }

    /// One short sentence for people.
    pub fn text(&self) -> &str {
        match self {
            Cause::NoNetwork => "this computer has no network",
            Cause::Unreachable => "the camera does not answer",
            Cause::Source(text) => text,
            Cause::NoPictures => "no pictures arrive from it, though the connection stands",
        }
    }
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
    /// Why there are no new pictures, while they are wanted and do not come.
    pub cause: Option<Cause>,
    /// When something is tried next, while the picture is stalled or lost. `None` while that is under
    /// way already, or waits for somebody else.
    pub retry_at: Option<Instant>,
    /// What this device may do, as far as told.
    pub access: Option<Access>,
    /// The link to its node stands.
    pub linked: bool,
    /// The figures of the last second.
    pub stats: Option<StreamStats>,
    /// Another device's camera was known by this name before: this one may pretend to be that one.
    pub same_name: bool,
    /// Who watches it now, this device included; `None` unless this device owns it.
    pub watchers: Option<Vec<DeviceView>>,
}

/// A device, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceView {
    /// Which.
    pub device: DeviceId,
    /// Its name: what it says itself, verified by nobody. Empty where it has none.
    pub name: String,
    /// Since when nothing of what the camera sends there has arrived.
    pub silent_since: Option<Instant>,
}

/// A device that waits for leave to watch cameras which this device owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestView {
    /// Who asks.
    pub device: DeviceId,
    /// Its name: what it says itself, verified by nobody. Empty where it has none.
    pub name: String,
    /// The name of each camera where it asks, and the code that it shows there.
    pub codes: Vec<(String, Code)>,
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
    /// Since when nothing of what we send there has arrived.
    pub silent_since: Option<Instant>,
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

/// A search for cameras at every address of this computer's networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ScanView {
    /// Addresses that were tried so far.
    pub done: usize,
    /// Addresses in all; 0 until that is known.
    pub total: usize,
    /// Addresses where something listens that may be a camera.
    pub open: usize,
    /// It has ended.
    pub over: bool,
}

/// Everything a window needs, as of one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Snapshot {
    /// This device; `None` before anything is known.
    pub own: Option<DeviceId>,
    /// Cameras of other nodes (and of this device's other programs), by id.
    pub cameras: BTreeMap<CameraId, Arc<CameraView>>,
    /// The cameras that this node serves.
    pub local: Vec<LocalCamera>,
    /// Cameras that were announced but not listed, because the list is full.
    pub cameras_over_limit: u64,
    /// Who asks for leave to watch a camera that this device owns, here or elsewhere.
    pub requests: Vec<RequestView>,
    /// Who has claimed this home's cameras, until somebody says that they know.
    pub news: Option<ClaimNews>,
    /// The search that goes on, or the last one.
    pub scan: Option<ScanView>,
    /// What is wrong and stays wrong until a person acts: what, and what to do.
    pub warnings: Vec<String>,
}
