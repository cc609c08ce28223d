//! What people wish for: the only way from a window or a command line into the mesh.

use std::net::SocketAddr;

use crate::{CameraId, Code, DeviceId, Invitation, Layer};

/// Which cameras this node wants to see.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Selection {
    /// None: look at what is there, ask for no video (and so never claim a camera).
    #[default]
    None,
    /// Every camera that appears.
    All,
    /// Cameras whose name, id or unique id prefix is one of these.
    Matching(Vec<String>),
}

/// A wish; facts come back as [`crate::Event`] and [`crate::Snapshot`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Watch these cameras, and no others.
    Watch(Selection),
    /// Ask for a layer of one camera.
    SetLayer(CameraId, Layer),
    /// Ask for a layer of every camera for which no other one was asked.
    SetLayerOfOthers(Layer),
    /// Say whether a camera's tile can be seen; the camera sends nothing while it cannot.
    SetVisible(CameraId, bool),
    /// Browse anew and dial everything that is not connected now, without waiting.
    Refresh,
    /// Let a device watch where it waits with one of these codes: those that somebody has just
    /// compared. Elsewhere nothing was compared, so nothing is allowed.
    Allow {
        /// Which device.
        device: DeviceId,
        /// Its name, to be remembered with the decision.
        name: String,
        /// The codes that were on the screen.
        codes: Vec<Code>,
    },
    /// Refuse a device where it waits, at cameras that this device owns.
    Deny {
        /// Which device.
        device: DeviceId,
        /// Its name, to be remembered with the decision.
        name: String,
    },
    /// Remove a device from every camera that this device owns; for now and for later.
    Remove {
        /// Which device.
        device: DeviceId,
        /// Its name, to be remembered with the decision.
        name: String,
    },
    /// The notice of who claimed this home's cameras has been read.
    DismissNews,
    /// Use an invitation to the cameras of others, now and later.
    Join(Invitation),
    /// Dial an address typed by hand.
    AddPeer(SocketAddr),
    /// Look for cameras at every address of this computer's networks. Takes a second or two; nothing
    /// while another such search goes on.
    Scan,
    /// Say goodbye to everyone and stop.
    Shutdown,
}
