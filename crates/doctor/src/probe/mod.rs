//! Looking: every probe gathers plain data within its time and judges nothing.
//!
//! Owns the order of events. All run side by side:
//!
//! ```text
//! interfaces ─▶ multicast (2 s) ─────────────────────────────┐
//!               system ──────────────────────────────────────┤
//!               gateway ─────────────────────────────────────┼─▶ Observations
//!               cameras (2 s) ─▶ each, as soon as heard: ────┤
//!               known ones that were not heard, then: ───────┤
//!                                        ways, link, media ──┘
//! ```

mod cameras;
mod interfaces;
mod link;
mod media;
mod multicast;
mod reach;
mod system;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use lanlens_identity::{Home, Identity, RunGuard, SlotGuard, known_nodes, take_run, take_slot};
use lanlens_model::{KnownNode, NodeId, RunId, is_on_local_network};
use lanlens_rtc::RtcConfig;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::examine::{DoctorConfig, ExamineError};
use crate::observations::{LinkSeen, Observations, Peer, Source};
use crate::progress::Progress;

/// How long cameras and other devices are listened for.
pub(crate) const LISTEN: Duration = Duration::from_secs(2);
/// Cameras that are looked at; a doctor names a cause, it does not survey a building.
const PEERS_MAX: usize = 12;
/// Of those that are only remembered, the newest.
const REMEMBERED_MAX: usize = 4;

/// A camera to look at.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) source: Source,
    /// Who must answer there, where that is known.
    pub(crate) node: Option<NodeId>,
    pub(crate) addresses: Vec<SocketAddr>,
}

/// Who we are when we dial.
pub(crate) struct Caller {
    pub(crate) identity: Identity,
    pub(crate) run: RunId,
    pub(crate) slot: SlotGuard,
    pub(crate) rtc: RtcConfig,
    pub(crate) media: bool,
    remembered: Vec<KnownNode>,
    pub(crate) progress: Progress,
}

impl Caller {
    /// Takes a place among this home's programs, as every program that dials does: without it, two
    /// of them would look like a copied key.
    fn open(config: &DoctorConfig, progress: Progress) -> Result<(Self, RunGuard), ExamineError> {
        let home = Home::open(&config.home)?;
        let (run, running) = take_run(&home)?;
        let identity = Identity::load_or_create(&home)?;
        let slot = take_slot(&home, "viewer", "doctor")?;
        let names = config.interfaces.clone();
        let rtc = RtcConfig::new(move || {
            let listed = lanlens_discovery::interfaces::local_addresses(&names);
            listed.unwrap_or_default().into_iter().map(|address| address.ip).collect()
        });
        let remembered = known_nodes(&home);
        let caller = Self { identity, run, slot, rtc, media: config.media, remembered, progress };
        Ok((caller, running))
    }

    /// Cameras to look for without being told of them by the network.
    fn known_targets(&self, config: &DoctorConfig) -> Vec<Target> {
        let given = config.peers.iter().take(PEERS_MAX).map(|address| Target {
            name: address.to_string(),
            source: Source::Given,
            node: None,
            addresses: vec![*address],
        });
        let remembered = self.remembered.iter().take(REMEMBERED_MAX).map(|known| Target {
            name: known.addresses.first().map(ToString::to_string).unwrap_or_default(),
            source: Source::Remembered,
            node: Some(known.node),
            addresses: on_local_network(known.addresses.clone()),
        });
        given.chain(remembered).collect()
    }

    pub(crate) fn node(&self) -> NodeId {
        NodeId::new(self.identity.device(), &self.slot.name)
    }
}

/// Looks at everything.
pub(crate) async fn observe(
    config: &DoctorConfig,
    progress: Progress,
) -> Result<Observations, ExamineError> {
    let (caller, running) = Caller::open(config, progress.clone())?;
    let caller = Arc::new(caller);
    let interfaces = interfaces::look();
    progress.say(&format!("Listening for cameras and other devices ({} s)", LISTEN.as_secs()));
    let system = tokio::task::spawn_blocking(system::look);
    let (targets_tx, targets) = mpsc::channel(2 * PEERS_MAX);
    let known = caller.known_targets(config);
    let (listened, (), peers, gateway) = tokio::join!(
        multicast::listen(&interfaces),
        cameras::find(targets_tx),
        look_at_each(&caller, targets, known),
        reach::gateway(),
    );
    let system = system.await.unwrap_or_default();
    drop(running);
    let (loops, heard) = listened;
    let chosen = config.interfaces.clone();
    Ok(Observations { system, chosen, interfaces, loops, heard, gateway, peers })
}

