//! What becomes of a host: its process starts, is killed, stops, stands still; its machine moves.

use std::time::Duration;

use lanlens_mesh::{Config, LinkInput, Mesh, SessionInput};
use lanlens_model::{Command, Epoch, Role, RunId, Selection};
use lanlens_protocol::Secret;

use crate::host::{HostId, Sleep, address};
use crate::queue::Delivery;
use crate::screen::Screen;
use crate::trace::note;
use crate::world::World;

/// The list of addresses is looked at this often.
const NETWORK_LOOK: Duration = Duration::from_millis(500);

impl World {
    /// Programs of one home that run on one machine share a run.
    fn next_run_of(&mut self, id: HostId) -> RunId {
        let via = self.hosts[id].spec.via;
        let server = self.hosts.iter().find(|host| Some(host.node) == via && host.life > 0);
        if let Some(server) = server {
            return server.run;
        }
        self.next_run += 1;
        RunId(self.next_run)
    }

    /// Starts a host's process: a new epoch.
    pub fn start(&mut self, id: HostId) {
        let seed = self.rng.u64(..);
        let now = self.local_time(id);
        let run = self.next_run_of(id);
        let host = &mut self.hosts[id];
        host.run = run;
        host.life += 1;
        host.asleep = None;
        host.inbox.clear();
        host.screen = Screen::default();
        host.hidden.clear();
        let config = Config {
            node: host.node,
            role: host.spec.role,
            epoch: Epoch(host.life),
            run,
            port: host.address.port(),
            name: host.spec.name.clone(),
            cameras: host
                .camera
                .map(|camera| (camera, host.spec.name.clone()))
                .into_iter()
                .collect(),
            via: host.spec.via,
            access: host.spec.access,
            known: host.known.values().cloned().collect(),
            trust: self.trust.entry(host.device).or_default().clone(),
        };
        note!(self, "host {id} starts for the {}. time", self.hosts[id].life);
        let mut secret = [0; 32];
        self.rng.fill(&mut secret);
        self.hosts[id].mesh = Some(Mesh::new(config, seed, Secret::new(secret), now));
        self.announce(id);
        self.browse(id, 0);
        let selection = match self.hosts[id].spec.role {
            Role::Viewer => Selection::All,
            Role::Camera => Selection::None,
        };
        self.command(id, Command::Watch(selection));
        for peer in self.hosts[id].spec.peers.clone() {
            self.command(id, Command::AddPeer(peer));
        }
    }

    /// SIGKILL: its sockets are closed by its kernel, nothing is said.
    pub fn kill(&mut self, id: HostId) {
        note!(self, "host {id} is killed");
        self.hosts[id].mesh = None;
        self.forget_process(id);
        self.expire_later(id);
    }

    /// SIGTERM: goodbyes are said.
    pub fn stop(&mut self, id: HostId) {
        note!(self, "host {id} stops");
        self.command(id, Command::Shutdown);
    }

    /// Nothing is left of a process but what others still believe of it.
    pub(crate) fn forget_process(&mut self, id: HostId) {
        let ends: Vec<_> = self.hosts[id].links.keys().copied().collect();
        ends.into_iter().for_each(|link| self.end_link(id, link));
        let host = &mut self.hosts[id];
        host.subscribers.clear();
        host.publishers.clear();
        host.asleep = None;
        host.inbox.clear();
        host.due = None;
        host.screen = Screen::default();
    }

    /// Every packet to and from this host is lost from now on (or no longer). What it does not know
    /// itself; at the end it announces and asks anew.
    pub fn cut(&mut self, id: HostId, cut: bool) {
        note!(self, "host {id} is {}", if cut { "cut off" } else { "reachable again" });
        self.hosts[id].cut = cut;
        self.look_at_links();
        if !cut && self.hosts[id].mesh.is_some() {
            self.announce(id);
            self.hear_everyone(id);
        }
    }

    /// Its cable is pulled (or plugged in again), which its own system sees.
    pub fn unplug(&mut self, id: HostId, unplugged: bool) {
        note!(self, "host {id} is {}", if unplugged { "unplugged" } else { "plugged in" });
        self.hosts[id].unplugged = unplugged;
        self.look_at_links();
        self.tell_network(id, false);
        if !unplugged && self.hosts[id].mesh.is_some() {
            self.announce(id);
            self.hear_everyone(id);
        }
    }

    /// DHCP: a new address. Old connections are dead, which only this host itself can see.
    pub fn move_address(&mut self, id: HostId, generation: u8) {
        self.take_address(id, address(id, generation));
    }

    /// DHCP gives each of two hosts the other's address.
    pub fn swap_addresses(&mut self, one: HostId, other: HostId) {
        let (a, b) = (self.hosts[one].address, self.hosts[other].address);
        self.take_address(one, b);
        self.take_address(other, a);
    }

