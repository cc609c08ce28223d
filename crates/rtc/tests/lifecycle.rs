//! Starting, refusing and closing: nothing is left behind, nothing a peer sends does harm.

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

mod common;

use std::net::{IpAddr, Ipv6Addr};

use common::{PATIENCE, Pair, Source, description, loopback, soon};
use lanlens_model::{IceCandidate, limits};
use lanlens_rtc::{
    DescriptionError, Publisher, RtcConfig, RtcError, SessionEvent, Subscriber, check_offer,
};
use tokio::sync::mpsc;

async fn offer() -> (Subscriber, String, mpsc::Receiver<SessionEvent>) {
    let (events_tx, mut events) = mpsc::channel(64);
    let subscriber = Subscriber::start(loopback(), |_| {}, events_tx).await.unwrap();
    let offer = description(&mut events).await;
    (subscriber, offer, events)
}

async fn publish(config: RtcConfig, offer: String) -> Result<Publisher, RtcError> {
    let (_units, unit_rx) = mpsc::channel(4);
    let (events, _received) = mpsc::channel(64);
    soon(Publisher::start(config, offer, unit_rx, || {}, events)).await
}

#[cfg(target_os = "linux")]
fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_sessions_opened_and_closed_leave_no_task_and_no_socket() {
    Pair::connect().await.close().await;
    let (files, alive) = (open_files(), tasks());
    for _ in 0..50 {
        Pair::connect().await.close().await;
    }
    assert_eq!(open_files(), files);
    settles_at(tasks, alive).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_session_and_a_refused_start_close_themselves() {
    let pair = Pair::connect().await;
    pair.close().await;
    let (files, alive) = (open_files(), tasks());
    drop(Pair::connect().await);
    let (subscriber, offer, _events) = offer().await;
    drop(subscriber);
    let broken = offer.replace("42e01f", "640032");
    assert!(publish(loopback(), broken).await.is_err());
    settles_at(open_files, files).await;
    settles_at(tasks, alive).await;
}

/// Waits until `count` is back at `value`: a dropped session closes in the background.
async fn settles_at(count: impl Fn() -> usize, value: usize) {
    let settled = async {
        while count() > value {
            tokio::task::yield_now().await;
        }
    };
    if tokio::time::timeout(PATIENCE, settled).await.is_err() {
        panic!("{} left, {value} expected", count());
    }
}

#[tokio::test]
async fn descriptions_that_cannot_be_used_are_refused_in_words() {
    let (subscriber, good, _events) = offer().await;
    let long = good.clone() + &"a=x\r\n".repeat(limits::SDP_BYTES_MAX / 5);
    let candidate = "a=candidate:1 1 udp 1 192.168.1.7 17480 typ host\r\n";
    let many = good.clone() + &candidate.repeat(limits::CANDIDATES_MAX + 1);
    let media = good.clone() + &"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n".repeat(limits::SDP_MEDIA_MAX);
    for broken in [
        String::new(),
        "hello".to_owned(),
        "v=0\r\n".to_owned(),
        good.replace("a=mid:", "a=nid:"),
        good.replace("a=fingerprint:", "a=finger:"),
        good.replace("a=ice-ufrag:", "a=ufrag:"),
        long,
        many,
        media,
    ] {
        assert!(check_offer(&broken).is_err(), "{}", &broken[..broken.len().min(200)]);
        let error = publish(loopback(), broken.clone()).await.err();
        let Some(RtcError::Description(error)) = error else {
            panic!("{error:?} for {}", &broken[..broken.len().min(200)]);
        };
        assert!(error.to_string().len() > 20, "{error}");
    }
    assert_eq!(check_offer(&good), Ok(()));
    let other_format = good.replace("42e01f", "640032");
    assert_eq!(check_offer(&other_format), Err(DescriptionError::NoCommonCodec));
    let other_format = publish(loopback(), other_format).await.err();
    assert_eq!(other_format, Some(DescriptionError::NoCommonCodec.into()));
    for no_video in [good.replace("m=video", "m=audio"), good.replace("a=recvonly", "a=inactive")] {
        assert_eq!(check_offer(&no_video), Err(DescriptionError::NoVideo));
        let error = publish(loopback(), no_video).await.err();
        assert_eq!(error, Some(DescriptionError::NoVideo.into()));
    }
    subscriber.close().await;
}

#[tokio::test]
async fn a_mutilated_offer_never_panics_and_is_refused_early_only_if_it_cannot_be_answered() {
    let (subscriber, good, _events) = offer().await;
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..300 {
        let mut bytes = good.clone().into_bytes();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(..bytes.len());
            match random.u8(..4) {
                0 => bytes.truncate(at + 1),
                1 => bytes[at] = random.u8(b' '..127),
                2 => drop(bytes.drain(at..(at + random.usize(..40)).min(bytes.len()))),
                _ => bytes.insert(at, *random.choice(b"\r\n :;=/0").unwrap()),
            }
            if bytes.is_empty() {
                bytes.push(b'v');
            }
        }
        let sdp = String::from_utf8_lossy(&bytes).into_owned();
        let early = check_offer(&sdp);
        if let Ok(publisher) = publish(loopback(), sdp.clone()).await {
            assert_eq!(early, Ok(()), "{sdp}");
            publisher.close().await;
        }
    }
    subscriber.close().await;
}

