//! Words and numbers as people read them: states, devices, durations, rates.

use std::time::{Duration, Instant};

use eframe::egui::Color32;
use lanlens_model::{CameraView, DeviceId, RequestEnd, StreamStats, TileState};

use crate::theme::Palette;

/// Which status colour a dot or badge takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Ok,
    Warning,
    Error,
    Quiet,
}

impl Tone {
    /// The colour in a palette.
    pub(crate) fn color(self, palette: &Palette) -> Color32 {
        match self {
            Tone::Ok => palette.ok,
            Tone::Warning => palette.warning,
            Tone::Error => palette.error,
            Tone::Quiet => palette.text_faint,
        }
    }

    /// The tone of a state's dot.
    pub(crate) fn of(state: &TileState) -> Self {
        match state {
            TileState::Live => Tone::Ok,
            TileState::Stalled { .. }
            | TileState::Connecting
            | TileState::Waiting { .. }
            | TileState::RequestEnded(_)
            | TileState::NeedsInvitation
            | TileState::Lost(_) => Tone::Warning,
            TileState::Denied | TileState::Removed => Tone::Error,
            TileState::Idle | TileState::Paused | TileState::Offline => Tone::Quiet,
        }
    }
}

/// The state in a few words, for the list.
pub(crate) fn state_label(state: &TileState) -> &'static str {
    match state {
        TileState::Idle => "not watched",
        TileState::Connecting => "connecting",
        TileState::Waiting { .. } => "waiting for permission",
        TileState::RequestEnded(RequestEnd::Full) => "too many ask",
        TileState::RequestEnded(RequestEnd::Unanswered) => "nobody answered",
        TileState::RequestEnded(RequestEnd::TooOften) => "asked too often",
        TileState::RequestEnded(RequestEnd::Elsewhere) => "another program asks",
        TileState::RequestEnded(RequestEnd::WrongInvitation) => "wrong invitation",
        TileState::RequestEnded(RequestEnd::Other) => "request ended",
        TileState::NeedsInvitation => "needs an invitation",
        TileState::Denied => "permission denied",
        TileState::Removed => "removed by an owner",
        TileState::Live => "live",
        TileState::Paused => "paused",
        TileState::Stalled { .. } => "stalled",
        TileState::Lost(_) => "reconnecting",
        TileState::Offline => "offline",
    }
}

/// The state for screen readers: with the code, which the other end is asked about.
pub(crate) fn spoken(state: &TileState) -> String {
    match state {
        TileState::Waiting { code: Some(code) } => {
            format!("{}, code {}", state_label(state), code.spaced())
        }
        state => state_label(state).to_owned(),
    }
}

/// What a device is called: by its own, unverified name, where it has one.
pub(crate) fn device_name(name: &str) -> &str {
    if name.trim().is_empty() { "A device" } else { name }
}

/// The same inside a sentence.
pub(crate) fn quoted(name: &str) -> String {
    if name.trim().is_empty() { "The device".into() } else { format!("“{name}”") }
}

/// The beginning of a device id: enough to tell two apart, and what commands accept.
pub(crate) fn short_id(device: DeviceId) -> String {
    device.to_string().chars().take(8).collect()
}

/// The time since the last picture, while stalled.
pub(crate) fn stalled_for(state: &TileState, elapsed: Duration) -> Option<Duration> {
    match state {
        TileState::Stalled { since_ms } => Some(Duration::from_millis(*since_ms) + elapsed),
        _ => None,
    }
}

/// When the words of a state read differently than now; `None` where they never do.
pub(crate) fn changes_in(state: &TileState, elapsed: Duration) -> Option<Duration> {
    let (shown, unit) = match state {
        TileState::Stalled { .. } => {
            (stalled_for(state, elapsed)?, if elapsed.as_secs() < 60 { 1 } else { 60 })
        }
        TileState::Offline => (elapsed, 60),
        _ => return None,
    };
    let unit = Duration::from_secs(unit);
    let into = Duration::from_nanos((shown.as_nanos() % unit.as_nanos()) as u64);
    Some(unit - into)
}

/// Whole seconds until something is tried next for a camera without pictures; 0 while it is due.
pub(crate) fn again_in(camera: &CameraView, now: Instant) -> Option<u64> {
    let left = camera.retry_at?.saturating_duration_since(now);
    Some(left.as_secs() + u64::from(left.subsec_nanos() > 0))
}

/// When the words about the next try read differently.
pub(crate) fn again_changes_in(camera: &CameraView, now: Instant) -> Option<Duration> {
    let left = camera.retry_at?.checked_duration_since(now).filter(|left| !left.is_zero())?;
    let into = Duration::from_nanos(left.subsec_nanos().into());
    Some(if into.is_zero() { Duration::from_secs(1) } else { into })
}

