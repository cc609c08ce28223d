//! What a device is and whom it trusts, kept in one folder.
//!
//! Owns the [`Home`] folder and what lies in it: the device's key ([`Identity`]), the places of its
//! running programs ([`take_slot`]) and the lists of who may watch ([`TrustStore`]). Several
//! programs of one home may run at once, so every change is made under a lock and becomes visible
//! by an atomic rename.
//!
//! Plain synchronous file access and TLS configuration: knows nothing of sockets, messages or
//! async. No network name, user name or host name ever gets into a certificate.
//!
//! ```text
//! HOME/            0700 where we made it
//!   device.key     0600  PKCS #8 in PEM; DeviceId = hash of its public half
//!   trust.json     0600  owners, watchers, denied
//!   *.lock               held for the moment of a change
//!   slots/NAME           held while a program runs; contains its epoch
//! ```

mod files;
mod home;
mod key;
mod slot;
mod store;
mod tls;

pub use home::{Home, HomeError};
pub use key::{Identity, IdentityError};
pub use slot::{SlotError, SlotGuard, take_slot};
pub use store::{ClaimOutcome, TrustError, TrustStore};
pub use tls::{CertificateError, WrongDevice, device_of};
