//! `lanlens watch --json`, and the figures in its events.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lanlens_model::DeviceId;
use lanlens_testkit::figure::{self, at_least, at_most};
use lanlens_testkit::{Event, Host, Program, Signal, SmallDisk, WallClock, bin};
use serde_json::Value;

use crate::peer::Key;
use crate::{Home, START_LIMIT, at_home, only_json};

/// A watcher about to be started.
#[derive(Debug, Clone)]
pub struct WatchApp {
    host: Host,
    home: Option<Home>,
    args: Vec<String>,
    disk: Option<SmallDisk>,
    clock: Option<WallClock>,
}

impl WatchApp {
    /// Every camera of the network, measured on its picture, until it is stopped, with a fresh home.
    pub fn new(host: &Host) -> Self {
        Self::plain(host).args(&["--measure", "pattern"])
    }

    /// As [`WatchApp::new`], without reading the time burned into the picture.
    pub fn plain(host: &Host) -> Self {
        Self { host: host.clone(), home: None, args: Vec::new(), disk: None, clock: None }
    }

    /// With this home.
    #[must_use]
    pub fn home(mut self, home: &Home) -> Self {
        self.home = Some(home.clone());
        self
    }

    /// Under this name, which cameras show when it asks.
    #[must_use]
    pub fn name(self, name: &str) -> Self {
        self.args(&["--name", name])
    }

    /// Ends by itself after so many seconds.
    #[must_use]
    pub fn seconds(self, seconds: u32) -> Self {
        self.args(&["--for", &seconds.to_string()])
    }

    /// With more arguments.
    #[must_use]
    pub fn args(mut self, args: &[&str]) -> Self {
        self.args.extend(args.iter().map(|&arg| arg.to_owned()));
        self
    }

    /// Notes a hash of every access unit in a file ([`crate::units`]).
    #[must_use]
    pub fn hashes(self, file: &Path) -> Self {
        self.args(&["--hashes", &file.to_string_lossy()])
    }

    /// With this disk, at whose folder its home must be.
    #[must_use]
    pub fn on_disk(mut self, disk: &SmallDisk) -> Self {
        self.disk = Some(disk.clone());
        self
    }

    /// By this clock.
    #[must_use]
    pub fn clock(mut self, clock: &WallClock) -> Self {
        self.clock = Some(clock.clone());
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(self) -> Result<Watch> {
        let home = self.home.map_or_else(Home::fresh, Ok)?;
        let program = bin("lanlens")?;
        let launch = match &self.disk {
            None => self.host.launch(program),
            Some(disk) => disk.launch(&self.host, program),
        };
        let launch = at_home(launch, &home);
        let launch = match &self.clock {
            None => launch,
            Some(clock) => clock.give(launch),
        };
        let program = launch
            .args(["watch", "--json"])
            .args(&self.args)
            .title(&format!("watch on {}", self.host.name()))
            .start()?;
        Ok(Watch { program, home })
    }
}

/// A running `lanlens watch`.
#[derive(Debug)]
pub struct Watch {
    /// The process.
    pub program: Program,
    /// Its home.
    pub home: Home,
}

impl Watch {
    /// Waits for the first picture of a camera.
    ///
    /// # Errors
    /// When it does not come.
    pub fn wait_first_frame(&self, camera: &str) -> Result<Event> {
        let what = format!("the first frame of {camera}");
        self.program.wait(&what, START_LIMIT, |event| event.is_of("first_frame", camera))
    }

    /// The device that it is.
    ///
    /// # Errors
    /// When it has not started yet.
    pub fn device(&self) -> Result<DeviceId> {
        Ok(Key::of(&self.home)?.device)
    }

    /// Waits until a camera has told what may be done with it, from `mark` on.
    ///
    /// # Errors
    /// When it has not within [`START_LIMIT`].
    pub fn wait_access_from(&self, mark: usize, camera: &str, state: &str) -> Result<Event> {
        let what = format!("access {state} at {camera}");
        self.program.wait_from(mark, &what, START_LIMIT, |event| {
            event.is_of("access", camera) && event.text("state") == state
        })
    }

    /// The code that it shows while it waits at a camera.
    ///
    /// # Errors
    /// When it shows none within [`START_LIMIT`].
    pub fn wait_code(&self, camera: &str) -> Result<String> {
        let what = format!("the code of {camera}");
        let event = self.program.wait(&what, START_LIMIT, |event| {
            event.is_of("access", camera) && !event.text("code").is_empty()
        })?;
        Ok(event.text("code").to_owned())
    }

    /// Makes it deaf: it goes on only at [`Watch::thaw`]. What a camera does about such a viewer it
    /// does by itself.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn freeze(&self) -> Result<()> {
        self.program.signal(Signal::STOP)
    }

    /// Ends a [`Watch::freeze`].
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn thaw(&self) -> Result<()> {
        self.program.signal(Signal::CONT)
    }

    /// Fails if it ever showed a picture of a camera.
    ///
    /// # Errors
    /// When it did.
    pub fn never_saw(&self, camera: &str) -> Result<()> {
        let events = self.program.events();
        let seen = |e: &Event| e.is_of("first_frame", camera) || e.is_of("live", camera);
        self.program.check(!events.iter().any(seen), "shows pictures that it may not see")
    }

