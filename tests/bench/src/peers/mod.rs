//! Two Chromium browsers on the same work in the same run: what a user would otherwise have.
//!
//! A plain peer connection with default settings and H.264 preferred; the pages are in `peers/`. The
//! browsers run on two hosts of the same LAN as our programs do, and the two take turns.

mod browser;
pub mod cpu;
pub mod latency;
mod pair;

pub use browser::{Browser, Looks};
pub use pair::Pair;

/// What rows say where there is no browser.
pub const NO_BROWSER: &str = "Chromium is not installed (Debian's package is chromium)";
