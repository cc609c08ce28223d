//! simple-whip-client, which publishes what a GStreamer pipeline makes.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use lanlens_testkit::{Host, Launch};
use tempfile::TempDir;

/// GStreamer's moving test picture, encoded by x264.
const PIPELINE: &str = "videotestsrc is-live=true pattern=ball \
    ! video/x-raw,width=640,height=360,framerate=30/1 ! videoconvert ! queue \
    ! x264enc tune=zerolatency speed-preset=ultrafast bitrate=1000 key-int-max=60 \
    ! video/x-h264,profile=constrained-baseline ! h264parse config-interval=-1 \
    ! rtph264pay pt=96 ssrc=2 aggregate-mode=zero-latency ! queue \
    ! application/x-rtp,media=video,encoding-name=H264,payload=96,clock-rate=90000";

/// The program, and what it needs to run.
#[derive(Debug)]
pub struct WhipClient {
    libraries: TempDir,
}

impl WhipClient {
    /// `None` where it is not installed (Debian: simple-whip-client).
    ///
    /// # Errors
    /// When the library in the place of another cannot be compiled.
    pub fn installed(host: &Host) -> Result<Option<Self>> {
        if !host.has("whip-client") {
            return Ok(None);
        }
        let libraries = tempfile::Builder::new().prefix("lanlens-whip-").tempdir()?;
        let name = "libgupnp-igd-1.0.so.4";
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", &format!("-Wl,-soname,{name}"), "-o"]);
        compiler.arg(libraries.path().join(name));
        compiler.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/no_igd.c"));
        let status = compiler.status().context("starting cc")?;
        ensure!(status.success(), "{compiler:?} failed ({status})");
        Ok(Some(Self { libraries }))
    }

    /// Publishes to an endpoint with this token.
    pub fn publish(&self, host: &Host, url: &str, token: &str) -> Launch {
        let launch = host.launch("whip-client").env("LD_LIBRARY_PATH", self.libraries.path());
        // Its notes on plugins must not come from, or stay in, this user's home.
        let launch = launch.env("HOME", self.libraries.path()).without_env("XDG_CACHE_HOME");
        launch.args(["--url", url, "--token", token, "--video", PIPELINE]).args([
            "--disable-colors",
            "--log-level",
            "5",
        ])
    }
}
