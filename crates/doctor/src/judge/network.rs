//! Before any camera: interfaces, multicast DNS in both directions, who else is there, the firewall.

use lanlens_model::{Check, CheckState, Finding};

use super::{failed, has_failed, ok, unknown};
use crate::advice;
use crate::observations::{
    FirewallTool, Interface, InterfaceKind, Loop, Observations, Os, Peer, Sent, Tcp,
};
use crate::words::{count, list, verb};

/// What to do when this computer is on no network.
const JOIN: &str = "Plug in the network cable or join the Wi-Fi.";

pub(super) fn interfaces(seen: &Observations) -> Finding {
    let check = Check::Interfaces;
    if seen.chosen.iter().any(|name| name == "lo" || name.starts_with("lo0")) {
        return ok(check, "Only this computer's own loopback is used, as --interface says.");
    }
    if let Some(finding) = missing(seen) {
        return finding;
    }
    let chosen: Vec<&Interface> =
        seen.interfaces.iter().filter(|interface| seen.is_chosen(&interface.name)).collect();
    let up: Vec<&Interface> =
        chosen.iter().copied().filter(|i| i.up && !i.networks.is_empty()).collect();
    if up.is_empty() {
        let down: Vec<&str> = chosen.iter().filter(|i| !i.up).map(|i| i.name.as_str()).collect();
        let up: Vec<&str> = chosen.iter().filter(|i| i.up).map(|i| i.name.as_str()).collect();
        let cause = match (up.as_slice(), down.as_slice()) {
            ([], []) => "This computer has no network interface.".to_owned(),
            ([], down) => format!(
                "This computer is on no network: {} {} down or unplugged.",
                list(down),
                if down.len() == 1 { "is" } else { "are" }
            ),
            (up, _) => format!("This computer is on no network: {} has no address.", list(up)),
        };
        return failed(check, cause, JOIN);
    }
    let networks = || up.iter().flat_map(|interface| &interface.networks);
    let names = list(up.iter().map(|interface| &interface.name));
    if !networks().any(|network| network.carries_media()) {
        let cause = format!(
            "{names} has only a link-local IPv6 address, which cannot carry pictures: no router \
             has given it another."
        );
        return failed(
            check,
            cause,
            "Join the network again; if that gives no address, restart the router.",
        );
    }
    // Two computers on one cable have no router and need none.
    let is_near = |peer: &Peer| peer.ways.iter().any(|w| !seen.homes_of(w.address).is_empty());
    let company = seen.peers.iter().any(|peer| peer.is_announced() && is_near(peer));
    if networks().all(|network| network.is_link_local()) && !company {
        let cause =
            format!("{names} has only an address that it gave itself: no router (DHCP) answers.");
        return failed(
            check,
            cause,
            "Join the network again; if that changes nothing, restart the router.",
        );
    }
    ok(check, format!("This computer is on {}.", list(up.iter().map(|i| describe(i)))))
}

/// `eth0 (10.77.0.3)`: the first address says enough.
fn describe(interface: &Interface) -> String {
    let carries = interface.networks.iter().find(|network| network.carries_media());
    match carries.or(interface.networks.first()) {
        Some(network) => format!("{} ({})", interface.name, network.ip),
        None => interface.name.clone(),
    }
}

/// Interfaces that were asked for and are not there.
fn missing(seen: &Observations) -> Option<Finding> {
    let is_missing = |name: &&String| !seen.interfaces.iter().any(|i| i.name == **name);
    let missing: Vec<&String> = seen.chosen.iter().filter(is_missing).collect();
    if missing.is_empty() || missing.len() < seen.chosen.len() {
        return None;
    }
    let there = seen.interfaces.iter().map(|interface| &interface.name);
    let there = match seen.interfaces.len() {
        0 => "no other".to_owned(),
        _ => list(there),
    };
    let cause =
        format!("There is no interface {}, as --interface asks; there is {there}.", list(missing));
    Some(failed(Check::Interfaces, cause, "Leave --interface out, or name one that is there."))
}

