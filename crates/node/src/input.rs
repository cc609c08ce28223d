//! What the tasks of a node tell its loop.

use std::net::IpAddr;

use lanlens_mesh::{DialId, LinkInput, ScanInput, SessionHandle, SessionInput, TrustInput};
use lanlens_model::CameraId;
use lanlens_signaling::Link;

use crate::network::NetworkNews;
use crate::studio::Trouble;

/// A fact from one of the node's own tasks.
pub(crate) enum Input {
    Link(LinkInput),
    /// A dial attempt has succeeded.
    Dialed(DialId, Link),
    Session(SessionHandle, SessionInput),
    /// Our end of a session's path.
    Path(SessionHandle, IpAddr),
    /// This machine's addresses have changed.
    Network(NetworkNews),
    Trust(Box<TrustInput>),
    /// What keeps our camera from giving pictures, or that it gives them again.
    Source(CameraId, Option<Trouble>),
    /// News of a search for cameras.
    Scan(ScanInput),
    /// Something a person should know.
    Trouble(String),
}
