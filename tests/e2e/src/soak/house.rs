//! The house: who lives in it, what is done to them, and what their viewers must say.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use lanlens_testkit::procfs::Usage;
use lanlens_testkit::{Addresses, Event, Host, Lan, Program, Signal, Traffic};

use super::fault::{Fault, Kind};
use super::truth::Truth;
use crate::{Camera, CameraApp, Home, START_LIMIT, Watch, WatchApp, eventually};

/// A picture may be on its way when a fault begins.
const IN_FLIGHT: Duration = Duration::from_millis(300);
/// Last bytes of addresses that are given out one after the other, so that it takes long until one
/// comes again.
const NUMBERS: (u8, u8) = (100, 250);
/// The name of the interface that a VPN makes.
const VPN: &str = "tun0";

/// A camera or a viewer, on a host of its own.
pub(crate) struct Member {
    name: String,
    host: Host,
    home: Home,
    app: App,
    /// It is never ended, so that what it uses can be compared.
    pub(crate) steady: bool,
}

enum App {
    Camera(Camera),
    Viewer(Viewer),
}

struct Viewer {
    watch: Watch,
    truth: Truth,
    /// Events read so far.
    read: usize,
    /// Of those, before the present faults.
    before: usize,
}

impl Member {
    fn program(&self) -> &Program {
        match &self.app {
            App::Camera(camera) => &camera.program,
            App::Viewer(viewer) => &viewer.watch.program,
        }
    }

    fn program_mut(&mut self) -> &mut Program {
        match &mut self.app {
            App::Camera(camera) => &mut camera.program,
            App::Viewer(viewer) => &mut viewer.watch.program,
        }
    }

    fn viewer(&mut self) -> Option<&mut Viewer> {
        match &mut self.app {
            App::Camera(_) => None,
            App::Viewer(viewer) => Some(viewer),
        }
    }

    fn restart(&mut self) -> Result<()> {
        self.app = match &self.app {
            App::Camera(_) => start_camera(&self.host, &self.name, &self.home)?,
            App::Viewer(_) => start_viewer(&self.host, &self.home)?,
        };
        Ok(())
    }
}

fn start_camera(host: &Host, name: &str, home: &Home) -> Result<App> {
    let camera = CameraApp::new(host, name).home(home).open().size("320x180");
    Ok(App::Camera(camera.args(&["--fps", "15"]).start()?))
}

fn start_viewer(host: &Host, home: &Home) -> Result<App> {
    let watch = WatchApp::plain(host).home(home).start()?;
    Ok(App::Viewer(Viewer { watch, truth: Truth::default(), read: 0, before: 0 }))
}

impl Viewer {
    fn read(&mut self) {
        let events = self.watch.program.events_from(self.read);
        self.read += events.len();
        events.iter().for_each(|event| self.truth.read(event));
    }
}

/// Everybody, and the network between them.
pub(crate) struct House {
    pub(crate) members: Vec<Member>,
    next_number: u8,
    /// How long tiles of viewers that are gone were live without pictures.
    empty_before: Duration,
    // Dropped last: programs first.
    lan: Lan,
}

