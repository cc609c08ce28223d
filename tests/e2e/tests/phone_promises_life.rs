//! What a phone's tile says of its phone: that it is locked, that it was removed.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lanlens_e2e::phone::{Lens, Phone, PhoneApp};
use lanlens_e2e::phone_house::{House, PHONE};
use lanlens_e2e::whip_client::Request;
use lanlens_e2e::whip_offer::Offer;
use lanlens_e2e::{Watch, eventually};
use lanlens_testkit::figure::{patience, within};
use lanlens_testkit::{Event, Launch};

/// From `lanlens phone --remove` to the end of the picture.
const REMOVED_TARGET: Duration = Duration::from_secs(2);
/// From the lock to the reason on the tile: a stall is told after a second.
const LOCKED_TARGET: Duration = Duration::from_secs(2);
/// From the unlocked phone to its picture.
const UNLOCKED_TARGET: Duration = Duration::from_secs(2);
/// Longer than connections wait for each other, and less than a silent phone's tile is kept.
const ASLEEP: Duration = Duration::from_secs(35);
/// From the woken phone to its picture: its session may have ended meanwhile.
const WOKEN_TARGET: Duration = Duration::from_secs(4);
/// For what has no target of its own.
const LIMIT: Duration = Duration::from_secs(10);
/// A phone that runs has nothing pending any more.
const SETTLED: Duration = Duration::from_secs(2);

#[test]
fn a_removed_phone_ends_within_two_seconds_and_its_credential_lets_nobody_in() -> Result<()> {
    let Some(house) = House::new()? else { return Ok(()) };
    let Some((mut phone, watch, camera)) = house.live(PhoneApp::new(&house.pocket))? else {
        return Ok(());
    };
    std::thread::sleep(SETTLED);
    let site = house.site()?;
    let kept = phone.evaluate("localStorage.getItem('lanlens.credential')")?;
    let credential = kept.as_str().context("the page keeps no credential")?;
    let me = || site.send(&Request::new("GET", "/api/me").bearer(credential));
    me()?.is(200)?;

    let (mark, asked) = (watch.program.mark(), Instant::now());
    house.remove(PHONE)?;
    let limit = patience(REMOVED_TARGET);
    let gone = watch.program.wait_from(mark, "its end", limit, |e| e.is_of("gone", &camera))?;
    within("phone_removed_gone", gone.at.saturating_duration_since(asked), REMOVED_TARGET)?;
    phone.see("This phone was removed")?;
    let silent = eventually(LIMIT, || phone.sent().is_ok_and(|sent| sent.streams.is_empty()));
    phone.program.check(silent, "the removed phone goes on sending")?;

    let refused = me()?;
    refused.is(401)?;
    refused.refuses("not_authorized")?;
    site.publish(credential, &Offer::common().sdp())?.is(401)?;
    // Nor does it come back by itself, or by being opened again.
    phone.act("reload")?;
    phone.see("Scan the code first")?;
    let back = watch.program.events_from(mark).into_iter().any(|e| e.is_of("live", &camera));
    watch.program.check(!back, "it was seen again")
}

/// What the system does when the screen is locked: the page is hidden, its camera gives nothing.
const LOCK: &str = "\
Object.defineProperty(navigator, 'userAgent', { value: 'Mozilla/5.0 (Linux; Android 15; Pixel 9) \
AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36' });
{
  const paint = e2e.paintScene;
  e2e.paintScene = (...scene) => { if (!document.hidden) paint(...scene); };
}
e2e.lock = (locked) => {
  const define = (name, value) =>
    Object.defineProperty(document, name, { configurable: true, get: () => value });
  define('hidden', locked);
  define('visibilityState', locked ? 'hidden' : 'visible');
  document.dispatchEvent(new Event('visibilitychange'));
};";

/// The processes that run the pages' scripts in a phone's browser.
fn renderers(phone: &Phone) -> Result<Vec<u32>> {
    let (mut family, mut renderers) = (vec![phone.program.pid()], Vec::new());
    while let Some(pid) = family.pop() {
        for task in std::fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
            let children = std::fs::read_to_string(task.path().join("children"))?;
            family.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
        let line = std::fs::read(format!("/proc/{pid}/cmdline"))?;
        if String::from_utf8_lossy(&line).contains("--type=renderer") {
            renderers.push(pid);
        }
    }
    ensure!(!renderers.is_empty(), "the browser runs no page");
    Ok(renderers)
}

/// Stops scripts as systems do soon after a phone is locked, or lets them go on.
fn signal(renderers: &[u32], signal: &str) -> Result<()> {
    for pid in renderers {
        let kill = Launch::here("kill").args([signal, &pid.to_string()]).finish(LIMIT)?;
        kill.check(kill.exit_code() == Some(0), "failed")?;
    }
    Ok(())
}

