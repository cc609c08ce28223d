//! Streams as a hostile camera would make them: real pictures behind altered parameter sets.

#![allow(dead_code, reason = "each program that includes it uses a part")]

use lanlens_codec::{EncoderConfig, H264Encoder};
use lanlens_media::{CaptureTime, EncodedUnit, Encoder, FramePool, h264, pattern};
use lanlens_model::Layer;

/// A keyframe of the test pattern, as our own encoder makes it.
pub(crate) fn keyframe(width: u32, height: u32) -> EncodedUnit {
    let mut frame = FramePool::new().frame(width, height, CaptureTime::now());
    pattern::paint(&mut frame, 0, 1);
    let config = EncoderConfig { layer: Layer::High, bitrate_kbps: 2000, fps: 30 };
    H264Encoder::new(config).encode(&frame, true).expect("it encodes").expect("a picture")
}

/// The same unit behind a parameter set that asks for this many reference pictures.
pub(crate) fn with_references(unit: &EncodedUnit, references: u32) -> EncodedUnit {
    let mut data = Vec::new();
    for nal in h264::nal_units(&unit.data) {
        match h264::nal_kind(nal) {
            Some(h264::NalKind::Sps) => h264::push_nal(&mut data, &asking_for(nal, references)),
            _ => h264::push_nal(&mut data, nal),
        }
    }
    EncodedUnit { data: data.into(), ..unit.clone() }
}

/// The unit of one that begins with these NAL units.
pub(crate) fn led_by(nals: &[&[u8]], unit: &EncodedUnit) -> EncodedUnit {
    let mut data = Vec::new();
    nals.iter().for_each(|nal| h264::push_nal(&mut data, nal));
    data.extend_from_slice(&unit.data);
    EncodedUnit { data: data.into(), ..unit.clone() }
}

/// The first sequence parameter set of a unit.
pub(crate) fn sps_of(unit: &EncodedUnit) -> Vec<u8> {
    h264::parameter_sets(&unit.data).next().expect("a parameter set").to_vec()
}

/// A Baseline set of this many macroblocks with one reference picture, no cropping and no VUI.
pub(crate) fn baseline_sps(columns: u32, rows: u32) -> Vec<u8> {
    let mut bits = Vec::new();
    for byte in [66, 0xC0, 51] {
        bits.extend((0..8).rev().map(|bit| byte >> bit & 1 == 1));
    }
    for value in [0, 0, 2, 1] {
        push_golomb(&mut bits, value);
    }
    bits.push(false); // gaps_in_frame_num_value_allowed_flag
    push_golomb(&mut bits, columns - 1);
    push_golomb(&mut bits, rows - 1);
    // Frames only, direct 8×8 inference, no cropping, no VUI, stop bit.
    bits.extend([true, true, false, false, true]);
    escaped(0x67, &bits)
}

/// Rewrites `max_num_ref_frames` of a Baseline sequence parameter set (ITU-T H.264 section
/// 7.3.2.1.1).
fn asking_for(sps: &[u8], references: u32) -> Vec<u8> {
    let bits = unescaped_bits(&sps[1..]);
    // profile, constraints, level
    let mut at = 24;
    golomb(&bits, &mut at); // seq_parameter_set_id
    golomb(&bits, &mut at); // log2_max_frame_num_minus4
    if golomb(&bits, &mut at) == 0 {
        golomb(&bits, &mut at); // log2_max_pic_order_cnt_lsb_minus4
    }
    let mut out = bits[..at].to_vec();
    golomb(&bits, &mut at);
    push_golomb(&mut out, references);
    out.extend(&bits[at..]);
    escaped(sps[0], &out)
}

fn unescaped_bits(bytes: &[u8]) -> Vec<bool> {
    let mut zeros = 0;
    let mut bits = Vec::new();
    for byte in bytes {
        if zeros == 2 && *byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if *byte == 0 { zeros + 1 } else { 0 };
        bits.extend((0..8).rev().map(|bit| byte >> bit & 1 == 1));
    }
    bits
}

fn golomb(bits: &[bool], at: &mut usize) -> u32 {
    let zeros = bits[*at..].iter().take_while(|bit| !**bit).count();
    let end = *at + 2 * zeros + 1;
    let code = bits[*at + zeros..end].iter().fold(0, |code, bit| code << 1 | u32::from(*bit));
    *at = end;
    code - 1
}

fn push_golomb(bits: &mut Vec<bool>, value: u32) {
    let code = value + 1;
    let length = 32 - code.leading_zeros();
    bits.extend((0..2 * length - 1).rev().map(|bit| bit < length && code >> bit & 1 == 1));
}

fn escaped(header: u8, bits: &[bool]) -> Vec<u8> {
    // What stands behind the stop bit is padding of another length now.
    let end = bits.iter().rposition(|bit| *bit).map_or(0, |stop| stop + 1);
    let (mut nal, mut zeros) = (vec![header], 0);
    for chunk in bits[..end].chunks(8) {
        let byte =
            chunk.iter().enumerate().fold(0, |byte, (n, bit)| byte | u8::from(*bit) << (7 - n));
        if zeros == 2 && byte <= 3 {
            nal.push(3);
            zeros = 0;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        nal.push(byte);
    }
    nal
}
