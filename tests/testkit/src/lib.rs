//! What end-to-end tests stand on: a LAN of network namespaces, real programs in them, a screen.
//!
//! ```text
//!  Lan ── switch namespace: bridge ──┬── veth ── Host "camera"  ── Program (JSON lines, log, /proc)
//!                                    └── veth ── Host "viewer"  ── Program
//!  Display ── Xvfb ── Picture ── burned::find (the capture times that the tiles show)
//! ```
//!
//! Owns namespaces, processes and temporary folders, and removes each of them when it is dropped.
//! It knows nothing of Lanlens but the names of its programs and the burned-in time of the
//! contract: tests must not share code with what they test.

pub mod binaries;
pub mod burned;
pub mod capture;
mod clock;
mod disk;
pub mod display;
mod faults;
pub mod figure;
mod guest;
mod host;
mod lan;
pub mod output;
pub mod picture;
mod privilege;
pub mod procfs;
mod program;
pub mod qr;
pub mod terminal;

pub use binaries::bin;
pub use capture::Capture;
pub use clock::WallClock;
pub use disk::SmallDisk;
pub use display::Display;
pub use faults::Traffic;
pub use host::Host;
pub use lan::{Addresses, Lan};
pub use output::Event;
pub use picture::Picture;
pub use privilege::{may_skip, skip};
pub use program::{Launch, Program, Signal};
