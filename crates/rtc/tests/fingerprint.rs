//! Whoever answers must be who was signaled: media flows only under the certificate whose fingerprint
//! stands in the description (RFC 8122, RFC 8827 section 6.5).

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

mod common;

use std::sync::Arc;

use common::{Pair, Source, description, loopback, soon};
use lanlens_media::EncodedUnit;
use lanlens_rtc::{Publisher, SessionEvent, Subscriber};
use tokio::sync::mpsc;

/// Which description is changed on its way.
#[derive(Clone, Copy, PartialEq)]
enum Changed {
    Offer,
    Answer,
}

/// A camera and a viewer between whom somebody has put another certificate's fingerprint.
struct Deceived {
    publisher: Publisher,
    subscriber: Subscriber,
    units: mpsc::Sender<Arc<EncodedUnit>>,
    received: mpsc::Receiver<EncodedUnit>,
    publisher_events: mpsc::Receiver<SessionEvent>,
    subscriber_events: mpsc::Receiver<SessionEvent>,
}

impl Deceived {
    async fn start(changed: Changed) -> Self {
        let foreign = foreign_fingerprint().await;
        let (unit_tx, received) = mpsc::channel(64);
        let (events, mut subscriber_events) = mpsc::channel(64);
        let on_unit = move |unit| unit_tx.try_send(unit).unwrap();
        let subscriber = Subscriber::start(loopback(), on_unit, events).await.unwrap();
        let mut offer = description(&mut subscriber_events).await;
        if changed == Changed::Offer {
            offer = with_fingerprint(&offer, &foreign);
        }
        let (units, unit_rx) = mpsc::channel(64);
        let (events, mut publisher_events) = mpsc::channel(64);
        let publisher = Publisher::start(loopback(), offer, unit_rx, || {}, events).await.unwrap();
        let mut answer = description(&mut publisher_events).await;
        if changed == Changed::Answer {
            answer = with_fingerprint(&answer, &foreign);
        }
        subscriber.accept_answer(answer);
        Self { publisher, subscriber, units, received, publisher_events, subscriber_events }
    }
}

/// That of a certificate which nobody here uses.
async fn foreign_fingerprint() -> String {
    let (events, mut told) = mpsc::channel(64);
    let other = Subscriber::start(loopback(), |_| {}, events).await.unwrap();
    let offer = description(&mut told).await;
    other.close().await;
    fingerprints(&offer)[0].to_owned()
}

fn fingerprints(sdp: &str) -> Vec<&str> {
    sdp.lines().filter(|line| line.starts_with("a=fingerprint:")).collect()
}

fn with_fingerprint(sdp: &str, foreign: &str) -> String {
    let own = fingerprints(sdp);
    assert!(!own.is_empty() && !own.contains(&foreign), "{sdp}");
    let line = |line: &str| match line.starts_with("a=fingerprint:") {
        true => format!("{foreign}\r\n"),
        false => format!("{line}\r\n"),
    };
    sdp.lines().map(line).collect()
}

/// Waits for the end, which must be an error; nothing may look as if it worked before.
async fn assert_fails(events: &mut mpsc::Receiver<SessionEvent>) {
    loop {
        match soon(events.recv()).await {
            Some(SessionEvent::Failed(reason)) => {
                return assert!(reason.contains("certificate"), "{reason}");
            }
            Some(SessionEvent::Candidate(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_with_another_certificates_fingerprint_never_connects() {
    let mut pair = Deceived::start(Changed::Answer).await;
    let mut source = Source::new(1);
    for _ in 0..3 {
        let _ = pair.units.try_send(source.keyframe(5_000));
    }
    assert_fails(&mut pair.subscriber_events).await;
    assert!(pair.received.try_recv().is_err(), "no picture came through");
    assert_eq!(pair.subscriber.stats().packets, 0);
    pair.subscriber.close().await;
    pair.publisher.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sent_to_a_viewer_whose_certificate_is_not_the_one_in_its_offer() {
    let mut pair = Deceived::start(Changed::Offer).await;
    let mut source = Source::new(1);
    for _ in 0..3 {
        let _ = pair.units.try_send(source.keyframe(5_000));
    }
    assert_fails(&mut pair.publisher_events).await;
    assert_eq!(pair.publisher.stats().packets_sent, 0);
    assert!(pair.received.try_recv().is_err());
    pair.subscriber.close().await;
    pair.publisher.close().await;
}

/// So that the tests above fail for the fingerprint, and not for a line break.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rewriting_a_description_without_a_change_of_fingerprint_does_no_harm() {
    let rewrite = |sdp: String| sdp.lines().map(|line| format!("{line}\r\n")).collect();
    let pair = Pair::connect_through(loopback(), rewrite).await;
    pair.close().await;
}
