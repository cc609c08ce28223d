//! How many strangers may stand at the door at once.
//!
//! Owns the counts of sockets that have not greeted yet, in all and an address, and remembers
//! addresses from which somebody did greet. Some room is kept for those, so that a flood of
//! strangers does not lock out the cameras that are already known.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr};
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

/// What counts as one address: an IPv4 address, or an IPv6 network of 64 bits, since a host can
/// take as many addresses in it as it likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    V4(Ipv4Addr),
    V6(u64),
}

impl Origin {
    fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => Self::V6((ip.to_bits() >> 64) as u64),
        }
    }
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    by_origin: BTreeMap<Origin, usize>,
    known: VecDeque<Origin>,
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
        let origin = Origin::of(ip);
        let mut counts = self.counts();
        let here = counts.by_origin.get(&origin).copied().unwrap_or_default();
        if here >= HANDSHAKES_PER_ADDRESS_MAX {
            return Err(Full::Address);
        }
        let for_strangers = HANDSHAKES_MAX - HANDSHAKES_RESERVED;
        let places = if counts.known.contains(&origin) { HANDSHAKES_MAX } else { for_strangers };
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

/// A place at the door.
#[derive(Debug)]
pub(crate) struct Ticket {
    admission: Arc<Admission>,
    origin: Origin,
}

impl Ticket {
    /// The peer greeted: it leaves the door, and its address is known from now on.
    pub(crate) fn greeted(self) {
        let mut counts = self.admission.counts();
        counts.known.retain(|known| *known != self.origin);
        if counts.known.len() == KNOWN_MAX {
            counts.known.pop_front();
        }
        counts.known.push_back(self.origin);
    }
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
        ip(&format!("10.0.0.{n}"))
    }

    #[test]
    fn one_address_gets_its_share_and_no_more() {
        let door = Arc::new(Admission::default());
        let admit = |n: usize| door.admit(ip(&format!("2001:db8::{n:x}")));
        let mut tickets: Vec<_> =
            (0..HANDSHAKES_PER_ADDRESS_MAX).map(|n| admit(n).unwrap()).collect();
        assert_eq!(admit(99).unwrap_err(), Full::Address);
        assert!(door.admit(ip("2001:db8:0:1::1")).is_ok());
        tickets.pop();
        assert!(admit(99).is_ok());
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
        door.admit(v4(1)).unwrap().greeted();
        let strangers = HANDSHAKES_MAX - HANDSHAKES_RESERVED;
        let mut tickets: Vec<_> = (0..strangers).map(|n| door.admit(v4(10 + n)).unwrap()).collect();
        assert_eq!(door.admit(v4(2)).unwrap_err(), Full::Strangers);
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
