//! The camera's status for people: a line that updates on a terminal, lines of news elsewhere.

use std::io::{IsTerminal, Write};

use lanlens_model::{AccessMode, CameraStats, Event, Snapshot};
use lanlens_node::Ready;

/// Written to stderr.
pub(crate) struct StatusLine {
    name: String,
    access: AccessMode,
    /// What `lanlens trust` needs behind it to mean this home.
    home_flag: String,
    live: bool,
    shown: bool,
}

impl StatusLine {
    pub(crate) fn new(ready: &Ready, access: AccessMode, home_flag: String) -> Self {
        let live = std::io::stderr().is_terminal();
        Self { name: ready.name.clone(), access, home_flag, live, shown: false }
    }

    pub(crate) fn ready(&mut self, ready: &Ready, snapshot: &Snapshot) {
        let addresses: Vec<String> = ready.addresses.iter().map(ToString::to_string).collect();
        self.news(&format!("“{}” is on the network at {}", ready.name, addresses.join(", ")));
        match self.access {
            AccessMode::Ask => {}
            AccessMode::Open => {
                self.news("OPEN: anyone on this network may watch this camera (--access open)");
            }
            AccessMode::Invite => self.news(&format!(
                "only for those you invite: {} shows the link",
                self.trust("invite")
            )),
        }
        if let Some(claim) = &snapshot.news {
            let who = who(&claim.name, &claim.device.to_string());
            self.news(&format!(
                "{who} has become the owner of this computer's cameras; yours? {}; not yours? {}, \
                 then {} for your own viewer",
                self.trust("dismiss"),
                self.trust(&format!("revoke {}", claim.device)),
                self.trust("allow CODE --owner")
            ));
        }
        self.news("open lanlens-viewer on another computer of this Wi-Fi; Ctrl-C ends");
    }

    pub(crate) fn event(&mut self, event: &Event) {
        let text = match event {
            Event::ViewerJoined { viewer, name, .. } => {
                format!("{} watches", who(name, &viewer.device().to_string()))
            }
            Event::ViewerLeft { viewer, name, .. } => {
                format!("{} left", who(name, &viewer.device().to_string()))
            }
            Event::ViewerStalled { viewer, name, .. } => {
                format!("{} receives nothing", who(name, &viewer.device().to_string()))
            }
            Event::ViewerLive { viewer, name, since_ms, .. } => {
                let who = who(name, &viewer.device().to_string());
                format!("{who} receives again, after {} s", since_ms.div_ceil(1000))
            }
            Event::Claimed { viewer, name } => {
                let who = who(name, &viewer.to_string());
                let revoke = self.trust(&format!("revoke {viewer}"));
                format!("{who} is now the owner of this camera; not yours? {revoke}")
            }
            Event::AccessRequest { viewer, name, code } => format!(
                "{} asks to watch. If its screen shows {}: {}; if not: {}",
                who(name, &viewer.to_string()),
                code.spaced(),
                self.trust(&format!("allow {code}")),
                self.trust(&format!("deny {code}"))
            ),
            Event::AccessDecided { viewer, name, allow } => {
                let verdict = if *allow { "may now watch" } else { "may not watch" };
                format!("{} {verdict}", who(name, &viewer.to_string()))
            }
            Event::PeerRefused { address, reason } => format!("refused {address}: {reason}"),
            Event::Error { message } => message.clone(),
            _ => return,
        };
        self.news(&text);
    }

    pub(crate) fn stats(&mut self, stats: &CameraStats, snapshot: &Snapshot) {
        if !self.live {
            return;
        }
        let watchers = snapshot.local.iter().map(|camera| camera.watchers.len()).sum::<usize>();
        let picture = match stats.layers.first() {
            Some(layer) => format!(
                "{}×{} · {:.0} fps · {:.1} Mbit/s · {:.1} ms a picture",
                layer.width,
                layer.height,
                stats.fps,
                layer.kbps / 1000.0,
                layer.encode_ms
            ),
            None if watchers > 0 => "starting".to_owned(),
            None => "camera off until somebody watches".to_owned(),
        };
        let viewers = match watchers {
            1 => "1 viewer".to_owned(),
            n => format!("{n} viewers"),
        };
        let viewers = match stalled(snapshot) {
            0 => viewers,
            1 => format!("{viewers} (1 receives nothing)"),
            n => format!("{viewers} ({n} receive nothing)"),
        };
        let mut notes = String::new();
        if self.access == AccessMode::Open {
            notes.push_str(" · OPEN to everyone");
        }
        if let Some(claim) = &snapshot.news {
            notes
                .push_str(&format!(" · new owner {}", who(&claim.name, &claim.device.to_string())));
        }
        for (_, code) in snapshot.requests.iter().flat_map(|request| &request.codes) {
            notes.push_str(&format!(" · {} asks to watch", code.spaced()));
        }
        if !snapshot.warnings.is_empty() {
            notes.push_str(" · see the warning above");
        }
        self.shown = true;
        // Back to the first column, erase the line (ECMA-48 EL).
        eprint!("\r\x1b[2K{} · {viewers} · {picture}{notes}", self.name);
        let _ = std::io::stderr().flush();
    }

    fn trust(&self, command: &str) -> String {
        format!("`lanlens trust {command}{}`", self.home_flag)
    }

    pub(crate) fn end(&mut self) {
        self.clear();
    }

    fn news(&mut self, text: &str) {
        self.clear();
        eprintln!("{text}");
    }

    fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            eprint!("\r\x1b[2K");
        }
    }
}

/// How many viewers get nothing of what is sent to them.
pub(crate) fn stalled(snapshot: &Snapshot) -> usize {
    let watchers = snapshot.local.iter().flat_map(|camera| &camera.watchers);
    watchers.filter(|watcher| watcher.silent_since.is_some()).count()
}

/// A name that nobody has verified, and enough of the id to tell two apart.
fn who(name: &str, device: &str) -> String {
    let short: String = device.chars().take(8).collect();
    if name.is_empty() {
        format!("device {short}")
    } else {
        format!("“{name}” (device {short})")
    }
}
