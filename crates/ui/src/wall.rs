//! What the window keeps of each camera from paint to paint: its place, its picture, how long it has
//! been in its state, and what the node was told about how it is seen.

use std::collections::BTreeMap;
use std::mem::{Discriminant, discriminant};
use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui::Context;
use lanlens_media::layers;
use lanlens_model::{CameraId, CameraView, Command, Layer, Snapshot, TileState, limits};

use crate::grid::ASPECT_DEFAULT;
use crate::picture::Picture;
use crate::port::UiPort;
use crate::video::{Video, VideoPainter};
use crate::wish::{LayerWish, Need, Sight, Wish};
use crate::words;

/// What a camera's `high` is taken for while nothing is known, pixels.
const HIGH_DEFAULT: (u32, u32) = (1280, 720);

/// One camera's.
struct Entry {
    video: Option<Video>,
    aspect: f32,
    state: Discriminant<TileState>,
    /// On egui's clock, seconds.
    since: f64,
    /// Height of its `low`, pixels.
    low_height: u32,
    /// How it was laid out in this pass, where it has a tile.
    need: Option<Need>,
    layer: LayerWish,
    /// Painted somewhere in this pass.
    seen: bool,
    sight: Sight,
}

impl Entry {
    fn new(state: Discriminant<TileState>, now: f64) -> Self {
        Self {
            video: None,
            aspect: ASPECT_DEFAULT,
            state,
            since: now,
            low_height: layers::low_size(HIGH_DEFAULT.0, HIGH_DEFAULT.1).1,
            need: None,
            layer: LayerWish::default(),
            seen: false,
            sight: Sight::default(),
        }
    }
}

/// All cameras'.
#[derive(Default)]
pub(crate) struct Wall {
    painter: VideoPainter,
    entries: BTreeMap<CameraId, Entry>,
    /// Of this pass, in the order of their tiles.
    cameras: Vec<Arc<CameraView>>,
    now: f64,
}

impl Wall {
    /// Cameras that come from now on are painted like this.
    pub(crate) fn paint_with(&mut self, painter: VideoPainter) {
        self.painter = painter;
    }

    /// A pass begins. `order` gains the cameras that are new; with `only_watched`, cameras that
    /// nobody asked for get no tile.
    pub(crate) fn begin(
        &mut self,
        snapshot: &Snapshot,
        order: &mut Vec<CameraId>,
        only_watched: bool,
        now: f64,
    ) {
        self.now = now;
        self.entries.retain(|id, _| snapshot.cameras.contains_key(id));
        for camera in snapshot.cameras.values() {
            self.note(camera);
        }
        remember(snapshot, order);
        self.cameras = order
            .iter()
            .filter_map(|id| snapshot.cameras.get(id))
            .filter(|camera| !(only_watched && camera.state == TileState::Idle))
            .cloned()
            .collect();
    }

    fn note(&mut self, camera: &CameraView) {
        let (state, now) = (discriminant(&camera.state), self.now);
        let entry = self.entries.entry(camera.id).or_insert_with(|| Entry::new(state, now));
        (entry.seen, entry.need) = (false, None);
        if entry.state != state {
            (entry.state, entry.since) = (state, now);
        }
        if !shows_picture(&camera.state) {
            entry.video = None;
        }
        if let Some(stats) = camera.stats.as_ref().filter(|s| s.width > 0 && s.height > 0) {
            entry.aspect = stats.width as f32 / stats.height as f32;
            entry.low_height = match stats.layer {
                Layer::High => layers::low_size(stats.width, stats.height).1,
                Layer::Low => stats.height,
            };
        }
    }

    /// The cameras with a tile, in order.
    pub(crate) fn cameras(&self) -> &[Arc<CameraView>] {
        &self.cameras
    }

    /// A camera that has a tile.
    pub(crate) fn camera(&self, id: CameraId) -> Option<&CameraView> {
        self.cameras.iter().find(|camera| camera.id == id).map(AsRef::as_ref)
    }

    /// The place of a camera among the tiles.
    pub(crate) fn index(&self, id: CameraId) -> Option<usize> {
        self.cameras.iter().position(|camera| camera.id == id)
    }

    /// Width over height of each tile's picture, in order.
    pub(crate) fn aspects(&self) -> Vec<f32> {
        self.cameras.iter().map(|camera| self.aspect(camera.id)).collect()
    }

    /// Width over height of a camera's picture.
    pub(crate) fn aspect(&self, id: CameraId) -> f32 {
        self.entries.get(&id).map_or(ASPECT_DEFAULT, |entry| entry.aspect)
    }

    /// How long a camera has been in its state, as far as this window saw.
    pub(crate) fn elapsed(&self, id: CameraId) -> Duration {
        let since = self.entries.get(&id).map_or(self.now, |entry| entry.since);
        Duration::try_from_secs_f64(self.now - since).unwrap_or_default()
    }

