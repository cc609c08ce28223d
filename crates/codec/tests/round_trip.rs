//! What goes in comes out: pictures through the encoder and the decoder, and what a viewer would
//! notice when units are lost or broken on the way.

use std::time::Duration;

use lanlens_codec::{EncoderConfig, H264Decoder, H264Encoder};
use lanlens_media::{
    CaptureTime, ColorMatrix, ColorRange, DecodeError, Decoder, EncodedUnit, Encoder, FramePool,
    Plane, VideoFrame, burned_time, convert, h264, layers, pattern,
};
use lanlens_model::{Layer, MediaKind, limits};

/// Films the test pattern at 30 frames a second, on a clock of its own.
struct Film {
    pool: FramePool,
    size: (u32, u32),
    seed: u64,
    start: CaptureTime,
    number: u64,
}

impl Film {
    fn new(width: u32, height: u32) -> Self {
        let (pool, start) = (FramePool::new(), CaptureTime::now());
        Self { pool, size: (width, height), seed: 1, start, number: 0 }
    }

    fn next(&mut self) -> VideoFrame {
        let since = Duration::from_micros(self.number * 33_333);
        let captured = CaptureTime {
            instant: self.start.instant + since,
            unix_us: self.start.unix_us + self.number * 33_333,
        };
        let mut frame = self.pool.frame(self.size.0, self.size.1, captured);
        pattern::paint(&mut frame, self.number, self.seed);
        burned_time::write(&mut frame, captured.unix_us);
        self.number += 1;
        frame
    }
}

fn encoder(bitrate_kbps: u32) -> H264Encoder {
    H264Encoder::new(EncoderConfig { layer: Layer::High, bitrate_kbps, fps: 30 })
}

fn encoded(encoder: &mut H264Encoder, film: &mut Film, force_keyframe: bool) -> EncodedUnit {
    encoder
        .encode(&film.next(), force_keyframe)
        .expect("it encodes")
        .expect("no picture is skipped")
}

fn decoded(decoder: &mut H264Decoder, unit: &EncodedUnit) -> VideoFrame {
    decoder.decode(unit).expect("it decodes").expect("each unit gives its picture at once")
}

/// The mean colour of the pattern's reference block, less its rim.
fn reference_color(frame: &VideoFrame) -> [u8; 3] {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let mut rgba = vec![0; width * height * 4];
    convert::i420_to_rgba(frame, &mut rgba, width * 4).expect("it converts");
    let block = pattern::reference_block(width, height);
    let (mut sum, mut count) = ([0u32; 3], 0);
    for y in block.y + 8..block.y + block.height - 8 {
        for x in block.x + 8..block.x + block.width - 8 {
            let pixel = &rgba[(y * width + x) * 4..][..3];
            sum.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += u32::from(*value));
            count += 1;
        }
    }
    sum.map(|sum| (sum / count) as u8)
}

fn near(got: [u8; 3], wanted: [u8; 3]) -> bool {
    got.into_iter().zip(wanted).all(|(got, wanted)| got.abs_diff(wanted) <= 12)
}

#[test]
fn the_burned_in_time_is_read_from_every_decoded_picture() {
    for (width, height, kbps) in [(640, 360, 1000), (320, 180, 200), (1280, 720, 2500)] {
        let (mut film, mut encoder) = (Film::new(width, height), encoder(kbps));
        let mut decoder = H264Decoder::new().unwrap();
        for _ in 0..90 {
            let unit = encoded(&mut encoder, &mut film, false);
            let frame = decoded(&mut decoder, &unit);
            let wanted = unit.captured.unix_us;
            assert_eq!(burned_time::read(&frame, wanted), Some(wanted), "{width}×{height}");
            assert_eq!(frame.captured, unit.captured);
        }
    }
}

#[test]
fn the_burned_in_time_survives_the_low_layer() {
    let (mut film, mut encoder) = (Film::new(640, 360), encoder(200));
    let (mut decoder, pool) = (H264Decoder::new().unwrap(), FramePool::new());
    for _ in 0..60 {
        let low = layers::halve(&film.next(), &pool);
        let unit = encoder.encode(&low, false).unwrap().unwrap();
        let frame = decoded(&mut decoder, &unit);
        assert_eq!((frame.width(), frame.height()), (320, 180));
        let wanted = unit.captured.unix_us;
        assert_eq!(burned_time::read(&frame, wanted), Some(wanted));
    }
}

