//! The promise of the code: the viewer's own screen is scanned, the warning clicked through, Start tapped,
//! and the phone is a camera like any other, sent once and shared by everyone who watches.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lanlens_e2e::phone::PhoneApp;
use lanlens_e2e::phone_house::{PHONE, encoder, phone_of, web_port};
use lanlens_e2e::trust::trust;
use lanlens_e2e::units::{hashes, received_by_both};
use lanlens_e2e::whip_client::Site;
use lanlens_e2e::whip_offer::Offer;
use lanlens_e2e::{Home, Watch, WatchApp, eventually, program};
use lanlens_testkit::figure::{at_least, report, strict, within};
use lanlens_testkit::{Addresses, Display, Host, Lan, Program, Signal, qr};

/// Until a window with a readable code is up, drawn by software on a busy machine.
const CODE_LIMIT: Duration = Duration::from_secs(40);
/// From the tap on Start to the first picture at a watcher.
const TAP_TARGET: Duration = Duration::from_millis(1500);
const END_LIMIT: Duration = Duration::from_secs(10);

/// A viewer whose window shows the code, and what the code says.
fn viewer_with_code(desk: &Host, display: &Display, home: &Home) -> Result<(Program, String)> {
    let launch = display.show(program(desk, "lanlens-viewer", home)?).arg("--fullscreen");
    let viewer = launch.start()?;
    let mut text = None;
    eventually(CODE_LIMIT, || {
        text = display.screenshot().and_then(|picture| qr::read(&picture)).ok().flatten();
        text.is_some()
    });
    display.screenshot()?.keep("phone_code_in_viewer")?;
    let text = text.with_context(|| viewer.failure("its window shows no code").to_string())?;
    Ok((viewer, text))
}

/// Somebody who watches the phone, let in at the viewer.
fn let_in(host: &Host, home: &Home, hashes: &Path) -> Result<(Watch, String)> {
    let watch = WatchApp::plain(host).hashes(hashes).args(&[PHONE]).start()?;
    let camera = phone_of(&watch)?;
    trust(home.path(), &["allow", &watch.wait_code(&camera)?])?;
    watch.wait_first_frame(&camera)?;
    Ok((watch, camera))
}

#[test]
fn a_scanned_phone_is_live_at_three_watchers_and_sends_one_stream() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (desk, pocket) = (lan.host("desk")?, lan.host("pocket")?);
    let sofas = [lan.host("sofa")?, lan.host("kitchen")?, lan.host("garden")?];
    let (display, home) = (Display::start(1280, 800)?, Home::fresh()?);
    let Some(mut phone) = PhoneApp::new(&pocket).portrait().start()? else { return Ok(()) };
    let (viewer, link) = viewer_with_code(&desk, &display, &home)?;
    let address = format!("https://{}:", desk.ipv4());
    ensure!(link.starts_with(&address) && link.contains("/#"), "the code says {link}");

    let known = let_in_before(&pocket, &desk, &sofas[0], &home)?;
    let folder = tempfile::tempdir()?;
    let files: Vec<PathBuf> = (0..3).map(|n| folder.path().join(n.to_string())).collect();
    let first = WatchApp::plain(&sofas[0]).home(&known).hashes(&files[0]).args(&[PHONE]).start()?;
    let warned = phone.open(&link)?;
    ensure!(warned, "the browser did not warn of the certificate");
    phone.keep("phone_page_opened")?;
    phone.call_it(PHONE)?;
    let tapped = phone.tap_start()?;
    let camera = phone_of(&first)?;
    let frame = first.wait_first_frame(&camera)?;
    let took = frame.at.saturating_duration_since(tapped);
    within("phone_tap_to_first_frame", took, TAP_TARGET)?;
    std::thread::sleep(Duration::from_secs(1));
    first.measure(&camera, 10)?.runs_like_a_phone("phone_one_watcher")?;
    display.screenshot()?.keep("phone_in_viewer")?;
    phone.keep("phone_page_live")?;

    let renewed = code_behind_the_button(&display, &viewer)?;
    ensure!(renewed.starts_with(&address) && renewed != link, "used, and still shown: {renewed}");

    let (second, _) = let_in(&sofas[1], &home, &files[1])?;
    let (third, _) = let_in(&sofas[2], &home, &files[2])?;
    phone.sent()?.one()?;
    let watching = [&first, &second, &third];
    let began = watching.map(|watch| watch.program.mark());
    std::thread::sleep(Duration::from_secs(5));
    for (watch, mark) in watching.into_iter().zip(began) {
        let stream = watch.stream(&camera, mark, watch.program.mark())?;
        ensure!(!stream.lost && stream.fps > 12.0, "with three watchers: {stream:?}");
        report("phone_three_watchers_fps", stream.fps, "fps", "at least 28");
    }
    let sent = phone.sent()?;
    let outgoing = sent.one()?;
    report("phone_outgoing_streams", sent.streams.len() as f64, "streams", "1");
    ensure!(outgoing["state"] == "connected", "{outgoing}");

    // The last to come leaves first, so that what it got lies within what the others got.
    let mut watches = [third, second, first];
    for watch in &mut watches {
        watch.program.end_with(Signal::INT, END_LIMIT)?;
    }
    all_got_the_same(&files)?;
    drop(viewer);
    phone.page_behaved()
}

