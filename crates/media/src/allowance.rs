//! Who may hold how much: a part of one's own for everyone, and a shared rest.
//!
//! Streams come from strangers, so what they make us hold is counted before it is held. A plain total
//! would let one stream take what the others need; here the part of one's own is always there, and
//! only what goes beyond it is taken from the rest, first come first served. Counts; holds nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The rest that many [`Allowance`]s share; clones share it too.
#[derive(Debug, Clone)]
pub struct SharedBudget {
    left: Arc<AtomicUsize>,
}

/// What one holder may hold, and holds. What it took from the rest goes back when it is dropped.
#[derive(Debug)]
pub struct Allowance {
    own: usize,
    held: usize,
    shared: SharedBudget,
}

/// There is not enough left; what was held before is still held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverBudget;

impl SharedBudget {
    /// A rest of this much, in the unit of its user.
    pub fn new(amount: usize) -> Self {
        Self { left: Arc::new(AtomicUsize::new(amount)) }
    }

    /// A new holder, who may always hold `own`.
    pub fn allowance(&self, own: usize) -> Allowance {
        Allowance { own, held: 0, shared: self.clone() }
    }

    /// What nobody has taken.
    pub fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }

    fn take(&self, amount: usize) -> Result<(), OverBudget> {
        let taken = |left: usize| left.checked_sub(amount);
        let update = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken);
        update.map(drop).map_err(|_| OverBudget)
    }

    fn give_back(&self, amount: usize) {
        self.left.fetch_add(amount, Ordering::Relaxed);
    }
}

impl Allowance {
    /// Holds `amount` from now on, more or less than before. Less never fails.
    ///
    /// # Errors
    /// [`OverBudget`] where the rest does not suffice; nothing has changed then.
    pub fn hold(&mut self, amount: usize) -> Result<(), OverBudget> {
        let (before, after) = (self.borrowed(self.held), self.borrowed(amount));
        if after > before {
            self.shared.take(after - before)?;
        } else if after < before {
            self.shared.give_back(before - after);
        }
        self.held = amount;
        Ok(())
    }

    /// What is held.
    pub fn held(&self) -> usize {
        self.held
    }

    fn borrowed(&self, amount: usize) -> usize {
        amount.saturating_sub(self.own)
    }
}

impl Drop for Allowance {
    fn drop(&mut self) {
        self.shared.give_back(self.borrowed(self.held));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ones_own_part_is_there_however_much_the_others_take() {
        let shared = SharedBudget::new(100);
        let (mut greedy, mut modest) = (shared.allowance(10), shared.allowance(10));
        assert_eq!(greedy.hold(110), Ok(()));
        assert_eq!(greedy.hold(111), Err(OverBudget));
        assert_eq!(greedy.held(), 110);
        assert_eq!(modest.hold(10), Ok(()));
        assert_eq!(modest.hold(11), Err(OverBudget));
        assert_eq!(modest.held(), 10);
    }

    #[test]
    fn what_is_given_back_can_be_taken_by_others() {
        let shared = SharedBudget::new(100);
        let (mut first, mut second) = (shared.allowance(10), shared.allowance(10));
        first.hold(110).unwrap();
        first.hold(60).unwrap();
        assert_eq!(second.hold(60), Ok(()));
        assert_eq!(second.hold(61), Err(OverBudget));
        drop(first);
        assert_eq!(second.hold(110), Ok(()));
        drop(second);
        assert_eq!(shared.left(), 100);
    }

    #[test]
    fn many_threads_never_take_more_than_there_is() {
        let shared = SharedBudget::new(1000);
        std::thread::scope(|scope| {
            for seed in 0..4 {
                let shared = shared.clone();
                let worker = std::thread::Builder::new().name(format!("taker-{seed}"));
                let work = move || {
                    let mut random = fastrand::Rng::with_seed(seed);
                    let mut allowance = shared.allowance(5);
                    for _ in 0..10_000 {
                        let _ = allowance.hold(random.usize(0..800));
                        assert!(shared.left() <= 1000);
                    }
                };
                worker.spawn_scoped(scope, work).unwrap();
            }
        });
        assert_eq!(shared.left(), 1000);
    }
}
