//! `lanlens watch`: receives and decodes cameras, and tells how well that works.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, ValueEnum};
use lanlens_app::{
    CommonArgs, EXIT_DONE, EXIT_NOTHING_FOUND, JsonLines, parse_seconds, shutdown_signal,
};
use lanlens_model::{CameraId, CameraView, Event, Layer, Selection, StreamStats, TileState};
use lanlens_node::{NodeConfig, NodeHandle, start};
use tokio::sync::broadcast::error::RecvError;

use crate::grid::Newest;
use crate::table::Table;
use crate::watch_words::{HEAD, row, state};
use crate::{NO_CAMERA, hashes, out, watch_json, watch_words};

/// Pictures for `--grid` are taken out of their slots this often.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// Flags of `lanlens watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Names, ids or unique id prefixes [default: every camera]
    #[arg(value_name = "CAMERA")]
    cameras: Vec<String>,

    /// Stop after this long [default: at Ctrl-C]
    #[arg(long = "for", value_name = "SECONDS", value_parser = parse_seconds)]
    duration: Option<Duration>,

    /// Which encoding to ask for; a slow path may get the low one all the same. auto: high
    #[arg(long, value_enum, default_value_t = WantedLayer::Auto)]
    layer: WantedLayer,

    /// Decode the pictures, or only receive them
    #[arg(long, value_enum, default_value_t = YesNo::Yes)]
    decode: YesNo,

    /// Read the latency from the time burned into test pictures
    #[arg(long, value_enum, value_name = "WHAT")]
    measure: Option<Measure>,

    /// Write the newest picture of every camera to this file at the end
    #[arg(long, value_name = "FILE.png")]
    grid: Option<PathBuf>,

    /// Write a line for every received access unit: camera, RTP time, SHA-256
    #[arg(long, value_name = "FILE")]
    hashes: Option<PathBuf>,

    /// Name that a camera shows when this device asks to watch [default: none]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// One JSON object a line on stdout, nothing else there
    #[arg(long)]
    json: bool,

    /// Look at every address of this network too, where multicast is blocked
    #[arg(long)]
    scan: bool,

    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum YesNo {
    Yes,
    No,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WantedLayer {
    Auto,
    High,
    Low,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measure {
    Pattern,
}

pub(crate) async fn run(args: WatchArgs, begin: Instant) -> Result<u8> {
    let watch = match args.cameras.is_empty() {
        true => Selection::All,
        false => Selection::Matching(args.cameras.clone()),
    };
    let config = NodeConfig {
        name: args.name.clone().unwrap_or_default(),
        layer: match args.layer {
            // There is no window whose size would say what is needed.
            WantedLayer::Auto | WantedLayer::High => Layer::High,
            WantedLayer::Low => Layer::Low,
        },
        scan: args.scan,
        decode: args.decode == YesNo::Yes,
        measure_pattern: args.measure == Some(Measure::Pattern),
        unit_tap: args.hashes.as_deref().map(hashes::write_to).transpose()?,
        ..args.common.apply(NodeConfig::viewer(args.common.home()?, watch))
    };
    let node = start(config).await?;
    let mut session = Session {
        lines: JsonLines::new(begin),
        json: args.json,
        terminal: !args.json && std::io::stdout().is_terminal(),
        ..Session::new(begin)
    };
    session.listen(&node, args.duration, args.grid.is_some()).await;
    session.newest.look(&node);
    let snapshot = node.snapshot();
    let wanted = |camera: &CameraView| camera.state != TileState::Idle;
    let found = !session.last.is_empty() || snapshot.cameras.values().any(|c| wanted(c));
    node.shutdown().await;
    session.finish();
    if let Some(path) = &args.grid {
        session.newest.write(path)?;
        if !args.json {
            out(&format!("the pictures are in {}\n", path.display()));
        }
    }
    if !found {
        match snapshot.cameras.len() {
            0 => eprintln!("{NO_CAMERA}"),
            _ => eprintln!("no camera here has that name; `lanlens list` shows those that are"),
        }
        return Ok(EXIT_NOTHING_FOUND);
    }
    Ok(EXIT_DONE)
}

/// What is known and was printed so far.
struct Session {
    begin: Instant,
    lines: JsonLines,
    json: bool,
    terminal: bool,
    names: BTreeMap<CameraId, String>,
    last: BTreeMap<CameraId, (String, StreamStats)>,
    /// When figures with pictures came first and last, and the pictures by then.
    rates: BTreeMap<CameraId, [(Instant, u64); 2]>,
    newest: Newest,
    /// Lines of the table that stands on the terminal.
    table_lines: usize,
}

impl Session {
    fn new(begin: Instant) -> Self {
        Self {
            begin,
            lines: JsonLines::new(begin),
            json: false,
            terminal: false,
            names: BTreeMap::new(),
            last: BTreeMap::new(),
            rates: BTreeMap::new(),
            newest: Newest::default(),
            table_lines: 0,
        }
    }

    async fn listen(&mut self, node: &NodeHandle, duration: Option<Duration>, pictures: bool) {
        let mut events = node.events();
        let mut end = std::pin::pin!(shutdown_signal());
        let mut second = tokio::time::interval(Duration::from_secs(1));
        let mut look = tokio::time::interval(LOOK_INTERVAL);
        // The duration counts from the program's start, as every other time does.
        let over = duration.map(|duration| tokio::time::Instant::from_std(self.begin + duration));
        loop {
            tokio::select! {
                () = &mut end => return,
                () = sleep_until(over) => return,
                _ = second.tick() => if self.terminal { self.draw(node) },
                _ = look.tick(), if pictures => self.newest.look(node),
                event = events.recv() => match event {
                    Ok(event) => if !self.on_event(&event) { return },
                    Err(RecvError::Lagged(missed)) => {
                        let message = format!("{missed} events came faster than they were printed");
                        self.on_event(&Event::Error { message });
                    }
                    Err(RecvError::Closed) => return,
                },
            }
        }
    }

    /// `false` when nobody reads any more.
    fn on_event(&mut self, event: &Event) -> bool {
        match event {
            Event::Discovered { camera, name, .. } => {
                self.names.insert(*camera, name.clone());
            }
            Event::Stats { camera, stats } => {
                let name = self.names.get(camera).cloned().unwrap_or_default();
                if stats.frames_decoded > 0 {
                    let point = (Instant::now(), stats.frames_decoded);
                    self.rates.entry(*camera).or_insert([point; 2])[1] = point;
                }
                self.last.insert(*camera, (name, stats.clone()));
            }
            _ => {}
        }
        if self.json {
            return watch_json::print(&self.lines, event);
        }
        let name = |camera: &CameraId| {
            self.names.get(camera).cloned().unwrap_or_else(|| camera.to_string())
        };
        if let Some(words) = watch_words::event(event, name) {
            self.erase();
            return out(&format!("{:7.3} s  {words}\n", self.begin.elapsed().as_secs_f64()));
        }
        true
    }

    /// The table of the last second, over the one before.
    fn draw(&mut self, node: &NodeHandle) {
        let snapshot = node.snapshot();
        let mut table = Table::new(&HEAD);
        for camera in snapshot.cameras.values() {
            let stats = self.last.get(&camera.id).map(|(_, stats)| stats);
            table.row(row(&camera.name, &state(&camera.state), stats, false));
        }
        self.erase();
        out(&table.to_string());
        self.table_lines = table.lines();
    }

    fn erase(&mut self) {
        let lines = std::mem::take(&mut self.table_lines);
        if lines > 0 {
            // Up, then erase to the end of the screen (ECMA-48 CUU, ED).
            out(&format!("\x1b[{lines}A\x1b[J"));
        }
    }

    fn finish(&mut self) {
        if self.json {
            let average = |camera: &CameraId| {
                let [(begin, before), (end, after)] = *self.rates.get(camera)?;
                let seconds = (end - begin).as_secs_f64();
                let frames = after.saturating_sub(before);
                (seconds > 0.5).then(|| (frames as f64 / seconds * 100.0).round() / 100.0)
            };
            return watch_json::print_summary(&self.lines, &self.last, average);
        }
        self.erase();
        if self.last.is_empty() {
            return;
        }
        let mut table = Table::new(&HEAD);
        for (name, stats) in self.last.values() {
            table.row(row(name, "", Some(stats), true));
        }
        out(&table.to_string());
    }
}

async fn sleep_until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
