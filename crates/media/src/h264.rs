//! The little of H.264 (ITU-T H.264) that must be understood outside the codec: where NAL units
//! begin, which kind they are, how large the pictures will be.
//!
//! Packets are assembled, recorded and checked by it before any decoder sees a byte, so nothing
//! here may panic or grow on any input. It does not decode pictures.

mod annex_b;
mod bits;
mod keeper;
mod sps;
mod vui;

pub use annex_b::{
    NalKind, NalUnits, START_CODE, is_keyframe, nal_kind, nal_units, parameter_sets, push_nal,
};
pub use keeper::ParameterSetKeeper;
pub use sps::{Sps, SpsError};
