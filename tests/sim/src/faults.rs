//! What can go wrong, one thing at a time, and how each is mended.

use std::time::Duration;

use lanlens_model::{Command, TrustChange};

use crate::day::Cast;
use crate::host::HostId;
use crate::mdns::Air;
use crate::paths::Traffic;
use crate::world::World;

/// One kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// SIGKILL.
    Kill,
    /// A clean stop.
    Stop,
    /// Killed and started before anybody can notice.
    Restart,
    /// Out of reach of everyone, without knowing.
    Cut,
    /// Its own interface is down.
    Unplug,
    /// Two groups lose each other.
    Part,
    /// One direction between two hosts.
    OneWay,
    /// Pictures alone, between two hosts.
    MediaCut,
    /// Links alone, between two hosts.
    SignalingCut,
    /// Multicast alone, between two hosts.
    MulticastCut,
    /// The process or the machine stands still.
    Sleep,
    /// A new address.
    Move,
    /// Two hosts get each other's address.
    Swap,
    /// No new pictures.
    Sensor,
    /// Somebody lies.
    Attack,
    /// A device is removed, or allowed again.
    Trust,
    /// A tile is hidden or shown, or a person presses "refresh".
    Person,
}

impl Fault {
    /// Each kind.
    pub(crate) const ALL: [Self; 17] = [
        Self::Kill,
        Self::Stop,
        Self::Restart,
        Self::Cut,
        Self::Unplug,
        Self::Part,
        Self::OneWay,
        Self::MediaCut,
        Self::SignalingCut,
        Self::MulticastCut,
        Self::Sleep,
        Self::Move,
        Self::Swap,
        Self::Sensor,
        Self::Attack,
        Self::Trust,
        Self::Person,
    ];

    /// Whether whoever did not hear of it could never find out without multicast.
    pub(crate) fn needs_multicast(self) -> bool {
        matches!(self, Self::Move | Self::Swap)
    }
}

/// How long a process stands still: mostly seconds, now and then a whole break.
fn nap(rng: &mut fastrand::Rng) -> Duration {
    match rng.u8(0..100) {
        0 => Duration::from_secs(600),
        1..10 => Duration::from_millis(rng.u64(10_000..60_000)),
        _ => Duration::from_millis(rng.u64(1000..8000)),
    }
}

impl World {
    /// Lets something of a kind go wrong somewhere.
    pub(crate) fn fault(&mut self, kind: Fault, cast: &Cast) {
        let mut rng = self.rng.fork();
        let everyone = cast.everyone();
        let host = everyone[rng.usize(0..everyone.len())];
        let camera = cast.cameras[rng.usize(0..cast.cameras.len())];
        let viewer = cast.viewers[rng.usize(0..cast.viewers.len())];
        let awake = self.hosts[host].is_awake();
        match kind {
            Fault::Kill if self.hosts[host].mesh.is_some() => self.kill(host),
            Fault::Stop if awake => self.stop(host),
            Fault::Restart if self.hosts[host].mesh.is_some() => {
                self.kill(host);
                self.start(host);
            }
            Fault::Cut => self.cut(host, true),
            Fault::Unplug if !self.hosts[host].unplugged => self.unplug(host, true),
            Fault::Part => {
                let (some, others): (Vec<HostId>, Vec<HostId>) =
                    everyone.iter().partition(|_| rng.bool());
                self.part(&some, &others);
            }
            Fault::OneWay => {
                let (from, to) = if rng.bool() { (camera, viewer) } else { (viewer, camera) };
                for traffic in Traffic::ALL {
                    if rng.u8(0..3) > 0 {
                        self.block(traffic, from, to);
                    }
                }
            }
            Fault::MediaCut => self.block_both(Traffic::Media, camera, viewer),
            Fault::SignalingCut => self.block_both(Traffic::Signaling, camera, viewer),
            Fault::MulticastCut => self.block_both(Traffic::Multicast, camera, viewer),
            Fault::Sleep => {
                let suspended = rng.bool();
                self.sleep(host, nap(&mut rng), suspended);
            }
            Fault::Move => {
                let generation = u8::try_from(self.hosts[host].moves % 90).unwrap_or(0) + 1;
                self.move_address(host, generation);
            }
            Fault::Swap => {
                let other = everyone[rng.usize(0..everyone.len())];
                if host != other {
                    self.swap_addresses(host, other);
                }
            }
            Fault::Sensor => {
                let told = rng.bool();
                self.set_sensor(camera, false, told);
            }
            Fault::Attack => self.attack(cast.attacker, host),
            Fault::Trust => self.decide(camera, viewer, &mut rng),
            Fault::Person => self.person(viewer, camera, &mut rng),
            Fault::Kill | Fault::Stop | Fault::Restart | Fault::Unplug => {}
        }
    }

    fn block_both(&mut self, traffic: Traffic, one: HostId, other: HostId) {
        self.block(traffic, one, other);
        self.block(traffic, other, one);
    }

    fn decide(&mut self, camera: HostId, viewer: HostId, rng: &mut fastrand::Rng) {
        let (device, name) = (self.hosts[viewer].device, String::new());
        let change = match rng.bool() {
            true => TrustChange::Allow { device, name },
            false => TrustChange::Deny { device, name },
        };
        if self.hosts[camera].mesh.is_some() {
            self.change_trust(camera, &change);
        }
    }

    fn person(&mut self, viewer: HostId, camera: HostId, rng: &mut fastrand::Rng) {
        let shown = &self.hosts[viewer].shown.cameras;
        let Some(camera) = self.hosts[camera].camera.filter(|id| shown.contains_key(id)) else {
            return;
        };
        let command = match rng.u8(0..4) {
            0 => Command::Refresh,
            3 => Command::Scan,
            1 => Command::SetVisible(camera, false),
            _ => Command::SetVisible(camera, true),
        };
        self.command(viewer, command);
    }

    /// Mends each thing that is broken and for which `which` is true.
    pub(crate) fn mend(&mut self, cast: &Cast, mut which: impl FnMut() -> bool) {
        self.unblock(&mut which);
        for id in cast.everyone() {
            if self.hosts[id].cut && which() {
                self.cut(id, false);
            }
            if self.hosts[id].unplugged && which() {
                self.unplug(id, false);
            }
            if self.hosts[id].asleep.is_some() && which() {
                self.wake(id);
            }
            if !self.hosts[id].sensor && which() {
                self.set_sensor(id, true, true);
            }
            if self.hosts[id].mesh.is_none() && which() {
                self.start(id);
            }
            for camera in self.hosts[id].hidden.clone() {
                if which() {
                    self.command(id, Command::SetVisible(camera, true));
                }
            }
        }
    }

    /// Multicast works again, and whoever was not heard by everyone says once more where it is: as it
    /// would within its next questions and answers.
    pub(crate) fn clear_air(&mut self, cast: &Cast) {
        self.air = Air::default();
        for id in cast.everyone() {
            if self.hosts[id].is_awake() && std::mem::take(&mut self.hosts[id].unheard) {
                self.announce(id);
            }
        }
    }
}
