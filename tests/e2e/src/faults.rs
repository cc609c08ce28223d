//! What every test of a fault asks of a viewer: that the tile says so in time, that the picture comes
//! back in time, and that it is the same tile.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lanlens_testkit::figure::{patience, within};
use lanlens_testkit::{Event, Lan};

use crate::{Camera, CameraApp, Watch, WatchApp, eventually};

/// How soon a tile without new pictures says so.
pub const STALL_TARGET: Duration = Duration::from_secs(1);

/// A camera that is seen by a viewer, each on a host of its own.
#[derive(Debug)]
pub struct Pair {
    /// The camera, open to everyone.
    pub camera: Camera,
    /// The viewer.
    pub watch: Watch,
}

impl Pair {
    /// Starts both and waits until the picture has run for a second.
    ///
    /// # Errors
    /// When one does not start, or no picture comes.
    pub fn start(camera: CameraApp, watch: WatchApp) -> Result<Self> {
        let camera = camera.open().start()?;
        let watch = watch.start()?;
        watch.wait_first_frame(camera.id())?;
        let pair = Self { camera, watch };
        pair.runs(Duration::from_secs(1))?;
        Ok(pair)
    }

    /// On two new hosts of this LAN.
    ///
    /// # Errors
    /// As [`Pair::start`].
    pub fn on(lan: &mut Lan) -> Result<Self> {
        let (kitchen, desk) = (lan.host("kitchen")?, lan.host("desk")?);
        Self::start(CameraApp::new(&kitchen, "Kitchen"), WatchApp::new(&desk))
    }

    /// A place in what the viewer says, to wait from.
    pub fn mark(&self) -> usize {
        self.watch.program.mark()
    }

    /// The tile no longer claims to be live, soon enough after `since`.
    ///
    /// # Errors
    /// When it does so late, or never.
    pub fn stalls(&self, name: &str, mark: usize, since: Instant) -> Result<()> {
        let event = self.watch.wait_not_live_from(mark, self.camera.id())?;
        let took = event.at.saturating_duration_since(since);
        within(&format!("{name}_stalled"), took, STALL_TARGET)
            .map_err(|error| self.watch.program.failure(&error.to_string()))
    }

    /// The viewer says why, since `mark`, in one of these words of `cause`.
    ///
    /// # Errors
    /// When it does not.
    pub fn tells_cause(&self, mark: usize, causes: &[&str]) -> Result<()> {
        let what = format!("a cause of {causes:?}");
        let limit = Duration::from_secs(10);
        let told = self.watch.program.wait_from(mark, &what, limit, |event| {
            event.is_of("cause", self.camera.id()) && causes.contains(&event.text("cause"))
        })?;
        self.watch.program.check(!told.text("text").is_empty(), "a cause without words")
    }

    /// The tile is live again soon enough after `since`, and stays so for two seconds.
    ///
    /// # Errors
    /// When it is late, or goes away again.
    pub fn lives(&self, name: &str, mark: usize, since: Instant, target: Duration) -> Result<()> {
        self.watch.lives_from(mark, self.camera.id(), name, since, target)?;
        self.runs(Duration::from_secs(2))
    }

    /// The picture runs for this long from now on.
    ///
    /// # Errors
    /// When it stops, or is slow even for a busy machine.
    pub fn runs(&self, time: Duration) -> Result<()> {
        let mark = self.mark();
        std::thread::sleep(time);
        self.never_stopped(mark)?;
        let (mark, limit) = (self.mark(), Duration::from_secs(5));
        let stats = self.watch.program.wait_from(mark, "figures of a second", limit, |event| {
            event.is_of("stats", self.camera.id())
        })?;
        let fps = stats["fps"].as_f64().unwrap_or_default();
        self.watch.program.check(fps > 10.0, &format!("only {fps} pictures a second"))
    }

