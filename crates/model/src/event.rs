//! Facts, as they happen: what `--json` prints and a status line is made of.

use std::net::SocketAddr;

use crate::{Access, CameraId, Cause, Code, DeviceId, NodeId, RequestEnd, Role, StreamStats};

/// Why a camera's session or the camera itself went away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LostReason {
    /// Its node said goodbye.
    Goodbye,
    /// The link and the media both fell silent.
    Unreachable,
    /// The peer connection failed.
    MediaFailed,
    /// The node refused, in its own words.
    Refused(String),
    /// A new start of the same camera replaced it.
    Restarted,
    /// This machine's address changed, and the old path with it.
    NetworkChanged,
    /// Nothing announces it any more.
    Expired,
}

impl LostReason {
    /// One short sentence for people and for `--json`.
    pub fn text(&self) -> String {
        match self {
            LostReason::Goodbye => "the camera was closed".into(),
            LostReason::Unreachable => "the camera does not answer".into(),
            LostReason::MediaFailed => "the media connection failed".into(),
            LostReason::Refused(text) => text.clone(),
            LostReason::Restarted => "the camera was restarted".into(),
            LostReason::NetworkChanged => "this computer's network changed".into(),
            LostReason::Expired => "the camera is no longer announced".into(),
        }
    }
}

/// A fact.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Another node was seen for the first time.
    Peer {
        /// Its id.
        node: NodeId,
        /// What it is for.
        role: Role,
        /// Its friendly name; empty for viewers.
        name: String,
    },
    /// A camera was seen for the first time, or again after it was gone.
    Discovered {
        /// Its id.
        camera: CameraId,
        /// Its friendly name.
        name: String,
        /// The node that serves it.
        node: NodeId,
        /// Where that node listens.
        addresses: Vec<SocketAddr>,
    },
    /// A camera's node told what this device may do with it.
    Access {
        /// Which camera.
        camera: CameraId,
        /// The verdict.
        state: Access,
        /// While pending: what both ends show, once they have agreed on it.
        code: Option<Code>,
    },
    /// Nobody is asked any longer whether this device may watch.
    RequestEnded {
        /// Which camera.
        camera: CameraId,
        /// Why.
        reason: RequestEnd,
    },
    /// Media flows for a camera's session.
    Connected {
        /// Which camera.
        camera: CameraId,
        /// The chosen pair, `local ↔ remote`.
        candidate_pair: String,
    },
    /// The first picture ever decoded from a camera.
    FirstFrame {
        /// Which camera.
        camera: CameraId,
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// Milliseconds since the camera was discovered.
        since_discovered_ms: u64,
    },
    /// New pictures arrive again (or for the first time in a session).
    Live {
        /// Which camera.
        camera: CameraId,
        /// Milliseconds since the last picture before, 0 for none.
        since_ms: u64,
    },
    /// No new picture for too long.
    Stalled {
        /// Which camera.
        camera: CameraId,
        /// Milliseconds since the last picture.
        since_ms: u64,
    },
    /// Why there are no new pictures has become known, or has changed.
    Cause {
        /// Which camera.
        camera: CameraId,
        /// Why.
        cause: Cause,
    },
    /// A session ended; the camera will be tried again.
    Lost {
        /// Which camera.
        camera: CameraId,
        /// Why.
        reason: LostReason,
    },
    /// The camera left the list.
    Gone {
        /// Which camera.
        camera: CameraId,
        /// Why.
        reason: LostReason,
    },
    /// Once a second for every camera that is watched.
    Stats {
        /// Which camera.
        camera: CameraId,
        /// The figures.
        stats: StreamStats,
    },
    /// A device watches one of our cameras.
    ViewerJoined {
        /// Our camera.
        camera: CameraId,
        /// The watching node.
        viewer: NodeId,
        /// Its name, empty where it has none.
        name: String,
    },
    /// It stopped watching.
    ViewerLeft {
        /// Our camera.
        camera: CameraId,
        /// The watching node.
        viewer: NodeId,
        /// Its name, empty where it has none.
        name: String,
    },
    /// Nothing of what we send there has arrived for more than a second.
    ViewerStalled {
        /// Our camera.
        camera: CameraId,
        /// The watching node.
        viewer: NodeId,
        /// Its name, empty where it has none.
        name: String,
        /// Milliseconds since the first packet that did not arrive was sent.
        since_ms: u64,
    },
    /// It arrives there again.
    ViewerLive {
        /// Our camera.
        camera: CameraId,
        /// The watching node.
        viewer: NodeId,
        /// Its name, empty where it has none.
        name: String,
        /// Milliseconds since the first packet that had not arrived was sent.
        since_ms: u64,
    },
    /// A device became the owner of our cameras by being the first to ask for video.
    Claimed {
        /// The new owner.
        viewer: DeviceId,
        /// Its name, empty where it has none.
        name: String,
    },
    /// A device waits for leave to watch.
    AccessRequest {
        /// The device that asks.
        viewer: DeviceId,
        /// Its name, empty where it has none.
        name: String,
        /// What both ends show.
        code: Code,
    },
    /// Somebody allowed a device to watch our cameras, or refused or removed it.
    AccessDecided {
        /// The device.
        viewer: DeviceId,
        /// Its name, empty where it has none.
        name: String,
        /// Whether it may watch.
        allow: bool,
    },
    /// A peer broke the rules; its link was closed and nothing else was touched.
    PeerRefused {
        /// Where it came from.
        address: String,
        /// What it did.
        reason: String,
    },
    /// Something is wrong that a person should know.
    Error {
        /// What, and what to do.
        message: String,
    },
}