/// What a peer says of itself, as it may stand in a sentence: what stands between backticks there is
/// shown as a command to type.
fn as_words(said: &str) -> String {
    match said.trim().is_empty() {
        true => "(nothing)".to_owned(),
        false => said.replace('`', "'"),
    }
}

/// Those that may be dialed: anybody can announce anything, the internet too.
fn on_local_network(mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let listed = lanlens_discovery::interfaces::local_addresses(&[]).unwrap_or_default();
    let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let local: Vec<IpAddr> = listed.into_iter().map(|own| own.ip).chain(loopback).collect();
    addresses.retain(|address| is_on_local_network(address.ip(), &local));
    addresses
}

/// Looks at each camera once: at one that announces itself as soon as it is heard, then at those known
/// in other ways that were not heard. (Of two links with one camera at once, it would end one.)
async fn look_at_each(
    caller: &Arc<Caller>,
    mut announced: mpsc::Receiver<Target>,
    known: Vec<Target>,
) -> Vec<Peer> {
    let mut running: JoinSet<Peer> = JoinSet::new();
    let mut looked_at: Vec<Target> = Vec::new();
    let mut begin = |target: Target| {
        let caller = Arc::clone(caller);
        running.spawn(async move { look_at(&caller, target).await });
    };
    while let Some(target) = announced.recv().await {
        if looked_at.len() < PEERS_MAX {
            looked_at.push(target.clone());
            begin(target);
        }
    }
    unheard(&looked_at, known).into_iter().for_each(begin);
    let mut peers = running.join_all().await;
    peers.sort_by_key(|peer| peer.name.to_lowercase());
    peers
}

async fn look_at(caller: &Arc<Caller>, target: Target) -> Peer {
    caller.progress.say(&format!("Trying {}", target.name));
    let (ways, (link, media)) =
        tokio::join!(reach::ways(&target.addresses), link::talk(caller, &target));
    let name = match &link {
        LinkSeen::Up { cameras, .. } if target.source != Source::Announced => {
            cameras.first().map_or(target.name, |(_, name)| as_words(name))
        }
        _ => target.name,
    };
    Peer { name, source: target.source, node: target.node, ways, link, media }
}

/// The known cameras that are not among the announced ones, each once: the first mention counts.
fn unheard(announced: &[Target], known: Vec<Target>) -> Vec<Target> {
    let mut kept: Vec<Target> = Vec::new();
    for target in known {
        if !announced.iter().chain(&kept).any(|other| is_same(other, &target)) {
            kept.push(target);
        }
    }
    kept
}

/// The same node, or somewhere the same address.
fn is_same(one: &Target, other: &Target) -> bool {
    (one.node.is_some() && one.node == other.node)
        || one.addresses.iter().any(|address| other.addresses.contains(address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanlens_model::DeviceId;

    fn target(source: Source, address: &str, camera: Option<&str>) -> Target {
        let node = camera.map(|name| NodeId::new(DeviceId::from_spki(name.as_bytes()), "slot"));
        let addresses = vec![address.parse().unwrap()];
        Target { name: address.to_owned(), source, node, addresses }
    }

    #[test]
    fn a_camera_that_is_known_twice_is_looked_at_once() {
        let kept = |announced: &[Target], known: &[Target]| {
            unheard(announced, known.to_vec()).iter().map(|t| t.source).collect::<Vec<_>>()
        };
        let (a, b) = ("10.0.0.1:17470", "10.0.0.2:17470");
        let announced = [target(Source::Announced, a, Some("kitchen"))];
        let given = |address| target(Source::Given, address, None);
        let remembered = |address, camera| target(Source::Remembered, address, Some(camera));
        assert_eq!(kept(&announced, &[given(a)]), []);
        assert_eq!(kept(&announced, &[given(b)]), [Source::Given]);
        assert_eq!(kept(&announced, &[remembered(b, "kitchen")]), [], "it has moved");
        assert_eq!(kept(&announced, &[remembered(b, "garden")]), [Source::Remembered]);
        assert_eq!(kept(&[], &[given(a), remembered(a, "kitchen")]), [Source::Given]);
        assert_eq!(kept(&[], &[given(a), given(a), given(b)]), [Source::Given; 2]);
    }

    #[test]
    fn an_announcement_cannot_point_the_doctor_at_the_internet() {
        let addresses = ["8.8.8.8:17470", "192.168.1.2:17470"].map(|a| a.parse().unwrap());
        assert_eq!(on_local_network(addresses.to_vec()), [addresses[1]]);
    }

    #[test]
    fn what_a_peer_says_cannot_pass_for_a_command() {
        assert_eq!(as_words("x `sudo reboot`"), "x 'sudo reboot'");
        assert_eq!(as_words(" "), "(nothing)");
    }
}
