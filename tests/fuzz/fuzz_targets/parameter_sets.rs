//! The outer shape of H.264: NAL units are found whole, parameter sets stay within the limits, and
//! completing a keyframe loses nothing.
//!
//! The input is an Annex B byte stream; a delimiter (type 9) begins each access unit.

#![no_main]

use bytes::Bytes;
use lanlens_fuzz::access_units;
use lanlens_media::h264::{
    NalKind, ParameterSetKeeper, START_CODE, Sps, is_keyframe, nal_kind, nal_units, parameter_sets,
    push_nal,
};
use lanlens_model::limits::{PICTURE_HEIGHT_MAX, PICTURE_WIDTH_MAX};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|stream: &[u8]| {
    divides(stream);
    let mut keeper = ParameterSetKeeper::new();
    for unit in access_units(stream) {
        completes(&mut keeper, unit);
    }
});

/// Units are whole and free of start codes, and survive being written again.
fn divides(stream: &[u8]) {
    let mut written = Vec::new();
    for nal in nal_units(stream) {
        assert!(nal.last().is_some_and(|byte| *byte != 0));
        assert!(!nal.windows(3).any(|bytes| bytes == [0, 0, 1]));
        if let Ok(sps) = Sps::parse(nal) {
            assert!(matches!(nal_kind(nal), Some(NalKind::Sps | NalKind::SubsetSps)));
            assert!((1..=PICTURE_WIDTH_MAX).contains(&sps.width));
            assert!((1..=PICTURE_HEIGHT_MAX).contains(&sps.height));
            assert!(sps.reference_frames <= 16 && sps.id <= 31);
        }
        push_nal(&mut written, nal);
    }
    assert!(nal_units(&written).eq(nal_units(stream)));
    assert!(parameter_sets(&written).count() <= nal_units(stream).count());
}

/// A completed unit has everything that the unit had, and needs no completing.
fn completes(keeper: &mut ParameterSetKeeper, unit: &[u8]) {
    let unit = Bytes::copy_from_slice(unit);
    let whole = keeper.complete(unit.clone());
    assert_eq!(is_keyframe(&whole), is_keyframe(&unit));
    for nal in nal_units(&unit) {
        assert!(nal_units(&whole).any(|kept| kept == nal), "a NAL unit is gone");
    }
    // Sixteen sets of a kilobyte and their start codes, and longer start codes for the rest.
    let added = 16 * (1024 + START_CODE.len()) + nal_units(&unit).count();
    assert!(whole.len() <= unit.len() + added, "{} became {}", unit.len(), whole.len());
    assert_eq!(keeper.complete(whole.clone()), whole);
}
