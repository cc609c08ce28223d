//! Opens a source, looks at its pictures for a while, and prints what it saw: one JSON object a
//! line, one for each picture and a summary.
//!
//! `grab SOURCE WIDTHxHEIGHT FPS SECONDS [unplug]`
//! `grab unplug SOURCE SECONDS`
//!
//! With `unplug` at the end the vivid driver is then told to disconnect; what the errors say is
//! printed. With `unplug` in front no picture is looked at: the cable is out for so long, whoever has
//! the device open. The camera test in `tests/vivid` runs this in a virtual machine. `RUST_LOG`
//! works, on stderr.

use std::collections::hash_map::DefaultHasher;
use std::fmt::Write as _;
use std::hash::{Hash, Hasher};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use lanlens_capture::{SourceSpec, Wish, cameras, open};
use lanlens_media::{FrameSource, Plane, SourceError, VideoFrame, convert};

/// Colours are read at the middles of this many equal columns.
const COLUMNS: u32 = 8;

struct Arguments {
    spec: SourceSpec,
    wish: Wish,
    time: Duration,
    unplug: bool,
}

fn parse() -> Option<Arguments> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [source, size, fps, seconds, rest @ ..] = words.as_slice() else { return None };
    let (width, height) = size.split_once('x')?;
    Some(Arguments {
        spec: source.parse().ok()?,
        wish: Wish {
            size: Some((width.parse().ok()?, height.parse().ok()?)),
            fps: Some(fps.parse().ok()?),
        },
        time: Duration::from_secs_f64(seconds.parse().ok()?),
        unplug: rest.iter().any(|word| word == "unplug"),
    })
}

fn parse_unplug() -> Option<(SourceSpec, Duration)> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [word, source, seconds] = words.as_slice() else { return None };
    let time = Duration::from_secs_f64(seconds.parse().ok()?);
    (word == "unplug").then_some((source.parse().ok()?, time))
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .init();
    let outcome = match (parse_unplug(), parse()) {
        (Some((spec, time)), _) => unplug(&spec).map(|cable| {
            std::thread::sleep(time);
            drop(cable);
        }),
        (None, Some(arguments)) => run(&arguments),
        (None, None) => {
            eprintln!("usage: grab SOURCE WIDTHxHEIGHT FPS SECONDS [unplug]");
            eprintln!("       grab unplug SOURCE SECONDS");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{{\"error\":{:?},\"kind\":\"{}\"}}", error.to_string(), kind(&error));
            ExitCode::FAILURE
        }
    }
}

fn kind(error: &SourceError) -> &'static str {
    match error {
        SourceError::Busy { .. } => "busy",
        SourceError::NotFound(_) => "not_found",
        SourceError::Lost(_) => "lost",
        SourceError::Unsupported(_) => "unsupported",
    }
}

fn run(arguments: &Arguments) -> Result<(), SourceError> {
    for camera in cameras() {
        println!(
            "{{\"camera\":{},\"path\":{:?},\"name\":{:?},\"stable_id\":{:?}}}",
            camera.index, camera.path, camera.name, camera.stable_id
        );
    }
    println!(
        "{{\"source\":\"{}\",\"identity\":{:?}}}",
        arguments.spec,
        arguments.spec.identity()?.unwrap_or_default()
    );
    let begin = Instant::now();
    let mut source = open(&arguments.spec, &arguments.wish, 1)?;
    let opened_ms = begin.elapsed().as_millis();
    watch(source.as_mut(), arguments.time, opened_ms)?;
    if arguments.unplug {
        let cable = unplug(&arguments.spec)?;
        let begin = Instant::now();
        let lost = loop {
            match source.next_frame() {
                Ok(_) if begin.elapsed() < Duration::from_secs(5) => {}
                result => break result.map(|_| ()),
            }
        };
        println!("{{\"noticed_ms\":{}}}", begin.elapsed().as_millis());
        report("unplugged", lost);
        drop(source);
        let again = || open(&arguments.spec, &arguments.wish, 1).map(|_| ());
        report("open_unplugged", again());
        drop(cable);
        report("open_plugged", again());
    }
    Ok(())
}

fn report(what: &str, result: Result<(), SourceError>) {
    match result {
        Ok(()) => println!("{{\"{what}\":\"ok\"}}"),
        Err(error) => {
            println!("{{\"{what}\":\"{}\",\"text\":{:?}}}", kind(&error), error.to_string());
        }
    }
}

