//! A phone held upright, and turned while it is live: the window shows its picture the right way up, in
//! its own shape.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lanlens_e2e::phone::{Lens, Phone, PhoneApp};
use lanlens_e2e::phone_house::{PHONE, link};
use lanlens_e2e::{Home, eventually, program};
use lanlens_testkit::burned::{self, Strip};
use lanlens_testkit::figure::report;
use lanlens_testkit::{Addresses, Display, Lan, Picture};

/// Until the window shows what was asked for, drawn by software on a busy machine.
const LIMIT: Duration = Duration::from_secs(40);

/// The tile's strip, where the picture below it has this shape and stands upright.
fn upright(picture: &Picture, (width, height): (usize, usize)) -> Option<Strip> {
    let strips = burned::find(picture, burned::now_us());
    strips.into_iter().find(|strip| {
        let tall = strip.width * height / width;
        // The red block is in the picture's lower left corner; the caption's shade may lie over it.
        let seen = |x, y| picture.mean(strip.x + x, strip.y + y, 8, 4).map(u32::from);
        let block = seen(strip.width / 16, tall * 78 / 100);
        let grass = seen(strip.width / 2, tall * 66 / 100);
        let sky = seen(strip.width * 3 / 4, tall * 50 / 100);
        let is_red = block[0] > 2 * block[1].max(8) && block[0] > 2 * block[2].max(8);
        let is_green = grass[1] > grass[0] && grass[1] > grass[2];
        is_red && is_green && sky[2] > sky[0]
    })
}

fn shows(display: &Display, shape: (usize, usize), name: &str) -> Result<Strip> {
    let mut found = None;
    eventually(LIMIT, || {
        found = display.screenshot().ok().and_then(|picture| upright(&picture, shape));
        found.is_some()
    });
    display.screenshot()?.keep(name)?;
    found.with_context(|| format!("{name}: no upright picture of {shape:?}"))
}

fn sends(phone: &mut Phone, width: u32, height: u32) -> Result<()> {
    let sent = phone.sent()?;
    let stream = sent.one()?;
    // The encoder may send a smaller picture, of the same shape.
    let (w, h) = (stream["width"].as_f64(), stream["height"].as_f64());
    let shape = w.zip(h).map(|(w, h)| w / h).context("no size")?;
    let wanted = f64::from(width) / f64::from(height);
    ensure!((shape / wanted - 1.0).abs() < 0.1, "{width}×{height} was expected: {stream}");
    Ok(())
}

#[test]
fn an_upright_phone_is_seen_upright_and_so_is_one_that_is_turned_while_it_is_live() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (desk, pocket) = (lan.host("desk")?, lan.host("pocket")?);
    let (display, home) = (Display::start(1280, 800)?, Home::fresh()?);
    let app = PhoneApp::new(&pocket).portrait().lens(Lens::Canvas(396, 704));
    let Some(mut phone) = app.start()? else { return Ok(()) };
    let viewer =
        display.show(program(&desk, "lanlens-viewer", &home)?).arg("--fullscreen").start()?;
    lanlens_e2e::phone_house::web_port(home.path())?;
    phone.open(&link(home.path(), &desk)?)?;
    phone.call_it(PHONE)?;
    phone.tap_start()?;
    let tall = shows(&display, (396, 704), "phone_upright");
    let tall = tall.map_err(|error| error.context(viewer.failure("upright")))?;
    sends(&mut phone, 396, 704)?;
    phone.keep("phone_page_portrait")?;

    phone.evaluate("e2e.turn()")?;
    let turned = std::time::Instant::now();
    let wide = shows(&display, (704, 396), "phone_turned");
    let wide = wide.map_err(|error| error.context(viewer.failure("turned")))?;
    report("phone_turned_shown", turned.elapsed().as_secs_f64() * 1000.0, "ms", "none set");
    sends(&mut phone, 704, 396)?;
    ensure!(wide.width > tall.width, "the tile kept its shape: {tall:?} {wide:?}");

    phone.evaluate("e2e.turn()")?;
    shows(&display, (396, 704), "phone_turned_back")?;
    sends(&mut phone, 396, 704)?;
    phone.page_behaved()
}
