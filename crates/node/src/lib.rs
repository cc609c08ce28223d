//! One running node: every task, every channel, and nothing decided.
//!
//! Owns the composition. It starts what the other crates offer, carries facts into the
//! [`Mesh`](lanlens_mesh::Mesh) and executes the actions that come out. Decisions belong to the
//! mesh; formats, sockets and codecs to their own crates.
//!
//! ```text
//!  discovery ──┐                                              ┌─▶ dial, links      (links.rs)
//!  listener ───┤   bounded    ┌──────────────┐    actions     ├─▶ sessions         (sessions.rs)
//!  links ──────┼──▶ mpsc ────▶│ node loop    │───────────────▶├─▶ trust store      (trust.rs)
//!  sessions ───┤   <Input>    │ owns Mesh    │                ├─▶ discovery
//!  trust ──────┤              └──┬────────┬──┘                └─▶ events, snapshot ─▶ NodeHandle
//!  commands ───┘                 │        └ timer
//!                                ▼
//!   out:  capture thread ─▶ slot ─▶ encoder thread ─▶ fan-out ─▶ publisher sessions   (studio.rs)
//!   in:   subscriber session ─▶ decoder pool ─▶ slot ─▶ repaint                       (decode.rs)
//! ```
//!
//! **Architecture invariant:** the node loop never awaits a peer. It only `try_send`s; a link or a
//! session whose queue is full is closed.

mod config;
mod decode;
mod errands;
mod handle;
mod input;
mod links;
mod meter;
mod network;
mod node;
mod phones;
mod pictures;
pub mod platform;
mod refusals;
mod relay;
mod scan;
mod screens;
mod sessions;
mod start;
mod studio;
mod trust;

pub use config::{CameraConfig, NodeConfig, PictureSource, UnitTap};
pub use handle::{NodeHandle, Ready};
pub use lanlens_capture::{SourceSpec, Wish};
pub use lanlens_discovery::{best_first, interfaces};
pub use lanlens_media::{LatestSlot, VideoFrame};
pub use phones::WebOptions;
pub use relay::{Demand, KeyframeRequests, Relay};
pub use start::{StartError, start};
