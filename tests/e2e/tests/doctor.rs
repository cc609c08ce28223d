//! `lanlens doctor` names what is wrong with a network, each fault made in a namespace: exactly one
//! check fails, with the right cause and a next step, and on a healthy network none does.

use std::time::Duration;

use anyhow::{Context, Result};
use lanlens_e2e::{Camera, CameraApp, Home, WatchApp, eventually, only_json, program};
use lanlens_testkit::figure::{at_most, report};
use lanlens_testkit::{
    Addresses, Display, Event, Host, Lan, Picture, Program, Signal, Traffic, burned,
};

/// For one examination on a busy machine.
const LIMIT: Duration = Duration::from_secs(40);
/// How many checks there are.
const CHECKS: usize = 14;

/// One examination.
struct Exam {
    program: Program,
    findings: Vec<Event>,
    took: Duration,
}

impl Exam {
    fn of(host: &Host, home: &Home, args: &[&str]) -> Result<Self> {
        let program =
            program(host, "lanlens", home)?.args(["doctor", "--json"]).args(args).finish(LIMIT)?;
        only_json(&program)?;
        let findings = program.events();
        program.check(findings.len() == CHECKS, "one line for each check")?;
        let took = findings.last().map_or(LIMIT, |last| last.at - program.started());
        let exam = Self { program, findings, took };
        let code = if exam.failed().is_empty() { 0 } else { 1 };
        exam.program.check(exam.program.exit_code() == Some(code), "the exit code tells it too")?;
        Ok(exam)
    }

    fn failed(&self) -> Vec<&str> {
        let failed = self.findings.iter().filter(|finding| finding["state"] == "failed");
        failed.map(|finding| finding.text("check")).collect()
    }

    fn finding(&self, check: &str) -> Result<&Event> {
        let found = self.findings.iter().find(|finding| finding["check"] == check);
        found.with_context(|| format!("no finding about {check}"))
    }

    /// Exactly this check failed, and its cause and next step hold these words.
    fn blames(&self, check: &str, cause: &[&str], next: &str) -> Result<()> {
        let failed = self.failed();
        self.program.check(failed == [check], &format!("{failed:?} failed, not {check}"))?;
        let finding = self.finding(check)?;
        let said = finding.text("cause");
        let named = cause.iter().all(|words| said.contains(words));
        self.program.check(named, &format!("{cause:?} are not in “{said}”"))?;
        let step = finding.text("next");
        self.program.check(step.contains(next), &format!("“{next}” is not in “{step}”"))
    }

    fn is(&self, check: &str, state: &str) -> Result<()> {
        let got = self.finding(check)?.text("state").to_owned();
        self.program.check(got == state, &format!("{check} is {got}, not {state}"))
    }
}

/// A kitchen with an open camera, and a desk.
struct Rooms {
    lan: Lan,
    kitchen: Host,
    desk: Host,
    camera: Camera,
}

impl Rooms {
    fn new() -> Result<Option<Self>> {
        let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(None) };
        let (kitchen, desk) = (lan.host("kitchen")?, lan.host("desk")?);
        let camera = CameraApp::new(&kitchen, "Kitchen").open().start()?;
        Ok(Some(Self { lan, kitchen, desk, camera }))
    }

    fn examine(&self, args: &[&str]) -> Result<Exam> {
        Exam::of(&self.desk, &Home::fresh()?, args)
    }
}

/// A firewall's rule at one of its hooks.
fn firewall(host: &Host, hook: &str, rule: &str) -> Result<()> {
    let table = format!(
        "table inet firewall {{ chain rules {{ type filter hook {hook} priority 0; {rule}; }}; }}"
    );
    host.run(&["nft", &table]).map(drop)
}

#[test]
fn on_a_healthy_network_no_check_fails_and_pictures_are_seen() -> Result<()> {
    let Some(rooms) = Rooms::new()? else { return Ok(()) };
    let exam = rooms.examine(&[])?;
    assert_eq!(exam.failed(), [""; 0]);
    for finding in &exam.findings {
        exam.is(finding.text("check"), "ok")?;
    }
    let cause = exam.finding("media")?.text("cause").to_owned();
    assert!(cause.contains("Kitchen"), "{cause}");
    at_most("doctor_healthy", exam.took.as_secs_f64() * 1000.0, "ms", 6000.0)
}

