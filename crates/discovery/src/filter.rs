//! What may pass from the network to the mesh: shape, addresses, limits, and only news.
//!
//! Owns the list of instances that were told. Sans-IO: whether an interface is loopback, and the
//! time, come in as arguments.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::{Duration, Instant};

use lanlens_model::limits::{
    ADDRESSES_PER_NODE_MAX, CAMERAS_MAX, INSTANCES_PER_ADDRESS_MAX, NODES_MAX, PORT_MIN,
};
use lanlens_protocol::{DiscoveryEvent, Txt, TxtError};
use thiserror::Error;

/// Instances remembered at once.
const INSTANCES_MAX: usize = NODES_MAX + CAMERAS_MAX;
/// After a new subscription the daemon repeats what it knows at once; who is not repeated within
/// this was lost in between.
pub(crate) const REPEAT_TIMEOUT: Duration = Duration::from_secs(3);

/// Where an address record was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) ip: IpAddr,
    pub(crate) scope: u32,
    pub(crate) on_loopback: bool,
}

/// Why an announcement is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum Ignored {
    #[error(transparent)]
    Txt(#[from] TxtError),
    #[error("port {0} is below {PORT_MIN}")]
    Port(u16),
    #[error("no address that could be dialed")]
    NoAddress,
    #[error("too many service instances at its addresses")]
    AddressFull,
    #[error("too many service instances")]
    Full,
}

#[derive(Debug)]
struct Known {
    txt: Txt,
    addresses: Vec<SocketAddr>,
    /// Removed at this time unless it is repeated.
    doubtful_until: Option<Instant>,
}

/// The gate.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    known: BTreeMap<String, Known>,
}

impl Filter {
    /// A resolved instance; an event if it says anything new.
    pub(crate) fn handle_resolved<'a>(
        &mut self,
        instance: &str,
        port: u16,
        heard: &[Heard],
        pairs: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Option<DiscoveryEvent>, Ignored> {
        let txt = Txt::parse(pairs)?;
        if port < PORT_MIN {
            return Err(Ignored::Port(port));
        }
        let addresses = dialable(port, heard);
        if addresses.is_empty() {
            return Err(Ignored::NoAddress);
        }
        if self.known.len() >= INSTANCES_MAX && !self.known.contains_key(instance) {
            return Err(Ignored::Full);
        }
        let addresses = self.within_quota(instance, addresses)?;
        if let Some(known) = self.known.get_mut(instance) {
            known.doubtful_until = None;
            if known.txt == txt && known.addresses == addresses {
                return Ok(None);
            }
        }
        let known = Known { txt: txt.clone(), addresses: addresses.clone(), doubtful_until: None };
        self.known.insert(instance.to_owned(), known);
        Ok(Some(DiscoveryEvent::Resolved { instance: instance.to_owned(), txt, addresses }))
    }

    /// Only the addresses at which not too many other instances claim to be.
    fn within_quota(
        &self,
        instance: &str,
        mut addresses: Vec<SocketAddr>,
    ) -> Result<Vec<SocketAddr>, Ignored> {
        let mut counts: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for (_, known) in self.known.iter().filter(|(name, _)| *name != instance) {
            let ips: BTreeSet<IpAddr> = known.addresses.iter().map(SocketAddr::ip).collect();
            ips.into_iter().for_each(|ip| *counts.entry(ip).or_default() += 1);
        }
        addresses
            .retain(|a| counts.get(&a.ip()).is_none_or(|count| *count < INSTANCES_PER_ADDRESS_MAX));
        if addresses.is_empty() { Err(Ignored::AddressFull) } else { Ok(addresses) }
    }

    /// A goodbye or an expired record; an event if the instance had been told.
    pub(crate) fn handle_removed(&mut self, instance: &str) -> Option<DiscoveryEvent> {
        self.known.remove(instance)?;
        Some(DiscoveryEvent::Removed { instance: instance.to_owned() })
    }

