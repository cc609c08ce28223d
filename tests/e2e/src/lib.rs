//! The promise, tried on real programs: cameras and viewers in network namespaces on one bridge, on
//! good days and on bad ones ([`faults`], [`soak`]).
//!
//! Owns what the tests in `tests/` share: starting our programs by the contract ([`CameraApp`],
//! [`WatchApp`]), reading their events, and a hand-made peer for what no program of ours would
//! ever send ([`peer`]). Knows the contract and `docs/protocol.md`; of the product's code it uses
//! only the ids.
//!
//! The programs must have been built (`cargo build --release`); the tests need root for their
//! namespaces. What they measure is printed beside its target; with these variables they do more:
//!
//! | variable | effect |
//! |---|---|
//! | `LANLENS_FIGURES=FILE` | appends every figure to the file |
//! | `LANLENS_STRICT=1` | asserts the targets themselves: for a quiet machine |
//! | `LANLENS_ARTIFACTS=DIR` | keeps screenshots there |
//! | `LANLENS_BIN_DIR=DIR` | takes the programs from there |
//! | `LANLENS_E2E_LOG=debug` | `RUST_LOG` of the programs; shown with a failure |
//! | `CI=true` | what would be skipped fails |

pub mod attack;
mod camera;
pub mod faults;
pub mod impostor;
pub mod middle;
pub mod pattern;
pub mod peer;
pub mod phone;
pub mod phone_house;
pub mod proofs;
pub mod sensor;
pub mod soak;
pub mod talk;
mod tls;
pub mod trust;
pub mod units;
pub mod voice;
mod watch;
pub mod whip_client;
pub mod whip_gstreamer;
pub mod whip_offer;

pub use camera::{Camera, CameraApp};
pub use watch::{Stream, Watch, WatchApp};

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use lanlens_testkit::{Host, Launch, Program, bin};
use tempfile::TempDir;

/// How long a program may take to come up on a busy machine.
pub const START_LIMIT: Duration = Duration::from_secs(15);

/// A home folder of a device that did not exist before; removed with its last user.
#[derive(Debug, Clone)]
pub struct Home {
    folder: Arc<TempDir>,
}

impl Home {
    /// An empty one.
    ///
    /// # Errors
    /// When no temporary folder can be made.
    pub fn fresh() -> Result<Self> {
        Ok(Self { folder: Arc::new(tempfile::Builder::new().prefix("lanlens-home-").tempdir()?) })
    }

    /// A copy of another one, as `cp -a` makes it.
    ///
    /// # Errors
    /// When it cannot be copied.
    pub fn copy_of(other: &Home) -> Result<Self> {
        let copy = Self::fresh()?;
        let mut command = Command::new("cp");
        command.arg("-a").arg(other.path().join(".")).arg(copy.path());
        let status = command.status()?;
        ensure!(status.success(), "{command:?} failed ({status})");
        Ok(copy)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// One of our programs on a host, with a home, away from this user's settings and log level.
///
/// # Errors
/// When the program has not been built.
pub fn program(host: &Host, name: &str, home: &Home) -> Result<Launch> {
    Ok(at_home(host.launch(bin(name)?), home))
}

fn at_home(launch: Launch, home: &Home) -> Launch {
    let log = std::env::var("LANLENS_E2E_LOG").unwrap_or_else(|_| "info".to_owned());
    launch
        .env("HOME", home.path())
        .env("LANLENS_HOME", home.path())
        .env("RUST_LOG", log)
        .without_env("XDG_DATA_HOME")
        .without_env("DISPLAY")
        .without_env("WAYLAND_DISPLAY")
}

/// Fails unless every line of standard output was a JSON object, as `--json` promises.
///
/// # Errors
/// With the first line that is not.
pub fn only_json(program: &Program) -> Result<()> {
    match program.events().iter().find(|event| !event.is_object) {
        Some(stray) => Err(program.failure(&format!("printed what is no event: {}", stray.value))),
        None => Ok(()),
    }
}

/// Whether a program told in an `error` event something with one of these words in it.
pub fn told(program: &Program, words: &[&str]) -> bool {
    let events = program.events();
    let mut messages = events.iter().filter(|e| e.is("error")).map(|e| e.text("message"));
    messages.any(|message| words.iter().any(|word| message.contains(word)))
}

/// Waits until [`told`] holds.
///
/// # Errors
/// When it does not within `limit`.
pub fn wait_told(program: &Program, words: &[&str], limit: Duration) -> Result<()> {
    eventually(limit, || told(program, words))
        .then_some(())
        .ok_or_else(|| program.failure(&format!("it should have said one of {words:?}")))
}

/// Tries `holds` every 20 ms until it does or `limit` has passed.
pub fn eventually(limit: Duration, mut holds: impl FnMut() -> bool) -> bool {
    let start = std::time::Instant::now();
    loop {
        if holds() {
            return true;
        }
        if start.elapsed() >= limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}
