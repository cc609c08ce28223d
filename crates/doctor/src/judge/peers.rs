//! From the announcement of a camera to its welcome: found, the right way to it, not kept apart from
//! it, its port, its identity.
//!
//! Each camera stops at one place, [`Stop`]; the checks before it are fine for that camera and those
//! behind it were not tried.

use std::net::{IpAddr, SocketAddr};

use lanlens_model::limits::SIGNALING_PORTS;
use lanlens_model::{Check, CheckState, Finding};

use super::{failed, has_failed, ok, unknown};
use crate::advice;
use crate::observations::{
    Interface, InterfaceKind, LinkSeen, Neighbour, Observations, Peer, Route, Source, System, Tcp,
    Way,
};
use crate::words::{count, list, verb};

/// Where the way to a camera ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    /// It is on a network that `--interface` leaves out.
    NotChosen { on: String },
    /// Packets to it leave by another interface than the one it is on.
    Elsewhere { address: IpAddr, via: String, home: Option<String>, tunnel: bool },
    /// It announces addresses that are on no network of this computer.
    Foreign { address: IpAddr },
    /// It is heard, and nothing that is sent to it alone is answered.
    Isolated { address: IpAddr },
    /// Nobody is at the address that was given.
    Nobody { address: IpAddr },
    /// This computer may not open connections.
    BlockedHere,
    /// Its port is refused, or rejected by something on the way.
    Refused { address: SocketAddr },
    /// Its port is silent.
    Silent { address: SocketAddr },
    /// Nowhere: a connection opens.
    Reached,
}

/// Every camera, and where the way to it ends.
pub(super) struct Examined<'a> {
    pub(super) peers: Vec<(&'a Peer, Stop)>,
    router_answers: bool,
}

impl<'a> Examined<'a> {
    pub(super) fn of(seen: &'a Observations) -> Self {
        let all = seen.peers.iter().map(|peer| (peer, stop(seen, peer)));
        // A camera that was here once and is not reached now may be off, or sold.
        let counts =
            |peer: &Peer, stop: &Stop| peer.source != Source::Remembered || *stop == Stop::Reached;
        let peers = all.filter(|(peer, stop)| counts(peer, stop)).collect();
        let router_answers = seen.gateway.is_some_and(|g| g.neighbour == Neighbour::Answers);
        Self { peers, router_answers }
    }

    /// The cameras to which a connection opens.
    pub(super) fn reached(&self) -> impl Iterator<Item = &'a Peer> {
        let reached = self.peers.iter().filter(|(_, stop)| *stop == Stop::Reached);
        reached.map(|(peer, _)| *peer)
    }

    /// The names of those that are found to be fine by `holds`.
    fn names(&self, holds: impl Fn(&Stop) -> bool) -> Vec<&'a str> {
        let fine = self.peers.iter().filter(|(_, stop)| holds(stop));
        fine.map(|(peer, _)| peer.name.as_str()).collect()
    }
}

fn stop(seen: &Observations, peer: &Peer) -> Stop {
    // Pictures cannot use link-local IPv6; a peer that has nothing else is judged by that.
    let of_media: Vec<&Way> = peer.ways.iter().filter(|way| carries_media(way.address)).collect();
    let ways: Vec<&Way> = if of_media.is_empty() { peer.ways.iter().collect() } else { of_media };
    if peer.ways.iter().any(|way| way.route == Route::Own && way.tcp == Tcp::Open) {
        return Stop::Reached;
    }
    if let Some(stop) = wrong_way(seen, peer, &ways) {
        return stop;
    }
    if peer.any_tcp(&Tcp::Open) {
        return Stop::Reached;
    }
    no_connection(seen, peer, &ways)
}

fn carries_media(address: SocketAddr) -> bool {
    !matches!(address.ip(), IpAddr::V6(ip) if ip.is_unicast_link_local())
}

