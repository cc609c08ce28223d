//! What concerns this computer alone: its clock, and its own cameras.

use std::time::Duration;

use lanlens_model::{Check, Finding};

use super::{failed, ok, unknown};
use crate::advice;
use crate::observations::{LinkSeen, Observations, OwnCameras, System};

/// 2026-01-01: a clock that shows less was never set.
const EARLIEST_UNIX_S: u64 = 1_767_225_600;
/// 2100-01-01.
const LATEST_UNIX_S: u64 = 4_102_444_800;
/// Two clocks further apart than this give recordings and notes times that mislead.
const APART_MAX: Duration = Duration::from_secs(60);

pub(super) fn clock(seen: &Observations) -> Finding {
    let check = Check::Clock;
    let now = seen.system.unix_s;
    if !(EARLIEST_UNIX_S..LATEST_UNIX_S).contains(&now) {
        let year = 1970 + now / 31_556_952;
        let cause = format!("This computer's clock is wrong: it shows the year {year}.");
        return failed(check, cause, advice::set_the_clock(seen.system.os));
    }
    let offsets = seen.peers.iter().filter_map(|peer| match &peer.link {
        LinkSeen::Up { clock_offset_us: Some(offset), .. } => Some((peer.name.as_str(), *offset)),
        _ => None,
    });
    let Some((name, offset)) = offsets.max_by_key(|(_, offset)| offset.unsigned_abs()) else {
        return ok(check, "This computer's clock shows a sensible time.");
    };
    let apart = Duration::from_micros(offset.unsigned_abs());
    let side = if offset < 0 { "behind" } else { "ahead of" };
    let text = match apart.as_secs() {
        0 => format!("The clocks of {name} and this computer agree ({} apart).", words(apart)),
        _ => format!("The clock of {name} is {} {side} this computer's.", words(apart)),
    };
    if apart <= APART_MAX {
        return ok(check, text);
    }
    let next = format!(
        "Set both clocks by the internet, beginning with {name}: `sudo timedatectl set-ntp true` on Linux."
    );
    failed(check, text, next)
}

/// `3 ms`, `12 s`, `5 min`, `3 h`, `20 days`.
fn words(time: Duration) -> String {
    let s = time.as_secs();
    match s {
        0 => format!("{} ms", time.as_millis()),
        1..120 => format!("{s} s"),
        120..7200 => format!("{} min", s / 60),
        7200..172_800 => format!("{} h", s / 3600),
        _ => format!("{} days", s / 86_400),
    }
}

pub(super) fn camera_permission(system: &System) -> Finding {
    let check = Check::CameraPermission;
    match &system.cameras {
        OwnCameras::None => ok(check, "This computer has no camera of its own to share."),
        OwnCameras::Allowed => ok(check, "This user may open this computer's own camera."),
        OwnCameras::Denied(name) => {
            let cause = format!("This user may not open this computer's own camera ({name}).");
            failed(check, cause, advice::allow_cameras(system.os))
        }
        OwnCameras::Unknown => {
            unknown(check, "The system does not say whether its own cameras may be opened.")
        }
    }
}
