//! Sockets that mean no good, for as long as they like: the picture runs on, and who is known gets in.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lanlens_e2e::attack::{Attack, chatter, crowd, endless_headers, oversized_first_message};
use lanlens_e2e::peer::Key;
use lanlens_e2e::{Camera, CameraApp, Stream, Watch, WatchApp};
use lanlens_testkit::figure::{at_most, report};
use lanlens_testkit::{Addresses, Host, Lan};

/// Seconds measured without and under each attack.
const MEASURED: u64 = 5;
/// The stream settles for so long before, and the camera gets rid of what was before after.
const SETTLE: Duration = Duration::from_secs(2);
/// Memory that an attack may cost the camera, MiB.
const GROWTH_MIB_MAX: f64 = 6.0;
/// Latency under attack, of that without. Attackers, camera and viewers share one machine here.
const LATENCY_RATIO_MAX: f64 = 1.5;
/// A first record of TLS, as far as it is said.
const HELLO_BYTES: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9];

/// A camera and a viewer that watches it, as the only ones.
struct Scene {
    camera: Camera,
    watch: Watch,
    viewer: Host,
    attackers: Vec<Host>,
    calm: Stream,
    lan: Lan,
}

impl Scene {
    fn new(title: &str) -> Result<Option<Self>> {
        let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(None) };
        let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").open().start()?;
        let viewer = lan.host("viewer")?;
        let watch = WatchApp::new(&viewer).start()?;
        watch.wait_first_frame(camera.id())?;
        std::thread::sleep(SETTLE);
        let calm = watch.measure(camera.id(), MEASURED)?;
        calm.runs_smoothly(&format!("{title}_undisturbed"))?;
        let attackers = vec![lan.host("attacker")?, lan.host("accomplice")?];
        Ok(Some(Self { camera, watch, viewer, attackers, calm, lan }))
    }

    /// Starts `attack` on both hosts, lets a second viewer in meanwhile, and measures.
    fn under<F: FnMut() -> u64 + Send + 'static>(
        &self,
        name: &str,
        attack: impl Fn() -> F,
    ) -> Result<()> {
        let before = self.camera.program.usage()?.rss_mib;
        let attacks = self.attackers.iter().map(|host| Attack::start(host, attack()));
        let attacks: Vec<Attack> = attacks.collect::<Result<_>>()?;
        // All places that strangers can take are taken.
        std::thread::sleep(Duration::from_secs(1));
        let from = self.watch.program.mark();
        let second = WatchApp::new(&self.viewer).start()?;
        let first = second.wait_first_frame(self.camera.id())?;
        let waited = first["since_start_ms"].as_f64().context("no time in `first_frame`")?;
        at_most(&format!("{name}_second_viewer_first_frame"), waited, "ms", 1000.0)?;
        drop(second);
        std::thread::sleep(Duration::from_secs(MEASURED));
        let stream = self.watch.stream(self.camera.id(), from, self.watch.program.mark())?;
        let done = attacks.into_iter().map(Attack::stop).sum::<Result<u64>>()?;
        report(&format!("{name}_done"), done as f64, "times", "any");
        ensure!(done > 0, "{name}: the attack did not take place");

        stream.runs_smoothly(name)?;
        let calm = self.calm.latency_p50_ms.context("no latency without attack")?;
        let under = stream.latency_p50_ms.context("no latency under attack")?;
        at_most(&format!("{name}_latency_ratio"), under / calm, "times", LATENCY_RATIO_MAX)?;
        std::thread::sleep(SETTLE);
        let grown = self.camera.program.usage()?.rss_mib - before;
        at_most(&format!("{name}_camera_grown"), grown, "MiB", GROWTH_MIB_MAX)
    }
}

#[test]
fn a_crowd_at_the_door_disturbs_no_picture_and_keeps_out_nobody_who_is_known() -> Result<()> {
    let Some(scene) = Scene::new("door")? else { return Ok(()) };
    let (to, key) = (scene.camera.address, Arc::new(Key::new()?));
    scene.under("silent_sockets", || crowd(to, 100, &[]))?;
    scene.under("a_byte_a_second", || crowd(to, 100, HELLO_BYTES))?;
    scene.under("endless_headers", || endless_headers(to, Arc::clone(&key)))?;

    // Nothing stays behind: somebody unknown gets in as well.
    let mut lan = scene.lan;
    let guest = WatchApp::new(&lan.host("guest")?).start()?;
    guest.wait_first_frame(scene.camera.id()).map(drop)
}

#[test]
fn messages_too_large_and_too_many_disturb_no_picture_and_no_newcomer() -> Result<()> {
    let Some(scene) = Scene::new("messages")? else { return Ok(()) };
    let (to, key) = (scene.camera.address, Arc::new(Key::new()?));
    scene.under("first_message_over_8_kib", || {
        oversized_first_message(to, Arc::clone(&key), 8 * 1024)
    })?;
    scene.under("first_message_of_4_mib", || {
        oversized_first_message(to, Arc::clone(&key), 4 * 1024 * 1024)
    })?;
    scene.under("ten_thousand_messages_a_second", || chatter(to, 5000))
}