    /// A new subscription begins: what is not repeated soon went away unheard.
    pub(crate) fn handle_resubscribed(&mut self, now: Instant) {
        for known in self.known.values_mut() {
            known.doubtful_until.get_or_insert(now + REPEAT_TIMEOUT);
        }
    }

    /// Instances that were not repeated in time.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Vec<DiscoveryEvent> {
        let late = |known: &Known| known.doubtful_until.is_some_and(|until| until <= now);
        let gone: Vec<String> =
            self.known.iter().filter(|(_, k)| late(k)).map(|(name, _)| name.clone()).collect();
        gone.iter().filter_map(|instance| self.handle_removed(instance)).collect()
    }

    /// When [`Filter::handle_timeout`] has something to do.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.known.values().filter_map(|known| known.doubtful_until).min()
    }
}

/// Addresses that a peer can have, in a fixed order: IPv4, IPv6, link-local, loopback.
///
/// A loopback address counts only where it was heard on loopback: anyone else naming it would make
/// us dial ourselves.
fn dialable(port: u16, heard: &[Heard]) -> Vec<SocketAddr> {
    let mut addresses: Vec<(u8, SocketAddr)> = heard
        .iter()
        .filter_map(|h| {
            let rank = rank(h)?;
            let address = match h.ip {
                IpAddr::V6(ip) if is_link_local(ip) => {
                    SocketAddrV6::new(ip, port, 0, h.scope).into()
                }
                ip => SocketAddr::new(ip, port),
            };
            Some((rank, address))
        })
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(ADDRESSES_PER_NODE_MAX);
    addresses.into_iter().map(|(_, address)| address).collect()
}

fn rank(heard: &Heard) -> Option<u8> {
    match heard.ip {
        ip if ip.is_loopback() => heard.on_loopback.then_some(3),
        ip if ip.is_unspecified() || ip.is_multicast() => None,
        IpAddr::V4(ip) if ip.is_broadcast() => None,
        IpAddr::V4(_) => Some(0),
        IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some() => None,
        IpAddr::V6(ip) if is_link_local(ip) => (heard.scope != 0).then_some(2),
        IpAddr::V6(_) => Some(1),
    }
}

