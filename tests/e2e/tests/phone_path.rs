//! The way of a phone's pictures through the node: how old they are when a native viewer has decoded them,
//! beside what two browsers need between themselves, and what 5 % of lost packets do.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lanlens_e2e::phone::{Lens, Phone, PhoneApp};
use lanlens_e2e::phone_house::{House, PHONE, phone_of};
use lanlens_e2e::{Watch, WatchApp, eventually};
use lanlens_testkit::Traffic;
use lanlens_testkit::figure::{at_least, at_most, report};
use serde_json::Value;

/// What the phone's leg and the forwarding may add up to, camera to decoded picture.
const LATENCY_TARGET_MS: f64 = 40.0;
/// Of what two browsers need between themselves.
const RATIO_TARGET: f64 = 1.3;
const FREEZE_TARGET_MS: f64 = 300.0;
/// How long each side is measured.
const MEASURED: Duration = Duration::from_secs(12);
/// Until a browser's pictures have settled.
const SETTLE: Duration = Duration::from_secs(5);
const PICTURE: Lens = Lens::Canvas(640, 360);
/// Names ending in .local in place of addresses would have to be resolved by mDNS first.
const PLAIN_ADDRESSES: &str = "--disable-features=WebRtcHideLocalIpsWithMdns";

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The median age of pictures that one browser sends to another, as they leave its decoder, ms.
fn between_browsers(house: &House) -> Result<Option<f64>> {
    let browser = |host| PhoneApp::new(host).arg(PLAIN_ADDRESSES).start();
    let (Some(mut sender), Some(mut receiver)) = (browser(&house.pocket)?, browser(&house.sofa)?)
    else {
        return Ok(None);
    };
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench/peers/peer.html");
    let page = format!("file://{}", page.canonicalize()?.display());
    sender.open(&page)?;
    receiver.open(&page)?;
    sender.evaluate("openCanvas(640, 360)")?;
    let offers = sender.evaluate("offers(1)")?;
    let answers = receiver.evaluate(&format!("answers({offers})"))?;
    sender.evaluate(&format!("accept({answers}, 2500000)"))?;
    let flows = |receiver: &mut Phone| -> Result<bool> {
        Ok(receiver.evaluate("received()")?[0]["frames"].as_u64() > Some(0))
    };
    let begun = eventually(Duration::from_secs(20), || flows(&mut receiver).unwrap_or(false));
    ensure!(begun, "no picture between the browsers");
    receiver.evaluate("show()")?;
    std::thread::sleep(SETTLE);
    let ages = receiver.evaluate(&format!("ages({})", MEASURED.as_millis()))?;
    let numbers = ages["decoded"].as_array().into_iter().flatten().filter_map(Value::as_f64);
    median(numbers.collect()).context("no age was read").map(Some)
}

#[test]
fn a_phones_picture_is_as_young_at_a_native_viewer_as_between_two_browsers() -> Result<()> {
    let Some(house) = House::new()? else { return Ok(()) };
    let Some(theirs) = between_browsers(&house)? else { return Ok(()) };
    report("chromium_to_chromium_latency_p50", theirs, "ms", "none set");
    let app = PhoneApp::new(&house.pocket).lens(PICTURE);
    let Some(mut phone) = app.start()? else { return Ok(()) };
    phone.open(&house.link()?)?;
    phone.call_it(PHONE)?;
    phone.tap_start()?;
    let watch = WatchApp::new(&house.sofa).args(&[PHONE]).start()?;
    let camera = phone_of(&watch)?;
    watch.wait_first_frame(&camera)?;
    std::thread::sleep(SETTLE);
    let stream = watch.measure(&camera, MEASURED.as_secs())?;
    ensure!(!stream.lost, watch.program.failure("the session broke"));
    let ours = stream.latency_p50_ms.context("no latency was read off the picture")?;
    let held = at_most("phone_to_viewer_latency_p50", ours, "ms", LATENCY_TARGET_MS);
    let ratio = at_most("phone_to_viewer_latency_ratio", ours / theirs, "x", RATIO_TARGET);
    held.and(ratio).map_err(|error| error.context(watch.program.failure("its latency")))?;

    // The capture time that travels with a picture is the one that is burned into it.
    let errors = watch.stats(&camera);
    let error = errors.iter().filter_map(|event| event["capture_error_ms"]["p50"].as_f64());
    if let Some(error) = median(error.collect()) {
        report("phone_capture_time_error_p50", error, "ms", "none set");
    }
    phone.page_behaved()
}

