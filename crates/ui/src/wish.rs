//! What the window wishes of each camera, because of how it is painted: which layer, and whether any
//! pictures at all.
//!
//! Pure: sizes and times go in, at most one wish comes out. Each remembers what was told last, so
//! that nothing is told twice.

mod layer;
mod sight;

use std::time::Duration;

pub(crate) use layer::{LayerWish, Need};
pub(crate) use sight::Sight;

/// What comes of looking at one pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish<T> {
    /// As told.
    Keep,
    /// Not yet: to be looked at again after this time.
    Later(Duration),
    /// Something else from now on.
    Tell(T),
}

/// The time until `end`, on egui's clock in seconds; `None` once it is over.
fn rest(end: f64, now: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(end - now).ok().filter(|rest| !rest.is_zero())
}
