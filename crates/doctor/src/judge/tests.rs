//! What is said of networks that are broken in one way, before any camera.

use lanlens_model::{Check, CheckState, Finding};

use super::{judge, most_telling};
use crate::observations::*;

/// A computer with one cable, whose multicast passes and where one other device speaks.
pub(super) fn healthy() -> Observations {
    Observations {
        system: System { unix_s: 1_800_000_000, cameras: OwnCameras::None, ..System::default() },
        interfaces: vec![interface("eth0", InterfaceKind::Lan, &["10.77.0.3/24"])],
        loops: vec![looped("eth0", Sent::Yes, true)],
        heard: vec![Heard { ip: "10.77.0.2".parse().unwrap(), interface: None }],
        ..Observations::default()
    }
}

pub(super) fn interface(name: &str, kind: InterfaceKind, networks: &[&str]) -> Interface {
    let network = |text: &&str| {
        let (ip, prefix) = text.split_once('/').unwrap();
        Network { ip: ip.parse().unwrap(), prefix: prefix.parse().unwrap() }
    };
    let index = name.bytes().map(u32::from).sum();
    Interface {
        name: name.into(),
        index,
        kind,
        up: true,
        networks: networks.iter().map(network).collect(),
    }
}

pub(super) fn looped(interface: &str, sent: Sent, heard_own: bool) -> Loop {
    Loop { interface: interface.into(), v6: false, sent, heard_own }
}

pub(super) fn find(findings: &[Finding], check: Check) -> &Finding {
    findings.iter().find(|finding| finding.check == check).unwrap()
}

/// The checks that failed.
pub(super) fn failed(seen: &Observations) -> Vec<Check> {
    let failed = judge(seen).into_iter().filter(|f| f.state == CheckState::Failed);
    failed.map(|finding| finding.check).collect()
}

/// Exactly `check` failed; its cause and next step hold these words.
#[track_caller]
pub(super) fn only(seen: &Observations, check: Check, cause: &str, next: &str) {
    let findings = judge(seen);
    assert_eq!(failed(seen), [check], "{findings:#?}");
    let finding = find(&findings, check);
    assert!(finding.cause.contains(cause), "{finding:?}");
    assert!(finding.next.as_ref().is_some_and(|text| text.contains(next)), "{finding:?}");
    assert_eq!(most_telling(&findings), Some(finding));
}

#[test]
fn every_check_is_told_once_and_in_order_whatever_is_seen() {
    for seen in [Observations::default(), healthy()] {
        let checks: Vec<Check> = judge(&seen).iter().map(|finding| finding.check).collect();
        assert_eq!(checks.len(), 14);
        assert!(checks.is_sorted() && checks.windows(2).all(|pair| pair[0] != pair[1]));
    }
}

#[test]
fn every_sentence_is_one_and_what_failed_has_a_next_step() {
    let mut all = judge(&Observations::default());
    all.extend(judge(&healthy()));
    for finding in all {
        assert!(finding.cause.ends_with('.'), "{finding:?}");
        assert!(finding.next.is_some() || finding.state != CheckState::Failed, "{finding:?}");
        assert!(finding.next.is_none_or(|next| next.ends_with('.')));
    }
}

#[test]
fn without_a_network_only_that_is_said() {
    let mut seen = healthy();
    seen.interfaces.clear();
    only(&seen, Check::Interfaces, "no network interface", "cable");
    let mut seen = healthy();
    seen.interfaces[0].networks.clear();
    only(&seen, Check::Interfaces, "eth0 has no address", "Wi-Fi");
    seen.interfaces[0].up = false;
    only(&seen, Check::Interfaces, "eth0 is down or unplugged", "cable");
}

#[test]
fn an_address_that_nobody_gave_is_no_network() {
    let mut seen = healthy();
    seen.interfaces = vec![interface("eth0", InterfaceKind::Lan, &["fe80::1/64"])];
    only(&seen, Check::Interfaces, "only a link-local IPv6 address", "router");
    seen.interfaces = vec![interface("eth0", InterfaceKind::Lan, &["169.254.9.9/16"])];
    only(&seen, Check::Interfaces, "gave itself", "router");
}

