//! The owner's window: a card asks, a click on it lets the other device in, a click removes it again.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lanlens_e2e::{CameraApp, Home, START_LIMIT, WatchApp, eventually, program};
use lanlens_testkit::figure::{patience, within};
use lanlens_testkit::{Addresses, Display, Lan, Picture};

/// From the click to the other device's picture.
const LET_IN_TARGET: Duration = Duration::from_secs(1);
/// A card takes no press in its first moments; nobody reads it faster.
const READING: Duration = Duration::from_millis(700);

/// The header has a button of the same blue.
const HEADER_HEIGHT: usize = 64;

/// The middle of the Allow button: the largest run of its blue in a row below the header.
fn allow_button(picture: &Picture) -> Option<(usize, usize)> {
    let is_blue = |x, y| {
        let [r, g, b] = picture.pixel(x, y).map(i32::from);
        (r - 44).abs() < 14 && (g - 102).abs() < 14 && (b - 221).abs() < 14
    };
    let rows = (HEADER_HEIGHT..picture.height).step_by(2);
    let best = rows
        .map(|y| {
            let xs: Vec<usize> = (0..picture.width).filter(|x| is_blue(*x, y)).collect();
            (xs.len(), xs.get(xs.len() / 2).copied().unwrap_or(0), y)
        })
        .max()?;
    (best.0 > 80).then_some((best.1, best.2))
}

#[test]
fn a_click_on_allow_in_the_owners_window_lets_a_device_in() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").start()?;
    let (display, desk) = (Display::start(1280, 800)?, Home::fresh()?);
    let viewer = display.show(program(&lan.host("desk")?, "lanlens-viewer", &desk)?).start()?;
    camera.program.wait("the window's claim", START_LIMIT, |event| event.is("claimed"))?;
    viewer.check(allow_button(&display.screenshot()?).is_none(), "nobody asks yet")?;

    let guest = WatchApp::new(&lan.host("guest")?).name("Ben").start()?;
    let code = guest.wait_code(camera.id())?;
    let shown = || display.screenshot().is_ok_and(|picture| allow_button(&picture).is_some());
    viewer.check(eventually(START_LIMIT, shown), "a card with a button appears")?;
    std::thread::sleep(READING);
    let picture = display.screenshot()?;
    picture.keep("viewer_request")?;
    let (x, y) = allow_button(&picture).context("the card went away")?;

    let mark = guest.program.mark();
    let clicked = Instant::now();
    display.click(x, y)?;
    guest.wait_live_from(mark, camera.id(), patience(LET_IN_TARGET))?;
    within("trust_allow_by_click", clicked.elapsed(), LET_IN_TARGET)?;
    let gone = || display.screenshot().is_ok_and(|picture| allow_button(&picture).is_none());
    viewer.check(eventually(START_LIMIT, gone), "the card goes away")?;
    camera.program.wait("who was let in", START_LIMIT, |event| {
        event.is("access_decided") && event.value["allow"] == true
    })?;
    assert_eq!(code.len(), 6, "{code}");
    Ok(())
}