#[tokio::test]
async fn an_answer_that_cannot_be_used_is_told() {
    let (subscriber, _offer, mut events) = offer().await;
    subscriber.accept_answer("nonsense".to_owned());
    let told = soon(events.recv()).await;
    assert!(matches!(&told, Some(SessionEvent::Failed(reason)) if !reason.is_empty()), "{told:?}");
    subscriber.close().await;
}

#[tokio::test]
async fn without_an_address_there_is_no_session_and_the_error_says_so() {
    let (events, _received) = mpsc::channel(4);
    let config = RtcConfig::new(Vec::new);
    let error = Subscriber::start(config, |_| {}, events).await.err();
    assert_eq!(error, Some(RtcError::NoAddress));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn descriptions_without_candidates_connect_by_those_sent_afterwards() {
    let mut removed = Vec::new();
    let (events_tx, mut events) = mpsc::channel(64);
    let (unit_tx, mut received) = mpsc::channel(64);
    let on_unit = move |unit| unit_tx.try_send(unit).unwrap();
    let subscriber = Subscriber::start(loopback(), on_unit, events_tx).await.unwrap();
    let offer = strip_candidates(&description(&mut events).await, &mut Vec::new());

    let (units, unit_rx) = mpsc::channel(4);
    let (events_tx, mut publisher_events) = mpsc::channel(64);
    let publisher = Publisher::start(loopback(), offer, unit_rx, || {}, events_tx).await.unwrap();
    let answer = description(&mut publisher_events).await;
    let answer = strip_candidates(&answer, &mut removed);
    assert!(!removed.is_empty());
    // Some come before the answer.
    for candidate in removed {
        subscriber.add_candidate(IceCandidate { candidate, mid: None, mline: Some(0) });
    }
    subscriber.accept_answer(answer);
    common::connected(&mut events).await;
    common::connected(&mut publisher_events).await;
    let keyframe = Source::new(1).keyframe(5_000);
    units.send(keyframe.clone()).await.unwrap();
    assert_eq!(soon(received.recv()).await.unwrap().data, keyframe.data);
    subscriber.close().await;
    publisher.close().await;
}

fn strip_candidates(sdp: &str, removed: &mut Vec<String>) -> String {
    let mut rest = String::new();
    for line in sdp.lines() {
        match line.strip_prefix("a=").filter(|value| value.starts_with("candidate:")) {
            Some(candidate) => removed.push(candidate.to_owned()),
            None => rest.push_str(&format!("{line}\r\n")),
        }
    }
    rest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ipv6_alone_is_enough() {
    if std::net::UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("skipped: this machine has no IPv6 loopback");
        return;
    }
    let config = RtcConfig::new(|| vec![IpAddr::from(Ipv6Addr::LOCALHOST)]);
    let mut pair = Pair::connect_through(config, |sdp| sdp).await;
    let keyframe = Source::new(1).keyframe(50_000);
    pair.units.send(keyframe.clone()).await.unwrap();
    assert_eq!(pair.next_unit().await.data, keyframe.data);
    let text = common::connected(&mut pair.subscriber_events).await;
    let ports: Vec<u16> = text
        .split(" ↔ ")
        .map(|address| address.strip_prefix("[::1]:").expect(&text).parse().expect(&text))
        .collect();
    assert_eq!(ports.len(), 2);
    assert!(ports.iter().all(|port| limits::MEDIA_PORTS.contains(port)), "{text}");
    pair.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_told_even_if_no_picture_comes() {
    let mut pair = Pair::connect().await;
    let text = common::connected(&mut pair.subscriber_events).await;
    assert!(text.starts_with("127.0.0.1:"), "{text}");
    pair.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_the_units_ends_the_publisher() {
    let mut pair = Pair::connect().await;
    let (unused, _) = mpsc::channel(1);
    drop(std::mem::replace(&mut pair.units, unused));
    let ended = async { while pair.publisher_events.recv().await.is_some() {} };
    soon(ended).await;
    pair.subscriber.close().await;
}