#[test]
fn each_camera_keeps_its_colour_through_encoding() {
    for seed in 0..8 {
        let (mut film, mut encoder) = (Film::new(640, 360), encoder(1000));
        film.seed = seed;
        let mut decoder = H264Decoder::new().unwrap();
        let mut frame = None;
        for _ in 0..10 {
            frame = decoder.decode(&encoded(&mut encoder, &mut film, false)).unwrap();
        }
        let color = reference_color(&frame.unwrap());
        assert!(near(color, pattern::base_color(seed)), "seed {seed}: {color:?}");
        let others = (0..8).filter(|other| *other != seed);
        assert!(others.into_iter().all(|other| !near(color, pattern::base_color(other))));
    }
}

#[test]
fn range_and_matrix_travel_in_the_stream() {
    for range in [ColorRange::Limited, ColorRange::Full] {
        for matrix in [ColorMatrix::Bt601, ColorMatrix::Bt709] {
            let mut frame = FramePool::new().frame(320, 180, CaptureTime::now());
            (frame.range, frame.matrix) = (range, matrix);
            pattern::paint(&mut frame, 0, 4);
            let unit = encoder(1000).encode(&frame, false).unwrap().unwrap();
            let out = decoded(&mut H264Decoder::new().unwrap(), &unit);
            assert_eq!((out.range, out.matrix), (range, matrix));
            assert!(near(reference_color(&out), pattern::base_color(4)));
        }
    }
}

#[test]
fn units_are_stamped_with_layer_kind_and_media_time() {
    let config = EncoderConfig { layer: Layer::Low, bitrate_kbps: 200, fps: 30 };
    let (mut film, mut encoder) = (Film::new(320, 180), H264Encoder::new(config));
    let first = encoded(&mut encoder, &mut film, false);
    let second = encoded(&mut encoder, &mut film, false);
    assert_eq!((first.kind, first.layer), (MediaKind::Video, Layer::Low));
    let ticks = second.media_time.wrapping_sub(first.media_time);
    assert!((2999..=3000).contains(&ticks), "{ticks}");
}

#[test]
fn keyframes_come_first_and_on_request_only_and_begin_with_parameter_sets() {
    let (mut film, mut encoder) = (Film::new(640, 360), encoder(1000));
    for number in 0..400 {
        let asked = number == 7 || number == 200;
        let unit = encoded(&mut encoder, &mut film, asked);
        assert_eq!(unit.keyframe, asked || number == 0, "unit {number}");
        let kinds: Vec<_> = h264::nal_units(&unit.data).filter_map(h264::nal_kind).collect();
        if unit.keyframe {
            assert_eq!(kinds, [h264::NalKind::Sps, h264::NalKind::Pps, h264::NalKind::Idr]);
        } else {
            assert_eq!(kinds, [h264::NalKind::Slice]);
        }
        assert!(unit.data.starts_with(&h264::START_CODE));
    }
}

#[test]
fn the_stream_is_baseline_of_the_right_size() {
    let unit = encoded(&mut encoder(1000), &mut Film::new(1280, 720), false);
    let sps = h264::parameter_sets(&unit.data).find_map(|nal| h264::Sps::parse(nal).ok()).unwrap();
    assert_eq!((sps.profile, sps.width, sps.height), (66, 1280, 720));
}

/// kbit/s over `frames` at 30 frames a second, the first keyframe left out.
fn bitrate_kbps(encoder: &mut H264Encoder, film: &mut Film, frames: u32) -> f64 {
    let bytes: usize = (0..frames).map(|_| encoded(encoder, film, false).data.len()).sum();
    bytes as f64 * 8.0 * 30.0 / f64::from(frames) / 1000.0
}

#[test]
fn the_bitrate_keeps_to_its_target() {
    for (width, height, kbps) in [(640, 360, 500), (640, 360, 1000), (1280, 720, 2500)] {
        let (mut film, mut encoder) = (Film::new(width, height), encoder(kbps));
        encoded(&mut encoder, &mut film, false);
        let got = bitrate_kbps(&mut encoder, &mut film, 90);
        let target = f64::from(kbps);
        assert!(got < target * 1.15, "{width}×{height}: {got:.0} of {kbps} kbit/s");
        assert!(got > target * 0.4, "{width}×{height}: {got:.0} of {kbps} kbit/s");
    }
}

