//! Which of this machine's addresses somebody beside it most likely reaches.
//!
//! Systems do not say what an interface leads to, so its name is asked. Pure: reads nothing. Nobody
//! is kept out by a wrong guess: it decides what is shown first, searched, or marked.

use std::net::IpAddr;

use lanlens_model::NetworkKind;

use crate::interfaces::LocalAddress;

/// What interfaces of tunnels are called, in small letters.
const TUNNELS: [&str; 19] = [
    "tun",
    "tap",
    "wg",
    "wireguard",
    "ppp",
    "utun",
    "ipsec",
    "gre",
    "sit",
    "tailscale",
    "zt",
    "zerotier",
    "nordlynx",
    "proton",
    "mullvad",
    "cloudflare",
    "ham",
    "nebula",
    "gpd",
];
/// What bridges to containers and virtual machines are called, in small letters.
const VIRTUAL: [&str; 17] = [
    "docker",
    "br-",
    "virbr",
    "veth",
    "vnet",
    "lxc",
    "lxd",
    "incus",
    "podman",
    "cni",
    "flannel",
    "cali",
    "vmnet",
    "vmware",
    "vboxnet",
    "virtualbox",
    "vmbr",
];

/// What an interface leads to, by its name. Point-to-point interfaces are tunnels: a room's network
/// has more than two ends.
pub fn network_kind(interface: &str, is_point_to_point: bool) -> NetworkKind {
    let name = interface.to_lowercase();
    let begins = |words: &[&str]| words.iter().any(|word| name.starts_with(word));
    if is_point_to_point || begins(&TUNNELS) || name.contains("vpn") {
        NetworkKind::Vpn
    } else if begins(&VIRTUAL) {
        NetworkKind::Virtual
    } else {
        NetworkKind::Local
    }
}

/// The addresses with what they lead to: rooms' networks, tunnels, what is inside this machine; of
/// each, private IPv4 addresses, other IPv4 ones, IPv6, and the link-local ones, which no web
/// address can hold. Equals stay in their order.
pub fn best_first(addresses: Vec<LocalAddress>) -> Vec<(LocalAddress, NetworkKind)> {
    let with_kind = |address: LocalAddress| {
        let kind = match address.ip.is_loopback() {
            true => NetworkKind::Virtual,
            false => network_kind(&address.interface, address.is_point_to_point),
        };
        (address, kind)
    };
    let mut all: Vec<_> = addresses.into_iter().map(with_kind).collect();
    all.sort_by_key(|(address, kind)| (*kind, rank(address.ip)));
    all
}

/// The lower, the better.
fn rank(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(ip) if ip.is_link_local() => 2,
        IpAddr::V4(ip) if ip.is_private() => 0,
        IpAddr::V4(_) => 1,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => 4,
        IpAddr::V6(_) => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(names: &[&str]) -> Vec<NetworkKind> {
        names.iter().map(|name| network_kind(name, false)).collect()
    }

    #[test]
    fn cables_and_wifis_of_every_system_are_networks_of_rooms() {
        let names = ["eth0", "wlan0", "enp3s0", "wlp2s0", "enx00e04c", "en0", "Ethernet", "Wi-Fi"];
        assert_eq!(kinds(&names), [NetworkKind::Local; 8]);
        // A bridge that a user made joins real cables; an access point of one's own has a phone in it.
        assert_eq!(kinds(&["br0", "bond0", "ap0", "bridge100", "usb0"]), [NetworkKind::Local; 5]);
    }

    #[test]
    fn tunnels_are_known_by_their_names_and_by_having_two_ends() {
        let names = ["tun0", "tap1", "wg0", "utun3", "tailscale0", "Tailscale", "ppp0", "ztabc"];
        assert_eq!(kinds(&names), [NetworkKind::Vpn; 8]);
        let names = ["OpenVPN TAP-Windows6", "ProtonVPN", "Corp VPN", "NordLynx", "ipsec0"];
        assert_eq!(kinds(&names), [NetworkKind::Vpn; 5]);
        assert_eq!(network_kind("anything", true), NetworkKind::Vpn);
    }

    #[test]
    fn networks_of_containers_and_virtual_machines_are_inside() {
        let names = ["docker0", "br-4f1c", "veth12ab", "virbr0", "vmnet8", "vboxnet0", "lxdbr0"];
        assert_eq!(kinds(&names), [NetworkKind::Virtual; 7]);
        let names = ["vEthernet (WSL)", "VMware Network Adapter VMnet8", "VirtualBox Host-Only"];
        assert_eq!(kinds(&names), [NetworkKind::Virtual; 3]);
    }

    #[test]
    fn the_address_that_a_phone_reaches_comes_first() {
        let address = |interface: &str, ip: &str| LocalAddress {
            interface: interface.to_owned(),
            ip: ip.parse().unwrap(),
            scope: 1,
            is_point_to_point: false,
        };
        let machine = vec![
            address("docker0", "172.17.0.1"),
            address("tun0", "10.8.0.2"),
            address("wlan0", "fe80::1"),
            address("wlan0", "fd00::1"),
            address("eth1", "169.254.3.4"),
            address("eth0", "203.0.113.9"),
            address("wlan0", "192.168.1.20"),
            address("eth2", "10.0.0.5"),
            address("office", "172.20.0.1"),
        ];
        let sorted = best_first(machine);
        let texts: Vec<String> = sorted.iter().map(|(address, _)| address.ip.to_string()).collect();
        let local =
            ["192.168.1.20", "10.0.0.5", "172.20.0.1", "203.0.113.9", "169.254.3.4", "fd00::1"];
        assert_eq!(texts[..6], local);
        assert_eq!(texts[6..], ["fe80::1", "10.8.0.2", "172.17.0.1"]);
        assert_eq!(sorted[7].1, NetworkKind::Vpn);
        assert_eq!(sorted[8].1, NetworkKind::Virtual);
    }

    #[test]
    fn loopback_is_inside_this_machine_whatever_it_is_called() {
        let lo = LocalAddress {
            interface: "lo".to_owned(),
            ip: "127.0.0.1".parse().unwrap(),
            scope: 1,
            is_point_to_point: false,
        };
        assert_eq!(best_first(vec![lo])[0].1, NetworkKind::Virtual);
    }
}
