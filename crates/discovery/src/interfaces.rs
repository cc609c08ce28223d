//! This machine's own addresses, as they are now.
//!
//! Reads the system's list at every call: addresses change while programs run.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use if_addrs::{Interface, get_if_addrs};

/// An address of one of this machine's interfaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalAddress {
    /// The interface's name.
    pub interface: String,
    /// The address.
    pub ip: IpAddr,
    /// The interface's index; 0 where the system has none. Link-local addresses mean nothing
    /// without it (RFC 4007).
    pub scope: u32,
    /// The interface has two ends only, as tunnels have.
    pub is_point_to_point: bool,
}

impl LocalAddress {
    /// The address with a port; IPv6 link-local ones carry their scope.
    pub fn with_port(&self, port: u16) -> SocketAddr {
        match self.ip {
            IpAddr::V6(ip) if ip.is_unicast_link_local() => {
                SocketAddrV6::new(ip, port, 0, self.scope).into()
            }
            ip => SocketAddr::new(ip, port),
        }
    }
}

/// Addresses of the interfaces that are up, the most useful first: IPv4, then IPv6, then IPv6
/// link-local.
///
/// With a `filter` only the interfaces named in it. Without one all but loopback, unless nothing
/// else is up.
///
/// # Errors
/// What the system said when asked for its interfaces.
pub fn local_addresses(filter: &[String]) -> io::Result<Vec<LocalAddress>> {
    Ok(select(get_if_addrs()?, filter))
}

/// The names in `filter` that no interface with an address has now.
///
/// # Errors
/// What the system said when asked for its interfaces.
pub fn missing(filter: &[String]) -> io::Result<Vec<String>> {
    let present = get_if_addrs()?;
    let is_missing = |name: &&String| !present.iter().any(|interface| interface.name == **name);
    Ok(filter.iter().filter(is_missing).cloned().collect())
}

fn select(interfaces: Vec<Interface>, filter: &[String]) -> Vec<LocalAddress> {
    let mut chosen: Vec<Interface> = interfaces
        .into_iter()
        .filter(|interface| interface.is_oper_up())
        .filter(|interface| filter.is_empty() || filter.contains(&interface.name))
        .collect();
    if filter.is_empty() && chosen.iter().any(|interface| !interface.is_loopback()) {
        chosen.retain(|interface| !interface.is_loopback());
    }
    chosen.sort_by_key(|interface| match interface.ip() {
        IpAddr::V4(_) => 0,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => 2,
        IpAddr::V6(_) => 1,
    });
    chosen
        .into_iter()
        .map(|interface| LocalAddress {
            ip: interface.ip(),
            scope: interface.index.unwrap_or_default(),
            is_point_to_point: interface.is_p2p,
            interface: interface.name,
        })
        .collect()
}

/// Whether the interface with this index is loopback.
pub(crate) fn is_loopback(index: u32) -> bool {
    let loopback = |i: &Interface| i.index == Some(index) && i.is_loopback();
    get_if_addrs().is_ok_and(|all| all.iter().any(loopback))
}

#[cfg(test)]
mod tests {
    use super::*;
    use if_addrs::{IfAddr, IfOperStatus, Ifv4Addr, Ifv6Addr};
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn interface(name: &str, ip: &str, oper_status: IfOperStatus) -> Interface {
        let addr = match ip.parse().unwrap() {
            IpAddr::V4(ip) => {
                let netmask = Ipv4Addr::UNSPECIFIED;
                IfAddr::V4(Ifv4Addr { ip, netmask, prefixlen: 24, broadcast: None })
            }
            IpAddr::V6(ip) => {
                let netmask = Ipv6Addr::UNSPECIFIED;
                IfAddr::V6(Ifv6Addr { ip, netmask, prefixlen: 64, broadcast: None })
            }
        };
        Interface {
            name: name.into(),
            addr,
            index: Some(7),
            oper_status,
            is_p2p: false,
            #[cfg(windows)]
            adapter_name: String::new(),
        }
    }

    fn machine() -> Vec<Interface> {
        use IfOperStatus::{Down, Up};
        vec![
            interface("lo", "127.0.0.1", Up),
            interface("wlan0", "fe80::1", Up),
            interface("wlan0", "fd00::1", Up),
            interface("wlan0", "192.168.1.2", Up),
            interface("tun0", "10.8.0.2", Up),
            interface("eth0", "192.168.2.2", Down),
        ]
    }

    fn ips(machine: Vec<Interface>, filter: &[&str]) -> Vec<String> {
        let filter: Vec<String> = filter.iter().map(|name| (*name).to_owned()).collect();
        select(machine, &filter).iter().map(|address| address.ip.to_string()).collect()
    }

    #[test]
    fn loopback_counts_only_when_named_or_when_nothing_else_is_up() {
        assert_eq!(ips(machine(), &[]), ["192.168.1.2", "10.8.0.2", "fd00::1", "fe80::1"]);
        assert_eq!(ips(machine(), &["lo"]), ["127.0.0.1"]);
        assert_eq!(ips(machine(), &["tun0", "none"]), ["10.8.0.2"]);
        let alone = machine().into_iter().filter(|i| i.name == "lo").collect();
        assert_eq!(ips(alone, &[]), ["127.0.0.1"]);
    }

    #[test]
    fn a_link_local_address_carries_its_scope_and_no_other_does() {
        let all = select(machine(), &["wlan0".to_owned()]);
        let texts: Vec<String> = all.iter().map(|a| a.with_port(5).to_string()).collect();
        assert_eq!(texts, ["192.168.1.2:5", "[fd00::1]:5", "[fe80::1%7]:5"]);
    }

    #[test]
    fn a_name_without_an_interface_is_reported() {
        assert_eq!(missing(&["no-such-interface".to_owned()]).unwrap(), ["no-such-interface"]);
    }
}
