//! A day in the life of a bad network, from a seed.

use std::time::Duration;

use crate::host::HostId;
use crate::world::World;

/// Two viewers and some cameras, faults at random, then peace: `Err` names the first camera that a
/// viewer does not show live 10 s after the last fault.
///
/// # Errors
/// The broken promise, in words.
pub fn random_day(seed: u64) -> Result<(), String> {
    let mut world = World::new(seed);
    let cameras: Vec<HostId> = (0..3).map(|n| world.camera(&format!("camera {n}"))).collect();
    let viewers = [world.viewer(), world.viewer()];
    for host in cameras.iter().chain(&viewers) {
        world.start(*host);
        let pause = world.rng.u64(0..800);
        world.run(Duration::from_millis(pause));
    }
    let mut rng = fastrand::Rng::with_seed(seed ^ 0x5eed);
    for fault in 0..12 {
        let host = rng.usize(0..world.hosts.len());
        match rng.u8(0..5) {
            0 if world.hosts[host].mesh.is_some() => world.kill(host),
            1 if world.hosts[host].mesh.is_some() => world.stop(host),
            2 => world.cut(host, true),
            3 => world.move_address(host, fault + 1),
            _ => {}
        }
        world.run(Duration::from_millis(rng.u64(0..4000)));
        mend(&mut world, &mut rng);
        world.run(Duration::from_millis(rng.u64(0..2000)));
    }
    mend_all(&mut world);
    world.run(Duration::from_secs(10));
    for viewer in viewers {
        for camera in &cameras {
            if !world.is_live(viewer, *camera) {
                let state = world.tile(viewer, *camera);
                return Err(format!("seed {seed}: viewer {viewer}, camera {camera}: {state:?}"));
            }
        }
    }
    Ok(())
}

fn mend(world: &mut World, rng: &mut fastrand::Rng) {
    for host in 0..world.hosts.len() {
        if rng.bool() {
            mend_one(world, host);
        }
    }
}

fn mend_all(world: &mut World) {
    for host in 0..world.hosts.len() {
        mend_one(world, host);
    }
}

fn mend_one(world: &mut World, host: HostId) {
    if world.hosts[host].cut {
        world.cut(host, false);
    }
    if world.hosts[host].mesh.is_none() {
        world.start(host);
    }
}
