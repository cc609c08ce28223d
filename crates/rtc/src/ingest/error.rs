//! Why a publisher was refused, in words that it can show to a person.

use lanlens_model::limits;

use crate::error::{DescriptionError, RtcError};

/// An offer to publish was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// It has video, but none of it is H.264.
    #[error(
        "the offer has no H.264: this camera's browser or encoder cannot send it, or has it turned off"
    )]
    NoH264,
    /// It has H.264 in other forms than ours.
    #[error(
        "none of the offered H.264 formats can be taken ({offered}): baseline is needed \
         (profile-level-id 42e01f) with packetization-mode 1"
    )]
    UnsupportedProfile {
        /// The formats that it has.
        offered: String,
    },
    /// It is past a limit, cannot be read, or sends no video.
    #[error(transparent)]
    Description(DescriptionError),
    /// This machine cannot receive now.
    #[error(transparent)]
    Rtc(RtcError),
}

impl From<DescriptionError> for IngestError {
    fn from(error: DescriptionError) -> Self {
        Self::Description(error)
    }
}

impl From<RtcError> for IngestError {
    fn from(error: RtcError) -> Self {
        match error {
            RtcError::Description(error) => Self::Description(error),
            error => Self::Rtc(error),
        }
    }
}

/// A fragment was refused (RFC 8840, RFC 9725 section 4.3).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FragmentError {
    /// Longer than [`limits::SDP_BYTES_MAX`].
    #[error("the fragment has {0} bytes, at most {max} are accepted", max = limits::SDP_BYTES_MAX)]
    TooLong(usize),
    /// More `m=` lines than [`limits::SDP_MEDIA_MAX`].
    #[error("the fragment has {0} media sections, at most {max} are accepted", max = limits::SDP_MEDIA_MAX)]
    TooManyMedia(usize),
    /// More candidates than [`limits::CANDIDATES_MAX`].
    #[error("the fragment has {0} candidates, at most {max} are accepted", max = limits::CANDIDATES_MAX)]
    TooManyCandidates(usize),
    /// It is not a fragment.
    #[error("the fragment cannot be used: {0}")]
    Malformed(String),
    /// Candidates of an ICE session that is over, or is of another session.
    #[error(
        "the fragment belongs to another ICE session: its ice-ufrag or ice-pwd is not the current one"
    )]
    OtherIceSession,
    /// A restart with the credentials that are in use already.
    #[error("the fragment restarts nothing: its ice-ufrag and ice-pwd are the current ones")]
    NoRestart,
    /// The session could not restart.
    #[error(transparent)]
    Rtc(RtcError),
    /// The session has ended.
    #[error("the session has ended")]
    Ended,
}
