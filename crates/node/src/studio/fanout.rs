//! Units to everybody who watches: shared, never copied, and no viewer waits for another.
//!
//! Each viewer gets one layer at a time. It leaves a layer with the first keyframe of another one,
//! so its picture never stands still for the change. What a viewer's full queue loses, or a viewer
//! who cannot see, costs nobody else anything.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lanlens_media::EncodedUnit;
use lanlens_model::Layer;
use lanlens_model::limits::ENCODED_QUEUE_MAX;
use tokio::sync::{mpsc, watch};

/// A viewer's place among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ViewerId(pub(crate) u64);

/// What a viewer is to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// Every unit of a layer.
    All(Layer),
    /// The keyframes of a layer: its path carries no more.
    Keyframes(Layer),
    /// Nothing: nobody sees it.
    Nothing,
}

impl Want {
    pub(crate) fn layer(self) -> Option<Layer> {
        match self {
            Want::All(layer) | Want::Keyframes(layer) => Some(layer),
            Want::Nothing => None,
        }
    }
}

/// Everyone who receives this camera.
#[derive(Default)]
pub(crate) struct Fanout {
    viewers: Mutex<Vec<Viewer>>,
}

/// One viewer's way in: its queue, and where it hears which layer lies in that.
pub(crate) struct Inlet {
    pub(crate) units: mpsc::Sender<Arc<EncodedUnit>>,
    pub(crate) layer: watch::Sender<Option<Layer>>,
}

struct Viewer {
    id: ViewerId,
    inlet: Inlet,
    want: Want,
    /// What it was last given.
    current: Option<Layer>,
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

/// What came of giving a unit to everyone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// Somebody needs a keyframe of this layer now.
    pub(crate) keyframe_needed: bool,
    /// How many viewers had no room for it, or could not use it any more.
    pub(crate) dropped: u64,
}

impl Fanout {
    /// Takes in a viewer's queue. It leaves by dropping the receiver.
    pub(crate) fn join(&self, id: ViewerId, inlet: Inlet, want: Want) {
        let mut viewers = self.lock();
        viewers.retain(|viewer| viewer.id != id);
        let (current, need) = (None, Need::Keyframe);
        viewers.push(Viewer { id, inlet, want, current, need });
    }

    /// From now on, as soon as a keyframe allows. `true` where one is needed for that.
    pub(crate) fn set_want(&self, id: ViewerId, want: Want) -> bool {
        let mut viewers = self.lock();
        let Some(viewer) = viewers.iter_mut().find(|viewer| viewer.id == id) else { return false };
        let before = std::mem::replace(&mut viewer.want, want);
        match want {
            // It sees nothing, so what it has is stale at once.
            Want::Nothing => viewer.current = None,
            // Pictures were left out: what follows cannot be decoded.
            Want::All(_) if matches!(before, Want::Keyframes(_)) => viewer.current = None,
            Want::All(_) | Want::Keyframes(_) => {}
        }
        want.layer().is_some() && viewer.current != want.layer()
    }

    /// Gives a unit to everyone who can use it.
    pub(crate) fn send(&self, unit: &Arc<EncodedUnit>) -> Sent {
        let mut sent = Sent::default();
        self.lock().retain_mut(|viewer| {
            viewer.take(unit, &mut sent);
            !viewer.inlet.units.is_closed()
        });
        sent
    }

    /// Whether anybody gets this layer, or will with its next keyframe.
    pub(crate) fn uses(&self, layer: Layer) -> bool {
        self.lock().iter().any(|viewer| {
            !viewer.inlet.units.is_closed()
                && (viewer.want.layer() == Some(layer) || viewer.current == Some(layer))
        })
    }

    /// Whether somebody gets the keyframes of this layer and nothing else.
    pub(crate) fn feeds_on_keyframes(&self, layer: Layer) -> bool {
        self.lock().iter().any(|viewer| viewer.want == Want::Keyframes(layer))
    }

    /// The layers whose keyframes would help a viewer.
    pub(crate) fn layers_of(&self, id: ViewerId) -> impl Iterator<Item = Layer> {
        let viewers = self.lock();
        let viewer = viewers.iter().find(|viewer| viewer.id == id);
        let (want, current) = viewer.map_or((None, None), |v| (v.want.layer(), v.current));
        want.into_iter().chain(current.filter(|current| want.is_some_and(|w| w != *current)))
    }