#[test]
fn a_small_picture_is_made_by_the_node_while_somebody_wants_it_and_the_phone_sends_one()
-> Result<()> {
    let Some(house) = House::new()? else { return Ok(()) };
    let Some((mut phone, high, camera)) = house.live(PhoneApp::new(&house.pocket).lens(PICTURE))?
    else {
        return Ok(());
    };
    let low = WatchApp::new(&house.sofa).args(&[PHONE, "--layer", "low"]).start()?;
    let first = low.wait_first_frame(&camera)?;
    low.program.check(first["width"] == 320 && first["height"] == 180, "low is a quarter")?;
    let (from, low_from) = (high.program.mark(), low.program.mark());
    std::thread::sleep(Duration::from_secs(5));
    let small = low.stream(&camera, low_from, low.program.mark())?;
    ensure!(!small.lost && small.fps > 10.0, low.program.failure(&format!("{small:?}")));
    report("phone_low_fps", small.fps, "fps", "at least 14");
    if let Some(age) = small.latency_p50_ms {
        report("phone_low_latency_p50", age, "ms", "none set");
    }
    let large = high.stream(&camera, from, high.program.mark())?;
    ensure!(!large.lost && large.fps > 15.0, high.program.failure(&format!("{large:?}")));
    let sent = phone.sent()?;
    let (width, height) = (&sent.one()?["width"], &sent.one()?["height"]);
    ensure!(width == 640 && height == 360, "the phone sends {width}×{height}");
    Ok(())
}

fn flows_without_a_freeze(watch: &Watch, camera: &str, mark: usize, name: &str) -> Result<()> {
    let end = watch.program.mark();
    let stream = watch.stream(camera, mark, end)?;
    let longest = watch.longest_freeze_ms(camera, mark, end)?;
    report(&format!("{name}_freezes"), stream.freezes, "freezes", "none set");
    let steady = at_least(&format!("{name}_fps"), stream.fps, "fps", 26.0, 12.0);
    at_most(&format!("{name}_longest_freeze"), longest, "ms", FREEZE_TARGET_MS)?;
    ensure!(!stream.lost, "the session broke");
    steady
}

#[test]
fn five_percent_loss_on_the_phones_leg_freezes_no_viewer() -> Result<()> {
    let Some(house) = House::new()? else { return Ok(()) };
    let app = PhoneApp::new(&house.pocket).lens(PICTURE);
    let Some((mut phone, watch, camera)) = house.live(app)? else { return Ok(()) };
    let other = WatchApp::plain(&house.sofa).args(&[PHONE]).start()?;
    other.wait_first_frame(&camera)?;
    std::thread::sleep(SETTLE);
    house.lan.lose_both_ways(&house.pocket, Traffic::Media, 5)?;
    let marks = [watch.program.mark(), other.program.mark()];
    let mut history = String::new();
    for second in 1..=30 {
        std::thread::sleep(Duration::from_secs(1));
        let sent = phone.sent()?;
        writeln!(history, "{second}: {}", sent.one()?)?;
    }
    for (number, (watch, mark)) in [&watch, &other].into_iter().zip(marks).enumerate() {
        let name = format!("phone_lossy_viewer_{}", number + 1);
        flows_without_a_freeze(watch, &camera, mark, &name).map_err(|error| {
            let all: String =
                watch.stats(&camera).iter().map(|e| format!("{}\n", e.value)).collect();
            error.context(format!("the phone sent\n{history}and the viewer saw\n{all}"))
        })?;
    }
    let sent = phone.sent()?;
    let stream = sent.one()?;
    ensure!(stream["resent"].as_u64() > Some(0), "nothing was repaired: {stream}");
    for count in ["nacks", "resent", "plis", "keyframes"] {
        let number = stream[count].as_f64().unwrap_or(f64::NAN);
        report(&format!("phone_lossy_{count}"), number, "", "none set");
    }
    Ok(())
}
