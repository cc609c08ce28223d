//! Pictures and encoded pictures, and the small tools that every stage of the media path shares.
//!
//! Owns [`VideoFrame`] (pooled I420), [`EncodedUnit`] (one access unit), the traits
//! [`FrameSource`], [`Encoder`] and [`Decoder`], and [`LatestSlot`] for hand-over. Knows nothing of
//! devices, codecs or networks.

mod frame;
mod slot;
mod stage;
mod time;
mod unit;

pub use frame::{ColorMatrix, ColorRange, FramePool, Plane, VideoFrame};
pub use slot::LatestSlot;
pub use stage::{DecodeError, Decoder, EncodeError, Encoder, FrameSource, SourceError};
pub use time::{CaptureTime, now_unix_us};
pub use unit::EncodedUnit;
