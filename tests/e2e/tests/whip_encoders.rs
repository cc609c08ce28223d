//! Encoders of other makers publish by WHIP: each becomes a camera like any other.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lanlens_e2e::phone_house::{House, relayed};
use lanlens_e2e::whip_gstreamer::WhipClient;
use lanlens_e2e::{START_LIMIT, Watch, WatchApp};
use lanlens_testkit::figure::{at_least, report};
use lanlens_testkit::{Event, Program, Signal, skip};

/// Until a stack of other makers is up and has agreed with us.
const LIMIT: Duration = Duration::from_secs(30);
/// The door for programs of the same machine: simple-whip-client cannot be told of our root.
const DOOR: &str = "127.0.0.1:17600";

/// Waits for the first picture of the camera that an encoder became, and sees that it goes on.
fn lives(watch: &Watch, name: &str, program: &Program) -> Result<String> {
    let camera =
        relayed(watch, name).map_err(|error| error.context(program.failure("publishes")))?;
    watch.wait_first_frame(&camera).map_err(|error| error.context(program.failure("publishes")))?;
    Ok(camera)
}

fn runs(watch: &Watch, camera: &str, name: &str) -> Result<()> {
    std::thread::sleep(Duration::from_secs(2));
    let stream = watch.measure(camera, 5)?;
    ensure!(!stream.lost, "{name}: the session broke");
    at_least(&format!("{name}_fps"), stream.fps, "fps", 28.0, 15.0)
}

#[test]
fn simple_whip_client_publishes_and_is_the_same_camera_after_a_restart() -> Result<()> {
    let Some(house) = House::with_args(&["--whip-http", DOOR])? else { return Ok(()) };
    let Some(whip_client) = WhipClient::installed(&house.desk)? else {
        return skip("needs whip-client (package simple-whip-client)");
    };
    let (url, token) = (format!("http://{DOOR}/whip"), house.encoder("Encoder")?);
    let start = || whip_client.publish(&house.desk, &url, &token).start();
    let mut client = start()?;
    let watch = WatchApp::plain(&house.sofa).args(&["Encoder"]).start()?;
    let camera = lives(&watch, "Encoder", &client)?;
    runs(&watch, &camera, "simple_whip_client")?;

    // It says goodbye with a DELETE.
    let mark = watch.program.mark();
    client.signal(Signal::INT)?;
    client.wait_exit(LIMIT)?;
    watch.program.wait_from(mark, "its end", LIMIT, |event| event.is_of("gone", &camera))?;
    let mark = watch.program.mark();
    let client = start()?;
    let live = watch.wait_live_from(mark, &camera, LIMIT);
    live.map_err(|error| error.context(client.failure("publishes again")))?;

    // Killed, it takes the place of the session that it left behind.
    let (mark, killed) = (watch.program.mark(), Instant::now());
    drop(client);
    let client = start()?;
    let connected = |line: &Event| line.as_str() == Some("[WHIP] PeerConnection connected");
    client.wait("a connection", LIMIT, connected)?;
    std::thread::sleep(Duration::from_secs(2));
    let away = watch.away_ms(mark, &camera, killed);
    let away = away.map_err(|error| error.context(client.failure("after it was killed")))?;
    report("simple_whip_client_killed_and_back", away, "ms", "none set");
    runs(&watch, &camera, "simple_whip_client_again")?;
    let tiles = watch.tiles();
    let own = tiles.values().filter(|names| names.iter().any(|name| name == "Encoder")).count();
    ensure!(own == 1, "one tile was expected: {tiles:?}");
    Ok(())
}

/// The Python that has aiortc.
fn python() -> Option<PathBuf> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/.venv/bin/python3");
    python.is_file().then_some(python)
}

#[test]
fn aiortc_publishes_with_its_own_encoder_over_https_with_our_root() -> Result<()> {
    let Some(house) = House::new()? else { return Ok(()) };
    let Some(python) = python() else {
        return skip("needs aiortc: run `scripts/setup.sh --test`");
    };
    let token = house.encoder("aiortc")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/aiortc_whip.py");
    let url = format!("{}/whip", house.site()?.origin());
    let root = house.server.home.path().join("web-root.crt");
    let launch = house.pocket.launch(python).arg(script).args([&url, &token]).arg(root);
    let mut publisher = launch.title("aiortc").start()?;
    let watch = WatchApp::new(&house.sofa).args(&["aiortc"]).start()?;
    let camera = lives(&watch, "aiortc", &publisher)?;
    runs(&watch, &camera, "aiortc")?;
    let stats = watch.stats(&camera);
    let last = stats.last().context("no stats")?;
    let read = last["latency_ms"]["n"].as_u64() > Some(0);
    watch.program.check(read, "the time in its picture cannot be read")?;

    let mark = watch.program.mark();
    publisher.signal(Signal::TERM)?;
    publisher.wait("its goodbye", START_LIMIT, |event| event.is("ended"))?;
    publisher.wait_exit(LIMIT)?;
    watch.program.wait_from(mark, "its end", LIMIT, |event| event.is_of("gone", &camera))?;
    Ok(())
}