    /// Waits until a camera is live, from `mark` on.
    ///
    /// # Errors
    /// When it does not become so within `limit`.
    pub fn wait_live_from(&self, mark: usize, camera: &str, limit: Duration) -> Result<Event> {
        let what = format!("{camera} live");
        self.program.wait_from(mark, &what, limit, |event| event.is_of("live", camera))
    }

    /// Waits for its end by itself and for a clean report: exit code 0, nothing but events, a
    /// summary last.
    ///
    /// # Errors
    /// When one of these is missing.
    pub fn wait_done(&mut self, limit: Duration) -> Result<()> {
        self.program.wait_exit(limit)?;
        let code = self.program.exit_code();
        self.program.check(code == Some(0), &format!("exit code {code:?}"))?;
        only_json(&self.program)?;
        let last = self.program.events().last().map(|event| event.kind().to_owned());
        self.program.check(last.as_deref() == Some("summary"), "the last event is no summary")
    }

    /// The `stats` of a camera so far.
    pub fn stats(&self, camera: &str) -> Vec<Event> {
        let mut events = self.program.events();
        events.retain(|event| event.is_of("stats", camera));
        events
    }

    /// What was measured of a camera between two places in the output (`mark`s).
    ///
    /// # Errors
    /// When fewer than two `stats` lie between them.
    pub fn stream(&self, camera: &str, from: usize, to: usize) -> Result<Stream> {
        let events = self.program.events();
        let events = &events[from.min(events.len())..to.min(events.len())];
        let stats: Vec<&Event> = events.iter().filter(|e| e.is_of("stats", camera)).collect();
        let (Some(first), Some(last)) = (stats.first(), stats.last()) else {
            return Err(self.program.failure(&format!("no stats of {camera}")));
        };
        let ms = number(last, "t_ms")? - number(first, "t_ms")?;
        ensure!(ms >= 900.0, self.program.failure("too few stats to measure"));
        let grown = |field: &str| anyhow::Ok(number(last, field)? - number(first, field)?);
        let mut p50s: Vec<f64> =
            stats.iter().filter_map(|event| event["latency_ms"]["p50"].as_f64()).collect();
        p50s.sort_by(f64::total_cmp);
        let lost = events.iter().any(|e| e.is_of("lost", camera) || e.is_of("gone", camera));
        Ok(Stream {
            fps: grown("frames_decoded")? * 1000.0 / ms,
            freezes: grown("freezes")?,
            latency_p50_ms: p50s.get(p50s.len() / 2).copied(),
            lost,
        })
    }

    /// The longest freeze of a camera between two places in the output (`mark`s), ms, at most: those of
    /// one second are told together. Nothing where there was none.
    ///
    /// # Errors
    /// When fewer than two `stats` lie between them.
    pub fn longest_freeze_ms(&self, camera: &str, from: usize, to: usize) -> Result<f64> {
        let events = self.program.events();
        let (before, events) = events[..to.min(events.len())].split_at(from.min(events.len()));
        let is_stats = |event: &&Event| event.is_of("stats", camera);
        // What had frozen before counts for nothing.
        let first = before.iter().rfind(is_stats);
        let stats = first.into_iter().chain(events.iter().filter(is_stats));
        let frozen = stats.map(|e| number(e, "frozen_ms")).collect::<Result<Vec<_>>>()?;
        ensure!(frozen.len() > 1, self.program.failure("too few stats to measure"));
        Ok(frozen.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max))
    }

    /// Watches a camera for so many seconds from now on.
    ///
    /// # Errors
    /// As [`Watch::stream`].
    pub fn measure(&self, camera: &str, seconds: u64) -> Result<Stream> {
        let from = self.program.mark();
        std::thread::sleep(Duration::from_secs(seconds));
        self.stream(camera, from, self.program.mark())
    }
}

fn number(event: &Value, field: &str) -> Result<f64> {
    event[field].as_f64().with_context(|| format!("`stats` without a number in `{field}`"))
}

/// One camera's stream over a stretch of time.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    /// Pictures decoded a second.
    pub fps: f64,
    /// Freezes, as the contract defines them.
    pub freezes: f64,
    /// Median over the seconds of the median age of the pictures, ms; `None` when unmeasured.
    pub latency_p50_ms: Option<f64>,
    /// Whether the session or the camera went away meanwhile.
    pub lost: bool,
}

impl Stream {
    /// Fails unless the picture ran at 30 frames a second without a freeze or a break (a busy
    /// machine may slow it and freeze it twice).
    ///
    /// # Errors
    /// When it did not.
    pub fn runs_smoothly(&self, name: &str) -> Result<()> {
        ensure!(!self.lost, "{name}: the session broke");
        at_least(&format!("{name}_fps"), self.fps, "fps", 29.5, 15.0)?;
        figure::report(&format!("{name}_freezes"), self.freezes, "freezes", "at most 0");
        let allowed = if figure::strict() { 0.0 } else { 2.0 };
        ensure!(self.freezes <= allowed, "{name}: {} freezes", self.freezes);
        Ok(())
    }

    /// Fails unless the latency read from the picture is at most `target` ms.
    ///
    /// # Errors
    /// When it is larger, or was never measured.
    pub fn latency_at_most(&self, name: &str, target: f64) -> Result<()> {
        let p50 = self.latency_p50_ms.with_context(|| format!("{name}: no latency measured"))?;
        at_most(&format!("{name}_latency_p50"), p50, "ms", target)
    }
}