/// What is wrong with the way that packets take, if no address has a right one.
fn wrong_way(seen: &Observations, peer: &Peer, ways: &[&Way]) -> Option<Stop> {
    let homes = |way: &Way| seen.homes_of(way.address);
    let on: Vec<&Interface> = ways.iter().flat_map(|way| homes(way)).collect();
    let chosen = on.is_empty() || on.iter().any(|interface| seen.is_chosen(&interface.name));
    if !chosen {
        return Some(Stop::NotChosen { on: list(on.iter().map(|interface| &interface.name)) });
    }
    if ways.iter().any(|way| way.tcp == Tcp::Open) {
        return None;
    }
    let mut found = None;
    for way in ways {
        let (address, homes) = (way.address.ip(), homes(way));
        let trouble = match &way.route {
            Route::Own => None,
            Route::None if peer.is_announced() => Some(Stop::Foreign { address }),
            Route::None => Some(Stop::Nobody { address }),
            Route::Via(via) => astray(seen, via, &homes, address, peer.is_announced()),
        };
        match trouble {
            // One right way is enough; what is wrong with it lies further on.
            None => return None,
            Some(trouble) => found = found.or(Some(trouble)),
        }
    }
    found
}

/// What is wrong with sending to `address` by the interface `via`, if anything.
fn astray(
    seen: &Observations,
    via: &str,
    homes: &[&Interface],
    address: IpAddr,
    announced: bool,
) -> Option<Stop> {
    let kind = seen.interfaces.iter().find(|i| i.name == via).map(|i| i.kind);
    let tunnel = kind == Some(InterfaceKind::Tunnel);
    let home = homes.iter().find(|home| home.kind != InterfaceKind::Tunnel || !tunnel);
    let is_home = homes.iter().any(|home| home.name == via);
    let lan_home = homes.iter().any(|home| home.kind == InterfaceKind::Lan);
    if is_home && !(tunnel && lan_home) {
        return None;
    }
    let home = home.map(|home| home.name.clone());
    if home.is_some() || tunnel {
        return Some(Stop::Elsewhere { address, via: via.to_owned(), home, tunnel });
    }
    // By a router: fine for an address that somebody gave, odd for one that was heard on this very
    // network.
    announced.then_some(Stop::Foreign { address })
}

/// Why no connection opens though packets leave the right way.
fn no_connection(seen: &Observations, peer: &Peer, ways: &[&Way]) -> Stop {
    let Some(first) = ways.first() else { return Stop::Reached };
    if ways.iter().any(|way| way.tcp == Tcp::BlockedHere) {
        return Stop::BlockedHere;
    }
    let refused = ways.iter().find(|way| way.tcp == Tcp::Refused);
    if let Some(way) = refused {
        return Stop::Refused { address: way.address };
    }
    let by = |wanted| ways.iter().find(move |way| way.neighbour == wanted);
    if let Some(way) = by(Neighbour::Answers) {
        let address = way.address;
        return match way.tcp {
            Tcp::Rejected => Stop::Refused { address },
            _ => Stop::Silent { address },
        };
    }
    if let Some(way) = by(Neighbour::Silent) {
        let address = way.address.ip();
        return if peer.is_announced() {
            Stop::Isolated { address }
        } else {
            Stop::Nobody { address }
        };
    }
    // Behind a router nobody asks for the card of the peer itself.
    let near = ways.iter().any(|way| !seen.homes_of(way.address).is_empty());
    match by(Neighbour::NotAsked) {
        Some(_) if near => Stop::BlockedHere,
        _ => Stop::Silent { address: first.address },
    }
}

