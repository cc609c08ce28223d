//! What a program holds of its node: state to read, events to hear, wishes to send.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use lanlens_media::{LatestSlot, VideoFrame};
use lanlens_model::{CameraId, CameraStats, Command, DeviceId, Event, NodeId, PhoneDoor, Snapshot};
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::phones::Phones;
use crate::screens::Screens;
use crate::studio::Studio;

/// What is known once a node runs.
#[derive(Debug, Clone)]
pub struct Ready {
    /// This device.
    pub device: DeviceId,
    /// This node.
    pub node: NodeId,
    /// The camera it serves.
    pub camera: Option<CameraId>,
    /// Friendly name; viewers may have none.
    pub name: String,
    /// Where signaling listens.
    pub port: u16,
    /// Where others can reach it.
    pub addresses: Vec<SocketAddr>,
    /// Where phones find their page, `https://IP:PORT/`; `None` where none is served, or there is no
    /// network yet.
    pub web_url: Option<String>,
}

/// A running node. Cheap to clone; the node runs until [`NodeHandle::shutdown`].
#[derive(Clone)]
pub struct NodeHandle {
    pub(crate) ready: Arc<Ready>,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) snapshot: watch::Receiver<Arc<Snapshot>>,
    pub(crate) events: broadcast::Sender<Event>,
    /// Hears from the very beginning, for whoever asks first.
    pub(crate) first_events: Arc<Mutex<Option<broadcast::Receiver<Event>>>>,
    pub(crate) screens: Arc<Screens>,
    pub(crate) studio: Option<Studio>,
    pub(crate) phones: Option<Arc<Phones>>,
    pub(crate) ended: CancellationToken,
}

impl NodeHandle {
    /// What is known once a node runs.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// The state as of now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot.borrow())
    }

    /// The state whenever it changes.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshot.clone()
    }

    /// Events: at the first call all since the node's start, later those from now on. A receiver
    /// that is slow misses the oldest, and is told how many.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        let first = self.first_events.lock().unwrap_or_else(PoisonError::into_inner).take();
        first.unwrap_or_else(|| self.events.subscribe())
    }

    /// Where a camera's newest picture is put; `None` while it was never watched.
    pub fn slot(&self, camera: CameraId) -> Option<Arc<LatestSlot<Arc<VideoFrame>>>> {
        self.screens.get(camera).map(|screen| Arc::clone(&screen.slot))
    }

    /// Sends a wish. Lost only where a program sends hundreds at once, or the node has ended.
    pub fn send(&self, command: Command) {
        if self.commands.try_send(command).is_err() && !self.ended.is_cancelled() {
            tracing::warn!("a command was lost: too many at once");
        }
    }

    /// The figures of our own camera since the last call; `None` without one.
    pub fn camera_stats(&self) -> Option<CameraStats> {
        self.studio.as_ref().map(Studio::stats)
    }

    /// The way in for phones, whose links are kept fresh while the receiver is held. `None` where no page
    /// is served.
    pub fn phone_door(&self) -> Option<watch::Receiver<Arc<PhoneDoor>>> {
        self.phones.as_ref().map(|phones| phones.door())
    }

    /// Says goodbye to everyone and stops; returns within a second.
    pub async fn shutdown(&self) {
        // Waits for a place in the queue: this command is never lost.
        let _ = self.commands.send(Command::Shutdown).await;
        self.ended.cancelled().await;
    }
}
