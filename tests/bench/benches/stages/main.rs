//! Every stage of the path of a picture, by itself: `cargo bench -p lanlens-bench`, or
//! `scripts/bench.sh stages`, which adds the upload to the screen's textures.
//!
//! One thread, moving pictures. What the stages cost together, with queues, threads and the network
//! between them, is measured by the rows of `scripts/bench.sh`.

#![allow(clippy::unwrap_used, reason = "a stage that fails has no time: it stops the run")]

mod pictures;

use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use lanlens_capture::bench_support::JpegConverter;
use lanlens_codec::{EncoderConfig, H264Decoder, H264Encoder};
use lanlens_media::{
    CaptureTime, Decoder, EncodedUnit, Encoder, FramePool, VideoFrame, burned_time, convert,
    layers, pattern,
};
use lanlens_model::Layer;
use lanlens_rtc::assembler::{Assembler, AssemblerEvent, RtpPacket};
use lanlens_rtc::bench_support::UnitPacketizer;
use pictures::Format;

/// As captured.
const HIGH: [Format; 2] = [
    Format { name: "360p", width: 640, height: 360, bitrate_kbps: 1000 },
    Format { name: "720p", width: 1280, height: 720, bitrate_kbps: 2500 },
];
/// What becomes of both for small tiles.
const LOW: Format = Format { name: "180p", width: 320, height: 180, bitrate_kbps: 200 };
/// Of every stream.
const FPS: u32 = 30;

fn capture(c: &mut Criterion) {
    let mut group = c.benchmark_group("capture");
    for format in HIGH {
        let Format { name, width, height, .. } = format;
        let (pool, frame) = (FramePool::new(), pictures::film(format, 1).remove(0));
        let (yuyv, jpeg) = (pictures::yuyv(&frame), pictures::jpeg(&frame));
        group.bench_function(format!("yuyv_{name}"), |b| {
            b.iter(|| {
                let mut frame = pool.frame(width, height, CaptureTime::now());
                convert::yuyv_to_i420(&yuyv, width as usize * 2, &mut frame).unwrap();
                frame
            });
        });
        let mut converter = JpegConverter::new(width, height);
        group.bench_function(format!("mjpeg_{name}"), |b| {
            b.iter(|| converter.convert(&jpeg, CaptureTime::now()).unwrap());
        });
        let mut number = 0;
        group.bench_function(format!("pattern_{name}"), |b| {
            b.iter(|| {
                let mut frame = pool.frame(width, height, CaptureTime::now());
                pattern::paint(&mut frame, number, 1);
                burned_time::write(&mut frame, lanlens_media::now_unix_us());
                number += 1;
                frame
            });
        });
    }
    group.finish();
}

fn halving(c: &mut Criterion) {
    let mut group = c.benchmark_group("halve");
    for format in HIGH {
        let (pool, frame) = (FramePool::new(), pictures::film(format, 1).remove(0));
        group.bench_function(format!("{}_to_low", format.name), |b| {
            b.iter(|| {
                let halvings = layers::low_halvings(frame.width(), frame.height());
                (1..halvings)
                    .fold(layers::halve(&frame, &pool), |frame, _| layers::halve(&frame, &pool))
            });
        });
    }
    group.finish();
}

fn encoder(layer: Layer, format: Format) -> H264Encoder {
    H264Encoder::new(EncoderConfig { layer, bitrate_kbps: format.bitrate_kbps, fps: FPS })
}

fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode");
    let layers = [(Layer::High, HIGH[0]), (Layer::High, HIGH[1]), (Layer::Low, LOW)];
    for (layer, format) in layers {
        let film = pictures::film(format, pictures::FILM);
        let mut encoder = encoder(layer, format);
        // The keyframe at the start is paid once in the life of a stream.
        encoder.encode(&film[0], true).unwrap();
        let mut frames = pictures::to_and_fro(&film);
        group.bench_function(format!("{layer:?}_{}", format.name).to_lowercase(), |b| {
            b.iter(|| encoder.encode(frames.next().unwrap(), false).unwrap());
        });
    }
    group.finish();
}

/// A keyframe and what follows it.
fn units(format: Format) -> Vec<EncodedUnit> {
    let mut encoder = encoder(Layer::High, format);
    let film = pictures::film(format, pictures::FILM);
    film.iter().filter_map(|frame| encoder.encode(frame, false).unwrap()).collect()
}

fn packetise(c: &mut Criterion) {
    let mut group = c.benchmark_group("packetise");
    for format in HIGH {
        let units = units(format);
        let (mut packetizer, mut next) = (UnitPacketizer::new(1), units.iter().cycle());
        group.bench_function(format.name, |b| {
            b.iter(|| packetizer.packets(next.next().unwrap()));
        });
    }
    group.finish();
}

fn assemble(c: &mut Criterion) {
    let mut group = c.benchmark_group("assemble");
    for format in HIGH {
        let units = units(format);
        let (mut packetizer, mut assembler) = (UnitPacketizer::new(1), Assembler::new());
        let mut next = units.iter().cycle().enumerate();
        let mut packets = || -> Vec<RtpPacket> {
            let (number, unit) = next.next().unwrap();
            let media_time = (number as u32).wrapping_mul(90_000 / FPS);
            packetizer.packets(&EncodedUnit { media_time, ..unit.clone() }).received().collect()
        };
        group.bench_function(format.name, |b| {
            b.iter_batched(
                &mut packets,
                |packets| {
                    let now = Instant::now();
                    let mut whole = 0;
                    for packet in packets {
                        assembler.handle_packet(packet, now);
                    }
                    while let Some(event) = assembler.poll_event() {
                        whole += usize::from(matches!(event, AssemblerEvent::Unit(_)));
                    }
                    assert_eq!(whole, 1, "each unit comes out at once");
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    for format in [LOW, HIGH[0], HIGH[1]] {
        let units = units(format);
        let (mut decoder, mut next) = (H264Decoder::new().unwrap(), units.iter().cycle());
        group.bench_function(format.name, |b| {
            b.iter(|| -> VideoFrame { decoder.decode(next.next().unwrap()).unwrap().unwrap() });
        });
    }
    // One after the other, as in a viewer's grid: none finds its pictures in the cache again.
    let units = units(HIGH[0]);
    let mut decoders: Vec<H264Decoder> = (0..16).map(|_| H264Decoder::new().unwrap()).collect();
    let mut shown: Vec<Option<VideoFrame>> = (0..decoders.len()).map(|_| None).collect();
    let mut next = units.iter().cycle().flat_map(|unit| (0..16).map(move |at| (at, unit)));
    group.bench_function("360p_one_of_16", |b| {
        b.iter(|| {
            let (at, unit) = next.next().unwrap();
            shown[at] = decoders[at].decode(unit).unwrap();
        });
    });
    group.finish();
}

criterion_group! {
    name = stages;
    // Short, so that all of them take about a minute.
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(50);
    targets = capture, halving, encode, packetise, assemble, decode
}
criterion_main!(stages);
