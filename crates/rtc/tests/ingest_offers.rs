//! Offers as browsers and encoders write them: what is taken, what is answered, what is refused and
//! how.
//!
//! `offers/chromium.sdp` (156), `aiortc.sdp` (1.16) and `gstreamer.sdp` (simple-whip-client with
//! webrtcbin) were captured, with other addresses; the others are written after what those programs
//! send.

#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

mod common;

use common::{loopback, soon};
use lanlens_model::limits;
use lanlens_rtc::{DescriptionError, Ingest, IngestError};
use tokio::sync::mpsc;

const CHROMIUM: &str = include_str!("offers/chromium.sdp");
const FIREFOX: &str = include_str!("offers/firefox.sdp");
const SAFARI: &str = include_str!("offers/safari.sdp");
const OBS: &str = include_str!("offers/obs.sdp");
const GSTREAMER: &str = include_str!("offers/gstreamer.sdp");
const AIORTC: &str = include_str!("offers/aiortc.sdp");
const TRANSPORT_CC: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

async fn answer(offer: &str) -> Result<String, IngestError> {
    let (events, _received) = mpsc::channel(64);
    let started = soon(Ingest::start(loopback(), offer.to_owned(), |_| {}, events)).await;
    let (ingest, answer) = started?;
    ingest.close().await;
    Ok(answer.sdp)
}

/// The media sections, each with its `m=` line.
fn sections(sdp: &str) -> Vec<Vec<&str>> {
    let mut sections: Vec<Vec<&str>> = Vec::new();
    for line in sdp.lines() {
        if line.starts_with("m=") {
            sections.push(Vec::new());
        }
        if let Some(section) = sections.last_mut() {
            section.push(line);
        }
    }
    sections
}

fn values<'a>(section: &[&'a str], key: &str) -> Vec<&'a str> {
    section.iter().filter_map(|line| line.strip_prefix(key)).collect()
}

