//! `lanlens-viewer`: the grid of all cameras on the local network.

mod finding;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use lanlens_app::{CommonArgs, EXIT_FAILED, init_logging, say_error, shutdown_signal};
use lanlens_doctor::{DoctorConfig, Finding};
use lanlens_model::{CameraId, Command, Selection, Snapshot};
use lanlens_node::{LatestSlot, NodeConfig, NodeHandle, VideoFrame, start};
use lanlens_ui::{CloseHandle, RepaintHandle, UiPort, ViewerOptions};

use crate::finding::{LastFinding, look_while_empty};

const EXAMPLES: &str = "\
Examples:
  lanlens-viewer                             every camera of this Wi-Fi, nothing typed
  lanlens-viewer --fullscreen                for a kiosk
  lanlens-viewer --only Nursery --only Door  just these

Keys: arrows select, Enter or double click enlarges, Esc goes back, F5 looks again, F11 fullscreen.
LANLENS_RENDERER=glow or wgpu chooses how the window is painted, LANLENS_PICTURES=planes or rgba
who converts the pictures: the shader or the processor.";

/// Shows every camera of the local network. No server, no account, nothing to type.
#[derive(Debug, Parser)]
#[command(name = "lanlens-viewer", version, after_help = EXAMPLES)]
struct ViewerArgs {
    /// Cover the whole screen
    #[arg(long)]
    fullscreen: bool,

    /// Watch only this camera: a name, an id or a unique prefix of it (may be given several times)
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,

    /// Name that a camera shows when this computer asks to watch [default: none]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    #[command(flatten)]
    common: CommonArgs,
}

fn main() -> ExitCode {
    let args = ViewerArgs::parse();
    init_logging();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say_error(&error);
            ExitCode::from(EXIT_FAILED)
        }
    }
}

/// The window needs the main thread, so the node's runtime lives beside it.
fn run(args: &ViewerArgs) -> Result<()> {
    let home = args.common.home()?;
    let watch = match args.only.is_empty() {
        true => Selection::All,
        false => Selection::Matching(args.only.clone()),
    };
    let (repaint, close) = (RepaintHandle::default(), CloseHandle::default());
    let new_picture = repaint.clone();
    let config = NodeConfig {
        name: args.name.clone().unwrap_or_default(),
        repaint: Some(Arc::new(move || new_picture.frame_arrived())),
        ..args.common.apply(NodeConfig::viewer(home.clone(), watch))
    };
    let doctor = DoctorConfig {
        interfaces: config.interfaces.clone(),
        peers: config.peers.clone(),
        ..DoctorConfig::new(home.clone())
    };
    let runtime = tokio::runtime::Runtime::new().context("cannot start threads")?;
    let node = runtime.block_on(start(config))?;
    runtime.spawn(close_on_signal(close.clone()));
    runtime.spawn(repaint_on_change(node.clone(), repaint.clone()));
    let (finding, found) = (LastFinding::default(), repaint.clone());
    let work =
        look_while_empty(node.snapshots(), doctor, finding.clone(), move || found.frame_arrived());
    runtime.spawn(work);
    let options = ViewerOptions {
        fullscreen: args.fullscreen,
        only: args.only.clone(),
        home: Some(home),
        ..ViewerOptions::default()
    };
    let closed = lanlens_ui::run("Lanlens", options, Port(node.clone(), finding), repaint, close);
    runtime.block_on(node.shutdown());
    runtime.shutdown_background();
    closed.context("`lanlens watch` shows the cameras in a terminal instead")
}

async fn close_on_signal(close: CloseHandle) {
    shutdown_signal().await;
    close.close();
}

/// State changes are painted as pictures are: through the pacer.
async fn repaint_on_change(node: NodeHandle, repaint: RepaintHandle) {
    let mut changes = node.snapshots();
    while changes.changed().await.is_ok() {
        repaint.frame_arrived();
    }
}

struct Port(NodeHandle, LastFinding);

impl UiPort for Port {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.0.snapshot()
    }

    fn slot(&self, camera: CameraId) -> Option<Arc<LatestSlot<Arc<VideoFrame>>>> {
        self.0.slot(camera)
    }

    fn send(&self, command: Command) {
        self.0.send(command);
    }

    fn finding(&self) -> Option<Finding> {
        self.1.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        ViewerArgs::command().debug_assert();
    }
}