#[test]
fn no_interface_is_named() -> Result<()> {
    let Some(rooms) = Rooms::new()? else { return Ok(()) };
    rooms.desk.link_down()?;
    rooms.examine(&[])?.blames("interfaces", &["no network", "eth0 is down"], "cable")
}

#[test]
fn an_interface_that_does_not_exist_is_named() -> Result<()> {
    let Some(rooms) = Rooms::new()? else { return Ok(()) };
    let exam = rooms.examine(&["--interface", "wlan7"])?;
    exam.blames("interfaces", &["wlan7", "there is eth0"], "--interface")
}

#[test]
fn multicast_that_is_blocked_on_its_way_out_is_named() -> Result<()> {
    let Some(rooms) = Rooms::new()? else { return Ok(()) };
    firewall(&rooms.desk, "output", "udp dport 5353 drop")?;
    let exam = rooms.examine(&[])?;
    exam.blames("multicast_out", &["firewall", "5353", "leaving on eth0"], "5353")
}

#[test]
fn multicast_that_is_blocked_on_its_way_in_is_named() -> Result<()> {
    let Some(rooms) = Rooms::new()? else { return Ok(()) };
    firewall(&rooms.desk, "input", "udp dport 5353 drop")?;
    let exam = rooms.examine(&[])?;
    exam.blames("multicast_in", &["firewall", "5353", "coming in on eth0"], "5353")?;
    exam.is("multicast_out", "ok")
}

#[test]
fn a_tcp_port_that_the_cameras_firewall_drops_is_named() -> Result<()> {
    let Some(rooms) = Rooms::new()? else { return Ok(()) };
    firewall(&rooms.kitchen, "input", "tcp dport 17470-17479 drop")?;
    let exam = rooms.examine(&[])?;
    let words = ["firewall of Kitchen", "drops", "17470"];
    exam.blames("port", &words, "17470:17479/tcp")?;
    exam.is("isolation", "ok")
}

#[test]
fn a_tcp_port_that_the_cameras_firewall_refuses_is_named() -> Result<()> {
    let Some(rooms) = Rooms::new()? else { return Ok(()) };
    for how in ["reject with tcp reset", "reject", "reject with icmpx admin-prohibited"] {
        firewall(&rooms.kitchen, "input", &format!("tcp dport 17470-17479 {how}"))?;
        let exam = rooms.examine(&[])?;
        let words = ["firewall of Kitchen", "refuses", "17470"];
        exam.blames("port", &words, "17470:17479/tcp").context(how)?;
        rooms.kitchen.run(&["nft", "delete table inet firewall"])?;
    }
    Ok(())
}

#[test]
fn media_that_the_cameras_firewall_drops_are_named() -> Result<()> {
    let Some(rooms) = Rooms::new()? else { return Ok(()) };
    firewall(&rooms.kitchen, "input", "udp dport != 5353 drop")?;
    let exam = rooms.examine(&[])?;
    exam.blames("ice", &["UDP", "Kitchen"], "17480:17579/udp")?;
    exam.is("link", "ok")
}

#[test]
fn media_that_this_computers_firewall_stops_are_named() -> Result<()> {
    let Some(rooms) = Rooms::new()? else { return Ok(()) };
    firewall(&rooms.desk, "output", "udp dport 17480-65535 drop")?;
    rooms.examine(&[])?.blames("ice", &["This computer's firewall"], "17480 to 17579")
}

#[test]
fn media_that_the_network_loses_are_named() -> Result<()> {
    let Some(rooms) = Rooms::new()? else { return Ok(()) };
    rooms.lan.cut(&rooms.kitchen, Traffic::Media)?;
    rooms.examine(&[])?.blames("ice", &["UDP", "Kitchen"], "17480:17579/udp")
}

