//! What a device is and whom it trusts, kept in one folder.
//!
//! Owns the [`Home`] folder and what lies in it: the device's key ([`Identity`], [`renew_key`]), the
//! places of its running programs ([`take_slot`]), the number that they share ([`take_run`]), and
//! the lists of who may watch ([`TrustStore`]), where cameras were last reached ([`known_nodes`]), who
//! may publish by the page for phones ([`PhoneStore`]), that page's certificates ([`WebRoot`]), and
//! where it is served ([`DoorGuard`]). Several programs of one home may run at once, so
//! every change is made under a lock and becomes visible by an atomic rename.
//!
//! Plain synchronous file access and TLS configuration: knows nothing of sockets, messages or
//! async. No network name, user name or host name ever gets into a certificate.
//!
//! ```text
//! HOME/            0700 where we made it
//!   device.key     0600  PKCS #8 in PEM; DeviceId = hash of its public half
//!   trust.json     0600  owners, watchers, denied, who waits, invitations
//!   places.json    0600  where cameras were reached
//!   phones.json    0600  hashes of tokens and of what phones and encoders show
//!   web-root.key   0600  PKCS #8 in PEM; signs the page's certificates
//!   web-root.crt   0600  its certificate, which phones may install
//!   web-leaves.json 0600 the page's certificates and their keys
//!   web/SLOT.json  0600  where a program serves its page, or did; SLOT.lock is held while it does
//!   run            0600  the number of the programs that run now
//!   run.lock             held shared while a program runs
//!   *.lock               the others: held for the moment of a change
//!   slots/NAME           held while a program runs; contains its epoch
//! ```

mod clock;
mod decide;
mod doors;
mod files;
mod home;
mod key;
mod phones;
mod places;
mod random;
mod renew;
mod run;
mod slot;
mod store;
mod tls;
mod web_root;

pub use clock::unix_s;
pub use decide::{DecideError, Decided, FindError, Found, find_device, short_id_chars};
pub use doors::{Door, DoorError, DoorGuard, running_doors};
pub use home::{Home, HomeError};
pub use key::{Identity, IdentityError};
pub use phones::{
    Credential, JoinToken, PhoneKind, PhoneScope, PhoneStore, PhonesError, RedeemError, TokenState,
};
pub use places::{PlacesError, known_nodes, remember_node};
pub use random::{RandomError, random_bytes};
pub use renew::{RenewError, renew_key};
pub use run::{RunError, RunGuard, take_run};
pub use slot::{SlotError, SlotGuard, take_slot};
pub use store::{ClaimOutcome, TrustError, TrustStore};
pub use tls::{CertificateError, WrongDevice, device_of};
pub use web_root::{Certificates, WebRoot, WebRootError};
