//! Which addresses belong to the local network, and where nodes were.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::NodeId;

/// Where a node was reached in an earlier life of this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownNode {
    /// Which; it must prove to be.
    pub node: NodeId,
    /// Where it listened, the best first.
    pub addresses: Vec<SocketAddr>,
}

/// Whether `address` may be sent to or accepted from, given this machine's own addresses: private
/// (RFC 1918), link-local (RFC 3927, RFC 4291), unique local (RFC 4193), loopback if we use it
/// ourselves, or a global one that shares a prefix (/24, /64) with one of ours.
///
/// Names and announcements from the network must not point us at the internet.
pub fn is_on_local_network(address: IpAddr, local: &[IpAddr]) -> bool {
    match address {
        ip if ip.is_loopback() => local.iter().any(IpAddr::is_loopback),
        ip if ip.is_multicast() || ip.is_unspecified() => false,
        IpAddr::V4(v4) if v4.is_broadcast() => false,
        IpAddr::V4(v4) if v4.is_private() || v4.is_link_local() => true,
        IpAddr::V4(v4) => local.iter().any(|ours| match ours {
            IpAddr::V4(ours) => ours.octets()[..3] == v4.octets()[..3],
            IpAddr::V6(_) => false,
        }),
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => false,
        IpAddr::V6(v6) if v6.is_unicast_link_local() || v6.is_unique_local() => true,
        IpAddr::V6(v6) => local.iter().any(|ours| match ours {
            IpAddr::V6(ours) => ours.segments()[..4] == v6.segments()[..4],
            IpAddr::V4(_) => false,
        }),
    }
}

/// What counts as one address where tries are counted: an IPv4 address, or of IPv6 the network of
/// 64 bits, since a host can take as many addresses in it as it likes. (Of link-local ones the whole
/// address: all hosts of a link share one network.)
pub fn origin(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) if !v6.is_unicast_link_local() => {
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64))
        }
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(address: &str, local: &[&str]) -> bool {
        let local: Vec<IpAddr> = local.iter().map(|text| text.parse().unwrap()).collect();
        is_on_local_network(address.parse().unwrap(), &local)
    }

    #[test]
    fn the_local_network_is_private_link_local_or_next_to_us() {
        for address in ["192.168.1.7", "10.0.0.1", "169.254.3.4", "fd00::7", "fe80::1"] {
            assert!(verdict(address, &[]), "{address}");
        }
        assert!(verdict("203.0.113.9", &["203.0.113.200"]));
        assert!(verdict("2001:db8:1:2::9", &["2001:db8:1:2::1"]));
        assert!(verdict("127.0.0.1", &["127.0.0.1"]));
    }

    #[test]
    fn a_host_is_counted_once_whatever_address_it_takes() {
        let same = |a: &str, b: &str| origin(a.parse().unwrap()) == origin(b.parse().unwrap());
        assert!(same("fd00::1:2", "fd00::ffff:1"));
        assert!(same("::ffff:10.0.0.1", "10.0.0.1"));
        assert!(!same("fd00::1", "fd00:0:0:1::1"));
        assert!(!same("fe80::1", "fe80::2"));
        assert!(!same("10.0.0.1", "10.0.0.2"));
    }

    #[test]
    fn the_internet_is_not() {
        for address in ["8.8.8.8", "203.0.114.9", "2001:db8:1:3::9", "127.0.0.1", "::1", "0.0.0.0"]
        {
            assert!(!verdict(address, &["203.0.113.200", "2001:db8:1:2::1"]), "{address}");
        }
        for address in ["224.0.0.251", "255.255.255.255", "ff02::fb", "::ffff:10.0.0.1"] {
            assert!(!verdict(address, &["10.0.0.2"]), "{address}");
        }
    }
}
