//! What we announce, under names that nobody else has.
//!
//! Renaming on conflict (RFC 6762 section 9) lost cameras in tests, so instance and host names are
//! unique by construction and the friendly name travels in TXT. Each instance has its own host
//! name: with a shared one, the goodbye of one made its siblings flap.
//!
//! The unique part is drawn at every start and derived from nothing else. A home that was copied to
//! another machine has the same key, node and camera; names made of those would be one instance on
//! two machines, each of which answers for it and withdraws what the other said (RFC 6762 section
//! 10.2), so that neither could hear of the other.

use lanlens_protocol::Txt;

/// Bytes of the friendly name that stay readable in an instance name (a DNS label holds 63).
const READABLE_BYTES_MAX: usize = 24;

/// One service instance. To change what it says, change `txt` (or `port`) and advertise it again;
/// new names would look like another service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advert {
    /// The instance name without the service type, for example `kitchen-3fa91c02`.
    pub instance: String,
    /// The host name, for example `lanlens-5c1f….local.`.
    pub host: String,
    /// Where we listen.
    pub port: u16,
    /// What we say.
    pub txt: Txt,
}

impl Advert {
    /// New names for this announcement. Who it is from stands in `txt`, not in them.
    pub fn new(port: u16, txt: Txt) -> Self {
        let friendly = if txt.name.is_empty() { txt.role.as_str() } else { &txt.name };
        let unique = fastrand::u64(..);
        let instance = instance_name(friendly, unique);
        let host = format!("lanlens-{unique:016x}.local.");
        Self { instance, host, port, txt }
    }
}

/// `friendly` in lower-case ASCII, and the upper half of `unique`.
fn instance_name(friendly: &str, unique: u64) -> String {
    let mut name = String::new();
    for c in friendly.chars().map(|c| c.to_ascii_lowercase()) {
        if name.len() == READABLE_BYTES_MAX {
            break;
        }
        match c {
            'a'..='z' | '0'..='9' => name.push(c),
            _ if name.is_empty() || name.ends_with('-') => {}
            _ => name.push('-'),
        }
    }
    let name = name.trim_end_matches('-');
    let name = if name.is_empty() { "lanlens" } else { name };
    format!("{name}-{:08x}", unique >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanlens_model::{CameraId, DeviceId, Epoch, NodeId, Role};

    fn txt(slot: &str, name: &str) -> Txt {
        let device = DeviceId::from_spki(b"key");
        let node = NodeId::new(device, slot);
        let camera = Some(CameraId::new(device, slot));
        Txt { node, role: Role::Camera, epoch: Epoch(1), camera, name: name.into(), via: None }
    }

    #[test]
    fn two_cameras_with_one_name_have_different_instances_and_hosts() {
        let (a, b) = (Advert::new(1, txt("a", "Kitchen")), Advert::new(1, txt("b", "Kitchen")));
        assert!(a.instance.starts_with("kitchen-"), "{}", a.instance);
        assert_ne!(a.instance, b.instance);
        assert_ne!(a.host, b.host);
    }

    #[test]
    fn a_copied_home_announces_itself_under_names_of_its_own() {
        let (a, b) = (Advert::new(1, txt("a", "Kitchen")), Advert::new(1, txt("a", "Kitchen")));
        assert_eq!(a.txt, b.txt);
        assert_ne!(a.instance, b.instance);
        assert_ne!(a.host, b.host);
    }

    #[test]
    fn any_name_becomes_a_short_plain_label() {
        for name in ["거실", "", "...", "-", &"x".repeat(500), "a.b\\c\0d", "Wohnzimmer Süd 2"] {
            let instance = Advert::new(1, txt("a", name)).instance;
            assert!(instance.len() <= 63, "{instance}");
            let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            assert!(instance.bytes().all(plain), "{instance}");
            assert!(!instance.starts_with('-'), "{instance}");
        }
    }
}
