//! The window shows the truth: four cameras, moving, current, each with its own picture.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lanlens_e2e::{CameraApp, Home, eventually, pattern, program};
use lanlens_testkit::burned::{self, Strip};
use lanlens_testkit::figure::{at_most, report};
use lanlens_testkit::{Addresses, Display, Lan, Picture};

/// From the viewer's start (software rendering on a busy machine) to four pictures.
const FOUR_TILES_LIMIT: Duration = Duration::from_secs(40);
/// A picture older than this is a lie.
const AGE_TARGET_MS: f64 = 500.0;
/// How dark the caption may make the top of the flat block.
const CAPTION_SHADE_MAX: f64 = 0.5;

/// A screenshot with the strips in it and the moment it was taken.
struct Look {
    picture: Picture,
    taken_us: u64,
    strips: Vec<Strip>,
}

fn look(display: &Display) -> Result<Look> {
    let picture = display.screenshot()?;
    let taken_us = burned::now_us();
    let strips = burned::find(&picture, taken_us);
    Ok(Look { picture, taken_us, strips })
}

/// The number of the test picture's colour that the tile under a strip shows.
fn colour(look: &Look, strip: Strip) -> Result<usize> {
    let height = strip.width * 9 / 16;
    // The top of the flat block; the caption's shade begins here and deepens below.
    let (x, y) = (strip.x + strip.width / 12, strip.y + height * 76 / 100);
    let seen = look.picture.mean(x, y, strip.width / 12, height * 2 / 100);
    let number = pattern::shaded_color(seen, CAPTION_SHADE_MAX);
    number.with_context(|| format!("{seen:?} is no colour of the test picture, {strip:?}"))
}

#[test]
fn four_tiles_show_four_cameras_as_they_are_now() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    // Test pictures of one home are sure to have different colours.
    let (home, host) = (Home::fresh()?, lan.host("rooms")?);
    let names = ["Kitchen", "거실", "Garden", "子供部屋"];
    let start = |name: &&str| CameraApp::new(&host, name).home(&home).open().start();
    let _cameras = names.iter().map(start).collect::<Result<Vec<_>>>()?;

    let display = Display::start(1280, 800)?;
    let desk = Home::fresh()?;
    let started = Instant::now();
    let viewer = display
        .show(program(&lan.host("desk")?, "lanlens-viewer", &desk)?)
        .arg("--fullscreen")
        .start()?;
    let four = || look(&display).is_ok_and(|look| look.strips.len() == 4);
    let all = eventually(FOUR_TILES_LIMIT, four);
    let took = started.elapsed().as_secs_f64() * 1000.0;
    display.screenshot()?.keep("viewer_four_tiles")?;
    viewer.check(all, "four tiles with readable times")?;
    report("viewer_window_four_tiles", took, "ms", "none set");

    std::thread::sleep(Duration::from_secs(2));
    let first = look(&display)?;
    std::thread::sleep(Duration::from_secs(1));
    let second = look(&display)?;
    second.picture.keep("viewer_four_tiles_later")?;
    for (before, after) in first.strips.iter().zip(&second.strips) {
        let advanced_us = after.time_us.saturating_sub(before.time_us);
        ensure!(advanced_us > 500_000, "the picture stood still: {before:?} {after:?}");
    }
    let mut times = BTreeSet::new();
    let mut colours = Vec::new();
    for look in [&first, &second] {
        ensure!(look.strips.len() == 4, "{} of four tiles are readable", look.strips.len());
        for strip in &look.strips {
            let age = look.taken_us.saturating_sub(strip.time_us) as f64 / 1000.0;
            at_most("viewer_picture_age", age, "ms", AGE_TARGET_MS)?;
            times.insert(strip.time_us);
            colours.push(colour(look, *strip)?);
        }
    }
    // No two cameras take a picture in the same microsecond.
    assert_eq!(times.len(), 8, "each tile shows its own camera");
    assert_eq!(colours[..4], colours[4..], "each camera keeps its tile");
    let distinct: BTreeSet<usize> = colours[..4].iter().copied().collect();
    assert_eq!(distinct.len(), 4, "four cameras, four colours: {colours:?}");
    Ok(())
}
