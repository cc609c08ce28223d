//! What a hostile camera may make a decoder hold: each limit at its value and one past it.

mod crafted;

use crafted::{keyframe, led_by, sps_of, with_references};
use lanlens_codec::H264Decoder;
use lanlens_media::{DecodeError, Decoder, EncodedUnit, SharedBudget, VideoFrame, h264};
use lanlens_model::limits::{
    ACCESS_UNIT_BYTES_MAX, CAMERAS_PER_VIEWER_MAX, DECODER_MACROBLOCKS_OWN,
    DECODER_MACROBLOCKS_SHARED, DECODER_PICTURES, NAL_UNITS_PER_ACCESS_UNIT_MAX,
};

fn decoder() -> H264Decoder {
    H264Decoder::new().expect("it starts")
}

fn sharing(shared: &SharedBudget) -> H264Decoder {
    H264Decoder::within(shared.allowance(DECODER_MACROBLOCKS_OWN)).expect("it starts")
}

fn picture(decoder: &mut H264Decoder, unit: &EncodedUnit) -> VideoFrame {
    decoder.decode(unit).expect("it decodes").expect("a picture")
}

fn refusal(decoder: &mut H264Decoder, unit: &EncodedUnit) -> String {
    match decoder.decode(unit) {
        Err(DecodeError::Refused(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

/// The unit with this many bytes of supplemental information before its picture, to make it so long.
fn padded_to(length: usize, unit: &EncodedUnit) -> EncodedUnit {
    let mut filler = vec![0x06, 0x05];
    filler.resize(length - unit.data.len() - h264::START_CODE.len(), 0xFF);
    let padded = led_by(&[&filler], unit);
    assert_eq!(padded.data.len(), length);
    padded
}

#[test]
fn the_largest_picture_decodes_and_one_macroblock_more_is_refused() {
    let largest = keyframe(3840, 2160);
    let frame = picture(&mut decoder(), &largest);
    assert_eq!((frame.width(), frame.height()), (3840, 2160));
    // 241 macroblocks side by side, and 136 one below the other; no cropping.
    for (columns, rows, size) in [(241, 135, "3856×2160"), (240, 136, "3840×2176")] {
        let sps = crafted::baseline_sps(columns, rows);
        let reason = refusal(&mut decoder(), &led_by(&[&sps], &largest));
        assert!(reason.contains(size), "{reason}");
    }
}

#[test]
fn the_reference_pictures_of_a_level_decode_and_one_more_is_refused() {
    for (width, height, most) in [(3840, 2160, 5), (1280, 720, 16)] {
        let unit = keyframe(width, height);
        picture(&mut decoder(), &with_references(&unit, most));
        let reason = refusal(&mut decoder(), &with_references(&unit, most + 1));
        assert!(reason.contains("reference pictures"), "{reason}");
    }
}

#[test]
fn a_unit_of_the_greatest_length_decodes_and_one_byte_more_is_refused() {
    let unit = keyframe(3840, 2160);
    picture(&mut decoder(), &padded_to(ACCESS_UNIT_BYTES_MAX, &unit));
    let reason = refusal(&mut decoder(), &padded_to(ACCESS_UNIT_BYTES_MAX + 1, &unit));
    assert!(reason.contains("bytes"), "{reason}");
}

#[test]
fn a_unit_longer_than_its_picture_can_be_is_refused() {
    // 320×180 is 240 macroblocks; 640 bytes each and 64 KiB beside them.
    let (unit, most) = (keyframe(320, 180), 240 * 640 + 64 * 1024);
    picture(&mut decoder(), &padded_to(most, &unit));
    let reason = refusal(&mut decoder(), &padded_to(most + 1, &unit));
    assert!(reason.contains("larger than its picture"), "{reason}");
}

#[test]
fn a_unit_of_many_nal_units_decodes_up_to_the_limit() {
    let unit = keyframe(320, 180);
    let own = h264::nal_units(&unit.data).count();
    let most = vec![&[0x06u8, 0xFF, 0x80][..]; NAL_UNITS_PER_ACCESS_UNIT_MAX - own];
    picture(&mut decoder(), &led_by(&most, &unit));
    let more = [&most[..], &most[..1]].concat();
    let reason = refusal(&mut decoder(), &led_by(&more, &unit));
    assert!(reason.contains("NAL units"), "{reason}");
}

#[test]
fn every_viewer_place_has_room_for_720p_whatever_the_others_take() {
    // Only counted here: the pictures themselves are measured by `examples/decoder_memory.rs`.
    let shared = SharedBudget::new(0);
    let unit = keyframe(1280, 720);
    let mut decoders: Vec<_> = (0..4).map(|_| sharing(&shared)).collect();
    for decoder in &mut decoders {
        picture(decoder, &unit);
    }
    let reason = refusal(&mut sharing(&shared), &with_references(&unit, 2));
    assert!(reason.contains("no room for 1280×720 (reference pictures: 2)"), "{reason}");
}

#[test]
fn the_shared_rest_makes_sixteen_streams_1080p_and_one_4k() {
    let cost = |macroblocks: usize, references| macroblocks * (references + DECODER_PICTURES);
    let beyond = |cost: usize| cost - DECODER_MACROBLOCKS_OWN;
    let wanted = 16 * beyond(cost(120 * 68, 1)) + beyond(cost(240 * 135, 1));
    assert!((wanted..wanted + 10_000).contains(&DECODER_MACROBLOCKS_SHARED), "{wanted}");
    // The greediest stream that is legal finds room too, while nobody else is as greedy.
    assert!(beyond(cost(240 * 135, 5)) <= DECODER_MACROBLOCKS_SHARED);
    assert!(CAMERAS_PER_VIEWER_MAX * DECODER_MACROBLOCKS_OWN >= 64 * cost(3600, 1));
}

#[test]
fn a_stream_beyond_the_budget_is_refused_and_the_others_go_on() {
    let small = keyframe(320, 180);
    let large = with_references(&keyframe(1920, 1080), 2);
    let cost = 120 * 68 * (2 + DECODER_PICTURES) - DECODER_MACROBLOCKS_OWN;
    let shared = SharedBudget::new(2 * cost);
    let (mut first, mut second) = (sharing(&shared), sharing(&shared));
    picture(&mut first, &large);
    picture(&mut second, &large);
    assert_eq!(shared.left(), 0);

    let mut third = sharing(&shared);
    let reason = refusal(&mut third, &large);
    assert!(reason.contains("no room for 1920×1088"), "{reason}");
    picture(&mut third, &small);
    picture(&mut first, &large);
    picture(&mut second, &large);

    drop(first);
    picture(&mut third, &large);
}

#[test]
fn a_stream_that_becomes_smaller_gives_back_what_it_took() {
    let shared = SharedBudget::new(DECODER_MACROBLOCKS_SHARED);
    let mut decoder = sharing(&shared);
    picture(&mut decoder, &keyframe(1920, 1080));
    assert!(shared.left() < DECODER_MACROBLOCKS_SHARED);
    picture(&mut decoder, &keyframe(320, 180));
    assert_eq!(shared.left(), DECODER_MACROBLOCKS_SHARED);
    // Asking for more than there is costs what it had, too.
    picture(&mut decoder, &keyframe(1920, 1080));
    let mut greedy = shared.allowance(0);
    greedy.hold(shared.left()).unwrap();
    refusal(&mut decoder, &with_references(&keyframe(1920, 1080), 3));
    assert!(shared.left() > 0);
}

#[test]
fn two_kinds_of_pictures_cannot_be_announced_at_once() {
    let (small, large) = (keyframe(320, 180), keyframe(1920, 1080));
    let reason = refusal(&mut decoder(), &led_by(&[&sps_of(&large)], &small));
    assert!(reason.contains("two kinds"), "{reason}");
    picture(&mut decoder(), &led_by(&[&sps_of(&small)], &small));
}

#[test]
fn the_linked_openh264_is_new_enough() {
    // 2.6 fixed CVE-2025-27091, a heap overflow that a stream could trigger.
    assert!(lanlens_codec::linked_version() >= (2, 6), "{:?}", lanlens_codec::linked_version());
}
