//! Many meshes on a virtual network with virtual time: a day of reconnects in milliseconds.
//!
//! [`World`] plays the shell for every [`Mesh`](lanlens_mesh::Mesh): it carries announcements,
//! links, messages and pictures with latency, lets hosts be killed, restarted, moved and cut off,
//! and after every single step checks what must always hold (see `invariants`). It owns no decision
//! of the product; a seed makes every run repeatable.

mod faults;
mod host;
mod invariants;
mod network;
mod queue;
mod world;

pub use faults::random_day;
pub use host::HostId;
pub use world::{HostSpec, World};
