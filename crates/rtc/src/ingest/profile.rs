//! Which of the offered H.264 formats is taken, and how the WebRTC stack is told of it.
//!
//! Browsers and encoders write the same baseline in several ways (42e01f, 42c01f, 42001f, or no
//! profile-level-id at all), of which the stack knows one. So it is told that one, and the sender gets
//! back what it wrote. Works on text (RFC 6184 section 8.1); owns no state.

use crate::sections::Media;

/// What the stack negotiates: see [`peer::h264`](crate::peer::h264).
const PROFILE_OF_THE_STACK: &str = "42e01f";
/// What browsers begin with. By themselves they begin with 300 kbit/s, sized for the internet, and send a
/// quarter of the picture's width for the first five seconds.
const START_KBPS: u32 = 2000;
/// Formats named to a person.
const NAMED_MAX: usize = 6;

/// An offered format that we take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) payload_type: u8,
    /// The payload type of what is sent again (RTX, RFC 4588), where that was offered.
    pub(crate) repair: Option<u8>,
    /// As offered; `None` where nothing was said.
    profile_level_id: Option<String>,
    /// The levels may differ between the directions (RFC 6184 section 8.1).
    level_asymmetry: bool,
    /// It is libwebrtc's, which all browsers have inside, or reads what that reads.
    is_libwebrtc: bool,
}

/// Why none of the formats is taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoFormat {
    NotH264,
    /// The H.264 formats, for a person.
    Profiles(String),
}

impl Format {
    /// The best of a media section's formats: constrained baseline, plain baseline, then one whose
    /// profile is not told; among equals the one that the sender prefers.
    pub(crate) fn choose(section: &Media<'_>) -> Result<Self, NoFormat> {
        let h264: Vec<u8> = section.h264().collect();
        let in_order = section.line.split(' ').skip(3).filter_map(|text| text.parse::<u8>().ok());
        let offered: Vec<Offered<'_>> = in_order
            .filter(|payload_type| h264.contains(payload_type))
            .map(|payload_type| Offered::read(section, payload_type))
            .collect();
        if offered.is_empty() {
            return Err(NoFormat::NotH264);
        }
        let ranked = offered.iter().filter_map(|offered| Some((offered.rank()?, offered)));
        let Some((_, best)) = ranked.min_by_key(|(rank, _)| *rank) else {
            let named: Vec<String> = offered.iter().take(NAMED_MAX).map(Offered::words).collect();
            return Err(NoFormat::Profiles(named.join(", ")));
        };
        Ok(Self {
            payload_type: best.payload_type,
            repair: repair(section, best.payload_type),
            profile_level_id: best.profile_level_id.map(str::to_owned),
            level_asymmetry: best.level_asymmetry,
            is_libwebrtc: gives_feedback(section, best.payload_type, "goog-remb"),
        })
    }

    /// The format parameters for the stack.
    pub(crate) fn for_stack(&self) -> String {
        format!(
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={PROFILE_OF_THE_STACK}"
        )
    }

    /// The format parameters for the sender: what it offered. Its parameter sets do not belong here,
    /// they are of the other direction.
    pub(crate) fn for_sender(&self) -> String {
        let mut text = String::new();
        if self.level_asymmetry {
            text.push_str("level-asymmetry-allowed=1;");
        }
        text.push_str("packetization-mode=1");
        if let Some(id) = &self.profile_level_id {
            text.push_str(";profile-level-id=");
            text.push_str(id);
        }
        if self.is_libwebrtc {
            text.push_str(&format!(";x-google-start-bitrate={START_KBPS}"));
        }
        text
    }
}

/// One H.264 format, as it stands in the offer.
struct Offered<'a> {
    payload_type: u8,
    /// 1 where several NAL units make a packet and one is cut into several; 0 where nothing is said.
    packetization_mode: &'a str,
    profile_level_id: Option<&'a str>,
    level_asymmetry: bool,
}

