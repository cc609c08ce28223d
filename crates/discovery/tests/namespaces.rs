//! Machines on one network, each a network namespace: needs root and `ip` (iproute2).
//!
//! The programs in the namespaces are this test program, started again.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lanlens_discovery::{Advert, Discovery, DiscoveryConfig};
use lanlens_model::{DeviceId, Epoch, NodeId, Role};
use lanlens_protocol::{DiscoveryEvent, Txt};

const PROGRAM: &str = "LANLENS_DISCOVERY_TEST_PROGRAM";

/// Not a test of its own: the program in a namespace. Announces on each line of input under the
/// name in it, says goodbye at the end of input, and prints what it hears.
#[test]
fn program_in_a_namespace() {
    let Ok(slot) = std::env::var(PROGRAM) else { return };
    let (sender, mut events) = tokio::sync::mpsc::channel(64);
    let mut discovery = Discovery::start(DiscoveryConfig::default(), sender).unwrap();
    let printer = std::thread::Builder::new().name("printer".into()).spawn(move || {
        while let Some(event) = events.blocking_recv() {
            match event {
                DiscoveryEvent::Resolved { txt, addresses, .. } => {
                    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                    say(&format!("resolved {} {}", txt.name, texts.join(",")));
                }
                DiscoveryEvent::Removed { instance } => say(&format!("removed {instance}")),
            }
        }
    });
    let node = NodeId::new(DeviceId::from_spki(b"machine"), &slot);
    let role = Role::Camera;
    let txt = Txt { node, role, epoch: Epoch(1), camera: None, name: slot, via: None };
    let mut advert = Advert::new(17470, txt);
    say("started");
    for line in std::io::stdin().lines() {
        advert.txt.name = line.unwrap();
        say("announced");
        discovery.advertise(&advert).unwrap();
    }
    discovery.shutdown();
    drop(printer);
    std::process::exit(0);
}

/// One line: when, and what.
fn say(what: &str) {
    println!("\n@ {} {what}", unix_us());
}

fn unix_us() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()
}

/// A program in a namespace, killed when dropped.
struct Program {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<(u128, String)>,
}

