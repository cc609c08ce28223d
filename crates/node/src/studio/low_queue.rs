//! Units on their way to the decoder that the low layer is made with: bounded, and never waited for by
//! whoever gives them.
//!
//! What finds no room is dropped, up to the next keyframe. That is asked for when most of what waits has
//! been decoded: before, it would find no room either, and every viewer would pay for it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lanlens_media::EncodedUnit;
use lanlens_model::limits::{DECODE_QUEUE_BYTES_MAX, DECODE_QUEUE_MAX};

/// What became of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    Waits,
    Dropped,
    /// Dropped, and now a keyframe has to be asked for.
    DroppedAndWaits,
}

/// What the queue can use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Need {
    /// Every unit.
    Nothing,
    /// A keyframe, once there is room.
    Room,
    /// A keyframe, which was asked for.
    #[default]
    Keyframe,
}

/// One thread takes what others put in. Begins with a keyframe, which somebody has asked for.
#[derive(Default)]
pub(super) struct LowQueue {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
struct State {
    units: VecDeque<Arc<EncodedUnit>>,
    bytes: usize,
    need: Need,
}

impl LowQueue {
    /// Puts a unit in, or leaves it out; never blocks.
    pub(super) fn put(&self, unit: &Arc<EncodedUnit>) -> Put {
        let mut state = self.lock();
        if unit.keyframe && (state.need != Need::Nothing || !state.has_room(unit)) {
            // Newer than all that waits, and needs none of it.
            state.clear();
        }
        if !unit.keyframe && state.need != Need::Nothing {
            let ask = state.need == Need::Room && state.units.len() <= DECODE_QUEUE_MAX / 2;
            if ask {
                state.need = Need::Keyframe;
            }
            return if ask { Put::DroppedAndWaits } else { Put::Dropped };
        }
        if !state.has_room(unit) {
            state.need = Need::Room;
            return Put::Dropped;
        }
        state.need = Need::Nothing;
        state.bytes += unit.data.len();
        state.units.push_back(Arc::clone(unit));
        drop(state);
        self.filled.notify_one();
        Put::Waits
    }

    /// The next unit; `None` when none came in this time.
    pub(super) fn wait(&self, timeout: Duration) -> Option<Arc<EncodedUnit>> {
        let (mut state, _) = self
            .filled
            .wait_timeout_while(self.lock(), timeout, |state| state.units.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        let unit = state.units.pop_front()?;
        state.bytes -= unit.data.len();
        Some(unit)
    }

    /// Nothing before the next keyframe is of use; whoever calls asks for that.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self, unit: &EncodedUnit) -> bool {
        let bytes = self.bytes + unit.data.len();
        self.units.len() < DECODE_QUEUE_MAX && bytes <= DECODE_QUEUE_BYTES_MAX
    }

    fn clear(&mut self) {
        self.units.clear();
        self.bytes = 0;
        self.need = Need::Keyframe;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanlens_media::CaptureTime;
    use lanlens_model::{Layer, MediaKind};

    fn unit(keyframe: bool, bytes: usize) -> Arc<EncodedUnit> {
        Arc::new(EncodedUnit {
            kind: MediaKind::Video,
            layer: Layer::High,
            data: vec![0; bytes].into(),
            keyframe,
            captured: CaptureTime::now(),
            media_time: 0,
        })
    }

    fn put(queue: &LowQueue, keyframe: bool) -> Put {
        queue.put(&unit(keyframe, 100))
    }

    fn take(queue: &LowQueue) -> Option<bool> {
        queue.wait(Duration::ZERO).map(|unit| unit.keyframe)
    }

    #[test]
    fn it_begins_with_a_keyframe() {
        let queue = LowQueue::default();
        assert_eq!(put(&queue, false), Put::Dropped);
        assert_eq!(put(&queue, true), Put::Waits);
        assert_eq!(put(&queue, false), Put::Waits);
        assert_eq!([take(&queue), take(&queue), take(&queue)], [Some(true), Some(false), None]);
    }

    #[test]
    fn a_slow_decoder_loses_up_to_the_next_keyframe_and_asks_once_for_that() {
        let queue = LowQueue::default();
        put(&queue, true);
        (1..DECODE_QUEUE_MAX).for_each(|_| assert_eq!(put(&queue, false), Put::Waits));
        assert_eq!(put(&queue, false), Put::Dropped, "it is full");
        (0..DECODE_QUEUE_MAX / 2).for_each(|_| assert!(take(&queue).is_some()));
        assert_eq!(put(&queue, false), Put::DroppedAndWaits, "there is room again");
        assert_eq!(put(&queue, false), Put::Dropped);
        assert_eq!(put(&queue, true), Put::Waits);
        assert_eq!([take(&queue), take(&queue)], [Some(true), None], "what was old is gone");
    }

    #[test]
    fn a_keyframe_always_finds_room() {
        let queue = LowQueue::default();
        (0..100).for_each(|_| assert_eq!(put(&queue, true), Put::Waits));
        assert!(std::iter::from_fn(|| take(&queue)).count() <= DECODE_QUEUE_MAX);
        assert_eq!(queue.lock().bytes, 0);
    }

    #[test]
    fn what_waits_is_bounded_in_bytes() {
        let queue = LowQueue::default();
        put(&queue, true);
        assert_eq!(queue.put(&unit(false, DECODE_QUEUE_BYTES_MAX)), Put::Dropped);
        assert_eq!(queue.put(&unit(true, DECODE_QUEUE_BYTES_MAX)), Put::Waits);
        assert_eq!(take(&queue), Some(true));
    }
}
