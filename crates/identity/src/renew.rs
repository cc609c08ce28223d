//! A new key for a home: for a device whose key is in use on a second machine too.
//!
//! Owns the order of what happens; the key's file belongs to `key`, the lists to `store`.

use lanlens_model::DeviceId;
use thiserror::Error;

use crate::run::hold_alone;
use crate::{Home, Identity, IdentityError, RunError, TrustError, TrustStore};

/// Why the key was not renewed; the old one stands.
#[derive(Debug, Error)]
pub enum RenewError {
    /// A running program goes on proving the old key.
    #[error(
        "programs of this home run, and they prove the old key: close its cameras, viewers and \
         commands, then try again"
    )]
    Running,
    /// It cannot be known who runs.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The lists cannot be changed.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The key cannot be made or written.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// Makes `home` a new device, and gives its id. The old key is not kept; a damaged one is replaced
/// too. Killed at any moment, the home has the old key or the new one.
///
/// The lists stay: they say who may watch the cameras of *this* home, whatever its key, and so
/// does the invitation, which a copy of the home holds as well (`TrustStore::invitation` makes a
/// new one where that matters). Nobody waits any longer: who waits does so at a program of the old
/// device. At the cameras of others the home is a stranger from now on.
///
/// # Errors
/// See [`RenewError`].
pub fn renew_key(home: &Home) -> Result<DeviceId, RenewError> {
    let _alone = hold_alone(home)?.ok_or(RenewError::Running)?;
    // First what is harmless to lose: a kill in between costs a question that is asked again.
    TrustStore::open(home).change(|view| view.waiting.clear())?;
    Ok(Identity::replace(home)?.device())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::take_run;
    use lanlens_model::{Code, Invitation, NodeId, TrustChange, Waiting};

    fn device(n: u8) -> DeviceId {
        DeviceId::from_bytes([n; 16])
    }

    #[test]
    fn a_new_key_makes_a_new_device_and_leaves_who_may_watch() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        let old = Identity::load_or_create(&home).unwrap().device();
        let mut store = TrustStore::open(&home);
        store.claim(device(1), "Ann").unwrap();
        let invitation = store.invitation(false).unwrap();
        let waiting = Waiting {
            device: device(2),
            name: "Ben".into(),
            node: NodeId::new(old, "camera-pattern-0"),
            camera: "Kitchen".into(),
            code: Code::from_number(1),
            until_s: u64::MAX,
        };
        store.apply(&TrustChange::Wait(waiting)).unwrap();
        store.apply(&TrustChange::Join(Invitation::from_bytes([7; 16]))).unwrap();

        let new = renew_key(&home).unwrap();
        assert_ne!(new, old);
        assert_eq!(Identity::load_or_create(&home).unwrap().device(), new);
        let view = store.load().unwrap();
        assert_eq!(view.owners[&device(1)], "Ann");
        assert_eq!(view.invitation, Some(invitation));
        assert_eq!(view.joined.len(), 1);
        assert!(view.waiting.is_empty());
    }

    #[test]
    fn the_key_stays_while_a_program_runs() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        let (_, guard) = take_run(&home).unwrap();
        let old = Identity::load_or_create(&home).unwrap().device();
        let error = renew_key(&home).unwrap_err();
        assert!(matches!(error, RenewError::Running), "{error}");
        assert_eq!(Identity::load_or_create(&home).unwrap().device(), old);
        drop(guard);
        assert_ne!(renew_key(&home).unwrap(), old);
    }

    #[test]
    fn the_old_key_lies_nowhere_in_the_home_any_more() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        Identity::load_or_create(&home).unwrap();
        let old = std::fs::read(dir.path().join("device.key")).unwrap();
        renew_key(&home).unwrap();
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            let path = entry.unwrap().path();
            assert!(path.is_dir() || std::fs::read(&path).unwrap() != old, "{}", path.display());
        }
    }

    #[test]
    fn a_damaged_key_can_be_replaced_and_a_failed_attempt_leaves_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path()).unwrap();
        let path = dir.path().join("device.key");
        std::fs::write(&path, "damaged").unwrap();
        // A folder in the way of the new file fails for every user, root included.
        std::fs::create_dir(dir.path().join("device.new")).unwrap();
        assert!(matches!(renew_key(&home), Err(RenewError::Identity(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"damaged");
        std::fs::remove_dir(dir.path().join("device.new")).unwrap();
        let new = renew_key(&home).unwrap();
        assert_eq!(Identity::load_or_create(&home).unwrap().device(), new);
    }
}
