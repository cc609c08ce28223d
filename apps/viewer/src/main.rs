//! `lanlens-viewer`: the grid of all cameras on the local network.

mod finding;
mod port;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use lanlens_app::{CommonArgs, EXIT_FAILED, WebArgs, init_logging, say_error, shutdown_signal};
use lanlens_doctor::DoctorConfig;
use lanlens_model::Selection;
use lanlens_node::platform::give_back_large_blocks;
use lanlens_node::{NodeConfig, start};
use lanlens_ui::{CloseHandle, RepaintHandle, ViewerOptions};

use crate::finding::{LastFinding, look_while_empty};
use crate::port::{Port, first_error, repaint_on_change};

const EXAMPLES: &str = "\
Examples:
  lanlens-viewer                             every camera of this Wi-Fi, nothing typed
  lanlens-viewer --fullscreen                for a kiosk
  lanlens-viewer --only Nursery --only Door  just these

Keys: arrows select, Enter or double click enlarges, Esc goes back, Q shows a code for phones,
F5 looks again, F11 fullscreen.
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
    web: WebArgs,

    #[command(flatten)]
    common: CommonArgs,
}

fn main() -> ExitCode {
    let args = ViewerArgs::parse();
    give_back_large_blocks();
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
    let web = args.web.options().unwrap_or_else(|wrong| wrong.exit());
    let home = args.common.home()?;
    let watch = match args.only.is_empty() {
        true => Selection::All,
        false => Selection::Matching(args.only.clone()),
    };
    let (repaint, close) = (RepaintHandle::default(), CloseHandle::default());
    let new_picture = repaint.clone();
    let config = NodeConfig {
        name: args.name.clone().unwrap_or_default(),
        web,
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
    runtime.spawn(repaint_on_change(node.snapshots(), repaint.clone()));
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
    let port = Port {
        no_phones: web.and_then(|_| first_error(&node)),
        node: node.clone(),
        finding,
        repaint: repaint.clone(),
        runtime: runtime.handle().clone(),
    };
    let closed = lanlens_ui::run("Lanlens", options, port, repaint, close);
    runtime.block_on(node.shutdown());
    runtime.shutdown_background();
    closed.context("`lanlens watch` shows the cameras in a terminal instead")
}

async fn close_on_signal(close: CloseHandle) {
    shutdown_signal().await;
    close.close();
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