    /// The picture of a camera that is painted now: takes the newest frame from its slot, if any.
    pub(crate) fn picture(
        &mut self,
        context: &Context,
        port: &dyn UiPort,
        camera: &CameraView,
    ) -> Option<Picture> {
        let entry = self.entries.get_mut(&camera.id)?;
        entry.seen = true;
        if !shows_picture(&camera.state) {
            return None;
        }
        if let Some(frame) = port.slot(camera.id).and_then(|slot| slot.take()) {
            entry.video.get_or_insert_with(|| self.painter.video()).show(context, frame);
        }
        let picture = entry.video.as_ref()?.picture()?;
        entry.aspect = picture.aspect;
        Some(picture)
    }

    /// A camera's tile stands in this pass, in sight or not: its picture is `height` pixels tall.
    /// `whole`: it has the stage.
    pub(crate) fn laid_out(&mut self, id: CameraId, height: f32, whole: bool) {
        if let Some(entry) = self.entries.get_mut(&id) {
            let scaled = Need::Scaled(height / entry.low_height.max(1) as f32);
            entry.need = Some(if whole { Need::Whole } else { scaled });
        }
    }

    /// A pass ends: tells which cameras came into sight or left it, and which layer each needs now.
    /// The time after which there may be more to tell.
    pub(crate) fn tell(&mut self, port: &dyn UiPort) -> Option<Duration> {
        let (now, mut later) = (self.now, None::<Duration>);
        let mut wait = |time: Duration| later = Some(later.map_or(time, |other| other.min(time)));
        for (id, entry) in &mut self.entries {
            match entry.need.map_or(Wish::Keep, |need| entry.layer.update(need, now)) {
                Wish::Tell(layer) => port.send(Command::SetLayer(*id, layer)),
                Wish::Later(time) => wait(time),
                Wish::Keep => {}
            }
            match entry.sight.update(entry.seen, now) {
                Wish::Tell(visible) => port.send(Command::SetVisible(*id, visible)),
                Wish::Later(time) => wait(time),
                Wish::Keep => {}
            }
        }
        later
    }

    /// When some tile's words read differently, if ever.
    pub(crate) fn changes_in(&self) -> Option<Duration> {
        let now = Instant::now();
        let changes = |camera: &Arc<CameraView>| {
            let state = words::changes_in(&camera.state, self.elapsed(camera.id));
            state.into_iter().chain(words::again_changes_in(camera, now)).min()
        };
        self.cameras.iter().filter_map(changes).min()
    }
}

/// Whether the last picture may stay in sight (dimmed, where it doesn't move). Where leave is
/// missing or was withdrawn it goes at once.
fn shows_picture(state: &TileState) -> bool {
    matches!(
        state,
        TileState::Live
            | TileState::Paused
            | TileState::Stalled { .. }
            | TileState::Lost(_)
            | TileState::Connecting
    )
}

/// Appends new cameras to the order. At the limit those that are not there now are forgotten first.
fn remember(snapshot: &Snapshot, order: &mut Vec<CameraId>) {
    for id in snapshot.cameras.keys() {
        if !order.contains(id) {
            order.push(*id);
        }
    }
    let mut excess = order.len().saturating_sub(limits::CAMERAS_MAX);
    order.retain(|id| {
        let forget = excess > 0 && !snapshot.cameras.contains_key(id);
        excess -= usize::from(forget);
        !forget
    });
}

#[cfg(test)]
mod tests {
    use lanlens_media::{LatestSlot, VideoFrame};
    use lanlens_model::{DeviceId, Epoch, NodeId};

    use super::*;

    fn id(n: u8) -> CameraId {
        CameraId::new(DeviceId::from_bytes([n; 16]), "pattern")
    }

    fn snapshot(cameras: &[(u8, TileState)]) -> Snapshot {
        let view = |n: u8, state: &TileState| CameraView {
            id: id(n),
            name: format!("camera {n}"),
            node: NodeId::new(DeviceId::from_bytes([n; 16]), "camera"),
            epoch: Epoch(1),
            addresses: Vec::new(),
            state: state.clone(),
            cause: None,
            retry_at: None,
            access: None,
            linked: true,
            stats: None,
            same_name: false,
            watchers: None,
        };
        let cameras =
            cameras.iter().map(|(n, state)| (id(*n), Arc::new(view(*n, state)))).collect();
        Snapshot { cameras, ..Snapshot::default() }
    }

    fn ids(wall: &Wall) -> Vec<CameraId> {
        wall.cameras().iter().map(|camera| camera.id).collect()
    }

