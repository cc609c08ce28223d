//! What is said of the way to a camera that is broken in one place.

use lanlens_model::{Access, CameraId, Check, CheckState, DeviceId};

use super::judge;
use super::tests::{failed, find, healthy, interface, looped, only};
use crate::observations::*;

fn device() -> DeviceId {
    DeviceId::from_bytes([7; 16])
}

/// A camera that is watched without a fault.
fn kitchen() -> Peer {
    Peer {
        name: "Kitchen".into(),
        source: Source::Announced,
        node: None,
        ways: vec![way("10.77.0.2:17470", "eth0", Neighbour::Answers, Tcp::Open)],
        link: welcome(Access::Granted, 300),
        media: MediaSeen::Tried {
            path: Some("a ↔ b".into()),
            trouble: None,
            source: None,
            blocked_here: false,
            units: 6,
            pictures: 5,
        },
    }
}

fn way(address: &str, via: &str, neighbour: Neighbour, tcp: Tcp) -> Way {
    Way { address: address.parse().unwrap(), route: Route::Via(via.into()), neighbour, tcp }
}

fn welcome(access: Access, clock_offset_us: i64) -> LinkSeen {
    LinkSeen::Up {
        device: device(),
        cameras: vec![(CameraId::new(device(), "x"), "Kitchen".into())],
        access: Some(access),
        clock_offset_us: Some(clock_offset_us),
    }
}

fn with(peer: Peer) -> Observations {
    Observations { peers: vec![peer], ..healthy() }
}

/// Kitchen, to which no connection opens.
fn unreached(neighbour: Neighbour, tcp: Tcp) -> Peer {
    Peer {
        ways: vec![way("10.77.0.2:17470", "eth0", neighbour, tcp)],
        link: LinkSeen::Silent,
        media: MediaSeen::NotTried,
        ..kitchen()
    }
}

fn tried(path: Option<&str>, units: u32, pictures: u32) -> MediaSeen {
    let path = path.map(str::to_owned);
    MediaSeen::Tried { path, trouble: None, source: None, blocked_here: false, units, pictures }
}

#[test]
fn on_a_healthy_network_every_check_is_fine() {
    for finding in judge(&with(kitchen())) {
        assert_eq!(finding.state, CheckState::Ok, "{finding:?}");
    }
}

#[test]
fn a_port_that_is_dropped_is_told_from_one_that_is_refused() {
    let silent = with(unreached(Neighbour::Answers, Tcp::Silent));
    only(&silent, Check::Port, "drops connections to TCP port 17470", "ufw allow 17470:17479/tcp");
    for tcp in [Tcp::Refused, Tcp::Rejected] {
        let refused = with(unreached(Neighbour::Answers, tcp));
        only(&refused, Check::Port, "refuses TCP port 17470", "computer of Kitchen");
    }
    let here = with(unreached(Neighbour::Unknown, Tcp::BlockedHere));
    only(&here, Check::Port, "This computer's firewall", "17470 to 17479");
    let not_asked = with(unreached(Neighbour::NotAsked, Tcp::Silent));
    only(&not_asked, Check::Port, "This computer's firewall", "17470 to 17479");
}

#[test]
fn a_camera_that_is_heard_and_not_reached_is_kept_apart() {
    let mut seen = with(unreached(Neighbour::Silent, Tcp::Silent));
    only(&seen, Check::Isolation, "keeps devices apart: Kitchen is heard", "isolation");
    let ip = "10.77.0.1".parse().unwrap();
    seen.gateway = Some(Gateway { ip, neighbour: Neighbour::Answers });
    only(&seen, Check::Isolation, "while the router does", "isolation");
}

#[test]
fn an_address_where_nobody_is_isolates_nothing() {
    let peer = Peer {
        name: "10.77.0.2:17470".into(),
        source: Source::Given,
        ..unreached(Neighbour::Silent, Tcp::Silent)
    };
    only(&with(peer), Check::Port, "No device answers at 10.77.0.2", "Check the address");
}

