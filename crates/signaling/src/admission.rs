//! How many strangers may stand at the door at once.
//!
//! Owns the counts of sockets that have not greeted yet, in all and an address, and the addresses of
//! devices that matter here ([`KnownAddresses`]). Some room is kept for those, so that a flood of
//! strangers does not lock out the cameras that are watched. Nobody becomes known by what it does at
//! the door: a greeting costs nothing.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lanlens_model::limits::{HANDSHAKES_MAX, HANDSHAKES_PER_ADDRESS_MAX, HANDSHAKES_RESERVED};
use thiserror::Error;
use tokio::sync::Notify;

/// Addresses remembered.
const KNOWN_MAX: usize = 256;

/// Why a socket is closed before a byte was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Full {
    #[error("more than {HANDSHAKES_PER_ADDRESS_MAX} unfinished connections from this address")]
    Address,
    #[error("too many unfinished connections; room is kept for known devices")]
    Strangers,
}

/// What counts as one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    /// An IPv4 address. An IPv6 link-local one: all hosts of the link share their network, and one
    /// of them must not lock out the others. A known one: its neighbours must not lock it out.
    One(IpAddr),
    /// An IPv6 network of 64 bits, since a host can take as many addresses in it as it likes.
    Network(u64),
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    /// Of origins with a ticket: at most as many as there are tickets, [`HANDSHAKES_MAX`]. So it
    /// needs no limit of its own, however many addresses a host of the link takes.
    by_origin: BTreeMap<Origin, usize>,
    /// The one noted last is last.
    known: VecDeque<IpAddr>,
}

impl Counts {
    fn origin(&self, ip: IpAddr) -> Origin {
        match ip {
            IpAddr::V6(v6) if !v6.is_unicast_link_local() && !self.known.contains(&ip) => {
                Origin::Network((Ipv6Addr::to_bits(v6) >> 64) as u64)
            }
            _ => Origin::One(ip),
        }
    }
}

/// The addresses of devices that matter to this node: those that may watch its cameras, and the
/// cameras that it watches itself. Some places at the door are theirs alone. Clones share one list.
#[derive(Debug, Clone)]
pub struct KnownAddresses {
    admission: Arc<Admission>,
}

impl KnownAddresses {
    pub(crate) fn of(admission: &Arc<Admission>) -> Self {
        Self { admission: Arc::clone(admission) }
    }

    /// A device at `ip` has proven its key and matters here. To be called again when it links again:
    /// the 256 addresses noted last are remembered. Cheap, and never waits.
    pub fn note(&self, ip: IpAddr) {
        let ip = ip.to_canonical();
        let mut counts = self.admission.counts();
        counts.known.retain(|known| *known != ip);
        if counts.known.len() == KNOWN_MAX {
            counts.known.pop_front();
        }
        counts.known.push_back(ip);
    }
}

/// The door of one listener.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    counts: Mutex<Counts>,
    freed: Notify,
}

impl Admission {
    /// Whether another socket may be accepted; more wait in the system's backlog.
    pub(crate) fn has_room(&self) -> bool {
        self.counts().total < HANDSHAKES_MAX
    }

