//! `lanlens-camera`, headless, with the moving test picture.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use lanlens_model::DeviceId;
use lanlens_testkit::{Event, Host, Program, WallClock, bin};

use crate::{Home, START_LIMIT, at_home};

/// A camera about to be started.
#[derive(Debug, Clone)]
pub struct CameraApp {
    host: Host,
    name: String,
    home: Option<Home>,
    source: String,
    size: &'static str,
    args: Vec<String>,
    disk_kib: Option<u32>,
    clock: Option<WallClock>,
}

impl CameraApp {
    /// The test picture at 640×360 and 30 frames a second under this name, with a fresh home.
    pub fn new(host: &Host, name: &str) -> Self {
        let (host, name) = (host.clone(), name.to_owned());
        let source = "pattern".to_owned();
        let (home, args) = (None, Vec::new());
        Self { host, name, home, source, size: "640x360", args, disk_kib: None, clock: None }
    }

    /// With this home.
    #[must_use]
    pub fn home(mut self, home: &Home) -> Self {
        self.home = Some(home.clone());
        self
    }

    /// With another source (`--source`).
    #[must_use]
    pub fn source(mut self, source: &str) -> Self {
        source.clone_into(&mut self.source);
        self
    }

    /// With another picture size, as `WxH`.
    #[must_use]
    pub fn size(mut self, size: &'static str) -> Self {
        self.size = size;
        self
    }

    /// With more arguments.
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// Admits everyone (`--access open`).
    #[must_use]
    pub fn open(self) -> Self {
        self.args(&["--access", "open"])
    }

    /// By invitation only (`--access invite`).
    #[must_use]
    pub fn by_invitation(self) -> Self {
        self.args(&["--access", "invite"])
    }

    /// With its home on a disk of this size that is its own ([`Host::launch_on_small_disk`]).
    #[must_use]
    pub fn small_disk(mut self, kib: u32) -> Self {
        self.disk_kib = Some(kib);
        self
    }

    /// By this clock.
    #[must_use]
    pub fn clock(mut self, clock: &WallClock) -> Self {
        self.clock = Some(clock.clone());
        self
    }

    /// Starts it and returns at once; the home lasts as long as somebody holds it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn launch(self) -> Result<(Program, Home)> {
        let home = self.home.clone().map_or_else(Home::fresh, Ok)?;
        Ok((self.run(&home)?, home))
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started or does not become ready.
    pub fn start(self) -> Result<Camera> {
        let host = self.host.clone();
        let (program, home) = self.launch()?;
        let ready = program.wait("ready", START_LIMIT, |event| event.is("ready"))?;
        let port = ready["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        let port = port.context("`ready` without a port")?;
        Ok(Camera { program, ready, address: SocketAddr::new(host.address(), port), home })
    }

    fn run(&self, home: &Home) -> Result<Program> {
        let program = bin("lanlens-camera")?;
        let launch = match self.disk_kib {
            None => self.host.launch(program),
            Some(kib) => self.host.launch_on_small_disk(program, home.path(), kib),
        };
        let launch = at_home(launch, home);
        let launch = match &self.clock {
            None => launch,
            Some(clock) => clock.give(launch),
        };
        launch
            .args(["--headless", "--json", "--source", &self.source])
            .args(["--size", self.size, "--name", &self.name])
            .args(&self.args)
            .title(&format!("camera “{}” on {}", self.name, self.host.name()))
            .start()
    }
}

/// A camera that is up. Dropping it kills it.
#[derive(Debug)]
pub struct Camera {
    /// The process.
    pub program: Program,
    /// Its `ready` event.
    pub ready: Event,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its home.
    pub home: Home,
}

impl Camera {
    /// Its camera id.
    pub fn id(&self) -> &str {
        self.ready.text("camera")
    }

    /// Its node id.
    pub fn node(&self) -> &str {
        self.ready.text("node")
    }

    /// Its device id.
    pub fn device(&self) -> &str {
        self.ready.text("device")
    }

    /// Its home as this camera sees it, also on a disk of its own.
    pub fn home_path(&self) -> PathBuf {
        let path = self.home.path();
        self.program.root().join(path.strip_prefix("/").unwrap_or(path))
    }

    /// The `access_request` of a device.
    ///
    /// # Errors
    /// When it has not asked within [`START_LIMIT`].
    pub fn wait_request(&self, device: DeviceId) -> Result<Event> {
        self.wait_request_from(0, device)
    }

    /// As [`Camera::wait_request`], from `mark` on.
    ///
    /// # Errors
    /// When it has not asked within [`START_LIMIT`].
    pub fn wait_request_from(&self, mark: usize, device: DeviceId) -> Result<Event> {
        let device = device.to_string();
        self.program.wait_from(mark, "a request", START_LIMIT, |event| {
            event.is("access_request") && event.text("viewer") == device
        })
    }

    /// Waits for a `stats` event from now on that passes `test`.
    ///
    /// # Errors
    /// When none has come within `limit`.
    pub fn wait_stats(
        &self,
        what: &str,
        limit: Duration,
        test: impl Fn(&Event) -> bool,
    ) -> Result<Event> {
        let mark = self.program.mark();
        self.program.wait_from(mark, what, limit, |event| event.is("stats") && test(event))
    }

    /// Its threads that open the device or encode; none while nobody watches.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn media_threads(&self) -> Result<Vec<String>> {
        let mut names = self.program.threads()?;
        names.retain(|name| name.starts_with("enc") || name.starts_with("capture"));
        Ok(names)
    }
}
