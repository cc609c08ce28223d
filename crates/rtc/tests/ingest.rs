//! A phone publishes: from its offer to pictures, and what it does to the session later.

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

mod common;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use common::phone::{Phone, fragment, patched};
use common::relay::Relay;
use common::{PATIENCE, Source, connected, loopback, soon};
use lanlens_media::{EncodedUnit, now_unix_us};
use lanlens_model::Layer;
use lanlens_rtc::{Answer, FragmentError, Ingest, IngestError, RtcConfig, RtcError, SessionEvent};
use tokio::sync::mpsc;

const CONSTRAINED: &str = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";

/// A phone and the session that takes what it sends.
struct Session {
    phone: Phone,
    ingest: Ingest,
    offer: String,
    answer: Answer,
    received: mpsc::Receiver<EncodedUnit>,
    events: mpsc::Receiver<SessionEvent>,
    /// Once it is connected.
    pair: String,
}

impl Session {
    async fn start(phone: Phone) -> Self {
        Self::start_through(phone, |sdp, _| sdp).await
    }

    /// With the descriptions changed on their way; `true` for those of the phone.
    async fn start_through(mut phone: Phone, signal: impl Fn(String, bool) -> String) -> Self {
        let offer = phone.offer().await;
        let (unit_tx, received) = mpsc::channel(256);
        let (events_tx, events) = mpsc::channel(64);
        let on_unit = move |unit| unit_tx.try_send(unit).expect("the test keeps up");
        let changed = signal(offer.clone(), true);
        let started = Ingest::start(loopback(), changed, on_unit, events_tx).await;
        let (ingest, mut answer) = started.unwrap();
        answer.sdp = signal(answer.sdp, false);
        phone.accept(&answer.sdp).await;
        Self { phone, ingest, offer, answer, received, events, pair: String::new() }
    }

    /// At both ends: what is sent before the other has its keys is lost.
    async fn connected(mut self) -> Self {
        self.phone.connected().await;
        self.pair = connected(&mut self.events).await;
        self
    }

    async fn pass(&mut self, unit: &Arc<EncodedUnit>) -> EncodedUnit {
        self.phone.send(unit).await;
        let passed = soon(self.received.recv()).await.unwrap();
        assert_eq!(passed.data, unit.data);
        assert_eq!((passed.media_time, passed.keyframe), (unit.media_time, unit.keyframe));
        passed
    }

    /// Sends until something comes through: what is sent before a new path stands is lost.
    async fn pass_again(&mut self, source: &mut Source) {
        let arrived = async {
            loop {
                self.phone.send(&source.keyframe(5_000)).await;
                let wait = Duration::from_millis(50);
                if tokio::time::timeout(wait, self.received.recv()).await.is_ok() {
                    return;
                }
            }
        };
        soon(arrived).await;
    }

