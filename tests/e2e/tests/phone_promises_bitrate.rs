//! The bitrate of a phone follows its own leg: what its Wi-Fi does not carry it does not send, and when
//! the way is wide again the picture is as good as before.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lanlens_e2e::phone::{Lens, Phone, PhoneApp};
use lanlens_e2e::phone_house::House;
use lanlens_testkit::figure::{report, within};
use serde_json::Value;

/// What the narrow leg carries, kbit/s, in each direction.
const NARROW_KBPS: u32 = 400;
/// From the narrowed leg to a phone that sends less than it carries.
const LOWER_TARGET: Duration = Duration::from_secs(6);
/// From the wide leg to a phone that sends most of what it sent before.
const HIGHER_TARGET: Duration = Duration::from_secs(20);
/// How many times a target is waited for.
const PATIENCE: u32 = 5;
/// Of what was sent before: the encoder's target swings.
const MOST: f64 = 0.75;
/// A browser takes the bits first, and more pictures a second only later.
const SETTLE: Duration = Duration::from_secs(12);
/// A bitrate is measured over this.
const WINDOW: Duration = Duration::from_secs(2);

/// Hard blocks that jump about in a part of the picture: no encoder foretells them, so that a picture
/// costs more bits than the path carries, and on the narrow one becomes a smaller picture.
const RESTLESS: &str = "\
{
  const paint = e2e.paintScene;
  const pattern = document.createElement('canvas');
  Object.assign(pattern, { width: 160, height: 90 });
  const brush = pattern.getContext('2d', { alpha: false });
  for (let at = 0; at < 160 * 90; at += 1) {
    const level = Math.random() * 255;
    brush.fillStyle = `rgb(${level} ${level} ${255 - level})`;
    brush.fillRect(at % 160, Math.floor(at / 160), 1, 1);
  }
  e2e.paintScene = (context, number) => {
    paint(context, number);
    const [x, y] = [Math.floor(Math.random() * 120), Math.floor(Math.random() * 66)];
    context.imageSmoothingEnabled = false;
    context.drawImage(pattern, x, y, 40, 22, 160, 90, 320, 176);
    context.imageSmoothingEnabled = true;
  };
}";

/// What a phone sends, measured over and over.
struct Meter {
    begun: Instant,
    history: String,
}

impl Meter {
    /// kbit/s in the next [`WINDOW`].
    fn kbps(&mut self, phone: &mut Phone) -> Result<f64> {
        let (from, bytes) = (Instant::now(), counted(phone.sent()?.one()?)?);
        std::thread::sleep(WINDOW);
        let sent = phone.sent()?;
        let stream = sent.one()?;
        let grown = counted(stream)? - bytes;
        let kbps = grown * 8.0 / 1000.0 / from.elapsed().as_secs_f64();
        let at = self.begun.elapsed().as_secs();
        writeln!(self.history, "{at} s: {kbps:.0} kbit/s, {stream}")?;
        Ok(kbps)
    }

    /// Until a window's bitrate is as wished; how long after `since` that was known.
    fn until(
        &mut self,
        phone: &mut Phone,
        since: Instant,
        target: Duration,
        wished: impl Fn(f64) -> bool,
    ) -> Result<Duration> {
        loop {
            if wished(self.kbps(phone)?) {
                return Ok(since.elapsed());
            }
            let late = since.elapsed() > target * PATIENCE;
            ensure!(!late, "not within {:?}; it sent\n{}", target * PATIENCE, self.history);
        }
    }
}

fn counted(stream: &Value) -> Result<f64> {
    stream["bytes"].as_f64().context("no count of bytes")
}

/// Makes the phone's leg narrow both ways, as poor Wi-Fi is.
fn narrow(house: &House) -> Result<()> {
    house.lan.narrow(&house.pocket, NARROW_KBPS)?;
    let rate = format!("{NARROW_KBPS}kbit");
    let queue = ["root", "tbf", "rate", &rate, "burst", "5kb", "latency", "200ms"];
    let device = ["tc", "qdisc", "replace", "dev", "eth0"];
    house.pocket.run(&[&device[..], &queue].concat()).map(drop)
}

fn widen(house: &House) -> Result<()> {
    house.lan.widen(&house.pocket)?;
    house.pocket.run(&["tc", "qdisc", "del", "dev", "eth0", "root"]).map(drop)
}

#[test]
fn a_phone_on_a_narrow_leg_sends_less_and_on_a_wide_one_more_again() -> Result<()> {
    let Some(house) = House::new()? else { return Ok(()) };
    let app = PhoneApp::new(&house.pocket).lens(Lens::Canvas(640, 360)).script(RESTLESS);
    let Some((mut phone, watch, camera)) = house.live(app)? else { return Ok(()) };
    let mut meter = Meter { begun: Instant::now(), history: String::new() };
    let limit = f64::from(NARROW_KBPS);
    // An encoder takes some seconds to rise.
    let rises = Duration::from_secs(10);
    meter.until(&mut phone, Instant::now(), rises, |kbps| kbps > 1.5 * limit)?;
    let wide = (meter.kbps(&mut phone)? + meter.kbps(&mut phone)?) / 2.0;
    report("phone_wide_leg_kbps", wide, "kbit/s", "none set");

    narrow(&house)?;
    let took = meter.until(&mut phone, Instant::now(), LOWER_TARGET, |kbps| kbps < limit)?;
    within("phone_narrow_leg_lower", took, LOWER_TARGET)?;
    let mark = watch.program.mark();
    let windows = (0..4).map(|_| meter.kbps(&mut phone)).collect::<Result<Vec<f64>>>()?;
    let narrow = windows.iter().sum::<f64>() / windows.len() as f64;
    report("phone_narrow_leg_kbps", narrow, "kbit/s", &format!("at most {limit}"));
    ensure!(narrow < limit, "more than its leg carries:\n{}", meter.history);
    let stream = watch.stream(&camera, mark, watch.program.mark())?;
    ensure!(!stream.lost, watch.program.failure(&format!("broke:\n{}", meter.history)));
    report("phone_narrow_leg_fps", stream.fps, "fps", "none set");
    ensure!(stream.fps > 2.0, "it stands still:\n{}", meter.history);

    widen(&house)?;
    let enough = |kbps| kbps > wide * MOST;
    let took = meter.until(&mut phone, Instant::now(), HIGHER_TARGET, enough)?;
    within("phone_wide_again_higher", took, HIGHER_TARGET)?;
    std::thread::sleep(SETTLE);
    let stream = watch.measure(&camera, 4)?;
    ensure!(!stream.lost, watch.program.failure("broke when its leg was wide again"));
    report("phone_wide_again_fps", stream.fps, "fps", "none set");
    ensure!(stream.fps > 5.0, "it stands still:\n{}", meter.history);
    phone.page_behaved()
}
