//! How long a guest's camera stays when nothing more comes of its phone.
//!
//! A page that says goodbye may only be loaded anew; a phone that fell silent may be back; a page that
//! lost nothing but its stream of news still films. Decides which of these it is. Sans-IO: time and what
//! is seen of the guest come in as arguments. Knows neither sessions nor nodes.

use std::time::{Duration, Instant};

/// A page that is loaded anew is back within this.
const GOODBYE_GRACE: Duration = Duration::from_millis(1200);
/// A phone that fell silent keeps its tile, with the reason on it, for this long.
const SILENCE_KEPT: Duration = Duration::from_secs(60);
/// A guest of whom nothing is heard is forgotten: its next request begins anew.
const IDLE_KEPT: Duration = Duration::from_secs(30);
/// Whoever sent a picture within this is still there: a page that is closed stops at once.
const RECENT: Duration = Duration::from_secs(1);

/// What is seen of a guest at some moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signs {
    /// Its page is open.
    pub(super) page: bool,
    /// Its session stands, whether or not anything comes by it.
    pub(super) session: bool,
    /// When its last picture came.
    pub(super) picture: Option<Instant>,
}

/// When a guest's camera goes, or the guest is forgotten, unless something happens before.
#[derive(Debug)]
pub(super) struct Stay {
    due: Option<Instant>,
    /// The page was open when it was last looked at.
    page: bool,
    /// A session of this camera has been connected.
    connected: bool,
}

impl Stay {
    pub(super) fn new(now: Instant) -> Self {
        Self { due: Some(now + IDLE_KEPT), page: false, connected: false }
    }

    /// When [`Stay::is_over`] is to be asked.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// The page was open when it was last looked at, so its end is news.
    pub(super) fn has_page(&self) -> bool {
        self.page
    }

    /// A session begins.
    pub(super) fn on_publish(&mut self) {
        self.due = None;
    }

    /// A session carries pictures, or could.
    pub(super) fn on_connected(&mut self) {
        self.connected = true;
    }

    /// The guest has ended its session.
    pub(super) fn on_goodbye(&mut self, now: Instant) {
        self.due = Some(now + GOODBYE_GRACE);
    }

    /// The session has failed. A tile that never had a phone behind it is kept for a page that is open,
    /// which tries again, and for nobody else.
    pub(super) fn on_silence(&mut self, now: Instant) {
        let known = self.connected || self.page;
        self.due = Some(now + if known { SILENCE_KEPT } else { GOODBYE_GRACE });
    }

    /// There is no camera any more.
    pub(super) fn on_camera_gone(&mut self, now: Instant) {
        self.connected = false;
        self.due = Some(now + IDLE_KEPT);
    }

    /// Looks whether the page is open. One that was and is gone takes its camera with it, unless it is
    /// back in a moment or its pictures still come.
    pub(super) fn note(&mut self, signs: Signs, now: Instant) {
        if self.page && !signs.page {
            let soon = now + GOODBYE_GRACE;
            self.due = Some(self.due.map_or(soon, |at| at.min(soon)));
        } else if signs.page && signs.session {
            self.due = None;
        }
        self.page = signs.page;
    }

    /// The time has come; whether the guest's session and camera go now.
    pub(super) fn is_over(&mut self, signs: Signs, now: Instant) -> bool {
        self.due = None;
        if !signs.session {
            return true;
        }
        // An open page only lost its connection for a moment.
        if !signs.page {
            let still = signs.picture.map(|at| at + RECENT);
            self.due = still.filter(|until| *until > now);
            return self.due.is_none();
        }
        false
    }
}

#[cfg(test)]
#[path = "stay_tests.rs"]
mod tests;