#[test]
fn a_vpn_that_takes_the_packets_is_named() {
    let mut seen = with(Peer {
        ways: vec![way("10.77.0.2:17470", "tun0", Neighbour::Unknown, Tcp::Silent)],
        ..unreached(Neighbour::Unknown, Tcp::Silent)
    });
    seen.interfaces.push(interface("tun0", InterfaceKind::Tunnel, &["10.8.0.2/24"]));
    only(&seen, Check::Route, "leave by tun0, not by eth0: the VPN", "Switch the VPN (tun0) off");
    // Also where the tunnel claims the same network.
    seen.interfaces[1] = interface("tun0", InterfaceKind::Tunnel, &["10.77.0.200/24"]);
    only(&seen, Check::Route, "the VPN takes them", "tun0");
    seen.interfaces[1] = interface("eth1", InterfaceKind::Lan, &["10.8.0.2/24"]);
    seen.peers[0].ways[0].route = Route::Via("eth1".into());
    only(&seen, Check::Route, "another network takes them", "ip route get 10.77.0.2");
}

#[test]
fn two_interfaces_on_one_network_are_both_right() {
    let mut seen = with(kitchen());
    seen.interfaces.push(interface("wlan0", InterfaceKind::Lan, &["10.77.0.9/24"]));
    seen.peers[0].ways[0].route = Route::Via("wlan0".into());
    assert_eq!(failed(&seen), []);
}

#[test]
fn a_link_local_connection_does_not_excuse_media_that_leave_the_wrong_way() {
    let index = interface("eth0", InterfaceKind::Lan, &[]).index;
    let mut seen = with(Peer {
        ways: vec![
            way("10.77.0.2:17470", "tun0", Neighbour::Unknown, Tcp::Silent),
            way(&format!("[fe80::2%{index}]:17470"), "eth0", Neighbour::Answers, Tcp::Open),
        ],
        media: tried(None, 0, 0),
        ..kitchen()
    });
    seen.interfaces.push(interface("tun0", InterfaceKind::Tunnel, &["10.8.0.2/24"]));
    only(&seen, Check::Route, "the VPN takes them", "tun0");
}

#[test]
fn a_camera_on_a_network_that_was_left_out_is_named() {
    let mut seen = with(kitchen());
    seen.interfaces.push(interface("wlan0", InterfaceKind::Lan, &["192.168.1.3/24"]));
    seen.loops.push(looped("wlan0", Sent::Yes, true));
    seen.chosen = vec!["wlan0".into()];
    only(&seen, Check::Route, "Kitchen is on eth0, and --interface", "--interface eth0");
}

#[test]
fn a_camera_of_another_network_that_is_heard_here_has_a_foreign_address() {
    let foreign = |route, tcp| {
        let mut peer = unreached(Neighbour::Unknown, tcp);
        peer.ways[0] =
            Way { route, ..way("192.168.9.2:17470", "eth0", Neighbour::Unknown, Tcp::Silent) };
        with(peer)
    };
    let text = "192.168.9.2 is on no network of this computer";
    only(&foreign(Route::None, Tcp::NoRoute), Check::Route, text, "DHCP");
    only(&foreign(Route::Via("eth0".into()), Tcp::Silent), Check::Route, text, "DHCP");
}

#[test]
fn who_answers_in_place_of_a_camera_is_told() {
    let of = |link| with(Peer { link, media: MediaSeen::NotTried, ..kitchen() });
    let address = "10.77.0.2:17470".parse().unwrap();
    let wrong = of(LinkSeen::WrongDevice { address, found: device() });
    only(&wrong, Check::Link, "another device", "two computers have one address");
    only(&of(LinkSeen::NotLanlens("no TLS".into())), Check::Link, "no TLS", "17470");
    only(&of(LinkSeen::Silent), Check::Link, "says nothing", "Restart");
    only(
        &of(LinkSeen::Refused("too many devices wait here".into())),
        Check::Link,
        "too many",
        "Look",
    );
}

