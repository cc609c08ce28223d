//! The nouns of Lanlens: ids, cameras, events, commands, the snapshot that a window paints.
//!
//! Owns the vocabulary that every other crate shares, and [`limits`]: every size and rate limit in
//! one place. Plain data only: no I/O, no async, no clock.

mod camera;
mod code;
mod command;
mod event;
mod finding;
mod id;
mod invitation;
pub mod limits;
mod net;
mod phone;
mod snapshot;
mod stats;
mod trust;

pub use camera::{
    Access, AccessMode, IceCandidate, Layer, MediaKind, RequestEnd, Role, VideoFormat,
};
pub use code::Code;
pub use command::{Command, Selection};
pub use event::{Event, LostReason};
pub use finding::{Check, CheckState, Finding};
pub use id::{CameraId, DeviceId, Epoch, IdError, NodeId, RunId, SessionId};
pub use invitation::Invitation;
pub use net::{KnownNode, is_on_local_network, origin};
pub use phone::{NetworkKind, PhoneDoor, PhoneLink, PhoneView};
pub use snapshot::{
    CameraView, Cause, DeviceView, LocalCamera, RequestView, ScanView, Snapshot, TileState,
    WatcherView,
};
pub use stats::{CameraStats, DroppedIn, LayerStats, Percentiles, StreamStats};
pub use trust::{ClaimNews, Removal, TrustChange, TrustView, Waiting};