impl<'a> Offered<'a> {
    fn read(section: &Media<'a>, payload_type: u8) -> Self {
        let said = section.formats("fmtp:").find(|(of, _)| *of == payload_type);
        let parameters = said.map_or("", |(_, parameters)| parameters);
        let parameter = |name: &str| {
            parameters
                .split(';')
                .filter_map(|pair| pair.trim().split_once('='))
                .find(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.trim())
        };
        Self {
            payload_type,
            packetization_mode: parameter("packetization-mode").unwrap_or("0"),
            profile_level_id: parameter("profile-level-id"),
            level_asymmetry: parameter("level-asymmetry-allowed") == Some("1"),
        }
    }

    /// Lower is better; `None` for what we do not take.
    fn rank(&self) -> Option<u8> {
        if self.packetization_mode != "1" {
            return None;
        }
        let Some(id) = self.profile_level_id else { return Some(2) };
        let profile = profile(id)?;
        // profile_idc 66, and constraint_set1_flag: nothing but what every decoder can do.
        match profile {
            [0x42, flags] if flags & 0x40 != 0 => Some(0),
            [0x42, _] => Some(1),
            _ => None,
        }
    }

    fn words(&self) -> String {
        let profile = match self.profile_level_id {
            None => "no profile-level-id",
            Some(id) if profile(id).is_some() => id,
            Some(_) => "an unreadable profile-level-id",
        };
        match self.packetization_mode {
            "1" => profile.to_owned(),
            _ => format!("{profile} without packetization-mode 1"),
        }
    }
}

/// Whether this feedback was offered for this format, or for all.
pub(crate) fn gives_feedback(section: &Media<'_>, payload_type: u8, kind: &str) -> bool {
    let of_format = payload_type.to_string();
    section.attributes.iter().any(|value| {
        let said = value.strip_prefix("rtcp-fb:").and_then(|value| value.split_once(' '));
        said.is_some_and(|(of, offered)| {
            (of == "*" || of == of_format) && offered.trim_end() == kind
        })
    })
}

/// The payload type under which packets of this one are sent again when they are asked for.
fn repair(section: &Media<'_>, payload_type: u8) -> Option<u8> {
    if !gives_feedback(section, payload_type, "nack") {
        return None;
    }
    let wanted = format!("apt={payload_type}");
    let is_rtx = |repair: u8| {
        section
            .formats("rtpmap:")
            .any(|(of, codec)| of == repair && codec.trim_end().eq_ignore_ascii_case("rtx/90000"))
    };
    let repairs = |parameters: &str| parameters.split(';').any(|pair| pair.trim() == wanted);
    let offered = section.formats("fmtp:").filter(|(_, parameters)| repairs(parameters));
    let mut repairing = offered.map(|(repair, _)| repair);
    repairing.find(|repair| is_rtx(*repair))
}

