//! What can go wrong, in words that a person can act on.

use lanlens_model::limits;

/// A peer's session description was refused before the WebRTC stack saw it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionError {
    /// Longer than [`limits::SDP_BYTES_MAX`].
    #[error("the session description has {0} bytes, at most {max} are accepted", max = limits::SDP_BYTES_MAX)]
    TooLong(usize),
    /// More `m=` lines than [`limits::SDP_MEDIA_MAX`].
    #[error("the session description has {0} media sections, at most {max} are accepted", max = limits::SDP_MEDIA_MAX)]
    TooManyMedia(usize),
    /// More candidates than [`limits::CANDIDATES_MAX`].
    #[error("the session description has {0} candidates, at most {max} are accepted", max = limits::CANDIDATES_MAX)]
    TooManyCandidates(usize),
    /// The WebRTC stack could not read or apply it.
    #[error("the session description cannot be used: {0}")]
    Malformed(String),
    /// It has no video section in the direction that we need.
    #[error("the session description has no video that can flow in the direction needed")]
    NoVideo,
    /// It has video, but not in our format.
    #[error(
        "no common video format: H.264 constrained baseline (profile-level-id 42e01f, packetization-mode 1) is needed"
    )]
    NoCommonCodec,
}

/// A session could not be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RtcError {
    /// No usable local address: no network, or every chosen interface is down.
    #[error("no network address to send media from: is this machine connected to the network?")]
    NoAddress,
    /// The peer's offer was refused.
    #[error(transparent)]
    Description(#[from] DescriptionError),
    /// The WebRTC stack could not be set up (sockets, certificate).
    #[error("cannot set up a media session: {0}")]
    Setup(String),
}
