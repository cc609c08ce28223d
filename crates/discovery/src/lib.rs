//! Zeroconf: say that we are here, hear who else is (RFC 6762, RFC 6763).
//!
//! Owns the mDNS daemon, our one registration and the thread that drains what browsing tells
//! ([`Discovery`]), the names under which we announce ([`Advert`]), the list of this machine's
//! addresses ([`interfaces`]), and which of them lead to a room ([`best_first`]). What is heard is checked for shape and limits, never believed: the
//! dialed device must prove its id. Knows nothing of links, and keeps no opinion on who is alive,
//! because goodbyes can be forged and records outlive their node by two minutes.
//!
//! ```text
//! advertise ─▶ daemon (thread of mdns-sd) ─▶ multicast
//! multicast ─▶ daemon ─▶ thread "mdns-events" ─▶ Filter (limits) ─▶ DiscoveryEvent
//! ```

mod advert;
mod browse;
mod filter;
pub mod interfaces;
mod kinds;
mod service;

pub use advert::Advert;
pub use kinds::{best_first, network_kind};
pub use service::{Discovery, DiscoveryConfig, DiscoveryError};
