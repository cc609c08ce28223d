//! The decoder: access units from a hostile sender neither crash the codec nor bring out a picture
//! beyond the limits, and after them a good keyframe is decoded.
//!
//! The input is an Annex B byte stream; a delimiter (type 9) begins each access unit.

#![no_main]

use lanlens_codec::H264Decoder;
use lanlens_fuzz::{access_units, encoded_unit};
use lanlens_media::{DecodeError, Decoder};
use lanlens_model::limits::{PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX};
use libfuzzer_sys::fuzz_target;

/// More would only repeat, slowly.
const UNITS_MAX: usize = 16;

/// A keyframe of 32×32 from our own encoder.
const GOOD_KEYFRAME: &[u8] = include_bytes!("../seeds/decode/keyframe");

fuzz_target!(|stream: &[u8]| {
    let mut decoder = H264Decoder::new().expect("the decoder starts");
    for unit in access_units(stream).take(UNITS_MAX) {
        if let Ok(Some(picture)) = decoder.decode(&encoded_unit(unit)) {
            assert!((1..=PICTURE_WIDTH_MAX).contains(&picture.width()));
            assert!((1..=PICTURE_HEIGHT_MAX).contains(&picture.height()));
        }
    }
    // What a viewer does about an error: it asks for a keyframe, and again.
    let good = encoded_unit(GOOD_KEYFRAME);
    let picture = match decoder.decode(&good) {
        Err(DecodeError::NeedKeyframe) => decoder.decode(&good),
        decoded => decoded,
    };
    let size = picture.map(|picture| picture.map(|picture| (picture.width(), picture.height())));
    assert!(matches!(size, Ok(Some((32, 32)))), "a good keyframe gave {size:?}");
});
