//! What a viewer's screen must show: a reference made of stopwatches and of the events as told.
//!
//! Owns the rule for a stall, written down a second time: no new picture for max(700 ms, 2.5 δ),
//! δ the mean of the last 30 intervals, and at most a second unless most of them are long. A gap that was a stall is no rhythm, unless the gap before
//! it was one too: then the camera is slow. Knows nothing of how the mesh keeps time.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use lanlens_mesh::SessionHandle;
use lanlens_model::{Access, CameraId, Event, TileState};

const STALL_MIN: Duration = Duration::from_millis(700);
/// The bound for cameras of [`QUICK`] pictures or quicker ones, also when a few came late.
const STALL_MAX: Duration = Duration::from_secs(1);
const QUICK: Duration = Duration::from_millis(400);
/// A slower stream is not called live between two pictures.
const SLOWEST: Duration = Duration::from_secs(2);
const WINDOW: usize = 30;

/// The pictures of one viewer's process, and what its program was told.
#[derive(Default)]
pub(crate) struct Screen {
    sessions: BTreeMap<CameraId, Watched>,
    told: BTreeMap<CameraId, Told>,
    /// When each camera was live last.
    pub(crate) last_live: BTreeMap<CameraId, Instant>,
}

struct Watched {
    handle: SessionHandle,
    pictures: Pictures,
}

/// What the truth is about a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    /// New pictures arrive.
    Live,
    /// They did, and do no longer.
    Stalled,
    /// There is no session, or none that has shown anything.
    Dark,
}

/// What the events said last about a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Listed,
    Live,
    Stalled,
    Ended,
    Gone,
}

/// The times of a session's pictures.
#[derive(Default)]
struct Pictures {
    last: Option<Instant>,
    intervals: VecDeque<Duration>,
    /// The last gap was a stall.
    gap: bool,
}

impl Pictures {
    fn bound(&self) -> Duration {
        let count = u32::try_from(self.intervals.len()).unwrap_or(u32::MAX);
        let sum: Duration = self.intervals.iter().sum();
        let wait = sum.checked_div(count).unwrap_or_default().mul_f64(2.5).max(STALL_MIN);
        if self.is_slow() { wait } else { wait.min(STALL_MAX) }
    }

    /// Most of its pictures take longer than those of a camera with 2.5 a second.
    fn is_slow(&self) -> bool {
        let mut sorted: Vec<Duration> = self.intervals.iter().copied().collect();
        sorted.sort_unstable();
        match sorted[..] {
            [] => false,
            [only] => only >= STALL_MIN,
            _ => sorted[(sorted.len() - 1) / 2] > QUICK,
        }
    }

    fn on_picture(&mut self, at: Instant) {
        if let Some(last) = self.last {
            let interval = at - last;
            let is_gap = interval >= self.bound();
            let is_rhythm = !is_gap || (self.gap && interval <= SLOWEST);
            if is_gap && is_rhythm {
                self.intervals.clear();
            }
            if is_rhythm {
                self.intervals.push_back(interval);
            }
            if self.intervals.len() > WINDOW {
                self.intervals.pop_front();
            }
            self.gap = is_gap;
        }
        self.last = Some(at);
    }
}

impl Screen {
    pub(crate) fn on_open(&mut self, camera: CameraId, handle: SessionHandle) {
        self.sessions.insert(camera, Watched { handle, pictures: Pictures::default() });
    }

    pub(crate) fn on_close(&mut self, camera: CameraId, handle: SessionHandle) {
        if self.sessions.get(&camera).is_some_and(|session| session.handle == handle) {
            self.sessions.remove(&camera);
        }
    }

    /// A new picture was decoded.
    pub(crate) fn on_picture(&mut self, camera: CameraId, handle: SessionHandle, at: Instant) {
        let session = self.sessions.get_mut(&camera).filter(|session| session.handle == handle);
        if let Some(session) = session {
            session.pictures.on_picture(at);
            self.last_live.insert(camera, at);
        }
    }

    /// Its tile was hidden or shown: what came before says nothing about what is to come.
    pub(crate) fn on_visibility(&mut self, camera: CameraId) {
        if let Some(session) = self.sessions.get_mut(&camera) {
            session.pictures = Pictures::default();
        }
        self.told.entry(camera).and_modify(|told| {
            if matches!(told, Told::Live | Told::Stalled) {
                *told = Told::Listed;
            }
        });
    }

    pub(crate) fn truth(&self, camera: CameraId, now: Instant) -> Truth {
        let Some(session) = self.sessions.get(&camera) else { return Truth::Dark };
        let Some(last) = session.pictures.last else { return Truth::Dark };
        if now < last + session.pictures.bound() { Truth::Live } else { Truth::Stalled }
    }

    /// How old the newest picture is, unless the camera has proved to be slow.
    pub(crate) fn age(&self, camera: CameraId, now: Instant) -> Option<Duration> {
        let pictures = &self.sessions.get(&camera)?.pictures;
        pictures.last.filter(|_| !pictures.is_slow()).map(|last| now - last)
    }

    pub(crate) fn told(&self, camera: CameraId) -> Option<Told> {
        self.told.get(&camera).copied()
    }

    /// Takes what the program is told; an event that does not fit what was told before is a lie.
    pub(crate) fn on_event(&mut self, event: &Event) -> Result<(), String> {
        let (camera, next) = match event {
            Event::Discovered { camera, .. } => (*camera, Told::Listed),
            Event::Live { camera, .. } => (*camera, Told::Live),
            Event::Stalled { camera, .. } => (*camera, Told::Stalled),
            Event::Lost { camera, .. } => (*camera, Told::Ended),
            Event::Gone { camera, .. } => (*camera, Told::Gone),
            // The picture is taken away, which the verdict itself tells.
            Event::Access { camera, state, .. }
                if !matches!(state, Access::Granted | Access::Unclaimed) =>
            {
                (*camera, Told::Ended)
            }
            _ => return Ok(()),
        };
        let before = self.told(camera);
        let fits = match (before, next) {
            (None | Some(Told::Gone), Told::Listed) => true,
            (None | Some(Told::Gone), _) | (_, Told::Listed) => false,
            (Some(before), Told::Live) => before != Told::Live,
            (Some(before), Told::Stalled) => before == Told::Live,
            (_, Told::Ended | Told::Gone) => true,
        };
        // A tile that the person hid is neither live nor stalled, whatever comes next.
        self.told.insert(camera, next);
        if fits { Ok(()) } else { Err(format!("after {before:?} it tells {event:?}")) }
    }

    /// Whether a tile says what the truth is, and what the events said.
    pub(crate) fn agrees(
        &self,
        camera: CameraId,
        tile: &TileState,
        now: Instant,
    ) -> Result<(), String> {
        let shown = match tile {
            TileState::Live => Truth::Live,
            TileState::Stalled { .. } => Truth::Stalled,
            _ => Truth::Dark,
        };
        let truth = self.truth(camera, now);
        if shown != truth {
            let age = self.age(camera, now);
            return Err(format!(
                "shows {tile:?} where {truth:?} is true, its last picture {age:?} old"
            ));
        }
        let told = self.told(camera);
        let fits = match shown {
            Truth::Live => told == Some(Told::Live),
            Truth::Stalled => told == Some(Told::Stalled),
            Truth::Dark => !matches!(told, Some(Told::Live | Told::Stalled)),
        };
        let gone = (*tile == TileState::Offline) == (told == Some(Told::Gone));
        if fits && gone { Ok(()) } else { Err(format!("shows {tile:?} after telling {told:?}")) }
    }
}