#[test]
fn a_phone_that_sleeps_while_it_is_locked_keeps_its_tile_with_the_reason_and_comes_back()
-> Result<()> {
    let Some(house) = House::new()? else { return Ok(()) };
    let app = PhoneApp::new(&house.pocket).lens(Lens::Canvas(640, 360)).script(LOCK);
    let Some((mut phone, watch, camera)) = house.live(app)? else { return Ok(()) };
    std::thread::sleep(SETTLED);
    let renderers = renderers(&phone)?;
    let mark = watch.program.mark();
    phone.evaluate("e2e.lock(true)")?;
    is_told(&watch, mark, &camera)?;
    signal(&renderers, "-STOP")?;
    std::thread::sleep(ASLEEP);
    let events = watch.program.events_from(mark);
    let went = events.iter().find(|e| e.is_of("gone", &camera) || e.is_of("live", &camera));
    watch.program.check(went.is_none(), "the sleeping phone's tile went, or claims to be live")?;
    let last = events.iter().rfind(|event| event.is_of("cause", &camera));
    let words = last.map(|event| event.text("text").to_owned()).unwrap_or_default();
    watch.program.check(words.contains("locked"), &format!("at last it says “{words}”"))?;

    let (mark, woken) = (watch.program.mark(), Instant::now());
    signal(&renderers, "-CONT")?;
    phone.evaluate("e2e.lock(false)")?;
    watch.lives_from(mark, &camera, "phone_woken", woken, WOKEN_TARGET)?;
    std::thread::sleep(SETTLED);
    let stream = watch.measure(&camera, 3)?;
    ensure!(!stream.lost && stream.fps > 12.0, watch.program.failure(&format!("{stream:?}")));
    is_one_tile(&watch, &camera)?;
    phone.page_behaved()
}

#[test]
fn a_locked_phones_tile_says_so_in_words_and_is_live_again_when_the_page_is_back() -> Result<()> {
    let Some(house) = House::new()? else { return Ok(()) };
    let app = PhoneApp::new(&house.pocket).lens(Lens::Canvas(640, 360)).script(LOCK);
    let Some((mut phone, watch, camera)) = house.live(app)? else { return Ok(()) };
    std::thread::sleep(SETTLED);
    for round in 1..=2 {
        let (mark, locked) = (watch.program.mark(), Instant::now());
        phone.evaluate("e2e.lock(true)")?;
        let told = is_told(&watch, mark, &camera)?;
        let took = told.at.saturating_duration_since(locked);
        within(&format!("phone_locked_told_{round}"), took, LOCKED_TARGET)?;
        // As long as it lasts, the tile does not claim to be live.
        std::thread::sleep(Duration::from_secs(4));
        let events = watch.program.events_from(mark);
        let stalled = events.iter().position(|event| event.is_of("stalled", &camera));
        let live = events.iter().position(|event| event.is_of("live", &camera));
        watch.program.check(stalled.is_some() && live.is_none(), "a locked phone is live")?;

        let (mark, unlocked) = (watch.program.mark(), Instant::now());
        phone.evaluate("e2e.lock(false)")?;
        let name = format!("phone_unlocked_{round}");
        watch.lives_from(mark, &camera, &name, unlocked, UNLOCKED_TARGET)?;
        std::thread::sleep(SETTLED);
        let stream = watch.measure(&camera, 3)?;
        ensure!(!stream.lost && stream.fps > 12.0, watch.program.failure(&format!("{stream:?}")));
    }
    is_one_tile(&watch, &camera)?;
    phone.sent()?.one()?;
    phone.page_behaved()
}

/// The tile says, after `mark`, that its phone is locked.
fn is_told(watch: &Watch, mark: usize, camera: &str) -> Result<Event> {
    let limit = patience(LOCKED_TARGET);
    let told = watch.program.wait_from(mark, "why there are no pictures", limit, |event| {
        event.is_of("cause", camera) && event.text("cause") == "source"
    })?;
    let words = told.text("text");
    let says_it = words.contains("locked") && words.contains("in the background");
    watch.program.check(says_it, &format!("it says “{words}”"))?;
    Ok(told)
}

fn is_one_tile(watch: &Watch, camera: &str) -> Result<()> {
    let tiles = watch.tiles();
    let phones = tiles.iter().filter(|(_, names)| names.iter().any(|name| name == PHONE));
    let ids: Vec<&str> = phones.map(|(id, _)| id.as_str()).collect();
    ensure!(ids == [camera], "one tile all the time: {tiles:?}");
    Ok(())
}