impl House {
    /// `None` where there can be no network of namespaces.
    pub(crate) fn build(cameras: usize, viewers: usize) -> Result<Option<Self>> {
        let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(None) };
        let mut members = Vec::new();
        for number in 0..cameras + viewers {
            let is_camera = number < cameras;
            let name = match is_camera {
                true => format!("camera_{number}"),
                false => format!("viewer_{}", number - cameras),
            };
            let (host, home) = (lan.host(&name)?, Home::fresh()?);
            let app = match is_camera {
                true => start_camera(&host, &name, &home)?,
                false => start_viewer(&host, &home)?,
            };
            let steady = number == 0 || number == cameras;
            members.push(Member { name, host, home, app, steady });
        }
        Ok(Some(Self { members, next_number: NUMBERS.0, empty_before: Duration::ZERO, lan }))
    }

    /// A fault in words.
    pub(crate) fn describe(&self, fault: &Fault) -> String {
        format!("{}: {:?}", self.members[fault.member].name, fault.kind)
    }

    /// Lets it happen.
    pub(crate) fn begin(&mut self, fault: &Fault) -> Result<()> {
        self.read();
        for viewer in self.members.iter_mut().filter_map(Member::viewer) {
            viewer.before = viewer.read;
        }
        let member = &mut self.members[fault.member];
        match fault.kind {
            Kind::Kill => member.program().signal(Signal::KILL)?,
            Kind::Close => member.program().signal(Signal::TERM)?,
            Kind::Freeze => member.program().signal(Signal::STOP)?,
            Kind::Unplug => member.host.link_down()?,
            Kind::Move => {
                member.host.renumber(self.next_number)?;
                self.next_number =
                    if self.next_number < NUMBERS.1 { self.next_number + 1 } else { NUMBERS.0 };
            }
            Kind::Cut(traffic) => self.lan.cut(&member.host, traffic)?,
            Kind::LoseMulticast => {
                self.lan.lose(&member.host, Traffic::Multicast, 30)?;
            }
            Kind::Vpn => self.lan.vpn_up(&member.host, VPN)?,
        }
        Ok(())
    }

    /// Mends it.
    pub(crate) fn end(&mut self, fault: &Fault) -> Result<()> {
        self.read();
        let member = &mut self.members[fault.member];
        match fault.kind {
            Kind::Kill | Kind::Close => {
                member.program_mut().wait_exit(START_LIMIT)?;
                if let App::Viewer(viewer) = &member.app {
                    self.empty_before = self.empty_before.max(viewer.truth.emptiest());
                }
                member.restart()?;
            }
            Kind::Freeze => {
                if let Some(viewer) = member.viewer() {
                    viewer.truth.forget_counts();
                }
                member.program().signal(Signal::CONT)?;
            }
            Kind::Unplug => member.host.link_up()?,
            Kind::Move => {}
            Kind::Cut(_) | Kind::LoseMulticast => self.lan.heal(&member.host)?,
            Kind::Vpn => member.host.unplug(VPN)?,
        }
        Ok(())
    }

    /// Takes in what viewers have said.
    pub(crate) fn read(&mut self) {
        self.members.iter_mut().filter_map(Member::viewer).for_each(Viewer::read);
    }

    fn cameras(&self) -> impl Iterator<Item = (usize, &Camera)> {
        self.members.iter().enumerate().filter_map(|(number, member)| match &member.app {
            App::Camera(camera) => Some((number, camera)),
            App::Viewer(_) => None,
        })
    }

    fn viewers(&self) -> impl Iterator<Item = (usize, &Viewer)> {
        self.members.iter().enumerate().filter_map(|(number, member)| match &member.app {
            App::Camera(_) => None,
            App::Viewer(viewer) => Some((number, viewer)),
        })
    }

    /// The tiles that can show nothing during these faults, at viewers that can say so.
    fn dark<'a>(&'a self, faults: &'a [Fault]) -> impl Iterator<Item = (&'a Viewer, &'a Camera)> {
        let hit = |number: usize, test: fn(Fault) -> bool| {
            faults.iter().any(|fault| fault.member == number && test(*fault))
        };
        self.viewers().filter(move |(number, _)| !hit(*number, Fault::silences)).flat_map(
            move |(viewer_number, viewer)| {
                self.cameras()
                    .filter(move |(number, _)| {
                        hit(*number, Fault::stops_pictures)
                            || hit(viewer_number, Fault::stops_pictures)
                    })
                    .map(move |(_, camera)| (viewer, camera))
            },
        )
    }

    /// Waits until every tile that shows nothing says so; gives how long the last one took.
    pub(crate) fn wait_admitted(
        &mut self,
        faults: &[Fault],
        began: Instant,
        limit: Duration,
    ) -> Result<Duration> {
        let all = eventually(limit, || {
            self.read();
            self.dark(faults).all(|(viewer, camera)| !viewer.truth.is_live(camera.id()))
        });
        if !all {
            return self.check_dark(faults, began).map(|()| limit);
        }
        let since =
            self.dark(faults).filter_map(|(viewer, camera)| viewer.truth.since(camera.id()));
        Ok(since.map(|at| at.saturating_duration_since(began)).max().unwrap_or_default())
    }

    /// No tile that can show nothing is live, or has said so since the faults began.
    pub(crate) fn check_dark(&mut self, faults: &[Fault], began: Instant) -> Result<()> {
        self.read();
        for (viewer, camera) in self.dark(faults) {
            let id = camera.id();
            let said = viewer.watch.program.events_from(viewer.before);
            let lies = |event: &Event| event.is_of("live", id) && event.at > began + IN_FLIGHT;
            if said.iter().any(lies) || viewer.truth.is_live(id) {
                let name = camera.ready.text("name");
                bail!(viewer.watch.program.failure(&format!("{name} cannot be live")));
            }
        }
        Ok(())
    }

    /// Waits until every camera is live at every viewer.
    pub(crate) fn wait_all_live(&mut self, limit: Duration) -> Result<()> {
        let missing = |house: &Self| -> Option<(usize, String)> {
            house.viewers().find_map(|(number, viewer)| {
                let dark = house.cameras().find(|(_, c)| !viewer.truth.is_live(c.id()));
                dark.map(|(_, camera)| (number, camera.ready.text("name").to_owned()))
            })
        };
        let all = eventually(limit, || {
            self.read();
            missing(self).is_none()
        });
        if all {
            return Ok(());
        }
        let (viewer, camera) = missing(self).context("all live just after the limit")?;
        let what = format!("{camera} is not live after {limit:?}");
        Err(self.members[viewer].program().failure(&what))
    }

    /// What those use that were never ended.
    pub(crate) fn usages(&self) -> Result<BTreeMap<String, Usage>> {
        let steady = self.members.iter().filter(|member| member.steady);
        let usages: Result<BTreeMap<_, _>> =
            steady.map(|m| Ok((m.name.clone(), m.program().usage()?))).collect();
        let usages = usages?;
        ensure!(!usages.is_empty(), "nobody is steady");
        Ok(usages)
    }

    /// The longest that any tile was live without a new picture, as viewers told.
    pub(crate) fn live_without_frames(&self) -> Duration {
        let now = self.viewers().map(|(_, viewer)| viewer.truth.emptiest());
        now.max().unwrap_or_default().max(self.empty_before)
    }
}