    /// Since `mark` the tile has never been anything but live.
    ///
    /// # Errors
    /// When it has.
    pub fn never_stopped(&self, mark: usize) -> Result<()> {
        let events = self.watch.program.events();
        let stopped = events.iter().skip(mark).find(|event| is_not_live(event, self.camera.id()));
        match stopped {
            None => Ok(()),
            Some(event) => {
                let what = format!("the picture stopped: {}", event.value);
                Err(self.watch.program.failure(&what))
            }
        }
    }

    /// Waits until the tile is live; since when it is, if it was not all the time since `mark`.
    ///
    /// # Errors
    /// When it does not become live.
    pub fn live_since(&self, mark: usize) -> Result<Option<Instant>> {
        let id = self.camera.id();
        let last = || {
            let events = self.watch.program.events_from(mark);
            events.into_iter().rfind(|event| event.is_of("live", id) || is_not_live(event, id))
        };
        let live = || last().is_none_or(|event| event.is("live"));
        let live = eventually(Duration::from_secs(30), live);
        self.watch.program.check(live, "the picture does not come back")?;
        Ok(last().map(|event| event.at))
    }

    /// The viewer has had this one tile all the time, under one name.
    ///
    /// # Errors
    /// When there is another one.
    pub fn is_one_tile(&self) -> Result<()> {
        let tiles = self.watch.tiles();
        let name = self.camera.ready.text("name");
        ensure!(
            tiles.len() == 1 && tiles.get(self.camera.id()).is_some_and(|names| names == &[name]),
            "one tile named “{name}” was expected: {tiles:?}"
        );
        Ok(())
    }
}

/// Whether an event says that a camera's tile is no longer live.
pub fn is_not_live(event: &Event, camera: &str) -> bool {
    ["stalled", "lost", "gone"].iter().any(|kind| event.is_of(kind, camera))
}

impl Watch {
    /// Waits until a camera's tile says that it is not live, from `mark` on.
    ///
    /// # Errors
    /// When it goes on to say so.
    pub fn wait_not_live_from(&self, mark: usize, camera: &str) -> Result<Event> {
        let what = format!("the tile of {camera} admits that nothing comes");
        self.program.wait_from(mark, &what, patience(STALL_TARGET), |e| is_not_live(e, camera))
    }

    /// A camera is live, from `mark` on, soon enough after `since`.
    ///
    /// # Errors
    /// When it is late, or does not become live.
    pub fn lives_from(
        &self,
        mark: usize,
        camera: &str,
        name: &str,
        since: Instant,
        target: Duration,
    ) -> Result<()> {
        let live =
            self.wait_live_from(mark, camera, patience(target).max(Duration::from_secs(30)))?;
        within(&format!("{name}_live"), live.at.saturating_duration_since(since), target)
            .map_err(|error| self.program.failure(&error.to_string()))
    }

    /// How long a camera's picture was away because of what happened at `since`, after `mark`, ms. It may
    /// have been back before the tile said anything: then the picture only froze.
    ///
    /// # Errors
    /// When it has not come back.
    pub fn away_ms(&self, mark: usize, camera: &str, since: Instant) -> Result<f64> {
        let events = self.program.events_from(mark);
        let dark = events.iter().rposition(|event| is_not_live(event, camera));
        let live = events.iter().rposition(|event| event.is_of("live", camera));
        match (dark, live) {
            (None, _) => self.longest_freeze_ms(camera, mark, self.program.mark()),
            (Some(dark), Some(live)) if live > dark => {
                Ok(events[live].at.saturating_duration_since(since).as_secs_f64() * 1000.0)
            }
            _ => Err(self.program.failure("the picture does not come back")),
        }
    }

    /// The tiles that there ever were: camera ids, each with the names that it had.
    pub fn tiles(&self) -> BTreeMap<String, Vec<String>> {
        let mut tiles: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for event in self.program.events().iter().filter(|event| event.is("discovered")) {
            let names = tiles.entry(event.text("camera").to_owned()).or_default();
            let name = event.text("name").to_owned();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        tiles
    }
}