    #[test]
    fn a_camera_keeps_its_place_when_others_come_and_when_it_returns() {
        let (mut wall, mut order) = (Wall::default(), Vec::new());
        wall.begin(&snapshot(&[(5, TileState::Live)]), &mut order, false, 0.0);
        wall.begin(
            &snapshot(&[(1, TileState::Live), (5, TileState::Live)]),
            &mut order,
            false,
            1.0,
        );
        assert_eq!(ids(&wall), [id(5), id(1)]);
        wall.begin(&snapshot(&[(1, TileState::Live)]), &mut order, false, 2.0);
        wall.begin(
            &snapshot(&[(1, TileState::Live), (5, TileState::Offline)]),
            &mut order,
            false,
            3.0,
        );
        assert_eq!(ids(&wall), [id(5), id(1)]);
    }

    #[test]
    fn the_remembered_order_is_bounded_and_keeps_the_cameras_that_are_there() {
        let mut order: Vec<CameraId> = (0..limits::CAMERAS_MAX)
            .map(|n| CameraId::new(DeviceId::from_bytes([9; 16]), &n.to_string()))
            .collect();
        remember(&snapshot(&[(1, TileState::Live), (2, TileState::Live)]), &mut order);
        assert_eq!(order.len(), limits::CAMERAS_MAX);
        assert!(order.ends_with(&[id(1), id(2)]) || order.ends_with(&[id(2), id(1)]));
    }

    #[test]
    fn time_in_a_state_starts_anew_with_the_state_not_with_its_numbers() {
        let (mut wall, mut order) = (Wall::default(), Vec::new());
        let stalled = |since_ms| snapshot(&[(1, TileState::Stalled { since_ms })]);
        wall.begin(&stalled(700), &mut order, false, 10.0);
        wall.begin(&stalled(900), &mut order, false, 12.0);
        assert_eq!(wall.elapsed(id(1)), Duration::from_secs(2));
        wall.begin(&snapshot(&[(1, TileState::Live)]), &mut order, false, 13.0);
        assert_eq!(wall.elapsed(id(1)), Duration::ZERO);
    }

    #[derive(Default)]
    struct Told(std::sync::Mutex<Vec<Command>>);

    impl UiPort for Told {
        fn snapshot(&self) -> Arc<Snapshot> {
            Arc::default()
        }
        fn slot(&self, _: CameraId) -> Option<Arc<LatestSlot<Arc<VideoFrame>>>> {
            None
        }
        fn send(&self, command: Command) {
            self.0.lock().unwrap().push(command);
        }
    }

    /// One pass at `now` over a camera; what it tells, and after which time there may be more.
    fn pass(wall: &mut Wall, now: f64, seen: bool, height: f32) -> (Vec<Command>, Option<f64>) {
        let (port, snapshot) = (Told::default(), snapshot(&[(1, TileState::Live)]));
        wall.begin(&snapshot, &mut Vec::new(), false, now);
        if seen {
            wall.picture(&Context::default(), &port, &snapshot.cameras[&id(1)]);
            wall.laid_out(id(1), height, false);
        }
        let later = wall.tell(&port).map(|later| later.as_secs_f64());
        (port.0.into_inner().unwrap(), later)
    }

    #[test]
    fn a_hidden_window_hides_every_camera_after_a_second_and_shows_them_again_at_once() {
        let mut wall = Wall::default();
        let high = vec![Command::SetLayer(id(1), Layer::High)];
        assert_eq!(pass(&mut wall, 0.0, true, 720.0), (high, None));
        assert_eq!(pass(&mut wall, 5.0, false, 0.0), (vec![], Some(1.0)));
        assert_eq!(
            pass(&mut wall, 6.0, false, 0.0),
            (vec![Command::SetVisible(id(1), false)], None)
        );
        assert_eq!(pass(&mut wall, 7.0, false, 0.0), (vec![], None));
        assert_eq!(
            pass(&mut wall, 8.0, true, 720.0),
            (vec![Command::SetVisible(id(1), true)], None)
        );
    }

    #[test]
    fn the_layer_is_wished_with_the_first_layout_before_any_picture() {
        let mut wall = Wall::default();
        assert_eq!(
            pass(&mut wall, 0.0, true, 170.0),
            (vec![Command::SetLayer(id(1), Layer::Low)], None)
        );
        assert_eq!(pass(&mut wall, 0.5, true, 500.0), (vec![], Some(0.5)));
    }

    #[test]
    fn cameras_that_nobody_asked_for_have_no_tile_in_a_limited_viewer() {
        let (mut wall, mut order) = (Wall::default(), Vec::new());
        let all = snapshot(&[(1, TileState::Idle), (2, TileState::Live)]);
        wall.begin(&all, &mut order, true, 0.0);
        assert_eq!(ids(&wall), [id(2)]);
    }
}
