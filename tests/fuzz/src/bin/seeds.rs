//! Makes the seeds that come from our own code: `scripts/fuzz.sh --seeds` writes them to
//! `tests/fuzz/seeds`. Seeds of other makers stand beside them and are left alone.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use lanlens_codec::{EncoderConfig, H264Encoder};
use lanlens_fuzz::{DELIMITER, Packet};
use lanlens_media::h264::nal_units;
use lanlens_media::{CaptureTime, Encoder, FramePool};
use lanlens_model::{CameraId, DeviceId, Epoch, Layer, NodeId, Role};
use lanlens_protocol::Txt;
use lanlens_rtc::fuzzing::Negotiation;

/// RTP payloads of the seeds, small so that the units need fragments.
const PAYLOAD_BYTES_MAX: usize = 100;
/// Candidates that come after a description.
const LATER: &str = "later\ncandidate:2 1 udp 2130706431 192.168.1.7 17481 typ host\n";
/// For so long a peer is watched for what it sends.
const WATCHED: Duration = Duration::from_millis(500);

fn main() -> Result<(), Box<dyn Error>> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    messages(&seeds.join("message"))?;
    announcements(&seeds.join("txt"))?;
    descriptions(&seeds.join("sdp"))?;
    let small = encode(32, 3)?;
    let larger = encode(64, 8)?;
    streams(&seeds.join("decode"), &small, &larger)?;
    streams(&seeds.join("parameter_sets"), &small, &larger)?;
    packets(&seeds.join("assembler"), &small, &larger)?;
    Ok(())
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    Ok(fs::write(folder.join(name), bytes)?)
}

/// One of each kind, as documented.
fn messages(folder: &Path) -> Result<(), Box<dyn Error>> {
    let golden = include_str!("../../../../crates/protocol/tests/golden.jsonl");
    for (line, message) in golden.lines().filter(|line| !line.is_empty()).enumerate() {
        write(folder, &format!("golden-{:02}", line + 1), message)?;
    }
    Ok(())
}

fn announcements(folder: &Path) -> Result<(), Box<dyn Error>> {
    let device = DeviceId::from_spki(b"seed");
    let camera = Txt {
        node: NodeId::new(device, "camera-0"),
        role: Role::Camera,
        epoch: Epoch(7),
        camera: Some(CameraId::new(device, "pattern-0")),
        name: "Küche 거실".to_owned(),
        via: None,
    };
    let viewer = Txt { role: Role::Viewer, camera: None, name: String::new(), ..camera.clone() };
    let phone = Txt { via: Some(viewer.node), ..camera.clone() };
    for (name, txt) in [("camera", camera), ("viewer", viewer), ("phone", phone)] {
        let mut record = Vec::new();
        for (key, value) in txt.encode() {
            let string = format!("{key}={value}");
            record.push(u8::try_from(string.len())?);
            record.extend(string.bytes());
        }
        write(folder, name, record)?;
    }
    Ok(())
}

fn descriptions(folder: &Path) -> Result<(), Box<dyn Error>> {
    let (mut viewer, offer) = Negotiation::subscriber()?;
    let mut camera = Negotiation::publisher()?;
    let answer = camera.answer(&offer)?;
    viewer.accept_answer(&answer)?;
    for (name, peer) in [("camera", &mut camera), ("viewer", &mut viewer)] {
        let candidate = LATER.lines().last().unwrap_or_default();
        let sent = peer.add_candidate(candidate) && !peer.destinations(WATCHED).is_empty();
        // Else the target would promise nothing.
        sent.then_some(()).ok_or_else(|| format!("the {name} sends no packet"))?;
    }
    write(folder, "offer", format!("{offer}{LATER}"))?;
    write(folder, "answer", format!("answer\n{answer}{LATER}"))
}

/// Moving pictures of `side`×`side` from our own encoder; the first is a keyframe.
fn encode(side: u32, count: usize) -> Result<Vec<Bytes>, Box<dyn Error>> {
    let config = EncoderConfig { layer: Layer::Low, bitrate_kbps: 100, fps: 15 };
    let mut encoder = H264Encoder::new(config);
    let pool = FramePool::new();
    let mut units = Vec::new();
    for step in 0..count {
        let mut frame = pool.frame(side, side, CaptureTime::now());
        let [luma, blue, red] = frame.planes_mut();
        for (index, pixel) in luma.iter_mut().enumerate() {
            *pixel = ((index % side as usize) * 3 + index / side as usize + step * 9) as u8;
        }
        blue.fill(100);
        red.fill(150);
        units.extend(encoder.encode(&frame, false)?.map(|unit| unit.data));
    }
    Ok(units)
}

