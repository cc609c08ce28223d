//! The end of a day: everything is mended, and then all must be well in time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use lanlens_mesh::LinkId;
use lanlens_model::{Access, TileState};

use crate::day::{Cast, Plan};
use crate::host::HostId;
use crate::invariants;
use crate::mdns::LATE_MAX;
use crate::world::World;

/// Everything reachable and permitted is live this long after the last fault.
const RECOVERY: Duration = Duration::from_secs(10);
/// After that, what nobody can use any longer has ended: a session outlives its link by 10 s, and a
/// dead link is noticed after 2.5 s.
const REST: Duration = Duration::from_secs(4);
/// Tries of somebody who is not there, in that time: the intervals have grown.
const VAIN_DIALS_MAX: usize = 8;

/// Who is not there at the end.
struct Leaver {
    host: HostId,
    /// Viewers to whom it has said goodbye.
    told: Vec<HostId>,
}

/// Everything is mended, but who leaves; then every promise is kept.
pub(crate) fn peace(world: &mut World, plan: &Plan, cast: &Cast, rng: &mut fastrand::Rng) {
    world.mend(cast, || true);
    if world.air.late > 0.0 || world.air.doubled > 0.0 {
        // What is under way is a fault as well.
        world.run(LATE_MAX + RECOVERY / 1000);
    }
    let leaver = rng.choice(cast.everyone()).filter(|_| plan.leaves);
    let leaver = leaver.map(|host| leave(world, cast, host, rng.bool()));
    world.clear_air(cast);
    world.run(RECOVERY);
    all_live(world, cast);
    if let Some(leaver) = &leaver {
        gone(world, leaver);
    }
    let links: Vec<BTreeSet<LinkId>> =
        world.hosts.iter().map(|host| host.links.keys().copied().collect()).collect();
    world.run(REST);
    all_live(world, cast);
    for id in cast.everyone() {
        nothing_left_over(world, cast, id);
        quiet(world, id, &links[id]);
        invariants::dials(world, id);
    }
}

fn leave(world: &mut World, cast: &Cast, host: HostId, politely: bool) -> Leaver {
    let linked = |viewer: &&HostId| {
        let camera = world.hosts[host].camera;
        let shown = &world.hosts[**viewer].shown.cameras;
        let view = camera.and_then(|camera| shown.get(&camera));
        let live = view.is_some_and(|view| view.linked && view.state == TileState::Live);
        live && world.hears(**viewer, host)
    };
    let told = cast.viewers.iter().filter(linked).filter(|_| politely).copied().collect();
    if politely {
        world.stop(host)
    } else {
        world.kill(host)
    }
    Leaver { host, told }
}

/// A camera that said goodbye has left: it is not lost, and nobody looks for it.
fn gone(world: &World, leaver: &Leaver) {
    for viewer in &leaver.told {
        let tile = world.tile(*viewer, leaver.host);
        if tile != Some(TileState::Offline) {
            let camera = leaver.host;
            world.broken(&format!(
                "host {viewer} shows camera {camera}, which has left, as {tile:?}"
            ));
        }
    }
}

fn all_live(world: &World, cast: &Cast) {
    for viewer in &cast.viewers {
        for camera in &cast.cameras {
            let (here, there) = (&world.hosts[*viewer], &world.hosts[*camera]);
            let both = here.is_awake() && there.is_awake();
            let reachable = both && !(here.spec.firewalled && there.spec.firewalled);
            let access = world.access(*camera, here.device);
            let permitted = matches!(access, Access::Granted | Access::Unclaimed);
            if !reachable || !permitted {
                continue;
            }
            let view = there.camera.and_then(|id| here.shown.cameras.get(&id));
            let live = view.is_some_and(|view| view.state == TileState::Live);
            if !live || view.is_none_or(|view| view.epoch.0 != there.life) {
                let seen = view.map(|view| (&view.state, view.epoch));
                world.broken(&format!("host {viewer} shows camera {camera} as {seen:?}, not live"));
            }
        }
    }
}

/// One link for each pair at most, and no session without its other end.
fn nothing_left_over(world: &World, cast: &Cast, id: HostId) {
    let host = &world.hosts[id];
    let mut links: BTreeMap<HostId, LinkId> = BTreeMap::new();
    for (link, end) in host.links.iter().filter(|(_, end)| end.peer != cast.attacker) {
        if let Some(other) = links.insert(end.peer, *link) {
            let peer = end.peer;
            world.broken(&format!("hosts {id} and {peer} keep two links, {other:?} {link:?}"));
        }
    }
    for (handle, publisher) in &host.publishers {
        let subscribers = &world.hosts[publisher.viewer].subscribers;
        let theirs = subscribers.get(&publisher.theirs);
        if theirs.and_then(|theirs| theirs.from) != Some((id, *handle)) {
            let viewer = publisher.viewer;
            world.broken(&format!("host {id} still serves host {viewer}, who does not watch"));
        }
    }
}

/// Who has a link is not dialed, and who is not there is dialed seldom.
fn quiet(world: &World, id: HostId, before: &BTreeSet<LinkId>) {
    let host = &world.hosts[id];
    let since = world.queue.now - REST;
    let mut vain: BTreeMap<_, usize> = BTreeMap::new();
    for dial in host.dials.iter().filter(|dial| dial.at > since) {
        let mut stood = host.links.iter().filter(|(link, _)| before.contains(link));
        let peer = stood.find(|(_, end)| Some(world.hosts[end.peer].device) == dial.expect);
        if let Some((_, end)) = peer {
            let peer = end.peer;
            world.broken(&format!("host {id} dials host {peer}, with which it has a link"));
        }
        let count = vain.entry((dial.expect, &dial.addresses)).or_default();
        *count += 1;
        if *count > VAIN_DIALS_MAX {
            world.broken(&format!("host {id} dials {:?} too often", dial.addresses));
        }
    }
}
