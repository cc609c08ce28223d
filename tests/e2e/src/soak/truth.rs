//! What a viewer says of its tiles, and whether it can be true.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lanlens_testkit::Event;

use crate::faults::is_not_live;

/// The tiles of one viewer, as its events have told so far.
#[derive(Debug, Default)]
pub struct Truth {
    tiles: BTreeMap<String, Tile>,
    emptiest: Duration,
}

#[derive(Debug)]
struct Tile {
    live: bool,
    /// Since when it is live, or is not.
    since: Instant,
    /// The last count of decoded pictures, and when it was told.
    counted: Option<(u64, Instant)>,
    /// How long it has been live without a new picture, by those counts.
    empty: Duration,
}

impl Truth {
    /// Takes the next event.
    pub fn read(&mut self, event: &Event) {
        let camera = event.text("camera");
        if camera.is_empty() {
            return;
        }
        let tile = self.tiles.entry(camera.to_owned()).or_insert(Tile {
            live: false,
            since: event.at,
            counted: None,
            empty: Duration::ZERO,
        });
        if event.is("live") {
            tile.turn(true, event.at);
        } else if is_not_live(event, camera) {
            tile.turn(false, event.at);
        } else if event.is("stats")
            && let Some(frames) = event["frames_decoded"].as_u64()
        {
            tile.count(frames, event.at);
            self.emptiest = self.emptiest.max(tile.empty);
        }
    }

    /// The viewer was stopped: what it says next covers a time in which it could say nothing.
    pub fn forget_counts(&mut self) {
        self.tiles.values_mut().for_each(|tile| tile.counted = None);
    }

    /// Whether a camera's tile is live.
    pub fn is_live(&self, camera: &str) -> bool {
        self.tiles.get(camera).is_some_and(|tile| tile.live)
    }

    /// When a camera's tile became what it is now.
    pub fn since(&self, camera: &str) -> Option<Instant> {
        self.tiles.get(camera).map(|tile| tile.since)
    }

    /// The longest time that a tile was live all along while no picture was decoded.
    pub fn emptiest(&self) -> Duration {
        self.emptiest
    }
}

impl Tile {
    fn turn(&mut self, live: bool, at: Instant) {
        if self.live != live {
            (self.live, self.since) = (live, at);
        }
    }

    fn count(&mut self, frames: u64, at: Instant) {
        let before = self.counted.replace((frames, at));
        let empty =
            before.filter(|(count, then)| self.live && self.since <= *then && *count == frames);
        self.empty = match empty {
            Some((_, then)) => self.empty + at.saturating_duration_since(then),
            None => Duration::ZERO,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// Reads events of camera "a" that come a second apart.
    fn read(truth: &mut Truth, start: Instant, events: &[(&str, u64)]) {
        for (second, (kind, frames)) in (0..).zip(events) {
            let value: Value = json!({ "event": kind, "camera": "a", "frames_decoded": frames });
            let at = start + Duration::from_secs(second);
            truth.read(&Event { at, value, is_object: true });
        }
    }

    #[test]
    fn a_live_tile_without_new_pictures_is_a_lie() {
        let (mut truth, start) = (Truth::default(), Instant::now());
        let (live, stats) = ("live", "stats");
        read(&mut truth, start, &[(live, 0), (stats, 30), (stats, 60), (stats, 60), (stats, 60)]);
        assert_eq!(truth.emptiest(), Duration::from_secs(2));
    }

    #[test]
    fn a_tile_that_admits_its_stall_does_not_lie() {
        let (mut truth, start) = (Truth::default(), Instant::now());
        let (live, stats) = ("live", "stats");
        let events = [(live, 0), (stats, 30), ("stalled", 0), (stats, 30), (live, 0), (stats, 30)];
        read(&mut truth, start, &events);
        assert!(truth.is_live("a"));
        assert_eq!(truth.since("a"), Some(start + Duration::from_secs(4)));
        assert_eq!(truth.emptiest(), Duration::ZERO);
    }

    #[test]
    fn a_viewer_that_was_stopped_is_not_blamed_for_what_it_could_not_see() {
        let (mut truth, start) = (Truth::default(), Instant::now());
        read(&mut truth, start, &[("live", 0), ("stats", 30)]);
        truth.forget_counts();
        read(&mut truth, start + Duration::from_secs(20), &[("stats", 30)]);
        assert_eq!(truth.emptiest(), Duration::ZERO);
    }
}
