//! What goes wrong in a network: packets of a kind stop or get lost, a second cable, a VPN.
//!
//! Packets are dropped at the host's port of the switch (`nft(8)`, family `netdev`), where neither
//! end is told: a firewall on the host itself would let programs see an error. A host has one such
//! fault at a time; the next one replaces it.

use std::net::Ipv4Addr;

use anyhow::{Context, Result};

use crate::lan::ip_in;
use crate::{Host, Lan};

/// What a fault is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// Every frame, though the cable stays plugged in.
    All,
    /// Signaling: TCP.
    Signaling,
    /// Media: UDP, mDNS apart.
    Media,
    /// What goes to groups: mDNS finds nobody. Neighbour discovery (IPv6) goes on.
    Multicast,
}

impl Traffic {
    /// Rules that drop it, of a hundred packets so many.
    fn rules(self, percent: u32) -> String {
        let chance = match percent {
            100.. => String::new(),
            percent => format!("numgen random mod 100 < {percent} "),
        };
        match self {
            Self::All => format!("{chance}drop;"),
            Self::Signaling => format!("meta l4proto tcp {chance}drop;"),
            // Accepted one by one: nft 1.0 merges two `!=` of neighbouring fields.
            Self::Media => format!(
                "udp sport 5353 accept; udp dport 5353 accept; meta l4proto udp {chance}drop;"
            ),
            Self::Multicast => {
                format!("ip daddr 224.0.0.0/4 {chance}drop; ip6 daddr ff02::fb {chance}drop;")
            }
        }
    }
}

/// The name of a host's table of faults.
fn table(host: &Host) -> String {
    format!("faults_{}", host.port())
}

impl Lan {
    /// Drops all traffic of a kind from and to a host.
    ///
    /// # Errors
    /// When `nft` fails.
    pub fn cut(&self, host: &Host, traffic: Traffic) -> Result<()> {
        self.drop_packets(host, traffic, 100, &["ingress", "egress"])
    }

    /// Drops so many of a hundred packets of a kind on their way *to* a host, as Wi-Fi does with
    /// multicast: what a station sends is confirmed and repeated, what it is sent is not.
    ///
    /// # Errors
    /// When `nft` fails.
    pub fn lose(&self, host: &Host, traffic: Traffic, percent: u32) -> Result<()> {
        self.drop_packets(host, traffic, percent, &["egress"])
    }

    /// Drops so many of a hundred packets of a kind in both directions, as a phone's Wi-Fi does at the end
    /// of the garden.
    ///
    /// # Errors
    /// When `nft` fails.
    pub fn lose_both_ways(&self, host: &Host, traffic: Traffic, percent: u32) -> Result<()> {
        self.drop_packets(host, traffic, percent, &["ingress", "egress"])
    }

    /// Ends what [`Lan::cut`] or [`Lan::lose`] began.
    ///
    /// # Errors
    /// When `nft` fails.
    pub fn heal(&self, host: &Host) -> Result<()> {
        let table = table(host);
        // Deleting what was never made is an error.
        self.in_switch(&["nft", &format!("add table netdev {table}; delete table netdev {table}")])
    }

    fn drop_packets(
        &self,
        host: &Host,
        traffic: Traffic,
        percent: u32,
        hooks: &[&str],
    ) -> Result<()> {
        let (table, port, rules) = (table(host), host.port(), traffic.rules(percent));
        let mut script = format!("add table netdev {table}; delete table netdev {table}; ");
        script.push_str(&format!("table netdev {table} {{ "));
        for hook in hooks {
            script.push_str(&format!(
                "chain on_{hook} {{ type filter hook {hook} device \"{port}\" priority 0; {rules} }}; "
            ));
        }
        script.push_str("};");
        self.in_switch(&["nft", &script])
    }

    /// Plugs a host in once more, by a second interface with an address of its own in the same
    /// network, as a laptop with a cable and Wi-Fi has. Returns that address.
    ///
    /// # Errors
    /// When the link or its address cannot be made.
    pub fn plug_in_again(&self, host: &Host, interface: &str) -> Result<Ipv4Addr> {
        let port = format!("{}b", host.port());
        self.new_pair(host, &port, interface)?;
        self.in_switch(&["ip", "link", "set", &port, "master", "br0", "up"])?;
        let [a, b, c, number] = host.ipv4().octets();
        let number = number.checked_add(100).context("too many hosts for second addresses")?;
        let address = Ipv4Addr::new(a, b, c, number);
        let namespace = host.namespace();
        ip_in(namespace, &["link", "set", interface, "up"])?;
        ip_in(namespace, &["addr", "add", &format!("{address}/24"), "dev", interface])?;
        Ok(address)
    }

    /// Gives a host an interface that leads nowhere near the others, with routes for everything, as
    /// a VPN client does (two halves, so that the LAN's own route goes first).
    ///
    /// # Errors
    /// When the interface or its routes cannot be made.
    pub fn vpn_up(&self, host: &Host, interface: &str) -> Result<()> {
        let port = format!("{}v", host.port());
        self.new_pair(host, &port, interface)?;
        self.in_switch(&["ip", "link", "set", &port, "up"])?;
        let namespace = host.namespace();
        ip_in(namespace, &["link", "set", interface, "up"])?;
        ip_in(namespace, &["addr", "add", "10.8.0.2/24", "dev", interface])?;
        for half in ["0.0.0.0/1", "128.0.0.0/1"] {
            ip_in(namespace, &["route", "add", half, "via", "10.8.0.1", "dev", interface])?;
        }
        Ok(())
    }

    fn new_pair(&self, host: &Host, port: &str, interface: &str) -> Result<()> {
        let namespace = host.namespace();
        let pair = ["type", "veth", "peer", "name", interface, "netns", namespace];
        self.in_switch(&[&["ip", "link", "add", port][..], &pair].concat())
    }
}

impl Host {
    /// Removes an interface of [`Lan::plug_in_again`] or [`Lan::vpn_up`].
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn unplug(&self, interface: &str) -> Result<()> {
        ip_in(self.namespace(), &["link", "delete", interface]).map(drop)
    }

    /// TCP connections that stand now with this port at either end.
    ///
    /// # Errors
    /// When `ss` fails.
    pub fn connections(&self, port: u16) -> Result<usize> {
        let here = format!("( sport = :{port} or dport = :{port} )");
        let text = self.run(&["ss", "-Htn", "state", "established", &here])?;
        Ok(text.lines().count())
    }
}
