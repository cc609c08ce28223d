//! Sessions through a relay on loopback that loses media packets.

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use common::relay::Relay;
use common::{Pair, Source, loopback, soon};
use lanlens_media::EncodedUnit;

async fn connect() -> (Pair, Arc<Relay>) {
    let relay = Relay::start();
    let mut from_publisher = false;
    let signaling = relay.clone();
    let pair = Pair::connect_through(loopback(), move |sdp| {
        let changed = signaling.signal(&sdp, from_publisher);
        from_publisher = true;
        changed
    })
    .await;
    (pair, relay)
}

/// Sends `count` units at 100 frames a second, keyframes when asked; gives back what was sent.
async fn send(pair: &mut Pair, source: &mut Source, count: usize) -> Vec<Arc<EncodedUnit>> {
    let mut sent = Vec::new();
    for _ in 0..count {
        let asked = pair.keyframes.try_recv().is_ok();
        pair.forget_keyframe_requests();
        let unit = if asked { source.keyframe(40_000) } else { source.delta(6_000) };
        pair.units.send(unit.clone()).await.unwrap();
        sent.push(unit);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    sent
}

/// Every unit received is one that was sent, bit for bit, and follows what it depends on.
fn assert_decodable(sent: &[Arc<EncodedUnit>], received: &[EncodedUnit]) {
    let mut previous = None;
    for unit in received {
        let index = sent.iter().position(|other| other.media_time == unit.media_time).unwrap();
        assert_eq!(sent[index].data, unit.data);
        if !unit.keyframe {
            assert_eq!(previous, Some(index - 1), "unit {index} came without the one before");
        }
        previous = Some(index);
    }
}

async fn receive(pair: &mut Pair) -> Vec<EncodedUnit> {
    let mut received = Vec::new();
    while let Ok(Some(unit)) =
        tokio::time::timeout(Duration::from_millis(700), pair.received.recv()).await
    {
        received.push(unit);
    }
    received
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_percent_loss_is_repaired_by_retransmission() {
    let (mut pair, relay) = connect().await;
    let mut source = Source::new(1);
    let mut sent = send(&mut pair, &mut source, 20).await;
    relay.loss_percent.store(5, Ordering::Relaxed);
    sent.extend(send(&mut pair, &mut source, 200).await);
    relay.loss_percent.store(0, Ordering::Relaxed);
    // Something after the last loss, so that it shows as a gap.
    sent.extend(send(&mut pair, &mut source, 10).await);
    let received = receive(&mut pair).await;
    assert_decodable(&sent, &received);
    let (publisher, subscriber) = (pair.publisher.stats(), pair.subscriber.stats());
    assert!(received.len() >= sent.len() * 9 / 10, "{} of {}", received.len(), sent.len());
    assert!(subscriber.packets_recovered > 20, "{subscriber:?}");
    assert!(publisher.nacks >= subscriber.packets_recovered, "{publisher:?}");
    pair.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_loss_beyond_repair_the_stream_goes_on_with_a_keyframe() {
    let (mut pair, relay) = connect().await;
    let mut source = Source::new(2);
    let mut sent = send(&mut pair, &mut source, 10).await;
    relay.loss_percent.store(100, Ordering::Relaxed);
    sent.extend(send(&mut pair, &mut source, 20).await);
    relay.loss_percent.store(0, Ordering::Relaxed);
    sent.extend(send(&mut pair, &mut source, 60).await);
    let received = receive(&mut pair).await;
    assert_decodable(&sent, &received);
    let last = soon(async { received.last().cloned() }).await.unwrap();
    assert_eq!(last.media_time, sent.last().unwrap().media_time, "the newest unit is there");
    let stats = pair.subscriber.stats();
    assert!(stats.keyframe_requests > 1, "{stats:?}");
    pair.close().await;
}
