//! Real sessions over loopback: what a camera sends is what a viewer gets.

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

mod common;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use common::{Pair, Source, soon};
use lanlens_rtc::RtcConfig;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_unit_arrives_bit_exact_and_in_order_with_its_capture_time() {
    let mut pair = Pair::connect().await;
    let mut source = Source::new(1);
    let sizes = [40, 1199, 1200, 1201, 5_000, 100_000, 1, 30_000, 700, 60_000];
    let mut sent = Vec::new();
    for round in 0..30 {
        let size = sizes[round % sizes.len()];
        let unit = if round % 10 == 0 { source.keyframe(size) } else { source.delta(size) };
        pair.units.send(unit.clone()).await.unwrap();
        sent.push(unit);
        let got = pair.next_unit().await;
        let want = &sent[round];
        assert_eq!(got.data, want.data, "unit {round} of {size} bytes");
        assert_eq!(got.keyframe, want.keyframe);
        assert_eq!(got.media_time, want.media_time);
        assert_eq!(got.captured.unix_us, want.captured.unix_us);
    }
    // The last unit may be here before the sender has counted it.
    soon(async {
        while pair.publisher.stats().units_sent < 30 || pair.subscriber.stats().units < 30 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let (sender, receiver) = (pair.publisher.stats(), pair.subscriber.stats());
    assert_eq!((sender.units_skipped, receiver.units_dropped), (0, 0));
    assert_eq!(receiver.packets, sender.packets_sent);
    pair.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_units_loses_nothing() {
    let mut pair = Pair::connect().await;
    let mut source = Source::new(2);
    let mut sent = vec![source.keyframe(100_000)];
    // In all less than the system's default buffer, so that a busy machine loses nothing either.
    sent.extend((0..10).map(|_| source.delta(20_000)));
    for unit in &sent {
        pair.units.send(unit.clone()).await.unwrap();
    }
    for (index, want) in sent.iter().enumerate() {
        assert_eq!(pair.next_unit().await.data, want.data, "unit {index}");
    }
    pair.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_camera_is_asked_for_a_keyframe_on_connect_and_on_the_decoders_wish() {
    let mut pair = Pair::connect().await;
    pair.keyframe_asked().await;
    // Nothing is sent before a keyframe.
    let mut source = Source::new(3);
    pair.units.send(source.delta(500)).await.unwrap();
    let keyframe = source.keyframe(2_000);
    pair.units.send(keyframe.clone()).await.unwrap();
    assert_eq!(pair.next_unit().await.data, keyframe.data);
    assert_eq!(pair.publisher.stats().units_skipped, 1);

    pair.forget_keyframe_requests();
    pair.subscriber.request_keyframe();
    pair.keyframe_asked().await;
    // It is asked for again until it comes.
    pair.forget_keyframe_requests();
    pair.keyframe_asked().await;
    pair.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_of_layers_takes_effect_at_the_new_layers_keyframe() {
    let mut pair = Pair::connect().await;
    let mut source = Source::new(4);
    let mut low = Source::new(5).low();
    let sent = [
        source.keyframe(3_000),
        low.delta(100),
        source.delta(900),
        low.keyframe(800),
        low.delta(90),
    ];
    for unit in &sent {
        pair.units.send(unit.clone()).await.unwrap();
    }
    pair.units.send(source.delta(900)).await.unwrap();
    for index in [0, 2, 3, 4] {
        assert_eq!(pair.next_unit().await.data, sent[index].data, "unit {index}");
    }
    pair.close().await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ice_restart_moves_the_stream_to_the_addresses_of_that_moment() {
    let last_octet = Arc::new(AtomicU8::new(1));
    let read = last_octet.clone();
    let config =
        RtcConfig::new(move || vec![Ipv4Addr::new(127, 0, 0, read.load(Ordering::Relaxed)).into()]);
    let mut pair = Pair::connect_through(config, |sdp| sdp).await;
    let mut source = Source::new(6);
    let first = source.keyframe(5_000);
    pair.units.send(first.clone()).await.unwrap();
    assert_eq!(pair.next_unit().await.data, first.data);

    last_octet.store(2, Ordering::Relaxed);
    let (offer, answer) = pair.restart_ice().await;
    for sdp in [offer, answer] {
        assert!(sdp.contains(" 127.0.0.2 ") && !sdp.contains(" 127.0.0.1 "), "{sdp}");
    }
    // What is sent before the new path stands may be lost, but not the stream.
    let arrived = async {
        loop {
            pair.units.send(source.keyframe(5_000)).await.unwrap();
            if tokio::time::timeout(Duration::from_millis(50), pair.received.recv()).await.is_ok() {
                return;
            }
        }
    };
    soon(arrived).await;
    pair.close().await;
}