#[test]
fn a_network_that_keeps_devices_apart_is_named() -> Result<()> {
    let Some(mut rooms) = Rooms::new()? else { return Ok(()) };
    let router = rooms.lan.host("router")?;
    let address = router.ipv4().to_string();
    rooms.desk.run(&["ip", "route", "add", "default", "via", &address])?;
    rooms.lan.keep_apart(&rooms.kitchen, &rooms.desk)?;
    rooms.desk.run(&["ip", "neigh", "flush", "all"])?;
    let exam = rooms.examine(&[])?;
    let words = ["keeps devices apart", "Kitchen is heard", "while the router does"];
    exam.blames("isolation", &words, "isolation")?;
    exam.is("others", "ok")?;
    exam.is("port", "unknown")
}

#[test]
fn an_interface_that_leaves_the_camera_out_is_named() -> Result<()> {
    let Some(rooms) = Rooms::new()? else { return Ok(()) };
    rooms.lan.vpn_up(&rooms.desk, "tun0")?;
    assert_eq!(rooms.examine(&[])?.failed(), [""; 0], "a VPN that leaves the network alone");
    let exam = rooms.examine(&["--interface", "tun0"])?;
    exam.blames("route", &["Kitchen is on eth0", "--interface"], "--interface eth0")
}

#[test]
fn a_vpn_that_takes_the_packets_to_the_camera_is_named() -> Result<()> {
    let Some(rooms) = Rooms::new()? else { return Ok(()) };
    rooms.lan.vpn_up(&rooms.desk, "tun0")?;
    let (v4, v6) = (rooms.kitchen.ipv4().to_string(), rooms.kitchen.ipv6().to_string());
    rooms.desk.run(&["ip", "route", "add", &v4, "dev", "tun0"])?;
    rooms.desk.run(&["ip", "-6", "route", "add", &v6, "dev", "tun0"])?;
    let exam = rooms.examine(&[])?;
    exam.blames("route", &["leave by tun0, not by eth0", "VPN"], "Switch the VPN (tun0) off")
}

#[test]
fn a_camera_with_an_address_of_another_network_is_named() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Ipv4)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("kitchen")?, lan.host("desk")?);
    let _camera = CameraApp::new(&kitchen, "Kitchen").open().start()?;
    desk.run(&["ip", "addr", "flush", "dev", "eth0"])?;
    desk.run(&["ip", "addr", "add", "192.168.55.3/24", "dev", "eth0"])?;
    desk.run(&["ip", "route", "add", "224.0.0.0/4", "dev", "eth0"])?;
    let exam = Exam::of(&desk, &Home::fresh()?, &[])?;
    exam.blames("route", &["Kitchen is heard", "on no network of this computer"], "DHCP")
}

#[test]
fn a_network_that_drops_multicast_is_named_once_a_camera_answers() -> Result<()> {
    let Some(rooms) = Rooms::new()? else { return Ok(()) };
    rooms.lan.cut(&rooms.kitchen, Traffic::Multicast)?;
    let nobody = rooms.examine(&[])?;
    nobody.blames("cameras", &["No camera", "no other device"], "same network")?;
    nobody.is("others", "unknown")?;
    let peer = rooms.camera.address.to_string();
    let exam = rooms.examine(&["--peer", &peer])?;
    exam.blames("others", &["Kitchen answers", "drops multicast"], "--peer")?;
    exam.is("media", "ok")
}

#[test]
fn an_address_where_nobody_is_and_a_port_where_nobody_listens_are_told_apart() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Ipv4)? else { return Ok(()) };
    let (desk, other) = (lan.host("desk")?, lan.host("other")?);
    let at = |address: &str| Exam::of(&desk, &Home::fresh()?, &["--peer", address]);
    at("10.77.0.99:17470")?.blames("port", &["No device answers at 10.77.0.99"], "address")?;
    let closed = format!("{}:17470", other.ipv4());
    at(&closed)?.blames("port", &["refuses TCP port 17470"], "lanlens-camera")
}

