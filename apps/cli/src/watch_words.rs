//! What `lanlens watch` tells people: a line for each event, a table for each second.

use lanlens_model::{Access, CameraId, Event, RequestEnd, StreamStats, TileState};

/// An event in words; `None` for what the table shows.
pub(crate) fn event(event: &Event, name: impl Fn(&CameraId) -> String) -> Option<String> {
    Some(match event {
        Event::Discovered { name, addresses, .. } => match addresses.first() {
            Some(address) => format!("{name}: found at {address}"),
            None => format!("{name}: found"),
        },
        Event::FirstFrame { camera, width, height, .. } => {
            format!("{}: first picture, {width}×{height}", name(camera))
        }
        Event::Stalled { camera, since_ms } => {
            format!("{}: STALLED, no new picture for {since_ms} ms", name(camera))
        }
        Event::Cause { camera, cause } => format!("{}: {}", name(camera), cause.text()),
        Event::Live { camera, since_ms: 0 } => format!("{}: live", name(camera)),
        Event::Live { camera, since_ms } => {
            format!("{}: live again after {since_ms} ms", name(camera))
        }
        Event::Lost { camera, reason } => format!("{}: lost, {}", name(camera), reason.text()),
        Event::Gone { camera, reason } => format!("{}: gone, {}", name(camera), reason.text()),
        Event::Access { camera, state, code: None } => {
            format!("{}: {}", name(camera), access(*state)?)
        }
        Event::Access { camera, code: Some(code), .. } => format!(
            "{}: its owner is asked; allow this device where the code {} is shown, or on the \
             camera's computer with `lanlens trust allow {code}`",
            name(camera),
            code.spaced()
        ),
        Event::RequestEnded { camera, reason } => format!("{}: {}", name(camera), ended(*reason)),
        Event::PeerRefused { address, reason } => format!("refused {address}: {reason}"),
        Event::Error { message } => message.clone(),
        _ => return None,
    })
}

fn access(state: Access) -> Option<&'static str> {
    match state {
        Access::Pending => Some("has an owner; this device waits for leave and gets no picture"),
        Access::Denied => {
            Some("its owner does not let this device watch; only an owner can change that")
        }
        Access::Invite => Some(
            "only for those with its invitation; `lanlens trust join LINK` if you have one, then \
             start again",
        ),
        Access::Granted | Access::Unclaimed => None,
    }
}

fn ended(reason: RequestEnd) -> &'static str {
    match reason {
        RequestEnd::Full => "too many devices wait there; it is asked again in a while",
        RequestEnd::Unanswered => "nobody answered within 10 minutes; start again to ask again",
        RequestEnd::TooOften => "asked too often; try again in a few minutes",
        RequestEnd::Elsewhere => "another program on this device asks; compare the code there",
        RequestEnd::WrongInvitation => "the invitation that this device holds is not this camera's",
        RequestEnd::Other => "it can take no requests now; look at its screen",
    }
}

/// The head of the table.
pub(crate) const HEAD: [&str; 9] =
    ["CAMERA", "STATE", "SIZE", "FPS", "MBIT/S", "LATENCY p50/p95", "PICTURES", "FREEZES", "LOST"];

/// A camera's line; latency of the last second, or of the whole run.
pub(crate) fn row(
    name: &str,
    state: &str,
    stats: Option<&StreamStats>,
    whole: bool,
) -> Vec<String> {
    let Some(stats) = stats else { return vec![name.to_owned(), state.to_owned()] };
    let latency = if whole { stats.latency_run_ms } else { stats.latency_ms };
    vec![
        name.to_owned(),
        state.to_owned(),
        format!("{}×{}", stats.width, stats.height),
        format!("{:.0}", stats.fps),
        format!("{:.2}", stats.kbps / 1000.0),
        latency.map_or("–".to_owned(), |l| format!("{:.1}/{:.1} ms", l.p50, l.p95)),
        stats.frames_decoded.to_string(),
        stats.freezes.to_string(),
        stats.packets_lost.to_string(),
    ]
}

/// The state of a camera in the table.
pub(crate) fn state(state: &TileState) -> String {
    let words = match state {
        TileState::Idle => "not watched",
        TileState::Connecting => "connecting",
        TileState::Waiting { code: Some(code) } => return format!("waits, {}", code.spaced()),
        TileState::Waiting { code: None } => "asking for leave",
        TileState::RequestEnded(RequestEnd::Full) => "too many wait",
        TileState::RequestEnded(RequestEnd::WrongInvitation) => "wrong invitation",
        TileState::RequestEnded(_) => "not answered",
        TileState::NeedsInvitation => "needs invitation",
        TileState::Denied => "denied",
        TileState::Removed => "removed",
        TileState::Live => "LIVE",
        TileState::Paused => "paused",
        TileState::Stalled { .. } => "STALLED",
        TileState::Lost(_) => "lost, retrying",
        TileState::Offline => "offline",
    };
    words.to_owned()
}