    fn take_address(&mut self, id: HostId, address: std::net::SocketAddr) {
        note!(self, "host {id} has moved to {address}");
        self.hosts[id].address = address;
        self.hosts[id].moves += 1;
        self.look_at_links();
        self.tell_network(id, false);
        if self.hosts[id].mesh.is_some() {
            self.announce(id);
        }
    }

    fn tell_network(&mut self, id: HostId, slept: bool) {
        let after = NETWORK_LOOK.mul_f64(self.rng.f64());
        self.queue.push(after, id, self.hosts[id].life, Delivery::Network { slept });
    }

    /// The shell has looked at the list of addresses: what stood at an address that is gone is gone.
    pub(crate) fn on_network(&mut self, id: HostId, slept: bool) {
        let host = &self.hosts[id];
        let (up, moves) = (!host.unplugged, host.moves);
        let lost = |made: u64| !up || made != moves;
        let links: Vec<_> =
            host.links.iter().filter(|(_, end)| slept || lost(end.moves.0)).map(|l| *l.0).collect();
        let watched = host.subscribers.iter().filter(|(_, s)| s.connected && lost(s.moves));
        let served = host.publishers.iter().filter(|(_, p)| p.connected && lost(p.moves));
        let sessions: Vec<_> = watched.map(|s| *s.0).chain(served.map(|p| *p.0)).collect();
        for link in links {
            self.end_link(id, link);
            let end = lanlens_mesh::LinkEnd::Lost("this computer's address changed".to_owned());
            self.input(id, Delivery::Link(LinkInput::Closed { link, end }));
        }
        for handle in sessions {
            self.input(id, Delivery::Session(handle, SessionInput::PathLost));
        }
        note!(self, "host {id} ← the network is {}", if up { "up" } else { "down" });
        self.with_mesh(id, |mesh, now| mesh.handle_network(up, now));
    }

    /// Its process stands still for a time, or the whole machine does (`suspended`).
    pub fn sleep(&mut self, id: HostId, span: Duration, suspended: bool) {
        if !self.hosts[id].is_awake() {
            return;
        }
        note!(self, "host {id} stands still for {span:?}, suspended: {suspended}");
        self.hosts[id].asleep = Some(Sleep { since: self.queue.now, suspended });
        self.look_at_links();
        self.queue.push(span, id, self.hosts[id].life, Delivery::Wake);
    }

    /// It goes on, early or in time: one large step for whatever looks at a clock that ran on.
    pub(crate) fn wake(&mut self, id: HostId) {
        let Some(sleep) = self.hosts[id].asleep.take() else { return };
        note!(self, "host {id} goes on");
        if sleep.suspended {
            let slept = self.queue.now - sleep.since;
            let host = &mut self.hosts[id];
            host.clock_behind += slept;
            host.due = host.due.map(|due| due + slept);
            self.tell_network(id, true);
            self.hear_everyone(id);
        }
        self.look_at_links();
        // What its timers and its sockets have for it comes in any order.
        if self.rng.bool() {
            self.wake_if_due(id);
        }
        for delivery in std::mem::take(&mut self.hosts[id].inbox) {
            if sleep.suspended && matches!(delivery, Delivery::Discovery(_)) {
                continue;
            }
            self.deliver(id, delivery);
        }
    }

    /// Its sensor stops giving pictures, or gives them again. `told`: its program notices, and says so.
    pub fn set_sensor(&mut self, id: HostId, works: bool, told: bool) {
        note!(self, "the sensor of host {id} {}", if works { "works" } else { "stops" });
        self.hosts[id].sensor = works;
        let (Some(camera), true) = (self.hosts[id].camera, told) else { return };
        let trouble = (!works).then(|| "another program uses the camera".to_owned());
        if self.hosts[id].is_awake() {
            self.with_mesh(id, |mesh, now| mesh.handle_source(camera, trouble, now));
        }
    }

    /// Gives a host a wish; a process that stands still has no ears.
    pub fn command(&mut self, id: HostId, command: Command) {
        if !self.hosts[id].is_awake() {
            return;
        }
        note!(self, "host {id} ← {command:?}");
        if let Command::SetVisible(camera, visible) = &command {
            let host = &mut self.hosts[id];
            let changed =
                if *visible { host.hidden.remove(camera) } else { host.hidden.insert(*camera) };
            if changed {
                host.screen.on_visibility(*camera);
            }
        }
        self.with_mesh(id, |mesh, now| mesh.handle_command(command, now));
    }

    /// What a process says last, and what its kernel does then.
    pub(crate) fn on_stopped(&mut self, id: HostId) {
        self.hosts[id].mesh = None;
        self.forget_process(id);
        self.say_goodbye(id);
    }
}