/// The code of the panel that the window's “Add phone” opens.
fn code_behind_the_button(display: &Display, viewer: &Program) -> Result<String> {
    let picture = display.screenshot()?;
    let is_blue = |x, y| {
        let [r, g, b] = picture.pixel(x, y).map(i32::from);
        (r - 44).abs() < 14 && (g - 102).abs() < 14 && (b - 221).abs() < 14
    };
    // The upper edge of the button, which has no letters on it.
    let (x, y) = (0..60)
        .flat_map(|y| (picture.width / 2..picture.width).map(move |x| (x, y)))
        .find(|(x, y)| (0..40).all(|right| is_blue(x + right, *y)))
        .with_context(|| viewer.failure("no “Add phone” in its window").to_string())?;
    display.click(x + 20, y + 4)?;
    let mut text = None;
    eventually(CODE_LIMIT, || {
        text = display.screenshot().and_then(|picture| qr::read(&picture)).ok().flatten();
        text.is_some()
    });
    display.screenshot()?.keep("phone_code_in_panel")?;
    text.with_context(|| viewer.failure("its panel shows no code").to_string())
}

/// The home of a device that was let in before, at another camera of the same home: an encoder's that
/// never sent a picture.
fn let_in_before(pocket: &Host, desk: &Host, sofa: &Host, home: &Home) -> Result<Home> {
    let address = SocketAddr::new(desk.ipv4().into(), web_port(home.path())?);
    let site = Site::secure(pocket, address, home.path())?;
    let published = site.publish(&encoder(home.path(), "Silent")?, &Offer::common().sdp())?;
    published.is(201)?;
    let mut watch = WatchApp::plain(sofa).args(&["Silent"]).start()?;
    let found = watch.program.wait("the silent camera", END_LIMIT, |event| {
        event.is("discovered") && event.text("name") == "Silent"
    })?;
    let camera = found.text("camera");
    trust(home.path(), &["allow", &watch.wait_code(camera)?])?;
    watch.wait_access_from(0, camera, "granted")?;
    watch.program.signal(Signal::INT)?;
    watch.program.wait_exit(END_LIMIT)?;
    Ok(watch.home)
}

trait LikeAPhone {
    fn runs_like_a_phone(&self, name: &str) -> Result<()>;
}

impl LikeAPhone for lanlens_e2e::Stream {
    fn runs_like_a_phone(&self, name: &str) -> Result<()> {
        ensure!(!self.lost, "{name}: the session broke");
        at_least(&format!("{name}_fps"), self.fps, "fps", 28.0, 14.0)?;
        report(&format!("{name}_freezes"), self.freezes, "freezes", "at most 0");
        let allowed = if strict() { 0.0 } else { 2.0 };
        ensure!(self.freezes <= allowed, "{name}: {} freezes", self.freezes);
        Ok(())
    }
}

fn all_got_the_same(files: &[PathBuf]) -> Result<()> {
    let [all, middle, last] = files else { anyhow::bail!("three files") };
    let (all, middle, last) = (hashes(all)?, hashes(middle)?, hashes(last)?);
    ensure!(last.len() > 60, "the third watcher got {} units", last.len());
    received_by_both(&last, &middle)?;
    received_by_both(&middle, &all)
}
