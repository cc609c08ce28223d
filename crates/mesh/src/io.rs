//! What goes into the mesh and what comes out, beside discovery events and commands.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lanlens_model::{
    CameraId, Code, DeviceId, Event, IceCandidate, KnownNode, Layer, StreamStats, TrustChange,
    TrustView,
};
use lanlens_protocol::{ChannelBinding, Message};

/// One link, named by the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// One attempt to dial, named by the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DialId(pub u64);

/// One media session, named by the mesh. (On the wire it has the watcher's `SessionId`; two
/// watchers may use the same one.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionHandle(pub u64);

/// Why a dial attempt gave no link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialFailure {
    /// Nobody answered, or not in time.
    Unreachable(String),
    /// Somebody answered, but could not prove the device that was expected.
    WrongDevice {
        /// Where.
        address: SocketAddr,
    },
}

/// Why a link is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEnd {
    /// It was closed, broke, or fell silent.
    Lost(String),
    /// The peer broke a rule, was told so, and was cut off.
    Refused(String),
}

/// A fact about a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkInput {
    /// A link stands; TLS has proved `device`. Nothing was said on it yet.
    Opened {
        /// Its name from now on.
        link: LinkId,
        /// Who is at the other end.
        device: DeviceId,
        /// Where.
        remote: SocketAddr,
        /// The attempt it comes from; `None` where the other side dialed.
        dial: Option<DialId>,
        /// What only its two ends know.
        channel: ChannelBinding,
    },
    /// A message came (never a ping or pong: those stay in the link).
    Message {
        /// On which link.
        link: LinkId,
        /// What.
        message: Message,
    },
    /// The link is gone.
    Closed {
        /// Which.
        link: LinkId,
        /// Why.
        end: LinkEnd,
    },
    /// A dial attempt ended without a link.
    DialFailed {
        /// Which.
        dial: DialId,
        /// Why.
        failure: DialFailure,
    },
}

/// A fact about a media session.
#[derive(Debug, Clone, PartialEq)]
pub enum SessionInput {
    /// Our SDP: the offer of a watching session, the answer of a serving one.
    Description(String),
    /// One of our candidates.
    Candidate(IceCandidate),
    /// Media can flow.
    Connected {
        /// The chosen pair, for people.
        candidate_pair: String,
    },
    /// It ended by itself.
    Failed {
        /// Why, in words.
        reason: String,
    },
    /// Our own end of its path is gone: this machine has another address now.
    PathLost,
    /// What the camera sends is not decoded here (watching only).
    Refused {
        /// Why, in words.
        reason: String,
    },
    /// A *new* picture was decoded (watching only).
    Frame {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// When it was decoded; news of it may come a little later.
        at: Instant,
    },
    /// The figures of the last second (watching only).
    Stats(StreamStats),
    /// Since when nothing of what is sent has arrived there; `None` once it does again (serving only).
    Silent(Option<Instant>),
    /// What is sent is of this encoding from now on (serving only).
    Layer(Layer),
}

/// The outcome of [`Action::Claim`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Who asked.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// Whether it owns the cameras now.
    pub won: bool,
    /// The store after the attempt.
    pub trust: TrustView,
}

/// A fact about the home's trust store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustInput {
    /// It was changed, by any process of this home.
    Changed(TrustView),
    /// A claim was decided.
    ClaimDone(Claim),
}

/// What the shell must do. Actions on links and sessions that are gone meanwhile are dropped.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Race these addresses; report [`LinkInput::Opened`] or [`LinkInput::DialFailed`].
    Dial {
        /// The attempt's name.
        dial: DialId,
        /// All known addresses.
        addresses: Vec<SocketAddr>,
        /// Who must be at the other end; `None` for an address typed by hand.
        expect: Option<DeviceId>,
    },
    /// Queue a message on a link.
    Send {
        /// Which link.
        link: LinkId,
        /// What.
        message: Message,
    },
    /// Write what is queued, then close the link. No [`LinkInput::Closed`] need follow.
    CloseLink {
        /// Which.
        link: LinkId,
    },
    /// Start receiving; report its offer as [`SessionInput::Description`].
    OpenSubscriber {
        /// The session's name.
        handle: SessionHandle,
        /// Whose pictures.
        camera: CameraId,
        /// Which encoding.
        layer: Layer,
    },
    /// Start sending; report its answer as [`SessionInput::Description`].
    OpenPublisher {
        /// The session's name.
        handle: SessionHandle,
        /// Which of our cameras.
        camera: CameraId,
        /// The watcher's offer.
        offer: String,
        /// Which encoding.
        layer: Layer,
    },
    /// The other side's answer to a watching session.
    AcceptAnswer {
        /// Which session.
        handle: SessionHandle,
        /// The SDP.
        sdp: String,
    },
    /// A candidate of the other side.
    AddCandidate {
        /// Which session.
        handle: SessionHandle,
        /// The candidate.
        candidate: IceCandidate,
    },
    /// The watcher of a serving session wants another layer.
    SetLayer {
        /// Which session.
        handle: SessionHandle,
        /// Which encoding.
        layer: Layer,
    },
    /// Whether the watcher of a serving session sees the picture. Where nobody does, nothing is sent.
    SetVisible {
        /// Which session.
        handle: SessionHandle,
        /// Whether anybody sees it.
        visible: bool,
    },
    /// End a session of either kind. No input need follow.
    CloseSession {
        /// Which.
        handle: SessionHandle,
    },
    /// Compare-and-set in the trust store; report [`TrustInput::ClaimDone`].
    Claim {
        /// Who asks.
        device: DeviceId,
        /// Its name.
        name: String,
    },
    /// Make a change in the trust store; what it says then comes as [`TrustInput::Changed`].
    ChangeTrust(TrustChange),
    /// Note in the trust store that a device waits at this node, for whoever looks there.
    Wait {
        /// Who.
        device: DeviceId,
        /// Its name.
        name: String,
        /// What both ends show.
        code: Code,
        /// How long it will wait from now.
        left: Duration,
    },
    /// It waits here no longer.
    StopWaiting {
        /// Who.
        device: DeviceId,
    },
    /// Whoever is at this address matters here: it may watch our cameras, or we watch its own. Its
    /// connections go before those of strangers.
    KnowAddress(SocketAddr),
    /// Write down where this node is, for the next start of this program.
    RememberNode(KnownNode),
    /// Knock at every address of our networks; report [`crate::ScanInput`].
    Scan,
    /// Browse anew.
    Browse,
    /// Tell the program.
    Emit(Event),
    /// Everything was said: close links and announcements, and end.
    Stop,
}
