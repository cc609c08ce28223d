//! How much memory decoders hold for streams of a size and a number of reference pictures:
//! `cargo run --release -p lanlens-codec --example decoder_memory -- 1280 720 5 16`
//!
//! Prints this process's resident memory per decoder, its newest picture included, under the budget
//! of a node and, after the number of decoders, with `alone` without it. The budget in
//! `lanlens_model::limits` rests on these figures. Linux only.

#[path = "../tests/crafted/mod.rs"]
mod crafted;

use lanlens_codec::H264Decoder;
use lanlens_media::{Decoder, SharedBudget};
use lanlens_model::limits::{DECODER_MACROBLOCKS_OWN, DECODER_MACROBLOCKS_SHARED};

fn main() {
    let arguments: Vec<u32> =
        std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let &[width, height, references, count] = arguments.as_slice() else {
        eprintln!("usage: decoder_memory WIDTH HEIGHT REFERENCES DECODERS");
        std::process::exit(2);
    };
    let alone = std::env::args().any(|argument| argument == "alone");
    let unit = crafted::with_references(&crafted::keyframe(width, height), references);
    let shared = SharedBudget::new(DECODER_MACROBLOCKS_SHARED);
    let before = resident_kib();
    let (mut held, mut refused) = (Vec::new(), Vec::new());
    for _ in 0..count {
        let decoder = match alone {
            true => H264Decoder::new(),
            false => H264Decoder::within(shared.allowance(DECODER_MACROBLOCKS_OWN)),
        };
        let Ok(mut decoder) = decoder else { break };
        match decoder.decode(&unit) {
            Ok(frame) => held.push((decoder, frame)),
            // A node lets go of the decoder of a refused stream.
            Err(error) => refused.push(error),
        }
    }
    let kib = resident_kib().saturating_sub(before);
    let each = kib as f64 / held.len().max(1) as f64 / 1024.0;
    println!("{} decoders hold {} MiB, {each:.1} MiB each", held.len(), kib / 1024);
    if let Some(error) = refused.first() {
        println!("{} refused: {error}", refused.len());
    }
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
