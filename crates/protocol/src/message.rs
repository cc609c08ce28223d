//! Signaling messages: one JSON object in one WebSocket text message.

use std::net::SocketAddr;

use lanlens_model::limits::{
    ADDRESSES_PER_NODE_MAX, CAMERAS_PER_NODE_MAX, CANDIDATE_BYTES_MAX, INVITATIONS_MAX,
    MESSAGE_BYTES_MAX, PORT_MIN, SDP_BYTES_MAX, TOLD_NODES_MAX, TOLD_WATCHERS_MAX, WAITING_MAX,
};
use lanlens_model::{
    Access, CameraId, Code, DeviceId, Epoch, IceCandidate, Layer, NodeId, RequestEnd, Role, RunId,
    SessionId,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Commitment, Nonce, Proof, VERSION, clean_name, clean_text};

/// Who a node is; the first message in each direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// Protocol version, [`VERSION`].
    pub v: u32,
    /// The device; must be the one that TLS proved.
    pub device: DeviceId,
    /// The node; must belong to `device`.
    pub node: NodeId,
    /// What it is for.
    pub role: Role,
    /// Its process start.
    pub epoch: Epoch,
    /// The same for all programs of its home that run side by side: tells a copy of the home on
    /// another machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunId>,
    /// Friendly name, empty for a viewer that has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Sessions of an earlier link that it still holds and wishes to keep.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resume: Vec<SessionId>,
    /// The cameras it serves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cameras: Vec<OfferedCamera>,
    /// What the other side may do with them; absent without cameras.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// Where a node with cameras listens, at the address that it dials from: whoever was dialed finds
    /// it again there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// A camera in a greeting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedCamera {
    /// Must belong to the greeting's device.
    pub id: CameraId,
    /// Friendly name.
    pub name: String,
}

/// A device that waits at the sender.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingDevice {
    /// Who.
    pub device: DeviceId,
    /// Its name, verified by nobody.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// What both ends show.
    pub code: Code,
}

/// A device that watches one of the sender's cameras.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchingDevice {
    /// Which camera.
    pub camera: CameraId,
    /// Who.
    pub device: DeviceId,
    /// Its name, verified by nobody.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// For how long nothing of what is sent there has arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silent_ms: Option<u64>,
}

/// Where another camera's node is, as far as the sender heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldNode {
    /// Who; it must prove to be.
    pub node: NodeId,
    /// Where it listens.
    pub addresses: Vec<SocketAddr>,
}

/// Why a node refuses something; `text` beside it is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Not JSON, or not a message.
    Malformed,
    /// Another protocol version.
    Version,
    /// A message before the greeting, or a greeting after it.
    Order,
    /// Ids that do not belong to the device that TLS proved.
    Identity,
    /// A size, rate or count limit.
    Limit,
    /// No such camera.
    NotFound,
    /// Not allowed to watch.
    Access,
    /// The session description was refused, or the session failed.
    Sdp,
    /// A code this version does not know.
    #[serde(other)]
    Other,
}

