//! Work that the loop hands out because it must not wait for it: looking at the system's addresses,
//! writing down places, knocking at doors.

use lanlens_identity::{Home, remember_node};
use lanlens_model::KnownNode;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::input::Input;
use crate::{network, scan};

/// What such work needs.
pub(crate) struct Errands {
    pub(crate) home: Home,
    /// By name; empty for all.
    pub(crate) interfaces: Vec<String>,
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) tasks: TaskTracker,
    pub(crate) cancel: CancellationToken,
}

impl Errands {
    /// Tells of every change of this machine's addresses from now on.
    pub(crate) fn watch_network(&self) {
        let (names, inputs) = (self.interfaces.clone(), self.inputs.clone());
        self.tasks.spawn(network::watch(names, inputs, self.cancel.clone()));
    }

    /// Searches the network for cameras, once.
    pub(crate) fn scan(&self) {
        let (names, inputs) = (self.interfaces.clone(), self.inputs.clone());
        let cancel = self.cancel.clone();
        self.tasks.spawn(async move {
            let _ = cancel.run_until_cancelled(scan::run(names, inputs)).await;
        });
    }

    /// Writes down where a node is.
    pub(crate) fn remember(&self, known: KnownNode) {
        let home = self.home.clone();
        self.tasks.spawn_blocking(move || {
            if let Err(error) = remember_node(&home, &known) {
                tracing::warn!("{error}");
            }
        });
    }
}
