//! Proofs between two nodes: the code that people compare, and the invitation that is never sent.
//!
//! Owns the arithmetic and the bytes that go into it; keeps no state, draws no random numbers (they
//! come in as a [`Secret`]), and does not decide who is let in.
//!
//! **The code** (`docs/decisions/0009-a-code-that-nobody-can-steer.md`) binds two nonces and both
//! device ids. The camera commits to its nonce before it sees the watcher's, so neither side, nor
//! anybody between them, can choose a nonce that makes two codes equal: each try is one guess in a
//! million. It is the short authentication string of RFC 6189 section 4.4 with six decimal digits.
//!
//! **The invitation** is proven by a MAC over the TLS channel (RFC 9266), so a proof is worthless
//! on any other connection, and says nothing about the secret.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER_PERMISSIVE;
use hmac::{Hmac, KeyInit, Mac};
use lanlens_model::{Code, DeviceId, IdError, Invitation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A chain of random numbers from one secret of this process: what comes out does not betray what
/// comes next, and the same secret gives the same numbers again (in a simulation).
pub struct Secret {
    key: [u8; 32],
    count: u64,
}

impl Secret {
    /// From 32 random bytes that nobody else knows.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key, count: 0 }
    }

    /// The next nonce.
    pub fn nonce(&mut self) -> Nonce {
        self.count += 1;
        Nonce(mac(&self.key, &[b"lanlens nonce 1", &self.count.to_be_bytes()]).finish())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// 32 bytes, written as 64 hexadecimal digits.
macro_rules! bytes32 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub struct $name([u8; 32]);

        impl $name {
            /// From its bytes.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&HEXLOWER_PERMISSIVE.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                if text.len() != 64 {
                    return Err(IdError);
                }
                let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| IdError)?;
                bytes.try_into().map(Self).map_err(|_| IdError)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

bytes32! {
    /// A random number, used once.
    Nonce
}
bytes32! {
    /// The SHA-256 of a [`Nonce`], sent before it.
    Commitment
}
bytes32! {
    /// That somebody holds an [`Invitation`].
    Proof
}
bytes32! {
    /// What both ends of one TLS connection know and nobody else: `tls-exporter` of RFC 9266.
    ChannelBinding
}

impl Nonce {
    /// What is sent before the nonce itself.
    pub fn commitment(&self) -> Commitment {
        Commitment(Sha256::digest(self.0).into())
    }
}

/// The code of a request by `viewer` at `camera`. Both sides compute it.
pub fn code(
    camera_nonce: &Nonce,
    viewer_nonce: &Nonce,
    camera: DeviceId,
    viewer: DeviceId,
) -> Code {
    let mut key = [0; 64];
    key[..32].copy_from_slice(&camera_nonce.0);
    key[32..].copy_from_slice(&viewer_nonce.0);
    let (camera, viewer) = (camera.to_string(), viewer.to_string());
    let digest = mac(&key, &[b"lanlens code 1", camera.as_bytes(), viewer.as_bytes()]).finish();
    let mut number = [0; 8];
    number.copy_from_slice(&digest[..8]);
    Code::from_number(u64::from_be_bytes(number))
}

impl Proof {
    /// The proof of `viewer` to `camera`, on this connection.
    pub fn of(
        invitation: &Invitation,
        channel: &ChannelBinding,
        viewer: DeviceId,
        camera: DeviceId,
    ) -> Self {
        Self(invitation_mac(invitation, channel, viewer, camera).finish())
    }

    /// Whether it is the right one. Takes as long for every wrong one.
    pub fn is_of(
        &self,
        invitation: &Invitation,
        channel: &ChannelBinding,
        viewer: DeviceId,
        camera: DeviceId,
    ) -> bool {
        invitation_mac(invitation, channel, viewer, camera).verifies(&self.0)
    }
}

fn invitation_mac(
    invitation: &Invitation,
    channel: &ChannelBinding,
    viewer: DeviceId,
    camera: DeviceId,
) -> Sealed {
    let (viewer, camera) = (viewer.to_string(), camera.to_string());
    let parts: [&[u8]; 4] =
        [b"lanlens invitation 1", &channel.0, viewer.as_bytes(), camera.as_bytes()];
    mac(invitation.secret(), &parts)
}

/// HMAC-SHA-256 (RFC 2104) over parts that are of fixed length each, so that their borders are plain.
struct Sealed(Option<Hmac<Sha256>>);

fn mac(key: &[u8], parts: &[&[u8]]) -> Sealed {
    // HMAC takes keys of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok();
    if let Some(mac) = &mut mac {
        parts.iter().for_each(|part| mac.update(part));
    }
    Sealed(mac)
}

impl Sealed {
    fn finish(self) -> [u8; 32] {
        self.0.map(|mac| mac.finalize().into_bytes().into()).unwrap_or_default()
    }

    fn verifies(self, tag: &[u8; 32]) -> bool {
        self.0.is_some_and(|mac| mac.verify_slice(tag).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(name: &str) -> DeviceId {
        DeviceId::from_spki(name.as_bytes())
    }

    #[test]
    fn both_ends_compute_the_same_code_and_it_depends_on_everything() {
        let mut secret = Secret::new([7; 32]);
        let (a, b, c) = (secret.nonce(), secret.nonce(), secret.nonce());
        let (camera, viewer) = (device("camera"), device("viewer"));
        let right = code(&a, &b, camera, viewer);
        assert_eq!(code(&a, &b, camera, viewer), right);
        for other in [
            code(&c, &b, camera, viewer),
            code(&a, &c, camera, viewer),
            code(&b, &a, camera, viewer),
            code(&a, &b, device("other"), viewer),
            code(&a, &b, camera, device("other")),
            code(&a, &b, viewer, camera),
        ] {
            assert_ne!(other, right);
        }
    }

    /// Published so that another implementation can check itself; computed with Python's `hmac`.
    #[test]
    fn the_code_and_the_proof_are_what_the_documentation_says() {
        let (camera_nonce, viewer_nonce) = (Nonce([1; 32]), Nonce([2; 32]));
        let (camera, viewer) = (DeviceId::from_bytes([3; 16]), DeviceId::from_bytes([4; 16]));
        assert_eq!(code(&camera_nonce, &viewer_nonce, camera, viewer).to_string(), "658056");
        assert_eq!(
            camera_nonce.commitment().to_string(),
            "72cd6e8422c407fb6d098690f1130b7ded7ec2f7f5e1d30bd9d521f015363793"
        );
        let (invitation, channel) = (Invitation::from_bytes([5; 16]), ChannelBinding([6; 32]));
        assert_eq!(
            Proof::of(&invitation, &channel, viewer, camera).to_string(),
            "5a3bca6455d569160ccff0a90cc3861bd7e4748a86d38da7796145e1c5eae5d5"
        );
    }

    #[test]
    fn a_proof_holds_for_one_secret_one_connection_and_one_pair_of_devices() {
        let (invitation, channel) = (Invitation::from_bytes([1; 16]), ChannelBinding([2; 32]));
        let (viewer, camera) = (device("viewer"), device("camera"));
        let proof = Proof::of(&invitation, &channel, viewer, camera);
        assert!(proof.is_of(&invitation, &channel, viewer, camera));
        assert!(!proof.is_of(&Invitation::from_bytes([9; 16]), &channel, viewer, camera));
        assert!(!proof.is_of(&invitation, &ChannelBinding([9; 32]), viewer, camera));
        assert!(!proof.is_of(&invitation, &channel, device("thief"), camera));
        assert!(!proof.is_of(&invitation, &channel, viewer, device("thief")));
        assert!(!proof.is_of(&invitation, &channel, camera, viewer));
    }

    #[test]
    fn nonces_never_repeat_and_nothing_secret_gets_into_a_log() {
        let mut secret = Secret::new([7; 32]);
        let nonces: std::collections::BTreeSet<String> =
            (0..1000).map(|_| secret.nonce().to_string()).collect();
        assert_eq!(nonces.len(), 1000);
        assert_eq!(format!("{secret:?} {:?}", secret.nonce()), "Secret(…) Nonce(…)");
    }

    /// A man in the middle with keys of his own runs one request with the camera and one with the
    /// viewer, in whichever order suits him, and wants both to show one code. He may choose his
    /// nonces knowing all that was said so far, trying many: only the commitment stops him.
    #[test]
    fn ten_thousand_tries_to_steer_a_code_succeed_no_more_often_than_chance() {
        let (camera, viewer, thief) = (device("camera"), device("viewer"), device("thief"));
        let (mut secret, mut own) = (Secret::new([1; 32]), Secret::new([2; 32]));
        let mut hits = [0, 0];
        for _ in 0..10_000 {
            let (honest_camera, honest_viewer) = (secret.nonce(), secret.nonce());
            // With the viewer first: its code is known, then a nonce is wanted for the camera that
            // hides its own until it has it. All he can do is guess the camera's.
            let code_there = code(&own.nonce(), &honest_viewer, thief, viewer);
            let guess = own.nonce();
            let best =
                (0..20).map(|_| own.nonce()).find(|n| code(&guess, n, camera, thief) == code_there);
            let nonce = best.unwrap_or(guess);
            hits[0] += u32::from(code(&honest_camera, &nonce, camera, thief) == code_there);
            // With the camera first: its code is known, but he is bound to a nonce before the
            // viewer's comes.
            let code_there = code(&honest_camera, &own.nonce(), camera, thief);
            let bound = own.nonce();
            let swapped = (0..20)
                .map(|_| own.nonce())
                .find(|n| code(n, &honest_viewer, thief, viewer) == code_there)
                .filter(|n| n.commitment() == bound.commitment());
            let revealed = swapped.unwrap_or(bound);
            hits[1] += u32::from(code(&revealed, &honest_viewer, thief, viewer) == code_there);
        }
        // Chance: 0.01 expected each; three or more come by chance less than once in a million.
        assert!(hits.iter().all(|hits| *hits < 3), "{hits:?}");
    }
}
