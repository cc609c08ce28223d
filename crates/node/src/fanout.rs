//! One encoder's units to all its viewers: shared, never copied, and no viewer waits for another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lanlens_media::EncodedUnit;
use lanlens_model::limits::ENCODED_QUEUE_MAX;
use tokio::sync::mpsc;

/// Everyone who receives one encoding.
#[derive(Default)]
pub(crate) struct Fanout {
    viewers: Mutex<Vec<Viewer>>,
}

struct Viewer {
    units: mpsc::Sender<Arc<EncodedUnit>>,
    need: Need,
}

/// What a viewer's queue can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// Every unit.
    Nothing,
    /// A keyframe, once its full queue has drained: before, it would find no room either, and
    /// everyone would pay for it.
    Room,
    /// A keyframe, which was asked for.
    Keyframe,
}

impl Fanout {
    /// Takes in a viewer's queue. It leaves by dropping the receiver.
    pub(crate) fn join(&self, units: mpsc::Sender<Arc<EncodedUnit>>) {
        self.lock().push(Viewer { units, need: Need::Keyframe });
    }

    /// Gives a unit to everyone who can use it; `true` when somebody needs a keyframe now.
    pub(crate) fn send(&self, unit: &Arc<EncodedUnit>) -> bool {
        let mut keyframe_wanted = false;
        self.lock().retain_mut(|viewer| {
            if viewer.need != Need::Nothing && !unit.keyframe {
                if viewer.need == Need::Room && viewer.units.capacity() >= ENCODED_QUEUE_MAX / 2 {
                    viewer.need = Need::Keyframe;
                    keyframe_wanted = true;
                }
                return !viewer.units.is_closed();
            }
            match viewer.units.try_send(Arc::clone(unit)) {
                Ok(()) => {
                    viewer.need = Need::Nothing;
                    true
                }
                Err(mpsc::error::TrySendError::Full(_)) => {
                    viewer.need = Need::Room;
                    true
                }
                Err(mpsc::error::TrySendError::Closed(_)) => false,
            }
        });
        keyframe_wanted
    }

    /// Viewers that are still there.
    pub(crate) fn viewers(&self) -> usize {
        let mut viewers = self.lock();
        viewers.retain(|viewer| !viewer.units.is_closed());
        viewers.len()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Viewer>> {
        self.viewers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanlens_media::CaptureTime;
    use lanlens_model::{Layer, MediaKind};

    fn join(fanout: &Fanout) -> mpsc::Receiver<Arc<EncodedUnit>> {
        let (units, receiver) = mpsc::channel(ENCODED_QUEUE_MAX);
        fanout.join(units);
        receiver
    }

    fn unit(keyframe: bool) -> Arc<EncodedUnit> {
        Arc::new(EncodedUnit {
            kind: MediaKind::Video,
            layer: Layer::High,
            data: Default::default(),
            keyframe,
            captured: CaptureTime::now(),
            media_time: 0,
        })
    }

    #[test]
    fn a_viewer_begins_with_a_keyframe() {
        let fanout = Fanout::default();
        let mut units = join(&fanout);
        fanout.send(&unit(false));
        assert!(units.try_recv().is_err());
        fanout.send(&unit(true));
        fanout.send(&unit(false));
        assert!(units.try_recv().unwrap().keyframe);
        assert!(!units.try_recv().unwrap().keyframe);
    }

    #[test]
    fn a_slow_viewer_loses_up_to_the_next_keyframe_and_disturbs_nobody() {
        let fanout = Fanout::default();
        let (mut slow, mut fast) = (join(&fanout), join(&fanout));
        fanout.send(&unit(true));
        for n in 0..ENCODED_QUEUE_MAX + 10 {
            // Not even a keyframe that finds no room makes anyone ask for another.
            assert!(!fanout.send(&unit(n == ENCODED_QUEUE_MAX + 5)));
            assert!(fast.try_recv().is_ok());
        }
        let got = std::iter::from_fn(|| slow.try_recv().ok()).count();
        assert_eq!(got, ENCODED_QUEUE_MAX);
        assert!(fanout.send(&unit(false)), "once there is room again, a keyframe is asked for");
        assert!(!fanout.send(&unit(false)), "and only once");
        assert!(slow.try_recv().is_err());
        fanout.send(&unit(true));
        assert!(slow.try_recv().unwrap().keyframe);
    }

    #[test]
    fn whoever_leaves_is_forgotten() {
        let fanout = Fanout::default();
        let (a, _b) = (join(&fanout), join(&fanout));
        drop(a);
        assert_eq!(fanout.viewers(), 1);
    }
}
