//! What the probes saw, as plain data: everything that a judgement may rest on, and nothing else.
//!
//! Owns no opinion. A test writes down what a broken network looks like and asks what is said of it.

use std::net::{IpAddr, SocketAddr};

use lanlens_model::{Access, CameraId, DeviceId, NodeId};

/// All that was seen in one examination.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observations {
    /// The system itself.
    pub system: System,
    /// The interfaces that Lanlens may use, by name; empty for all.
    pub chosen: Vec<String>,
    /// Every interface that is known, loopback apart.
    pub interfaces: Vec<Interface>,
    /// Multicast DNS, tried once for each interface and address family.
    pub loops: Vec<Loop>,
    /// Who else was heard on 5353/udp.
    pub heard: Vec<Heard>,
    /// The default gateway.
    pub gateway: Option<Gateway>,
    /// Cameras: announced, or looked for at an address that was given.
    pub peers: Vec<Peer>,
}

/// The system and what it says of its own protections.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct System {
    /// Which kind.
    pub os: Os,
    /// The firewall that is on, as far as it can be told without being its administrator.
    pub firewall: FirewallTool,
    /// Windows: a network in use is of the *public* category.
    pub public_network: Option<bool>,
    /// Other programs of this computer that speak multicast DNS.
    pub responders: Vec<String>,
    /// This computer's own cameras.
    pub cameras: OwnCameras,
    /// Seconds since 1970 by this computer's clock.
    pub unix_s: u64,
}

/// Systems that need different words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Os {
    /// Linux, and whatever else is like it.
    #[default]
    Linux,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
}

/// Firewalls that need different commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FirewallTool {
    /// None that is known to be on; rules of nftables or iptables may still be there.
    #[default]
    Unknown,
    /// Ubuntu's ufw.
    Ufw,
    /// Fedora's firewalld.
    Firewalld,
}

/// Whether this user's programs may open this computer's cameras.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum OwnCameras {
    /// The system does not tell.
    #[default]
    Unknown,
    /// There is none.
    None,
    /// At least one can be opened.
    Allowed,
    /// There are some, and none may be opened; what the first is called.
    Denied(String),
}

/// One interface, loopback apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Its index; 0 where the system has none.
    pub index: u32,
    /// What it is.
    pub kind: InterfaceKind,
    /// Switched on, with a cable or a Wi-Fi behind it.
    pub up: bool,
    /// Its addresses.
    pub networks: Vec<Network>,
}

/// What an interface leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InterfaceKind {
    /// A cable or a Wi-Fi.
    Lan,
    /// A tunnel, as a VPN makes one.
    Tunnel,
    /// A bridge to containers or virtual machines.
    Virtual,
}

/// An address of this computer and the network that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// The address.
    pub ip: IpAddr,
    /// Leading bits that the network's addresses share.
    pub prefix: u8,
}

/// Multicast DNS on one interface, in one address family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loop {
    /// The interface.
    pub interface: String,
    /// IPv6.
    pub v6: bool,
    /// What became of sending.
    pub sent: Sent,
    /// Whether this computer heard its own question.
    pub heard_own: bool,
}

/// What became of sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// It went out.
    Yes,
    /// The system refused: a rule of a firewall (`EPERM`).
    Blocked,
    /// The port is held by a program that does not share it.
    PortTaken,
    /// What the system said.
    Failed(String),
}

/// A device that was heard on 5353/udp.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Heard {
    /// From where.
    pub ip: IpAddr,
    /// On which interface, where the system tells (IPv6 link-local).
    pub interface: Option<String>,
}

/// The default gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gateway {
    /// Where.
    pub ip: IpAddr,
    /// Whether it answers at all.
    pub neighbour: Neighbour,
}

/// A camera's node.
#[derive(Debug, Clone, PartialEq)]
pub struct Peer {
    /// What people call it: the camera's name, or the address that was given.
    pub name: String,
    /// How it is known.
    pub source: Source,
    /// Its node, where that is known.
    pub node: Option<NodeId>,
    /// Each address that is known of it.
    pub ways: Vec<Way>,
    /// What it says at one of them.
    pub link: LinkSeen,
    /// What became of watching it.
    pub media: MediaSeen,
}

/// How a camera is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It announces itself now.
    Announced,
    /// Somebody gave its address.
    Given,
    /// It was reached at some time before. That it is gone is no fault.
    Remembered,
}

/// One address of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// The address.
    pub address: SocketAddr,
    /// Where packets to it leave this computer.
    pub route: Route,
    /// Whether the network card at that address answers.
    pub neighbour: Neighbour,
    /// What a connection came to.
    pub tcp: Tcp,
}

/// Where packets to an address leave this computer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// By this interface.
    Via(String),
    /// The address is this computer's own.
    Own,
    /// Nowhere.
    None,
}

/// Whether an address was resolved to a network card (ARP, neighbour discovery).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neighbour {
    /// It was.
    Answers,
    /// It was asked for, and nobody answered.
    Silent,
    /// It was not even asked for, though a packet for it was given to the system.
    NotAsked,
    /// The system does not tell.
    Unknown,
}

