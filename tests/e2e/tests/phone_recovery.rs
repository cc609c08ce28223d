//! A phone's page that is closed, reloaded, cut off or watched by nobody; a node that is restarted. Nobody
//! touches anything else, and the tile stays the same.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use lanlens_e2e::phone::{Phone, PhoneApp};
use lanlens_e2e::phone_house::{House, PHONE, phone_of};
use lanlens_e2e::{CameraApp, START_LIMIT, Watch, WatchApp, eventually};
use lanlens_testkit::figure::{at_most, patience, report, within};
use lanlens_testkit::{Addresses, Event, Signal, Traffic};

const GONE_TARGET: Duration = Duration::from_secs(2);
const RELOAD_TARGET: Duration = Duration::from_secs(2);
const HEALED_TARGET: Duration = Duration::from_secs(2);
const RESUME_TARGET_MS: f64 = 1000.0;
/// A phone that runs has nothing pending any more.
const SETTLED: Duration = Duration::from_secs(2);
/// Until the page knows that nobody watches.
const PAUSE_LIMIT: Duration = Duration::from_secs(10);

struct Scene {
    phone: Phone,
    watch: Watch,
    camera: String,
    house: House,
}

impl Scene {
    fn new() -> Result<Option<Self>> {
        let Some(house) = House::new()? else { return Ok(None) };
        let live = house.live(PhoneApp::new(&house.pocket))?;
        let Some((phone, watch, camera)) = live else { return Ok(None) };
        std::thread::sleep(SETTLED);
        Ok(Some(Self { phone, watch, camera, house }))
    }

    fn mark(&self) -> usize {
        self.watch.program.mark()
    }

    /// The phone has been one tile, under its name, all the time.
    fn is_one_tile(&self) -> Result<()> {
        let tiles = self.watch.tiles();
        let phones = tiles.iter().filter(|(_, names)| names.iter().any(|name| name == PHONE));
        let ids: Vec<&String> = phones.map(|(id, _)| id).collect();
        ensure!(ids == [&self.camera], "one tile of the phone was expected: {tiles:?}");
        Ok(())
    }
}

#[test]
fn a_closed_page_is_gone_within_two_seconds() -> Result<()> {
    let Some(mut scene) = Scene::new()? else { return Ok(()) };
    let (mark, closed) = (scene.mark(), Instant::now());
    scene.phone.act("close")?;
    let gone = scene.watch.program.wait_from(mark, "its end", patience(GONE_TARGET), |event| {
        event.is_of("gone", &scene.camera)
    })?;
    within("phone_closed_gone", gone.at.saturating_duration_since(closed), GONE_TARGET)
}

#[test]
fn a_reloaded_page_is_the_same_tile_and_live_within_two_seconds() -> Result<()> {
    let Some(mut scene) = Scene::new()? else { return Ok(()) };
    let (mark, reloaded) = (scene.mark(), Instant::now());
    scene.phone.act("reload")?;
    let limit = patience(RELOAD_TARGET);
    let sends = eventually(limit, || scene.phone.sent().is_ok_and(|sent| sent.frames() > 0));
    scene.phone.program.check(sends, "the page that was loaded again sends nothing")?;
    std::thread::sleep(SETTLED);
    let took = scene.watch.away_ms(mark, &scene.camera, reloaded)?;
    at_most("phone_reloaded_live", took, "ms", RELOAD_TARGET.as_secs_f64() * 1000.0)?;
    scene.is_one_tile()
}

#[test]
fn a_page_that_crashed_and_is_opened_again_is_the_same_tile() -> Result<()> {
    let Some(mut scene) = Scene::new()? else { return Ok(()) };
    let (mark, crashed) = (scene.mark(), Instant::now());
    scene.phone.act("crash")?;
    let gone = scene.watch.wait_not_live_from(mark, &scene.camera)?;
    let took = gone.at.saturating_duration_since(crashed).as_secs_f64() * 1000.0;
    report("phone_crashed_not_live", took, "ms", "none set");
    let mark = scene.mark();
    scene.phone.act("another")?;
    let page = scene.house.site()?.origin() + "/";
    ensure!(!scene.phone.open(&page)?, "warned a second time");
    scene.phone.try_start()?;
    scene.watch.wait_live_from(mark, &scene.camera, START_LIMIT)?;
    scene.is_one_tile()
}

#[test]
fn a_page_finds_its_node_again_after_that_was_killed_and_started() -> Result<()> {
    let Some(mut scene) = Scene::new()? else { return Ok(()) };
    let home = scene.house.server.home.clone();
    let mark = scene.mark();
    scene.house.server.program.signal(Signal::KILL)?;
    scene.house.server.program.wait_exit(Duration::from_secs(2))?;
    scene.watch.wait_not_live_from(mark, &scene.camera)?;
    let (mark, started) = (scene.mark(), Instant::now());
    scene.house.server = CameraApp::new(&scene.house.desk, "Desk").open().home(&home).start()?;
    let live = scene.watch.wait_live_from(mark, &scene.camera, Duration::from_secs(40))?;
    let took = live.at.saturating_duration_since(started).as_secs_f64() * 1000.0;
    report("phone_node_restarted_live", took, "ms", "none set");
    scene.is_one_tile()
}

