//! The events of `lanlens watch --json`, as `docs/contract.md` has them.

use std::collections::BTreeMap;

use lanlens_app::JsonLines;
use lanlens_model::{CameraId, Event, Percentiles, StreamStats};
use lanlens_node::platform;
use serde_json::{Value, json};

/// Prints an event; `false` when nobody reads any more.
pub(crate) fn print(lines: &JsonLines, event: &Event) -> bool {
    match as_json(event, lines.t_ms()) {
        Some((name, fields)) => lines.print(name, fields),
        None => true,
    }
}

fn as_json(event: &Event, t_ms: u64) -> Option<(&'static str, Value)> {
    Some(match event {
        Event::Discovered { camera, name, node, addresses } => (
            "discovered",
            json!({ "camera": camera, "name": name, "node": node, "addresses": addresses }),
        ),
        Event::Access { camera, state, code } => {
            ("access", json!({ "camera": camera, "state": state, "code": code }))
        }
        Event::RequestEnded { camera, reason } => (
            "access",
            json!({ "camera": camera, "state": "pending", "code": null, "reason": reason }),
        ),
        Event::Connected { camera, candidate_pair } => (
            "connected",
            json!({ "camera": camera, "access": "granted", "candidate_pair": candidate_pair }),
        ),
        Event::FirstFrame { camera, width, height, since_discovered_ms } => (
            "first_frame",
            json!({
                "camera": camera, "since_start_ms": t_ms,
                "since_discovered_ms": since_discovered_ms, "width": width, "height": height,
            }),
        ),
        Event::Live { camera, since_ms } => {
            ("live", json!({ "camera": camera, "since_ms": since_ms }))
        }
        Event::Stalled { camera, since_ms } => {
            ("stalled", json!({ "camera": camera, "since_ms": since_ms }))
        }
        Event::Cause { camera, cause } => {
            ("cause", json!({ "camera": camera, "cause": cause.as_str(), "text": cause.text() }))
        }
        Event::Lost { camera, reason } => {
            ("lost", json!({ "camera": camera, "reason": reason.text() }))
        }
        Event::Gone { camera, reason } => {
            ("gone", json!({ "camera": camera, "reason": reason.text() }))
        }
        Event::Stats { camera, stats } => ("stats", with_camera(*camera, stats)),
        Event::PeerRefused { address, reason } => {
            ("error", json!({ "message": format!("refused {address}: {reason}") }))
        }
        Event::Error { message } => ("error", json!({ "message": message })),
        _ => return None,
    })
}

fn with_camera(camera: CameraId, stats: &StreamStats) -> Value {
    let mut fields = serde_json::to_value(stats).unwrap_or_default();
    if let Value::Object(fields) = &mut fields {
        fields.insert("camera".to_owned(), json!(camera));
    }
    fields
}

/// Prints the last line: totals of every camera, latency over the whole run, and what it cost.
pub(crate) fn print_summary(
    lines: &JsonLines,
    cameras: &BTreeMap<CameraId, (String, StreamStats)>,
    average_fps: impl Fn(&CameraId) -> Option<f64>,
) {
    let usage = platform::usage();
    let cameras: Vec<Value> = cameras
        .iter()
        .map(|(id, (name, stats))| {
            let mut fields = with_camera(*id, stats);
            fields["name"] = json!(name);
            fields["latency_ms"] = json!(stats.latency_run_ms.map(run_latency));
            if let Some(fps) = average_fps(id) {
                fields["fps"] = json!(fps);
            }
            fields
        })
        .collect();
    lines.print(
        "summary",
        json!({
            "cameras": cameras,
            "cpu_ms": usage.map(|(cpu, _)| cpu.as_millis() as u64),
            "rss_mib": usage.map(|(_, bytes)| (bytes as f64 / 104_857.6).round() / 10.0),
        }),
    );
}

fn run_latency(latency: Percentiles) -> Value {
    json!(latency)
}
