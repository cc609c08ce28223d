//! Hand-over of the newest item: a place for one.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A place for one item: putting replaces what nobody took, so a slow taker sees the newest and a
/// fast giver never waits. Replaced items are counted.
#[derive(Debug)]
pub struct LatestSlot<T> {
    state: Mutex<State<T>>,
    filled: Condvar,
}

#[derive(Debug)]
struct State<T> {
    item: Option<T>,
    replaced: u64,
    closed: bool,
}

impl<T> Default for LatestSlot<T> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State { item: None, replaced: 0, closed: false }),
            filled: Condvar::new(),
        }
    }
}

impl<T> LatestSlot<T> {
    /// An empty slot.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives an item; one that was still there is dropped and counted.
    pub fn put(&self, item: T) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        if state.item.replace(item).is_some() {
            state.replaced += 1;
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Takes the item if there is one.
    pub fn take(&self) -> Option<T> {
        self.lock().item.take()
    }

    /// Waits for an item; `None` after `timeout` or once the slot is closed and empty.
    pub fn wait(&self, timeout: Duration) -> Option<T> {
        let guard = self.lock();
        let (mut guard, _) = self
            .filled
            .wait_timeout_while(guard, timeout, |state| state.item.is_none() && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        guard.item.take()
    }

    /// Ends all waiting; later items are dropped.
    pub fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// How many items were replaced before anyone took them.
    pub fn replaced(&self) -> u64 {
        self.lock().replaced
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_item_wins_and_the_old_one_is_counted() {
        let slot = LatestSlot::new();
        slot.put(1);
        slot.put(2);
        assert_eq!(slot.take(), Some(2));
        assert_eq!(slot.take(), None);
        assert_eq!(slot.replaced(), 1);
    }

    #[test]
    fn closing_wakes_whoever_waits() {
        let slot = std::sync::Arc::new(LatestSlot::<u8>::new());
        let waiter = {
            let slot = std::sync::Arc::clone(&slot);
            std::thread::Builder::new()
                .name("waiter".to_owned())
                .spawn(move || slot.wait(Duration::from_secs(60)))
                .unwrap()
        };
        slot.close();
        assert_eq!(waiter.join().unwrap(), None);
        slot.put(1);
        assert_eq!(slot.take(), None);
    }
}