fn streams(folder: &Path, small: &[Bytes], larger: &[Bytes]) -> Result<(), Box<dyn Error>> {
    let joined = |units: &[Bytes]| -> Vec<u8> {
        units.iter().flat_map(|unit| [&DELIMITER, &**unit].concat()).collect()
    };
    write(folder, "keyframe", &small[0])?;
    write(folder, "pictures", joined(small))?;
    // Another size in the middle, then a keyframe of the first again.
    write(folder, "sizes", joined(&[&small[..2], &larger[..2], &small[..1]].concat()))?;
    // The sets once, the keyframe without.
    let (sets, slices): (Vec<&[u8]>, Vec<&[u8]>) =
        nal_units(&small[0]).partition(|nal| matches!(nal[0] & 0x1F, 7 | 8));
    let mut apart = DELIMITER.to_vec();
    for nal in sets.iter().chain([&&DELIMITER[4..]]).chain(&slices) {
        apart.extend([&[0, 0, 1], *nal].concat());
    }
    write(folder, "sets-apart", apart)?;
    Ok(())
}

fn packets(folder: &Path, small: &[Bytes], larger: &[Bytes]) -> Result<(), Box<dyn Error>> {
    let small: Vec<Packet> = small.iter().flat_map(|unit| packetize(unit)).collect();
    let larger: Vec<Packet> = larger.iter().flat_map(|unit| packetize(unit)).collect();
    let steps = |packets: &[Packet]| {
        let mut steps = Vec::new();
        packets.iter().for_each(|packet| packet.write(&mut steps));
        steps
    };
    write(folder, "small", steps(&small))?;
    write(folder, "larger", steps(&larger))?;
    // One is lost, a second passes, a keyframe of the other stream comes.
    let other = small.iter().map(|packet| Packet { other_stream: true, ..packet.clone() });
    let lost = [&steps(&larger[..5]), &[0x80][..], &steps(&larger[6..]), &[0x7F, 0x7F]].concat();
    write(folder, "lost", [lost, steps(&other.collect::<Vec<_>>())].concat())?;
    // One comes two places early, and again in its place.
    let mut early = small.clone();
    early.insert(1, Packet { moved: 2, ..small[3].clone() });
    write(folder, "early", steps(&early))?;
    // A unit that never ends, and a stream that jumps.
    let endless = [&steps(&small[..2]), &[0xCC, 0xCC, 0xCC, 0xF0][..], &steps(&small)].concat();
    write(folder, "endless", endless)?;
    Ok(())
}

/// RTP payloads of one unit (RFC 6184): parameter sets together, what is long in fragments.
fn packetize(unit: &[u8]) -> Vec<Packet> {
    let mut payloads = Vec::new();
    let mut sets = vec![0x78];
    for nal in nal_units(unit) {
        if matches!(nal[0] & 0x1F, 7 | 8) {
            sets.extend((nal.len() as u16).to_be_bytes());
            sets.extend(nal);
        } else if nal.len() <= PAYLOAD_BYTES_MAX {
            payloads.push(nal.to_vec());
        } else {
            let fragments = nal[1..].chunks(PAYLOAD_BYTES_MAX);
            let last = fragments.len() - 1;
            payloads.extend(fragments.enumerate().map(|(index, fragment)| {
                let edge = if index == 0 { 0x80 } else { 0 } | if index == last { 0x40 } else { 0 };
                [&[nal[0] & 0xE0 | 28, nal[0] & 0x1F | edge], fragment].concat()
            }));
        }
    }
    if sets.len() > 1 {
        payloads.insert(0, sets);
    }
    let last = payloads.len().saturating_sub(1);
    payloads
        .into_iter()
        .enumerate()
        .map(|(index, payload)| Packet {
            marker: index == last,
            new_picture: index == 0,
            payload: payload.into(),
            ..Packet::default()
        })
        .collect()
}