/// `profile_idc` and the constraint flags of a profile-level-id, six hexadecimal digits.
fn profile(id: &str) -> Option<[u8; 2]> {
    if id.len() != 6 || !id.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let [_, idc, flags, _] = u32::from_str_radix(id, 16).ok()?.to_be_bytes();
    Some([idc, flags])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sections::Sections;

    /// What is taken of these formats, which have the payload types 100, 101, …
    fn choice(parameters: &[&str]) -> Result<Format, NoFormat> {
        let mut sdp = "m=video 9 UDP/TLS/RTP/SAVPF 96".to_owned();
        for index in 0..parameters.len() {
            sdp += &format!(" {}", 100 + index);
        }
        sdp += "\r\na=rtpmap:96 VP8/90000\r\n";
        for (index, parameters) in parameters.iter().enumerate() {
            let payload_type = 100 + index;
            sdp += &format!("a=rtpmap:{payload_type} H264/90000\r\n");
            if !parameters.is_empty() {
                sdp += &format!("a=fmtp:{payload_type} {parameters}\r\n");
            }
        }
        Format::choose(&Sections::of(&sdp).media[0])
    }

    #[test]
    fn every_way_to_write_baseline_is_taken_and_written_back_as_it_came() {
        for parameters in [
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42c01f",
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f",
            "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42E034",
            "packetization-mode=1;profile-level-id=42c015",
            "level-asymmetry-allowed=1;packetization-mode=1",
            "packetization-mode=1",
        ] {
            let format = choice(&[parameters]).unwrap();
            assert_eq!(format.payload_type, 100);
            assert_eq!(format.for_sender(), parameters);
            assert!(format.for_stack().ends_with("42e01f"));
        }
        let spaced = "profile-level-id=42c01f; packetization-mode=1; sprop-parameter-sets=Z0LA";
        assert_eq!(
            choice(&[spaced]).unwrap().for_sender(),
            "packetization-mode=1;profile-level-id=42c01f"
        );
    }

    #[test]
    fn a_browser_is_told_to_begin_with_a_bitrate_for_this_network() {
        let sdp = "m=video 9 UDP/TLS/RTP/SAVPF 96 108\r\na=rtpmap:108 H264/90000\r\n\
                   a=rtcp-fb:108 goog-remb\r\na=fmtp:108 packetization-mode=1\r\n";
        let wanted = "packetization-mode=1;x-google-start-bitrate=2000";
        assert_eq!(Format::choose(&Sections::of(sdp).media[0]).unwrap().for_sender(), wanted);
        let other = sdp.replace("fb:108", "fb:96");
        let format = Format::choose(&Sections::of(&other).media[0]).unwrap();
        assert_eq!(format.for_sender(), "packetization-mode=1");
    }

    #[test]
    fn what_repairs_the_format_is_taken_with_it_if_it_can_be_asked_for() {
        let sdp = "m=video 9 UDP/TLS/RTP/SAVPF 96 97 108 109\r\na=rtpmap:97 rtx/90000\r\n\
                   a=fmtp:97 apt=96\r\na=rtpmap:108 H264/90000\r\na=fmtp:108 packetization-mode=1\r\n\
                   a=rtcp-fb:108 nack\r\na=rtpmap:109 rtx/90000\r\na=fmtp:109 apt=108;rtx-time=3000\r\n";
        let repair = |sdp: &str| Format::choose(&Sections::of(sdp).media[0]).unwrap().repair;
        assert_eq!(repair(sdp), Some(109));
        assert_eq!(repair(&sdp.replace("109 rtx", "109 ulpfec")), None);
        assert_eq!(repair(&sdp.replace("apt=108", "apt=10")), None);
        assert_eq!(repair(&sdp.replace("108 nack", "108 nack pli")), None);
    }

    #[test]
    fn of_several_the_plainest_is_taken_and_among_equals_the_first() {
        let mode_0 = "packetization-mode=0;profile-level-id=42e01f";
        let high = "packetization-mode=1;profile-level-id=640c1f";
        let main = "packetization-mode=1;profile-level-id=4d001f";
        let plain = "packetization-mode=1;profile-level-id=42001f";
        let constrained = "packetization-mode=1;profile-level-id=42e01f";
        let other = "packetization-mode=1;profile-level-id=42c01f";
        let taken = |offered: &[&str]| choice(offered).map(|format| format.payload_type);
        assert_eq!(taken(&[high, mode_0, plain, constrained, other]), Ok(103));
        assert_eq!(taken(&[high, other, constrained]), Ok(101));
        assert_eq!(taken(&[main, "packetization-mode=1", plain]), Ok(102));
    }

    #[test]
    fn other_profiles_are_refused_and_named() {
        let refused = choice(&[
            "packetization-mode=1;profile-level-id=640c1f",
            "packetization-mode=0;profile-level-id=42e01f",
            "profile-level-id=42e01f",
            "packetization-mode=1;profile-level-id=42e0",
            "packetization-mode=1;profile-level-id=+2e01f",
            "",
        ]);
        let words = "640c1f, 42e01f without packetization-mode 1, \
                     42e01f without packetization-mode 1, an unreadable profile-level-id, \
                     an unreadable profile-level-id, no profile-level-id without packetization-mode 1";
        assert_eq!(refused, Err(NoFormat::Profiles(words.to_owned())));
        assert_eq!(choice(&[]), Err(NoFormat::NotH264));
    }
}