/// A signaling message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// First message of the side that dialed.
    Hello(Greeting),
    /// First message of the side that accepted.
    Welcome(Greeting),
    /// What the receiver may do with the sender's cameras has changed.
    Access {
        /// The verdict.
        state: Access,
    },
    /// Somebody at the sender wants to watch and was told to wait: ask a person.
    AccessRequest {
        /// It still shows the code of an earlier link: agree on a new one only if you forgot it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        again: bool,
    },
    /// First step to a code: the camera's side is bound to a nonce that it keeps to itself.
    AccessCommit {
        /// Its hash.
        commitment: Commitment,
    },
    /// Second step: the watching side's nonce.
    AccessNonce {
        /// By chance.
        nonce: Nonce,
    },
    /// Third step: the camera's nonce. Both sides can now compute the code.
    AccessReveal {
        /// What the commitment was made of.
        nonce: Nonce,
    },
    /// Nobody is asked any longer, though nobody decided.
    AccessEnded {
        /// Why.
        reason: RequestEnd,
    },
    /// The sender holds invitations and proves it, without showing them.
    Invitation {
        /// One for each invitation that it holds.
        proofs: Vec<Proof>,
    },
    /// To an owner of the sender's cameras: who waits and who watches, as of now.
    Watchers {
        /// Devices that wait for leave.
        waiting: Vec<WaitingDevice>,
        /// Devices that watch.
        watching: Vec<WatchingDevice>,
    },
    /// From an owner: this device may watch, if it still waits with this code.
    AccessAllow {
        /// Who.
        device: DeviceId,
        /// Its name, to be remembered with the decision.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        name: String,
        /// What somebody has compared.
        code: Code,
    },
    /// From an owner: this device may not watch, and no longer.
    AccessDeny {
        /// Who.
        device: DeviceId,
        /// Its name, to be remembered with the decision.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        name: String,
    },
    /// The watching side wants a camera (receive-only SDP offer, RFC 8829).
    Offer {
        /// Allocated by the watching side.
        session: SessionId,
        /// Which camera.
        camera: CameraId,
        /// The layer it wants first.
        #[serde(default)]
        layer: Layer,
        /// The session description (RFC 8866).
        sdp: String,
    },
    /// The camera's side answers.
    Answer {
        /// The offer's session.
        session: SessionId,
        /// The session description.
        sdp: String,
    },
    /// One more ICE candidate of the sender (RFC 8838).
    Candidate {
        /// The session.
        session: SessionId,
        /// The candidate.
        #[serde(flatten)]
        candidate: IceCandidate,
    },
    /// The watching side wants another layer.
    Layer {
        /// The session.
        session: SessionId,
        /// The layer.
        layer: Layer,
    },
    /// From a camera's node, to whoever may watch it: what keeps its device from giving pictures, in
    /// words; without them, it gives pictures again.
    Source {
        /// Which camera.
        camera: CameraId,
        /// Why it gives none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        trouble: Option<String>,
    },
    /// From a camera's node, to whoever may watch it: which other cameras it hears of, all of them as
    /// of now.
    Nodes {
        /// Where they are.
        nodes: Vec<ToldNode>,
    },
    /// The watching side shows the picture, or does not.
    Visible {
        /// The session.
        session: SessionId,
        /// Whether it can be seen.
        visible: bool,
    },
    /// Are you there, and what time is it? Times are µs since 1970.
    Ping {
        /// When this was sent, by the sender's clock.
        t1: u64,
    },
    /// Four-timestamp answer (RFC 5905 section 8, without its fractions).
    Pong {
        /// From the ping.
        t1: u64,
        /// When the ping came, by the answerer's clock.
        t2: u64,
        /// When this was sent, by the answerer's clock.
        t3: u64,
    },
    /// The end of one session, or without one: of the node.
    Bye {
        /// Which session ends.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionId>,
    },
    /// Something was refused; of one session, or of the whole link.
    Error {
        /// For programs.
        code: ErrorCode,
        /// For people.
        text: String,
        /// Which session it ends.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<SessionId>,
    },
    /// A type this version does not know: ignored.
    #[serde(other)]
    Unknown,
}

/// Why a text is no message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProtocolError {
    /// Not JSON, or fields are missing or wrong.
    #[error("not a valid message: {0}")]
    Malformed(String),
    /// A greeting in another version.
    #[error("speaks protocol version {0}, this program speaks {VERSION}: update the older one")]
    Version(u64),
    /// A size or count limit of `model::limits`.
    #[error("{0}")]
    Limit(String),
}

impl ProtocolError {
    /// The code to answer with.
    pub fn code(&self) -> ErrorCode {
        match self {
            ProtocolError::Malformed(_) => ErrorCode::Malformed,
            ProtocolError::Version(_) => ErrorCode::Version,
            ProtocolError::Limit(_) => ErrorCode::Limit,
        }
    }
}

impl Message {
    /// Reads one message and checks its sizes. Friendly names and error texts come out cleaned.
    ///
    /// # Errors
    /// See [`ProtocolError`]: the link should answer with its code and words, and close.
    pub fn parse(text: &str) -> Result<Self, ProtocolError> {
        if text.len() > MESSAGE_BYTES_MAX {
            return Err(ProtocolError::Limit(format!(
                "message of {} bytes is too long",
                text.len()
            )));
        }
        let mut message: Message = match serde_json::from_str(text) {
            Ok(message) => message,
            Err(error) => return Err(version_of(text).unwrap_or_else(|| malformed(&error))),
        };
        message.check()?;
        Ok(message)
    }

