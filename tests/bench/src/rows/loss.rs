//! Packets lost at random, as on poor Wi-Fi: the receiver of each direction drops them.

use anyhow::Result;
use lanlens_testkit::Host;

use crate::report::{Figure, Outcome};
use crate::scene::{NO_LAN, Room, Watched};
use crate::settings::Settings;

pub(super) fn of_1(settings: Settings) -> Result<Outcome> {
    let watched = match run(settings, 1)? {
        Some(watched) => watched,
        None => return Ok(Outcome::Skipped(NO_LAN.to_owned())),
    };
    let mut figures = vec![
        Figure::at_most("freezes", watched.freezes, 0.0),
        Figure::at_most("p95_ms", watched.p95_ms, 25.0),
    ];
    figures.extend(shown(&watched));
    Ok(Outcome::Measured(figures, Vec::new()))
}

pub(super) fn of_5(settings: Settings) -> Result<Outcome> {
    let watched = match run(settings, 5)? {
        Some(watched) => watched,
        None => return Ok(Outcome::Skipped(NO_LAN.to_owned())),
    };
    let mut figures = vec![
        Figure::at_most("freezes", watched.freezes, 5.0),
        Figure::at_most("freeze_ms_max", watched.freeze_ms_max, 300.0),
        Figure::at_most("p95_ms", watched.p95_ms, 60.0),
    ];
    figures.extend(shown(&watched));
    Ok(Outcome::Measured(figures, Vec::new()))
}

fn shown(watched: &Watched) -> [Figure; 4] {
    [
        Figure::shown("p50_ms", watched.p50_ms),
        Figure::shown("fps", watched.fps),
        Figure::shown("kbps", watched.kbps),
        Figure::shown("high_share", watched.high_share),
    ]
}

fn run(settings: Settings, percent: u32) -> Result<Option<Watched>> {
    let Some(room) = Room::new()? else { return Ok(None) };
    let seconds = settings.seconds(60);
    let camera = room.camera("Kitchen").start()?;
    let mut watch = room.watch().seconds(seconds).start()?;
    watch.wait_first_frame(camera.id())?;
    for host in [&room.cameras, &room.desk] {
        lose(host, percent)?;
    }
    Watched::of(&mut watch, camera.id(), seconds).map(Some)
}

/// Drops this many percent of what arrives at a host from now on. Where it arrives and not where it is
/// sent: a sender would be told.
fn lose(host: &Host, percent: u32) -> Result<()> {
    let rules = format!(
        "table inet loss {{ chain arriving {{ type filter hook prerouting priority -300; \
         iif eth0 numgen random mod 1000 < {} drop; }}; }}",
        percent * 10
    );
    host.run(&["nft", &rules]).map(drop)
}
