//! A window under test: cameras by hand, commands in a list, found by label.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use eframe::egui::{self, Event, Modifiers, PointerButton, Pos2, Vec2};
use eframe::egui_wgpu::RendererOptions;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use egui_kittest::wgpu::{WgpuTestRenderer, create_render_state, default_wgpu_setup};
use lanlens_media::{CaptureTime, FramePool, LatestSlot, VideoFrame};
use lanlens_model::{
    CameraId, CameraView, Code, Command, DeviceId, DeviceView, Epoch, Finding, Layer, MediaKind,
    NodeId, Percentiles, PhoneDoor, RequestView, Snapshot, StreamStats, TileState,
};
use lanlens_ui::{
    CloseHandle, OpenDoor, RepaintHandle, SystemFonts, UiPort, VideoPainter, ViewerApp,
    ViewerOptions,
};

type Slot = Arc<LatestSlot<Arc<VideoFrame>>>;

/// What the window sees; tests change it between passes.
#[derive(Clone, Default)]
pub(crate) struct World {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    snapshot: Arc<Snapshot>,
    slots: Vec<(CameraId, Slot)>,
    commands: Vec<Command>,
    finding: Option<Finding>,
    door: Option<Arc<PhoneDoor>>,
    doors_held: usize,
}

pub(crate) fn id(n: usize) -> CameraId {
    CameraId::new(DeviceId::from_bytes([n as u8; 16]), "test")
}

pub(crate) fn view(n: usize, name: &str, state: TileState) -> CameraView {
    let device = DeviceId::from_bytes([n as u8; 16]);
    CameraView {
        id: id(n),
        name: name.into(),
        node: NodeId::new(device, "camera"),
        epoch: Epoch(1),
        addresses: vec![([192, 168, 1, 20], 17470).into()],
        stats: (state == TileState::Live).then(stats),
        state,
        cause: None,
        retry_at: None,
        access: None,
        linked: true,
        same_name: false,
        watchers: None,
    }
}

pub(crate) fn device(n: u8) -> DeviceId {
    DeviceId::from_bytes([n; 16])
}

/// Device `n` asks at these cameras.
pub(crate) fn request(n: u8, name: &str, codes: &[(&str, u64)]) -> RequestView {
    let code = |(camera, code): &(&str, u64)| ((*camera).to_owned(), Code::from_number(*code));
    RequestView { device: device(n), name: name.into(), codes: codes.iter().map(code).collect() }
}

/// Devices 1, 2, … with these names.
pub(crate) fn watchers(names: &[&str]) -> Option<Vec<DeviceView>> {
    let watcher = |(n, name): (u8, &&str)| DeviceView {
        device: device(n),
        name: (*name).into(),
        silent_since: None,
    };
    Some((1..).zip(names).map(watcher).collect())
}

fn stats() -> StreamStats {
    StreamStats {
        kind: MediaKind::Video,
        fps: 30.0,
        frames_decoded: 1,
        frames_dropped: 0,
        dropped_in: Default::default(),
        freezes: 0,
        frozen_ms: 0,
        keyframe_requests: 0,
        packets_lost: 0,
        kbps: 1900.0,
        layer: Layer::High,
        width: 64,
        height: 36,
        latency_ms: Some(Percentiles { p50: 62.0, p95: 70.0, p99: 80.0, n: 30 }),
        capture_error_ms: None,
        latency_run_ms: None,
        rtt_ms: None,
    }
}

/// A frame of one grey.
pub(crate) fn frame(luma: u8) -> Arc<VideoFrame> {
    let mut frame = FramePool::new().frame(64, 36, CaptureTime::now());
    let [y, u, v] = frame.planes_mut();
    y.fill(luma);
    u.fill(128);
    v.fill(128);
    Arc::new(frame)
}

impl World {
    /// `count` live cameras: camera 0, camera 1, …
    pub(crate) fn live(count: usize) -> Self {
        let world = Self::default();
        world.set((0..count).map(|n| view(n, &format!("camera {n}"), TileState::Live)).collect());
        world
    }

    /// Exactly these cameras are there from now on.
    pub(crate) fn set(&self, cameras: Vec<CameraView>) {
        let mut inner = self.inner.lock().unwrap();
        inner.slots = cameras.iter().map(|camera| (camera.id, Slot::default())).collect();
        let cameras = cameras.into_iter().map(|camera| (camera.id, Arc::new(camera))).collect();
        Arc::make_mut(&mut inner.snapshot).cameras = cameras;
    }

    /// Changes the rest of what there is.
    pub(crate) fn edit(&self, change: impl FnOnce(&mut Snapshot)) {
        change(Arc::make_mut(&mut self.inner.lock().unwrap().snapshot));
    }

    pub(crate) fn slot_of(&self, n: usize) -> Slot {
        self.slot(id(n)).unwrap()
    }

    /// What the doctor has found.
    pub(crate) fn found(&self, finding: Option<Finding>) {
        self.inner.lock().unwrap().finding = finding;
    }

    /// The way in for phones.
    pub(crate) fn phone_door(&self, door: PhoneDoor) {
        self.inner.lock().unwrap().door = Some(Arc::new(door));
    }

    /// How many hold the way in for phones open.
    pub(crate) fn doors_held(&self) -> usize {
        self.inner.lock().unwrap().doors_held
    }

    /// What was sent since the last call.
    pub(crate) fn commands(&self) -> Vec<Command> {
        std::mem::take(&mut self.inner.lock().unwrap().commands)
    }
}

