//! Ids that certify themselves.
//!
//! A [`DeviceId`] is the hash of the device's public key, and TLS proves it; node and camera ids
//! carry the device id inside, so an announcement with another device's id is recognised as false
//! without any authority. Nothing here knows where keys are kept.

use std::fmt;
use std::str::FromStr;

use data_encoding::{Encoding, Specification};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// RFC 4648 base32 in lower case without padding: safe in TXT records, file names and URLs.
pub(crate) static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut spec = Specification::new();
    spec.symbols.push_str("abcdefghijklmnopqrstuvwxyz234567");
    spec.translate.from.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    spec.translate.to.push_str("abcdefghijklmnopqrstuvwxyz");
    #[expect(clippy::expect_used, reason = "a constant specification, covered by every test here")]
    spec.encoding().expect("valid base32 specification")
});

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdError;

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a valid id")
    }
}

impl std::error::Error for IdError {}

/// One device (one home folder): the first 16 bytes of SHA-256 over its public key (SPKI, RFC 5280
/// section 4.1.2.7, in DER). Printed as 26 characters of base32.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId([u8; 16]);

impl DeviceId {
    /// The id that belongs to a public key, given as SubjectPublicKeyInfo in DER.
    pub fn from_spki(spki_der: &[u8]) -> Self {
        let digest = Sha256::digest(spki_der);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self(bytes)
    }

    /// An id from its bytes; for tests and for parsing.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

/// A device and a 64-bit name inside it: the shape of [`NodeId`] and [`CameraId`].
fn join(device: DeviceId, part: u64) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[..16].copy_from_slice(&device.0);
    bytes[16..].copy_from_slice(&part.to_be_bytes());
    bytes
}

fn split(bytes: &[u8]) -> Result<(DeviceId, u64), IdError> {
    let bytes: [u8; 24] = bytes.try_into().map_err(|_| IdError)?;
    let (mut device, mut part) = ([0; 16], [0; 8]);
    device.copy_from_slice(&bytes[..16]);
    part.copy_from_slice(&bytes[16..]);
    Ok((DeviceId(device), u64::from_be_bytes(part)))
}

/// 64 bits of SHA-256 over a name: the slot or source part of an id.
fn hash64(name: &str) -> u64 {
    let digest = Sha256::digest(name.as_bytes());
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(bytes)
}

/// One running program of a device: the device and the hash of the slot it holds.
/// Printed as 39 characters of base32.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    device: DeviceId,
    slot: u64,
}

impl NodeId {
    /// The node that holds the slot of this name on `device`.
    pub fn new(device: DeviceId, slot_name: &str) -> Self {
        Self { device, slot: hash64(slot_name) }
    }

    /// The device that must prove itself when this node is dialed.
    pub fn device(&self) -> DeviceId {
        self.device
    }
}

/// One camera: the device and the hash of its source. It outlives addresses, restarts and names.
/// Printed as 39 characters of base32.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CameraId {
    device: DeviceId,
    source: u64,
}

impl CameraId {
    /// The camera with this source name (a stable device path, a slot, a credential) on `device`.
    pub fn new(device: DeviceId, source_name: &str) -> Self {
        Self { device, source: hash64(source_name) }
    }

    /// The device that this camera belongs to.
    pub fn device(&self) -> DeviceId {
        self.device
    }
}

/// One media session between a viewer and a camera; allocated by the watching side.
/// Printed as 16 hexadecimal digits (JSON numbers lose bits past 2^53 in browsers).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// The time during which programs of one home run on one machine, by a random number: two machines
/// that use one key have two. Printed as 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

/// How often a node has been started: a higher epoch replaces what a lower one said.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Default,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

fn hexadecimal(text: &str) -> Result<u64, IdError> {
    if text.len() != 16 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(IdError);
    }
    u64::from_str_radix(text, 16).map_err(|_| IdError)
}

macro_rules! text_id {
    ($type:ident, $print:expr, $parse:expr) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let print: fn(&$type) -> String = $print;
                f.write_str(&print(self))
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let text = self.to_string();
                write!(f, "{}({}…)", stringify!($type), &text[..text.len().min(8)])
            }
        }
        impl FromStr for $type {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let parse: fn(&str) -> Result<$type, IdError> = $parse;
                parse(text)
            }
        }
        impl Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

fn decode(text: &str) -> Result<Vec<u8>, IdError> {
    if text.len() > 64 {
        return Err(IdError);
    }
    BASE32.decode(text.as_bytes()).map_err(|_| IdError)
}

text_id!(DeviceId, |id| BASE32.encode(&id.0), |text| {
    Ok(DeviceId(decode(text)?.try_into().map_err(|_| IdError)?))
});
text_id!(NodeId, |id| BASE32.encode(&join(id.device, id.slot)), |text| {
    let (device, slot) = split(&decode(text)?)?;
    Ok(NodeId { device, slot })
});
text_id!(CameraId, |id| BASE32.encode(&join(id.device, id.source)), |text| {
    let (device, source) = split(&decode(text)?)?;
    Ok(CameraId { device, source })
});
text_id!(SessionId, |id| format!("{:016x}", id.0), |text| hexadecimal(text).map(SessionId));
text_id!(RunId, |id| format!("{:016x}", id.0), |text| hexadecimal(text).map(RunId));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_printing_and_parsing() {
        let device = DeviceId::from_spki(b"a key");
        let node = NodeId::new(device, "camera-0");
        let camera = CameraId::new(device, "pattern-0");
        assert_eq!(device.to_string().parse(), Ok(device));
        assert_eq!(node.to_string().parse(), Ok(node));
        assert_eq!(camera.to_string().to_uppercase().parse(), Ok(camera));
        assert_eq!(device.to_string().len(), 26);
        assert_eq!(node.to_string().len(), 39);
        assert_eq!(SessionId(0xfe).to_string().parse(), Ok(SessionId(0xfe)));
    }

    #[test]
    fn a_node_carries_its_device_so_a_stolen_id_is_recognised() {
        let (a, b) = (DeviceId::from_spki(b"a"), DeviceId::from_spki(b"b"));
        assert_eq!(NodeId::new(a, "x").device(), a);
        assert_ne!(NodeId::new(a, "x"), NodeId::new(b, "x"));
    }

    #[test]
    fn nonsense_is_no_id() {
        let long = "a".repeat(1000);
        for text in ["", "0", "ünïcödé", "a b", long.as_str()] {
            assert_eq!(text.parse::<DeviceId>(), Err(IdError), "{text}");
            assert_eq!(text.parse::<CameraId>(), Err(IdError), "{text}");
            assert_eq!(text.parse::<SessionId>(), Err(IdError), "{text}");
        }
        assert_eq!("+00000000000000f".parse::<SessionId>(), Err(IdError));
    }
}
