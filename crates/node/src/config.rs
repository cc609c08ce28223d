//! What a node is told at its start.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use lanlens_capture::{SourceSpec, Wish};
use lanlens_media::{EncodedUnit, SourceError};
use lanlens_model::{AccessMode, CameraId, Layer, NodeId, Role, Selection};

use crate::phones::WebOptions;
use crate::relay::Relay;

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
    /// Of a phone's or encoder's camera: the node that takes in its pictures. Nobody can claim it.
    pub via: Option<NodeId>,
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
    /// How the page for phones is served; `None`: not at all.
    pub web: Option<WebOptions>,
}

/// Where a camera's pictures come from.
#[derive(Debug, Clone)]
pub enum PictureSource {
    /// A device of this computer, a file or the test picture.
    Device(SourceSpec),
    /// Access units that somebody else encoded.
    Relay {
        /// Where they are put in.
        relay: Relay,
        /// Who makes them, `phone <id>`: the same name gives the same camera at every start.
        slot: String,
    },
}

impl PictureSource {
    /// Whether it is there, before anything is started for it.
    pub(crate) fn check(&self) -> Result<(), SourceError> {
        match self {
            PictureSource::Device(spec) => spec.check(),
            PictureSource::Relay { .. } => Ok(()),
        }
    }

    /// What tells this camera from others of its home, the same at every start.
    pub(crate) fn identity(&self) -> Result<String, SourceError> {
        match self {
            PictureSource::Device(spec) => {
                Ok(spec.identity()?.unwrap_or_else(|| SourceSpec::Pattern.to_string()))
            }
            PictureSource::Relay { slot, .. } => Ok(slot.clone()),
        }
    }
}

impl From<SourceSpec> for PictureSource {
    fn from(spec: SourceSpec) -> Self {
        PictureSource::Device(spec)
    }
}

/// A camera that the node serves.
#[derive(Debug, Clone)]
pub struct CameraConfig {
    /// Where pictures come from.
    pub source: PictureSource,
    /// Size and rate that would be liked; a relay's pictures come as they are.
    pub wish: Wish,
    /// Ceiling in kbit/s; `None` for one that fits the size.
    pub bitrate_kbps: Option<u32>,
    /// Who may watch.
    pub access: AccessMode,
}

impl CameraConfig {
    /// A camera whose access units come through `relay`, from the maker that `slot` names
    /// (`phone <id>`).
    pub fn relayed(relay: Relay, slot: String, access: AccessMode) -> Self {
        let source = PictureSource::Relay { relay, slot };
        Self { source, wish: Wish::default(), bitrate_kbps: None, access }
    }
}

impl NodeConfig {
    /// A node that watches.
    pub fn viewer(home: PathBuf, watch: Selection) -> Self {
        Self {
            home,
            role: Role::Viewer,
            name: String::new(),
            camera: None,
            via: None,
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
            web: None,
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
