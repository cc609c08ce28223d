//! A day in the life of a bad network, from a seed.
//!
//! Each day draws which kinds of faults it knows, so that some days are all partitions and others all
//! lies: what hides behind one kind of fault shows on a day without it. At the end everything is
//! mended, and whoever may watch must see.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use lanlens_model::AccessMode;

use crate::faults::Fault;
use crate::host::{HostId, HostSpec};
use crate::mdns::Air;
use crate::peace::peace;
use crate::world::World;

/// Who plays.
pub(crate) struct Cast {
    pub(crate) cameras: Vec<HostId>,
    pub(crate) viewers: Vec<HostId>,
    pub(crate) attacker: HostId,
}

impl Cast {
    /// All but the attacker.
    pub(crate) fn everyone(&self) -> Vec<HostId> {
        self.cameras.iter().chain(&self.viewers).copied().collect()
    }
}

/// What a day is like.
#[derive(Debug)]
pub(crate) struct Plan {
    menu: Vec<Fault>,
    air: Air,
    multicast: bool,
    rounds: u32,
    /// Somebody is not there at the end.
    pub(crate) leaves: bool,
}

impl Plan {
    fn draw(rng: &mut fastrand::Rng) -> Self {
        let multicast = rng.u8(0..8) > 0;
        let bad_air = multicast && rng.u8(0..3) == 0;
        let air = Air {
            lost: if bad_air { rng.f64() * 0.5 } else { 0.0 },
            doubled: if bad_air { rng.f64() * 0.3 } else { 0.0 },
            late: if bad_air { rng.f64() * 0.3 } else { 0.0 },
        };
        let possible = Fault::ALL.into_iter().filter(|fault| multicast || !fault.needs_multicast());
        let all: Vec<Fault> = possible.collect();
        let few = rng.u8(1..6);
        let mut menu: Vec<Fault> = all.iter().copied().filter(|_| rng.u8(0..8) < few).collect();
        if menu.is_empty() {
            menu.extend(rng.choice(all));
        }
        Self { menu, air, multicast, rounds: rng.u32(3..12), leaves: rng.u8(0..4) == 0 }
    }
}

/// Some cameras, some viewers, many faults, then peace.
///
/// # Errors
/// The promise that was broken, what happened before, and the command that plays the day again.
pub fn random_day(seed: u64) -> Result<(), String> {
    if run(seed, false).is_ok() {
        return Ok(());
    }
    match run(seed, true) {
        Ok(()) => Err(format!("seed {seed} fails only where nobody looks")),
        Err(what) => Err(format!(
            "{what}\nseed {seed}; again, with what happened: \
             LANLENS_SIM_SEED={seed} cargo test --release -p lanlens-sim --test bad_days"
        )),
    }
}

fn run(seed: u64, trace: bool) -> Result<(), String> {
    let day = AssertUnwindSafe(|| play(seed, trace));
    catch_unwind(day).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_default()
    })
}

fn play(seed: u64, trace: bool) {
    let mut rng = fastrand::Rng::with_seed(seed ^ 0x5eed);
    let plan = Plan::draw(&mut rng);
    let mut world = World::new(seed);
    world.trace.on = trace;
    world.caught = true;
    world.multicast = plan.multicast;
    world.air = plan.air;
    let cast = stage(&mut world, &plan, &mut rng);
    world.trace.head = introduce(&world, &plan);
    for host in cast.everyone() {
        world.start(host);
        world.run(Duration::from_millis(rng.u64(0..600)));
    }
    for _ in 0..plan.rounds {
        for _ in 0..rng.u8(1..4) {
            if let Some(fault) = rng.choice(plan.menu.iter()) {
                world.fault(*fault, &cast);
            }
            world.run(moment(&mut rng));
        }
        let share = rng.u8(0..5);
        world.mend(&cast, || rng.u8(0..5) < share);
        world.run(moment(&mut rng));
    }
    peace(&mut world, &plan, &cast, &mut rng);
}

fn introduce(world: &World, plan: &Plan) -> Vec<String> {
    let hosts = world.hosts.iter().enumerate().map(|(id, host)| {
        if host.impostor {
            return format!("host {id}: an attacker");
        }
        let HostSpec { role, access, firewalled, picture_interval, dead_interface, .. } =
            &host.spec;
        let node = host.node;
        format!(
            "host {id}: {role:?} {node:?}, {access:?}, firewalled: {firewalled}, second address: \
             {dead_interface}, pictures every {picture_interval:?}"
        )
    });
    std::iter::once(format!("{plan:?}")).chain(hosts).collect()
}

/// Mostly shorter than any timeout, sometimes longer than most.
fn moment(rng: &mut fastrand::Rng) -> Duration {
    match rng.u8(0..8) {
        0..3 => Duration::from_millis(rng.u64(0..50)),
        3..7 => Duration::from_millis(rng.u64(0..1500)),
        _ => Duration::from_millis(rng.u64(0..14_000)),
    }
}

fn stage(world: &mut World, plan: &Plan, rng: &mut fastrand::Rng) -> Cast {
    let (mut cameras, mut viewers) = (Vec::new(), Vec::new());
    // Who is made first decides whose id is lower, and so whose link stays.
    for number in 0..rng.choice([2, 3, 3, 4, 4, 5, 6, 8]).unwrap_or(2) {
        let is_camera = if number < 2 { number == 0 } else { rng.u8(0..5) < 3 };
        let id = if is_camera { world.camera(&format!("camera {number}")) } else { world.viewer() };
        if is_camera {
            cameras.push(id)
        } else {
            viewers.push(id)
        }
        let spec = world.spec_mut(id);
        spec.firewalled = rng.u8(0..6) == 0;
        spec.dead_interface = rng.u8(0..6) == 0;
        spec.dial_latency = Duration::from_millis(rng.choice([6, 6, 6, 50, 300]).unwrap_or(6));
        let interval = rng.choice([33, 100, 100, 200, 250, 250, 400]).unwrap_or(250);
        spec.picture_interval = Duration::from_millis(interval);
        spec.access = if rng.u8(0..3) == 0 { AccessMode::Ask } else { AccessMode::Open };
    }
    if !plan.multicast {
        let at =
            |world: &World, ids: &[HostId]| ids.iter().map(|id| world.address_of(*id)).collect();
        for viewer in &viewers {
            world.spec_mut(*viewer).peers = at(world, &cameras);
        }
        for camera in &cameras {
            // Nobody can dial it, so somebody has typed where the viewers are.
            if world.spec_mut(*camera).firewalled {
                world.spec_mut(*camera).peers = at(world, &viewers);
            }
        }
    }
    let attacker = world.attacker();
    Cast { cameras, viewers, attacker }
}