#[test]
fn an_interface_that_is_not_there_is_named_with_those_that_are() {
    let seen = Observations { chosen: vec!["wlan7".into()], ..healthy() };
    only(
        &seen,
        Check::Interfaces,
        "no interface wlan7, as --interface asks; there is eth0",
        "Leave",
    );
}

#[test]
fn a_firewall_that_stops_sending_is_told_from_one_that_stops_hearing() {
    let mut seen = Observations { heard: Vec::new(), ..healthy() };
    seen.loops = vec![looped("eth0", Sent::Blocked, false)];
    only(&seen, Check::MulticastOut, "leaving on eth0", "nft list ruleset");
    seen.loops = vec![looped("eth0", Sent::Yes, false)];
    only(&seen, Check::MulticastIn, "coming in on eth0", "nft list ruleset");
    seen.system.firewall = FirewallTool::Ufw;
    only(&seen, Check::MulticastIn, "(ufw)", "sudo ufw allow 5353/udp");
    seen.system.os = Os::Windows;
    seen.system.public_network = Some(true);
    only(&seen, Check::MulticastIn, "public", "Set-NetConnectionProfile");
    seen.system.os = Os::MacOs;
    only(&seen, Check::MulticastIn, "macOS has not allowed", "Local Network");
}

#[test]
fn one_address_family_that_passes_is_enough() {
    let mut seen = healthy();
    seen.loops.push(Loop { v6: true, ..looped("eth0", Sent::Blocked, false) });
    assert_eq!(find(&judge(&seen), Check::MulticastOut).state, CheckState::Ok);
    assert_eq!(find(&judge(&seen), Check::MulticastIn).state, CheckState::Ok);
}

#[test]
fn a_tunnel_that_carries_no_multicast_is_no_fault() {
    let mut seen = healthy();
    seen.interfaces.push(interface("wg0", InterfaceKind::Tunnel, &["10.8.0.2/24"]));
    seen.loops.push(looped("wg0", Sent::Failed("Required key not available".into()), false));
    assert_eq!(find(&judge(&seen), Check::MulticastOut).state, CheckState::Ok);
    seen.heard.clear();
    assert_eq!(find(&judge(&seen), Check::MulticastIn).state, CheckState::Ok);
}

#[test]
fn a_program_that_keeps_the_port_to_itself_is_to_be_looked_for() {
    let mut seen = Observations { heard: Vec::new(), ..healthy() };
    seen.loops = vec![looped("eth0", Sent::PortTaken, false)];
    only(&seen, Check::MulticastOut, "keeps UDP port 5353 to itself", "ss -ulpn");
}

#[test]
fn no_camera_among_other_devices_is_told_from_no_device_at_all() {
    let seen = healthy();
    only(&seen, Check::Cameras, "though other devices do", "Start lanlens-camera");
    let seen = Observations { heard: Vec::new(), ..healthy() };
    only(&seen, Check::Cameras, "no other device either", "same network");
    let others = find(&judge(&seen), Check::Others).clone();
    assert_eq!(others.state, CheckState::Unknown);
    assert!(others.next.unwrap().contains("--peer"));
}

#[test]
fn what_other_interfaces_hear_does_not_count_for_a_chosen_one() {
    let mut seen = healthy();
    seen.interfaces.push(interface("wlan0", InterfaceKind::Lan, &["192.168.1.3/24"]));
    seen.loops.push(looped("wlan0", Sent::Yes, true));
    seen.chosen = vec!["wlan0".into()];
    assert_eq!(find(&judge(&seen), Check::Others).state, CheckState::Unknown);
    seen.chosen = vec!["eth0".into()];
    assert_eq!(find(&judge(&seen), Check::Others).state, CheckState::Ok);
}

#[test]
fn a_clock_that_was_never_set_is_a_fault_and_two_that_differ_a_little_are_not() {
    let mut seen = healthy();
    seen.system.unix_s = 3600;
    assert!(failed(&seen).contains(&Check::Clock));
    assert!(find(&judge(&seen), Check::Clock).cause.contains("1970"));
}

#[test]
fn a_camera_that_this_user_may_not_open_is_a_fault_of_its_own() {
    let mut seen = healthy();
    seen.system.cameras = OwnCameras::Denied("/dev/video0".into());
    let finding = find(&judge(&seen), Check::CameraPermission).clone();
    assert_eq!(finding.state, CheckState::Failed);
    assert!(finding.next.unwrap().contains("usermod -aG video"));
}
