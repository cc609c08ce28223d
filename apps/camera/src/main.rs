//! `lanlens-camera`: shows this computer's camera to the viewers of the local network.

mod args;
mod code;
mod status;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::Parser;
use lanlens_app::{EXIT_DONE, JsonLines, shutdown_signal};
use lanlens_model::Event;
use lanlens_node::{CameraConfig, NodeConfig, NodeHandle, start};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use args::CameraArgs;
use status::StatusLine;

fn main() -> ExitCode {
    let begin = Instant::now();
    let args = CameraArgs::parse();
    lanlens_app::run(show_camera(args, begin))
}

async fn show_camera(args: CameraArgs, begin: Instant) -> Result<u8> {
    let camera = CameraConfig {
        source: args.source.clone().into(),
        wish: args.wish(),
        bitrate_kbps: args.bitrate,
        access: args.access.into(),
    };
    let name = args.name.clone().unwrap_or_default();
    let web = args.web.options().unwrap_or_else(|wrong| wrong.exit());
    let config = NodeConfig { web, ..NodeConfig::camera(args.common.home()?, name, camera) };
    let config = args.common.apply(config);
    let node = start(config).await?;
    // Before anything is told: who reads “ready” may end the program at once.
    let end = shutdown_signal();
    let mut output = Output::new(&args, begin, &node);
    output.ready(&node);
    if !args.json && std::io::stdout().is_terminal() {
        code::show(&node, &args.common.home_flag()).await?;
    }
    serve(&node, &mut output, end).await;
    output.end();
    node.shutdown().await;
    Ok(EXIT_DONE)
}

/// Tells what happens until somebody ends the program.
async fn serve(node: &NodeHandle, output: &mut Output, end: impl Future<Output = ()>) {
    let mut events = node.events();
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut end = std::pin::pin!(end);
    loop {
        let reads = tokio::select! {
            () = &mut end => return,
            _ = second.tick() => output.stats(node),
            event = events.recv() => match event {
                Ok(event) => output.event(&event),
                Err(RecvError::Lagged(missed)) => output.missed(missed),
                Err(RecvError::Closed) => return,
            },
        };
        if !reads {
            return;
        }
    }
}

/// Where things are told: JSON lines, or a status line for people.
enum Output {
    Json(JsonLines),
    Words(StatusLine),
}

impl Output {
    fn new(args: &CameraArgs, begin: Instant, node: &NodeHandle) -> Self {
        if args.json {
            Output::Json(JsonLines::new(begin))
        } else {
            let words = StatusLine::new(node.ready(), args.access.into(), args.common.home_flag());
            Output::Words(words)
        }
    }

    fn ready(&mut self, node: &NodeHandle) {
        let ready = node.ready();
        match self {
            Output::Json(lines) => {
                lines.print(
                    "ready",
                    json!({
                        "device": ready.device, "node": ready.node, "camera": ready.camera,
                        "name": ready.name, "port": ready.port, "web_url": ready.web_url,
                        "addresses": ready.addresses,
                    }),
                );
            }
            Output::Words(line) => line.ready(ready, &node.snapshot()),
        }
    }

    /// `false` when nobody reads any more.
    fn event(&mut self, event: &Event) -> bool {
        match self {
            Output::Json(lines) => match as_json(event) {
                Some((name, fields)) => lines.print(name, fields),
                None => true,
            },
            Output::Words(line) => {
                line.event(event);
                true
            }
        }
    }

    fn stats(&mut self, node: &NodeHandle) -> bool {
        let Some(stats) = node.camera_stats() else { return true };
        match self {
            Output::Json(lines) => {
                let mut fields = serde_json::to_value(&stats).unwrap_or_default();
                fields["viewers_stalled"] = status::stalled(&node.snapshot()).into();
                lines.print("stats", fields)
            }
            Output::Words(line) => {
                line.stats(&stats, &node.snapshot());
                true
            }
        }
    }

    fn missed(&mut self, count: u64) -> bool {
        let message = format!("{count} events came faster than they could be printed");
        self.event(&Event::Error { message })
    }

    fn end(&mut self) {
        if let Output::Words(line) = self {
            line.end();
        }
    }
}

fn as_json(event: &Event) -> Option<(&'static str, Value)> {
    Some(match event {
        Event::Peer { node, role, name } => {
            ("peer", json!({ "node": node, "role": role, "name": name }))
        }
        Event::ViewerJoined { viewer, name, .. } => {
            ("viewer_joined", json!({ "viewer": viewer, "name": name }))
        }
        Event::ViewerLeft { viewer, name, .. } => {
            ("viewer_left", json!({ "viewer": viewer, "name": name }))
        }
        Event::ViewerStalled { viewer, name, since_ms, .. } => {
            ("viewer_stalled", json!({ "viewer": viewer, "name": name, "since_ms": since_ms }))
        }
        Event::ViewerLive { viewer, name, since_ms, .. } => {
            ("viewer_live", json!({ "viewer": viewer, "name": name, "since_ms": since_ms }))
        }
        Event::Claimed { viewer, name } => ("claimed", json!({ "viewer": viewer, "name": name })),
        Event::AccessRequest { viewer, name, code } => {
            ("access_request", json!({ "viewer": viewer, "name": name, "code": code }))
        }
        Event::AccessDecided { viewer, name, allow } => {
            ("access_decided", json!({ "viewer": viewer, "name": name, "allow": allow }))
        }
        Event::PeerRefused { address, reason } => {
            ("error", json!({ "message": format!("refused {address}: {reason}") }))
        }
        Event::Error { message } => ("error", json!({ "message": message })),
        _ => return None,
    })
}
