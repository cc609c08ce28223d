//! Multicast DNS that lies, with a true camera beside it that is being watched all the time.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use lanlens_e2e::attack::Attack;
use lanlens_e2e::impostor::overheard;
use lanlens_e2e::voice::{LONG, Response, Voice};
use lanlens_e2e::{Camera, CameraApp, Home, Watch, WatchApp, eventually, program};
use lanlens_model::{CameraId, DeviceId, NodeId};
use lanlens_testkit::figure::{at_most, report};
use lanlens_testkit::{Addresses, Event, Host, Lan, Program};

/// Seconds measured under an attack.
const MEASURED: u64 = 6;
/// Cameras that do not exist.
const FORGED: usize = 20_000;
/// Memory that they may cost who watches, MiB.
const GROWTH_MIB_MAX: f64 = 40.0;
/// How soon something heard must show.
const HEARD_LIMIT: Duration = Duration::from_secs(10);

/// A camera, a viewer that watches it, and a host that lies.
struct Scene {
    camera: Camera,
    watch: Watch,
    viewer: Host,
    attacker: Host,
    lan: Lan,
}

impl Scene {
    fn new() -> Result<Option<Self>> {
        let Some(mut lan) = Lan::new(Addresses::Ipv4)? else { return Ok(None) };
        let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").open().start()?;
        let (viewer, attacker) = (lan.host("viewer")?, lan.host("attacker")?);
        let watch = WatchApp::new(&viewer).start()?;
        watch.wait_first_frame(camera.id())?;
        std::thread::sleep(Duration::from_secs(2));
        Ok(Some(Self { camera, watch, viewer, attacker, lan }))
    }

    /// Says these responses for ever, with a pause after each. Counts them.
    fn chorus(&self, responses: Vec<Response>, pause: Duration) -> Result<Attack> {
        let voice = Voice::on(&self.attacker)?;
        let mut next = 0;
        Attack::start(&self.attacker, move || {
            let said = voice.say(&responses[next]);
            next = (next + 1) % responses.len();
            std::thread::sleep(pause);
            u64::from(said)
        })
    }

    /// The picture has run on since `mark`.
    fn undisturbed(&self, name: &str, mark: usize) -> Result<()> {
        let now = self.watch.program.mark();
        self.watch.stream(self.camera.id(), mark, now)?.runs_smoothly(name)
    }

    /// Runs `lanlens list` for two seconds where the viewer is.
    fn list(&self, args: &[&str]) -> Result<Program> {
        let list = program(&self.viewer, "lanlens", &Home::fresh()?)?;
        list.args(["list", "--for", "2"]).args(args).finish(Duration::from_secs(30))
    }
}

/// A camera that nobody has, complete with all its records.
struct Forgery {
    instance: String,
    host: String,
    node: String,
    camera: String,
}

impl Forgery {
    fn new(number: usize) -> Self {
        let device = DeviceId::from_spki(&number.to_be_bytes());
        Self {
            instance: format!("forged-{number:05}"),
            host: format!("forged-{number:05}.local."),
            node: NodeId::new(device, "camera-0").to_string(),
            camera: CameraId::new(device, "pattern-0").to_string(),
        }
    }

    fn response(&self, name: &[u8], address: Ipv4Addr, more: &[(&str, &[u8])]) -> Response {
        let mut txt: Vec<(&str, &[u8])> = vec![
            ("v", b"1"),
            ("node", self.node.as_bytes()),
            ("role", b"camera"),
            ("epoch", b"1"),
            ("cam", self.camera.as_bytes()),
            ("name", name),
        ];
        txt.extend_from_slice(more);
        Response::default()
            .pointer(&self.instance, LONG)
            .service(&self.instance, &self.host, 17470, LONG)
            .text(&self.instance, &txt, LONG)
            .address(&self.host, address, LONG)
    }
}