/// What must hold of every answer (RFC 3264, RFC 8843, RFC 9429 section 5.3.1).
fn assert_answers(offer: &str, answer: &str) {
    let (offered, answered) = (sections(offer), sections(answer));
    assert_eq!(offered.len(), answered.len(), "{answer}");
    assert!(answer.lines().all(|line| line.as_bytes()[1] == b'='), "{answer}");
    for (offered, answered) in offered.iter().zip(&answered) {
        let kind = |section: &[&str]| section[0].split(' ').next().unwrap().to_owned();
        assert_eq!(kind(offered), kind(answered));
        assert_eq!(values(offered, "a=mid:"), values(answered, "a=mid:"));
        for key in ["a=rtcp-fb:", "a=rtpmap:"] {
            for value in values(answered, key) {
                assert!(values(offered, key).contains(&value), "{key}{value} was not offered");
            }
        }
        for value in values(answered, "a=extmap:") {
            assert!(value.ends_with(TRANSPORT_CC), "{value}");
            assert!(values(offered, "a=extmap:").contains(&value), "{value} was not offered");
        }
        let alive = !answered[0].contains(" 0 ");
        assert_eq!(alive, answered.iter().any(|line| line.starts_with("a=ice-ufrag:")));
        let is_video = answered.contains(&"a=recvonly");
        assert!(is_video || answered.contains(&"a=inactive"), "{answer}");
    }
    assert_eq!(answer.matches("a=recvonly").count(), 1, "{answer}");
    let candidates: Vec<usize> =
        answered.iter().map(|section| values(section, "a=candidate:").len()).collect();
    let first = answered.iter().position(|section| !section[0].contains(" 0 ")).unwrap();
    assert_eq!(candidates.iter().sum::<usize>(), 1, "the one address, once");
    assert_eq!(candidates[first], 1, "in the first section of the bundle");
    let group = |sdp: &str| sdp.lines().filter(|line| line.starts_with("a=group:BUNDLE")).count();
    assert_eq!(group(offer), group(answer));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_program_is_answered_with_its_own_baseline_and_nothing_else() {
    let asymmetric = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=";
    let start = ";x-google-start-bitrate=2000";
    for (name, offer, payload_type, repair, fmtp) in [
        ("Chromium", CHROMIUM, 108, Some(109), format!("{asymmetric}42e01f{start}")),
        ("Firefox", FIREFOX, 126, Some(127), format!("{asymmetric}42e01f{start}")),
        ("Safari", SAFARI, 98, Some(99), format!("{asymmetric}42e01f{start}")),
        ("OBS", OBS, 96, None, format!("{asymmetric}42e01f{start}")),
        ("GStreamer", GSTREAMER, 96, None, format!("{asymmetric}42c01e")),
        ("aiortc", AIORTC, 101, Some(102), format!("{asymmetric}42e01f{start}")),
    ] {
        let answer = answer(offer).await.expect(name);
        assert_answers(offer, &answer);
        let sections = sections(&answer);
        let video = sections.iter().find(|section| section.contains(&"a=recvonly")).unwrap();
        let mut line = format!("m=video 9 UDP/TLS/RTP/SAVPF {payload_type}");
        let mut parameters = vec![format!("{payload_type} {fmtp}")];
        if let Some(repair) = repair {
            line += &format!(" {repair}");
            parameters.push(format!("{repair} apt={payload_type}"));
        }
        assert_eq!(
            (video[0], values(video, "a=fmtp:")),
            (&*line, parameters.iter().map(|p| &**p).collect()),
            "{name}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loss_and_keyframes_are_reported_in_the_ways_that_were_offered() {
    let feedback = async |offer: &str| {
        let answer = answer(offer).await.unwrap();
        let feedback = answer.lines().filter_map(|line| line.strip_prefix("a=rtcp-fb:"));
        feedback.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        feedback(CHROMIUM).await,
        ["108 nack", "108 nack pli", "108 ccm fir", "108 transport-cc"]
    );
    assert_eq!(feedback(OBS).await, ["96 nack", "96 nack pli"]);
    assert_eq!(feedback(GSTREAMER).await, ["96 nack pli", "96 ccm fir", "96 transport-cc"]);
    let for_all = OBS.replace("a=rtcp-fb:96", "a=rtcp-fb:*");
    let answer = answer(&for_all).await.unwrap();
    assert!(!answer.contains("rtcp-fb:*"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sound_that_holds_the_bundle_together_stays_in_it_and_silent() {
    let answer = answer(OBS).await.unwrap();
    assert!(answer.contains("a=group:BUNDLE 0 1\r\n"));
    let sections = sections(&answer);
    assert_eq!(sections[0][0], "m=audio 9 UDP/TLS/RTP/SAVPF 111");
    assert!(sections[0].contains(&"a=inactive"));
    assert_eq!(values(&sections[0], "a=ice-ufrag:"), values(&sections[1], "a=ice-ufrag:"));
    // Where each section would need a path of its own it is rejected.
    let apart = OBS.replace("a=group:BUNDLE 0 1\n", "");
    let answer = self::answer(&apart).await.unwrap();
    assert_answers(&apart, &answer);
    assert!(answer.contains("m=audio 0 UDP/TLS/RTP/SAVPF 0\r\n"), "{answer}");
    // A name that looks like the beginning of a section.
    let named = GSTREAMER.replace("a=mid:video0", "a=mid:vim=deo0");
    assert_answers(&named, &self::answer(&named).await.unwrap());
    let data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:2\na=sctp-port:5000\n";
    let with_data = GSTREAMER.to_owned() + data;
    let answer = self::answer(&with_data).await.unwrap();
    assert!(answer.contains("m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_bundle_shares_may_stand_in_its_first_section_or_above() {
    // As RFC 8843 section 7.1.3 has it for sections that are only there with the first.
    let (first, second) = OBS.split_at(OBS.find("m=video").unwrap());
    let without = |key: &str, text: &str| -> String {
        text.lines().filter(|line| !line.starts_with(key)).map(|line| format!("{line}\n")).collect()
    };
    let mut bundle_only = second.replace("m=video 50824", "m=video 0") + "a=bundle-only\n";
    for key in ["a=ice-ufrag", "a=ice-pwd", "a=setup"] {
        bundle_only = without(key, &bundle_only);
    }
    let answered = answer(&format!("{first}{bundle_only}")).await.unwrap();
    assert!(answered.contains("m=video 9 "), "{answered}");

    let mut above = OBS.to_owned();
    let ice = "a=ice-ufrag:xQ3h\na=ice-pwd:mP8vK2rT6yB0nD4sF9gL1c\na=setup:actpass\n";
    for key in ["a=ice-ufrag", "a=ice-pwd", "a=setup"] {
        above = without(key, &above);
    }
    let above = above.replacen("m=audio", &format!("{ice}m=audio"), 1);
    assert!(answer(&above).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_formats_are_refused_with_words_that_say_what_to_change() {
    let only = |keep: &[&str], offer: &str| -> String {
        let gone = offer.lines().filter_map(|line| line.strip_prefix("a=rtpmap:")).filter(|map| {
            map.contains("/90000") && !keep.iter().any(|kept| map.starts_with(&format!("{kept} ")))
        });
        let gone: Vec<&str> = gone.map(|map| map.split(' ').next().unwrap()).collect();
        let is_kept = |line: &&str| {
            !gone.iter().any(|gone| {
                ["rtpmap", "fmtp", "rtcp-fb"]
                    .iter()
                    .any(|key| line.starts_with(&format!("a={key}:{gone} ")))
            })
        };
        offer.lines().filter(is_kept).map(|line| format!("{line}\n")).collect()
    };
    let vp8 = answer(&only(&["96", "97"], CHROMIUM)).await;
    assert_eq!(vp8, Err(IngestError::NoH264));
    let words = vp8.unwrap_err().to_string();
    assert!(words.contains("H.264") && words.contains("browser"), "{words}");

    for (kept, offered) in [
        ("116", "4d001f"),
        ("114", "42e01f without packetization-mode 1"),
        ("39", "4d001f without packetization-mode 1"),
    ] {
        let refused = answer(&only(&[kept], CHROMIUM)).await.unwrap_err();
        assert_eq!(refused, IngestError::UnsupportedProfile { offered: offered.to_owned() });
        assert!(refused.to_string().contains("profile-level-id 42e01f"), "{refused}");
    }
    let high = answer(&only(&["96", "97"], SAFARI)).await.unwrap_err();
    assert_eq!(high, IngestError::UnsupportedProfile { offered: "640c1f".to_owned() });
    // Plain baseline alone, and none that says which profile it is.
    assert!(answer(&only(&["102", "103"], CHROMIUM)).await.is_ok());
    assert!(answer(&GSTREAMER.replace("profile-level-id=42c01e;", "")).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offers_that_cannot_be_used_are_refused_in_words_before_anything_is_bound() {
    for direction in ["recvonly", "inactive"] {
        let refused = answer(&CHROMIUM.replace("a=sendonly", &format!("a={direction}"))).await;
        assert_eq!(refused, Err(IngestError::Description(DescriptionError::NoVideo)));
    }
    assert!(answer(&CHROMIUM.replace("a=sendonly", "a=sendrecv")).await.is_ok());
    let sound_only = OBS.split_at(OBS.find("m=video").unwrap()).0;
    let refused = answer(sound_only).await;
    assert_eq!(refused, Err(IngestError::Description(DescriptionError::NoVideo)));
    for lacking in ["fingerprint", "ice-ufrag", "ice-pwd", "mid", "rtcp-mux"] {
        let line = format!("a={lacking}");
        let kept = GSTREAMER.lines().filter(|text| !text.starts_with(&line));
        let offer: String = kept.map(|line| format!("{line}\n")).collect();
        let words = answer(&offer).await.unwrap_err().to_string();
        assert!(words.contains(&line), "{lacking}: {words}");
    }
    let long = CHROMIUM.to_owned() + &"a=x\n".repeat(limits::SDP_BYTES_MAX / 4);
    let refused = answer(&long).await;
    assert_eq!(refused, Err(IngestError::Description(DescriptionError::TooLong(long.len()))));
    for nonsense in ["", "hello", "v=0\r\n", "m=video", "m=video \r\na=mid:"] {
        let words = answer(nonsense).await.unwrap_err().to_string();
        assert!(words.len() > 20, "{nonsense:?}: {words}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mutilated_offer_never_panics() {
    let mut random = fastrand::Rng::with_seed(1);
    for round in 0..240 {
        let offer = [FIREFOX, SAFARI, OBS, GSTREAMER][round % 4];
        let mut bytes = offer.as_bytes().to_vec();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(..bytes.len());
            match random.u8(..4) {
                0 => bytes.truncate(at + 1),
                1 => bytes[at] = random.u8(b' '..127),
                2 => drop(bytes.drain(at..(at + random.usize(..40)).min(bytes.len()))),
                _ => bytes.insert(at, *random.choice(b"\r\n :;=/0").unwrap()),
            }
            if bytes.is_empty() {
                bytes.push(b'v');
            }
        }
        let _ = answer(&String::from_utf8_lossy(&bytes)).await;
    }
}