#[test]
fn a_new_bitrate_holds_at_once_without_a_keyframe() {
    let (mut film, mut encoder) = (Film::new(640, 360), encoder(1500));
    bitrate_kbps(&mut encoder, &mut film, 60);
    for kbps in [300, 1200, 400] {
        encoder.set_bitrate(kbps);
        let units: Vec<_> = (0..60).map(|_| encoded(&mut encoder, &mut film, false)).collect();
        assert!(units.iter().all(|unit| !unit.keyframe));
        let bytes: usize = units.iter().map(|unit| unit.data.len()).sum();
        let got = bytes as f64 * 8.0 / 2.0 / 1000.0;
        let target = f64::from(kbps);
        assert!(got < target * 1.25 && got > target * 0.4, "{got:.0} of {kbps} kbit/s");
    }
}

#[test]
fn absurd_settings_are_brought_into_range() {
    let config = EncoderConfig { layer: Layer::High, bitrate_kbps: 0, fps: 0 };
    let (mut film, mut encoder) = (Film::new(320, 180), H264Encoder::new(config));
    encoded(&mut encoder, &mut film, false);
    for kbps in [u32::MAX, 0, 1000] {
        encoder.set_bitrate(kbps);
        assert!(!encoded(&mut encoder, &mut film, false).keyframe);
    }
}

#[test]
fn after_a_lost_unit_nothing_is_shown_until_the_next_keyframe() {
    let (mut film, mut encoder) = (Film::new(640, 360), encoder(1000));
    let mut decoder = H264Decoder::new().unwrap();
    for _ in 0..10 {
        decoded(&mut decoder, &encoded(&mut encoder, &mut film, false));
    }
    encoded(&mut encoder, &mut film, false);
    for _ in 0..20 {
        let unit = encoded(&mut encoder, &mut film, false);
        assert!(matches!(decoder.decode(&unit), Err(DecodeError::NeedKeyframe)));
    }
    for force in [true, false, false] {
        let unit = encoded(&mut encoder, &mut film, force);
        let wanted = unit.captured.unix_us;
        assert_eq!(burned_time::read(&decoded(&mut decoder, &unit), wanted), Some(wanted));
    }
}

#[test]
fn a_decoder_that_joins_late_waits_for_a_keyframe() {
    let (mut film, mut encoder) = (Film::new(320, 180), encoder(500));
    encoded(&mut encoder, &mut film, false);
    let mut decoder = H264Decoder::new().unwrap();
    let unit = encoded(&mut encoder, &mut film, false);
    assert!(matches!(decoder.decode(&unit), Err(DecodeError::NeedKeyframe)));
    decoded(&mut decoder, &encoded(&mut encoder, &mut film, true));
}

#[test]
fn the_size_may_change_in_mid_stream() {
    let mut encoder = encoder(1000);
    let mut decoder = H264Decoder::new().unwrap();
    for (width, height) in [(640, 360), (320, 180), (1280, 720), (360, 640), (640, 360)] {
        let mut film = Film::new(width, height);
        for number in 0..5 {
            let unit = encoded(&mut encoder, &mut film, false);
            assert_eq!(unit.keyframe, number == 0);
            let frame = decoded(&mut decoder, &unit);
            assert_eq!((frame.width(), frame.height()), (width, height));
            let wanted = unit.captured.unix_us;
            assert_eq!(burned_time::read(&frame, wanted), Some(wanted));
        }
    }
}

#[test]
fn small_and_odd_sizes_encode_and_impossible_ones_are_refused() {
    for (width, height) in [(16, 16), (17, 33), (341, 193), (18, 700)] {
        let mut encoder = encoder(500);
        let mut decoder = H264Decoder::new().unwrap();
        let mut film = Film::new(width, height);
        for _ in 0..3 {
            let frame = decoded(&mut decoder, &encoded(&mut encoder, &mut film, false));
            assert_eq!((frame.width(), frame.height()), (width & !1, height & !1));
        }
    }
    for (width, height) in [(0, 0), (15, 100), (100, 15), (3842, 100), (100, 2162)] {
        assert!(encoder(500).encode(&Film::new(width, height).next(), false).is_err());
    }
}

