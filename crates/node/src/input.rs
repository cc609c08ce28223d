//! What the tasks of a node tell its loop.

use lanlens_mesh::{DialId, LinkInput, SessionHandle, SessionInput, TrustInput};
use lanlens_signaling::Link;

/// A fact from one of the node's own tasks.
pub(crate) enum Input {
    Link(LinkInput),
    /// A dial attempt has succeeded.
    Dialed(DialId, Link),
    Session(SessionHandle, SessionInput),
    Trust(Box<TrustInput>),
    /// Something a person should know.
    Trouble(String),
}
