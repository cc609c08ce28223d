//! Notices that this machine's place in the network has changed: another address, a cable in or out,
//! a wake from sleep.
//!
//! Systems tell that in many ways, some not at all, so their list of addresses is looked at twice a
//! second. Owns no socket; what follows from a change is the
//! node's and the mesh's.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant, SystemTime};

use lanlens_discovery::interfaces;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::input::Input;

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The wall clock runs on while a machine sleeps, the one that programs wait by does not. Set by
/// hand or by the network, it jumps as well, which is taken for a sleep: that costs new links and
/// no picture.
const SLEEP_MIN: Duration = Duration::from_secs(3);
/// On systems where both clocks run on through a sleep, that much between two looks is one.
const STANDSTILL_MIN: Duration = Duration::from_secs(30);

/// What has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NetworkNews {
    /// This machine's addresses now, without loopback; none while it has no network.
    pub(crate) addresses: BTreeSet<IpAddr>,
    /// They are others than before.
    pub(crate) changed: bool,
    /// It has slept, so nothing that stood before is sure to stand still.
    pub(crate) slept: bool,
}

impl NetworkNews {
    /// Whether what stands at this address of ours cannot stand any longer.
    pub(crate) fn ends(&self, local: IpAddr) -> bool {
        let gone = !local.is_loopback() && !self.addresses.contains(&local);
        gone && !self.addresses.is_empty()
    }
}

/// Tells of every change. (A machine that never had a network misses none.)
pub(crate) async fn watch(
    interfaces: Vec<String>,
    inputs: mpsc::Sender<Input>,
    cancel: CancellationToken,
) {
    let first = addresses(&interfaces).unwrap_or_default();
    let mut observer = Observer::new(first, Instant::now(), SystemTime::now());
    while cancel.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
        // A list that cannot be read says nothing.
        let Some(seen) = addresses(&interfaces) else { continue };
        if let Some(news) = observer.look(seen, Instant::now(), SystemTime::now())
            && inputs.send(Input::Network(news)).await.is_err()
        {
            return;
        }
    }
}

fn addresses(names: &[String]) -> Option<BTreeSet<IpAddr>> {
    let listed = interfaces::local_addresses(names).ok()?.into_iter();
    let all = listed.map(|address| address.ip).filter(|ip| !ip.is_loopback()).collect();
    Some(all)
}

/// Compares one look with the one before.
struct Observer {
    addresses: BTreeSet<IpAddr>,
    at: Instant,
    wall: SystemTime,
}

impl Observer {
    fn new(addresses: BTreeSet<IpAddr>, at: Instant, wall: SystemTime) -> Self {
        Self { addresses, at, wall }
    }

    fn look(
        &mut self,
        addresses: BTreeSet<IpAddr>,
        at: Instant,
        wall: SystemTime,
    ) -> Option<NetworkNews> {
        let passed = at.saturating_duration_since(self.at);
        let by_wall = wall.duration_since(self.wall).unwrap_or_default();
        let slept = by_wall.saturating_sub(passed) >= SLEEP_MIN || passed >= STANDSTILL_MIN;
        let changed = addresses != self.addresses;
        *self = Self { addresses: addresses.clone(), at, wall };
        (changed || slept).then_some(NetworkNews { addresses, changed, slept })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(texts: &[&str]) -> BTreeSet<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_quiet_network_is_no_news_and_a_new_address_is() {
        let (at, wall) = (Instant::now(), SystemTime::now());
        let mut observer = Observer::new(ips(&["10.0.0.2"]), at, wall);
        let later = |n| (at + LOOK_EVERY * n, wall + LOOK_EVERY * n);
        assert_eq!(observer.look(ips(&["10.0.0.2"]), later(1).0, later(1).1), None);
        let moved = observer.look(ips(&["10.0.0.9"]), later(2).0, later(2).1);
        assert_eq!(
            moved,
            Some(NetworkNews { addresses: ips(&["10.0.0.9"]), changed: true, slept: false })
        );
        let gone = observer.look(ips(&[]), later(3).0, later(3).1).unwrap();
        assert!(gone.addresses.is_empty());
        assert_eq!(observer.look(ips(&[]), later(4).0, later(4).1), None);
    }

    #[test]
    fn a_night_asleep_is_noticed_and_a_busy_machine_is_not_taken_for_it() {
        let (at, wall) = (Instant::now(), SystemTime::now());
        let mut observer = Observer::new(ips(&["10.0.0.2"]), at, wall);
        let busy = Duration::from_secs(20);
        assert_eq!(observer.look(ips(&["10.0.0.2"]), at + busy, wall + busy), None);
        let night = Duration::from_secs(8 * 3600);
        let woke = observer.look(ips(&["10.0.0.2"]), at + busy + LOOK_EVERY, wall + night);
        assert!(woke.is_some_and(|news| news.slept && !news.changed));
        // A clock that is set back is no sleep.
        assert_eq!(observer.look(ips(&["10.0.0.2"]), at + busy + LOOK_EVERY * 2, wall), None);
        // Where no clock stands still, the time itself tells.
        let (at, wall) = (at + busy + night, wall + night);
        assert!(observer.look(ips(&["10.0.0.2"]), at, wall).is_some_and(|news| news.slept));
    }
}
