//! Multicast DNS said byte by byte (RFC 1035 section 4, RFC 6762): what no daemon would send.
//!
//! Knows the form of a response and the contract's service type; nothing of what is true.

use std::net::{Ipv4Addr, UdpSocket};

use anyhow::Result;
use lanlens_testkit::Host;

/// The service type of the contract.
pub(crate) const SERVICE: &str = "_lanlens._tcp.local.";
/// Where multicast DNS is heard.
const GROUP: (Ipv4Addr, u16) = (Ipv4Addr::new(224, 0, 0, 251), 5353);
/// Class IN; unique records add the bit that throws earlier ones away (RFC 6762 section 10.2).
const IN: u16 = 1;
const UNIQUE: u16 = 0x8001;
/// A TTL in seconds that outlasts every test.
pub const LONG: u32 = 4500;

/// A response under construction.
#[derive(Debug, Clone)]
pub struct Response {
    bytes: Vec<u8>,
    answers: u16,
}

impl Default for Response {
    fn default() -> Self {
        // An authoritative response without questions.
        Self { bytes: vec![0, 0, 0x84, 0, 0, 0, 0, 0, 0, 0, 0, 0], answers: 0 }
    }
}

impl Response {
    /// There is this service instance (a label without dots). A `ttl` of 0 is a goodbye.
    #[must_use]
    pub fn pointer(self, instance: &str, ttl: u32) -> Self {
        let mut name = Vec::new();
        push_name(&mut name, &format!("{instance}.{SERVICE}"));
        self.answer(SERVICE, 12, IN, ttl, &name)
    }

    /// It listens at this host and port.
    #[must_use]
    pub fn service(self, instance: &str, host: &str, port: u16, ttl: u32) -> Self {
        let mut data = [[0; 2], [0; 2], port.to_be_bytes()].concat();
        push_name(&mut data, host);
        self.answer(&format!("{instance}.{SERVICE}"), 33, UNIQUE, ttl, &data)
    }

    /// It says this; each pair at most 255 bytes.
    #[must_use]
    pub fn text(self, instance: &str, pairs: &[(&str, &[u8])], ttl: u32) -> Self {
        let mut data = Vec::new();
        for (key, value) in pairs {
            let pair = [key.as_bytes(), b"=", value].concat();
            let length = pair.len().min(255);
            data.push(length as u8);
            data.extend_from_slice(&pair[..length]);
        }
        self.answer(&format!("{instance}.{SERVICE}"), 16, UNIQUE, ttl, &data)
    }

    /// The host has this address.
    #[must_use]
    pub fn address(self, host: &str, address: Ipv4Addr, ttl: u32) -> Self {
        self.answer(host, 1, UNIQUE, ttl, &address.octets())
    }

    /// Bytes so far.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    fn answer(mut self, name: &str, kind: u16, class: u16, ttl: u32, data: &[u8]) -> Self {
        push_name(&mut self.bytes, name);
        self.bytes.extend_from_slice(&kind.to_be_bytes());
        self.bytes.extend_from_slice(&class.to_be_bytes());
        self.bytes.extend_from_slice(&ttl.to_be_bytes());
        self.bytes.extend_from_slice(&(data.len() as u16).to_be_bytes());
        self.bytes.extend_from_slice(data);
        self.answers += 1;
        self.bytes[6..8].copy_from_slice(&self.answers.to_be_bytes());
        self
    }
}

/// Uncompressed, a label at each dot.
fn push_name(bytes: &mut Vec<u8>, name: &str) {
    for label in name.split('.').filter(|label| !label.is_empty()) {
        let length = label.len().min(63);
        bytes.push(length as u8);
        bytes.extend_from_slice(&label.as_bytes()[..length]);
    }
    bytes.push(0);
}

/// Somebody on the LAN who may say anything.
#[derive(Debug)]
pub struct Voice {
    socket: UdpSocket,
}

impl Voice {
    /// On this host, where no other program may speak multicast DNS.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn on(host: &Host) -> Result<Self> {
        let socket = host.within(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, GROUP.1)))??;
        socket.set_multicast_ttl_v4(255)?;
        Ok(Self { socket })
    }

    /// Says it to everyone; whether it left.
    pub fn say(&self, response: &Response) -> bool {
        self.socket.send_to(&response.bytes, GROUP).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_counts_its_answers_and_spells_its_names() {
        let response = Response::default().address("a.local.", Ipv4Addr::new(10, 0, 0, 1), 120);
        let expected = b"\0\0\x84\0\0\0\0\x01\0\0\0\0\x01a\x05local\0\0\x01\x80\x01\0\0\0\x78\0\x04\x0a\0\0\x01";
        assert_eq!(response.bytes, expected);
        let two = response.pointer("b", 0);
        assert_eq!(two.bytes[7], 2);
        assert!(two.bytes.ends_with(b"\x01b\x08_lanlens\x04_tcp\x05local\0"));
    }
}
