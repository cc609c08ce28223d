//! How long a session takes to its first picture, and a picture to its viewer, over loopback.
//!
//! `cargo run --release -p lanlens-rtc --example connect_time` prints medians; the last line is JSON.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lanlens_media::{CaptureTime, EncodedUnit};
use lanlens_model::{Layer, MediaKind};
use lanlens_rtc::{Publisher, RtcConfig, SessionEvent, Subscriber};
use tokio::sync::mpsc;

const RUNS: usize = 20;
const UNITS_PER_RUN: usize = 60;
const FRAME_INTERVAL: Duration = Duration::from_millis(33);
/// 2.3 Mbit/s at 30 fps.
const DELTA_BYTES: usize = 9_600;
const KEYFRAME_BYTES: usize = 60_000;

type Failure = Box<dyn std::error::Error>;

#[derive(Default)]
struct Figures {
    connected: Vec<Duration>,
    first_unit: Vec<Duration>,
    keyframe_latency: Vec<Duration>,
    latency: Vec<Duration>,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut figures = Figures::default();
    for _ in 0..RUNS {
        run(&mut figures).await?;
    }
    let rows = [
        ("start_to_connected", &mut figures.connected),
        ("start_to_first_unit", &mut figures.first_unit),
        ("keyframe_write_to_unit", &mut figures.keyframe_latency),
        ("delta_write_to_unit", &mut figures.latency),
    ];
    let mut json = Vec::new();
    for (name, samples) in rows {
        samples.sort_unstable();
        let at = |share: f64| {
            let index = (samples.len() as f64 * share) as usize;
            samples.get(index.min(samples.len() - 1)).map_or(0.0, |s| s.as_secs_f64() * 1e3)
        };
        let (p50, p95, max) = (at(0.5), at(0.95), at(1.0));
        println!("{name:>24}  p50 {p50:7.2} ms  p95 {p95:7.2} ms  max {max:7.2} ms");
        json.push(format!("\"{name}_ms\":{{\"p50\":{p50:.2},\"p95\":{p95:.2},\"max\":{max:.2}}}"));
    }
    println!("{{{}}}", json.join(","));
    Ok(())
}

async fn run(figures: &mut Figures) -> Result<(), Failure> {
    let config = RtcConfig::new(|| vec![IpAddr::from(Ipv4Addr::LOCALHOST)]);
    let began = Instant::now();
    let (unit_tx, mut received) = mpsc::channel(64);
    let (events_tx, mut viewer_events) = mpsc::channel(64);
    let on_unit = move |unit: EncodedUnit| {
        // The example reads each unit before it sends the next.
        let _ = unit_tx.try_send((unit, Instant::now()));
    };
    let subscriber = Subscriber::start(config.clone(), on_unit, events_tx).await?;
    let offer = description(&mut viewer_events).await?;
    let (units, unit_rx) = mpsc::channel(8);
    let (keyframe_tx, mut keyframes) = mpsc::channel(8);
    let (events_tx, mut camera_events) = mpsc::channel(64);
    let on_keyframe = move || {
        let _ = keyframe_tx.try_send(());
    };
    let publisher = Publisher::start(config, offer, unit_rx, on_keyframe, events_tx).await?;
    subscriber.accept_answer(description(&mut camera_events).await?);

    keyframes.recv().await.ok_or("the publisher ended")?;
    figures.connected.push(began.elapsed());
    for index in 0..UNITS_PER_RUN {
        let keyframe = index == 0;
        let sent = Instant::now();
        units.send(Arc::new(unit(index as u32, keyframe))).await?;
        let (_, arrived) = received.recv().await.ok_or("the subscriber ended")?;
        let latency = arrived.duration_since(sent);
        if keyframe {
            figures.first_unit.push(arrived.duration_since(began));
            figures.keyframe_latency.push(latency);
        } else {
            figures.latency.push(latency);
        }
        tokio::time::sleep(FRAME_INTERVAL).await;
    }
    subscriber.close().await;
    publisher.close().await;
    Ok(())
}

fn unit(index: u32, keyframe: bool) -> EncodedUnit {
    let mut data = Vec::new();
    if keyframe {
        data.extend([0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0xda, 0, 0, 0, 1, 0x68, 0xce, 0x38]);
        data.extend([0, 0, 0, 1, 0x65, 0x88]);
    } else {
        data.extend([0, 0, 0, 1, 0x41, 0x9a]);
    }
    let size = if keyframe { KEYFRAME_BYTES } else { DELTA_BYTES };
    data.extend((0..size).map(|byte| (byte % 255) as u8 + 1));
    EncodedUnit {
        kind: MediaKind::Video,
        layer: Layer::High,
        data: Bytes::from(data),
        keyframe,
        captured: CaptureTime::now(),
        media_time: index * 3_000,
    }
}

async fn description(events: &mut mpsc::Receiver<SessionEvent>) -> Result<String, Failure> {
    while let Some(event) = events.recv().await {
        if let SessionEvent::Description(sdp) = event {
            return Ok(sdp);
        }
    }
    Err("the session ended".into())
}
