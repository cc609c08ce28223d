//! How many connections there may be, and whose.
//!
//! A socket comes in as a [`Stage::Handshake`]. Its first request makes it a guest's, if that shows a
//! credential, and else a visitor's; either may become the other later. Each has its own bound, and the
//! way to a guest's place never leads through a visitor's, so that who proves nothing cannot keep out
//! who does.
//!
//! ```text
//! accept ─▶ handshake ──no credential, or a wrong one──▶ visitor
//!               └───────────a good one──▶ guest ◀─good─────┘ │
//!                                           └────wrong───────▶┘
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lanlens_model::limits::{
    HANDSHAKES_MAX, HANDSHAKES_PER_ADDRESS_MAX, HANDSHAKES_RESERVED, SOCKETS_PER_CREDENTIAL_MAX,
    VISITORS_MAX, VISITORS_PER_ADDRESS_MAX, VISITORS_RESERVED, WEB_SOCKETS_MAX,
};
use lanlens_model::origin;
use thiserror::Error;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::rates::Visits;

/// Addresses of guests remembered.
const KNOWN_MAX: usize = 256;

/// Why a socket goes no further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum Full {
    #[error("more than {HANDSHAKES_PER_ADDRESS_MAX} unfinished connections from this address")]
    Handshakes,
    #[error("too many unfinished connections")]
    Door,
    #[error("too many connections from this address: close other tabs")]
    Visitors,
    #[error("too many connections: try again in a minute")]
    House,
    #[error("too many requests from this address: wait a minute")]
    Often,
    #[error("more than {SOCKETS_PER_CREDENTIAL_MAX} connections with this credential")]
    Guest,
}

/// How far a socket has come.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    Handshake,
    Visitor,
    Guest(String),
}

#[derive(Debug, Default)]
struct Counts {
    total: usize,
    handshakes: usize,
    visitors: usize,
    /// Each only while there is something to count, so never more than sockets.
    handshakes_of: BTreeMap<IpAddr, usize>,
    visitors_of: BTreeMap<IpAddr, usize>,
    sockets_of: BTreeMap<String, usize>,
    /// Where guests came from, to the whole address: others of its network are strangers still. The
    /// one noted last is last.
    known: VecDeque<IpAddr>,
}

impl Counts {
    fn enter(&mut self, stage: &Stage, from: IpAddr) {
        self.total += 1;
        match stage {
            Stage::Handshake => {
                self.handshakes += 1;
                *self.handshakes_of.entry(from).or_default() += 1;
            }
            Stage::Visitor => {
                self.visitors += 1;
                *self.visitors_of.entry(from).or_default() += 1;
            }
            Stage::Guest(id) => *self.sockets_of.entry(id.clone()).or_default() += 1,
        }
    }

    fn leave(&mut self, stage: &Stage, from: IpAddr) {
        self.total = self.total.saturating_sub(1);
        match stage {
            Stage::Handshake => {
                self.handshakes = self.handshakes.saturating_sub(1);
                one_less(&mut self.handshakes_of, &from);
            }
            Stage::Visitor => {
                self.visitors = self.visitors.saturating_sub(1);
                one_less(&mut self.visitors_of, &from);
            }
            Stage::Guest(id) => one_less(&mut self.sockets_of, id),
        }
    }

    fn note(&mut self, ip: IpAddr) {
        self.known.retain(|known| *known != ip);
        if self.known.len() == KNOWN_MAX {
            self.known.pop_front();
        }
        self.known.push_back(ip);
    }

    /// Of so many places for strangers and guests alike, how many are left for `ip` beside those that
    /// are kept for the addresses of guests.
    fn share(&self, ip: IpAddr, max: usize, kept: usize) -> usize {
        if self.known.contains(&ip) { max } else { max - kept }
    }
}

fn one_less<K: Ord>(counts: &mut BTreeMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(key);
        }
    }
}

fn count<K: Ord>(counts: &BTreeMap<K, usize>, key: &K) -> usize {
    counts.get(key).copied().unwrap_or_default()
}