#[test]
fn records_that_move_the_true_camera_elsewhere_lead_nobody_astray() -> Result<()> {
    let Some(mut scene) = Scene::new()? else { return Ok(()) };
    // It answers as a program of ours would, with a key of its own.
    let trap = CameraApp::new(&scene.lan.host("trap")?, "Trap").open().start()?;
    let IpAddr::V4(there) = trap.address.ip() else { bail!("no IPv4") };
    let heard = overheard(&scene.viewer, scene.camera.id())?;
    let instance = instance_of(&heard.fullname)?;
    let elsewhere = Response::default()
        .service(instance, "elsewhere.local.", trap.address.port(), LONG)
        .address("elsewhere.local.", there, LONG);
    let moved = Response::default().address(&heard.host, there, LONG);
    let mark = scene.watch.program.mark();
    let chorus = scene.chorus(vec![elsewhere, moved], Duration::from_millis(20))?;
    std::thread::sleep(Duration::from_secs(1));

    // Who comes now hears more lies than truth, and the camera dials who looks for it.
    let late = WatchApp::new(&scene.viewer).args(&[scene.camera.id()]).start()?;
    let first = late.wait_first_frame(scene.camera.id())?;
    let waited = first["since_start_ms"].as_f64().context("no time in `first_frame`")?;
    at_most("moved_camera_first_frame", waited, "ms", 1500.0)?;
    std::thread::sleep(Duration::from_secs(MEASURED));
    report("moved_camera_forged", chorus.stop()? as f64, "responses", "any");
    scene.undisturbed("moved_camera", mark)
}

#[test]
fn forged_goodbyes_take_no_camera_away() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let heard = overheard(&scene.viewer, scene.camera.id())?;
    let instance = instance_of(&heard.fullname)?;
    let IpAddr::V4(address) = scene.camera.address.ip() else { bail!("no IPv4") };
    let goodbye = Response::default()
        .pointer(instance, 0)
        .service(instance, &heard.host, heard.port, 0)
        .text(instance, &[], 0)
        .address(&heard.host, address, 0);
    let mark = scene.watch.program.mark();
    let chorus = scene.chorus(vec![goodbye], Duration::from_millis(50))?;
    std::thread::sleep(Duration::from_secs(MEASURED));
    report("goodbyes_forged", chorus.stop()? as f64, "responses", "any");
    scene.undisturbed("goodbyes", mark)
}

#[test]
fn twenty_thousand_forged_cameras_are_not_listed_and_the_true_one_runs_on() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let before = scene.watch.program.usage()?;
    let mark = scene.watch.program.mark();
    let voice = Voice::on(&scene.attacker)?;
    let mut number = 0;
    let flood = Attack::start(&scene.attacker, move || {
        number += 1;
        let address = Ipv4Addr::from_bits(Ipv4Addr::new(10, 78, 0, 0).to_bits() + number);
        let said = voice.say(&Forgery::new(number as usize).response(b"Forged", address, &[]));
        std::thread::sleep(Duration::from_micros(50));
        u64::from(said)
    })?;
    let list = scene.list(&[])?;
    std::thread::sleep(Duration::from_secs(10));
    let said = flood.stop()?;
    report("flood_forged", said as f64, "responses", "any");
    ensure!(said > FORGED as u64, "only {said} cameras were announced");
    scene.undisturbed("flood", mark)?;

    let after = scene.watch.program.usage()?;
    report("flood_watch_cpu", (after.cpu_ms - before.cpu_ms) as f64, "ms", "any");
    never_over("flood_watch_grown", after.rss_mib - before.rss_mib, "MiB", GROWTH_MIB_MAX)?;
    never_over("flood_watch_listed", listed_at_once(&scene.watch) as f64, "cameras", 200.0)?;
    let lines = list.events().len();
    never_over("flood_listed", lines.saturating_sub(1) as f64, "cameras", 200.0)?;
    list.check(list.log().contains("more cameras are announced"), "the rest is not told of")
}

