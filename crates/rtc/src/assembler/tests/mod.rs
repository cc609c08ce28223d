//! The assembler on made-up packets and made-up time.

mod made_up;

use lanlens_model::limits;

use super::*;
use made_up::*;

#[test]
fn a_unit_comes_out_with_its_last_packet() {
    let mut sender = Sender::new(10, 900);
    let mut rig = Rig::new();
    let packets = sender.keyframe(450);
    let (last, rest) = packets.split_last().unwrap();
    rig.take(rest.to_vec());
    assert!(rig.units.is_empty());
    let arrived = rig.now;
    rig.now += Duration::from_millis(5);
    rig.take([last.clone()]);
    let unit = &rig.units[0];
    assert_eq!(unit.data, keyframe_bytes(450));
    assert!(unit.keyframe);
    assert_eq!(unit.media_time, 3_900);
    assert_eq!(unit.captured, CaptureTime { instant: arrived, unix_us: 0 });
}

#[test]
fn single_nal_units_of_every_size_around_the_packet_size_survive() {
    let mut sender = Sender::new(10, 900);
    let mut rig = Rig::started(&mut sender);
    for size in [0, 1, MTU - 3, MTU - 2, MTU - 1, 2 * MTU, 10 * MTU] {
        rig.take(sender.delta(size));
        assert_eq!(rig.units.pop().unwrap().data, annex_b(&[&slice(0x41, size)]), "{size}");
    }
}

#[test]
fn sequence_numbers_and_timestamps_wrap() {
    let mut sender = Sender::new(u16::MAX - 3, u32::MAX - 4_000);
    let mut rig = Rig::new();
    rig.take(sender.keyframe(450));
    for _ in 0..5 {
        rig.take(sender.delta(300));
    }
    assert_eq!(rig.units.len(), 6);
    assert_eq!(rig.assembler.stats().packets_lost, 0);
}

#[test]
fn packets_in_any_order_make_the_same_units() {
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..50 {
        let mut sender = Sender::new(random.u16(..), random.u32(..));
        let mut rig = Rig::started(&mut sender);
        let mut packets: Vec<RtpPacket> = (0..4).flat_map(|_| sender.delta(350)).collect();
        random.shuffle(&mut packets);
        rig.take(packets);
        let times: Vec<u32> = rig.units.iter().map(|unit| unit.media_time).collect();
        assert_eq!(times.len(), 4);
        assert!(times.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(3_000)));
        assert_eq!(rig.assembler.stats().units_dropped, 0);
    }
}

#[test]
fn duplicates_change_nothing() {
    let mut sender = Sender::new(10, 0);
    let mut rig = Rig::new();
    for packet in sender.keyframe(450).into_iter().chain(sender.delta(250)) {
        rig.take([packet.clone(), packet.clone(), packet]);
    }
    assert_eq!(rig.units.len(), 2);
    assert_eq!(rig.units[0].data, keyframe_bytes(450));
}

#[test]
fn a_retransmission_in_time_costs_nothing_but_its_delay() {
    let mut sender = Sender::new(10, 0);
    let mut rig = Rig::started(&mut sender);
    let mut torn = sender.delta(350);
    let lost = torn.remove(1);
    rig.take(torn);
    rig.take(sender.delta(10));
    rig.pass(Duration::from_millis(99));
    assert!(rig.units.is_empty());
    rig.take([lost]);
    assert_eq!(rig.units.len(), 2);
    assert_eq!(rig.requests, 0);
    let stats = rig.assembler.stats();
    assert_eq!((stats.packets_recovered, stats.packets_lost, stats.units_dropped), (1, 0, 0));
}

#[test]
fn a_gap_is_given_up_after_its_wait_and_a_keyframe_is_asked_for_until_it_comes() {
    let mut sender = Sender::new(10, 0);
    let mut rig = Rig::started(&mut sender);
    rig.pass(Duration::from_secs(1));
    let mut torn = sender.delta(350);
    torn.remove(1);
    rig.take(torn);
    rig.pass(Duration::from_millis(99));
    assert_eq!(rig.requests, 0);
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.requests, 1, "asked at once");
    rig.pass(Duration::from_millis(299));
    assert_eq!(rig.requests, 1);
    rig.pass(Duration::from_millis(1));
    assert_eq!(rig.requests, 2, "and every 300 ms");
    rig.take(sender.delta(50));
    assert!(rig.units.is_empty(), "not decodable without the lost unit");
    rig.take(sender.keyframe(450));
    rig.take(sender.delta(50));
    assert_eq!(rig.units.len(), 2);
    rig.pass(Duration::from_secs(5));
    assert_eq!(rig.requests, 2, "satisfied");
    let stats = rig.assembler.stats();
    assert_eq!((stats.packets_lost, stats.units_dropped), (1, 3), "torn, its rest, the delta");
}