/// The loops that count: those of interfaces that Lanlens may use, without tunnels and bridges where
/// there is a real network, since few of them carry multicast.
fn judged(seen: &Observations) -> Vec<&Loop> {
    let kind = |name: &str| seen.interfaces.iter().find(|i| i.name == name).map(|i| i.kind);
    let chosen: Vec<&Loop> = seen.loops.iter().filter(|l| seen.is_chosen(&l.interface)).collect();
    let real: Vec<&Loop> = chosen
        .iter()
        .copied()
        .filter(|l| kind(&l.interface) == Some(InterfaceKind::Lan) || !seen.chosen.is_empty())
        .collect();
    if real.is_empty() { chosen } else { real }
}

/// Names of the interfaces in `loops`, each once.
fn names<'a>(loops: &[&'a Loop]) -> Vec<&'a str> {
    let mut names: Vec<&str> = loops.iter().map(|l| l.interface.as_str()).collect();
    names.dedup();
    names.sort_unstable();
    names.dedup();
    names
}

/// Interfaces on which `holds` for no address family.
fn without<'a>(loops: &[&'a Loop], holds: impl Fn(&Loop) -> bool) -> Vec<&'a str> {
    let mut names = names(loops);
    names.retain(|name| !loops.iter().any(|l| l.interface == *name && holds(l)));
    names
}

pub(super) fn multicast_out(seen: &Observations) -> Finding {
    let check = Check::MulticastOut;
    let loops = judged(seen);
    if loops.is_empty() {
        return unknown(check, "There is no interface on which multicast DNS could be tried.");
    }
    let mute = without(&loops, |l| l.sent == Sent::Yes);
    let Some(name) = mute.first() else {
        return ok(
            check,
            format!("Multicast DNS leaves this computer on {}.", list(names(&loops))),
        );
    };
    let on = list(&mute);
    let outcomes: Vec<&Sent> =
        loops.iter().filter(|l| l.interface == *name).map(|l| &l.sent).collect();
    if outcomes.contains(&&Sent::PortTaken) {
        let cause = "Another program of this computer keeps UDP port 5353 to itself, so nothing \
                     can be found.";
        return failed(check, cause, advice::find_holder_of_5353(seen.system.os));
    }
    if outcomes.contains(&&Sent::Blocked) {
        let firewall = firewall_name(seen);
        let cause = format!("{firewall} stops multicast DNS (UDP port 5353) from leaving on {on}.");
        return failed(check, cause, advice::let_multicast_out(&seen.system));
    }
    let why = outcomes.iter().find_map(|sent| match sent {
        Sent::Failed(why) => Some(why.as_str()),
        _ => None,
    });
    let cause = format!("Multicast cannot be sent on {on}: {}.", why.unwrap_or("no reason given"));
    let next = match seen.system.os {
        Os::MacOs => advice::let_multicast_out(&seen.system),
        _ => "Join the network again; a VPN that takes all traffic does this too.".to_owned(),
    };
    failed(check, cause, next)
}

pub(super) fn multicast_in(seen: &Observations) -> Finding {
    let check = Check::MulticastIn;
    let loops = judged(seen);
    let sending: Vec<&Loop> = loops.iter().copied().filter(|l| l.sent == Sent::Yes).collect();
    if others_heard(seen) > 0 {
        return ok(check, "Multicast DNS of other devices comes in.");
    }
    if sending.is_empty() {
        return unknown(check, "Cannot be told while nothing can be sent.");
    }
    let deaf = without(&sending, |l| l.heard_own);
    if deaf.is_empty() {
        return ok(check, format!("Multicast DNS comes in on {}.", list(names(&sending))));
    }
    let cause = match (seen.system.os, seen.system.public_network) {
        (Os::MacOs, _) => format!(
            "Nothing comes in on UDP port 5353 on {}: macOS has not allowed this program the \
             local network, or a firewall stops it.",
            list(&deaf)
        ),
        (Os::Windows, Some(true)) => format!(
            "Multicast DNS (UDP port 5353) does not come in on {}: Windows takes this network for \
             a public one and lets nothing in.",
            list(&deaf)
        ),
        _ => format!(
            "{} stops multicast DNS (UDP port 5353) from coming in on {}: not even this computer's \
             own question is heard.",
            firewall_name(seen),
            list(&deaf)
        ),
    };
    failed(check, cause, advice::let_multicast_in(&seen.system))
}