#[test]
fn names_that_deceive_come_out_clean() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let forgeries: [(&str, &str); 4] = [
        ("\u{1b}[2J\u{1b}]0;owned\u{7}Hall\r\nKitchen", "[2J]0;ownedHall Kitchen"),
        ("\u{202E}nehctiK\u{2069}\u{61C}", "nehctiK"),
        ("Kit\u{200B}\u{AD}\u{FEFF}chen\u{E0041}", "Kitchen"),
        ("거실 👨\u{200D}👩\u{200D}👧", "거실 👨\u{200D}👩\u{200D}👧"),
    ];
    let address = scene.attacker.ipv4();
    let numbered: Vec<Forgery> = (0..forgeries.len()).map(Forgery::new).collect();
    let responses = numbered.iter().zip(forgeries);
    let responses = responses.map(|(f, (name, _))| f.response(name.as_bytes(), address, &[]));
    let mark = scene.watch.program.mark();
    let _chorus = scene.chorus(responses.collect(), Duration::from_millis(100))?;
    for (forgery, (_, clean)) in numbered.iter().zip(forgeries) {
        let what = format!("the name {clean:?}");
        scene.watch.program.wait(&what, HEARD_LIMIT, |event| {
            event.is_of("discovered", &forgery.camera) && event.text("name") == clean
        })?;
    }
    // A terminal shows them, so nothing may reach it that it obeys.
    let list = scene.list(&[])?;
    let text: String = list.events().iter().map(|e| e.value.to_string()).collect();
    list.check(text.contains("ownedHall Kitchen"), "the list does not have it")?;
    list.check(!text.contains("\\u001b"), "an escape reaches the terminal")?;
    scene.undisturbed("deceiving_names", mark)
}

#[test]
fn an_announcement_of_ten_kilobytes_is_left_alone() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let before = scene.watch.program.usage()?.rss_mib;
    let filler = vec![b'x'; 240];
    let keys: Vec<String> = (0..41).map(|n| format!("x{n:02}")).collect();
    let large = |number: usize, pairs: usize| {
        let more: Vec<(&str, &[u8])> =
            keys[..pairs].iter().map(|key| (key.as_str(), filler.as_slice())).collect();
        Forgery::new(number).response(b"Large", scene.attacker.ipv4(), &more)
    };
    // Over what RFC 6762 section 17 allows, within it, and within our own limit.
    let responses = vec![large(0, 41), large(1, 30), large(2, 0)];
    ensure!(responses[0].size() > 10_000, "{} bytes are not enough", responses[0].size());
    let mark = scene.watch.program.mark();
    let chorus = scene.chorus(responses, Duration::from_millis(10))?;
    let seen = |number: usize| {
        let id = Forgery::new(number).camera;
        scene.watch.program.events().iter().any(|event: &Event| event.is_of("discovered", &id))
    };
    ensure!(eventually(HEARD_LIMIT, || seen(2)), "the voice is not heard");
    std::thread::sleep(Duration::from_secs(MEASURED));
    report("large_announcements", chorus.stop()? as f64, "responses", "any");
    ensure!(!seen(0) && !seen(1), "a record over the limit is believed");
    let grown = scene.watch.program.usage()?.rss_mib - before;
    never_over("large_announcements_watch_grown", grown, "MiB", GROWTH_MIB_MAX / 5.0)?;
    scene.undisturbed("large_announcements", mark)
}

/// Reports a figure whose limit holds on a busy machine as well.
fn never_over(name: &str, value: f64, unit: &str, limit: f64) -> Result<()> {
    report(name, value, unit, &format!("at most {limit}"));
    ensure!(value <= limit, "{name} is {value:.1} {unit}: at most {limit} is allowed");
    Ok(())
}

/// The most cameras that a viewer has listed at a time.
fn listed_at_once(watch: &Watch) -> usize {
    let (mut listed, mut most) = (BTreeSet::new(), 0);
    for event in watch.program.events() {
        match event.kind() {
            "discovered" => listed.insert(event.text("camera").to_owned()),
            "gone" => listed.remove(event.text("camera")),
            _ => false,
        };
        most = most.max(listed.len());
    }
    most
}

/// The instance's own label.
fn instance_of(fullname: &str) -> Result<&str> {
    fullname.split_once('.').map(|(label, _)| label).context("no dot in an instance's name")
}