impl Program {
    fn start(namespace: &str, slot: &str) -> Self {
        let mut child = Command::new("ip")
            .args(["netns", "exec", namespace])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "program_in_a_namespace", "--nocapture"])
            .env(PROGRAM, slot)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = sync_channel(1000);
        let output = BufReader::new(child.stdout.take().unwrap());
        let input = child.stdin.take();
        std::thread::Builder::new()
            .name("reader".into())
            .spawn(move || {
                for line in output.lines().map_while(Result::ok) {
                    let Some((at, what)) = line.strip_prefix("@ ").and_then(|l| l.split_once(' '))
                    else {
                        continue;
                    };
                    if sender.send((at.parse().unwrap(), what.to_owned())).is_err() {
                        return;
                    }
                }
            })
            .unwrap();
        let program = Self { child, input, lines };
        program.hears("started");
        program
    }

    /// Announces under `name`; when.
    fn announce(&mut self, name: &str) -> u128 {
        writeln!(self.input.as_mut().unwrap(), "{name}").unwrap();
        self.hears("announced").0
    }

    /// The next line that contains `what`, within 10 s.
    fn hears(&self, what: &str) -> (u128, String) {
        self.hears_within(what, Duration::from_secs(10)).unwrap_or_else(|| panic!("no {what:?}"))
    }

    fn hears_within(&self, what: &str, patience: Duration) -> Option<(u128, String)> {
        let deadline = Instant::now() + patience;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if line.1.contains(what) => return Some(line),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => panic!("the program ended"),
            }
        }
    }

    /// Every line until then.
    fn lines_until(&self, end: Instant) -> Vec<String> {
        let left = || end.saturating_duration_since(Instant::now());
        std::iter::from_fn(|| self.hears_within("", left())).map(|(_, line)| line).collect()
    }

    /// Closes its input and waits for its end; how long that took.
    fn leave(mut self) -> Duration {
        let start = Instant::now();
        self.input = None;
        assert!(self.child.wait().unwrap().success());
        start.elapsed()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Two machines joined by a cable, removed when dropped.
struct Network {
    a: String,
    b: String,
}

impl Network {
    /// `None` (with the reason printed) where that cannot be done.
    fn new(tag: &str) -> Option<Self> {
        let name = |side: &str| format!("lanlens-{tag}-{}-{side}", std::process::id());
        let network = Self { a: name("a"), b: name("b") };
        if let Err(reason) = ip(&format!("netns add {}", network.a)) {
            assert!(std::env::var("CI").is_err(), "namespaces are needed: {reason}");
            eprintln!("skipped: needs root and network namespaces: {}", reason.trim());
            return None;
        }
        let (a, b) = (&network.a, &network.b);
        for command in [
            format!("netns add {b}"),
            format!("-n {a} link add eth0 type veth peer name eth0 netns {b}"),
            format!("-n {a} addr add 10.77.0.1/24 dev eth0"),
            format!("-n {b} addr add 10.77.0.2/24 dev eth0"),
            format!("-n {a} link set lo up"),
            format!("-n {b} link set lo up"),
            format!("-n {a} link set eth0 up"),
            format!("-n {b} link set eth0 up"),
        ] {
            ip(&command).unwrap();
        }
        for namespace in [a, b] {
            settle(namespace);
        }
        Some(network)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for namespace in [&self.a, &self.b] {
            let _ = ip(&format!("netns del {namespace}"));
        }
    }
}

/// Waits until the interface runs and its addresses are checked: a fresh one takes a second or two,
/// which is not what is measured here.
fn settle(namespace: &str) {
    for _ in 0..100 {
        let state = ip(&format!("-n {namespace} addr show dev eth0")).unwrap();
        if state.contains("state UP") && !state.contains("tentative") {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the interface does not come up");
}

/// Runs `ip`; what it printed, or its complaint.
fn ip(arguments: &str) -> Result<String, String> {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    let output = output.map_err(|error| format!("ip: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("ip {arguments}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

#[test]
fn a_camera_on_another_machine_is_seen_at_once_and_gone_with_its_goodbye() {
    let Some(network) = Network::new("seen") else { return };
    let viewer = Program::start(&network.a, "viewer");
    let mut delays_us = Vec::new();
    for n in 0..10 {
        let mut camera = Program::start(&network.b, &format!("camera-{n}"));
        let announced = camera.announce(&format!("Kitchen-{n}"));
        let (resolved, what) = viewer.hears(&format!("resolved Kitchen-{n}"));
        assert!(what.contains("10.77.0.2:17470"), "{what}");
        assert!(!what.contains("127.0.0.1"), "{what}");
        delays_us.push(resolved.saturating_sub(announced));
        let took = camera.leave();
        // 500 ms at most on a machine that has nothing else to do.
        assert!(took < Duration::from_secs(2), "goodbye took {took:?}");
        viewer.hears(&format!("removed camera-{n}-"));
    }
    delays_us.sort_unstable();
    println!("announced to resolved: p50 {} µs, max {} µs", delays_us[5], delays_us[9]);
    // Probing (RFC 6762 section 8.1) alone would take 750 ms.
    assert!(delays_us[9] < 500_000, "{delays_us:?}");
}

#[test]
fn a_viewer_that_comes_later_sees_the_camera_too() {
    let Some(network) = Network::new("late") else { return };
    let mut camera = Program::start(&network.b, "camera");
    camera.announce("Kitchen");
    // A record that was just sent is not sent again within one second (RFC 6762 section 6).
    std::thread::sleep(Duration::from_millis(2500));
    let before = unix_us();
    let viewer = Program::start(&network.a, "viewer");
    let (resolved, _) = viewer.hears("resolved Kitchen");
    println!("started to resolved: {} ms", (resolved - before) / 1000);
}

#[test]
fn programs_of_one_machine_without_a_network_find_each_other() {
    let Some(network) = Network::new("alone") else { return };
    ip(&format!("-n {} link del eth0", network.a)).unwrap();
    let viewer = Program::start(&network.a, "viewer");
    let mut camera = Program::start(&network.a, "camera");
    camera.announce("Kitchen");
    let (_, what) = viewer.hears("resolved Kitchen");
    assert!(what.contains("127.0.0.1:17470"), "{what}");
}

#[test]
fn a_new_address_is_told() {
    let Some(network) = Network::new("dhcp") else { return };
    let viewer = Program::start(&network.a, "viewer");
    let mut camera = Program::start(&network.b, "camera");
    camera.announce("Kitchen");
    viewer.hears("10.77.0.2:17470");
    let start = Instant::now();
    ip(&format!("-n {} addr del 10.77.0.2/24 dev eth0", network.b)).unwrap();
    ip(&format!("-n {} addr add 10.77.0.3/24 dev eth0", network.b)).unwrap();
    viewer.hears("10.77.0.3:17470");
    println!("address changed to told: {} ms", start.elapsed().as_millis());
}

#[test]
fn a_camera_with_nothing_but_a_link_local_address_is_reachable_with_its_scope() {
    let Some(network) = Network::new("scope") else { return };
    for (namespace, address) in [(&network.a, "10.77.0.1/24"), (&network.b, "10.77.0.2/24")] {
        ip(&format!("-n {namespace} addr del {address} dev eth0")).unwrap();
        // Without the wait for duplicate address detection.
        if ip(&format!("-n {namespace} addr add fe80::77/64 dev eth0 nodad")).is_err() {
            eprintln!("skipped: this machine has no IPv6");
            return;
        }
    }
    ip(&format!("-n {} addr del fe80::77/64 dev eth0", network.b)).unwrap();
    ip(&format!("-n {} addr add fe80::78/64 dev eth0 nodad", network.b)).unwrap();
    let viewer = Program::start(&network.a, "viewer");
    let mut camera = Program::start(&network.b, "camera");
    camera.announce("Kitchen");
    let (_, what) = viewer.hears("resolved Kitchen");
    assert!(what.contains("[fe80::78%"), "{what}");
}

#[test]
fn a_home_that_was_copied_to_another_machine_is_heard_there_and_here_and_never_as_an_echo() {
    let Some(network) = Network::new("copy") else { return };
    let viewer = Program::start(&network.a, "viewer");
    let mut here = Program::start(&network.a, "camera");
    let mut there = Program::start(&network.b, "camera");
    here.announce("here");
    there.announce("there");
    let both = [("here", "10.77.0.1:17470"), ("there", "10.77.0.2:17470")];
    let programs = [("here", &here), ("there", &there), ("viewer", &viewer)];
    let expected = [&both[1..], &both[..1], &both[..]];
    let mut lines = [const { Vec::new() }; 3];
    for (((_, program), expected), lines) in programs.iter().zip(expected).zip(&mut lines) {
        // In any order, and an address may be told after the first of them.
        let told = |lines: &[String], (name, address): &(&str, &str)| {
            lines.iter().any(|line| is_of(line, name) && line.contains(address))
        };
        while !expected.iter().all(|expected| told(lines, expected)) {
            lines.push(program.hears("").1);
        }
    }
    // Long enough to withdraw what another said, for which RFC 6762 section 10.2 gives one second.
    let end = Instant::now() + Duration::from_secs(3);
    for (((name, program), expected), lines) in programs.iter().zip(expected).zip(&mut lines) {
        lines.extend(program.lines_until(end));
        let other = lines.iter().find(|line| !expected.iter().any(|(name, _)| is_of(line, name)));
        assert_eq!(other, None, "an echo, or somebody withdrawn, at {name}");
    }
}

/// Whether a line tells of the announcement under this name.
fn is_of(line: &str, name: &str) -> bool {
    line.starts_with(&format!("resolved {name} "))
}
