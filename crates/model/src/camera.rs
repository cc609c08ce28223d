//! The words for cameras, their streams, and who may watch them.

use serde::{Deserialize, Serialize};

/// What a node is for; told in TXT and in the hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Serves one or more cameras.
    Camera,
    /// Watches.
    Viewer,
}

impl Role {
    /// The word used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Camera => "camera",
            Role::Viewer => "viewer",
        }
    }
}

/// The kind of an encoded stream. Audio is not sent yet; every unit, track and counter already says
/// which kind it is, so that it can join without a new shape.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    /// H.264 pictures.
    #[default]
    Video,
    /// Reserved.
    Audio,
}

/// One encoding of a camera's picture.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default,
)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// As captured.
    #[default]
    High,
    /// About 320×180, for small tiles.
    Low,
}

impl Layer {
    /// The word used on the wire and in JSON output.
    pub fn as_str(self) -> &'static str {
        match self {
            Layer::High => "high",
            Layer::Low => "low",
        }
    }
}

/// Size and rate of a picture stream: pixels, pixels, frames a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VideoFormat {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames a second.
    pub fps: u32,
}

/// Who may watch a camera (`--access`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum AccessMode {
    /// The first viewer device that asks for video owns the camera; others must be allowed.
    #[default]
    Ask,
    /// Only devices that prove they hold the home's invitation.
    Invite,
    /// Anyone on the local network.
    Open,
}

/// What one device may do with one camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// It may watch.
    Granted,
    /// It waits for somebody to allow it, and gets no picture.
    Pending,
    /// Somebody refused it.
    Denied,
    /// Nobody owns the camera yet: the first device that asks for video will.
    Unclaimed,
    /// Only who proves that it holds the home's invitation may watch; it has not.
    Invite,
}

/// Why nobody is asked any longer whether a device may watch, though nobody decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestEnd {
    /// Too many devices wait there already.
    Full,
    /// Nobody answered in time.
    Unanswered,
    /// This device has asked too often; later it may again.
    TooOften,
    /// Another program on this device has asked since: its code counts now.
    Elsewhere,
    /// The invitation that was shown is not the camera's.
    WrongInvitation,
    /// A reason that this version does not know.
    #[serde(other)]
    Other,
}

impl RequestEnd {
    /// The word used in JSON output.
    pub fn as_str(self) -> &'static str {
        match self {
            RequestEnd::Full => "full",
            RequestEnd::Unanswered => "unanswered",
            RequestEnd::TooOften => "too_often",
            RequestEnd::Elsewhere => "elsewhere",
            RequestEnd::WrongInvitation => "wrong_invitation",
            RequestEnd::Other => "other",
        }
    }
}

/// One ICE candidate as it travels between peers (RFC 8839 section 5.1, RFC 8840).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceCandidate {
    /// The `candidate:…` attribute's value.
    pub candidate: String,
    /// Which `m=` line, by its mid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mid: Option<String>,
    /// Which `m=` line, by its index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mline: Option<u16>,
}
