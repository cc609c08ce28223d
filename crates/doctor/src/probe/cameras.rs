//! Cameras that announce themselves, on every interface: also on those that `--interface` leaves
//! out, since that may be why one is missed.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use lanlens_discovery::{Discovery, DiscoveryConfig};
use lanlens_model::{NodeId, Role};
use lanlens_protocol::DiscoveryEvent;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::{LISTEN, Target};
use crate::observations::Source;

/// The addresses of a camera come in several answers; those within this belong together.
const GATHER: Duration = Duration::from_millis(150);
/// Announcements waiting to be looked at.
const EVENTS_MAX: usize = 256;

struct Found {
    name: String,
    addresses: Vec<SocketAddr>,
    due: Instant,
}

/// Listens for [`LISTEN`]; each camera goes to `targets` as soon as its addresses are together.
pub(super) async fn find(targets: mpsc::Sender<Target>) {
    let (events, mut heard) = mpsc::channel(EVENTS_MAX);
    let discovery = match Discovery::start(DiscoveryConfig::default(), events) {
        Ok(discovery) => discovery,
        // The multicast probe says why, in its own words.
        Err(error) => return tracing::debug!(%error, "no discovery"),
    };
    let end = Instant::now() + LISTEN;
    let mut gathering: BTreeMap<NodeId, Found> = BTreeMap::new();
    let mut told: BTreeSet<NodeId> = BTreeSet::new();
    while Instant::now() < end {
        let due = gathering.values().map(|found| found.due).min().unwrap_or(end).min(end);
        tokio::select! {
            event = heard.recv() => match event {
                Some(event) => gather(event, &told, &mut gathering),
                None => break,
            },
            () = sleep_until(due) => {
                let now = Instant::now();
                let ripe = gathering.extract_if(.., |_, found| found.due <= now || now >= end);
                for (node, found) in ripe {
                    told.insert(node);
                    let (name, addresses) = (found.name, found.addresses);
                    let (source, node) = (Source::Announced, Some(node));
                    // A full queue means more cameras than are looked at.
                    let _ = targets.try_send(Target { name, source, node, addresses });
                }
            }
        }
    }
    drop(targets);
    // Waits for the daemon's answer.
    let _ = tokio::task::spawn_blocking(move || discovery.shutdown()).await;
}

fn gather(event: DiscoveryEvent, told: &BTreeSet<NodeId>, gathering: &mut BTreeMap<NodeId, Found>) {
    let DiscoveryEvent::Resolved { txt, addresses, .. } = event else { return };
    if txt.role != Role::Camera || told.contains(&txt.node) {
        return;
    }
    let due = Instant::now() + GATHER;
    let name = super::as_words(&txt.name);
    let found = gathering.entry(txt.node).or_insert(Found { name, addresses: Vec::new(), due });
    for address in super::on_local_network(addresses) {
        if !found.addresses.contains(&address) {
            found.addresses.push(address);
        }
    }
    // In the order in which people think of them.
    found.addresses.sort_by_key(|address| match address.ip() {
        IpAddr::V4(_) => 0,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => 2,
        IpAddr::V6(_) => 1,
    });
}
