//! Who may watch the cameras of one home: the decision itself, as plain data.
//!
//! Owns the rules (`docs/decisions/0006-claims-belong-to-the-home.md`); knows nothing of the file that keeps the lists nor of the
//! proof that a device is who it says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limits::{CAMERAS_PER_VIEWER_MAX, INVITATIONS_MAX, REMOVALS_MAX};
use crate::{Access, AccessMode, Code, DeviceId, Invitation, NodeId};

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
    /// The last claim, until somebody has seen it and said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub news: Option<ClaimNews>,
    /// Who waits at which program of this home; each program writes its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Waiting>,
    /// Whoever holds this may watch where `--access invite` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<Invitation>,
    /// Invitations to the cameras of others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<Invitation>,
    /// Devices that people at this home's viewer removed from every camera that it owns.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub removed: BTreeMap<DeviceId, Removal>,
    /// The lists cannot be read: nobody but the own device may watch until they can.
    #[serde(skip)]
    pub sealed: bool,
}

/// A claim that nobody has looked at yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimNews {
    /// The owner since then.
    pub device: DeviceId,
    /// Its name then.
    pub name: String,
    /// When, in seconds since 1970 (UTC).
    pub at_s: u64,
}

/// A device that waits for leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Who.
    pub device: DeviceId,
    /// Its name, unverified.
    pub name: String,
    /// The program of this home where it waits.
    pub node: NodeId,
    /// The name of the camera there.
    pub camera: String,
    /// What both ends show.
    pub code: Code,
    /// Until when, in seconds since 1970 (UTC).
    pub until_s: u64,
}

/// Somebody removed a device from every camera that this home owns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// Its name then, unverified.
    pub name: String,
    /// Homes whose cameras have done it. What is decided there later is newer, and holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<DeviceId>,
}

