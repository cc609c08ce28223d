//! A LAN on one machine: a bridge in a namespace of its own, and hosts around it.
//!
//! Nothing is made in the root namespace, so no address here can meet one of the machine's. One
//! LAN exists at a time on a machine, whatever the test runner does: the tests measure time, and
//! two at once would measure each other.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};

use crate::host::within;
use crate::privilege::{is_root, skip};
use crate::{Capture, Host};

/// Which addresses the hosts of a LAN get, besides their loopback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses {
    /// 10.77.0.0/24, with IPv6 switched off.
    Ipv4,
    /// fd77::/64 and link-local, with no IPv4 address.
    Ipv6,
    /// Both, as in most homes.
    Both,
}

/// Numbers the namespaces of this process.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Namespaces are called `ll<pid>x<n>`: so leftovers of a killed test can be told and removed.
fn new_namespace() -> String {
    format!("ll{}x{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A switched network that goes away, with its hosts, when it is dropped.
#[derive(Debug)]
pub struct Lan {
    switch: String,
    addresses: Addresses,
    namespaces: Vec<String>,
    _turn: File,
}

impl Lan {
    /// Makes a LAN, once the machine's other tests have removed theirs. `None` (and a line that
    /// says so) where this process may not.
    ///
    /// # Errors
    /// Without root when `CI=true`, or when a namespace or the bridge cannot be made.
    pub fn new(addresses: Addresses) -> Result<Option<Self>> {
        if !is_root() {
            skip("needs root for network namespaces")?;
            return Ok(None);
        }
        let turn = take_turn()?;
        remove_leftovers()?;
        let switch = new_namespace();
        ip(&["netns", "add", &switch])?;
        let lan = Self { switch: switch.clone(), addresses, namespaces: vec![switch], _turn: turn };
        let quiet = "net.ipv6.conf.all.disable_ipv6=1";
        in_namespace(&lan.switch, &["sysctl", "-q", "-w", quiet])?;
        // No snooping: nothing here answers IGMP queries, and mDNS must reach every port.
        let bridge =
            ["link", "add", "br0", "type", "bridge", "stp_state", "0", "mcast_snooping", "0"];
        ip_in(&lan.switch, &bridge)?;
        ip_in(&lan.switch, &["link", "set", "br0", "up"])?;
        Ok(Some(lan))
    }

    /// Plugs in a new host; its addresses can be used at once.
    ///
    /// # Errors
    /// When a namespace, its link or its addresses cannot be made.
    pub fn host(&mut self, name: &str) -> Result<Host> {
        let number = u8::try_from(self.namespaces.len()).context("too many hosts on one LAN")?;
        let namespace = new_namespace();
        ip(&["netns", "add", &namespace])?;
        self.namespaces.push(namespace.clone());
        let sysctl = |setting: &str| in_namespace(&namespace, &["sysctl", "-q", "-w", setting]);
        match self.addresses {
            Addresses::Ipv4 => sysctl("net.ipv6.conf.all.disable_ipv6=1")?,
            // Duplicate address detection would hold every address back for a second or two.
            Addresses::Ipv6 | Addresses::Both => {
                sysctl("net.ipv6.conf.all.accept_dad=0")?;
                sysctl("net.ipv6.conf.default.accept_dad=0")?
            }
        };
        let host = Host::new(name, namespace.clone(), self.addresses, number);
        let port = host.port();
        let pair =
            ["link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", &namespace];
        ip_in(&self.switch, &pair)?;
        ip_in(&self.switch, &["link", "set", port, "master", "br0", "up"])?;
        ip_in(&namespace, &["link", "set", "lo", "up"])?;
        host.link_up()?;
        Ok(host)
    }
}

impl Lan {
    /// Makes the link towards a host this narrow, as poor Wi-Fi is (`tc-tbf(8)`); what waits longer
    /// than 200 ms is dropped.
    ///
    /// # Errors
    /// When `tc` fails.
    pub fn narrow(&self, host: &Host, kbps: u32) -> Result<()> {
        let rate = format!("{kbps}kbit");
        let queue = ["root", "tbf", "rate", &rate, "burst", "5kb", "latency", "200ms"];
        let device = ["tc", "qdisc", "replace", "dev", host.port()];
        in_namespace(&self.switch, &[&device[..], &queue].concat()).map(drop)
    }

    /// Ends what [`Lan::narrow`] began.
    ///
    /// # Errors
    /// When it was not narrow, or `tc` fails.
    pub fn widen(&self, host: &Host) -> Result<()> {
        self.in_switch(&["tc", "qdisc", "del", "dev", host.port(), "root"])
    }

    /// Runs a command where the switch is.
    pub(crate) fn in_switch(&self, command: &[&str]) -> Result<()> {
        in_namespace(&self.switch, command).map(drop)
    }

    /// Captures, from now on, every frame that any two hosts exchange; each is seen several times,
    /// at the ports that it passes.
    ///
    /// # Errors
    /// When there is no raw socket or no thread for it.
    pub fn capture(&self) -> Result<Capture> {
        within(&self.switch, "the switch", Capture::start)?
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for namespace in self.namespaces.iter().rev() {
            if let Err(error) = ip(&["netns", "del", namespace]) {
                eprintln!("namespace {namespace} stays: {error:#}");
            }
        }
    }
}

/// Waits until no other test of this machine has a LAN. The lock ends with the file.
fn take_turn() -> Result<File> {
    let path = std::env::temp_dir().join("lanlens-testkit.lock");
    let file = File::options().create(true).append(true).open(&path);
    let file = file.with_context(|| format!("opening {}", path.display()))?;
    file.lock().context("waiting for the machine's other tests")?;
    Ok(file)
}

/// Removes namespaces whose test process was killed before it could.
fn remove_leftovers() -> Result<()> {
    for line in ip(&["netns", "list"])?.lines() {
        let name = line.split_whitespace().next().unwrap_or_default();
        let owner = name.strip_prefix("ll").and_then(|rest| rest.split_once('x'));
        let Some((pid, number)) = owner else { continue };
        let ours = pid.parse::<u32>().is_ok() && number.parse::<u32>().is_ok();
        if ours && !Path::new("/proc").join(pid).exists() {
            ip(&["netns", "del", name])?;
        }
    }
    Ok(())
}

/// Runs `ip` with arguments.
pub(crate) fn ip(args: &[&str]) -> Result<String> {
    run(Command::new("ip").args(args))
}

/// Runs `ip` in a namespace.
pub(crate) fn ip_in(namespace: &str, args: &[&str]) -> Result<String> {
    run(Command::new("ip").args(["-n", namespace]).args(args))
}

/// Runs any program in a namespace.
pub(crate) fn in_namespace(namespace: &str, command: &[&str]) -> Result<String> {
    run(Command::new("ip").args(["netns", "exec", namespace]).args(command))
}

/// Runs a command to its end and returns what it printed; what it complained of is the error.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("starting {command:?}"))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?} failed ({}): {}", output.status, complaint.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