/// "4 s", "3 min", "2 h", "5 d".
pub(crate) fn duration(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min", seconds / 60),
        seconds @ 3600..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

pub(crate) fn ago(time: Duration) -> String {
    if time.as_secs() < 60 { "just now".into() } else { format!("{} ago", duration(time)) }
}

/// "1.9 Mbit/s", from kbit/s.
pub(crate) fn rate(kbps: f64) -> String {
    let mbps = kbps.max(0.0) / 1000.0;
    if mbps >= 99.95 { format!("{mbps:.0} Mbit/s") } else { format!("{mbps:.1} Mbit/s") }
}

/// "1280×720  ·  30 fps  ·  1.9 Mbit/s", with as many parts as asked for.
pub(crate) fn figures(stats: &StreamStats, parts: usize) -> String {
    let all = [
        format!("{}×{}", stats.width, stats.height),
        format!("{:.0} fps", stats.fps),
        rate(stats.kbps),
    ];
    all[..parts.min(all.len())].join("  ·  ")
}

/// Camera-to-screen latency with the tone of its dot: "62 ms", or "–" while no clock relates the two.
pub(crate) fn latency(stats: &StreamStats) -> (Tone, String) {
    match stats.latency_ms {
        None => (Tone::Quiet, "–".into()),
        Some(latency) => {
            let tone = match latency.p50 {
                ..=120.0 => Tone::Ok,
                ..=300.0 => Tone::Warning,
                _ => Tone::Error,
            };
            (tone, format!("{:.0} ms", latency.p50))
        }
    }
}

/// The second line of a camera in the list.
pub(crate) fn list_line(camera: &CameraView, elapsed: Duration) -> String {
    match &camera.state {
        TileState::Live | TileState::Paused | TileState::Idle => {
            camera.addresses.first().map_or_else(
                || state_label(&camera.state).to_owned(),
                |address| address.ip().to_string(),
            )
        }
        TileState::Stalled { .. } => {
            format!("stalled {}", duration(stalled_for(&camera.state, elapsed).unwrap_or_default()))
        }
        TileState::Offline if elapsed.as_secs() >= 60 => format!("offline {}", duration(elapsed)),
        TileState::Waiting { code: Some(code) } => format!("code {}", code.spaced()),
        TileState::Connecting => "connecting…".into(),
        TileState::Lost(_) => "reconnecting…".into(),
        state => state_label(state).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use lanlens_model::{Layer, MediaKind, Percentiles};

    use super::*;

    fn stats(p50: Option<f64>) -> StreamStats {
        StreamStats {
            kind: MediaKind::Video,
            fps: 29.7,
            frames_decoded: 0,
            frames_dropped: 0,
            dropped_in: Default::default(),
            freezes: 0,
            frozen_ms: 0,
            keyframe_requests: 0,
            packets_lost: 0,
            kbps: 1940.0,
            layer: Layer::High,
            width: 1280,
            height: 720,
            latency_ms: p50.map(|p50| Percentiles { p50, p95: p50, p99: p50, n: 30 }),
            capture_error_ms: None,
            latency_run_ms: None,
            rtt_ms: None,
        }
    }

    #[test]
    fn figures_read_like_on_a_camera() {
        assert_eq!(figures(&stats(None), 3), "1280×720  ·  30 fps  ·  1.9 Mbit/s");
        assert_eq!(figures(&stats(None), 1), "1280×720");
    }

    #[test]
    fn an_unknown_latency_is_a_dash_not_a_number() {
        assert_eq!(latency(&stats(None)), (Tone::Quiet, "–".into()));
        assert_eq!(latency(&stats(Some(62.4))), (Tone::Ok, "62 ms".into()));
        assert_eq!(latency(&stats(Some(148.0))).0, Tone::Warning);
        assert_eq!(latency(&stats(Some(900.0))).0, Tone::Error);
    }

    #[test]
    fn a_stall_counts_from_the_last_picture() {
        let state = TileState::Stalled { since_ms: 900 };
        let elapsed = Duration::from_millis(3300);
        assert_eq!(duration(stalled_for(&state, elapsed).unwrap()), "4 s");
        assert_eq!(changes_in(&state, elapsed), Some(Duration::from_millis(800)));
    }

    #[test]
    fn words_that_never_change_ask_for_no_paint() {
        let still = [
            TileState::Live,
            TileState::Paused,
            TileState::Idle,
            TileState::Waiting { code: None },
            TileState::RequestEnded(RequestEnd::Full),
            TileState::NeedsInvitation,
            TileState::Denied,
            TileState::Removed,
        ];
        for state in still {
            assert_eq!(changes_in(&state, Duration::from_secs(5)), None);
        }
        let offline = changes_in(&TileState::Offline, Duration::from_secs(70));
        assert_eq!(offline, Some(Duration::from_secs(50)));
    }

    #[test]
    fn only_a_living_picture_is_green_or_called_live() {
        let states = [
            TileState::Idle,
            TileState::Paused,
            TileState::Connecting,
            TileState::Waiting { code: None },
            TileState::RequestEnded(RequestEnd::Unanswered),
            TileState::NeedsInvitation,
            TileState::Denied,
            TileState::Removed,
            TileState::Stalled { since_ms: 1 },
            TileState::Lost(lanlens_model::LostReason::Unreachable),
            TileState::Offline,
        ];
        for state in states {
            assert_ne!(Tone::of(&state), Tone::Ok);
            assert_ne!(state_label(&state), "live");
        }
    }

    #[test]
    fn a_code_is_read_out_in_two_groups() {
        let waiting = TileState::Waiting { code: Some(lanlens_model::Code::from_number(42)) };
        assert_eq!(spoken(&waiting), "waiting for permission, code 000 042");
        assert_eq!(spoken(&TileState::Waiting { code: None }), "waiting for permission");
    }
}