#[test]
fn a_phone_without_network_for_five_seconds_is_back_within_two() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let (mark, cut) = (scene.mark(), Instant::now());
    scene.house.lan.cut(&scene.house.pocket, Traffic::All)?;
    scene.watch.wait_not_live_from(mark, &scene.camera)?;
    std::thread::sleep(Duration::from_secs(5).saturating_sub(cut.elapsed()));
    let (mark, healed) = (scene.mark(), Instant::now());
    scene.house.lan.heal(&scene.house.pocket)?;
    let (camera, target) = (scene.camera.as_str(), HEALED_TARGET);
    scene.watch.lives_from(mark, camera, "phone_network_back", healed, target)?;
    scene.is_one_tile()
}

#[test]
fn a_phone_that_left_the_wifi_for_five_seconds_is_back_within_two() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let (mark, left) = (scene.mark(), Instant::now());
    scene.house.pocket.link_down()?;
    scene.watch.wait_not_live_from(mark, &scene.camera)?;
    std::thread::sleep(Duration::from_secs(5).saturating_sub(left.elapsed()));
    let (mark, back) = (scene.mark(), Instant::now());
    scene.house.pocket.link_up()?;
    let (camera, target) = (scene.camera.as_str(), HEALED_TARGET);
    scene.watch.lives_from(mark, camera, "phone_wifi_back", back, target)?;
    scene.is_one_tile()
}

#[test]
fn a_phone_with_a_new_address_goes_on_as_the_same_tile() -> Result<()> {
    let Some(mut scene) = Scene::new()? else { return Ok(()) };
    let mark = scene.mark();
    scene.house.pocket.renumber(99)?;
    // A browser that has a path left, by IPv6 say, goes over to that and nothing stalls; else it begins
    // anew. Either way three seconds of pictures come, when at most one was on its way before.
    let frames = |event: &Event| event["frames_decoded"].as_u64().unwrap_or_default();
    let is_stats = |event: &Event| event.is_of("stats", &scene.camera);
    let watch = &scene.watch.program;
    let first = watch.wait_from(mark, "figures", START_LIMIT, is_stats)?;
    watch.wait_from(mark, "pictures after the move", Duration::from_secs(40), |event| {
        is_stats(event) && frames(event) >= frames(&first) + 90
    })?;
    scene.is_one_tile()
}

#[test]
fn a_phone_joins_where_there_is_no_ipv4() -> Result<()> {
    let Some(house) = House::with_addresses(Addresses::Ipv6)? else { return Ok(()) };
    let Some((mut phone, watch, camera)) = house.live(PhoneApp::new(&house.pocket))? else {
        return Ok(());
    };
    let stream = watch.measure(&camera, 3)?;
    ensure!(!stream.lost && stream.fps > 15.0, watch.program.failure(&format!("{stream:?}")));
    phone.sent()?.one()?;
    phone.page_behaved()
}

#[test]
fn a_phone_that_nobody_watches_encodes_nothing_and_resumes_for_the_first_who_does() -> Result<()> {
    let Some(mut scene) = Scene::new()? else { return Ok(()) };
    let running = scene.phone.sent()?.frames();
    ensure!(running > 0, "nothing was encoded while somebody watched");
    scene.watch.program.end_with(Signal::INT, START_LIMIT)?;
    let ended = Instant::now();
    let mut last = scene.phone.sent()?.frames();
    let paused = loop {
        std::thread::sleep(Duration::from_millis(700));
        let now = scene.phone.sent()?.frames();
        if std::mem::replace(&mut last, now) == now {
            break ended.elapsed();
        }
        ensure!(ended.elapsed() < PAUSE_LIMIT, "encodes for nobody: {now} pictures");
    };
    report("phone_paused", paused.as_secs_f64() * 1000.0, "ms", "none set");
    std::thread::sleep(Duration::from_secs(3));
    ensure!(scene.phone.sent()?.frames() == last, "encodes for nobody after all");

    let watch =
        WatchApp::plain(&scene.house.sofa).home(&scene.watch.home).args(&[PHONE]).start()?;
    let camera = phone_of(&watch)?;
    ensure!(camera == scene.camera, "another camera");
    let first = watch.wait_first_frame(&camera)?;
    let took = first["since_discovered_ms"].as_f64().unwrap_or(f64::NAN);
    at_most("phone_resumed_for_first_viewer", took, "ms", RESUME_TARGET_MS)?;
    ensure!(scene.phone.sent()?.frames() > last, "no picture was encoded");
    scene.phone.page_behaved()
}
