//! How old a picture is when it is on the screen, read off the screen from outside: our window and a
//! browser's, in turns under one X server, each with one stream that fills it.

use std::time::Duration;

use anyhow::Result;
use lanlens_e2e::{Home, program};
use lanlens_testkit::Display;

use crate::peers::{Browser, Looks, NO_BROWSER, Pair};
use crate::processes::{Cost, Meter};
use crate::report::{Figure, Outcome};
use crate::samples::percentile;
use crate::scene::{NO_LAN, Room};
use crate::screen::{Seen, probe};
use crate::settings::Settings;

/// The screen, pixels: as high as a picture that fills its width.
const SCREEN: (u16, u16) = (1280, 720);
/// The browser's ceiling.
const BITRATE_KBPS: u32 = 1000;
/// A probe that looks less often blurs what it measures.
const LOOKS_PER_S_MIN: f64 = 500.0;

/// All rounds of one window.
#[derive(Debug, Default)]
struct Rounds {
    ages_ms: Vec<f64>,
    /// Of each round.
    shares_ms: Vec<String>,
    looks_per_s: Vec<f64>,
    cpu_ms_per_s: Vec<f64>,
    profile: String,
}

impl Rounds {
    fn add(&mut self, seen: Seen, cost: &Cost) {
        let [p50, p95] = [0.5, 0.95].map(|share| percentile(&seen.ages_ms, share));
        self.shares_ms.push(format!("{p50:.1}/{p95:.1}"));
        self.ages_ms.extend(seen.ages_ms);
        self.looks_per_s.push(seen.looks_per_s);
        self.cpu_ms_per_s.push(cost.cpu_ms_per_s);
        cost.profile.clone_into(&mut self.profile);
    }

    fn note(&self, name: &str) -> String {
        let rounds = self.shares_ms.join(", ");
        format!("{name}: p50/p95 of each round {rounds}; threads, ms/s: {}", self.profile)
    }
}

pub(super) fn run(settings: Settings) -> Result<Outcome> {
    let Some(room) = Room::new()? else { return Ok(Outcome::Skipped(NO_LAN.to_owned())) };
    let display = Display::start(SCREEN.0, SCREEN.1)?;
    let browser = Browser::is_installed(&room.desk);
    let (mut ours, mut theirs) = (Rounds::default(), Rounds::default());
    // Often rather than long: each start falls elsewhere between two pictures of the source and of the
    // screen, and stays there.
    for _ in 0..settings.runs(6) {
        our_window(&room, &display, settings, &mut ours)?;
        if browser {
            browser_window(&room, &display, settings, &mut theirs)?;
        }
    }
    let [p50, p95] = [0.5, 0.95].map(|share| percentile(&ours.ages_ms, share));
    let mut figures = vec![
        Figure::at_most("p50_ms_lanlens", p50, 16.0),
        Figure::at_most("p95_ms_lanlens", p95, 30.0),
        Figure::at_least("looks_per_second", percentile(&ours.looks_per_s, 0.0), LOOKS_PER_S_MIN),
        Figure::shown("cpu_ms_per_second_lanlens", percentile(&ours.cpu_ms_per_s, 0.5)),
        Figure::shown("pictures_lanlens", ours.ages_ms.len() as f64),
    ];
    let mut notes = vec![ours.note("lanlens-viewer")];
    if browser {
        let [their_p50, their_p95] = [0.5, 0.95].map(|share| percentile(&theirs.ages_ms, share));
        figures.extend([
            Figure::shown("p50_ms_chromium", their_p50),
            Figure::shown("p95_ms_chromium", their_p95),
            Figure::at_most("p50_ratio", p50 / their_p50, 0.6),
            Figure::at_most("p95_ratio", p95 / their_p95, 0.6),
            Figure::shown("cpu_ms_per_second_chromium", percentile(&theirs.cpu_ms_per_s, 0.5)),
            Figure::shown("pictures_chromium", theirs.ages_ms.len() as f64),
        ]);
        notes.push(theirs.note("Chromium"));
    } else {
        notes.push(format!("without the other column: {NO_BROWSER}"));
    }
    Ok(Outcome::Measured(figures, notes))
}

fn our_window(
    room: &Room,
    display: &Display,
    settings: Settings,
    rounds: &mut Rounds,
) -> Result<()> {
    let home = Home::fresh()?;
    let _camera = room.camera("Kitchen").start()?;
    let viewer = display
        .show(program(&room.desk, "lanlens-viewer", &home)?)
        .args(["--fullscreen", "--only", "Kitchen"])
        .start()?;
    let meter = Meter::of(viewer.pid())?;
    let seen = probe(display, &viewer, settle(settings), settings.time(8))?;
    rounds.add(seen, &meter.read()?);
    Ok(())
}

fn browser_window(
    room: &Room,
    display: &Display,
    settings: Settings,
    rounds: &mut Rounds,
) -> Result<()> {
    let mut pair = Pair::with_canvas(room, Looks::Window(display, SCREEN), (640, 360))?;
    pair.connect(1, BITRATE_KBPS)?;
    pair.receiver.evaluate("show()")?;
    let meter = Meter::of_tree(pair.receiver.pid())?;
    let seen = probe(display, pair.receiver.program(), settle(settings), settings.time(8))?;
    rounds.add(seen, &meter.read()?);
    Ok(())
}

fn settle(settings: Settings) -> Duration {
    settings.settle() + Duration::from_secs(1)
}
