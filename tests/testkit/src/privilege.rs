//! What a test needs from the machine, and what happens where it is missing.
//!
//! On a developer's machine a test that cannot run says so and passes; with `CI=true` it fails,
//! because there nothing may be skipped unnoticed.

use anyhow::{Result, bail};

/// Whether a test may be skipped here: not with `CI=true`.
pub fn may_skip() -> bool {
    std::env::var("CI").map_or(true, |value| value != "true")
}

/// Says that a test is skipped, and why.
///
/// # Errors
/// With `CI=true`, where skipping is a failure.
pub fn skip(reason: &str) -> Result<()> {
    if !may_skip() {
        bail!("cannot run, and with CI=true nothing may be skipped: {reason}");
    }
    println!("skipped: {reason}");
    Ok(())
}

/// Whether this process may make network namespaces.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