fn watch(source: &mut dyn FrameSource, time: Duration, opened_ms: u128) -> Result<(), SourceError> {
    let format = source.format();
    // A picture's time measures best between the first and the last.
    let first = source.next_frame()?;
    let mut last = first.captured.instant;
    let (mut frames, mut changes, mut hash) = (0_u32, 0_u32, 0);
    let mut colours = String::new();
    while last - first.captured.instant < time {
        let frame = source.next_frame()?;
        frames += 1;
        last = frame.captured.instant;
        let before = std::mem::replace(&mut hash, hash_of(&frame));
        changes += u32::from(hash != before);
        colours = bars(&frame);
        println!(
            "{{\"frame\":{frames},\"t_ms\":{},\"hash\":\"{hash:016x}\",\"yuv\":\"{}\",\"rgb\":\"{colours}\"}}",
            (last - first.captured.instant).as_millis(),
            columns_yuv(&frame),
        );
    }
    let fps = f64::from(frames) / (last - first.captured.instant).as_secs_f64();
    println!(
        "{{\"width\":{},\"height\":{},\"fps_set\":{},\"fps\":{fps:.2},\"frames\":{frames},\
         \"changes\":{changes},\"opened_ms\":{opened_ms},\"range\":\"{:?}\",\"bars\":\"{colours}\"}}",
        format.width, format.height, format.fps, first.range
    );
    Ok(())
}

fn hash_of(frame: &VideoFrame) -> u64 {
    let mut hasher = DefaultHasher::new();
    for plane in [Plane::Y, Plane::U, Plane::V] {
        frame.plane(plane).hash(&mut hasher);
    }
    hasher.finish()
}

/// The middles of the columns, near the bottom, where vivid writes no text.
fn places(frame: &VideoFrame) -> impl Iterator<Item = (usize, usize)> {
    let (width, y) = (frame.width(), frame.height() - 3);
    (0..COLUMNS)
        .map(move |column| ((width * (2 * column + 1) / (2 * COLUMNS)) as usize, y as usize))
}

fn columns_yuv(frame: &VideoFrame) -> String {
    places(frame).fold(String::new(), |mut text, (x, y)| {
        let luma = frame.plane(Plane::Y)[y * frame.stride(Plane::Y) + x];
        let at = y / 2 * frame.stride(Plane::U) + x / 2;
        let (blue, red) = (frame.plane(Plane::U)[at], frame.plane(Plane::V)[at]);
        let _ = write!(text, "{luma:02x}{blue:02x}{red:02x} ");
        text
    })
}

/// The colours of the columns as a viewer would show them, `rrggbb` each.
fn bars(frame: &VideoFrame) -> String {
    let stride = frame.width() as usize * 3;
    let mut rgb = vec![0; stride * frame.height() as usize];
    if let Err(error) = convert::i420_to_rgb(frame, &mut rgb, stride) {
        return error.to_string();
    }
    let colour = |(x, y): (usize, usize)| {
        let at = y * stride + x * 3;
        format!("{:02x}{:02x}{:02x}", rgb[at], rgb[at + 1], rgb[at + 2])
    };
    places(frame).map(colour).collect::<Vec<_>>().join(" ")
}

/// Uses vivid's own control "Disconnect": the device is gone as if its cable were pulled, until the
/// last program lets go of it. What is returned is the last.
#[cfg(target_os = "linux")]
fn unplug(spec: &SourceSpec) -> Result<Option<v4l::Device>, SourceError> {
    use v4l::control::{Control, Value};
    const DISCONNECT: u32 = 0x00f0_f041;
    let SourceSpec::Device(path) = spec.resolve()? else { return Ok(None) };
    let control = Control { id: DISCONNECT, value: Value::Boolean(true) };
    v4l::Device::with_path(path)
        .and_then(|device| device.set_control(control).map(|()| Some(device)))
        .map_err(|error| SourceError::Unsupported(format!("can't unplug it: {error}")))
}

#[cfg(not(target_os = "linux"))]
fn unplug(_spec: &SourceSpec) -> Result<Option<std::fs::File>, SourceError> {
    Err(SourceError::Unsupported("only a virtual device can be unplugged".to_owned()))
}