#[test]
fn the_doctor_claims_no_camera_and_asks_nobody() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("kitchen")?, lan.host("desk")?);
    let camera = CameraApp::new(&kitchen, "Kitchen").start()?;
    let untouched = || {
        let asked = |event: &Event| event.is("claimed") || event.is("access_request");
        let events = camera.program.events();
        camera.program.check(!events.iter().any(asked), "the doctor asked for pictures")
    };
    let exam = Exam::of(&desk, &Home::fresh()?, &[])?;
    assert_eq!(exam.failed(), [""; 0]);
    exam.is("link", "ok")?;
    exam.is("media", "unknown")?;
    untouched()?;
    let watch = WatchApp::plain(&desk).start()?;
    watch.wait_first_frame(camera.id())?;
    let mark = camera.program.mark();
    let stranger = Exam::of(&desk, &Home::fresh()?, &[])?;
    assert_eq!(stranger.failed(), [""; 0]);
    stranger.is("media", "unknown")?;
    let asked = |event: &Event| event.is("access_request");
    camera
        .program
        .check(!camera.program.events_from(mark).iter().any(asked), "a stranger asked")?;
    // The owner's own home may watch, beside its own viewer.
    let owner = Exam::of(&desk, &watch.home, &[])?;
    assert_eq!(owner.failed(), [""; 0]);
    owner.is("media", "ok")
}

#[test]
fn people_get_words_progress_and_the_first_thing_to_do() -> Result<()> {
    let Some(rooms) = Rooms::new()? else { return Ok(()) };
    firewall(&rooms.desk, "input", "udp dport 5353 drop")?;
    let home = Home::fresh()?;
    let said = program(&rooms.desk, "lanlens", &home)?.arg("doctor").finish(LIMIT)?;
    assert_eq!(said.exit_code(), Some(1));
    let lines = said.events();
    let text: Vec<&str> = lines.iter().filter_map(|line| line.as_str()).collect();
    let at = text.iter().position(|line| line.starts_with("FAILED   multicast in"));
    let at = at.with_context(|| format!("{text:#?}"))?;
    assert!(text[at + 1].trim_start().starts_with('→'), "{text:#?}");
    let log = said.log();
    assert!(log.contains("Listening for cameras"), "{log}");
    assert!(log.contains("1 of 14 checks failed. Begin here:"), "{log}");
    let help = program(&rooms.desk, "lanlens", &home)?.args(["doctor", "--help"]).finish(LIMIT)?;
    assert_eq!(help.exit_code(), Some(0));
    let help: String = help.events().iter().filter_map(|l| l.as_str().map(str::to_owned)).collect();
    assert!(help.contains("--peer") && help.contains("Examples"), "{help}");
    Ok(())
}

#[test]
fn a_camera_that_was_seen_before_shows_that_the_network_drops_multicast() -> Result<()> {
    let Some(rooms) = Rooms::new()? else { return Ok(()) };
    let watch = WatchApp::plain(&rooms.desk).seconds(4).start()?;
    watch.wait_first_frame(rooms.camera.id())?;
    let mut watch = watch;
    watch.wait_done(LIMIT)?;
    rooms.lan.cut(&rooms.kitchen, Traffic::Multicast)?;
    let exam = Exam::of(&rooms.desk, &watch.home, &[])?;
    exam.blames("others", &["Kitchen answers", "drops multicast"], "--peer")?;
    exam.is("media", "ok")
}

#[test]
fn a_camera_that_is_remembered_given_and_announced_is_looked_at_once() -> Result<()> {
    let Some(rooms) = Rooms::new()? else { return Ok(()) };
    let mut watch = WatchApp::plain(&rooms.desk).seconds(4).start()?;
    watch.wait_first_frame(rooms.camera.id())?;
    watch.wait_done(LIMIT)?;
    let places = std::fs::read_to_string(watch.home.path().join("places.json"))?;
    assert!(places.contains(rooms.camera.node()), "{places}");
    let mark = rooms.camera.program.mark();
    let address = format!("{}:17470", rooms.kitchen.ipv4());
    let exam = Exam::of(&rooms.desk, &watch.home, &["--peer", &address])?;
    assert_eq!(exam.failed(), [""; 0]);
    exam.is("media", "ok")?;
    let events = rooms.camera.program.events_from(mark);
    let looks = events.iter().filter(|event| event.is("viewer_joined")).count();
    rooms.camera.program.check(looks == 1, &format!("it was watched {looks} times"))
}

