//! The camera's status for people: a line that updates on a terminal, lines of news elsewhere.

use std::io::{IsTerminal, Write};

use lanlens_model::{CameraStats, Event, Snapshot};
use lanlens_node::Ready;

/// Written to stderr.
pub(crate) struct StatusLine {
    name: String,
    open: bool,
    live: bool,
    shown: bool,
}

impl StatusLine {
    pub(crate) fn new(ready: &Ready, open: bool) -> Self {
        let live = std::io::stderr().is_terminal();
        Self { name: ready.name.clone(), open, live, shown: false }
    }

    pub(crate) fn ready(&mut self, ready: &Ready) {
        let addresses: Vec<String> = ready.addresses.iter().map(ToString::to_string).collect();
        self.news(&format!("“{}” is on the network at {}", ready.name, addresses.join(", ")));
        if self.open {
            self.news("OPEN: anyone on this network may watch this camera (--access open)");
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
            Event::Claimed { viewer, name } => {
                format!("{} is now the owner of this camera", who(name, &viewer.to_string()))
            }
            Event::AccessRequest { viewer, name } => format!(
                "{} wants to watch, but this camera has an owner; allowing others is not built yet",
                who(name, &viewer.to_string())
            ),
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
        self.shown = true;
        // Back to the first column, erase the line (ECMA-48 EL).
        eprint!("\r\x1b[2K{} · {viewers} · {picture}", self.name);
        let _ = std::io::stderr().flush();
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

/// A name that nobody has verified, and enough of the id to tell two apart.
fn who(name: &str, device: &str) -> String {
    let short: String = device.chars().take(8).collect();
    if name.is_empty() {
        format!("device {short}")
    } else {
        format!("“{name}” (device {short})")
    }
}
