//! How fast the whole system is: real release programs in network namespaces, and two Chromium
//! browsers beside them on the same work.
//!
//! ```text
//!  scripts/bench.sh NAME ─▶ rows::ROWS ─▶ Outcome (figures, notes) ─▶ report: table, one JSON line
//!                            │
//!                            ├─ scene: cameras and watchers of lanlens-e2e on a LAN of lanlens-testkit
//!                            └─ peers: the same through two browsers, in turns
//! ```
//!
//! Owns the figures, their targets and how they are taken; `docs/performance.md` has the tables. Knows
//! the programs by their contract alone. The stages inside them are measured in `benches/`.
//!
//! **Architecture invariant:** a row fails only when it could not be measured. A missed target is a
//! result, not a failure: the machine may be busy.

pub mod peers;
pub mod processes;
pub mod report;
pub mod rows;
pub mod samples;
pub mod scene;
pub mod screen;
pub mod settings;