    /// Waits until a place was freed.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// A place for a socket from `ip`, until the ticket is dropped.
    pub(crate) fn admit(self: &Arc<Self>, ip: IpAddr) -> Result<Ticket, Full> {
        let ip = ip.to_canonical();
        let mut counts = self.counts();
        let origin = counts.origin(ip);
        let here = counts.by_origin.get(&origin).copied().unwrap_or_default();
        if here >= HANDSHAKES_PER_ADDRESS_MAX {
            return Err(Full::Address);
        }
        let for_strangers = HANDSHAKES_MAX - HANDSHAKES_RESERVED;
        let places = if counts.known.contains(&ip) { HANDSHAKES_MAX } else { for_strangers };
        if counts.total >= places {
            return Err(Full::Strangers);
        }
        counts.total += 1;
        counts.by_origin.insert(origin, here + 1);
        Ok(Ticket { admission: Arc::clone(self), origin })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place at the door, given up when it is dropped.
#[derive(Debug)]
pub(crate) struct Ticket {
    admission: Arc<Admission>,
    origin: Origin,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut counts = self.admission.counts();
        counts.total = counts.total.saturating_sub(1);
        if let Some(here) = counts.by_origin.get_mut(&self.origin) {
            *here = here.saturating_sub(1);
            if *here == 0 {
                counts.by_origin.remove(&self.origin);
            }
        }
        self.admission.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn v4(n: usize) -> IpAddr {
        ip(&format!("10.0.{}.{}", n / 256, n % 256))
    }

    /// As many tickets as `admit` gives, and why it gives no more.
    fn fill(admit: impl Fn(usize) -> Result<Ticket, Full>) -> (Vec<Ticket>, Full) {
        let mut tickets = Vec::new();
        loop {
            match admit(tickets.len()) {
                Ok(ticket) => tickets.push(ticket),
                Err(full) => return (tickets, full),
            }
        }
    }

    #[test]
    fn one_address_gets_its_share_and_no_more() {
        let door = Arc::new(Admission::default());
        let admit = |n: usize| door.admit(ip(&format!("2001:db8::{n:x}")));
        let (mut tickets, full) = fill(admit);
        assert_eq!((tickets.len(), full), (HANDSHAKES_PER_ADDRESS_MAX, Full::Address));
        assert!(door.admit(ip("2001:db8:0:1::1")).is_ok());
        tickets.pop();
        assert!(admit(99).is_ok());
    }

    #[test]
    fn one_host_of_the_link_does_not_lock_out_the_others() {
        for (bad, good) in [("fe80::bad", "fe80::1"), ("10.0.0.9", "10.0.0.1")] {
            let door = Arc::new(Admission::default());
            let (tickets, full) = fill(|_| door.admit(ip(bad)));
            assert_eq!((tickets.len(), full), (HANDSHAKES_PER_ADDRESS_MAX, Full::Address));
            assert!(door.admit(ip(good)).is_ok(), "{good}");
        }
    }

    #[test]
    fn a_host_with_a_thousand_link_local_addresses_fills_no_memory_and_no_reserved_place() {
        let door = Arc::new(Admission::default());
        let known = ip("fe80::1");
        KnownAddresses::of(&door).note(known);
        let (_tickets, full) = fill(|n| door.admit(ip(&format!("fe80::bad:{n:x}"))));
        assert_eq!(full, Full::Strangers);
        assert_eq!(door.counts().by_origin.len(), HANDSHAKES_MAX - HANDSHAKES_RESERVED);
        let (friends, _) = fill(|_| door.admit(known));
        assert_eq!(friends.len(), HANDSHAKES_RESERVED);
        assert!(!door.has_room());
        drop((_tickets, friends));
        assert!(door.counts().by_origin.is_empty());
    }

    #[test]
    fn neighbours_in_a_known_devices_network_do_not_lock_it_out() {
        let door = Arc::new(Admission::default());
        let known = ip("fd77::1");
        KnownAddresses::of(&door).note(known);
        let (_tickets, full) = fill(|n| door.admit(ip(&format!("fd77::bad:{n:x}"))));
        assert_eq!(full, Full::Address);
        assert!(door.admit(known).is_ok());
        // Nor does knowing one make the others known.
        let (_more, full) = fill(|n| door.admit(v4(n)));
        assert_eq!(full, Full::Strangers);
        assert_eq!(door.admit(ip("fd77::2")).unwrap_err(), Full::Address);
    }

    #[test]
    fn the_addresses_noted_last_are_remembered() {
        let door = Arc::new(Admission::default());
        let known = KnownAddresses::of(&door);
        let remembers = |n: usize| door.counts().known.contains(&v4(n));
        (0..KNOWN_MAX).for_each(|n| known.note(v4(n)));
        assert!(remembers(0));
        // Again, so the next one pushes out another.
        known.note(ip("::ffff:10.0.0.0"));
        known.note(v4(KNOWN_MAX));
        assert_eq!([0, 1, 2, KNOWN_MAX].map(remembers), [true, false, true, true]);
        assert_eq!(door.counts().known.len(), KNOWN_MAX);
    }

    #[test]
    fn an_ipv4_address_is_the_same_in_either_notation() {
        let door = Arc::new(Admission::default());
        let _tickets: Vec<_> =
            (0..HANDSHAKES_PER_ADDRESS_MAX).map(|_| door.admit(v4(1)).unwrap()).collect();
        assert_eq!(door.admit(ip("::ffff:10.0.0.1")).unwrap_err(), Full::Address);
    }

    #[test]
    fn strangers_cannot_take_the_room_of_known_devices() {
        let door = Arc::new(Admission::default());
        KnownAddresses::of(&door).note(v4(1));
        let (mut tickets, full) = fill(|n| door.admit(v4(10 + n)));
        assert_eq!((tickets.len(), full), (HANDSHAKES_MAX - HANDSHAKES_RESERVED, Full::Strangers));
        assert!(door.has_room());
        for _ in 0..HANDSHAKES_RESERVED {
            tickets.push(door.admit(v4(1)).unwrap());
        }
        assert!(!door.has_room());
        tickets.clear();
        assert!(door.has_room());
        assert!(door.admit(v4(2)).is_ok());
    }
}
