//! A camera whose pictures come encoded, as whole nodes on loopback: what its viewers see, and who may.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use lanlens_codec::{EncoderConfig, H264Encoder};
use lanlens_media::{CaptureTime, Encoder, FramePool, pattern};
use lanlens_model::{AccessMode, Command, Event, Layer, NodeId, Selection, TileState};
use lanlens_node::{CameraConfig, NodeConfig, NodeHandle, Relay, start};
use tokio::task::JoinHandle;

/// Generous: the machine may be busy, and a test that waits this long fails anyway.
const PATIENCE: Duration = Duration::from_secs(20);
const FRAME: Duration = Duration::from_millis(33);
const SIZE: (u32, u32) = (640, 360);

fn on_loopback(config: NodeConfig) -> NodeConfig {
    let listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    NodeConfig { interfaces: vec!["lo".to_owned()], listen, ..config }
}

async fn viewer(home: &Path, watch: Selection) -> NodeHandle {
    start(on_loopback(NodeConfig::viewer(home.to_owned(), watch))).await.unwrap()
}

/// A phone's camera, served by a node of this home.
async fn phones_camera(home: &Path, via: NodeId, relay: &Relay) -> NodeHandle {
    let camera = CameraConfig::relayed(relay.clone(), "phone 7f3a".to_owned(), AccessMode::Ask);
    let config = NodeConfig::camera(home.to_owned(), "Ann's phone".to_owned(), camera);
    start(on_loopback(NodeConfig { via: Some(via), ..config })).await.unwrap()
}

/// Films while somebody watches, with keyframes when they are asked for.
fn film(relay: Relay) -> JoinHandle<()> {
    tokio::spawn(async move {
        let (mut demand, mut requests) = (relay.demand(), relay.keyframes());
        let config = EncoderConfig { layer: Layer::High, bitrate_kbps: 800, fps: 30 };
        let (mut encoder, pool) = (H264Encoder::new(config), FramePool::new());
        for number in 0.. {
            demand.wait_for(|demand| demand.wanted).await.unwrap();
            let keyframe = tokio::time::timeout(FRAME, requests.next()).await.is_ok();
            let mut frame = pool.frame(SIZE.0, SIZE.1, CaptureTime::now());
            pattern::paint(&mut frame, number, 0);
            if let Some(unit) = encoder.encode(&frame, keyframe).unwrap() {
                relay.push(unit);
            }
        }
    })
}

async fn until<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> T {
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(value) = done() {
            return value;
        }
        assert!(tokio::time::Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The viewer gets a picture of this size.
async fn sees(viewer: &NodeHandle, camera: &NodeHandle, size: (u32, u32)) {
    let camera = camera.ready().camera.unwrap();
    until("no picture of this size came", || {
        let picture = viewer.slot(camera)?.take()?;
        ((picture.width(), picture.height()) == size).then_some(())
    })
    .await;
}

fn knows(viewer: &NodeHandle, camera: &NodeHandle) {
    let port = camera.ready().port;
    viewer.send(Command::AddPeer(SocketAddr::from(([127, 0, 0, 1], port))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_is_a_camera_of_the_home_that_serves_it() {
    let (home, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = viewer(home.path(), Selection::None).await;
    let stranger = viewer(elsewhere.path(), Selection::All).await;
    let relay = Relay::new();
    let phone = phones_camera(home.path(), server.ready().node, &relay).await;
    let mut demand = relay.demand();
    let filming = film(relay);
    assert_eq!(phone.ready().device, server.ready().device);
    assert!(!demand.borrow().wanted, "nobody watches");

    // Whoever comes first does not own it.
    knows(&stranger, &phone);
    let id = phone.ready().camera.unwrap();
    until("the stranger is not let wait", || {
        let snapshot = stranger.snapshot();
        matches!(snapshot.cameras.get(&id)?.state, TileState::Waiting { code: Some(_) })
            .then_some(())
    })
    .await;
    assert!(!demand.borrow().wanted, "waiting wakes no camera");

    knows(&server, &phone);
    server.send(Command::Watch(Selection::All));
    sees(&server, &phone, SIZE).await;
    server.send(Command::SetLayer(id, Layer::Low));
    sees(&server, &phone, (320, 180)).await;
    assert!(stranger.slot(id).is_none_or(|slot| slot.take().is_none()), "nobody let it in");
    let stats = phone.camera_stats().unwrap();
    assert_eq!(stats.viewers, 1);

    server.shutdown().await;
    tokio::time::timeout(PATIENCE, demand.wait_for(|demand| !demand.wanted))
        .await
        .unwrap()
        .unwrap();
    phone.shutdown().await;
    stranger.shutdown().await;
    filming.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_comes_again_is_the_same_camera_and_its_silence_has_words() {
    let home = tempfile::tempdir().unwrap();
    let server = viewer(home.path(), Selection::All).await;
    let mut events = server.events();
    let first = phones_camera(home.path(), server.ready().node, &Relay::new()).await;
    let id = first.ready().camera;
    first.shutdown().await;

    let relay = Relay::new();
    let again = phones_camera(home.path(), server.ready().node, &relay).await;
    assert_eq!(again.ready().camera, id);
    knows(&server, &again);
    let filming = film(relay.clone());
    sees(&server, &again, SIZE).await;
    filming.abort();
    relay.set_trouble(Some("the phone is locked".to_owned()));
    let told = async {
        loop {
            match events.recv().await.unwrap() {
                Event::Cause { camera, cause } if Some(camera) == id => return cause,
                _ => {}
            }
        }
    };
    let cause = tokio::time::timeout(PATIENCE, told).await.unwrap();
    assert_eq!(cause, lanlens_model::Cause::Source("the phone is locked".to_owned()));
    film(relay);
    until("the picture comes back", || {
        let view = server.snapshot().cameras.get(&id?)?.state.clone();
        (view == TileState::Live).then_some(())
    })
    .await;
    again.shutdown().await;
    server.shutdown().await;
}
