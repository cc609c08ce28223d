//! Phones that join through a page which a node serves: what a window shows of that.

use std::net::IpAddr;
use std::time::Instant;

use crate::CameraId;

/// The way in for phones, as a window or a terminal shows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PhoneDoor {
    /// One an address of this machine, the one that a phone most likely reaches first. Empty while
    /// there is no network.
    pub links: Vec<PhoneLink>,
    /// When the links' token runs out; there is a new one before.
    pub expires: Option<Instant>,
    /// SHA-256 of the certificate that stands behind the page, in hexadecimal pairs with colons: whoever
    /// wants to be sure compares it.
    pub fingerprint: String,
    /// Who publishes through this node now.
    pub phones: Vec<PhoneView>,
    /// Why no phone can join, in words: the page's port could not be opened, for example.
    pub trouble: Option<String>,
}

/// The page at one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneLink {
    /// `https://IP:PORT/#token`: what the QR code says.
    pub url: String,
    /// The address in it.
    pub ip: IpAddr,
    /// The interface that has the address, as the system names it.
    pub interface: String,
    /// What kind of network that seems to be.
    pub network: NetworkKind,
}

/// What an interface most likely leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NetworkKind {
    /// A network of rooms: Wi-Fi or a cable.
    Local,
    /// A private tunnel, which no phone beside it is in.
    Vpn,
    /// A network inside this machine: of containers or virtual machines.
    Virtual,
}

impl NetworkKind {
    /// For people who choose an address.
    pub fn words(self) -> &'static str {
        match self {
            NetworkKind::Local => "Wi-Fi or cable",
            NetworkKind::Vpn => "VPN: most phones are not in it",
            NetworkKind::Virtual => "inside this computer only",
        }
    }
}

/// A phone or an encoder that publishes through a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneView {
    /// Its camera.
    pub camera: CameraId,
    /// The name that was given at the phone.
    pub name: String,
    /// How many watch it.
    pub viewers: usize,
    /// The share of its battery that is left, percent; `None` where it does not say.
    pub battery_percent: Option<u8>,
}
