//! `lanlens list`: what is on the network. Asks for no video, and so never claims a camera.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use lanlens_app::{CommonArgs, EXIT_DONE, EXIT_NOTHING_FOUND, parse_seconds, shutdown_signal};
use lanlens_model::{Access, CameraView, Selection, Snapshot, TileState};
use lanlens_node::{NodeConfig, start};
use serde_json::json;

use crate::table::Table;
use crate::{NO_CAMERA, out};

/// Flags of `lanlens list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// How long to look
    #[arg(long = "for", value_name = "SECONDS", default_value = "2", value_parser = parse_seconds)]
    duration: Duration,

    /// One JSON object a camera on stdout
    #[arg(long)]
    json: bool,

    /// Look at every address of this network too, where multicast is blocked
    #[arg(long)]
    scan: bool,

    #[command(flatten)]
    common: CommonArgs,
}

pub(crate) async fn run(args: ListArgs) -> Result<u8> {
    let viewer = NodeConfig::viewer(args.common.home()?, Selection::None);
    let config = args.common.apply(NodeConfig { scan: args.scan, ..viewer });
    let node = start(config).await?;
    tokio::select! {
        () = tokio::time::sleep(args.duration) => {}
        () = shutdown_signal() => {}
    }
    let snapshot = node.snapshot();
    node.shutdown().await;
    let found = print(&snapshot, args.json);
    if !found {
        eprintln!("{NO_CAMERA}");
        return Ok(EXIT_NOTHING_FOUND);
    }
    Ok(EXIT_DONE)
}

/// Prints every camera that is there; `false` when there is none.
fn print(snapshot: &Snapshot, as_json: bool) -> bool {
    let mut cameras: Vec<&CameraView> = snapshot
        .cameras
        .values()
        .map(AsRef::as_ref)
        .filter(|camera| camera.state != TileState::Offline)
        .collect();
    cameras.sort_by_key(|camera| (camera.name.to_lowercase(), camera.id));
    if as_json {
        for camera in &cameras {
            let line = json!({
                "camera": camera.id, "name": camera.name, "node": camera.node,
                "addresses": camera.addresses, "access": camera.access,
                "reachable": camera.linked,
            });
            out(&format!("{line}\n"));
        }
    } else if !cameras.is_empty() {
        let mut table = Table::new(&["CAMERA", "STATE", "ADDRESS", "ID"]);
        for camera in &cameras {
            let address = camera.addresses.first().map(ToString::to_string).unwrap_or_default();
            let name = camera.name.clone();
            table.row(vec![name, state(camera).to_owned(), address, camera.id.to_string()]);
        }
        out(&table.to_string());
    }
    if snapshot.cameras_over_limit > 0 {
        eprintln!("{} more cameras are announced than are listed", snapshot.cameras_over_limit);
    }
    !cameras.is_empty()
}

fn state(camera: &CameraView) -> &'static str {
    match camera.access {
        _ if !camera.linked => "announced, does not answer",
        Some(Access::Granted) => "you may watch",
        Some(Access::Unclaimed) => "nobody's yet",
        Some(Access::Pending) => "has an owner",
        Some(Access::Denied) => "denied to you",
        Some(Access::Invite) => "by invitation",
        None => "reachable",
    }
}