    /// Viewers that are still there, also those who see nothing.
    pub(crate) fn viewers(&self) -> usize {
        let mut viewers = self.lock();
        viewers.retain(|viewer| !viewer.inlet.units.is_closed());
        viewers.len()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Viewer>> {
        self.viewers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Viewer {
    fn take(&mut self, unit: &Arc<EncodedUnit>, sent: &mut Sent) {
        let wanted = self.want.layer() == Some(unit.layer);
        let (switches, goes_on) = (wanted && unit.keyframe, self.current == Some(unit.layer));
        if !switches && !goes_on {
            // It waits for the first keyframe of its layer.
            return self.ask_when_there_is_room(wanted, sent);
        }
        if !unit.keyframe && self.want == Want::Keyframes(unit.layer) {
            return;
        }
        if self.need != Need::Nothing && !unit.keyframe {
            sent.dropped += 1;
            return self.ask_when_there_is_room(wanted, sent);
        }
        match self.inlet.units.try_reserve() {
            Ok(place) => {
                self.need = Need::Nothing;
                if self.current.replace(unit.layer) != Some(unit.layer) {
                    self.inlet.layer.send_replace(Some(unit.layer));
                }
                place.send(Arc::clone(unit));
            }
            Err(mpsc::error::TrySendError::Full(())) => {
                self.need = Need::Room;
                sent.dropped += 1;
            }
            Err(mpsc::error::TrySendError::Closed(())) => {}
        }
    }

    fn ask_when_there_is_room(&mut self, wanted: bool, sent: &mut Sent) {
        let room = self.inlet.units.capacity() >= ENCODED_QUEUE_MAX / 2;
        if wanted && self.need == Need::Room && room {
            self.need = Need::Keyframe;
            sent.keyframe_needed = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanlens_media::CaptureTime;
    use lanlens_model::MediaKind;

    const HIGH: Want = Want::All(Layer::High);
    const LOW: Want = Want::All(Layer::Low);

    fn join(fanout: &Fanout, id: u64, want: Want) -> mpsc::Receiver<Arc<EncodedUnit>> {
        join_and_hear(fanout, id, want).0
    }

    fn join_and_hear(
        fanout: &Fanout,
        id: u64,
        want: Want,
    ) -> (mpsc::Receiver<Arc<EncodedUnit>>, watch::Receiver<Option<Layer>>) {
        let (units, receiver) = mpsc::channel(ENCODED_QUEUE_MAX);
        let (layer, heard) = watch::channel(None);
        fanout.join(ViewerId(id), Inlet { units, layer }, want);
        (receiver, heard)
    }

    fn unit(layer: Layer, keyframe: bool) -> Arc<EncodedUnit> {
        Arc::new(EncodedUnit {
            kind: MediaKind::Video,
            layer,
            data: Default::default(),
            keyframe,
            captured: CaptureTime::now(),
            media_time: 0,
        })
    }

    fn send(fanout: &Fanout, layer: Layer, keyframe: bool) -> Sent {
        fanout.send(&unit(layer, keyframe))
    }

    /// Layer and keyframe of what lies in a queue.
    fn got(units: &mut mpsc::Receiver<Arc<EncodedUnit>>) -> Vec<(Layer, bool)> {
        std::iter::from_fn(|| units.try_recv().ok()).map(|u| (u.layer, u.keyframe)).collect()
    }

    #[test]
    fn a_viewer_begins_with_a_keyframe() {
        let fanout = Fanout::default();
        let mut units = join(&fanout, 1, HIGH);
        send(&fanout, Layer::High, false);
        assert_eq!(got(&mut units), []);
        send(&fanout, Layer::High, true);
        send(&fanout, Layer::High, false);
        assert_eq!(got(&mut units), [(Layer::High, true), (Layer::High, false)]);
    }

    #[test]
    fn a_viewer_keeps_its_layer_until_the_keyframe_of_the_other_one() {
        let fanout = Fanout::default();
        let (mut units, layer) = join_and_hear(&fanout, 1, HIGH);
        send(&fanout, Layer::High, true);
        assert_eq!(*layer.borrow(), Some(Layer::High));
        assert!(fanout.set_want(ViewerId(1), LOW), "it takes a keyframe of the other layer");
        assert!(fanout.uses(Layer::High) && fanout.uses(Layer::Low));
        send(&fanout, Layer::Low, false);
        send(&fanout, Layer::High, false);
        assert_eq!(*layer.borrow(), Some(Layer::High), "it is not told too early");
        send(&fanout, Layer::Low, true);
        assert_eq!(*layer.borrow(), Some(Layer::Low));
        send(&fanout, Layer::High, false);
        send(&fanout, Layer::Low, false);
        let expected =
            [(Layer::High, true), (Layer::High, false), (Layer::Low, true), (Layer::Low, false)];
        assert_eq!(got(&mut units), expected);
        assert!(!fanout.uses(Layer::High), "nobody is left on the old layer");
    }

    #[test]
    fn a_wish_that_is_taken_back_in_time_changes_nothing() {
        let fanout = Fanout::default();
        let mut units = join(&fanout, 1, HIGH);
        send(&fanout, Layer::High, true);
        fanout.set_want(ViewerId(1), LOW);
        assert!(!fanout.set_want(ViewerId(1), HIGH), "no keyframe is needed to go on");
        send(&fanout, Layer::Low, true);
        send(&fanout, Layer::High, false);
        assert_eq!(got(&mut units), [(Layer::High, true), (Layer::High, false)]);
    }

    #[test]
    fn who_sees_nothing_gets_nothing_and_begins_again_with_a_keyframe() {
        let fanout = Fanout::default();
        let mut units = join(&fanout, 1, HIGH);
        send(&fanout, Layer::High, true);
        fanout.set_want(ViewerId(1), Want::Nothing);
        send(&fanout, Layer::High, true);
        assert!(!fanout.uses(Layer::High) && fanout.viewers() == 1);
        assert!(fanout.set_want(ViewerId(1), HIGH));
        send(&fanout, Layer::High, false);
        send(&fanout, Layer::High, true);
        assert_eq!(got(&mut units), [(Layer::High, true), (Layer::High, true)]);
    }

    #[test]
    fn a_path_that_carries_little_gets_keyframes_and_then_begins_with_one() {
        let fanout = Fanout::default();
        let mut units = join(&fanout, 1, Want::Keyframes(Layer::Low));
        for keyframe in [true, false, false, true] {
            send(&fanout, Layer::Low, keyframe);
        }
        assert_eq!(got(&mut units), [(Layer::Low, true), (Layer::Low, true)]);
        assert!(fanout.set_want(ViewerId(1), LOW), "what it has leads nowhere");
        send(&fanout, Layer::Low, false);
        send(&fanout, Layer::Low, true);
        assert_eq!(got(&mut units), [(Layer::Low, true)]);
    }

    #[test]
    fn a_slow_viewer_loses_up_to_the_next_keyframe_and_disturbs_nobody() {
        let fanout = Fanout::default();
        let (mut slow, mut fast) = (join(&fanout, 1, HIGH), join(&fanout, 2, HIGH));
        send(&fanout, Layer::High, true);
        for n in 0..ENCODED_QUEUE_MAX + 10 {
            // Not even a keyframe that finds no room makes anyone ask for another.
            let sent = send(&fanout, Layer::High, n == ENCODED_QUEUE_MAX + 5);
            assert!(!sent.keyframe_needed);
            assert_eq!(sent.dropped, u64::from(n + 1 >= ENCODED_QUEUE_MAX), "every drop counts");
            assert!(fast.try_recv().is_ok());
        }
        assert_eq!(got(&mut slow).len(), ENCODED_QUEUE_MAX);
        assert!(send(&fanout, Layer::High, false).keyframe_needed, "there is room again");
        assert!(!send(&fanout, Layer::High, false).keyframe_needed, "and only once");
        assert_eq!(got(&mut slow), []);
        send(&fanout, Layer::High, true);
        assert_eq!(got(&mut slow), [(Layer::High, true)]);
    }

    #[test]
    fn whoever_leaves_is_forgotten() {
        let fanout = Fanout::default();
        let (a, _b) = (join(&fanout, 1, HIGH), join(&fanout, 2, HIGH));
        drop(a);
        assert_eq!(fanout.viewers(), 1);
    }
}
