//! One encoder's units to all its viewers: shared, never copied, and no viewer waits for another.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lanlens_media::EncodedUnit;
use tokio::sync::mpsc;

/// Everyone who receives one encoding.
#[derive(Default)]
pub(crate) struct Fanout {
    viewers: Mutex<Vec<Viewer>>,
}

struct Viewer {
    units: mpsc::Sender<Arc<EncodedUnit>>,
    /// Its queue was full: what follows is of no use to it until a keyframe.
    needs_keyframe: bool,
}

impl Fanout {
    /// Takes in a viewer's queue. It leaves by dropping the receiver.
    pub(crate) fn join(&self, units: mpsc::Sender<Arc<EncodedUnit>>) {
        self.lock().push(Viewer { units, needs_keyframe: true });
    }

    /// Gives a unit to everyone who can use it; `true` when somebody needs a keyframe now.
    pub(crate) fn send(&self, unit: &Arc<EncodedUnit>) -> bool {
        let mut keyframe_wanted = false;
        self.lock().retain_mut(|viewer| {
            if viewer.needs_keyframe && !unit.keyframe {
                return !viewer.units.is_closed();
            }
            match viewer.units.try_send(Arc::clone(unit)) {
                Ok(()) => {
                    viewer.needs_keyframe = false;
                    true
                }
                Err(mpsc::error::TrySendError::Full(_)) => {
                    viewer.needs_keyframe = true;
                    keyframe_wanted = true;
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
    use lanlens_model::limits::ENCODED_QUEUE_MAX;
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
        let mut asked = 0;
        for _ in 0..ENCODED_QUEUE_MAX + 10 {
            asked += usize::from(fanout.send(&unit(false)));
            assert!(fast.try_recv().is_ok());
        }
        assert_eq!(asked, 1, "one keyframe is asked for, not one a frame");
        let got = std::iter::from_fn(|| slow.try_recv().ok()).count();
        assert_eq!(got, ENCODED_QUEUE_MAX);
        fanout.send(&unit(false));
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
