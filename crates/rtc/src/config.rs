//! Where media may bind: which addresses, which ports.
//!
//! Owns [`RtcConfig`] and the address list that the WebRTC stack resolves afresh for every bind, at
//! the start of a session and at each ICE restart, so that a session follows a network change.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use lanlens_media::{Allowance, SharedBudget};
use lanlens_model::limits;

/// What every session of a node has in common. Make one and clone it: what packets may hold in all is
/// counted among the clones.
#[derive(Clone)]
pub struct RtcConfig {
    /// The addresses of the chosen interfaces, asked anew whenever sockets are bound. Loopback is
    /// used if it is listed. IPv6 link-local addresses are left out: the WebRTC stack loses their
    /// scope id.
    pub local_addresses: Arc<dyn Fn() -> Vec<IpAddr> + Send + Sync>,
    /// UDP ports to bind first, so that a firewall rule can be written; any port if none is free.
    pub ports: RangeInclusive<u16>,
    /// What the packets of all sessions may hold beyond each one's own part.
    reassembly: SharedBudget,
}

impl std::fmt::Debug for RtcConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RtcConfig").field("ports", &self.ports).finish_non_exhaustive()
    }
}

impl RtcConfig {
    /// Sessions on the addresses that `local_addresses` gives, on [`limits::MEDIA_PORTS`].
    pub fn new(local_addresses: impl Fn() -> Vec<IpAddr> + Send + Sync + 'static) -> Self {
        Self {
            local_addresses: Arc::new(local_addresses),
            ports: limits::MEDIA_PORTS,
            reassembly: SharedBudget::new(limits::REASSEMBLY_BYTES_SHARED),
        }
    }

    /// What one more stream's packets may hold.
    pub(crate) fn reassembly(&self) -> Allowance {
        self.reassembly.allowance(limits::REASSEMBLY_BYTES_OWN)
    }

    /// The local addresses that media can use now.
    pub(crate) fn usable_addresses(&self) -> Vec<IpAddr> {
        let mut addresses = (self.local_addresses)();
        addresses.retain(|address| is_bindable(*address));
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }

    /// The list that the WebRTC stack resolves at every bind.
    pub(crate) fn bind_list(&self) -> BindList {
        BindList { config: self.clone() }
    }
}

fn is_bindable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_unspecified() && !v4.is_multicast() && !v4.is_broadcast(),
        IpAddr::V6(v6) => !v6.is_unspecified() && !v6.is_multicast() && !v6.is_unicast_link_local(),
    }
}

/// Resolves to one free port on each usable address, at the moment it is asked.
pub(crate) struct BindList {
    config: RtcConfig,
}

impl ToSocketAddrs for BindList {
    type Iter = std::vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        let offset = next_offset();
        let bound: Vec<SocketAddr> = self
            .config
            .usable_addresses()
            .into_iter()
            .map(|address| SocketAddr::new(address, free_port(address, &self.config.ports, offset)))
            .collect();
        Ok(bound.into_iter())
    }
}

/// Each session starts its search one port further. The stack binds after we have looked, so two
/// sessions that start together must not find the same port free; a random beginning keeps two
/// processes of one machine apart.
fn next_offset() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    static FIRST: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    let first = *FIRST.get_or_init(|| fastrand::u32(..));
    first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The first free port of `ports`, going round from `offset`; 0 (any) if all are taken.
fn free_port(address: IpAddr, ports: &RangeInclusive<u16>, offset: u32) -> u16 {
    let count = u32::from(ports.end().saturating_sub(*ports.start())) + 1;
    if ports.is_empty() {
        return 0;
    }
    (0..count)
        .map(|step| (offset.wrapping_add(step) % count) as u16 + ports.start())
        .find(|port| UdpSocket::bind((address, *port)).is_ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    fn config(addresses: Vec<IpAddr>, ports: RangeInclusive<u16>) -> RtcConfig {
        RtcConfig { ports, ..RtcConfig::new(move || addresses.clone()) }
    }

    #[test]
    fn addresses_that_cannot_carry_media_are_left_out() {
        let link_local: Ipv6Addr = "fe80::1".parse().unwrap();
        let config = config(
            vec![
                Ipv4Addr::UNSPECIFIED.into(),
                Ipv4Addr::LOCALHOST.into(),
                Ipv4Addr::LOCALHOST.into(),
                link_local.into(),
            ],
            limits::MEDIA_PORTS,
        );
        assert_eq!(config.usable_addresses(), vec![IpAddr::from(Ipv4Addr::LOCALHOST)]);
    }

    #[test]
    fn a_taken_port_is_passed_over_and_a_full_range_means_any() {
        let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let only = port..=port;
        assert_eq!(free_port(Ipv4Addr::LOCALHOST.into(), &only, 7), 0);
    }

    #[test]
    fn two_sessions_that_look_at_once_get_different_ports() {
        let list = config(vec![Ipv4Addr::LOCALHOST.into()], limits::MEDIA_PORTS).bind_list();
        let first: Vec<_> = list.to_socket_addrs().unwrap().collect();
        let second: Vec<_> = list.to_socket_addrs().unwrap().collect();
        assert_ne!(first, second);
    }
}
