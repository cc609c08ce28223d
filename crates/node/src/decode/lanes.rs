//! What waits for one decoder thread, and whose turn it is.
//!
//! Each stream has a lane of its own, bounded in units and bytes, in which its units keep their order.
//! The next turn belongs to the lane that has used least of the thread's time, so a stream with
//! expensive pictures falls behind itself and takes nothing from the others. Sans-IO: how long a
//! turn took comes in as an argument. Knows nothing of decoding.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use lanlens_media::{Allowance, EncodedUnit};
use lanlens_model::limits::{DECODE_QUEUE_BYTES_MAX, DECODE_QUEUE_MAX};

/// Which lane of a thread; never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LaneId(u64);

/// The lanes of one thread; `T` is whatever belongs to a lane.
#[derive(Debug)]
pub(super) struct Lanes<T> {
    lanes: BTreeMap<LaneId, Lane<T>>,
    opened: u64,
    /// What the lane whose turn came last had used: one that was idle begins here, or it could save
    /// up its time and then take all of the thread's.
    level: Duration,
}

#[derive(Debug)]
struct Lane<T> {
    item: T,
    units: VecDeque<EncodedUnit>,
    /// Counts the bytes of `units`.
    bytes: Allowance,
    used: Duration,
    /// Nothing before the next keyframe can be decoded.
    needs_keyframe: bool,
    /// It was full: a keyframe is worth asking for once there is room for it.
    ask_when_drained: bool,
}

/// What became of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// It waits for its turn.
    Waits,
    /// It will not be decoded.
    Dropped,
    /// Nor will it, and nothing is under way that would ask for a keyframe later.
    DroppedAlone,
}

/// One unit to decode.
#[derive(Debug)]
pub(super) struct Turn<T> {
    pub(super) lane: LaneId,
    pub(super) item: T,
    pub(super) unit: EncodedUnit,
    /// The lane overflowed and has room again: ask for a keyframe now.
    pub(super) ask_keyframe: bool,
}

impl<T> Default for Lanes<T> {
    fn default() -> Self {
        Self { lanes: BTreeMap::new(), opened: 0, level: Duration::ZERO }
    }
}

impl<T: Clone> Lanes<T> {
    /// A lane that waits for a keyframe; `bytes` bounds what waits in it.
    pub(super) fn open(&mut self, item: T, bytes: Allowance) -> LaneId {
        let id = LaneId(self.opened);
        self.opened += 1;
        let lane = Lane {
            item,
            units: VecDeque::new(),
            bytes,
            used: self.level,
            needs_keyframe: true,
            ask_when_drained: false,
        };
        self.lanes.insert(id, lane);
        id
    }

    /// Forgets a lane and all that waits in it.
    pub(super) fn close(&mut self, id: LaneId) {
        self.lanes.remove(&id);
    }

    /// Gives a lane its next unit. One that is full, in units or bytes, takes nothing more until the
    /// next keyframe.
    pub(super) fn put(&mut self, id: LaneId, unit: EncodedUnit) -> Put {
        let level = self.level;
        let Some(lane) = self.lanes.get_mut(&id) else { return Put::Dropped };
        if lane.needs_keyframe && !unit.keyframe {
            return Put::Dropped;
        }
        let bytes = lane.bytes.held() + unit.data.len();
        let room = lane.units.len() < DECODE_QUEUE_MAX && bytes <= DECODE_QUEUE_BYTES_MAX;
        if !room || lane.bytes.hold(bytes).is_err() {
            lane.needs_keyframe = true;
            lane.ask_when_drained = !lane.units.is_empty();
            return if lane.ask_when_drained { Put::Dropped } else { Put::DroppedAlone };
        }
        lane.needs_keyframe = false;
        if lane.units.is_empty() {
            lane.used = lane.used.max(level);
        }
        lane.units.push_back(unit);
        Put::Waits
    }

    /// The next unit to decode.
    pub(super) fn take(&mut self) -> Option<Turn<T>> {
        let ready = self.lanes.iter_mut().filter(|(_, lane)| !lane.units.is_empty());
        let (id, lane) = ready.min_by_key(|(id, lane)| (lane.used, **id))?;
        let unit = lane.units.pop_front()?;
        // Less never fails.
        let _ = lane.bytes.hold(lane.bytes.held() - unit.data.len());
        self.level = self.level.max(lane.used);
        let ask_keyframe = lane.units.is_empty() && std::mem::take(&mut lane.ask_when_drained);
        Some(Turn { lane: *id, item: lane.item.clone(), unit, ask_keyframe })
    }

    /// A turn of this lane took this long.
    pub(super) fn charge(&mut self, id: LaneId, time: Duration) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.used += time;
        }
    }

    /// Nothing of this lane can be decoded before its next keyframe.
    pub(super) fn need_keyframe(&mut self, id: LaneId) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.needs_keyframe = true;
        }
    }

    /// Lanes that are open.
    pub(super) fn count(&self) -> usize {
        self.lanes.len()
    }

    /// Nothing waits.
    pub(super) fn is_idle(&self) -> bool {
        self.lanes.values().all(|lane| lane.units.is_empty())
    }
}

#[cfg(test)]
#[path = "lanes_tests.rs"]
mod tests;