impl UiPort for World {
    fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.inner.lock().unwrap().snapshot)
    }

    fn slot(&self, camera: CameraId) -> Option<Slot> {
        let inner = self.inner.lock().unwrap();
        inner.slots.iter().find(|(id, _)| *id == camera).map(|(_, slot)| Arc::clone(slot))
    }

    fn send(&self, command: Command) {
        self.inner.lock().unwrap().commands.push(command);
    }

    fn finding(&self) -> Option<Finding> {
        self.inner.lock().unwrap().finding.clone()
    }

    fn open_phone_door(&self) -> Option<Box<dyn OpenDoor>> {
        let mut inner = self.inner.lock().unwrap();
        inner.door.as_ref()?;
        inner.doors_held += 1;
        Some(Box::new(Held(self.clone())))
    }
}

/// The way in for phones, counted while it is held.
struct Held(World);

impl OpenDoor for Held {
    fn door(&self) -> Arc<PhoneDoor> {
        self.0.inner.lock().unwrap().door.clone().unwrap()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.inner.lock().unwrap().doors_held -= 1;
    }
}

/// Fonts that are the same on every machine: those shipped, and a few glyphs of other scripts.
pub(crate) fn fonts() -> SystemFonts {
    let mut database = fontdb::Database::new();
    database.load_fonts_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fonts"));
    assert!(!database.is_empty());
    SystemFonts::from_database(database)
}

pub(crate) type Window = Harness<'static, Option<ViewerApp>>;

/// A window of 1200×760 points.
pub(crate) fn window(world: &World, options: ViewerOptions) -> Window {
    window_of(world, options, fonts(), Vec2::new(1200.0, 760.0))
}

pub(crate) fn window_of(
    world: &World,
    options: ViewerOptions,
    fonts: SystemFonts,
    size: Vec2,
) -> Window {
    window_scaled(world, options, fonts, size, 1.0)
}

/// A window on a screen of this many pixels a point.
pub(crate) fn window_scaled(
    world: &World,
    options: ViewerOptions,
    fonts: SystemFonts,
    size: Vec2,
    scale: f32,
) -> Window {
    let (world, mut fonts) = (world.clone(), Some(fonts));
    let state = create_render_state(default_wgpu_setup(), RendererOptions::PREDICTABLE);
    let video = VideoPainter::webgpu(&state).unwrap();
    let show = move |ui: &mut egui::Ui, app: &mut Option<ViewerApp>| {
        // The fonts are there from the pass after the one that installs them.
        let Some(app) = app else {
            let handles = (RepaintHandle::new(), CloseHandle::new());
            let (port, fonts) = (Box::new(world.clone()), fonts.take().unwrap());
            let made = ViewerApp::new(ui.ctx(), &options, fonts, port, handles);
            *app = Some(made.painting_with(video.clone()));
            return;
        };
        // eframe clears the window to this colour.
        let background = ui.visuals().extreme_bg_color;
        ui.painter().rect_filled(ui.max_rect(), 0, background);
        app.show(ui);
    };
    let mut window = Harness::builder()
        .with_size(size)
        .with_pixels_per_point(scale)
        .with_step_dt(0.05)
        .renderer(WgpuTestRenderer::from_render_state(state))
        .build_ui_state(show, None);
    settle(&mut window);
    window
}

/// Lets the window come to rest (a spinner never does).
pub(crate) fn settle(window: &mut Window) {
    window.run_steps(4);
}

/// Lets the time pass in which cards take no press.
pub(crate) fn calm(window: &mut Window) {
    window.run_steps(12);
}

/// A window come to rest, in which cards take presses; what was sent before is forgotten.
pub(crate) fn open(world: &World) -> Window {
    let mut window = window(world, ViewerOptions::default());
    calm(&mut window);
    world.commands();
    window
}

/// Clicks what has this label.
pub(crate) fn press(window: &mut Window, label: &str) {
    window.get_by_label(label).click();
    settle(window);
}

fn button(window: &mut Window, pos: Pos2, pressed: bool) {
    let (button, modifiers) = (PointerButton::Primary, Modifiers::NONE);
    window.event(Event::PointerButton { pos, button, pressed, modifiers });
    window.step();
}

/// Clicks with the mouse.
pub(crate) fn click_at(window: &mut Window, pos: Pos2) {
    window.event(Event::PointerMoved(pos));
    window.step();
    button(window, pos, true);
    button(window, pos, false);
}

/// What the window sends when device `n` is let in by this code.
pub(crate) fn allow(n: u8, name: &str, code: u64) -> Command {
    let codes = vec![Code::from_number(code)];
    Command::Allow { device: device(n), name: name.into(), codes }
}

/// What the window sends when device `n` is refused.
pub(crate) fn deny(n: u8, name: &str) -> Command {
    Command::Deny { device: device(n), name: name.into() }
}

/// What the window sends when device `n` is removed.
pub(crate) fn remove(n: u8, name: &str) -> Command {
    Command::Remove { device: device(n), name: name.into() }
}

/// Seconds until the window paints by itself.
pub(crate) fn delay(window: &Window) -> f64 {
    let delays = window.output().viewport_output.values().map(|v| v.repaint_delay);
    delays.min().unwrap_or_default().as_secs_f64()
}

/// Whether it never does.
pub(crate) fn idle(window: &Window) -> bool {
    delay(window) == std::time::Duration::MAX.as_secs_f64()
}

/// Camera 0 is one's own and watched by two devices.
pub(crate) fn watched() -> World {
    let world = World::default();
    let mut cameras = vec![view(0, "Hall", TileState::Live), view(1, "Lab", TileState::Live)];
    cameras[0].watchers = watchers(&["Ann's phone", ""]);
    cameras[1].watchers = Some(Vec::new());
    world.set(cameras);
    world
}