#[test]
fn a_long_round_trip_makes_a_gap_wait_longer_but_not_for_ever() {
    for (round_trip_ms, wait_ms) in [(1, 100), (33, 100), (50, 150), (100, 300), (60_000, 500)] {
        let mut sender = Sender::new(10, 0);
        let mut rig = Rig::started(&mut sender);
        rig.pass(Duration::from_secs(1));
        rig.assembler.set_round_trip(Duration::from_millis(round_trip_ms));
        let mut torn = sender.delta(350);
        torn.remove(1);
        rig.take(torn);
        rig.pass(Duration::from_millis(wait_ms - 1));
        assert_eq!(rig.requests, 0, "round trip {round_trip_ms} ms");
        rig.pass(Duration::from_millis(1));
        assert_eq!(rig.requests, 1, "round trip {round_trip_ms} ms");
    }
}

#[test]
fn while_a_keyframe_is_awaited_it_does_not_wait_behind_a_gap() {
    let mut sender = Sender::new(10, 0);
    let mut rig = Rig::started(&mut sender);
    let mut torn = sender.delta(350);
    torn.remove(1);
    rig.take(torn);
    rig.pass(Duration::from_millis(100));
    // Another gap, then the keyframe that was asked for.
    let mut torn = sender.delta(350);
    torn.remove(0);
    rig.take(torn);
    rig.take(sender.keyframe(450));
    assert_eq!(rig.units.len(), 1);
    assert_eq!(rig.units[0].data, keyframe_bytes(450));
}

#[test]
fn a_stream_joined_in_the_middle_begins_with_its_first_keyframe() {
    let mut sender = Sender::new(10, 0);
    let mut rig = Rig::new();
    rig.take(sender.delta(350).split_off(1));
    rig.take(sender.delta(350));
    assert_eq!(rig.requests, 1);
    rig.take(sender.keyframe(450));
    assert_eq!(rig.units.len(), 1);
    assert!(rig.units[0].keyframe);
}

#[test]
fn a_keyframe_whose_beginning_was_lost_is_not_delivered() {
    // Two slices, and the packet with the parameter sets and the first slice never came.
    let mut sender = Sender::new(10, 0);
    let mut rig = Rig::started(&mut sender);
    let second = [vec![0x65, 0x40], vec![9; 50]].concat();
    let packets =
        sender.unit(&[SPS_NAL.to_vec(), PPS_NAL.to_vec(), slice(0x65, 20), second.clone()]);
    rig.take(packets[2..].to_vec());
    rig.pass(Duration::from_millis(100));
    assert!(rig.units.is_empty());
}

#[test]
fn parameter_sets_are_put_before_a_keyframe_that_comes_without() {
    let mut sender = Sender::new(10, 0);
    let mut rig = Rig::started(&mut sender);
    rig.take(sender.unit(&[slice(0x65, 450)]));
    assert_eq!(rig.units[0].data, keyframe_bytes(450));
    // Sent in a unit of their own they serve as well.
    let mut rig = Rig::new();
    rig.take(sender.unit(&[SPS_NAL.to_vec(), PPS_NAL.to_vec()]));
    rig.take(sender.unit(&[slice(0x65, 450)]));
    assert_eq!(rig.units[0].data, keyframe_bytes(450));
}

#[test]
fn a_keyframe_without_any_parameter_sets_is_not_delivered() {
    let mut sender = Sender::new(10, 0);
    let mut rig = Rig::new();
    rig.take(sender.delta(5));
    rig.take(sender.unit(&[slice(0x65, 450)]));
    assert!(rig.units.is_empty());
}

#[test]
fn padding_counts_as_received_and_adds_nothing() {
    let mut sender = Sender::new(10, 0);
    let mut rig = Rig::started(&mut sender);
    let mut packets = vec![sender.packet(Vec::new(), false)];
    packets.extend(sender.delta(20));
    packets.push(sender.packet(Vec::new(), false));
    packets.push(sender.packet(Vec::new(), false));
    packets.extend(sender.delta(250));
    rig.take(packets);
    assert_eq!(rig.units.len(), 2);
    assert_eq!(rig.units[1].data, annex_b(&[&slice(0x41, 250)]));
    rig.pass(Duration::from_secs(1));
    assert_eq!(rig.assembler.stats().units_dropped, 0);
}

#[test]
fn a_unit_without_marker_ends_where_the_next_begins() {
    let mut sender = Sender::new(10, 0);
    let mut rig = Rig::started(&mut sender);
    let mut unmarked = sender.delta(250);
    unmarked.last_mut().unwrap().marker = false;
    rig.take(unmarked);
    assert!(rig.units.is_empty());
    rig.take(sender.delta(20));
    assert_eq!(rig.units.len(), 2);
}

