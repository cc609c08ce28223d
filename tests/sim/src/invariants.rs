//! What must hold after every single step, whatever has happened.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::resume_unwind;
use std::time::{Duration, Instant};

use lanlens_mesh::Mesh;
use lanlens_model::limits::{
    ADDRESSES_PER_NODE_MAX, CAMERAS_MAX, CAMERAS_PER_VIEWER_MAX, DIALS_MAX, NODES_MAX,
    VIEWERS_PER_CAMERA_MAX,
};
use lanlens_model::{Access, TileState};

use crate::host::{Host, HostId};
use crate::world::World;

/// However its pictures came before: this long after the last one, a tile of a camera with 2.5 or
/// more a second is not live.
const STALE: Duration = Duration::from_secs(1);
/// Dials of one target in one second: one for each of the shortest intervals, less their jitter.
const DIALS_PER_SECOND_MAX: usize = 6;
/// Links of one host: more than its peers can have with it, two for each.
const LINKS_PER_PEER_MAX: usize = 8;
/// Timeouts of one mesh in one second of virtual time.
const WAKES_PER_SECOND_MAX: u32 = 100;

/// What must hold of every host, as nothing more happens now.
pub(crate) fn check(world: &World) {
    for id in 0..world.hosts.len() {
        check_host(world, id);
    }
    leave(world);
}

/// What must hold of one host once it has taken an input.
pub(crate) fn check_host(world: &World, id: HostId) {
    let host = &world.hosts[id];
    // What stands still shows its last picture, and nobody can help it.
    if host.is_awake() {
        let found = tiles(world, id, host).and_then(|()| sessions(host));
        let found = found.and_then(|()| sizes(world, host));
        found.unwrap_or_else(|what| world.broken(&format!("host {id} {what}")));
    }
}

/// Every tile says the truth about its pictures, keeps its name, and stays in its place.
fn tiles(world: &World, id: HostId, host: &Host) -> Result<(), String> {
    let now = world.local_time(id);
    if host.shown.cameras.len() > CAMERAS_MAX {
        return Err("lists more cameras than it may".to_owned());
    }
    for (camera, view) in &host.shown.cameras {
        let what = |what: String| format!("at camera {camera}: {what}");
        if *camera != view.id {
            return Err(what("has a tile at another's place".to_owned()));
        }
        host.screen.agrees(*camera, &view.state, now).map_err(what)?;
        let live = view.state == TileState::Live;
        let age = host.screen.age(*camera, now);
        if live && age.is_some_and(|age| age > STALE) {
            return Err(what(format!("is live with a picture {age:?} old")));
        }
        let waits = matches!(view.state, TileState::Stalled { .. } | TileState::Lost(_));
        if waits && view.cause.is_none() {
            return Err(what(format!("does not say why it is {:?}", view.state)));
        }
        if live && (view.cause.is_some() || view.retry_at.is_some()) {
            return Err(what("is live and says why it is not".to_owned()));
        }
        if live && view.linked {
            let of = world.hosts.iter().find(|host| host.camera == Some(*camera));
            if of.is_some_and(|of| of.spec.name != view.name || of.life < view.epoch.0) {
                return Err(what(format!("is live as {} of start {}", view.name, view.epoch.0)));
            }
        }
    }
    // Whatever was live is shown until nobody can have any use for it.
    let forgotten = host.screen.last_live.iter().find(|(camera, at)| {
        let kept = lanlens_model::limits::OFFLINE_KEPT;
        now < **at + kept && !host.shown.cameras.contains_key(camera)
    });
    match forgotten {
        Some((camera, _)) => Err(format!("has taken the tile of camera {camera} away")),
        None => Ok(()),
    }
}

/// One session for each viewer and camera, none without leave, and no more of anything than may be.
fn sessions(host: &Host) -> Result<(), String> {
    let mut watched = BTreeSet::new();
    for subscriber in host.subscribers.values() {
        if !watched.insert(subscriber.camera) {
            return Err("watches a camera twice".to_owned());
        }
    }
    let mut served = BTreeSet::new();
    for publisher in host.publishers.values() {
        if !served.insert(publisher.viewer) {
            return Err(format!("serves host {} twice", publisher.viewer));
        }
    }
    Ok(())
}

/// Whatever the network says, only so much of it is remembered.
fn sizes(world: &World, host: &Host) -> Result<(), String> {
    let Some(sizes) = host.mesh.as_ref().map(Mesh::sizes) else { return Ok(()) };
    let bounded = sizes.nodes <= NODES_MAX
        && sizes.instances <= NODES_MAX * ADDRESSES_PER_NODE_MAX
        && sizes.cameras <= CAMERAS_MAX
        && sizes.links <= LINKS_PER_PEER_MAX * world.hosts.len()
        && sizes.dials <= DIALS_MAX
        && sizes.watched <= CAMERAS_PER_VIEWER_MAX
        && sizes.served <= VIEWERS_PER_CAMERA_MAX
        && sizes.watched == host.subscribers.len()
        && sizes.served == host.publishers.len();
    if bounded { Ok(()) } else { Err(format!("remembers too much: {sizes:?}")) }
}

/// Nothing is sent without leave. (A store that was changed is read in the same moment.)
fn leave(world: &World) {
    for (id, host) in world.hosts.iter().enumerate().filter(|(_, host)| host.is_awake()) {
        for publisher in host.publishers.values() {
            let access = world.access(id, world.hosts[publisher.viewer].device);
            if access != Access::Granted {
                let viewer = publisher.viewer;
                world.broken(&format!("host {id} serves host {viewer} without leave"));
            }
        }
    }
}

/// A mesh that wakes without end would take a processor for itself.
pub(crate) fn count_wake(world: &mut World, id: HostId) {
    let second = (world.queue.now - world.start).as_secs();
    let host = &mut world.hosts[id];
    if host.wakes.0 != second {
        host.wakes = (second, 0);
    }
    host.wakes.1 += 1;
    if host.wakes.1 > WAKES_PER_SECOND_MAX {
        world.broken(&format!("host {id} wakes without end"));
    }
}

/// Nobody knocks at a door again and again: tries of one target keep their distance, whatever is
/// heard of it, unless it leaves and comes back meanwhile.
pub(crate) fn dials(world: &World, id: HostId) {
    let mut tries: BTreeMap<_, VecDeque<Instant>> = BTreeMap::new();
    for dial in &world.hosts[id].dials {
        let typed = dial.expect.is_none().then_some(&dial.addresses);
        let last = tries.entry((dial.life, dial.expect, typed)).or_default();
        last.push_back(dial.at);
        last.retain(|at| *at + Duration::from_secs(1) > dial.at);
        if last.len() > DIALS_PER_SECOND_MAX {
            let (whom, passed) = ((dial.expect, &dial.addresses), dial.at - world.start);
            world.broken(&format!("host {id} dials {whom:?} without a pause at {passed:?}"));
        }
    }
}

impl World {
    /// Something that must always hold does not.
    pub(crate) fn broken(&self, what: &str) -> ! {
        let passed = (self.queue.now - self.start).as_secs_f64();
        let what = format!("{}at {passed:.3} s {what}", self.trace.text());
        if self.caught {
            // Whoever plays thousands of days says which of them failed, once.
            resume_unwind(Box::new(what));
        }
        panic!("{what}");
    }
}
