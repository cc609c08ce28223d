//! Knocks at every address of this machine's networks, because a person asked for it: where multicast
//! is blocked, that finds cameras which nobody knows yet.
//!
//! Only at private IPv4 networks of 256 addresses around our own, only at the signaling ports. What
//! answers is told as an open port; who it is, its key proves when it is dialed.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use lanlens_discovery::{best_first, interfaces};
use lanlens_mesh::ScanInput;
use lanlens_model::NetworkKind;
use lanlens_model::limits::SIGNALING_PORTS;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::input::Input;

/// Networks that are searched; a machine with more of them is a server.
const NETWORKS_MAX: usize = 4;
/// Connections on their way at once: home routers remember a few hundred.
const AT_ONCE: usize = 128;
/// On a local network an answer takes milliseconds; a phone that sleeps may take some hundred.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);

/// Searches once. The last input is [`ScanInput::Done`].
pub(crate) async fn run(names: Vec<String>, inputs: mpsc::Sender<Input>) {
    let own = interfaces::local_addresses(&names).unwrap_or_default();
    // There are no cameras behind the bridges of containers, and a company's network behind a VPN must
    // not be knocked at.
    let real = best_first(own).into_iter().filter(|(_, kind)| *kind == NetworkKind::Local);
    let own: Vec<IpAddr> = real.map(|(address, _)| address.ip).collect();
    let hosts = hosts(&own);
    let tell = async |input| inputs.send(Input::Scan(input)).await.is_ok();
    let (total, mut done) = (hosts.len(), 0);
    let mut left = hosts.into_iter();
    let mut knocking = JoinSet::new();
    loop {
        while knocking.len() < AT_ONCE
            && let Some(host) = left.next()
        {
            knocking.spawn(open_ports(host));
        }
        let Some(ports) = knocking.join_next().await else { break };
        done += 1;
        for address in ports.unwrap_or_default() {
            if !tell(ScanInput::Open(address)).await {
                return;
            }
        }
        if done % 16 == 0 && !tell(ScanInput::Progress { done, total }).await {
            return;
        }
    }
    tell(ScanInput::Done { total }).await;
}

/// Each program of a host has one of the ports, not always the first. Where nothing answers at all, nobody
/// is there.
async fn open_ports(host: Ipv4Addr) -> Vec<SocketAddr> {
    let mut open = Vec::new();
    for port in SIGNALING_PORTS {
        let address = SocketAddr::from((host, port));
        match timeout(ANSWER_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(_)) => open.push(address),
            Ok(Err(error)) if error.kind() == ErrorKind::ConnectionRefused => {}
            _ => break,
        }
    }
    open
}

/// Everyone else in our networks, those next to us in number first: routers hand out neighbours.
fn hosts(own: &[IpAddr]) -> Vec<Ipv4Addr> {
    let own: Vec<Ipv4Addr> = own
        .iter()
        .filter_map(|ip| match ip {
            IpAddr::V4(ip) if ip.is_private() || ip.is_link_local() => Some(*ip),
            _ => None,
        })
        .collect();
    let mut networks: Vec<[u8; 3]> = own.iter().map(network).collect();
    // Homes first: companies and containers use the larger ranges.
    networks.sort_by_key(|network| (network[0] != 192, *network));
    networks.dedup();
    let mut hosts = Vec::new();
    for network in networks.into_iter().take(NETWORKS_MAX) {
        let [a, b, c] = network;
        let ours =
            own.iter().find(|ip| self::network(ip) == network).map_or(0, |ip| ip.octets()[3]);
        let mut numbers: Vec<u8> = (1..=254).collect();
        numbers.sort_by_key(|number| number.abs_diff(ours));
        hosts.extend(numbers.into_iter().map(|d| Ipv4Addr::new(a, b, c, d)));
    }
    hosts.retain(|host| !own.contains(host));
    hosts
}

fn network(ip: &Ipv4Addr) -> [u8; 3] {
    let [a, b, c, _] = ip.octets();
    [a, b, c]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn neighbours_come_first_and_we_ourselves_not_at_all() {
        let found = hosts(&ips(&["192.168.1.20", "fe80::1", "192.168.1.21"]));
        assert_eq!(found.len(), 252);
        assert_eq!(found[0], Ipv4Addr::new(192, 168, 1, 19));
        assert!(!found.contains(&Ipv4Addr::new(192, 168, 1, 20)));
        assert!(!found.contains(&Ipv4Addr::new(192, 168, 1, 255)));
    }

    #[test]
    fn the_internet_is_never_searched() {
        assert!(hosts(&ips(&["203.0.113.7", "127.0.0.1", "2001:db8::1"])).is_empty());
    }

    #[test]
    fn the_home_comes_before_larger_networks() {
        let own = ["10.1.1.1", "10.2.2.2", "10.3.3.3", "10.4.4.4", "192.168.7.2"];
        assert_eq!(hosts(&ips(&own))[0], Ipv4Addr::new(192, 168, 7, 1));
    }

    #[test]
    fn a_machine_of_many_networks_is_searched_in_some() {
        let own: Vec<IpAddr> = (0..40).map(|n| IpAddr::from([10, 0, n, 1])).collect();
        assert_eq!(hosts(&own).len(), NETWORKS_MAX * 253);
    }
}
