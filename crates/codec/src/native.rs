//! The few calls into openh264 for which its safe wrapper has no method.
//!
//! The only unsafe code of this crate.
#![allow(unsafe_code, reason = "openh264's options and CPU detection have no safe wrapper")]

use openh264::OpenH264API;
use openh264::encoder::Encoder;
use openh264_sys2::{
    API as _, ENCODER_OPTION, ENCODER_OPTION_BITRATE, ENCODER_OPTION_MAX_BITRATE,
    ENCODER_OPTION_TRACE_LEVEL, SBitrateInfo, SPATIAL_LAYER_0, WELS_LOG_QUIET,
};

unsafe extern "C" {
    /// `codec/common/inc/cpu.h`: what the library will use of this processor.
    #[link_name = "WelsCPUFeatureDetect"]
    fn cpu_features(logical_processors: *mut i32) -> u32;
}

/// Whether openh264 was built with its assembly and found a processor to use it on.
///
/// Without nasm its build falls back to C++ in silence, at a multiple of the cost: the library then
/// detects no feature at all, on any processor.
pub fn simd_is_compiled_in() -> bool {
    let mut logical_processors = 0;
    // SAFETY: the function reads the processor's features and writes at most that one integer.
    unsafe { cpu_features(&raw mut logical_processors) != 0 }
}

/// The version of openh264 that is linked into this program: major, minor.
pub fn linked_version() -> (u32, u32) {
    // SAFETY: the function has no argument and gives back a plain struct by value.
    let version = unsafe { OpenH264API::from_source().WelsGetCodecVersion() };
    (version.uMajor, version.uMinor)
}

/// Keeps a new encoder from writing to stderr. The wrapper does so too, but only after the set-up,
/// which prints a warning that frames are not skipped.
pub(crate) fn silence(encoder: &mut Encoder) {
    let mut level = WELS_LOG_QUIET;
    // SAFETY: this option may be set before the set-up; it takes a pointer to an integer. A refusal
    // costs a line on stderr and nothing else.
    unsafe { encoder.raw_api().set_option(ENCODER_OPTION_TRACE_LEVEL, (&raw mut level).cast()) };
}

/// The encoder refused the new bitrate; it goes on with the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BitrateRefused;

/// Changes target and ceiling of a running encoder, bit/s, from the next picture on.
pub(crate) fn set_bitrate(encoder: &mut Encoder, from: u32, to: u32) -> Result<(), BitrateRefused> {
    // The target may at no time be above the ceiling.
    let order = if to > from {
        [ENCODER_OPTION_MAX_BITRATE, ENCODER_OPTION_BITRATE]
    } else {
        [ENCODER_OPTION_BITRATE, ENCODER_OPTION_MAX_BITRATE]
    };
    order.into_iter().try_for_each(|option| set_option(encoder, option, to))
}

fn set_option(
    encoder: &mut Encoder,
    option: ENCODER_OPTION,
    bits_per_second: u32,
) -> Result<(), BitrateRefused> {
    let mut info = SBitrateInfo {
        iLayer: SPATIAL_LAYER_0,
        iBitrate: i32::try_from(bits_per_second).map_err(|_| BitrateRefused)?,
    };
    // SAFETY: the caller has encoded a picture with this encoder, so it is initialised; both
    // options take a pointer to this struct and keep nothing of it.
    let status = unsafe { encoder.raw_api().set_option(option, (&raw mut info).cast()) };
    if status == 0 { Ok(()) } else { Err(BitrateRefused) }
}
