//! A search for cameras at every address of our networks, by a person's wish.
//!
//! The shell knocks; whoever opens is dialed once, and is a node like any other from its greeting on.

use std::net::SocketAddr;

use lanlens_model::ScanView;

use crate::backoff::Backoff;
use crate::dialing::Typed;
use crate::{Action, Mesh};

/// A fact about the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanInput {
    /// So far.
    Progress {
        /// Addresses that were tried.
        done: usize,
        /// Addresses in all.
        total: usize,
    },
    /// Something listens there.
    Open(SocketAddr),
    /// It is over.
    Done {
        /// Addresses that were tried.
        total: usize,
    },
}

/// Open ports that one search may bring: a network full of traps must not keep us dialing.
const FOUND_MAX: usize = 256;

impl Mesh {
    pub(crate) fn on_scan(&mut self) {
        if self.scan.is_some_and(|scan| !scan.over) {
            return;
        }
        self.scan = Some(ScanView::default());
        self.changed = true;
        self.act(Action::Scan);
    }

    pub(crate) fn on_scanned(&mut self, input: ScanInput) {
        let Some(scan) = &mut self.scan else { return };
        match input {
            ScanInput::Progress { done, total } => (scan.done, scan.total) = (done, total),
            ScanInput::Done { total } => {
                *scan = ScanView { done: total, total, over: true, ..*scan }
            }
            ScanInput::Open(address) => {
                if scan.open >= FOUND_MAX {
                    return;
                }
                scan.open += 1;
                let known = self.links.open.values().any(|link| link.remote == address);
                if !known {
                    let due = self.now;
                    self.directory.typed.entry(address).or_insert_with(|| Typed {
                        backoff: Backoff::starting(due),
                        dialing: None,
                        node: None,
                        complained: true,
                        once: true,
                    });
                }
            }
        }
        self.changed = true;
    }
}
