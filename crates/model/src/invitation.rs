//! The secret that a group shares: whoever holds it may watch, without asking anybody.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::IdError;
use crate::id::BASE32;

/// What a link begins with; a window takes links of this scheme when they are pasted.
const SCHEME: &str = "lanlens:";
const LINK: &str = "lanlens:join/";

/// 128 bits by chance. Never sent: a viewer proves that it holds them (`docs/protocol.md`).
///
/// Printed as a link, `lanlens:join/` and 26 characters of base32. `Debug` does not print it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Invitation([u8; 16]);

impl Invitation {
    /// The invitation with these random bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The secret, to prove it with.
    pub const fn secret(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Invitation(…)")
    }
}

impl fmt::Display for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{LINK}{}", BASE32.encode(&self.0))
    }
}

impl FromStr for Invitation {
    type Err = IdError;

    /// Takes the link, in any case (a QR code is smaller in capitals), or what stands behind it.
    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.len() > 128 {
            return Err(IdError);
        }
        let text = text.trim().to_ascii_lowercase();
        let secret = text.strip_prefix(LINK).unwrap_or(&text);
        if secret.starts_with(SCHEME) {
            return Err(IdError);
        }
        let bytes = BASE32.decode(secret.as_bytes()).map_err(|_| IdError)?;
        bytes.try_into().map(Self).map_err(|_| IdError)
    }
}

impl Serialize for Invitation {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Invitation {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_survives_printing_a_qr_code_and_a_messenger() {
        let invitation = Invitation::from_bytes(*b"sixteen bytes!!!");
        let link = invitation.to_string();
        assert_eq!(link.parse(), Ok(invitation.clone()));
        assert_eq!(link.to_uppercase().parse(), Ok(invitation.clone()));
        assert_eq!(format!(" {link}\n").parse(), Ok(invitation.clone()));
        assert_eq!(link[LINK.len()..].parse(), Ok(invitation));
        for text in ["", "lanlens:join/", "lanlens:join/abc", "https://example.org", "é"] {
            assert_eq!(text.parse::<Invitation>(), Err(IdError), "{text}");
        }
    }

    #[test]
    fn the_secret_does_not_get_into_a_log() {
        let invitation = Invitation::from_bytes([0xab; 16]);
        assert!(!format!("{invitation:?}").contains(&invitation.to_string()[20..]));
    }
}
