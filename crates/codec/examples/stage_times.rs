//! Prints what each stage of the media path costs, in ms a frame on one thread:
//! `cargo run --release -p lanlens-codec --example stage_times`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use lanlens_codec::{EncoderConfig, H264Decoder, H264Encoder, simd_is_compiled_in};
use lanlens_media::{
    CaptureTime, Decoder, EncodedUnit, Encoder, FramePool, Plane, VideoFrame, burned_time, convert,
    layers, pattern,
};
use lanlens_model::Layer;

const FRAMES: u64 = 150;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    println!("assembly: {}", if simd_is_compiled_in() { "yes" } else { "NO: install nasm" });
    for (width, height, kbps) in [(320, 180, 200), (640, 360, 1000), (1280, 720, 2500)] {
        println!("{width}×{height}, {kbps} kbit/s");
        let (film, paint) = film(width, height);
        report("paint and stamp", paint);
        convert_stages(&film)?;
        codec_stages(&film, kbps)?;
    }
    Ok(())
}

/// The median: other programs on the machine delay single frames, not half of them.
fn report(stage: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    println!("  {stage:<18}{:7.3} ms", times[times.len() / 2].as_secs_f64() * 1000.0);
}

/// Runs `work` and notes how long it took.
fn timed<T>(times: &mut Vec<Duration>, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = work();
    times.push(begun.elapsed());
    done
}

fn film(width: u32, height: u32) -> (Vec<VideoFrame>, Vec<Duration>) {
    let (pool, start) = (FramePool::new(), CaptureTime::now());
    let mut painting = Vec::new();
    let paint = |number| {
        let since = Duration::from_micros(number * 33_333);
        let captured = CaptureTime {
            instant: start.instant + since,
            unix_us: start.unix_us + number * 33_333,
        };
        let mut frame = pool.frame(width, height, captured);
        timed(&mut painting, || {
            pattern::paint(&mut frame, number, 1);
            burned_time::write(&mut frame, captured.unix_us);
        });
        frame
    };
    ((0..FRAMES).map(paint).collect(), painting)
}

fn convert_stages(film: &[VideoFrame]) -> Result<(), Failure> {
    let pool = FramePool::new();
    let (width, height) = (film[0].width(), film[0].height());
    let mut out = pool.frame(width, height, CaptureTime::now());
    let row = width as usize * 4;
    let mut rgba = vec![0; row * height as usize];
    let yuyv = vec![100; row / 2 * height as usize];
    let chroma = vec![100; width as usize * (height as usize).div_ceil(2)];

    let time = |stage: &str, work: &mut dyn FnMut(&VideoFrame) -> Result<(), Failure>| {
        let mut times = Vec::new();
        film.iter().try_for_each(|frame| timed(&mut times, || work(frame)))?;
        report(stage, times);
        Ok::<(), Failure>(())
    };
    time("YUYV to I420", &mut |_| {
        Ok(convert::yuyv_to_i420(black_box(&yuyv), row / 2, black_box(&mut out))?)
    })?;
    time("NV12 to I420", &mut |frame| {
        let (luma, stride) = (frame.plane(Plane::Y), width as usize);
        Ok(convert::nv12_to_i420(luma, stride, black_box(&chroma), stride, black_box(&mut out))?)
    })?;
    time("RGB to I420", &mut |_| {
        let rgb = black_box(&rgba[..row / 4 * 3 * height as usize]);
        Ok(convert::rgb_to_i420(rgb, row / 4 * 3, black_box(&mut out))?)
    })?;
    time("I420 to RGBA", &mut |frame| {
        Ok(convert::i420_to_rgba(frame, black_box(&mut rgba), row)?)
    })?;
    time("halve", &mut |frame| {
        black_box(layers::halve(frame, &pool));
        Ok(())
    })?;
    time("read the time", &mut |frame| {
        let now = frame.captured.unix_us;
        burned_time::read(frame, now).ok_or("the burned-in time was not read")?;
        Ok(())
    })
}

fn codec_stages(film: &[VideoFrame], bitrate_kbps: u32) -> Result<(), Failure> {
    let mut encoder = H264Encoder::new(EncoderConfig { layer: Layer::High, bitrate_kbps, fps: 30 });
    let mut times = Vec::new();
    let encode = |frame| {
        let unit = timed(&mut times, || encoder.encode(frame, false))?;
        unit.ok_or_else(|| "a picture was skipped".into())
    };
    let units = film.iter().map(encode).collect::<Result<Vec<EncodedUnit>, Failure>>()?;
    report("encode", times);

    let mut decoder = H264Decoder::new()?;
    let mut times = Vec::new();
    for unit in &units {
        black_box(timed(&mut times, || decoder.decode(unit))?);
    }
    report("decode", times);
    let bytes: usize = units[1..].iter().map(|unit| unit.data.len()).sum();
    let kbps = bytes as f64 * 8.0 * 30.0 / (FRAMES - 1) as f64 / 1000.0;
    println!("  {kbps:.0} kbit/s, first keyframe {} bytes", units[0].data.len());
    Ok(())
}
