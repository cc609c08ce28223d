//! The pool on real threads, with pictures that our own encoder made.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use lanlens_codec::{EncoderConfig, H264Encoder};
use lanlens_media::{CaptureTime, Encoder, FramePool, pattern};
use lanlens_model::limits::{DECODE_QUEUE_MAX, DECODER_PICTURES};
use lanlens_model::{DeviceId, Layer};

use super::*;

/// Generous: the machine may be busy, and a test that waits this long fails anyway.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, PartialEq, Eq)]
enum Told {
    Picture(u32, u32),
    KeyframeNeeded,
    Refused(String),
}

fn pool(threads: usize, macroblocks: usize) -> DecoderPool {
    let surroundings = Surroundings {
        clocks: Arc::new(Clocks::default()),
        measure_pattern: false,
        decode: true,
        repaint: None,
    };
    let budgets = Budgets {
        macroblocks: SharedBudget::new(macroblocks),
        waiting_bytes: SharedBudget::new(DECODE_QUEUE_BYTES_SHARED),
    };
    DecoderPool::of(surroundings, threads, budgets)
}

fn camera(name: &str) -> CameraId {
    CameraId::new(DeviceId::from_spki(b"device"), name)
}

fn callbacks(told: SyncSender<Told>) -> StreamCallbacks {
    let (pictures, keyframes) = (told.clone(), told.clone());
    StreamCallbacks {
        on_picture: Box::new(move |width, height| {
            let _ = pictures.try_send(Told::Picture(width, height));
        }),
        on_keyframe_needed: Box::new(move || {
            let _ = keyframes.try_send(Told::KeyframeNeeded);
        }),
        on_refused: Box::new(move |reason| {
            let _ = told.try_send(Told::Refused(reason));
        }),
    }
}

fn open(pool: &DecoderPool, name: &str) -> (Arc<Stream>, Receiver<Told>) {
    let (sender, told) = sync_channel(64);
    (pool.open(camera(name), Arc::new(Screen::default()), callbacks(sender)), told)
}

fn next(told: &Receiver<Told>) -> Told {
    told.recv_timeout(PATIENCE).expect("in time")
}

fn keyframe(width: u32, height: u32) -> EncodedUnit {
    let mut frame = FramePool::new().frame(width, height, CaptureTime::now());
    pattern::paint(&mut frame, 0, 1);
    let config = EncoderConfig { layer: Layer::High, bitrate_kbps: 1000, fps: 30 };
    H264Encoder::new(config).encode(&frame, true).unwrap().unwrap()
}

#[test]
fn streams_are_shared_evenly_among_the_threads_in_whatever_order_they_come_and_go() {
    let pool = pool(2, 0);
    let counts = || -> Vec<usize> { pool.workers.iter().map(|w| w.lock().lanes.count()).collect() };
    let mut streams: Vec<_> = (0..4).map(|n| open(&pool, &n.to_string()).0).collect();
    for round in 0..3 {
        // In turn, half of those that follow would be with the two that are left.
        streams.retain(|stream| !Arc::ptr_eq(&stream.worker, &pool.workers[0]));
        assert_eq!(counts(), [0, 2], "round {round}");
        streams.extend((0..2).map(|n| open(&pool, &n.to_string()).0));
        assert_eq!(counts(), [2, 2], "round {round}");
    }
}

#[test]
fn a_thread_starts_with_its_first_stream_and_not_before() {
    let pool = pool(3, 0);
    let running = || pool.workers.iter().filter(|worker| worker.lock().running).count();
    assert_eq!(running(), 0, "nothing is watched");
    let first = open(&pool, "first");
    assert_eq!(running(), 1);
    let second = open(&pool, "second");
    assert_eq!(running(), 2);
    drop((first, second));
    let (stream, told) = open(&pool, "third");
    assert_eq!(running(), 2, "a thread that is there does");
    pool.submit(&stream, keyframe(320, 180));
    assert_eq!(next(&told), Told::Picture(320, 180));
}