/// What a TCP connection came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tcp {
    /// It opened.
    Open,
    /// It was refused at once.
    Refused,
    /// Nothing came back.
    Silent,
    /// Something on the way said that it cannot be reached, at once.
    Rejected,
    /// This computer's own firewall refused.
    BlockedHere,
    /// There is no way to it.
    NoRoute,
}

/// What a peer says on its signaling port.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum LinkSeen {
    /// Nobody could be asked.
    #[default]
    NotTried,
    /// It proved its key and welcomed us.
    Up {
        /// Who it is.
        device: DeviceId,
        /// Its cameras, with their names.
        cameras: Vec<(CameraId, String)>,
        /// What this device may do with them.
        access: Option<Access>,
        /// Its clock minus ours in µs, where that could be measured.
        clock_offset_us: Option<i64>,
    },
    /// Another device than the one announced is at that address.
    WrongDevice {
        /// Where.
        address: SocketAddr,
        /// Who.
        found: DeviceId,
    },
    /// Something answers there that does not speak as Lanlens does.
    NotLanlens(String),
    /// The connection opens and nothing is said.
    Silent,
    /// It refused us, in its own words.
    Refused(String),
}

/// What became of watching a camera.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum MediaSeen {
    /// There was no link, or no camera.
    #[default]
    NotTried,
    /// Trying would have claimed the camera or asked somebody for leave.
    NotAllowed,
    /// It was tried.
    Tried {
        /// The path that was found, `local ↔ remote`.
        path: Option<String>,
        /// Why there is none, where somebody said so.
        trouble: Option<String>,
        /// What keeps the camera's device from giving pictures, in its node's words.
        source: Option<String>,
        /// This computer's own firewall refuses to send UDP.
        blocked_here: bool,
        /// Access units that arrived.
        units: u32,
        /// Pictures that were decoded.
        pictures: u32,
    },
}

impl Network {
    /// Whether `other` is in this network.
    #[must_use]
    pub fn contains(&self, other: IpAddr) -> bool {
        match (self.ip, other) {
            (IpAddr::V4(ours), IpAddr::V4(other)) => {
                let shift = 32 - u32::from(self.prefix.min(32));
                ours.to_bits().checked_shr(shift) == other.to_bits().checked_shr(shift)
            }
            (IpAddr::V6(ours), IpAddr::V6(other)) => {
                let shift = 128 - u32::from(self.prefix.min(128));
                ours.to_bits().checked_shr(shift) == other.to_bits().checked_shr(shift)
            }
            _ => false,
        }
    }

    /// Whether media can use it: not IPv6 link-local.
    #[must_use]
    pub fn carries_media(&self) -> bool {
        !matches!(self.ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
    }

    /// Whether this computer gave itself the address, since nobody else did.
    #[must_use]
    pub fn is_link_local(&self) -> bool {
        match self.ip {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        }
    }
}

impl Observations {
    /// Whether Lanlens may use this interface.
    #[must_use]
    pub fn is_chosen(&self, interface: &str) -> bool {
        self.chosen.is_empty() || self.chosen.iter().any(|name| name == interface)
    }

    /// The interfaces on whose network an address is: cables and Wi-Fi before tunnels.
    #[must_use]
    pub fn homes_of(&self, address: SocketAddr) -> Vec<&Interface> {
        if let SocketAddr::V6(v6) = address
            && v6.ip().is_unicast_link_local()
        {
            let at = |interface: &&Interface| interface.index == v6.scope_id();
            return self.interfaces.iter().filter(at).collect();
        }
        let holds = |interface: &&Interface| {
            interface.up && interface.networks.iter().any(|network| network.contains(address.ip()))
        };
        let mut homes: Vec<&Interface> = self.interfaces.iter().filter(holds).collect();
        homes.sort_by_key(|interface| interface.kind != InterfaceKind::Lan);
        homes
    }
}

impl Peer {
    /// Whether it announces itself now.
    #[must_use]
    pub fn is_announced(&self) -> bool {
        self.source == Source::Announced
    }

    /// What a connection came to at any of its addresses.
    #[must_use]
    pub fn any_tcp(&self, outcome: &Tcp) -> bool {
        self.ways.iter().any(|way| way.tcp == *outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_the_addresses_that_share_its_prefix() {
        let network = |ip: &str, prefix| Network { ip: ip.parse().unwrap(), prefix };
        let holds = |n: Network, ip: &str| n.contains(ip.parse().unwrap());
        assert!(holds(network("10.77.0.3", 24), "10.77.0.200"));
        assert!(!holds(network("10.77.0.3", 24), "10.77.1.3"));
        assert!(holds(network("10.77.0.3", 0), "8.8.8.8"));
        assert!(!holds(network("10.77.0.3", 32), "10.77.0.2"));
        assert!(holds(network("fd77::1", 64), "fd77::9"));
        assert!(!holds(network("fd77::1", 64), "10.77.0.3"));
        assert!(holds(network("fd77::1", 0), "fe80::9"));
    }
}