pub(super) fn cameras(seen: &Observations, before: &[Finding]) -> Finding {
    let check = Check::Cameras;
    let answers = |peer: &&Peer| peer.is_announced() || peer.any_tcp(&Tcp::Open);
    let found: Vec<&str> = seen.peers.iter().filter(answers).map(|p| p.name.as_str()).collect();
    if !found.is_empty() {
        return ok(check, format!("Found {}.", list(&found)));
    }
    let blocked = has_failed(before, Check::MulticastOut) || has_failed(before, Check::MulticastIn);
    if blocked {
        return unknown(
            check,
            "None was found, which says nothing while multicast DNS is blocked.",
        );
    }
    let given: Vec<&Peer> = seen.peers.iter().filter(|p| p.source == Source::Given).collect();
    if !given.is_empty() {
        let names = list(given.iter().map(|peer| &peer.name));
        return unknown(check, format!("None announces itself; {names} is judged below."));
    }
    let others = before.iter().any(|f| f.check == Check::Others && f.state == CheckState::Ok);
    let cause = match others {
        true => "No camera announces itself on this network, though other devices do.",
        false => "No camera announces itself on this network, and no other device either.",
    };
    let before = seen
        .peers
        .first()
        .map(|peer| format!(" Nor does one answer at {}, where one was before.", peer.name));
    let cause = format!("{cause}{}", before.unwrap_or_default());
    let next = match others {
        true => {
            "Start lanlens-camera on another computer of this network; if it runs there, run \
             `lanlens doctor` there."
        }
        false => {
            "Check that the camera's computer is on the same network and not on a guest Wi-Fi, and \
             that lanlens-camera runs there."
        }
    };
    failed(check, cause, next)
}

/// A finding about the first camera that stops here, or about those that have come past.
fn verdict(
    check: Check,
    examined: &Examined<'_>,
    say: impl Fn(&Peer, &Stop) -> Option<(String, String)>,
    passed: impl Fn(&Stop) -> bool,
    fine: impl Fn(&[&str]) -> String,
) -> Finding {
    let said = examined.peers.iter().filter_map(|(peer, stop)| say(peer, stop));
    let said: Vec<(String, String)> = said.collect();
    if let Some((cause, next)) = said.first() {
        let more = said.len() - 1;
        let cause = match more {
            0 => cause.clone(),
            _ => format!("{cause} The same holds for {}.", count(more, "other camera")),
        };
        return failed(check, cause, next);
    }
    let names = examined.names(passed);
    match (names.as_slice(), examined.peers.as_slice()) {
        ([], []) => unknown(check, "Not tried: no camera was found."),
        ([], _) => unknown(check, "Not tried: what failed above comes first."),
        (names, _) => ok(check, fine(names)),
    }
}

pub(super) fn route(examined: &Examined<'_>) -> Finding {
    let say = |peer: &Peer, stop: &Stop| {
        let name = &peer.name;
        let said = match stop {
            Stop::NotChosen { on } => (
                format!("{name} is on {on}, and --interface limits Lanlens to another network."),
                format!("Leave --interface out, or use `--interface {on}`."),
            ),
            Stop::Elsewhere { address, via, home, tunnel } => {
                let what = if *tunnel { "the VPN" } else { "another network" };
                let home =
                    home.as_ref().map_or_else(String::new, |home| format!(", not by {home}"));
                let next = match tunnel {
                    true => format!(
                        "Switch the VPN ({via}) off, or let it leave the local network alone (“allow \
                         local network access” in its settings)."
                    ),
                    false => format!(
                        "See why with `ip route get {address}`, and remove that route or leave that network."
                    ),
                };
                (
                    format!(
                        "Packets to {name} ({address}) leave by {via}{home}: {what} takes them."
                    ),
                    next,
                )
            }
            Stop::Foreign { address } => (
                format!(
                    "{name} is heard here, but its address {address} is on no network of this computer."
                ),
                format!(
                    "Give both computers addresses of one network: let the computer of {name} join \
                     it again (DHCP)."
                ),
            ),
            _ => return None,
        };
        Some(said)
    };
    let passed = |stop: &Stop| {
        !matches!(stop, Stop::NotChosen { .. } | Stop::Elsewhere { .. } | Stop::Foreign { .. })
    };
    verdict(Check::Route, examined, say, passed, |names| {
        format!("Packets to {} leave by the right interface.", list(names))
    })
}

