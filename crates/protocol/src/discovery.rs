//! What browsing the network tells.

use std::net::SocketAddr;

use crate::Txt;

/// The DNS-SD service type (RFC 6763 section 7).
pub const SERVICE_TYPE: &str = "_lanlens._tcp.local.";

/// A fact about a service instance. Nothing in it is proven: the dialed device must prove its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiscoveryEvent {
    /// A service instance was resolved, or changed.
    Resolved {
        /// Its full name, the key for [`DiscoveryEvent::Removed`].
        instance: String,
        /// What it announces.
        txt: Txt,
        /// Where it says it listens; IPv6 link-local addresses carry their scope.
        addresses: Vec<SocketAddr>,
    },
    /// Its goodbye was heard, or its TTL ran out.
    Removed {
        /// Its full name.
        instance: String,
    },
}