#[test]
fn an_examination_that_is_interrupted_says_so() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let desk = lan.host("desk")?;
    let mut doctor = program(&desk, "lanlens", &Home::fresh()?)?.arg("doctor").start()?;
    assert!(eventually(LIMIT, || doctor.log().contains("Listening for cameras")));
    doctor.signal(Signal::INT)?;
    doctor.wait_exit(LIMIT)?;
    doctor.check(doctor.exit_code() == Some(130), "the exit code tells that it was interrupted")?;
    doctor.check(doctor.log().contains("interrupted"), "and so do words")?;
    doctor.check(doctor.events().is_empty(), "half a finding is none")
}

#[test]
fn on_the_cameras_own_computer_nothing_fails() -> Result<()> {
    let Some(rooms) = Rooms::new()? else { return Ok(()) };
    for home in [Home::fresh()?, rooms.camera.home.clone()] {
        let exam = Exam::of(&rooms.kitchen, &home, &[])?;
        exam.program.check(exam.failed().is_empty(), &format!("{:?} failed", exam.failed()))?;
        exam.is("media", "ok")?;
    }
    Ok(())
}

/// The firewall that docs/firewall.md tells users of nftables to have.
fn documented_firewall() -> Result<String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/firewall.md");
    let text = std::fs::read_to_string(page)?;
    let rules = text.split("```nft\n").nth(1).and_then(|rest| rest.split("```").next());
    rules.map(str::to_owned).context("docs/firewall.md has no rules for nft")
}

#[test]
fn with_the_firewall_of_the_documentation_on_both_ends_nothing_fails() -> Result<()> {
    let Some(rooms) = Rooms::new()? else { return Ok(()) };
    let rules = documented_firewall()?;
    for host in [&rooms.kitchen, &rooms.desk] {
        host.run(&["nft", &rules])?;
    }
    let exam = rooms.examine(&[])?;
    exam.program.check(exam.failed().is_empty(), &format!("{:?} failed", exam.failed()))?;
    exam.is("media", "ok")?;
    // And it is strict: without its line for signaling the same camera is not reached.
    rooms.kitchen.run(&["nft", "delete table inet lanlens"])?;
    let line = "        tcp dport 17470-17479 accept\n";
    assert!(rules.contains(line));
    rooms.kitchen.run(&["nft", &rules.replace(line, "")])?;
    rooms.examine(&[])?.blames("port", &["firewall of Kitchen", "drops"], "17470:17479/tcp")
}

/// How many pixels of the window have the colour of its warning sign.
fn warning_pixels(picture: &Picture) -> usize {
    let is_warning = |[r, g, b]: [u8; 3]| r > 230 && (170..210).contains(&g) && b < 70;
    let pixels = (0..800).flat_map(|y| (0..1280).map(move |x| (x, y)));
    pixels.filter(|(x, y)| is_warning(picture.pixel(*x, *y))).count()
}

#[test]
fn the_empty_window_says_why_until_there_is_a_camera() -> Result<()> {
    let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(()) };
    let (kitchen, desk) = (lan.host("kitchen")?, lan.host("desk")?);
    firewall(&desk, "input", "udp dport 5353 drop")?;
    let display = Display::start(1280, 800)?;
    let home = Home::fresh()?;
    let viewer =
        display.show(program(&desk, "lanlens-viewer", &home)?).arg("--fullscreen").start()?;
    display.wait_window()?;
    let shown = || display.screenshot().is_ok_and(|picture| warning_pixels(&picture) > 20);
    let said = eventually(LIMIT, shown);
    let took = viewer.started().elapsed();
    display.screenshot()?.keep("viewer_why_empty")?;
    viewer.check(said, "the window says why it is empty")?;
    report("viewer_says_why_after", took.as_secs_f64() * 1000.0, "ms", "after 5 s");
    viewer.check(took >= Duration::from_secs(3), "nobody is blamed at once")?;

    desk.run(&["nft", "delete table inet firewall"])?;
    let _camera = CameraApp::new(&kitchen, "Kitchen").open().start()?;
    let live = || {
        display.screenshot().is_ok_and(|picture| {
            !burned::find(&picture, burned::now_us()).is_empty() && warning_pixels(&picture) < 20
        })
    };
    viewer.check(eventually(LIMIT, live), "the picture takes the place of the finding")
}
