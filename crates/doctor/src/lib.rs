//! Why is my camera not there? Looks at the network as a viewer would, and names the cause.
//!
//! Two halves that do not know each other: probes gather plain data ([`Observations`]), each within
//! its own time and all side by side; [`judge`] is a pure function from that data to one [`Finding`]
//! for each check. So what is said of a broken network is tested without one, and what is seen of
//! one is tested without words.
//!
//! ```text
//! interfaces ┐
//! multicast  ├─ probes ─▶ Observations ─▶ judge ─▶ Finding {check, state, cause, next}
//! cameras    │
//! ways, link, media ┘
//! ```
//!
//! Stands beside `node`, not on it: a node retries, prefers and hides, and a doctor must see the
//! first failure at each address. It uses the same discovery, dialing and media crates, so it meets
//! what a viewer meets.
//!
//! **Architecture invariant:** an offer goes only to a camera whose welcome has said *granted* on the
//! same link. So no examination claims a camera or asks anybody for leave.

mod advice;
mod examine;
mod judge;
mod observations;
mod probe;
mod progress;
mod words;

pub use examine::{DoctorConfig, ExamineError, examine};
pub use judge::{judge, most_telling};
pub use lanlens_model::{Check, CheckState, Finding};
pub use observations::{
    FirewallTool, Gateway, Heard, Interface, InterfaceKind, LinkSeen, Loop, MediaSeen, Neighbour,
    Network, Observations, Os, OwnCameras, Peer, Route, Sent, Source, System, Tcp, Way,
};
pub use progress::Progress;