#[test]
fn a_stream_beyond_the_budget_is_told_why_and_the_others_go_on() {
    let one = 120 * 68 * (1 + DECODER_PICTURES) - DECODER_MACROBLOCKS_OWN;
    let pool = pool(2, one);
    let (small, large) = (keyframe(320, 180), keyframe(1920, 1080));
    let (first, first_told) = open(&pool, "first");
    let (second, second_told) = open(&pool, "second");
    let (third, third_told) = open(&pool, "third");

    pool.submit(&first, large.clone());
    assert_eq!(next(&first_told), Told::Picture(1920, 1080));
    pool.submit(&second, large.clone());
    assert_eq!(next(&second_told), Told::KeyframeNeeded);
    pool.submit(&second, large.clone());
    let refused = next(&second_told);
    assert!(
        matches!(&refused, Told::Refused(why) if why.contains("no room for 1920×1088")),
        "{refused:?}"
    );
    // It is over for this stream, whatever comes.
    pool.submit(&second, small.clone());
    pool.submit(&third, small);
    assert_eq!(next(&third_told), Told::Picture(320, 180));
    pool.submit(&first, large.clone());
    assert_eq!(next(&first_told), Told::Picture(1920, 1080));
    assert!(second_told.try_recv().is_err());

    // A place is free again when a stream ends, be it closed or forgotten.
    first.close();
    let (fourth, fourth_told) = open(&pool, "fourth");
    settle(&pool, one);
    pool.submit(&fourth, large.clone());
    assert_eq!(next(&fourth_told), Told::Picture(1920, 1080));
    drop(fourth);
    settle(&pool, one);
}

/// Waits until the threads have let go of what closed streams held.
fn settle(pool: &DecoderPool, macroblocks: usize) {
    let end = Instant::now() + PATIENCE;
    while pool.budgets.macroblocks.left() < macroblocks {
        assert!(Instant::now() < end, "the place is still taken");
        std::thread::yield_now();
    }
}

#[test]
fn one_refused_unit_is_healed_by_the_next_keyframe() {
    let pool = pool(1, 0);
    let (stream, told) = open(&pool, "a");
    let good = keyframe(320, 180);
    for _ in 0..3 {
        let two = [&good.data[..], &good.data[..]].concat();
        pool.submit(&stream, EncodedUnit { data: two.into(), ..good.clone() });
        assert_eq!(next(&told), Told::KeyframeNeeded);
        pool.submit(&stream, good.clone());
        assert_eq!(next(&told), Told::Picture(320, 180));
    }
}

#[test]
fn a_stream_that_takes_long_does_not_stop_another_on_its_thread() {
    let pool = pool(1, 0);
    let (order_sender, order) = sync_channel(64);
    let (entered_sender, entered) = sync_channel(64);
    let (gate, closed_gate) = sync_channel::<()>(0);
    let closed_gate = Mutex::new(closed_gate);
    let slow_order = order_sender.clone();
    let slow = StreamCallbacks {
        // The first picture takes until the gate opens, the others no time at all.
        on_picture: Box::new(move |_, _| {
            let _ = entered_sender.try_send(());
            let _ = closed_gate.lock().unwrap().recv();
            let _ = slow_order.try_send("slow");
        }),
        on_keyframe_needed: Box::new(|| {}),
        on_refused: Box::new(|_| {}),
    };
    let fast = StreamCallbacks {
        on_picture: Box::new(move |_, _| {
            let _ = order_sender.try_send("fast");
        }),
        on_keyframe_needed: Box::new(|| {}),
        on_refused: Box::new(|_| {}),
    };
    let slow = pool.open(camera("slow"), Arc::new(Screen::default()), slow);
    let fast = pool.open(camera("fast"), Arc::new(Screen::default()), fast);
    let unit = keyframe(320, 180);
    pool.submit(&slow, unit.clone());
    entered.recv_timeout(PATIENCE).unwrap();
    // All that wait for the slow one were there before the first of the fast one.
    (0..DECODE_QUEUE_MAX).for_each(|_| pool.submit(&slow, unit.clone()));
    (0..DECODE_QUEUE_MAX).for_each(|_| pool.submit(&fast, unit.clone()));
    drop(gate);
    let pictures: Vec<_> =
        (0..=2 * DECODE_QUEUE_MAX).map(|_| order.recv_timeout(PATIENCE).unwrap()).collect();
    assert_eq!(pictures[..2], ["slow", "fast"]);
    assert_eq!(pictures.iter().filter(|name| **name == "fast").count(), DECODE_QUEUE_MAX);
}

#[test]
fn what_a_closed_stream_is_given_counts_as_dropped() {
    let pool = pool(1, 0);
    let screen = Arc::new(Screen::default());
    let (sender, _told) = sync_channel(64);
    let stream = pool.open(camera("a"), Arc::clone(&screen), callbacks(sender));
    stream.close();
    pool.submit(&stream, keyframe(320, 180));
    let stats = screen.meter().tick(Instant::now(), Default::default(), Layer::High, None);
    assert_eq!(stats.frames_dropped, 1);
}
