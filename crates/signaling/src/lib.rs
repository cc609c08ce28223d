//! Links: who may connect, and messages in both directions once they have.
//!
//! Owns the listening sockets and their admission limits ([`Listener`], which keeps room for
//! [`KnownAddresses`]), the race over all addresses of a peer ([`dial`]), and the life of one
//! connection ([`Link`]): WebSocket (RFC 6455) over TLS 1.3 with both sides' keys proven. Pings, the
//! clock offset, rates and sizes are dealt with here and never reach the mesh. Knows nothing of what
//! messages ask for, nor of discovery.
//!
//! ```text
//! TCP ─▶ Admission ─▶ TLS (device proven) ─▶ WebSocket ─▶ Link ─▶ hello/welcome ─▶ messages
//!          refused       refused               refused      └─ closed, with a reason
//! ```
//!
//! A link's first message must be a greeting (`hello` from the side that dialed, `welcome` from the
//! other), from the device that TLS proved. `ping`, `pong` and unknown messages are never forwarded.

mod accept;
mod admission;
mod clock;
mod dial;
mod host;
mod link;
mod listen;
mod pings;
mod rate;
mod reader;
mod socket;

pub use accept::Refusal;
pub use admission::KnownAddresses;
pub use clock::{ClockEstimate, ClockFilter};
pub use dial::{Attempt, AttemptError, DialError, dial};
pub use link::{CloseReason, Link, LinkEvent};
pub use listen::{AddressSource, ListenConfig, ListenError, Listener};

/// The path of signaling; anything else is answered with 404.
pub const PATH: &str = "/lanlens/1";
