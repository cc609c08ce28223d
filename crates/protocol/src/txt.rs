//! The TXT record of a service instance (RFC 6763 section 6).

use std::collections::BTreeMap;

use lanlens_model::limits::TXT_BYTES_MAX;
use lanlens_model::{CameraId, Epoch, NodeId, Role};
use thiserror::Error;

use crate::{VERSION, clean_name};

/// What one service instance announces: a node, and at most one camera.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Txt {
    /// The announcing node.
    pub node: NodeId,
    /// What it is for.
    pub role: Role,
    /// Its process start.
    pub epoch: Epoch,
    /// The camera it serves under this instance.
    pub camera: Option<CameraId>,
    /// Friendly name; empty for viewers.
    pub name: String,
    /// Of a phone or encoder that sends its pictures to another node: that node, which serves them
    /// here. Nodes that do not know the key leave it out.
    pub via: Option<NodeId>,
}

/// Why an announcement is not one of ours.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TxtError {
    /// Longer than [`TXT_BYTES_MAX`].
    #[error("TXT record of {0} bytes is too long")]
    TooLong(usize),
    /// Another protocol version.
    #[error("speaks version {0}, this program speaks {VERSION}")]
    Version(String),
    /// A key is missing or its value is not what it must be.
    #[error("TXT key “{0}” is missing or wrong")]
    Key(&'static str),
    /// The camera belongs to another device than the node.
    #[error("announces a camera of another device")]
    ForeignCamera,
    /// It says that a node of another device serves it.
    #[error("says that a node of another device serves it")]
    ForeignVia,
}

impl Txt {
    /// Key and value pairs, in the order they are announced.
    pub fn encode(&self) -> Vec<(String, String)> {
        let mut pairs = vec![
            ("v".to_owned(), VERSION.to_string()),
            ("node".to_owned(), self.node.to_string()),
            ("role".to_owned(), self.role.as_str().to_owned()),
            ("epoch".to_owned(), self.epoch.0.to_string()),
        ];
        if let Some(camera) = self.camera {
            pairs.push(("cam".to_owned(), camera.to_string()));
        }
        if !self.name.is_empty() {
            pairs.push(("name".to_owned(), clean_name(&self.name)));
        }
        if let Some(via) = self.via {
            pairs.push(("via".to_owned(), via.to_string()));
        }
        pairs
    }

    /// Reads key and value pairs as they came from the network. Unknown keys are ignored; of equal
    /// keys the first counts (RFC 6763 section 6.4).
    ///
    /// # Errors
    /// See [`TxtError`]; the instance is then not ours and is left alone.
    pub fn parse<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) -> Result<Self, TxtError> {
        let mut values: BTreeMap<String, &[u8]> = BTreeMap::new();
        let mut bytes = 0;
        for (key, value) in pairs {
            bytes += key.len() + value.len() + 2;
            values.entry(key.to_ascii_lowercase()).or_insert(value);
        }
        if bytes > TXT_BYTES_MAX {
            return Err(TxtError::TooLong(bytes));
        }
        let text = |key: &'static str| {
            let value = values.get(key).ok_or(TxtError::Key(key))?;
            std::str::from_utf8(value).map_err(|_| TxtError::Key(key))
        };
        let version = text("v")?;
        if version != VERSION.to_string() {
            return Err(TxtError::Version(clean_name(version)));
        }
        let node: NodeId = text("node")?.parse().map_err(|_| TxtError::Key("node"))?;
        let role = match text("role")? {
            "camera" => Role::Camera,
            "viewer" => Role::Viewer,
            _ => return Err(TxtError::Key("role")),
        };
        let epoch = Epoch(text("epoch")?.parse().map_err(|_| TxtError::Key("epoch"))?);
        let camera: Option<CameraId> = match values.contains_key("cam") {
            true => Some(text("cam")?.parse().map_err(|_| TxtError::Key("cam"))?),
            false => None,
        };
        if camera.is_some_and(|camera| camera.device() != node.device()) {
            return Err(TxtError::ForeignCamera);
        }
        let name =
            if values.contains_key("name") { clean_name(text("name")?) } else { String::new() };
        let via: Option<NodeId> = match values.contains_key("via") {
            true => Some(text("via")?.parse().map_err(|_| TxtError::Key("via"))?),
            false => None,
        };
        if via.is_some_and(|via| via.device() != node.device()) {
            return Err(TxtError::ForeignVia);
        }
        Ok(Self { node, role, epoch, camera, name, via })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanlens_model::DeviceId;

    fn txt(name: &str) -> Txt {
        let device = DeviceId::from_spki(b"key");
        Txt {
            node: NodeId::new(device, "camera-0"),
            role: Role::Camera,
            epoch: Epoch(7),
            camera: Some(CameraId::new(device, "pattern-0")),
            name: name.to_owned(),
            via: Some(NodeId::new(device, "viewer-0")),
        }
    }

    fn parse(pairs: &[(String, String)]) -> Result<Txt, TxtError> {
        Txt::parse(pairs.iter().map(|(k, v)| (k.as_str(), v.as_bytes())))
    }

    #[test]
    fn an_announcement_survives_the_wire() {
        let txt = txt("거실");
        assert_eq!(parse(&txt.encode()), Ok(txt));
    }

    #[test]
    fn what_is_not_served_for_a_phone_says_nothing_of_it() {
        let txt = Txt { via: None, ..txt("a") };
        assert!(!txt.encode().iter().any(|(key, _)| key == "via"));
        assert_eq!(parse(&txt.encode()), Ok(txt));
    }

    #[test]
    fn the_longest_name_still_fits() {
        let txt = txt(&"ü".repeat(1000));
        assert_eq!(parse(&txt.encode()).map(|t| t.name), Ok("ü".repeat(32)));
    }

    #[test]
    fn one_byte_too_many_is_refused() {
        let mut pairs = txt("").encode();
        let used: usize = pairs.iter().map(|(k, v)| k.len() + v.len() + 2).sum();
        pairs.push(("x".into(), "y".repeat(TXT_BYTES_MAX - used - 3)));
        assert!(parse(&pairs).is_ok());
        pairs.last_mut().unwrap().1.push('y');
        assert_eq!(parse(&pairs), Err(TxtError::TooLong(TXT_BYTES_MAX + 1)));
    }

    #[test]
    fn malformed_records_say_what_is_wrong() {
        let broken = |key: &str, value: &str| {
            let mut pairs = txt("a").encode();
            pairs.retain(|(k, _)| k != key);
            pairs.push((key.to_owned(), value.to_owned()));
            parse(&pairs).unwrap_err()
        };
        assert_eq!(broken("v", "2"), TxtError::Version("2".into()));
        assert_eq!(broken("node", "zz"), TxtError::Key("node"));
        assert_eq!(broken("role", "boss"), TxtError::Key("role"));
        assert_eq!(broken("epoch", "-1"), TxtError::Key("epoch"));
        let other = CameraId::new(DeviceId::from_spki(b"other"), "x").to_string();
        assert_eq!(broken("cam", &other), TxtError::ForeignCamera);
        let other = NodeId::new(DeviceId::from_spki(b"other"), "x").to_string();
        assert_eq!(broken("via", &other), TxtError::ForeignVia);
        assert_eq!(broken("via", "zz"), TxtError::Key("via"));
        assert_eq!(Txt::parse([("v", &b"\xff"[..])]), Err(TxtError::Key("v")));
        assert_eq!(Txt::parse([]), Err(TxtError::Key("v")));
    }
}
