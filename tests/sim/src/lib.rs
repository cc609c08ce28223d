//! Many meshes on a virtual network with virtual time: a day of reconnects in milliseconds.
//!
//! ```text
//!  random_day(seed) ─▶ faults ─▶ ┌───────┐ deliveries, in the order of time ┌──────┐
//!                                │ World │─────────────────────────────────▶│ Mesh │ × many
//!                                └───┬───┘◀───────────────────────────────── actions
//!                                    └─▶ after every step: invariants, against a reference screen
//! ```
//!
//! [`World`] plays the shell for every [`Mesh`](lanlens_mesh::Mesh): it carries announcements,
//! links, messages and pictures with latency; lets hosts be killed, restarted, moved, put to sleep,
//! cut off and attacked; and after every single step checks what must always hold (see
//! `invariants`). It owns no decision of the product; a seed makes every run repeatable.

mod attacker;
mod day;
mod faults;
mod host;
mod invariants;
mod links;
mod lives;
mod look;
mod mdns;
mod network;
mod paths;
mod peace;
mod queue;
mod screen;
mod seeds;
mod sessions;
mod trace;
mod world;

pub use day::random_day;
pub use host::{HostId, HostSpec};
pub use paths::Traffic;
pub use seeds::Seeds;
pub use world::World;