#[test]
fn delimiters_and_filler_are_left_out() {
    let mut sender = Sender::new(10, 0);
    let mut rig = Rig::started(&mut sender);
    rig.take(sender.unit(&[vec![0x09, 0xf0], slice(0x41, 20), vec![0x0c, 0xff, 0x80]]));
    assert_eq!(rig.units[0].data, annex_b(&[&slice(0x41, 20)]));
}

#[test]
fn a_unit_over_the_limit_is_discarded_and_the_stream_goes_on() {
    let mut sender = Sender::new(10, 0);
    let mut rig = Rig::started(&mut sender);
    let piece = 60_000;
    let pieces = limits::ACCESS_UNIT_BYTES_MAX / piece + 1;
    for index in 0..pieces {
        let marker = index + 1 == pieces;
        let packet = sender.packet(slice(0x41, piece), marker);
        rig.take([packet]);
    }
    assert!(rig.units.is_empty());
    sender.timestamp = 90_000;
    rig.take(sender.keyframe(450));
    assert_eq!(rig.units.len(), 1);
}

#[test]
fn a_unit_that_never_ends_does_not_grow_the_window() {
    let mut sender = Sender::new(10, 0);
    let mut rig = Rig::started(&mut sender);
    for _ in 0..60_000 {
        let packet = sender.packet(slice(0x41, 1_200), false);
        rig.take([packet]);
        let (packets, bytes) = rig.assembler.window.held();
        assert!(packets <= window::PACKETS_MAX && bytes <= window::BYTES_MAX);
    }
    sender.timestamp = 90_000;
    rig.take(sender.keyframe(450));
    rig.take(sender.keyframe(450));
    assert!(!rig.units.is_empty());
}

#[test]
fn a_unit_of_the_greatest_length_comes_out_and_one_byte_more_is_discarded() {
    for (more, whole) in [(0, 1), (1, 0)] {
        let mut sender = Sender::new(10, 0);
        let mut rig = Rig::started(&mut sender);
        // One slice behind one start code, in fragments as large as a datagram can be.
        let nal = slice(0x41, limits::ACCESS_UNIT_BYTES_MAX - 4 - 2 + more);
        let chunks: Vec<_> = nal[1..].chunks(60_000).collect();
        for (index, chunk) in chunks.iter().enumerate() {
            let (first, last) = (index == 0, index + 1 == chunks.len());
            let mut fragment = vec![0x5c, u8::from(first) << 7 | u8::from(last) << 6 | 1];
            fragment.extend(*chunk);
            let packet = sender.packet(fragment, last);
            rig.take([packet]);
        }
        assert_eq!(rig.units.len(), whole);
        assert!(rig.units.iter().all(|unit| unit.data.len() == limits::ACCESS_UNIT_BYTES_MAX));
    }
}

#[test]
fn packets_of_one_stream_leave_the_others_their_own_part() {
    let shared = SharedBudget::new(limits::REASSEMBLY_BYTES_SHARED);
    let rig = || {
        let allowance = shared.allowance(limits::REASSEMBLY_BYTES_OWN);
        Rig { assembler: Assembler::within(allowance), ..Rig::new() }
    };
    // As many as it takes to use up the rest, each with a unit that never ends.
    let mut greedy: Vec<_> = (0..10).map(|_| (Sender::new(10, 0), rig())).collect();
    for (sender, rig) in &mut greedy {
        rig.take(sender.keyframe(250));
        for _ in 0..90 {
            let packet = sender.packet(slice(0x41, 60_000), false);
            rig.take([packet]);
        }
    }
    assert!(greedy.iter().any(|(_, rig)| rig.assembler.stats().units_dropped > 0));
    let mut rest = shared.allowance(0);
    rest.hold(shared.left()).unwrap();

    let (mut sender, mut rig) = (Sender::new(10, 0), rig());
    for _ in 0..3 {
        // In packets of 100 bytes, each of which counts with its own cost too.
        rig.take(sender.keyframe(120_000));
    }
    assert_eq!(rig.units.len(), 3);
    drop((greedy, rest));
    assert_eq!(shared.left(), limits::REASSEMBLY_BYTES_SHARED);
}

#[test]
fn another_stream_starts_over() {
    let mut sender = Sender::new(10, 0);
    let mut rig = Rig::started(&mut sender);
    let mut other = Sender::new(40_000, 5);
    let relabel = |packets: Vec<RtpPacket>| {
        packets.into_iter().map(|packet| RtpPacket { ssrc: 8, ..packet }).collect::<Vec<_>>()
    };
    rig.take(relabel(other.delta(50)));
    assert!(rig.units.is_empty());
    assert_eq!(rig.requests, 1, "a keyframe of the new stream is asked for at once");
    rig.take(relabel(other.keyframe(50)));
    assert_eq!(rig.units.len(), 1);
}

