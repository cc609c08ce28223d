//! Cameras that are drawn: a sky, a ground and something that moves.

use std::sync::Arc;

use lanlens_media::{CaptureTime, FramePool, LatestSlot, VideoFrame};
use lanlens_model::{
    Access, CameraId, CameraView, ClaimNews, Code, DeviceId, DeviceView, Epoch, Layer, LostReason,
    MediaKind, NodeId, Percentiles, RequestEnd, RequestView, Snapshot, StreamStats, TileState,
};

pub(crate) struct Camera {
    pub(crate) view: CameraView,
    pub(crate) slot: Arc<LatestSlot<Arc<VideoFrame>>>,
    pool: FramePool,
    size: (u32, u32),
    hue: (u8, u8),
    spare: Option<VideoFrame>,
}

type Row = (&'static str, (u32, u32), TileState, f64, f64);

fn rows() -> Vec<Row> {
    let wide = (640, 360);
    vec![
        ("Driveway", wide, TileState::Live, 1900.0, 62.0),
        ("거실", wide, TileState::Live, 3200.0, 71.0),
        ("Back yard", wide, TileState::Live, 600.0, 148.0),
        ("子供部屋", wide, TileState::Live, 1400.0, 58.0),
        ("3D printer", wide, TileState::Stalled { since_ms: 800 }, 900.0, 84.0),
        (
            "Workshop with a name that is far too long for its tile",
            (640, 480),
            TileState::Live,
            2100.0,
            95.0,
        ),
        ("Pixel 9 (Ana)", (360, 640), TileState::Live, 1900.0, 462.0),
        ("Front door", wide, TileState::Offline, 0.0, 0.0),
        ("Nursery", wide, TileState::Connecting, 0.0, 0.0),
        ("Bird feeder", wide, TileState::Lost(LostReason::Unreachable), 0.0, 0.0),
        (
            "Reception",
            wide,
            TileState::Waiting { code: Some(Code::from_number(482_913)) },
            0.0,
            0.0,
        ),
        ("Server room", wide, TileState::Denied, 0.0, 0.0),
        ("Lab", wide, TileState::RequestEnded(RequestEnd::Unanswered), 0.0, 0.0),
        ("Studio", wide, TileState::NeedsInvitation, 0.0, 0.0),
        ("Balcony", wide, TileState::Removed, 0.0, 0.0),
        ("Attic", wide, TileState::Idle, 0.0, 0.0),
    ]
}

/// What else a window shows: who asks, who claimed the cameras, what is wrong.
pub(crate) fn around(snapshot: &mut Snapshot) {
    let codes = |codes: &[(&str, u64)]| {
        codes.iter().map(|(name, n)| ((*name).to_owned(), Code::from_number(*n))).collect()
    };
    let device = |n| DeviceId::from_bytes([n; 16]);
    snapshot.requests = vec![
        RequestView { device: device(200), name: String::new(), codes: codes(&[("거실", 7)]) },
        RequestView {
            device: device(201),
            name: "Ben's laptop".into(),
            codes: codes(&[("Driveway", 482_913), ("거실", 658_056)]),
        },
    ];
    let at_s = 1_795_255_380;
    snapshot.news = Some(ClaimNews { device: device(202), name: "Ann's phone".into(), at_s });
    snapshot.warnings = vec![
        "Another computer on this network uses the same key as this one: was its disk or card \
         copied? Give one of them a new key."
            .into(),
    ];
}

pub(crate) fn cameras(count: usize) -> Vec<Camera> {
    rows().into_iter().cycle().take(count).enumerate().map(|(n, row)| camera(n, row)).collect()
}

fn camera(n: usize, (name, size, state, kbps, latency): Row) -> Camera {
    let device = DeviceId::from_bytes([n as u8; 16]);
    let stats = StreamStats {
        kind: MediaKind::Video,
        fps: 30.0,
        frames_decoded: 0,
        frames_dropped: 0,
        dropped_in: Default::default(),
        freezes: 0,
        frozen_ms: 0,
        keyframe_requests: 0,
        packets_lost: 0,
        kbps,
        layer: Layer::High,
        width: size.0,
        height: size.1,
        latency_ms: Some(Percentiles { p50: latency, p95: latency, p99: latency, n: 30 }),
        capture_error_ms: None,
        latency_run_ms: None,
        rtt_ms: Some(1.0),
    };
    let view = CameraView {
        id: CameraId::new(device, "scene"),
        name: name.into(),
        node: NodeId::new(device, "camera"),
        epoch: Epoch(1),
        addresses: vec![([192, 168, 1, 20 + n as u8], 17470).into()],
        state,
        cause: None,
        retry_at: None,
        access: Some(Access::Granted),
        linked: true,
        stats: (kbps > 0.0).then_some(stats),
        same_name: false,
        watchers: (n < 2).then(|| {
            let names = ["Ann's phone", "Studio desk", ""];
            let watcher = |(n, name): (u8, &&str)| DeviceView {
                device: DeviceId::from_bytes([100 + n; 16]),
                name: (*name).into(),
                silent_since: None,
            };
            (0..).zip(&names[n..]).map(watcher).collect()
        }),
    };
    let hue = ((90 + 37 * n % 80) as u8, (100 + 53 * n % 70) as u8);
    Camera { view, slot: Arc::default(), pool: FramePool::new(), size, hue, spare: None }
}

impl Camera {
    pub(crate) fn sends_frames(&self) -> bool {
        matches!(self.view.state, TileState::Live | TileState::Stalled { .. } | TileState::Lost(_))
    }

    pub(crate) fn stands_still(&self) -> bool {
        self.view.state != TileState::Live
    }

    /// Frame `number`: the ground and sky are drawn once and copied, the disc moves.
    pub(crate) fn draw(&mut self, number: u32) -> VideoFrame {
        let (width, height) = self.size;
        let mut frame = self.pool.frame(width, height, CaptureTime::now());
        let still = self.spare.get_or_insert_with(|| scene(&self.pool, self.size, self.hue));
        let from = [lanlens_media::Plane::Y, lanlens_media::Plane::U, lanlens_media::Plane::V];
        for (to, plane) in frame.planes_mut().into_iter().zip(from) {
            to.copy_from_slice(still.plane(plane));
        }
        let (x, y) = ((number * 3) % width, height * 5 / 8);
        let radius = height.min(width) / 9;
        let [luma, _, red] = frame.planes_mut();
        disc(luma, (width, height), (x, y), radius, 190);
        disc(red, (width.div_ceil(2), height.div_ceil(2)), (x / 2, y / 2), radius / 2, 205);
        frame
    }
}

fn scene(pool: &FramePool, (width, height): (u32, u32), (u, v): (u8, u8)) -> VideoFrame {
    let mut frame = pool.frame(width, height, CaptureTime::now());
    let [luma, blue, red] = frame.planes_mut();
    for (row, line) in luma.chunks_exact_mut(width as usize).enumerate() {
        let t = row as f32 / height as f32;
        let value = if t < 0.55 { 190.0 - 120.0 * t } else { 40.0 + 70.0 * (t - 0.5) };
        line.fill(value as u8);
    }
    let half = width.div_ceil(2) as usize;
    for (plane, value) in [(blue, u), (red, v)] {
        for (row, line) in plane.chunks_exact_mut(half).enumerate() {
            let sky = (row * 2) as f32 / (height as f32) < 0.55;
            line.fill(if sky { value } else { 118 });
        }
    }
    frame
}

fn disc(plane: &mut [u8], (width, height): (u32, u32), (x, y): (u32, u32), radius: u32, value: u8) {
    for row in y.saturating_sub(radius)..(y + radius).min(height) {
        let dy = row.abs_diff(y);
        let half = radius.pow(2).saturating_sub(dy.pow(2)).isqrt();
        let (from, to) = (x.saturating_sub(half), (x + half).min(width));
        let start = (row * width) as usize;
        plane[start + from as usize..start + to as usize].fill(value);
    }
}
