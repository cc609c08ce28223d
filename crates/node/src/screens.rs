//! One place for the newest picture of every camera, and its meter: where decoder threads write and
//! windows read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lanlens_media::{LatestSlot, VideoFrame};
use lanlens_model::{CameraId, DeviceId, Snapshot};

use crate::meter::Meter;

/// One camera's newest picture and figures.
#[derive(Default)]
pub(crate) struct Screen {
    pub(crate) slot: Arc<LatestSlot<Arc<VideoFrame>>>,
    meter: Mutex<Meter>,
}

impl Screen {
    pub(crate) fn meter(&self) -> MutexGuard<'_, Meter> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All screens, by camera.
#[derive(Default)]
pub(crate) struct Screens {
    screens: Mutex<HashMap<CameraId, Arc<Screen>>>,
}

impl Screens {
    pub(crate) fn open(&self, camera: CameraId) -> Arc<Screen> {
        Arc::clone(self.lock().entry(camera).or_default())
    }

    pub(crate) fn get(&self, camera: CameraId) -> Option<Arc<Screen>> {
        self.lock().get(&camera).cloned()
    }

    /// Forgets cameras that nobody lists any more.
    pub(crate) fn retain_listed(&self, snapshot: &Snapshot) {
        self.lock().retain(|id, _| snapshot.cameras.contains_key(id));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<CameraId, Arc<Screen>>> {
        self.screens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the links know of other devices' clocks.
#[derive(Default)]
pub(crate) struct Clocks {
    clocks: Mutex<HashMap<DeviceId, Clock>>,
}

/// One device's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    /// Its clock minus ours, µs.
    pub(crate) offset_us: i64,
    pub(crate) rtt: Duration,
    /// Good enough to compute a latency with.
    pub(crate) known: bool,
}

/// Devices come and go; this many are remembered.
const CLOCKS_MAX: usize = 512;

impl Clocks {
    pub(crate) fn set(&self, device: DeviceId, clock: Clock) {
        let mut clocks = self.lock();
        if clocks.len() >= CLOCKS_MAX && !clocks.contains_key(&device) {
            // Any will do: those in use are set again within a second.
            if let Some(other) = clocks.keys().next().copied() {
                clocks.remove(&other);
            }
        }
        clocks.insert(device, clock);
    }

    pub(crate) fn get(&self, device: DeviceId) -> Option<Clock> {
        self.lock().get(&device).copied()
    }

    /// How long ago, by our clock, `their_us` was on the device's clock. `None` while no clock
    /// relates the two. A moment that seems to lie in the future is now.
    pub(crate) fn age(&self, device: DeviceId, their_us: u64, now_us: u64) -> Option<Duration> {
        let clock = self.get(device).filter(|clock| clock.known && their_us != 0)?;
        let ours = i128::from(their_us) - i128::from(clock.correction_us());
        let age = (i128::from(now_us) - ours).max(0);
        u64::try_from(age).ok().map(Duration::from_micros)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<DeviceId, Clock>> {
        self.clocks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock {
    /// An offset within its own error (half the round trip) says nothing: programs of one machine
    /// share a clock, and correcting by noise would only add it.
    pub(crate) fn correction_us(&self) -> i64 {
        let error_us = self.rtt.as_micros() / 2;
        if u128::from(self.offset_us.unsigned_abs()) <= error_us { 0 } else { self.offset_us }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clocks(offset_us: i64, rtt_us: u64, known: bool) -> (Clocks, DeviceId) {
        let (clocks, device) = (Clocks::default(), DeviceId::from_spki(b"a"));
        clocks.set(device, Clock { offset_us, rtt: Duration::from_micros(rtt_us), known });
        (clocks, device)
    }

    #[test]
    fn an_age_is_told_in_our_own_clock() {
        let (clocks, device) = clocks(-3_000_000, 400, true);
        let age = clocks.age(device, 7_000_000, 10_005_000);
        assert_eq!(age, Some(Duration::from_millis(5)));
    }

    #[test]
    fn noise_is_not_corrected_for() {
        let (clocks, device) = clocks(150, 400, true);
        assert_eq!(clocks.age(device, 1000, 3000), Some(Duration::from_millis(2)));
    }

    #[test]
    fn no_age_is_told_without_a_clock() {
        let (clocks, device) = clocks(0, 50_000, false);
        assert_eq!(clocks.age(device, 1000, 3000), None);
        assert_eq!(clocks.age(DeviceId::from_spki(b"b"), 1000, 3000), None);
    }
}
