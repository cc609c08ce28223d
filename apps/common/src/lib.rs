//! What the three programs have in common: flags, logging, signals, exit codes, codes to scan, the
//! clock of their events. Each program stays a page of its own words on top of this.

mod args;
mod output;
mod phone_links;
mod qr;
mod run;
mod signal;
mod web_args;

pub use args::{CommonArgs, HomeArgs, NetworkArgs, parse_seconds};
pub use output::{JsonLines, init_logging, say_error};
pub use phone_links::phone_links;
pub use qr::qr_lines;
pub use run::run;
pub use signal::shutdown_signal;
pub use web_args::WebArgs;

/// Done.
pub const EXIT_DONE: u8 = 0;
/// Failed; one line on stderr says what and what to do.
pub const EXIT_FAILED: u8 = 1;
/// Nothing was found. (2, wrong usage, comes from the argument parser.)
pub const EXIT_NOTHING_FOUND: u8 = 3;
/// Ended by Ctrl-C, where that leaves nothing to tell.
pub const EXIT_INTERRUPTED: u8 = 130;