#[test]
fn media_that_find_no_path_are_told_from_pictures_that_do_not_come() {
    let of = |media| with(Peer { media, ..kitchen() });
    only(&of(tried(None, 0, 0)), Check::Ice, "UDP ports 17480 to 17579", "17480:17579/udp");
    only(&of(tried(Some("a ↔ b"), 0, 0)), Check::Media, "no picture comes", "close other programs");
    only(&of(tried(Some("a ↔ b"), 4, 0)), Check::Media, "none could be decoded", "Update");
    let mut busy = tried(Some("a ↔ b"), 0, 0);
    if let MediaSeen::Tried { source, .. } = &mut busy {
        *source = Some("/dev/video0 is in use: close Cheese".into());
    }
    only(&of(busy), Check::Media, "close Cheese", "computer of Kitchen");
    let mut blocked = tried(None, 0, 0);
    if let MediaSeen::Tried { blocked_here, .. } = &mut blocked {
        *blocked_here = true;
    }
    only(&of(blocked), Check::Ice, "This computer's firewall", "17480 to 17579");
}

#[test]
fn a_camera_that_may_not_be_watched_is_no_fault() {
    for access in [Access::Unclaimed, Access::Pending, Access::Invite, Access::Denied] {
        let link = welcome(access, 0);
        let seen = with(Peer { link, media: MediaSeen::NotAllowed, ..kitchen() });
        assert_eq!(failed(&seen), [], "{access:?}");
        let finding = find(&judge(&seen), Check::Media).clone();
        assert_eq!(finding.state, CheckState::Unknown);
        assert!(finding.next.is_some());
    }
}

#[test]
fn a_camera_that_answers_unheard_shows_that_multicast_is_dropped() {
    let mut seen = with(Peer { source: Source::Given, ..kitchen() });
    assert_eq!(failed(&seen), [], "somebody else is heard");
    seen.heard.clear();
    only(&seen, Check::Others, "drops multicast", "--peer");
}

#[test]
fn a_camera_that_was_here_once_is_no_fault_and_helps_where_it_answers() {
    let gone = Peer {
        source: Source::Remembered,
        name: "10.77.0.9:17470".into(),
        ..unreached(Neighbour::Silent, Tcp::Silent)
    };
    let mut seen = with(kitchen());
    seen.peers.push(gone.clone());
    assert_eq!(failed(&seen), []);
    only(&with(gone), Check::Cameras, "at 10.77.0.9:17470, where one was before", "Start");
    let mut seen = with(Peer { source: Source::Remembered, ..kitchen() });
    seen.heard.clear();
    only(&seen, Check::Others, "drops multicast", "--peer");
    assert_eq!(find(&judge(&seen), Check::Media).state, CheckState::Ok);
}

#[test]
fn a_camera_with_only_the_address_that_it_gave_itself_is_on_a_network() {
    let mut seen = with(Peer {
        ways: vec![way("169.254.1.2:17470", "eth0", Neighbour::Answers, Tcp::Open)],
        ..kitchen()
    });
    seen.interfaces = vec![interface("eth0", InterfaceKind::Lan, &["169.254.9.9/16"])];
    assert_eq!(failed(&seen), []);
    // A camera that has a real address says that this computer should have one too.
    seen.peers[0].ways[0].address = "10.77.0.2:17470".parse().unwrap();
    only(&seen, Check::Interfaces, "gave itself", "router");
}

#[test]
fn one_camera_that_works_does_not_hide_one_that_does_not() {
    let mut seen = with(kitchen());
    for name in ["Hall", "Attic"] {
        let peer = unreached(Neighbour::Answers, Tcp::Silent);
        seen.peers.push(Peer { name: name.into(), ..peer });
    }
    only(&seen, Check::Port, "Hall's computer", "computer of Hall");
    let cause = find(&judge(&seen), Check::Port).cause.clone();
    assert!(cause.ends_with("The same holds for 1 other camera."), "{cause}");
    assert_eq!(find(&judge(&seen), Check::Media).state, CheckState::Ok);
}

#[test]
fn clocks_a_minute_apart_are_told() {
    let apart = |offset| with(Peer { link: welcome(Access::Granted, offset), ..kitchen() });
    assert_eq!(failed(&apart(-60_000_000)), []);
    only(&apart(-3_700_000_000), Check::Clock, "61 min behind", "timedatectl");
}