/// The door of one way in: each has its own, so that no crowd at one closes the other.
#[derive(Debug, Default)]
pub(crate) struct Door {
    counts: Mutex<Counts>,
    visits: Mutex<Visits>,
    freed: Notify,
}

impl Door {
    /// Whether another socket may be accepted; more wait in the system's backlog.
    pub(crate) fn has_room(&self) -> bool {
        let counts = self.counts();
        counts.handshakes < HANDSHAKES_MAX && counts.total < WEB_SOCKETS_MAX
    }

    /// Waits until somebody left or went further.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }

    /// A place for a socket from `ip`, until it is dropped.
    pub(crate) fn admit(self: &Arc<Self>, ip: IpAddr) -> Result<Place, Full> {
        let ip = ip.to_canonical();
        let mut counts = self.counts();
        // Strangers of its network must not use up what a guest's own address may have.
        let from = if counts.known.contains(&ip) { ip } else { origin(ip) };
        if counts.total >= WEB_SOCKETS_MAX {
            return Err(Full::House);
        }
        if count(&counts.handshakes_of, &from) >= HANDSHAKES_PER_ADDRESS_MAX {
            return Err(Full::Handshakes);
        }
        if counts.handshakes >= counts.share(ip, HANDSHAKES_MAX, HANDSHAKES_RESERVED) {
            return Err(Full::Door);
        }
        counts.enter(&Stage::Handshake, from);
        let stage = Mutex::new(Stage::Handshake);
        Ok(Place { door: Arc::clone(self), ip, from, stage })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A socket's place, given up when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    door: Arc<Door>,
    ip: IpAddr,
    from: IpAddr,
    stage: Mutex<Stage>,
}

impl Place {
    /// Where its other end is, as far as it is counted.
    pub(crate) fn from(&self) -> IpAddr {
        self.from
    }

    /// Whose it is, if the credential that it showed last was good.
    pub(crate) fn guest(&self) -> Option<String> {
        match &*self.stage() {
            Stage::Guest(id) => Some(id.clone()),
            Stage::Handshake | Stage::Visitor => None,
        }
    }

    /// It sent a request that proves nothing: it is a visitor's from now on, and may ask so often.
    pub(crate) fn visit(&self, now: Instant) -> Result<(), Full> {
        self.greet()?;
        let mut visits = self.door.visits.lock().unwrap_or_else(PoisonError::into_inner);
        if visits.take(self.from, now) { Ok(()) } else { Err(Full::Often) }
    }

    fn greet(&self) -> Result<(), Full> {
        let mut stage = self.stage();
        if *stage == Stage::Visitor {
            return Ok(());
        }
        let mut counts = self.door.counts();
        if count(&counts.visitors_of, &self.from) >= VISITORS_PER_ADDRESS_MAX {
            return Err(Full::Visitors);
        }
        if counts.visitors >= counts.share(self.ip, VISITORS_MAX, VISITORS_RESERVED) {
            return Err(Full::House);
        }
        self.go(&mut counts, &mut stage, Stage::Visitor);
        Ok(())
    }

    /// It showed the credential `id`.
    pub(crate) fn recognise(&self, id: &str) -> Result<(), Full> {
        let mut stage = self.stage();
        let mut counts = self.door.counts();
        if matches!(&*stage, Stage::Guest(known) if known == id) {
            return Ok(());
        }
        if counts.sockets_of.get(id).is_some_and(|held| *held >= SOCKETS_PER_CREDENTIAL_MAX) {
            return Err(Full::Guest);
        }
        counts.note(self.ip);
        self.go(&mut counts, &mut stage, Stage::Guest(id.to_owned()));
        Ok(())
    }

    fn go(&self, counts: &mut Counts, stage: &mut Stage, to: Stage) {
        counts.leave(stage, self.from);
        counts.enter(&to, self.from);
        *stage = to;
        self.door.freed.notify_one();
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let stage = self.stage();
        self.door.counts().leave(&stage, self.from);
        self.door.freed.notify_one();
    }
}

#[cfg(test)]
#[path = "door_tests.rs"]
mod tests;