#[test]
fn a_refused_picture_does_not_break_the_stream() {
    let (mut film, mut encoder) = (Film::new(320, 180), encoder(500));
    let mut decoder = H264Decoder::new().unwrap();
    decoded(&mut decoder, &encoded(&mut encoder, &mut film, false));
    assert!(encoder.encode(&Film::new(3842, 100).next(), false).is_err());
    decoded(&mut decoder, &encoded(&mut encoder, &mut film, false));
}

#[test]
fn a_stream_beyond_the_limits_is_refused_and_the_next_keyframe_decodes() {
    let mut good = encoded(&mut encoder(500), &mut Film::new(320, 180), false);
    let mut decoder = H264Decoder::new().unwrap();
    let mut bad = good.clone();
    // A Baseline set that announces 8192×368.
    let sps = [0, 0, 0, 1, 0x67, 0x42, 0xC0, 0x3C, 0xDA, 0x00, 0x20, 0x00, 0xBE, 0x40];
    bad.data = [&sps[..], &good.data].concat().into();
    match decoder.decode(&bad) {
        Err(DecodeError::Refused(reason)) => assert!(reason.contains("8192×368"), "{reason}"),
        other => panic!("{other:?}"),
    }
    decoded(&mut decoder, &good);
    good.data = vec![0; limits::ACCESS_UNIT_BYTES_MAX + 1].into();
    assert!(matches!(decoder.decode(&good), Err(DecodeError::Refused(_))));
}

#[test]
fn parameter_sets_alone_hold_no_picture_and_serve_the_keyframe_after_them() {
    let whole = encoded(&mut encoder(500), &mut Film::new(320, 180), false);
    let (mut sets, mut rest) = (Vec::new(), Vec::new());
    for nal in h264::nal_units(&whole.data) {
        let idr = h264::nal_kind(nal) == Some(h264::NalKind::Idr);
        h264::push_nal(if idr { &mut rest } else { &mut sets }, nal);
    }
    let mut decoder = H264Decoder::new().unwrap();
    let with = |data: Vec<u8>| EncodedUnit { data: data.into(), ..whole.clone() };
    assert!(decoder.decode(&with(sets)).unwrap().is_none());
    decoded(&mut decoder, &with(rest));
}

#[test]
fn the_decoder_survives_broken_units_and_recovers_at_a_keyframe() {
    let mut random = fastrand::Rng::with_seed(0xC0DEC);
    let (mut film, mut encoder) = (Film::new(320, 180), encoder(500));
    let mut decoder = H264Decoder::new().unwrap();
    for round in 0..1500 {
        let mut unit = encoded(&mut encoder, &mut film, random.u8(0..4) == 0);
        let mut data = unit.data.to_vec();
        match random.u8(0..4) {
            0 => data.truncate(random.usize(0..data.len())),
            1 => data.iter_mut().for_each(|byte| *byte = random.u8(..)),
            _ => {
                for _ in 0..random.usize(1..12) {
                    let at = random.usize(0..data.len());
                    data[at] = random.u8(..);
                }
            }
        }
        unit.data = data.into();
        // Whatever comes out is a picture within the limits or a clear error.
        if let Ok(Some(frame)) = decoder.decode(&unit) {
            assert!(frame.width() <= limits::PICTURE_WIDTH_MAX);
            assert_eq!(frame.plane(Plane::Y).len(), (frame.width() * frame.height()) as usize);
        }
        if round % 50 == 0 {
            // A keyframe that is lost to what broke the decoder is asked for again, as in life.
            let recovered = (0..3).any(|_| {
                let unit = encoded(&mut encoder, &mut film, true);
                let picture = decoder.decode(&unit);
                matches!(picture, Ok(Some(frame)) if burned_time::read(&frame, unit.captured.unix_us)
                    == Some(unit.captured.unix_us))
            });
            assert!(recovered, "round {round}");
        }
    }
}

#[test]
fn a_unit_with_more_than_one_picture_is_refused_and_the_next_keyframe_heals() {
    let (mut film, mut encoder) = (Film::new(320, 180), encoder(500));
    let mut decoder = H264Decoder::new().unwrap();
    let first = encoded(&mut encoder, &mut film, true);
    let second = encoded(&mut encoder, &mut film, false);
    let mut both = first.clone();
    both.data = [&first.data[..], &second.data[..]].concat().into();
    assert!(matches!(decoder.decode(&both), Err(DecodeError::Refused(_))));
    decoded(&mut decoder, &first);
}
