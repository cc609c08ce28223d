//! A publisher and a subscriber on loopback, signaled through channels, and synthetic H.264.

#![allow(dead_code, reason = "each test binary uses a part")]

pub(crate) mod deliver;
#[path = "../../src/inbound.rs"]
pub(crate) mod inbound;
pub(crate) mod phone;
pub(crate) mod relay;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lanlens_media::{CaptureTime, EncodedUnit};
use lanlens_model::{Layer, MediaKind};
use lanlens_rtc::{Publisher, RtcConfig, SessionEvent, Subscriber};
use tokio::sync::mpsc;

/// Generous: the machine may be busy, and a test that waits this long fails anyway.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Constrained baseline, 640×368.
const SPS: [u8; 9] = [0x67, 0x42, 0xe0, 0x1f, 0xda, 0x02, 0x80, 0xbe, 0x40];

pub(crate) fn loopback() -> RtcConfig {
    RtcConfig::new(|| vec![IpAddr::from(Ipv4Addr::LOCALHOST)])
}

/// Makes access units of the asked size from a seeded generator.
pub(crate) struct Source {
    random: fastrand::Rng,
    media_time: u32,
    layer: Layer,
}

impl Source {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: fastrand::Rng::with_seed(seed),
            media_time: 0u32.wrapping_sub(9_000),
            layer: Layer::High,
        }
    }

    pub(crate) fn low(mut self) -> Self {
        self.layer = Layer::Low;
        self
    }

    /// SPS, PPS and an IDR slice of about `size` bytes.
    pub(crate) fn keyframe(&mut self, size: usize) -> Arc<EncodedUnit> {
        let mut data = Vec::new();
        self.nal(&mut data, &SPS, 0);
        self.nal(&mut data, &[0x68], 4);
        self.nal(&mut data, &[0x65, 0x88], size);
        self.unit(data, true)
    }

    /// The same with an SPS that means nothing.
    pub(crate) fn broken_keyframe(&mut self, size: usize) -> Arc<EncodedUnit> {
        let mut data = Vec::new();
        self.nal(&mut data, &SPS[..5], 0);
        self.nal(&mut data, &[0x68], 4);
        self.nal(&mut data, &[0x65, 0x88], size);
        self.unit(data, true)
    }

    /// One P slice of about `size` bytes.
    pub(crate) fn delta(&mut self, size: usize) -> Arc<EncodedUnit> {
        let mut data = Vec::new();
        self.nal(&mut data, &[0x41, 0x9a], size);
        self.unit(data, false)
    }

    fn nal(&mut self, data: &mut Vec<u8>, header: &[u8], size: usize) {
        data.extend_from_slice(&[0, 0, 0, 1]);
        data.extend_from_slice(header);
        // Without zero bytes there is nothing to escape (H.264 section 7.4.1).
        data.extend((0..size).map(|_| self.random.u8(1..)));
    }

    fn unit(&mut self, data: Vec<u8>, keyframe: bool) -> Arc<EncodedUnit> {
        self.media_time = self.media_time.wrapping_add(3_000);
        Arc::new(EncodedUnit {
            kind: MediaKind::Video,
            layer: self.layer,
            data: Bytes::from(data),
            keyframe,
            captured: CaptureTime::now(),
            media_time: self.media_time,
        })
    }
}

/// A connected publisher and subscriber.
pub(crate) struct Pair {
    pub(crate) publisher: Publisher,
    pub(crate) subscriber: Subscriber,
    pub(crate) units: mpsc::Sender<Arc<EncodedUnit>>,
    pub(crate) received: mpsc::Receiver<EncodedUnit>,
    pub(crate) keyframes: mpsc::Receiver<()>,
    pub(crate) publisher_events: mpsc::Receiver<SessionEvent>,
    pub(crate) subscriber_events: mpsc::Receiver<SessionEvent>,
}

impl Pair {
    pub(crate) async fn connect() -> Self {
        Self::connect_through(loopback(), |sdp| sdp).await
    }

    /// Connects, with every description changed on its way by `signal`.
    pub(crate) async fn connect_through(
        config: RtcConfig,
        mut signal: impl FnMut(String) -> String,
    ) -> Self {
        let (unit_tx, received) = mpsc::channel(256);
        let (events_tx, mut subscriber_events) = mpsc::channel(64);
        let on_unit = move |unit| unit_tx.try_send(unit).expect("the test keeps up");
        let subscriber = Subscriber::start(config.clone(), on_unit, events_tx).await.unwrap();
        let offer = signal(description(&mut subscriber_events).await);

        let (units, unit_rx) = mpsc::channel(64);
        let (keyframe_tx, keyframes) = mpsc::channel(64);
        let (events_tx, mut publisher_events) = mpsc::channel(64);
        let on_keyframe = move || {
            let _ = keyframe_tx.try_send(());
        };
        let publisher =
            Publisher::start(config, offer, unit_rx, on_keyframe, events_tx).await.unwrap();
        subscriber.accept_answer(signal(description(&mut publisher_events).await));

        connected(&mut publisher_events).await;
        Self {
            publisher,
            subscriber,
            units,
            received,
            keyframes,
            publisher_events,
            subscriber_events,
        }
    }

    pub(crate) async fn next_unit(&mut self) -> EncodedUnit {
        soon(self.received.recv()).await.expect("a unit")
    }

    pub(crate) async fn keyframe_asked(&mut self) {
        soon(self.keyframes.recv()).await.expect("a keyframe request");
    }

    pub(crate) fn forget_keyframe_requests(&mut self) {
        while self.keyframes.try_recv().is_ok() {}
    }

    /// A second offer and answer, as after a network change.
    pub(crate) async fn restart_ice(&mut self) -> (String, String) {
        self.subscriber.restart_ice();
        let offer = description(&mut self.subscriber_events).await;
        self.publisher.accept_offer(offer.clone());
        let answer = description(&mut self.publisher_events).await;
        self.subscriber.accept_answer(answer.clone());
        (offer, answer)
    }

    pub(crate) async fn close(mut self) {
        self.subscriber.close().await;
        self.publisher.close().await;
        assert_eq!(last(&mut self.subscriber_events).await, Some(SessionEvent::Closed));
        assert_eq!(last(&mut self.publisher_events).await, Some(SessionEvent::Closed));
    }
}

pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("in time")
}

/// The next description; candidates that come on their own are not needed on loopback.
pub(crate) async fn description(events: &mut mpsc::Receiver<SessionEvent>) -> String {
    loop {
        match soon(events.recv()).await.expect("a description") {
            SessionEvent::Description(sdp) => return sdp,
            SessionEvent::Failed(reason) => panic!("failed: {reason}"),
            _ => {}
        }
    }
}

pub(crate) async fn connected(events: &mut mpsc::Receiver<SessionEvent>) -> String {
    loop {
        match soon(events.recv()).await.expect("a connection") {
            SessionEvent::Connected { candidate_pair, .. } => return candidate_pair,
            SessionEvent::Failed(reason) => panic!("failed: {reason}"),
            _ => {}
        }
    }
}

async fn last(events: &mut mpsc::Receiver<SessionEvent>) -> Option<SessionEvent> {
    let mut last = None;
    while let Some(event) = events.recv().await {
        last = Some(event);
    }
    last
}
