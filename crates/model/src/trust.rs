//! Who may watch the cameras of one home: the decision itself, as plain data.
//!
//! Owns the rules (`docs/decisions/0006-claims-belong-to-the-home.md`); knows nothing of the file that keeps the lists nor of the
//! proof that a device is who it says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Access, AccessMode, DeviceId};

/// The devices that a home has made up its mind about, each with the name it had then (for
/// people; unverified).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TrustView {
    /// Somebody has owned these cameras. Stays true when the last owner is revoked, so that
    /// revoking never hands the cameras to whoever asks next; only a reset clears it.
    pub claimed: bool,
    /// May watch, allow and remove others.
    pub owners: BTreeMap<DeviceId, String>,
    /// May watch.
    pub watchers: BTreeMap<DeviceId, String>,
    /// Were refused or removed.
    pub denied: BTreeMap<DeviceId, String>,
    /// The lists cannot be read: nobody but the own device may watch until they can.
    #[serde(skip)]
    pub sealed: bool,
}

impl TrustView {
    /// What stands in for lists that cannot be read or written.
    pub fn sealed() -> Self {
        Self { claimed: true, sealed: true, ..Self::default() }
    }

    /// What `device` may do with a camera of the device `own` under `mode`.
    ///
    /// The own device may always watch. A refused device stays refused, also at an open camera.
    pub fn access_for(&self, device: DeviceId, own: DeviceId, mode: AccessMode) -> Access {
        if device == own {
            Access::Granted
        } else if self.sealed {
            Access::Pending
        } else if self.denied.contains_key(&device) {
            Access::Denied
        } else if self.owners.contains_key(&device) || self.watchers.contains_key(&device) {
            Access::Granted
        } else {
            match mode {
                AccessMode::Open => Access::Granted,
                AccessMode::Ask if self.claimed => Access::Pending,
                AccessMode::Ask => Access::Unclaimed,
            }
        }
    }

    /// Makes `device` the owner if nobody has claimed the cameras yet; whether it did.
    pub fn claim(&mut self, device: DeviceId, name: &str) -> bool {
        if self.claimed || self.sealed || self.denied.contains_key(&device) {
            return false;
        }
        self.claimed = true;
        self.owners.insert(device, name.to_owned());
        true
    }

    /// Lets `device` watch; an owner stays one.
    pub fn allow(&mut self, device: DeviceId, name: &str) {
        self.denied.remove(&device);
        if !self.owners.contains_key(&device) {
            self.watchers.insert(device, name.to_owned());
        }
    }

    /// Refuses `device`, and removes it where it was allowed. The cameras stay claimed.
    pub fn deny(&mut self, device: DeviceId, name: &str) {
        let known = self.owners.remove(&device).or_else(|| self.watchers.remove(&device));
        self.denied.insert(device, known.unwrap_or_else(|| name.to_owned()));
    }

    /// How many devices are listed in all.
    pub fn len(&self) -> usize {
        self.owners.len() + self.watchers.len() + self.denied.len()
    }

    /// Whether no device is listed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(name: &str) -> DeviceId {
        DeviceId::from_spki(name.as_bytes())
    }

    fn ask(view: &TrustView, name: &str) -> Access {
        view.access_for(device(name), device("own"), AccessMode::Ask)
    }

    #[test]
    fn the_first_device_to_ask_owns_the_cameras_and_the_next_one_waits() {
        let mut view = TrustView::default();
        assert_eq!(ask(&view, "ann"), Access::Unclaimed);
        assert!(view.claim(device("ann"), "Ann"));
        assert!(!view.claim(device("bob"), "Bob"));
        assert_eq!(ask(&view, "ann"), Access::Granted);
        assert_eq!(ask(&view, "bob"), Access::Pending);
        view.allow(device("bob"), "Bob");
        assert_eq!(ask(&view, "bob"), Access::Granted);
    }

    #[test]
    fn revoking_the_only_owner_never_makes_a_camera_free_for_the_next_one() {
        let mut view = TrustView::default();
        view.claim(device("ann"), "Ann");
        view.deny(device("ann"), "");
        assert_eq!(view.denied[&device("ann")], "Ann");
        assert_eq!(ask(&view, "ann"), Access::Denied);
        assert_eq!(ask(&view, "bob"), Access::Pending);
        assert!(!view.claim(device("bob"), "Bob"));
    }

    #[test]
    fn an_open_camera_admits_strangers_but_not_those_who_were_removed() {
        let mut view = TrustView::default();
        view.deny(device("eve"), "Eve");
        let access = |name: &str| view.access_for(device(name), device("own"), AccessMode::Open);
        assert_eq!(access("bob"), Access::Granted);
        assert_eq!(access("eve"), Access::Denied);
    }

    #[test]
    fn lists_that_cannot_be_read_admit_nobody_but_the_own_device() {
        let mut view = TrustView::sealed();
        for mode in [AccessMode::Ask, AccessMode::Open] {
            assert_eq!(view.access_for(device("bob"), device("own"), mode), Access::Pending);
            assert_eq!(view.access_for(device("own"), device("own"), mode), Access::Granted);
        }
        assert!(!view.claim(device("bob"), "Bob"));
    }
}
