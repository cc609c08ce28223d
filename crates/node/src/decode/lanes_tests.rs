//! Order, bounds and fairness, on units that are only counted and times that are only told.

use lanlens_media::{CaptureTime, SharedBudget};
use lanlens_model::limits::{
    ACCESS_UNIT_BYTES_MAX, CAMERAS_PER_VIEWER_MAX, DECODE_QUEUE_BYTES_OWN,
    DECODE_QUEUE_BYTES_SHARED,
};
use lanlens_model::{Layer, MediaKind};

use super::*;

const MS: Duration = Duration::from_millis(1);

fn unit(keyframe: bool, bytes: usize, media_time: u32) -> EncodedUnit {
    EncodedUnit {
        kind: MediaKind::Video,
        layer: Layer::High,
        data: vec![0; bytes].into(),
        keyframe,
        captured: CaptureTime::now(),
        media_time,
    }
}

fn shared() -> SharedBudget {
    SharedBudget::new(DECODE_QUEUE_BYTES_SHARED)
}

fn open(lanes: &mut Lanes<&'static str>, name: &'static str) -> LaneId {
    lanes.open(name, shared().allowance(DECODE_QUEUE_BYTES_OWN))
}

/// The lanes' names in the order of their turns, each of which takes what `cost` says.
fn turns(lanes: &mut Lanes<&'static str>, cost: impl Fn(&str) -> Duration) -> Vec<&'static str> {
    let next = || {
        let turn = lanes.take()?;
        lanes.charge(turn.lane, cost(turn.item));
        Some(turn.item)
    };
    std::iter::from_fn(next).collect()
}

#[test]
fn units_of_a_stream_keep_their_order_among_those_of_others() {
    let mut lanes = Lanes::default();
    let (a, b) = (open(&mut lanes, "a"), open(&mut lanes, "b"));
    for time in 0..6 {
        lanes.put(a, unit(true, 10, time));
        lanes.put(b, unit(true, 10, time));
    }
    let mut seen = BTreeMap::from([("a", Vec::new()), ("b", Vec::new())]);
    while let Some(turn) = lanes.take() {
        lanes.charge(turn.lane, MS);
        seen.entry(turn.item).or_default().push(turn.unit.media_time);
    }
    assert!(seen.values().all(|times| *times == [0, 1, 2, 3, 4, 5]), "{seen:?}");
}

#[test]
fn streams_that_cost_the_same_take_turns() {
    let mut lanes = Lanes::default();
    let (a, b) = (open(&mut lanes, "a"), open(&mut lanes, "b"));
    for lane in [a, a, a, b, b, b] {
        lanes.put(lane, unit(true, 10, 0));
    }
    assert_eq!(turns(&mut lanes, |_| MS), ["a", "b", "a", "b", "a", "b"]);
}

#[test]
fn a_stream_that_takes_long_to_decode_does_not_stop_another_on_the_same_thread() {
    // Both come 30 times a second for ten seconds; one costs more than the thread has.
    let mut lanes = Lanes::default();
    let (slow, fast) = (open(&mut lanes, "slow"), open(&mut lanes, "fast"));
    let (mut now, mut pictures, mut dropped) = (Duration::ZERO, [0, 0], [0, 0]);
    for number in 0..300 {
        let due = number * 33 * MS;
        while now < due {
            let Some(turn) = lanes.take() else {
                now = due;
                break;
            };
            let cost = if turn.item == "slow" { 100 * MS } else { 2 * MS };
            lanes.charge(turn.lane, cost);
            now += cost;
            pictures[usize::from(turn.item == "fast")] += 1;
        }
        for (index, lane) in [slow, fast].into_iter().enumerate() {
            dropped[index] += u32::from(lanes.put(lane, unit(true, 1000, number)) != Put::Waits);
        }
    }
    assert_eq!(dropped[1], 0, "the cheap stream loses nothing");
    assert!(pictures[1] >= 290, "{pictures:?}");
    assert!(dropped[0] > 100 && pictures[0] > 80, "{pictures:?} {dropped:?}");
}

#[test]
fn time_that_was_not_used_is_not_saved_up() {
    let mut lanes = Lanes::default();
    let (busy, late) = (open(&mut lanes, "busy"), open(&mut lanes, "late"));
    for _ in 0..100 {
        lanes.put(busy, unit(true, 10, 0));
        turns(&mut lanes, |_| 10 * MS);
    }
    for lane in [busy, busy, busy, late, late, late] {
        lanes.put(lane, unit(true, 10, 0));
    }
    let order = turns(&mut lanes, |_| 10 * MS);
    let first_busy = order.iter().position(|name| *name == "busy");
    assert!(first_busy.is_some_and(|at| at <= 2), "{order:?}");
}

#[test]
fn a_full_lane_drops_to_the_next_keyframe_and_asks_for_it_when_there_is_room() {
    let mut lanes = Lanes::default();
    let lane = open(&mut lanes, "a");
    assert_eq!(lanes.put(lane, unit(false, 10, 0)), Put::Dropped, "it begins with a keyframe");
    for number in 0..DECODE_QUEUE_MAX {
        assert_eq!(lanes.put(lane, unit(number == 0, 10, 0)), Put::Waits);
    }
    assert_eq!(lanes.put(lane, unit(false, 10, 0)), Put::Dropped);
    for number in 1..=DECODE_QUEUE_MAX {
        let turn = lanes.take().unwrap();
        assert_eq!(turn.ask_keyframe, number == DECODE_QUEUE_MAX, "{number}");
        assert_eq!(lanes.put(lane, unit(false, 10, 0)), Put::Dropped);
    }
    assert_eq!(lanes.put(lane, unit(true, 10, 0)), Put::Waits);
    assert!(!lanes.take().unwrap().ask_keyframe, "once is enough");
}

#[test]
fn a_lane_is_full_at_its_bytes_too() {
    let mut lanes = Lanes::default();
    let lane = open(&mut lanes, "a");
    let half = DECODE_QUEUE_BYTES_MAX / 2;
    assert_eq!(lanes.put(lane, unit(true, half, 0)), Put::Waits);
    assert_eq!(lanes.put(lane, unit(false, half, 0)), Put::Waits);
    assert_eq!(lanes.put(lane, unit(false, 1, 0)), Put::Dropped);
    lanes.take();
    assert_eq!(lanes.put(lane, unit(true, half + 1, 0)), Put::Dropped);
    assert_eq!(lanes.put(lane, unit(true, half, 0)), Put::Waits);
}

#[test]
fn the_largest_unit_finds_room_in_an_empty_lane() {
    let mut lanes = Lanes::default();
    let lane = open(&mut lanes, "a");
    assert_eq!(lanes.put(lane, unit(true, ACCESS_UNIT_BYTES_MAX, 0)), Put::Waits);
}

#[test]
fn streams_that_hold_all_there_is_leave_the_others_their_own_part() {
    let (mut lanes, shared) = (Lanes::default(), shared());
    let ids: Vec<_> = (0..CAMERAS_PER_VIEWER_MAX)
        .map(|_| lanes.open("", shared.allowance(DECODE_QUEUE_BYTES_OWN)))
        .collect();
    let (modest, greedy) = ids.split_last().unwrap();
    let mut waits = 0;
    for lane in greedy {
        while lanes.put(*lane, unit(true, 512 * 1024, 0)) == Put::Waits {
            waits += 512 * 1024;
        }
    }
    assert!(waits <= CAMERAS_PER_VIEWER_MAX * DECODE_QUEUE_BYTES_OWN + DECODE_QUEUE_BYTES_SHARED);
    assert_eq!(shared.left(), 0);
    assert_eq!(lanes.put(*modest, unit(true, DECODE_QUEUE_BYTES_OWN, 0)), Put::Waits);
    lanes.take();
    lanes.close(greedy[0]);
    assert_eq!(lanes.put(*modest, unit(true, 1024 * 1024, 0)), Put::Waits);
}

#[test]
fn a_unit_that_finds_no_room_in_an_empty_lane_is_asked_for_again_at_once() {
    let mut lanes = Lanes::default();
    let lane = lanes.open("a", SharedBudget::new(0).allowance(10));
    assert_eq!(lanes.put(lane, unit(true, 11, 0)), Put::DroppedAlone);
    assert_eq!(lanes.put(lane, unit(false, 1, 0)), Put::Dropped);
    assert_eq!(lanes.put(lane, unit(true, 10, 0)), Put::Waits);
}

#[test]
fn a_closed_lane_takes_nothing_and_gives_back_its_bytes() {
    let (mut lanes, shared) = (Lanes::default(), SharedBudget::new(100));
    let lane = lanes.open("a", shared.allowance(0));
    lanes.put(lane, unit(true, 100, 0));
    assert_eq!(shared.left(), 0);
    lanes.close(lane);
    assert_eq!(shared.left(), 100);
    assert!(lanes.is_idle() && lanes.take().is_none());
    assert_eq!(lanes.put(lane, unit(true, 1, 0)), Put::Dropped);
}
