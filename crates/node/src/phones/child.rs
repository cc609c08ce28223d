//! A guest's camera as others see it: a node of its own.
//!
//! Owns that node and its place among those that one computer serves at a time, from before its start
//! until it has said goodbye. Knows nothing of the session whose pictures it shows.

use std::future::pending;
use std::sync::Arc;

use lanlens_model::{CameraId, Command, Event, Snapshot};
use lanlens_web::Viewer;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::config::NodeConfig;
use crate::handle::NodeHandle;
use crate::start::StartError;

/// One of the places for phones; free again when it is dropped.
pub(super) type Place = OwnedSemaphorePermit;

/// A camera that runs.
pub(super) struct Child {
    node: Running,
    snapshot: watch::Receiver<Arc<Snapshot>>,
    name: String,
    place: Place,
    /// Ends the task that passes its news on.
    _news: DropGuard,
}

/// A node that does not outlive its owner.
struct Running(NodeHandle);

impl Drop for Running {
    fn drop(&mut self) {
        // For one that has ended already this is nothing.
        self.0.send(Command::Shutdown);
    }
}

impl Child {
    /// Starts the camera. Where nobody waits for that any more, it ends as soon as it runs.
    ///
    /// # Errors
    /// See [`StartError`]; the place is free again.
    pub(super) async fn open(
        config: NodeConfig,
        place: Place,
        events: broadcast::Sender<Event>,
    ) -> Result<Self, StartError> {
        // Starting takes locks and writes files, for which nobody else's pictures may wait.
        let runtime = tokio::runtime::Handle::current();
        let starting = tokio::task::spawn_blocking(move || {
            let name = config.name.clone();
            let node = Running(runtime.block_on(crate::start(config))?);
            let end = CancellationToken::new();
            let news = News { of: name.clone(), to: events };
            runtime.spawn(news.pass_on(node.0.clone(), end.clone()));
            let snapshot = node.0.snapshots();
            Ok(Self { node, snapshot, name, place, _news: end.drop_guard() })
        });
        starting.await.map_err(std::io::Error::other)?
    }

    /// Says goodbye to everyone. What is left is its place.
    pub(super) async fn close(self) -> Place {
        self.node.0.shutdown().await;
        self.place
    }

    pub(super) fn camera(&self) -> Option<CameraId> {
        self.node.0.ready().camera
    }

    /// The name that others see.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Who watches.
    pub(super) fn viewers(&self) -> Vec<Viewer> {
        let snapshot = self.snapshot.borrow();
        let watchers = snapshot.local.iter().flat_map(|camera| &camera.watchers);
        watchers.map(|watcher| Viewer { name: watcher.name.clone() }).collect()
    }
}

/// Waits until something about the camera has changed.
pub(super) async fn changed(child: &mut Option<Child>) {
    let changed = match child {
        Some(child) => child.snapshot.changed().await.is_ok(),
        None => false,
    };
    if !changed {
        pending().await
    }
}

/// What a person at the serving node must know of a phone's camera.
struct News {
    /// Its name.
    of: String,
    to: broadcast::Sender<Event>,
}

impl News {
    async fn pass_on(self, node: NodeHandle, end: CancellationToken) {
        let mut events = node.events();
        loop {
            let event = match end.run_until_cancelled(events.recv()).await {
                Some(Ok(event)) => event,
                Some(Err(RecvError::Lagged(_))) => continue,
                Some(Err(RecvError::Closed)) | None => return,
            };
            let event = match event {
                Event::Error { message } => {
                    Event::Error { message: format!("“{}”: {message}", self.of) }
                }
                Event::AccessRequest { .. } | Event::AccessDecided { .. } => event,
                _ => continue,
            };
            let _ = self.to.send(event);
        }
    }
}
