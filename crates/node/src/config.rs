//! What a node is told at its start.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use lanlens_capture::{SourceSpec, Wish};
use lanlens_media::EncodedUnit;
use lanlens_model::{AccessMode, CameraId, Layer, Role, Selection};

/// Sees every access unit that arrives, before it is decoded. Must not block.
pub type UnitTap = Arc<dyn Fn(CameraId, &EncodedUnit) + Send + Sync>;

/// Everything that a program decides about its node.
#[derive(Clone)]
pub struct NodeConfig {
    /// Where identity, trust and settings are kept.
    pub home: PathBuf,
    /// What the node is for.
    pub role: Role,
    /// Friendly name of the camera; of a viewer, what cameras show when it asks to watch (may be
    /// empty, and is announced to nobody else).
    pub name: String,
    /// The camera it serves.
    pub camera: Option<CameraConfig>,
    /// Which cameras it watches from the start.
    pub watch: Selection,
    /// The layer of every camera that no other one is asked of.
    pub layer: Layer,
    /// Interfaces by name; empty for all.
    pub interfaces: Vec<String>,
    /// Where signaling listens; `None` for the default ports on every chosen interface.
    pub listen: Option<SocketAddr>,
    /// Peers added by hand, where multicast is blocked.
    pub peers: Vec<SocketAddr>,
    /// Look for cameras at every address of this machine's networks, once, at the start.
    pub scan: bool,
    /// Whether received pictures are decoded, or only counted.
    pub decode: bool,
    /// Read the latency from the time burned into test pictures.
    pub measure_pattern: bool,
    /// Called from decoder threads after each new picture.
    pub repaint: Option<Arc<dyn Fn() + Send + Sync>>,
    /// Sees every received access unit.
    pub unit_tap: Option<UnitTap>,
}

/// A camera that the node serves.
#[derive(Debug, Clone)]
pub struct CameraConfig {
    /// Where pictures come from.
    pub source: SourceSpec,
    /// Size and rate that would be liked.
    pub wish: Wish,
    /// Ceiling in kbit/s; `None` for one that fits the size.
    pub bitrate_kbps: Option<u32>,
    /// Who may watch.
    pub access: AccessMode,
}

impl NodeConfig {
    /// A node that watches.
    pub fn viewer(home: PathBuf, watch: Selection) -> Self {
        Self {
            home,
            role: Role::Viewer,
            name: String::new(),
            camera: None,
            watch,
            layer: Layer::High,
            interfaces: Vec::new(),
            listen: None,
            peers: Vec::new(),
            scan: false,
            decode: true,
            measure_pattern: false,
            repaint: None,
            unit_tap: None,
        }
    }

    /// A node that serves a camera.
    pub fn camera(home: PathBuf, name: String, camera: CameraConfig) -> Self {
        Self {
            role: Role::Camera,
            name,
            camera: Some(camera),
            ..Self::viewer(home, Selection::None)
        }
    }
}