fn firewall_name(seen: &Observations) -> &'static str {
    match seen.system.firewall {
        FirewallTool::Ufw => "This computer's firewall (ufw)",
        FirewallTool::Firewalld => "This computer's firewall (firewalld)",
        FirewallTool::Unknown => "This computer's firewall",
    }
}

/// Other devices heard on interfaces that Lanlens may use. IPv6 link-local addresses belong to
/// devices that are counted by their other address, unless they have none.
fn others_heard(seen: &Observations) -> usize {
    let usable = |heard: &&crate::observations::Heard| match &heard.interface {
        Some(interface) => seen.is_chosen(interface),
        None => {
            let homes = seen.homes_of((heard.ip, 5353).into());
            seen.chosen.is_empty() || homes.iter().any(|home| seen.is_chosen(&home.name))
        }
    };
    let heard: Vec<_> = seen.heard.iter().filter(usable).collect();
    let v4 = heard.iter().filter(|h| h.ip.is_ipv4()).count();
    let v6 = heard.iter().filter(|h| h.ip.is_ipv6()).count();
    v4.max(v6)
}

pub(super) fn others(seen: &Observations) -> Finding {
    let check = Check::Others;
    let beside = match seen.system.responders.as_slice() {
        [] => String::new(),
        programs => format!(" {} of this computer shares the port, which is fine.", list(programs)),
    };
    let others = others_heard(seen);
    if others > 0 {
        let devices = count(others, "other device");
        let cause = format!("{devices} {} by multicast DNS.{beside}", verb(others, "speak"));
        return ok(check, cause);
    }
    let loops = judged(seen);
    let works = loops.iter().any(|l| l.sent == Sent::Yes && l.heard_own);
    if !works {
        return unknown(check, "Cannot be told while multicast DNS does not pass this computer.");
    }
    let mute = seen.peers.iter().find(|peer| !peer.is_announced() && peer.any_tcp(&Tcp::Open));
    if let Some(peer) = mute {
        let cause = format!(
            "{} answers, but nothing that it says by multicast DNS arrives: the network (or the \
             firewall there) drops multicast.",
            peer.name
        );
        let next = "Allow multicast in the router or Wi-Fi access point (turn off “multicast \
                    filter” and guest mode), or go on with --peer.";
        return failed(check, cause, next);
    }
    let mut finding = unknown(
        check,
        "No other device speaks by multicast DNS: there is none, or the network drops multicast, \
         as guest Wi-Fi does.",
    );
    finding.next = Some(
        "Name a camera's address to tell which: `lanlens doctor --peer IP:17470` (the camera \
         prints it)."
            .to_owned(),
    );
    finding
}

pub(super) fn firewall(seen: &Observations, before: &[Finding]) -> Finding {
    let check = Check::Firewall;
    let blocked = has_failed(before, Check::MulticastOut) || has_failed(before, Check::MulticastIn);
    let system = &seen.system;
    let which = match (system.os, system.firewall) {
        (Os::Windows, _) => match system.public_network {
            Some(true) => "Windows takes this network for a public one",
            Some(false) => "Windows takes this network for a private one",
            None => "Windows does not say which category this network has",
        },
        (Os::MacOs, _) => "macOS does not say what its firewall lets in",
        (Os::Linux, FirewallTool::Ufw) => "The firewall ufw is on",
        (Os::Linux, FirewallTool::Firewalld) => "The firewall firewalld is on",
        (Os::Linux, FirewallTool::Unknown) => "No ufw and no firewalld is on",
    };
    if blocked {
        return unknown(check, format!("{which}; what is blocked is said above."));
    }
    let heard = before.iter().any(|f| f.check == Check::MulticastIn && f.state == CheckState::Ok);
    match heard {
        true => ok(check, format!("{which}; discovery passes in both directions.")),
        false => unknown(check, format!("{which}; nothing more could be told.")),
    }
}