/// One change of the lists: the mesh wishes it, the store makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustChange {
    /// May watch.
    Allow {
        /// Who.
        device: DeviceId,
        /// Its name.
        name: String,
    },
    /// May not, and no longer.
    Deny {
        /// Who.
        device: DeviceId,
        /// Its name.
        name: String,
    },
    /// Waits at a program of this home; replaces what was said of the same device there.
    Wait(Waiting),
    /// Waits there no longer.
    StopWaiting {
        /// Who.
        device: DeviceId,
        /// Where.
        node: NodeId,
    },
    /// Is removed from every camera that this home owns, wherever it is.
    Remove {
        /// Who.
        device: DeviceId,
        /// Its name.
        name: String,
    },
    /// The cameras of a home have removed it.
    RemovalDone {
        /// Who.
        device: DeviceId,
        /// Which home.
        at: DeviceId,
    },
    /// Is not to be removed any longer where that was not done yet.
    TakeBackRemoval {
        /// Who.
        device: DeviceId,
    },
    /// Somebody has seen who claimed the cameras.
    DismissNews,
    /// An invitation to the cameras of others.
    Join(Invitation),
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
        } else if self.admits(device) {
            Access::Granted
        } else {
            match mode {
                AccessMode::Open => Access::Granted,
                AccessMode::Invite => Access::Invite,
                AccessMode::Ask if self.claimed => Access::Pending,
                AccessMode::Ask => Access::Unclaimed,
            }
        }
    }

    /// Whether `device` may allow and remove others at the cameras of the device `own`.
    pub fn is_owner(&self, device: DeviceId, own: DeviceId) -> bool {
        device == own || (!self.sealed && self.owners.contains_key(&device))
    }

    /// Whether somebody let `device` in; an open camera admits others as well.
    pub fn admits(&self, device: DeviceId) -> bool {
        self.owners.contains_key(&device) || self.watchers.contains_key(&device)
    }

    /// Makes `device` the owner if nobody has claimed the cameras yet; whether it did. `at_s`:
    /// seconds since 1970.
    pub fn claim(&mut self, device: DeviceId, name: &str, at_s: u64) -> bool {
        if self.claimed || self.sealed || self.denied.contains_key(&device) {
            return false;
        }
        self.claimed = true;
        self.watchers.remove(&device);
        self.owners.insert(device, name.to_owned());
        self.news = Some(ClaimNews { device, name: name.to_owned(), at_s });
        true
    }

    /// Makes one change.
    pub fn apply(&mut self, change: &TrustChange) {
        match change {
            TrustChange::Allow { device, name } => self.allow(*device, name),
            TrustChange::Deny { device, name } => self.deny(*device, name),
            TrustChange::Wait(waiting) => {
                self.stop_waiting(waiting.device, waiting.node);
                self.waiting.push(waiting.clone());
            }
            TrustChange::StopWaiting { device, node } => self.stop_waiting(*device, *node),
            TrustChange::Remove { device, name } => {
                // Old removals stay: a full list takes no new ones.
                if self.removed.len() < REMOVALS_MAX || self.removed.contains_key(device) {
                    let removal = Removal { name: name.clone(), told: Vec::new() };
                    self.removed.insert(*device, removal);
                }
            }
            TrustChange::RemovalDone { device, at } => {
                if let Some(removal) = self.removed.get_mut(device)
                    && !removal.told.contains(at)
                {
                    removal.told.push(*at);
                    let over = removal.told.len().saturating_sub(CAMERAS_PER_VIEWER_MAX);
                    removal.told.drain(..over);
                }
            }
            TrustChange::TakeBackRemoval { device } => {
                self.removed.remove(device);
            }
            TrustChange::DismissNews => self.news = None,
            TrustChange::Join(invitation) => {
                self.joined.retain(|held| held != invitation);
                self.joined.push(invitation.clone());
                // The oldest is the one that is most likely no longer needed.
                let over = self.joined.len().saturating_sub(INVITATIONS_MAX);
                self.joined.drain(..over);
            }
        }
    }

    /// Lets `device` watch; an owner stays one.
    pub fn allow(&mut self, device: DeviceId, name: &str) {
        let known = self.denied.remove(&device).filter(|_| name.is_empty());
        self.waiting.retain(|waiting| waiting.device != device);
        if !self.owners.contains_key(&device) {
            let name = known.unwrap_or_else(|| name.to_owned());
            self.watchers.entry(device).or_insert(name);
        }
    }

    /// Makes `device` an owner, beside those there are.
    pub fn make_owner(&mut self, device: DeviceId, name: &str) {
        self.allow(device, name);
        if let Some(name) = self.watchers.remove(&device) {
            self.owners.insert(device, name);
        }
        self.claimed = true;
    }

    /// Refuses `device`, and removes it where it was allowed. The cameras stay claimed.
    pub fn deny(&mut self, device: DeviceId, name: &str) {
        let known = self.owners.remove(&device).or_else(|| self.watchers.remove(&device));
        self.waiting.retain(|waiting| waiting.device != device);
        let known = known.or_else(|| self.denied.remove(&device).filter(|_| name.is_empty()));
        self.denied.insert(device, known.unwrap_or_else(|| name.to_owned()));
    }

    fn stop_waiting(&mut self, device: DeviceId, node: NodeId) {
        self.waiting.retain(|waiting| waiting.device != device || waiting.node != node);
    }

    /// How many devices are listed in all, waiting ones aside.
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

    fn waits(name: &str, node: &str) -> Waiting {
        Waiting {
            device: device(name),
            name: name.to_owned(),
            node: NodeId::new(device("own"), node),
            camera: node.to_owned(),
            code: Code::from_number(7),
            until_s: 600,
        }
    }

    #[test]
    fn the_first_device_to_ask_owns_the_cameras_and_the_next_one_waits() {
        let mut view = TrustView::default();
        assert_eq!(ask(&view, "ann"), Access::Unclaimed);
        assert!(view.claim(device("ann"), "Ann", 5));
        assert!(!view.claim(device("bob"), "Bob", 6));
        assert_eq!(
            view.news.as_ref().map(|news| (news.device, news.at_s)),
            Some((device("ann"), 5))
        );
        assert_eq!(ask(&view, "ann"), Access::Granted);
        assert_eq!(ask(&view, "bob"), Access::Pending);
        view.allow(device("bob"), "Bob");
        assert_eq!(ask(&view, "bob"), Access::Granted);
        assert!(view.is_owner(device("ann"), device("own")));
        assert!(!view.is_owner(device("bob"), device("own")));
    }

    #[test]
    fn revoking_the_only_owner_never_makes_a_camera_free_for_the_next_one() {
        let mut view = TrustView::default();
        view.claim(device("ann"), "Ann", 5);
        view.deny(device("ann"), "");
        assert_eq!(view.denied[&device("ann")], "Ann");
        assert!(view.news.is_some(), "whoever claimed cannot hide it by leaving");
        assert_eq!(ask(&view, "ann"), Access::Denied);
        assert_eq!(ask(&view, "bob"), Access::Pending);
        assert!(!view.claim(device("bob"), "Bob", 6));
        view.allow(device("ann"), "");
        assert_eq!(view.watchers[&device("ann")], "Ann");
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
    fn by_invitation_only_means_that_nobody_claims_and_nobody_waits() {
        let mut view = TrustView::default();
        view.allow(device("ann"), "Ann");
        let access = |name: &str| view.access_for(device(name), device("own"), AccessMode::Invite);
        assert_eq!(access("ann"), Access::Granted);
        assert_eq!(access("bob"), Access::Invite);
        assert_eq!(access("own"), Access::Granted);
    }

    #[test]
    fn lists_that_cannot_be_read_admit_nobody_but_the_own_device() {
        let mut view = TrustView::sealed();
        for mode in [AccessMode::Ask, AccessMode::Open, AccessMode::Invite] {
            assert_eq!(view.access_for(device("bob"), device("own"), mode), Access::Pending);
            assert_eq!(view.access_for(device("own"), device("own"), mode), Access::Granted);
        }
        assert!(!view.claim(device("bob"), "Bob", 5));
    }

    #[test]
    fn a_device_waits_once_at_each_program_until_somebody_decides() {
        let mut view = TrustView::default();
        for waiting in [waits("bob", "a"), waits("bob", "a"), waits("bob", "b"), waits("eve", "a")]
        {
            view.apply(&TrustChange::Wait(waiting));
        }
        assert_eq!(view.waiting.len(), 3);
        let eve = waits("eve", "a");
        view.apply(&TrustChange::StopWaiting { device: eve.device, node: eve.node });
        assert_eq!(view.waiting.len(), 2);
        view.apply(&TrustChange::Allow { device: device("bob"), name: "Bob".into() });
        assert_eq!((view.waiting.len(), ask(&view, "bob")), (0, Access::Granted));
    }

    #[test]
    fn lists_that_others_fill_are_bounded() {
        let mut view = TrustView::default();
        for n in 0..=u8::try_from(INVITATIONS_MAX).unwrap() {
            view.apply(&TrustChange::Join(Invitation::from_bytes([n; 16])));
        }
        assert_eq!(view.joined.len(), INVITATIONS_MAX);
        assert_eq!(view.joined[0], Invitation::from_bytes([1; 16]));
        for n in 0..=REMOVALS_MAX {
            let device = device(&n.to_string());
            view.apply(&TrustChange::Remove { device, name: String::new() });
        }
        assert_eq!(view.removed.len(), REMOVALS_MAX);
        let first = device("0");
        for n in 0..=CAMERAS_PER_VIEWER_MAX {
            let at = device(&n.to_string());
            view.apply(&TrustChange::RemovalDone { device: first, at });
        }
        assert_eq!(view.removed[&first].told.len(), CAMERAS_PER_VIEWER_MAX);
        view.apply(&TrustChange::Remove { device: first, name: "again".into() });
        assert!(view.removed[&first].told.is_empty());
    }
}
