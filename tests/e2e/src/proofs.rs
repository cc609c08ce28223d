//! The code and the proof of an invitation, computed once more from `docs/protocol.md`.
//!
//! Shares nothing with `lanlens-protocol`, so that a mistake there does not repeat itself here.

use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit, Mac};
use lanlens_model::DeviceId;
use sha2::{Digest, Sha256};

/// A nonce, or another 32 bytes on the wire.
pub type Bytes32 = [u8; 32];

/// A nonce that nobody else uses; it need not be secret in a test.
pub fn nonce(seed: &str) -> Bytes32 {
    Sha256::digest(seed).into()
}

/// As it stands in a message.
pub fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// Back from a message; `None` for anything but 64 digits.
pub fn unhex(text: &str) -> Option<Bytes32> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// What binds the camera to its nonce.
pub fn commitment(nonce: &Bytes32) -> String {
    hex(&Sha256::digest(nonce))
}

/// What both ends show.
pub fn code(
    camera_nonce: &Bytes32,
    nonce: &Bytes32,
    camera: DeviceId,
    watcher: DeviceId,
) -> String {
    format!("{:06}", Codes::between(camera, watcher).number(camera_nonce, nonce))
}

/// Many codes between two devices: their ids are spelled out once.
struct Codes {
    text: Vec<u8>,
}

impl Codes {
    fn between(camera: DeviceId, watcher: DeviceId) -> Self {
        Self { text: format!("lanlens code 1{camera}{watcher}").into_bytes() }
    }

    fn number(&self, camera_nonce: &Bytes32, nonce: &Bytes32) -> u64 {
        let digest = mac(&[&camera_nonce[..], nonce].concat(), &[&self.text]);
        digest[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte)) % 1_000_000
    }
}

/// Whose nonce may still be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The camera's.
    Camera,
    /// The watcher's.
    Watcher,
}

/// A nonce that makes the code `wanted` beside `fixed`, the other side's: about a million tries.
/// Whoever knows both nonces can do this, so nobody may choose one after he knows the other.
pub fn steer(
    wanted: &str,
    fixed: &Bytes32,
    choice: Choice,
    camera: DeviceId,
    watcher: DeviceId,
) -> Bytes32 {
    let (codes, wanted) = (Codes::between(camera, watcher), wanted.parse().unwrap_or(u64::MAX));
    let mut chosen = nonce(&format!("{wanted} between {camera} and {watcher}"));
    for count in 0_u64.. {
        chosen[..8].copy_from_slice(&count.to_be_bytes());
        let number = match choice {
            Choice::Camera => codes.number(&chosen, fixed),
            Choice::Watcher => codes.number(fixed, &chosen),
        };
        if number == wanted {
            break;
        }
    }
    chosen
}

/// The proof of an invitation's secret on one connection.
pub fn proof(secret: &[u8], channel: &Bytes32, watcher: DeviceId, camera: DeviceId) -> String {
    let (watcher, camera) = (watcher.to_string(), camera.to_string());
    let parts: [&[u8]; 4] =
        [b"lanlens invitation 1", channel, watcher.as_bytes(), camera.as_bytes()];
    hex(&mac(secret, &parts))
}

/// The secret in a link of `lanlens trust invite`; `None` for another text.
pub fn secret(link: &str) -> Option<Vec<u8>> {
    let text = link.trim().strip_prefix("lanlens:join/")?.to_uppercase();
    BASE32_NOPAD.decode(text.as_bytes()).ok().filter(|secret| secret.len() == 16)
}

/// Every way in which a program might write a secret down as text.
pub fn spellings(secret: &[u8]) -> Vec<String> {
    let base32 = BASE32_NOPAD.encode(secret);
    let digits = HEXLOWER.encode(secret);
    vec![
        base32.to_lowercase(),
        base32,
        digits.to_uppercase(),
        digits,
        BASE64_NOPAD.encode(secret),
        BASE64URL_NOPAD.encode(secret),
    ]
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Bytes32 {
    let mac = Hmac::<Sha256>::new_from_slice(key).ok().map(|mut mac| {
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    });
    // HMAC takes keys of any length.
    mac.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figures of `docs/protocol.md`.
    #[test]
    fn what_is_computed_here_is_what_the_documentation_says() {
        let (camera, watcher) = (DeviceId::from_bytes([3; 16]), DeviceId::from_bytes([4; 16]));
        assert_eq!(code(&[1; 32], &[2; 32], camera, watcher), "658056");
        assert_eq!(
            commitment(&[1; 32]),
            "72cd6e8422c407fb6d098690f1130b7ded7ec2f7f5e1d30bd9d521f015363793"
        );
        assert_eq!(
            proof(&[5; 16], &[6; 32], watcher, camera),
            "5a3bca6455d569160ccff0a90cc3861bd7e4748a86d38da7796145e1c5eae5d5"
        );
    }

    #[test]
    fn a_link_holds_sixteen_bytes_and_nothing_else_is_a_link() {
        assert_eq!(secret("lanlens:join/aaaaaaaaaaaaaaaaaaaaaaaaaa\n"), Some(vec![0; 16]));
        assert_eq!(secret("lanlens:join/aaaa"), None);
        assert_eq!(secret("https://example.org"), None);
    }
}
