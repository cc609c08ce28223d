//! The rows of the table in `docs/performance.md`, each by its name.

mod crowd;
pub mod fanout;
pub mod latency;
mod long;
mod loss;
mod memory;
mod painted;
pub mod receive;
mod slow;
mod stages;
mod startup;
mod window;

use anyhow::Result;

use crate::peers;
use crate::report::Outcome;
use crate::settings::Settings;

/// One thing that can be measured.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// How it is called on the command line and in the report.
    pub name: &'static str,
    /// What it measures, in a line.
    pub what: &'static str,
    /// Measures it.
    pub run: fn(Settings) -> Result<Outcome>,
}

/// All of them, in the order in which they run: the longest last.
pub const ROWS: &[Row] = &[
    row("stages", "each stage by itself, as criterion has measured it", stages::run),
    row("latency_360", "capture to decoded picture, 640×360@30", latency::at_360),
    row("latency_720", "capture to decoded picture, 1280×720@30, 2.5 Mbit/s", latency::at_720),
    row("cpu_receive_16", "receive and decode 16 streams of 640×360@30", receive::run),
    row("cpu_camera_16_viewers", "one camera, up to 16 viewers", fanout::run),
    row("memory_idle", "a camera that nobody watches", memory::run),
    row("startup_viewer", "a viewer starts beside a camera", startup::viewer),
    row("startup_camera", "a camera starts beside a viewer", startup::camera),
    row("loss_1", "1 % of the packets lost, both ways", loss::of_1),
    row("loss_5", "5 % of the packets lost, both ways", loss::of_5),
    row("slow_viewer", "one of three viewers behind 300 kbit/s", slow::run),
    row("fifty_cameras", "50 cameras into one viewer", crowd::run),
    row("idle_window", "a viewer window without cameras", window::run),
    row("peers_cpu", "16 streams through Chromium and through Lanlens", peers::cpu::run),
    row("peers_latency", "capture to picture, Chromium and Lanlens", peers::latency::run),
    row("painted", "capture to screen, Chromium and Lanlens", painted::run),
    row("long_watch", "20 minutes of watching", long::run),
];

const fn row(name: &'static str, what: &'static str, run: fn(Settings) -> Result<Outcome>) -> Row {
    Row { name, what, run }
}

/// The row of this name.
pub fn find(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
}