    /// The message as JSON, without line breaks.
    pub fn to_json(&self) -> String {
        // Cannot fail: every map key is a string and nothing here refuses to be serialised.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn check(&mut self) -> Result<(), ProtocolError> {
        let limit = |text: &str| Err(ProtocolError::Limit(text.to_owned()));
        match self {
            Message::Hello(greeting) | Message::Welcome(greeting) => {
                if greeting.v != VERSION {
                    return Err(ProtocolError::Version(greeting.v.into()));
                }
                if greeting.cameras.len() > CAMERAS_PER_NODE_MAX
                    || greeting.resume.len() > CAMERAS_PER_NODE_MAX
                {
                    return limit("too many cameras or sessions in one greeting");
                }
                greeting.name = clean_name(&greeting.name);
                greeting.port = greeting.port.filter(|port| *port >= PORT_MIN);
                for camera in &mut greeting.cameras {
                    camera.name = clean_name(&camera.name);
                }
            }
            Message::Offer { sdp, .. } | Message::Answer { sdp, .. }
                if sdp.len() > SDP_BYTES_MAX =>
            {
                return limit("the session description is too long");
            }
            Message::Candidate { candidate, .. }
                if candidate.candidate.len() > CANDIDATE_BYTES_MAX =>
            {
                return limit("the candidate is too long");
            }
            Message::Nodes { nodes } => {
                if nodes.len() > TOLD_NODES_MAX {
                    return limit("too many nodes in one message");
                }
                for node in nodes {
                    node.addresses.retain(|address| address.port() >= PORT_MIN);
                    node.addresses.truncate(ADDRESSES_PER_NODE_MAX);
                }
            }
            Message::Invitation { proofs } if proofs.len() > INVITATIONS_MAX => {
                return limit("too many invitations at once");
            }
            Message::Watchers { waiting, watching } => {
                if waiting.len() > WAITING_MAX || watching.len() > TOLD_WATCHERS_MAX {
                    return limit("too many watchers in one message");
                }
                waiting.iter_mut().for_each(|device| device.name = clean_name(&device.name));
                watching.iter_mut().for_each(|device| device.name = clean_name(&device.name));
            }
            Message::AccessAllow { name, .. } | Message::AccessDeny { name, .. } => {
                *name = clean_name(name);
            }
            Message::Error { text, .. } | Message::Source { trouble: Some(text), .. } => {
                *text = clean_text(text, 300);
            }
            _ => {}
        }
        Ok(())
    }
}

/// The version of a greeting whose other fields this program cannot read.
fn version_of(text: &str) -> Option<ProtocolError> {
    #[derive(Deserialize)]
    struct Head {
        r#type: String,
        v: u64,
    }
    let head: Head = serde_json::from_str(text).ok()?;
    let greeting = head.r#type == "hello" || head.r#type == "welcome";
    (greeting && head.v != u64::from(VERSION)).then_some(ProtocolError::Version(head.v))
}

fn malformed(error: &serde_json::Error) -> ProtocolError {
    ProtocolError::Malformed(clean_text(&error.to_string(), 120))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_reads_and_writes_exactly_as_documented() {
        let golden = include_str!("../tests/golden.jsonl");
        for line in golden.lines().filter(|line| !line.is_empty()) {
            let message = Message::parse(line).unwrap_or_else(|e| panic!("{line}: {e}"));
            assert_eq!(message.to_json(), line);
        }
    }

    #[test]
    fn the_documentation_shows_every_golden_message() {
        let page = include_str!("../../../docs/protocol.md");
        for line in include_str!("../tests/golden.jsonl").lines() {
            assert!(page.contains(line), "docs/protocol.md lacks {line}");
        }
    }

    #[test]
    fn an_unknown_type_is_ignored_and_an_unknown_version_is_named() {
        assert_eq!(Message::parse(r#"{"type":"dance","v":9}"#), Ok(Message::Unknown));
        let future = r#"{"type":"hello","v":2,"who":["somebody"]}"#;
        assert_eq!(Message::parse(future), Err(ProtocolError::Version(2)));
    }

    #[test]
    fn nonsense_is_refused_with_words() {
        for text in [
            "",
            "[]",
            "null",
            "{}",
            r#"{"type":5}"#,
            r#"{"type":"offer"}"#,
            "\u{0}",
            "{\"type\":\"ping\",\"t1\":-1}",
        ] {
            assert!(matches!(Message::parse(text), Err(ProtocolError::Malformed(_))), "{text}");
        }
        let deep = "[".repeat(60_000);
        assert!(matches!(Message::parse(&deep), Err(ProtocolError::Malformed(_))));
    }

    #[test]
    fn sizes_pass_at_the_limit_and_are_refused_one_past_it() {
        let answer =
            |n: usize| Message::Answer { session: SessionId(1), sdp: "x".repeat(n) }.to_json();
        assert!(Message::parse(&answer(SDP_BYTES_MAX)).is_ok());
        assert!(matches!(Message::parse(&answer(SDP_BYTES_MAX + 1)), Err(ProtocolError::Limit(_))));
        let candidate = |n: usize| {
            let candidate = IceCandidate { candidate: "x".repeat(n), mid: None, mline: None };
            Message::Candidate { session: SessionId(1), candidate }.to_json()
        };
        assert!(Message::parse(&candidate(CANDIDATE_BYTES_MAX)).is_ok());
        assert!(matches!(
            Message::parse(&candidate(CANDIDATE_BYTES_MAX + 1)),
            Err(ProtocolError::Limit(_))
        ));
        let padded = |n: usize| format!("{}{}", r#"{"type":"ping","t1":1}"#, " ".repeat(n - 22));
        assert!(Message::parse(&padded(MESSAGE_BYTES_MAX)).is_ok());
        assert!(matches!(
            Message::parse(&padded(MESSAGE_BYTES_MAX + 1)),
            Err(ProtocolError::Limit(_))
        ));
    }
}