#[test]
fn a_sender_that_starts_over_is_followed() {
    for restart in [30_000, 9_900] {
        let mut sender = Sender::new(10_000, 0);
        let mut rig = Rig::started(&mut sender);
        sender.sequence = restart;
        for _ in 0..120 {
            rig.take(sender.keyframe(10));
        }
        assert!(rig.units.len() > 1, "restart at {restart}");
    }
}

#[test]
fn the_capture_time_comes_from_whichever_packet_carries_it_and_is_carried_on() {
    let mut sender = Sender::new(10, 0);
    let mut rig = Rig::started(&mut sender);
    let mut stamped = sender.delta(350);
    stamped[1].captured_unix_us = Some(1_000_000);
    rig.take(stamped);
    rig.take(sender.delta(10));
    assert_eq!(rig.units[0].captured.unix_us, 1_000_000);
    assert_eq!(rig.units[1].captured.unix_us, 1_033_333);
}

#[test]
fn a_decoders_wish_is_passed_on_at_once_but_not_twice_in_300_ms() {
    let mut sender = Sender::new(10, 0);
    let mut rig = Rig::started(&mut sender);
    rig.pass(Duration::from_secs(1));
    rig.assembler.request_keyframe(rig.now);
    rig.assembler.request_keyframe(rig.now);
    rig.drain();
    assert_eq!(rig.requests, 1);
    rig.take(sender.delta(10));
    assert_eq!(rig.units.len(), 1, "what is whole is still delivered");
    rig.pass(Duration::from_millis(300));
    assert_eq!(rig.requests, 2);
    rig.take(sender.keyframe(10));
    rig.pass(Duration::from_secs(5));
    assert_eq!(rig.requests, 2);
}

#[test]
fn broken_payloads_are_discarded_and_the_stream_goes_on() {
    let broken: [&[u8]; 15] = [
        &[0x78, 0],          // half a length
        &[0x78, 0, 9, 0x65], // a length beyond the packet
        &[0x78, 0, 0],       // an empty NAL unit
        &[0x78, 0, 1, 0x78], // an aggregate in an aggregate
        &[0x7c],             // FU-A without its header
        &[0x7c, 0x05, 1],    // a middle fragment alone
        &[0x7c, 0x45, 1],    // a last fragment alone
        &[0x7c, 0x85, 1],    // a first fragment alone
        &[0x79, 1, 2, 3],    // STAP-B
        &[0x7d, 0x85, 1],    // FU-B
        &[0x60, 1],          // type 0
        &[0x65],             // a slice without a header
        &[0xc1, 0x9a],       // a slice that is marked as damaged
        &[0xfc, 0xc1, 0x9a], // the same in fragments
        &[0x78, 0, 2, 0xc1, 0x9a],
    ];
    for payload in broken {
        let mut sender = Sender::new(10, 0);
        let mut rig = Rig::started(&mut sender);
        sender.timestamp += 3_000;
        let packet = sender.packet(payload.to_vec(), true);
        rig.take([packet]);
        assert!(rig.units.is_empty(), "{payload:x?}");
        rig.take(sender.keyframe(50));
        assert_eq!(rig.units.len(), 1, "{payload:x?}");
    }
}

#[test]
fn no_garbage_breaks_the_assembler() {
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut rig = Rig::new();
        let mut sequence = random.u16(..);
        for _ in 0..400 {
            sequence = match random.u8(..20) {
                0 => random.u16(..),
                1..4 => sequence.wrapping_sub(random.u16(..8)),
                4..7 => sequence.wrapping_add(random.u16(..8)),
                _ => sequence.wrapping_add(1),
            };
            let mut payload: Vec<u8> = (0..random.usize(..40)).map(|_| random.u8(..)).collect();
            if let Some(header) = payload.first_mut() {
                *header = 0x60 | *random.choice(&[1, 5, 7, 8, 24, 28, *header & 0x1f]).unwrap();
            }
            rig.take([RtpPacket {
                ssrc: if random.u8(..) == 0 { random.u32(..) } else { SSRC },
                sequence,
                timestamp: random.u32(..4) * 3_000,
                marker: random.u8(..4) == 0,
                payload: payload.into(),
                captured_unix_us: random.bool().then(|| random.u64(..)),
            }]);
            rig.pass(Duration::from_millis(random.u64(..30)));
        }
        // Whatever it was fed, it recovers with the next keyframes.
        let mut sender = Sender::new(sequence.wrapping_add(1), 1_000_000);
        rig.units.clear();
        for _ in 0..110 {
            rig.take(sender.keyframe(50));
            rig.pass(Duration::from_millis(33));
        }
        assert!(rig.units.iter().any(|unit| unit.data == keyframe_bytes(50)), "seed {seed}");
    }
}
