//! Pictures and encoded pictures, and the small tools that every stage of the media path shares.
//!
//! Owns [`VideoFrame`] (pooled I420), [`EncodedUnit`] (one access unit), the traits
//! [`FrameSource`], [`Encoder`] and [`Decoder`], and [`LatestSlot`] for hand-over; pixel
//! conversion ([`convert`]), the small layer ([`layers`]), the test picture ([`pattern`],
//! [`burned_time`]), the outer shape of H.264 ([`h264`]), the merging of keyframe requests
//! ([`KeyframeGate`]), and how much each stream may make us hold ([`Allowance`]). Knows nothing of devices, codecs or networks.

mod allowance;
pub mod burned_time;
pub mod convert;
mod frame;
pub mod h264;
mod keyframe;
pub mod layers;
pub mod pattern;
mod slot;
mod stage;
mod time;
mod unit;

pub use allowance::{Allowance, OverBudget, SharedBudget};
pub use frame::{ColorMatrix, ColorRange, FramePool, Plane, VideoFrame};
pub use keyframe::KeyframeGate;
pub use slot::LatestSlot;
pub use stage::{DecodeError, Decoder, EncodeError, Encoder, FrameSource, SourceError};
pub use time::{CaptureTime, now_unix_us};
pub use unit::EncodedUnit;