pub(super) fn isolation(examined: &Examined<'_>) -> Finding {
    let router = match examined.router_answers {
        true => ", while the router does",
        false => "",
    };
    let next = "Switch off “AP isolation”, “client isolation” or guest mode in the router or Wi-Fi \
                access point, or plug both computers into it by cable.";
    let say = |peer: &Peer, stop: &Stop| match stop {
        Stop::Isolated { address } => {
            let cause = format!(
                "The network keeps devices apart: {} is heard, but {address} does not answer what \
                 is sent to it alone{router}.",
                peer.name
            );
            Some((cause, next.to_owned()))
        }
        _ => None,
    };
    let passed =
        |stop: &Stop| matches!(stop, Stop::Refused { .. } | Stop::Reached | Stop::Silent { .. });
    let mut finding = verdict(Check::Isolation, examined, say, passed, |names| {
        format!("{} {} what is sent to it alone.", list(names), verb(names.len(), "answer"))
    });
    // A port that is silent says nothing unless its computer was resolved.
    let told = examined.peers.iter().any(|(peer, stop)| match stop {
        Stop::Silent { .. } => peer.ways.iter().any(|way| way.neighbour == Neighbour::Answers),
        _ => true,
    });
    if finding.state == CheckState::Ok && !told {
        finding = unknown(Check::Isolation, "Cannot be told while no port answers.");
    }
    finding
}

pub(super) fn port(system: &System, examined: &Examined<'_>) -> Finding {
    let say = |peer: &Peer, stop: &Stop| {
        let name = &peer.name;
        let there = advice::let_signaling_in_there(name);
        let run_it = "Check the address and that lanlens-camera runs there: it prints where it \
                      listens.";
        let said = match stop {
            Stop::BlockedHere => (
                format!("This computer's firewall stops connections to {name}."),
                advice::let_tcp_out(system),
            ),
            Stop::Refused { address } if peer.is_announced() => (
                format!(
                    "The firewall of {name}'s computer ({}) refuses TCP port {}.",
                    address.ip(),
                    address.port()
                ),
                there,
            ),
            Stop::Refused { address } => (
                format!(
                    "{} refuses TCP port {}: no camera listens there, or a firewall refuses.",
                    address.ip(),
                    address.port()
                ),
                run_it.to_owned(),
            ),
            Stop::Silent { address } => (
                format!(
                    "The firewall of {name}'s computer ({}) drops connections to TCP port {}.",
                    address.ip(),
                    address.port()
                ),
                there,
            ),
            Stop::Nobody { address } => (
                format!("No device answers at {address}: it is off, or has another address now."),
                run_it.to_owned(),
            ),
            _ => return None,
        };
        Some(said)
    };
    verdict(
        Check::Port,
        examined,
        say,
        |stop| *stop == Stop::Reached,
        |names| format!("The signaling port of {} is open.", list(names)),
    )
}

pub(super) fn link(examined: &Examined<'_>) -> Finding {
    let check = Check::Link;
    let mut up = Vec::new();
    for peer in examined.reached() {
        let name = &peer.name;
        let first = SIGNALING_PORTS.start();
        let (cause, next) = match &peer.link {
            LinkSeen::Up { .. } => {
                up.push(name.as_str());
                continue;
            }
            LinkSeen::NotTried => continue,
            LinkSeen::WrongDevice { address, found } => (
                format!(
                    "At {address} is another device ({found}) than the one that announces {name}."
                ),
                "Restart lanlens-camera there; if this stays, two computers have one address, or \
                 one pretends to be another."
                    .to_owned(),
            ),
            LinkSeen::NotLanlens(why) => (
                format!("What answers at {name} does not speak as Lanlens does ({why})."),
                format!(
                    "Check the port (cameras begin at {first}) and that both run the same version."
                ),
            ),
            LinkSeen::Silent => (
                format!("{name} accepts the connection and then says nothing."),
                format!("Restart lanlens-camera on the computer of {name}."),
            ),
            LinkSeen::Refused(text) => (
                format!("{name} refuses this device: {}.", text.trim_end_matches('.')),
                format!("Look at what lanlens-camera says on the computer of {name}."),
            ),
        };
        return failed(check, cause, next);
    }
    match up.as_slice() {
        [] => unknown(check, "Not tried: no camera was reached."),
        [_] => ok(check, format!("{} proved who it is.", list(&up))),
        _ => ok(check, format!("{} proved who they are.", list(&up))),
    }
}
