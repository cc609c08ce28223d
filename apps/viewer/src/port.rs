//! What the window sees of the node.

use std::sync::Arc;

use lanlens_model::{CameraId, Command, Event, Finding, PhoneDoor, Snapshot};
use lanlens_node::{LatestSlot, NodeHandle, VideoFrame};
use lanlens_ui::{OpenDoor, RepaintHandle, UiPort};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::finding::LastFinding;

pub(crate) struct Port {
    pub(crate) node: NodeHandle,
    pub(crate) finding: LastFinding,
    pub(crate) repaint: RepaintHandle,
    /// Why there is no way in for phones, though there should be.
    pub(crate) no_phones: Option<String>,
    /// The window's thread is none of it.
    pub(crate) runtime: Handle,
}

impl UiPort for Port {
    fn snapshot(&self) -> Arc<Snapshot> {
        self.node.snapshot()
    }

    fn slot(&self, camera: CameraId) -> Option<Arc<LatestSlot<Arc<VideoFrame>>>> {
        self.node.slot(camera)
    }

    fn send(&self, command: Command) {
        self.node.send(command);
    }

    fn finding(&self) -> Option<Finding> {
        self.finding.get()
    }

    fn open_phone_door(&self) -> Option<Box<dyn OpenDoor>> {
        let Some(door) = self.node.phone_door() else {
            let trouble = Some(self.no_phones.clone()?);
            return Some(Box::new(ShutDoor(PhoneDoor { trouble, ..PhoneDoor::default() }.into())));
        };
        let repaint = repaint_on_change(door.clone(), self.repaint.clone());
        let repainting = self.runtime.spawn(repaint).abort_handle();
        Some(Box::new(HeldDoor { door, repainting }))
    }
}

/// State changes are painted as pictures are: through the pacer.
pub(crate) async fn repaint_on_change<T>(mut changes: watch::Receiver<T>, repaint: RepaintHandle) {
    while changes.changed().await.is_ok() {
        repaint.frame_arrived();
    }
}

/// The node keeps the links fresh as long as somebody has a receiver.
struct HeldDoor {
    door: watch::Receiver<Arc<PhoneDoor>>,
    repainting: AbortHandle,
}

impl OpenDoor for HeldDoor {
    fn door(&self) -> Arc<PhoneDoor> {
        Arc::clone(&self.door.borrow())
    }
}

impl Drop for HeldDoor {
    fn drop(&mut self) {
        self.repainting.abort();
    }
}

/// Nothing comes in, and why.
struct ShutDoor(Arc<PhoneDoor>);

impl OpenDoor for ShutDoor {
    fn door(&self) -> Arc<PhoneDoor> {
        Arc::clone(&self.0)
    }
}

/// What the node said went wrong when it started.
pub(crate) fn first_error(node: &NodeHandle) -> Option<String> {
    match node.events().try_recv() {
        Ok(Event::Error { message }) => Some(message),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_door_that_is_closed_holds_no_receiver() {
        let (node, door) = watch::channel(Arc::new(PhoneDoor::default()));
        let repaint = repaint_on_change(door.clone(), RepaintHandle::default());
        let repainting = tokio::spawn(repaint).abort_handle();
        let held = HeldDoor { door, repainting };
        assert_eq!(held.door().links, []);
        drop(held);
        // The task ends as soon as it is its turn.
        node.closed().await;
        assert_eq!(node.receiver_count(), 0);
    }
}
