//! How old a picture is when it is decoded: a canvas through two browsers, the test picture through
//! Lanlens, in turns, each with the time burned in.

use std::time::Duration;

use anyhow::Result;
use serde_json::Value;

use super::{Browser, Looks, NO_BROWSER, Pair};
use crate::report::{Figure, Outcome};
use crate::rows::latency::watch_one;
use crate::samples::{median, percentile};
use crate::scene::{NO_LAN, Room};
use crate::settings::Settings;

/// The browsers' ceiling: what our test picture needs, and more.
const BITRATE_KBPS: u32 = 1000;
/// Until a browser's pictures have settled.
const SETTLE: Duration = Duration::from_secs(5);

/// Both columns and their ratios.
pub fn run(settings: Settings) -> Result<Outcome> {
    let Some(room) = Room::new()? else { return Ok(Outcome::Skipped(NO_LAN.to_owned())) };
    if !Browser::is_installed(&room.desk) {
        return Ok(Outcome::Skipped(NO_BROWSER.to_owned()));
    }
    let seconds = settings.seconds(15);
    let (mut decoded, mut presented) = (Vec::new(), Vec::new());
    let mut ours: [Vec<f64>; 2] = Default::default();
    for _ in 0..settings.runs(3) {
        through_browsers(&room, seconds, settings, &mut decoded, &mut presented)?;
        let watched = watch_one(&room, "640x360", &[], seconds)?;
        ours[0].push(watched.p50_ms);
        ours[1].push(watched.p95_ms);
    }
    let shares = [("p50", 0.5, &ours[0]), ("p95", 0.95, &ours[1])];
    let mut figures = Vec::new();
    for (name, share, ours) in shares {
        let (theirs, ours) = (percentile(&decoded, share), median(ours));
        figures.push(Figure::shown(format!("{name}_decoded_ms_chromium"), theirs));
        figures.push(Figure::shown(format!("{name}_decoded_ms_lanlens"), ours));
        figures.push(Figure::at_most(format!("{name}_decoded_ratio"), ours / theirs, 1.0));
        let shown = percentile(&presented, share);
        figures.push(Figure::shown(format!("{name}_presented_ms_chromium"), shown));
    }
    figures.push(Figure::shown("pictures_chromium", decoded.len() as f64));
    Ok(Outcome::Measured(figures, Vec::new()))
}

fn through_browsers(
    room: &Room,
    seconds: u32,
    settings: Settings,
    decoded: &mut Vec<f64>,
    presented: &mut Vec<f64>,
) -> Result<()> {
    let mut pair = Pair::with_canvas(room, Looks::Headless, (640, 360))?;
    pair.connect(1, BITRATE_KBPS)?;
    pair.receiver.evaluate("show()")?;
    std::thread::sleep(if settings.quick { Duration::from_secs(1) } else { SETTLE });
    let time = Duration::from_secs(seconds.into());
    let ages = pair.receiver.evaluate_for(&format!("ages({})", time.as_millis()), time)?;
    let numbers = |of: &Value| -> Vec<f64> {
        of.as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    };
    decoded.extend(numbers(&ages["decoded"]));
    presented.extend(numbers(&ages["presented"]));
    Ok(())
}
