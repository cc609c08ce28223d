//! H.264 in software: [`H264Encoder`] and [`H264Decoder`] over openh264, built from source.
//!
//! Owns the settings that were measured to suit live cameras on a local network, and the checks that
//! stand between the network and the decoder. Knows nothing of packets, sessions or devices; what
//! stands in front of it sees only the traits [`Encoder`](lanlens_media::Encoder) and
//! [`Decoder`](lanlens_media::Decoder), so that hardware codecs can join.

mod decoder;
mod encoder;
mod native;

pub use decoder::{DecoderStartError, H264Decoder};
pub use encoder::{EncoderConfig, H264Encoder};
pub use native::{linked_version, simd_is_compiled_in};
