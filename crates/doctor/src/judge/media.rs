//! After the welcome: a path for packets, and pictures on it.

use lanlens_model::{Access, Check, Finding};

use super::peers::Examined;
use super::{failed, ok, unknown};
use crate::advice;
use crate::observations::{LinkSeen, MediaSeen, Peer, System};
use crate::words::list;

pub(super) fn ice(system: &System, examined: &Examined<'_>) -> Finding {
    let check = Check::Ice;
    let mut paths = Vec::new();
    for peer in examined.reached() {
        let MediaSeen::Tried { path, trouble, blocked_here, .. } = &peer.media else { continue };
        match (path, trouble) {
            (Some(path), _) => paths.push(format!("{} ({path})", peer.name)),
            (None, _) if *blocked_here => {
                let cause = format!(
                    "This computer's firewall stops the media (UDP) on its way to {}.",
                    peer.name
                );
                return failed(check, cause, advice::let_media_out(system));
            }
            (None, Some(trouble)) => {
                let cause = format!(
                    "{} would not start to send: {}.",
                    peer.name,
                    trouble.trim_end_matches('.')
                );
                let next =
                    format!("Look at what lanlens-camera says on the computer of {}.", peer.name);
                return failed(check, cause, next);
            }
            (None, None) => {
                let cause = format!(
                    "No media packet (UDP ports 17480 to 17579) passes between this computer and \
                     {}: a firewall drops them.",
                    peer.name
                );
                return failed(check, cause, advice::let_media_in_there(&peer.name));
            }
        }
    }
    match paths.is_empty() {
        true => not_tried(check, examined),
        false => ok(check, format!("A path for media is found to {}.", list(&paths))),
    }
}

pub(super) fn media(examined: &Examined<'_>) -> Finding {
    let check = Check::Media;
    let mut live = Vec::new();
    for peer in examined.reached() {
        let MediaSeen::Tried { path: Some(_), units, pictures, source, .. } = &peer.media else {
            continue;
        };
        let name = &peer.name;
        if let (Some(source), 0) = (source, pictures) {
            let cause =
                format!("{name} has no pictures to send: {}.", source.trim_end_matches('.'));
            let next = format!("See to it on the computer of {name}.");
            return failed(check, cause, next);
        }
        match (units, pictures) {
            (_, 1..) => live.push(format!("{name} ({pictures} pictures)")),
            (0, 0) => {
                let cause = format!(
                    "{name} is connected, but no picture comes: its camera is busy, paused or unplugged."
                );
                let next = format!(
                    "On the computer of {name}, close other programs that use the camera, or plug \
                     it in again."
                );
                return failed(check, cause, next);
            }
            (units, 0) => {
                let cause = format!("{units} pictures of {name} came, and none could be decoded.");
                return failed(check, cause, "Update Lanlens on both computers to one version.");
            }
        }
    }
    match live.is_empty() {
        true => not_tried(check, examined),
        false => ok(check, format!("Pictures of {} are decoded.", list(&live))),
    }
}

/// Why nothing was tried: the first reason that a camera gave.
fn not_tried(check: Check, examined: &Examined<'_>) -> Finding {
    let waiting = examined.reached().find(|peer| peer.media == MediaSeen::NotAllowed);
    let Some(peer) = waiting else {
        let tried = |peer: &Peer| matches!(peer.media, MediaSeen::Tried { .. });
        let cause = match (examined.reached().next().is_some(), examined.reached().any(tried)) {
            (false, _) => "Not tried: no camera was reached.",
            (true, true) => "Not tried: there is no path for media.",
            (true, false) => "Not tried: no camera has welcomed this device.",
        };
        return unknown(check, cause);
    };
    let mut finding = unknown(check, format!("Not tried with {}: {}.", peer.name, why_not(peer)));
    finding.next = Some(what_then(peer));
    finding
}

fn access(peer: &Peer) -> Option<Access> {
    match &peer.link {
        LinkSeen::Up { access, .. } => *access,
        _ => None,
    }
}

fn why_not(peer: &Peer) -> &'static str {
    match access(peer) {
        Some(Access::Unclaimed) => "nobody owns it yet, and the first to watch would",
        Some(Access::Invite) => "it wants an invitation",
        Some(Access::Denied) => "its owner has denied this device",
        _ => "its owner would be asked for leave",
    }
}

fn what_then(peer: &Peer) -> String {
    match access(peer) {
        Some(Access::Denied) => format!("Ask the owner of {} for leave.", peer.name),
        Some(Access::Invite) => {
            "Get its invitation from the owner and use it: `lanlens trust join LINK`.".to_owned()
        }
        _ => "Watch it once with lanlens-viewer, then run `lanlens doctor` again.".to_owned(),
    }
}
