//! Every interface but loopback, those without an address too where the system lists them.

use std::net::IpAddr;
use std::path::Path;

use if_addrs::{IfAddr, get_if_addrs};
use lanlens_discovery::network_kind;
use lanlens_model::NetworkKind;

use crate::observations::{Interface, InterfaceKind, Network};

/// Where Linux lists interfaces; elsewhere only those with an address are known.
const LISTED: &str = "/sys/class/net";

pub(super) fn look() -> Vec<Interface> {
    let mut found: Vec<Interface> = Vec::new();
    for listed in get_if_addrs().unwrap_or_default() {
        if listed.is_loopback() {
            continue;
        }
        let prefix = match &listed.addr {
            IfAddr::V4(v4) => v4.prefixlen,
            IfAddr::V6(v6) => v6.prefixlen,
        };
        let network = Network { ip: listed.ip(), prefix };
        let up = listed.is_oper_up();
        match found.iter_mut().find(|interface| interface.name == listed.name) {
            Some(interface) => {
                interface.networks.push(network);
                interface.up |= up;
            }
            None => {
                let (name, index) = (listed.name.clone(), listed.index.unwrap_or_default());
                let kind = kind_of(&name, listed.is_p2p());
                found.push(Interface { name, index, kind, up, networks: vec![network] });
            }
        }
    }
    for interface in &mut found {
        interface.networks.sort_by_key(|network| match network.ip {
            IpAddr::V4(_) => 0,
            IpAddr::V6(ip) if ip.is_unicast_link_local() => 2,
            IpAddr::V6(_) => 1,
        });
    }
    found.extend(without_address(&found));
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Cables and Wi-Fis that have no address now.
fn without_address(found: &[Interface]) -> Vec<Interface> {
    let Ok(entries) = std::fs::read_dir(LISTED) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let new = names.filter(|name| !found.iter().any(|interface| interface.name == *name));
    let named = new.filter_map(|name| {
        let read = |file: &str| std::fs::read_to_string(Path::new(LISTED).join(&name).join(file));
        // 1 is Ethernet and Wi-Fi (ARPHRD_ETHER); what has another type leads to no camera.
        if read("type").ok()?.trim() != "1" || kind_of(&name, false) != InterfaceKind::Lan {
            return None;
        }
        let index = read("ifindex").ok()?.trim().parse().unwrap_or_default();
        let up = matches!(read("operstate").ok()?.trim(), "up" | "unknown");
        let (kind, networks) = (InterfaceKind::Lan, Vec::new());
        Some(Interface { name, index, kind, up, networks })
    });
    named.collect()
}

fn kind_of(name: &str, point_to_point: bool) -> InterfaceKind {
    match network_kind(name, point_to_point) {
        NetworkKind::Local => InterfaceKind::Lan,
        NetworkKind::Vpn => InterfaceKind::Tunnel,
        NetworkKind::Virtual => InterfaceKind::Virtual,
    }
}
