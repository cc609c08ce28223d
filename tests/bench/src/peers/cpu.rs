//! Processor time and memory of 16 streams, and of one camera with 16 viewers: the same film through
//! two browsers and through Lanlens, in turns.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::{Browser, NO_BROWSER, Pair};
use crate::processes::{Cost, Meter};
use crate::report::{Figure, Outcome};
use crate::rows::{fanout, receive};
use crate::samples::median;
use crate::scene::{Film, NO_LAN, Room};
use crate::settings::Settings;

/// Until a browser's estimate of the bandwidth has grown to the ceiling.
const RAMP: Duration = Duration::from_secs(12);

/// Medians over the rounds are taken of these.
#[derive(Debug, Default)]
struct Rounds {
    receive: Vec<f64>,
    receive_mib: Vec<f64>,
    send: Vec<f64>,
    send_mib: Vec<f64>,
    fps: Vec<f64>,
    kbps: Vec<f64>,
}

impl Rounds {
    fn add(&mut self, receiver: &Cost, sender: &Cost, (fps, kbps): (f64, f64), streams: usize) {
        self.receive.push(receiver.cpu_ms_per_s / streams as f64);
        self.receive_mib.push(receiver.rss_mib);
        self.send.push(sender.cpu_ms_per_s);
        self.send_mib.push(sender.rss_mib);
        self.fps.push(fps);
        self.kbps.push(kbps);
    }
}

/// Both columns and their ratios.
pub fn run(settings: Settings) -> Result<Outcome> {
    let Some(room) = Room::new()? else { return Ok(Outcome::Skipped(NO_LAN.to_owned())) };
    if !Browser::is_installed(&room.desk) {
        return Ok(Outcome::Skipped(NO_BROWSER.to_owned()));
    }
    let film = Film::of_640x360()?;
    let (mut browsers, mut lanlens) = (Rounds::default(), Rounds::default());
    let mut notes = Vec::new();
    for round in 1..=settings.runs(2) {
        notes.push(format!(
            "round {round}: {}",
            through_browsers(&room, &film, settings, &mut browsers)?
        ));
        through_lanlens(&room, &film, settings, &mut lanlens)?;
    }
    let mut figures = Vec::new();
    let mut both = |name: &str, of: fn(&Rounds) -> &Vec<f64>, ratio_max: Option<f64>| {
        let (theirs, ours) = (median(of(&browsers)), median(of(&lanlens)));
        figures.push(Figure::shown(format!("{name}_chromium"), theirs));
        figures.push(Figure::shown(format!("{name}_lanlens"), ours));
        let ratio = format!("{name}_ratio");
        figures.extend(ratio_max.map(|target| Figure::at_most(ratio, ours / theirs, target)));
    };
    both("receive_ms_per_stream_second", |rounds| &rounds.receive, Some(0.65));
    both("send_16_ms_per_second", |rounds| &rounds.send, Some(0.2));
    both("receive_rss_mib", |rounds| &rounds.receive_mib, Some(1.0));
    both("send_rss_mib", |rounds| &rounds.send_mib, Some(1.0));
    both("fps", |rounds| &rounds.fps, None);
    both("kbps", |rounds| &rounds.kbps, None);
    Ok(Outcome::Measured(figures, notes))
}

/// One round of the browsers; says what its streams were.
fn through_browsers(
    room: &Room,
    film: &Film,
    settings: Settings,
    rounds: &mut Rounds,
) -> Result<String> {
    let streams = settings.count(receive::STREAMS);
    let mut pair = Pair::with_film(room, film)?;
    pair.connect(streams, receive::BITRATE_KBPS)?;
    std::thread::sleep(if settings.quick { Duration::from_secs(1) } else { RAMP });
    let before = pair.received()?;
    let start = Instant::now();
    let sender = Meter::of_tree(pair.sender.pid())?;
    let receiver = Meter::of_tree(pair.receiver.pid())?.after(settings.time(15))?;
    let sender = sender.read()?;
    let flow = pair.flow_since(&before, start.elapsed())?;
    ensure!(flow.codec == "video/H264", "the browsers agreed on {}", flow.codec);
    rounds.add(&receiver, &sender, (flow.fps, flow.kbps), streams);
    Ok(format!(
        "Chromium's pictures were {} pixels wide; its receiver's threads, ms/s: {}",
        flow.width, receiver.profile
    ))
}

fn through_lanlens(
    room: &Room,
    film: &Film,
    settings: Settings,
    rounds: &mut Rounds,
) -> Result<()> {
    let streams = settings.count(receive::STREAMS);
    let (settle, time) = (settings.settle(), settings.time(15));
    let received = receive::measure(room, film, streams, settle, time)?;
    let sent = fanout::measure(room, film, &[streams], settle, time)?;
    for (_, sender) in &sent {
        rounds.add(&received.cost, sender, (received.fps, received.kbps), streams);
    }
    Ok(())
}
