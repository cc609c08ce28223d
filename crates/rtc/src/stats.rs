//! Counters that a session's task writes and anyone may read.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::reports::Arrivals;

/// What a publisher has done since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PublisherStats {
    /// RTP packets handed to the network, retransmissions not counted.
    pub packets_sent: u64,
    /// Their payload, bytes.
    pub bytes_sent: u64,
    /// Access units sent.
    pub units_sent: u64,
    /// Access units not sent: before the connection, or before a keyframe.
    pub units_skipped: u64,
    /// Packets that the viewer asked for again (RFC 4585 section 6.2.1).
    pub nacks: u64,
    /// Those beside them that the path had no room for.
    pub resends_refused: u64,
    /// Keyframe requests of the viewer, PLI (RFC 4585 section 6.3.1) and FIR (RFC 5104).
    pub plis: u64,
    /// What the path seems to carry, bits a second; `None` until the viewer has reported arrivals.
    pub estimate_bps: Option<u64>,
    /// When the first packet of those was sent of whose arrival the viewer has told nothing, though it
    /// did before and more than a second of packets followed; `None` while they arrive.
    pub silent_since: Option<Instant>,
}

/// What a subscriber has received since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SubscriberStats {
    /// RTP packets received, duplicates included.
    pub packets: u64,
    /// Their payload, bytes.
    pub bytes: u64,
    /// Packets given up: not there when their unit was discarded.
    pub packets_lost: u64,
    /// Packets that came after later ones, by retransmission or reordering, and in time.
    pub packets_recovered: u64,
    /// Access units delivered.
    pub units: u64,
    /// Access units discarded: damaged, or not decodable without an earlier one.
    pub units_dropped: u64,
    /// Keyframe requests sent.
    pub keyframe_requests: u64,
    /// Round trip of the path in µs, 0 while unknown.
    pub rtt_us: u64,
}

/// The publisher's counters as its task keeps them.
#[derive(Debug, Default)]
pub(crate) struct PublisherCounters {
    pub(crate) packets_sent: AtomicU64,
    pub(crate) bytes_sent: AtomicU64,
    pub(crate) units_sent: AtomicU64,
    pub(crate) units_skipped: AtomicU64,
    pub(crate) feedback: Arc<FeedbackCounters>,
}

impl PublisherCounters {
    pub(crate) fn read(&self) -> PublisherStats {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let estimate = load(&self.feedback.estimate_bps);
        PublisherStats {
            packets_sent: load(&self.packets_sent),
            bytes_sent: load(&self.bytes_sent),
            units_sent: load(&self.units_sent),
            units_skipped: load(&self.units_skipped),
            nacks: load(&self.feedback.nacks),
            resends_refused: load(&self.feedback.resends_refused),
            plis: load(&self.feedback.plis),
            estimate_bps: (estimate > 0).then_some(estimate),
            silent_since: self.feedback.arrivals().silent_since(),
        }
    }
}

/// What the interceptors see of the viewer's feedback.
#[derive(Debug, Default)]
pub(crate) struct FeedbackCounters {
    pub(crate) nacks: AtomicU64,
    pub(crate) plis: AtomicU64,
    /// Packets that were asked for again and not sent.
    pub(crate) resends_refused: AtomicU64,
    /// Bits a second, 0 until the first report.
    pub(crate) estimate_bps: AtomicU64,
    /// A report got lost before the one that comes now.
    pub(crate) report_missing: AtomicBool,
    arrivals: Mutex<Arrivals>,
}

impl FeedbackCounters {
    pub(crate) fn arrivals(&self) -> MutexGuard<'_, Arrivals> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}