    async fn close(self) {
        self.ingest.close().await;
        self.phone.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_phone_sends_comes_out_bit_for_bit() {
    let mut session = Session::start(Phone::start(CONSTRAINED).await).await.connected().await;
    let mut source = Source::new(1);
    let passed = session.pass(&source.keyframe(50_000)).await;
    assert_eq!(passed.layer, Layer::High);
    for _ in 0..20 {
        session.pass(&source.delta(4_000)).await;
    }
    assert!(session.pair.contains("127.0.0.1"), "{}", session.pair);
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_writes_baseline_in_its_own_way_gets_it_back_and_sends() {
    for profile in ["42c01f", "42001f", "42E034"] {
        let fmtp = format!("packetization-mode=1;profile-level-id={profile}");
        let mut session = Session::start(Phone::start(&fmtp).await).await.connected().await;
        assert!(session.answer.sdp.contains(&format!("a=fmtp:106 {fmtp}\r\n")));
        session.pass(&Source::new(2).keyframe(5_000)).await;
        session.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_is_only_a_dtls_client_is_waited_for() {
    let only_client = |sdp: String, _| sdp.replace("a=setup:actpass", "a=setup:active");
    let phone = Phone::start(CONSTRAINED).await;
    let mut session = Session::start_through(phone, only_client).await.connected().await;
    assert!(session.answer.sdp.contains("a=setup:passive"), "{}", session.answer.sdp);
    session.pass(&Source::new(3).keyframe(5_000)).await;
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn candidates_that_come_later_make_the_connection() {
    let without = |sdp: String, from_phone: bool| {
        let kept = sdp.lines().filter(|line| !from_phone || !line.starts_with("a=candidate:"));
        kept.map(|line| format!("{line}\r\n")).collect()
    };
    let mut phone = Phone::start(CONSTRAINED).await;
    let offer = phone.offer().await;
    let (events_tx, _events) = mpsc::channel(64);
    let offered = without(offer.clone(), true);
    let (ingest, answer) = Ingest::start(loopback(), offered, |_| {}, events_tx).await.unwrap();
    // The phone does not know where to go either: only what it trickles can connect them.
    phone.accept(&without(answer.sdp, true)).await;
    assert_eq!(ingest.trickle(&fragment(&offer)).await, Ok(()));
    phone.connected().await;
    ingest.close().await;
    phone.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fragments_of_another_session_and_nonsense_are_refused_and_do_no_harm() {
    let session = Session::start(Phone::silent(CONSTRAINED).await).await.connected().await;
    let own = fragment(&session.offer);
    let ufrag = own.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap();
    let password = own.lines().find_map(|line| line.strip_prefix("a=ice-pwd:")).unwrap();
    let (ingest, other) = (&session.ingest, Err(FragmentError::OtherIceSession));
    assert_eq!(ingest.trickle(&own.replace(ufrag, "someoneElse")).await, other);
    assert_eq!(ingest.trickle(&own.replace(password, &"x".repeat(24))).await, other);
    assert!(matches!(ingest.trickle("v=0\r\n").await, Err(FragmentError::Malformed(_))));
    assert_eq!(ingest.restart(&own).await, Err(FragmentError::NoRestart));
    let half = ingest.restart(&own.replace(password, &"x".repeat(24))).await;
    assert!(matches!(half, Err(FragmentError::Malformed(_))), "{half:?}");
    // Nowhere to go, and no reason to refuse.
    let name = own.replace("127.0.0.1", "3e4b1f0a-5a0b-4a5e-9c7a-0a1b2c3d4e5f.local");
    assert_eq!(ingest.trickle(&name).await, Ok(()));
    assert_eq!(ingest.trickle(&own.replace("127.0.0.1", "8.8.8.8")).await, Ok(()));
    let mut session = session;
    session.pass(&Source::new(4).keyframe(5_000)).await;
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_each_ice_restart_the_pictures_go_on() {
    let phone = Phone::silent(CONSTRAINED).await;
    let mut session = Session::start(phone).await.connected().await;
    let mut source = Source::new(5);
    session.pass(&source.keyframe(20_000)).await;
    for _ in 0..12 {
        let restart = session.phone.restart().await;
        let answer = session.ingest.restart(&restart).await.unwrap();
        // Its answer was lost, so it asks again: nothing begins anew a second time.
        assert_eq!(session.ingest.restart(&restart).await.as_ref(), Ok(&answer));
        assert_ne!(answer.ice, session.answer.ice, "it has a name of its own");
        assert!(answer.sdp.contains(&format!("a=ice-ufrag:{}\r\n", answer.ice)));
        assert!(answer.sdp.contains("\r\na=mid:0\r\n") && answer.sdp.contains("a=candidate:"));
        assert!(answer.sdp.ends_with("a=end-of-candidates\r\n"));
        session.phone.accept(&patched(&session.answer.sdp, &answer.sdp)).await;
        session.answer.ice = answer.ice;
        session.pass_again(&mut source).await;
        // What belonged to the ICE session before it is over.
        let late = session.ingest.trickle(&fragment(&session.offer)).await;
        assert_eq!(late, Err(FragmentError::OtherIceSession));
        assert_eq!(session.ingest.trickle(&restart).await, Ok(()));
    }
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_percent_loss_on_the_phones_leg_is_repaired_there() {
    let relay = Relay::start();
    let signaling = relay.clone();
    let signal = move |sdp: String, from_phone| signaling.signal(&sdp, from_phone);
    let phone = Phone::silent(CONSTRAINED).await;
    let mut session = Session::start_through(phone, signal).await.connected().await;
    let mut source = Source::new(6);
    session.pass(&source.keyframe(40_000)).await;
    relay.loss_percent.store(5, Ordering::Relaxed);
    let (mut sent, mut last, mut longest) = (0, Instant::now(), Duration::ZERO);
    let mut received = 0;
    for _ in 0..300 {
        let asked = session.phone.keyframes.try_recv().is_ok();
        while session.phone.keyframes.try_recv().is_ok() {}
        let unit = if asked { source.keyframe(40_000) } else { source.delta(6_000) };
        session.phone.send(&unit).await;
        sent += 1;
        tokio::time::sleep(Duration::from_millis(15)).await;
        while session.received.try_recv().is_ok() {
            received += 1;
            longest = longest.max(last.elapsed());
            last = Instant::now();
        }
    }
    let stats = session.ingest.stats();
    println!("longest gap {} ms (target 300)", longest.as_millis());
    assert!(received >= sent * 9 / 10, "{received} of {sent}: {stats:?}");
    assert!(stats.packets_recovered > 50, "{stats:?}");
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_keyframe_that_somebody_needs_is_asked_of_the_phone() {
    let phone = Phone::silent(CONSTRAINED).await;
    let mut session = Session::start(phone).await.connected().await;
    let mut source = Source::new(7);
    session.pass(&source.keyframe(5_000)).await;
    while session.phone.keyframes.try_recv().is_ok() {}
    session.ingest.request_keyframe();
    soon(session.phone.keyframes.recv()).await.unwrap();
    session.pass(&source.keyframe(5_000)).await;
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_is_as_old_as_the_phones_reports_say() {
    const LATE: Duration = Duration::from_millis(600);
    let phone = Phone::silent(CONSTRAINED).await;
    let mut session = Session::start(phone).await.connected().await;
    let mut source = Source::new(8);
    let first = source.keyframe(5_000);
    let begin = Instant::now();
    let passed = session.pass(&first).await;
    assert!(passed.captured.instant >= begin, "nothing is known yet but its arrival");
    let sent = Instant::now();

    // The phone reports every 100 ms which timestamp it would have sent then.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let mut late = (*source.delta(1_000)).clone();
    let ticks = (sent.elapsed().saturating_sub(LATE).as_micros() * 9 / 100) as u32;
    late.media_time = first.media_time.wrapping_add(ticks);
    let passed = session.pass(&Arc::new(late)).await;
    // When it was taken, as the phone's reports say; they too take a moment on their way.
    let taken = sent + Duration::from_micros(u64::from(ticks) * 100 / 9);
    let off = passed.captured.instant.max(taken) - passed.captured.instant.min(taken);
    assert!(off < LATE / 2, "{off:?}");
    let age = passed.captured.instant.elapsed();
    let age_us = now_unix_us() - passed.captured.unix_us;
    assert!(Duration::from_micros(age_us).abs_diff(age) < LATE / 2, "both clocks say the same");
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_can_decode_is_told_once_and_not_passed() {
    let phone = Phone::silent(CONSTRAINED).await;
    let mut session = Session::start(phone).await.connected().await;
    let mut source = Source::new(9);
    for _ in 0..3 {
        session.phone.send(&source.broken_keyframe(5_000)).await;
        session.phone.send(&source.delta(1_000)).await;
    }
    session.pass(&source.keyframe(5_000)).await;
    let mut told = Vec::new();
    while let Ok(event) = session.events.try_recv() {
        // Whoever hears of it must be able to tell it from a path that failed.
        let is_end = matches!(event, SessionEvent::Failed(_) | SessionEvent::Refused(_));
        told.extend(is_end.then_some(event));
    }
    assert!(matches!(told[..], [SessionEvent::Refused(_)]), "{told:?}");
    session.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_that_never_comes_is_told() {
    let (phone, mut events, ingest) = {
        let mut phone = Phone::silent(CONSTRAINED).await;
        let (events_tx, events) = mpsc::channel(64);
        let offer = phone.offer().await;
        let (ingest, _) = Ingest::start(loopback(), offer, |_| {}, events_tx).await.unwrap();
        (phone, events, ingest)
    };
    let told = soon(events.recv()).await;
    assert!(matches!(told, Some(SessionEvent::Failed(_))), "{told:?}");
    ingest.close().await;
    assert_eq!(soon(events.recv()).await, Some(SessionEvent::Closed));
    phone.close().await;
}

#[tokio::test]
async fn without_a_network_the_error_says_so() {
    let mut phone = Phone::silent(CONSTRAINED).await;
    let offer = phone.offer().await;
    let (events, _received) = mpsc::channel(4);
    let error = Ingest::start(RtcConfig::new(Vec::new), offer, |_| {}, events).await.err();
    assert_eq!(error, Some(IngestError::Rtc(RtcError::NoAddress)));
    phone.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_were_closed_dropped_or_refused_leave_no_task() {
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let mut phone = Phone::silent(CONSTRAINED).await;
    let offer = phone.offer().await;
    let start = async |offer: String| {
        let (events, _) = mpsc::channel(4);
        Ingest::start(loopback(), offer, |_| {}, events).await
    };
    let before = tasks();
    for _ in 0..10 {
        start(offer.clone()).await.unwrap().0.close().await;
        drop(start(offer.clone()).await.unwrap());
        assert!(start(offer.replace("a=ice-pwd:", "a=ice-pwd: ")).await.is_err());
    }
    let settled = async {
        while tasks() > before {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, settled).await.expect("all tasks end");
    phone.close().await;
}
