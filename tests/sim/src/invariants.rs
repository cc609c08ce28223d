//! What must hold after every single step, whatever has happened.

use std::collections::BTreeSet;
use std::time::Duration;

use lanlens_model::{Access, TileState};

use crate::world::World;

/// Pictures come every 33 ms, so a stall is due 700 ms after the last one, exactly.
const STALL: Duration = Duration::from_millis(700);

pub(crate) fn check(world: &World) {
    for (id, host) in world.hosts.iter().enumerate() {
        let Some(mesh) = &host.mesh else { continue };
        let mut watched = BTreeSet::new();
        for camera in host.subscribers.values() {
            assert!(watched.insert(camera), "host {id} watches a camera twice");
        }
        let mut served = BTreeSet::new();
        for (viewer, _) in host.publishers.values() {
            assert!(served.insert(viewer), "host {id} serves host {viewer} twice");
            let device = world.hosts[*viewer].device;
            let access = world.access(id, device);
            assert_eq!(access, Access::Granted, "host {id} sends pictures without leave");
        }
        // A live tile had a new picture less than a stall ago.
        for (camera, view) in &mesh.snapshot().cameras {
            if view.state == TileState::Live {
                let last = host.last_picture.get(camera).copied();
                let age = last.map(|last| world.queue.now - last);
                assert!(
                    age.is_some_and(|age| age <= STALL),
                    "host {id} shows a camera as live whose last picture is {age:?} old"
                );
            }
        }
    }
}
