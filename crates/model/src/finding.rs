//! What the doctor says: why a camera is not there, one check a finding.

use serde::{Deserialize, Serialize};

/// One thing that must work before a picture is seen, in the order in which they build on each
/// other: what fails first explains what comes after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// This computer has a network interface with an address that Lanlens can use.
    Interfaces,
    /// Multicast DNS (5353/udp) leaves this computer.
    MulticastOut,
    /// Multicast DNS comes in: what this computer sends itself is heard.
    MulticastIn,
    /// Other devices are heard by multicast DNS.
    Others,
    /// What this computer's firewall does.
    Firewall,
    /// Cameras announce themselves, or answer at an address that was given.
    Cameras,
    /// Packets to a camera leave through the network on which it is, and Lanlens may use that.
    Route,
    /// The network carries packets from device to device, not only to everyone.
    Isolation,
    /// A camera's signaling port (TCP) can be reached.
    Port,
    /// The camera speaks our protocol there, and proves to be who it says.
    Link,
    /// A path for media (UDP) is found.
    Ice,
    /// Pictures arrive and can be decoded.
    Media,
    /// The clocks of both computers make sense.
    Clock,
    /// Programs of this user may open this computer's own cameras.
    CameraPermission,
}

impl Check {
    /// The word in JSON output.
    pub fn as_str(self) -> &'static str {
        match self {
            Check::Interfaces => "interfaces",
            Check::MulticastOut => "multicast_out",
            Check::MulticastIn => "multicast_in",
            Check::Others => "others",
            Check::Firewall => "firewall",
            Check::Cameras => "cameras",
            Check::Route => "route",
            Check::Isolation => "isolation",
            Check::Port => "port",
            Check::Link => "link",
            Check::Ice => "ice",
            Check::Media => "media",
            Check::Clock => "clock",
            Check::CameraPermission => "camera_permission",
        }
    }
}

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    /// It works.
    Ok,
    /// It does not, and that keeps pictures away.
    Failed,
    /// It could not be told: something before it fails, or nobody allowed to try.
    Unknown,
}

impl CheckState {
    /// The word in JSON output.
    pub fn as_str(self) -> &'static str {
        match self {
            CheckState::Ok => "ok",
            CheckState::Failed => "failed",
            CheckState::Unknown => "unknown",
        }
    }
}

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which.
    pub check: Check,
    /// How it went.
    pub state: CheckState,
    /// What was seen, in one sentence for people.
    pub cause: String,
    /// What to do about it, in one sentence; `None` where nothing is to be done.
    pub next: Option<String>,
}