fn is_link_local(ip: Ipv6Addr) -> bool {
    ip.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanlens_model::{DeviceId, Epoch, NodeId, Role};

    fn txt(slot: &str) -> Txt {
        let node = NodeId::new(DeviceId::from_spki(b"key"), slot);
        let name = "Kitchen".into();
        Txt { node, role: Role::Camera, epoch: Epoch(1), camera: None, name, via: None }
    }

    fn heard(ip: &str) -> Heard {
        Heard { ip: ip.parse().unwrap(), scope: 3, on_loopback: false }
    }

    fn resolve(
        filter: &mut Filter,
        name: &str,
        port: u16,
        ips: &[&str],
    ) -> Result<Option<DiscoveryEvent>, Ignored> {
        let pairs = txt(name).encode();
        let pairs = pairs.iter().map(|(k, v)| (k.as_str(), v.as_bytes()));
        let heard: Vec<Heard> = ips.iter().map(|ip| heard(ip)).collect();
        filter.handle_resolved(name, port, &heard, pairs)
    }

    #[test]
    fn a_camera_is_told_once_and_again_when_its_address_changes() {
        let mut filter = Filter::default();
        assert!(resolve(&mut filter, "a", 17470, &["10.0.0.1"]).unwrap().is_some());
        assert_eq!(resolve(&mut filter, "a", 17470, &["10.0.0.1"]), Ok(None));
        assert!(resolve(&mut filter, "a", 17470, &["10.0.0.2"]).unwrap().is_some());
        assert!(filter.handle_removed("a").is_some());
        assert_eq!(filter.handle_removed("a"), None);
    }

    #[test]
    fn addresses_nobody_can_have_are_dropped_and_link_local_ones_get_their_scope() {
        let mut filter = Filter::default();
        let ips = ["fe80::1", "0.0.0.0", "224.0.0.251", "127.0.0.1", "::1", "fd00::1", "10.0.0.1"];
        let event = resolve(&mut filter, "a", 17470, &ips).unwrap();
        let Some(DiscoveryEvent::Resolved { addresses, .. }) = event else { panic!("no event") };
        let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["10.0.0.1:17470", "[fd00::1]:17470", "[fe80::1%3]:17470"]);
        assert_eq!(resolve(&mut filter, "b", 17470, &["127.0.0.1"]), Err(Ignored::NoAddress));
    }

    #[test]
    fn a_program_on_the_same_machine_is_found_on_loopback() {
        let mut filter = Filter::default();
        let pairs = txt("a").encode();
        let pairs = pairs.iter().map(|(k, v)| (k.as_str(), v.as_bytes()));
        let on_loopback = [Heard { on_loopback: true, ..heard("127.0.0.1") }];
        assert!(filter.handle_resolved("a", 17470, &on_loopback, pairs).unwrap().is_some());
    }

    #[test]
    fn system_ports_are_not_dialed() {
        let mut filter = Filter::default();
        let ips = ["10.0.0.1"];
        assert_eq!(resolve(&mut filter, "a", PORT_MIN - 1, &ips), Err(Ignored::Port(1023)));
        assert!(resolve(&mut filter, "a", PORT_MIN, &ips).is_ok());
    }

    #[test]
    fn one_address_cannot_fill_the_list() {
        let mut filter = Filter::default();
        for n in 0..INSTANCES_PER_ADDRESS_MAX {
            assert!(resolve(&mut filter, &n.to_string(), 17470, &["10.0.0.1"]).is_ok());
        }
        assert_eq!(resolve(&mut filter, "x", 17470, &["10.0.0.1"]), Err(Ignored::AddressFull));
        assert!(resolve(&mut filter, "0", 17471, &["10.0.0.1"]).unwrap().is_some());
        assert!(resolve(&mut filter, "x", 17470, &["10.0.0.1", "10.0.0.2"]).is_ok());
    }

    #[test]
    fn many_addresses_cannot_fill_the_memory() {
        let mut filter = Filter::default();
        let ip = |n: usize| Ipv6Addr::from(0xfd00_u128 << 112 | n as u128).to_string();
        for n in 0..INSTANCES_MAX {
            assert!(resolve(&mut filter, &n.to_string(), 17470, &[&ip(n)]).is_ok());
        }
        let one_more = resolve(&mut filter, "x", 17470, &[&ip(INSTANCES_MAX)]);
        assert_eq!(one_more, Err(Ignored::Full));
        let all: Vec<String> = (0..100).map(ip).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let Ok(Some(DiscoveryEvent::Resolved { addresses, .. })) =
            resolve(&mut filter, "0", 17470, &all)
        else {
            panic!("no event")
        };
        assert_eq!(addresses.len(), ADDRESSES_PER_NODE_MAX);
    }

    #[test]
    fn who_left_during_a_gap_is_removed_and_who_is_repeated_stays() {
        let (mut filter, start) = (Filter::default(), Instant::now());
        resolve(&mut filter, "stays", 17470, &["10.0.0.1"]).unwrap();
        resolve(&mut filter, "left", 17470, &["10.0.0.2"]).unwrap();
        assert_eq!(filter.poll_timeout(), None);
        filter.handle_resubscribed(start);
        assert_eq!(resolve(&mut filter, "stays", 17470, &["10.0.0.1"]), Ok(None));
        assert_eq!(filter.handle_timeout(start), []);
        let at = filter.poll_timeout().unwrap();
        assert_eq!(
            filter.handle_timeout(at),
            [DiscoveryEvent::Removed { instance: "left".into() }]
        );
        assert_eq!(filter.poll_timeout(), None);
    }
}
