//! One computer on the LAN: its link, its addresses, its firewall, and work done from inside it.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::lan::{Addresses, in_namespace, ip_in};
use crate::program::Launch;

/// A host of a [`crate::Lan`], which must outlive it.
#[derive(Debug, Clone)]
pub struct Host {
    name: String,
    namespace: String,
    addresses: Addresses,
    /// The last byte of the host's addresses.
    number: u8,
    /// Where it is plugged in at the switch.
    port: String,
}

impl Host {
    pub(crate) fn new(name: &str, namespace: String, addresses: Addresses, number: u8) -> Self {
        let port = format!("p{number}");
        Self { name: name.to_owned(), namespace, addresses, number, port }
    }

    pub(crate) fn port(&self) -> &str {
        &self.port
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its IPv4 address, 10.77.0.n; meaningless on a LAN without IPv4.
    pub fn ipv4(&self) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, self.number)
    }

    /// Its unique local IPv6 address, fd77::n; meaningless on a LAN without IPv6.
    pub fn ipv6(&self) -> Ipv6Addr {
        Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, self.number.into())
    }

    /// An address that others reach it by.
    pub fn address(&self) -> IpAddr {
        match self.addresses {
            Addresses::Ipv6 => self.ipv6().into(),
            Addresses::Ipv4 | Addresses::Both => self.ipv4().into(),
        }
    }

    /// Prepares a program to run on this host.
    pub fn launch(&self, program: impl AsRef<Path>) -> Launch {
        // `ip netns exec` and `setpriv` both become the program, so the process id is the
        // program's own; a test that is killed takes its programs along.
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace, "setpriv", "--pdeathsig", "KILL"]);
        command.arg(program.as_ref());
        let title = program.as_ref().file_name().unwrap_or_default().to_string_lossy().into_owned();
        Launch::of(format!("{title} on {}", self.name), command)
    }

    /// As [`Host::launch`], with a new, empty disk of so many KiB at `folder`, which nobody else
    /// has and which goes away with the program. Others look into it below [`crate::Program::root`].
    pub fn launch_on_small_disk(
        &self,
        program: impl AsRef<Path>,
        folder: &Path,
        kib: u32,
    ) -> Launch {
        // `ip netns exec` has made a mount namespace already, from which nothing leaks out.
        let script =
            "mount -t tmpfs -o size=\"$1k\",mode=700 tmpfs \"$2\" && shift 2 && exec \"$@\"";
        let title = program.as_ref().file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.launch("sh")
            .args(["-c", script, "sh", &kib.to_string()])
            .arg(folder)
            .arg(program.as_ref())
            .title(&format!("{title} on {}", self.name))
    }

    /// Runs a command to its end and returns what it printed.
    ///
    /// # Errors
    /// When it cannot be started or fails; the text holds what it complained of.
    pub fn run(&self, command: &[&str]) -> Result<String> {
        in_namespace(&self.namespace, command)
    }

    /// Does `work` on a thread of this process that lives on this host: its sockets, and those of
    /// threads it starts, belong to this host for good.
    ///
    /// # Errors
    /// When the namespace cannot be entered, or `work` panicked.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T> {
        within(&self.namespace, &self.name, work)
    }

    /// Unplugs the host; it loses its addresses and routes.
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn link_down(&self) -> Result<()> {
        ip_in(&self.namespace, &["addr", "flush", "dev", "eth0"])?;
        ip_in(&self.namespace, &["link", "set", "eth0", "down"]).map(drop)
    }

    /// Plugs the host in, with its addresses and the multicast routes.
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn link_up(&self) -> Result<()> {
        ip_in(&self.namespace, &["link", "set", "eth0", "up"])?;
        if self.addresses != Addresses::Ipv6 {
            let address = format!("{}/24", self.ipv4());
            ip_in(&self.namespace, &["addr", "add", &address, "dev", "eth0"])?;
            ip_in(&self.namespace, &["route", "add", "224.0.0.0/4", "dev", "eth0"])?;
        }
        if self.addresses != Addresses::Ipv4 {
            let address = format!("{}/64", self.ipv6());
            ip_in(&self.namespace, &["addr", "add", &address, "dev", "eth0", "nodad"])?;
        }
        Ok(())
    }

    /// Gives the host another address, as a new DHCP lease does.
    ///
    /// # Errors
    /// When `ip` fails.
    pub fn renumber(&mut self, number: u8) -> Result<()> {
        ip_in(&self.namespace, &["addr", "flush", "dev", "eth0", "scope", "global"])?;
        self.number = number;
        if self.addresses != Addresses::Ipv6 {
            let address = format!("{}/24", self.ipv4());
            ip_in(&self.namespace, &["addr", "add", &address, "dev", "eth0"])?;
            ip_in(&self.namespace, &["route", "replace", "224.0.0.0/4", "dev", "eth0"])?;
        }
        if self.addresses != Addresses::Ipv4 {
            let address = format!("{}/64", self.ipv6());
            ip_in(&self.namespace, &["addr", "add", &address, "dev", "eth0", "nodad"])?;
        }
        Ok(())
    }

    /// A strict desktop firewall: of what comes in unasked only mDNS (5353/udp) is let through.
    ///
    /// # Errors
    /// When `nft` fails.
    pub fn drop_inbound_except_mdns(&self) -> Result<()> {
        self.nft(
            "table inet firewall { chain input { type filter hook input priority 0; policy drop; \
             iif lo accept; ct state established,related accept; udp dport 5353 accept; \
             meta l4proto ipv6-icmp accept; }; }",
        )
    }

    /// Counts, from now on, UDP packets that arrive here and are not mDNS.
    ///
    /// # Errors
    /// When `nft` fails.
    pub fn count_udp(&self) -> Result<()> {
        // Two rules that return: nft 1.0 merges two `!=` of neighbouring fields into one comparison.
        self.nft(
            "table inet traffic { counter arrived { }; chain arriving { \
             type filter hook prerouting priority -300; \
             udp sport 5353 return; udp dport 5353 return; \
             iif eth0 meta l4proto udp counter name arrived; }; }",
        )
    }

    /// UDP packets that arrived since [`Host::count_udp`], mDNS apart.
    ///
    /// # Errors
    /// When `nft` fails or nothing is counted.
    pub fn udp_received(&self) -> Result<u64> {
        let text = self.run(&["nft", "-j", "list", "counter", "inet", "traffic", "arrived"])?;
        let json: serde_json::Value = serde_json::from_str(&text)?;
        let objects = json["nftables"].as_array().context("nft answered without objects")?;
        let packets = objects.iter().find_map(|object| object["counter"]["packets"].as_u64());
        packets.context("nft shows no counter")
    }

    /// When a counted packet last arrived, watched for `time` from now on; now, if none does.
    ///
    /// # Errors
    /// As [`Host::udp_received`].
    pub fn last_udp_within(&self, time: Duration) -> Result<Instant> {
        let start = Instant::now();
        let (mut packets, mut last) = (self.udp_received()?, start);
        while start.elapsed() < time {
            let now = self.udp_received()?;
            if std::mem::replace(&mut packets, now) != now {
                last = Instant::now();
            }
        }
        Ok(last)
    }

    fn nft(&self, rules: &str) -> Result<()> {
        self.run(&["nft", rules]).map(drop)
    }

    /// Whether a command line tool is there.
    pub fn has(&self, tool: &str) -> bool {
        let mut which = Command::new("sh");
        which.args(["-c", "command -v \"$0\"", tool]).stdout(Stdio::null());
        which.status().is_ok_and(|status| status.success())
    }
}

/// Does `work` on a thread that lives in this namespace.
pub(crate) fn within<T: Send>(
    namespace: &str,
    title: &str,
    work: impl FnOnce() -> T + Send,
) -> Result<T> {
    let path = Path::new("/run/netns").join(namespace);
    let namespace = File::open(&path).with_context(|| format!("opening {}", path.display()))?;
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(format!("on {title}"));
        let handle = thread.spawn_scoped(scope, move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            Ok(work())
        })?;
        handle.join().map_err(|_| anyhow!("the work on {title} panicked"))?
    })
}
