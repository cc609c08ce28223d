//! A publisher's offer: what of it the WebRTC stack sees, and the answer that the publisher sees.
//!
//! Offers come from many hands: with sound, with a dozen formats, with extensions that we must not
//! negotiate (were the picture's orientation one of them, browsers would send it lying on its side).
//! The stack gets one video section in one format, written anew from what is allowed here; nothing flows
//! in the others. Works on text; owns what an ICE restart needs to write it again.

use super::error::{FragmentError, IngestError};
use super::fragment::{self, Credentials, Part};
use super::profile::{Format, NoFormat, gives_feedback};
use super::repair::RepairTypes;
use super::section::{Section, is_candidate, is_credential, push, push_candidates};
use crate::error::DescriptionError;
use crate::offer::lacking;
use crate::sections::{Media, Sections, value};

/// Feedback that we give (RFC 4585, RFC 5104, transport-wide congestion control).
const FEEDBACK: [&str; 4] = ["nack", "nack pli", "ccm fir", "transport-cc"];
/// The one header extension that we take: numbers for the sender's estimate of the path.
const TRANSPORT_CC: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// An offer to publish, and its current ICE session.
#[derive(Debug, Clone)]
pub(crate) struct Offered {
    /// What the answer needs of each section.
    sections: Vec<Section>,
    /// Which of them is taken.
    video: usize,
    mid: String,
    is_bundled: bool,
    format: Format,
    /// The attributes of the section as the stack gets them, without those of ICE.
    attributes: Vec<String>,
    /// The publisher insists on being the DTLS client.
    is_active: bool,
    credentials: Credentials,
    /// Each as `candidate:…`.
    candidates: Vec<String>,
}

impl Offered {
    /// Reads an offer that [`description::check`](crate::description::check) has let through.
    pub(crate) fn read(sdp: &str) -> Result<Self, IngestError> {
        let sections = Sections::of(sdp);
        let (video, format) = choose(&sections)?;
        let media = &sections.media[video];
        let mid = media.value("mid:").ok_or_else(|| lacking("mid:"))?;
        let bundle = bundle(&sections).filter(|bundle| bundle.contains(&mid)).unwrap_or_default();
        let (bundle, is_bundled) = (&bundle, !bundle.is_empty());
        // What all sections of a bundle share may stand in its first only (RFC 8843 section 7.1.3).
        let first = bundle.first();
        let first = sections.media.iter().find(|other| other.value("mid:") == first.copied());
        let levels = Levels { media, first, session: &sections.session };
        let credentials = levels.credentials()?;
        let sharing = |other: &&Media<'_>| {
            other.value("ice-ufrag:").is_none_or(|ufrag| ufrag == credentials.ufrag)
                && (std::ptr::eq(*other, media)
                    || first.is_some_and(|first| std::ptr::eq(*other, first)))
        };
        let candidates = sections.media.iter().filter(sharing).flat_map(|media| &media.attributes);
        let candidates = candidates.filter(|value| value.starts_with("candidate:"));
        let setup = levels.value("setup:").unwrap_or("actpass");
        Ok(Self {
            video,
            mid: mid.to_owned(),
            is_bundled,
            attributes: attributes(&levels, &format, mid, setup)?,
            is_active: setup == "active",
            candidates: candidates.map(|value| (*value).to_owned()).collect(),
            sections: sections.media.iter().map(|media| Section::read(media, bundle)).collect(),
            format,
            credentials,
        })
    }

    /// The publisher is the DTLS client and nothing else (RFC 9725 section 4.4.3).
    pub(crate) fn is_active(&self) -> bool {
        self.is_active
    }

    /// The payload type of the video.
    pub(crate) fn payload_type(&self) -> u8 {
        self.format.payload_type
    }

    /// The payload types of what is sent and of what is sent again, where that is a stream of its own.
    pub(crate) fn repair(&self) -> Option<RepairTypes> {
        let repair = self.format.repair?;
        Some(RepairTypes { video: self.format.payload_type, repair })
    }

    /// The offer as the stack gets it.
    pub(crate) fn for_stack(&self) -> String {
        let payload_type = self.format.payload_type;
        let mut sdp = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n".to_owned();
        // The stack rejects what is in no bundle.
        push(&mut sdp, format_args!("a=group:BUNDLE {}", self.mid));
        push(&mut sdp, format_args!("m=video 9 UDP/TLS/RTP/SAVPF {payload_type}"));
        push(&mut sdp, format_args!("c=IN IP4 0.0.0.0"));
        for attribute in &self.attributes {
            push(&mut sdp, format_args!("a={attribute}"));
        }
        push(&mut sdp, format_args!("a=ice-ufrag:{}", self.credentials.ufrag));
        push(&mut sdp, format_args!("a=ice-pwd:{}", self.credentials.password));
        for candidate in &self.candidates {
            push(&mut sdp, format_args!("a={candidate}"));
        }
        sdp
    }

    /// The stack's answer as the publisher gets it: every section that it offered, in its words.
    pub(crate) fn answer(&self, stack: &str) -> String {
        let (session, video) = stack.split_at(stack.find("\nm=").map_or(stack.len(), |at| at + 1));
        let mut sdp = String::with_capacity(2 * stack.len());
        for line in session.lines().filter(|line| !line.starts_with("a=group:")) {
            push(&mut sdp, format_args!("{line}"));
        }
        if self.is_bundled {
            let mids: Vec<&str> = self.alive().filter_map(|(_, s)| s.mid.as_deref()).collect();
            push(&mut sdp, format_args!("a=group:BUNDLE {}", mids.join(" ")));
        }
        let (ice, video): (Vec<&str>, Vec<&str>) =
            video.lines().partition(|line| is_candidate(line));
        for (index, section) in self.sections.iter().enumerate() {
            if index == self.video {
                self.push_video(&mut sdp, &video);
            } else {
                section.push(&mut sdp, &video);
            }
            if index == self.first_alive() {
                push_candidates(&mut sdp, &ice);
            }
        }
        sdp
    }

    /// The sections that the answer does not reject.
    fn alive(&self) -> impl Iterator<Item = (usize, &Section)> {
        let sections = self.sections.iter().enumerate();
        sections.filter(|(index, section)| *index == self.video || section.shared.is_some())
    }

    /// The one whose candidates are those of the whole bundle (RFC 8843 section 10.1.2).
    fn first_alive(&self) -> usize {
        self.alive().next().map_or(self.video, |(index, _)| index)
    }

    fn push_video(&self, sdp: &mut String, video: &[&str]) {
        let Format { payload_type, repair, .. } = &self.format;
        let fmtp = format!("a=fmtp:{payload_type} ");
        for line in video {
            // The stack knows nothing of retransmissions as a stream of their own.
            match repair {
                Some(repair) if line.starts_with("m=") => {
                    push(sdp, format_args!("{line} {repair}"));
                }
                Some(repair) if line.starts_with(&fmtp) => {
                    push(sdp, format_args!("{fmtp}{}", self.format.for_sender()));
                    push(sdp, format_args!("a=rtpmap:{repair} rtx/90000"));
                    push(sdp, format_args!("a=fmtp:{repair} apt={payload_type}"));
                }
                None if line.starts_with(&fmtp) => {
                    push(sdp, format_args!("{fmtp}{}", self.format.for_sender()));
                }
                _ if self.is_asked_for(line) => push(sdp, format_args!("{line}")),
                _ => {}
            }
        }
    }

    /// Feedback and extensions that were not offered have no place in an answer.
    fn is_asked_for(&self, line: &str) -> bool {
        let Some(value) = line.strip_prefix("a=") else { return true };
        let is_optional =
            ["rtcp-fb:", "extmap:", "rtcp-rsize"].iter().any(|key| value.starts_with(key));
        !is_optional || self.attributes.iter().any(|asked| asked == value)
    }

    /// Whose candidates a fragment has for us: those of our ICE session, whichever section of the
    /// bundle they stand in.
    pub(crate) fn candidates_of(&self, parts: Vec<Part>) -> Result<Vec<String>, FragmentError> {
        let mut ours = parts.into_iter().filter(|part| part.credentials == self.credentials);
        let first = ours.next().ok_or(FragmentError::OtherIceSession)?;
        let rest = ours.flat_map(|part| part.candidates);
        Ok(first.candidates.into_iter().chain(rest).collect())
    }

    /// The same offer in the ICE session that a fragment begins.
    pub(crate) fn restarted(&self, parts: &[Part]) -> Result<Self, FragmentError> {
        let own = parts.iter().find(|part| part.mid.as_ref() == Some(&self.mid));
        let first = own.or_else(|| parts.first());
        let credentials =
            first.map(|part| &part.credentials).ok_or(FragmentError::OtherIceSession)?;
        if *credentials == self.credentials {
            return Err(FragmentError::NoRestart);
        }
        // Both must change (RFC 8839 section 4.4.3.1.1).
        if credentials.ufrag == self.credentials.ufrag {
            let half = "it changes a=ice-pwd and not a=ice-ufrag";
            return Err(FragmentError::Malformed(half.to_owned()));
        }
        let ours = parts.iter().filter(|part| part.credentials == *credentials);
        Ok(Self {
            credentials: credentials.clone(),
            candidates: ours.flat_map(|part| part.candidates.clone()).collect(),
            ..self.clone()
        })
    }

    /// Of the stack's answer, what an ICE restart changes, as a fragment (RFC 9725 section 4.3.3).
    pub(crate) fn answer_fragment(&self, stack: &str) -> String {
        let mut fragment = String::new();
        if self.is_bundled {
            let mids: Vec<&str> = self.alive().filter_map(|(_, s)| s.mid.as_deref()).collect();
            push(&mut fragment, format_args!("a=group:BUNDLE {}", mids.join(" ")));
        }
        let ice: Vec<&str> = stack.lines().filter(|line| is_candidate(line)).collect();
        if let Some(Section { media, proto, format, mid, .. }) =
            self.sections.get(self.first_alive())
        {
            push(&mut fragment, format_args!("m={media} 9 {proto} {format}"));
            push(&mut fragment, format_args!("a=mid:{}", mid.as_deref().unwrap_or(&self.mid)));
        }
        for line in stack.lines().filter(|line| is_credential(line)) {
            push(&mut fragment, format_args!("{line}"));
        }
        push_candidates(&mut fragment, &ice);
        fragment
    }
}

/// The first section whose video comes to us in a format that we take.
fn choose(sections: &Sections<'_>) -> Result<(usize, Format), IngestError> {
    let sends = |media: &Media<'_>| {
        media.is_video() && matches!(sections.direction_of(media), "sendonly" | "sendrecv")
    };
    let count = sections.media.iter().filter(|media| sends(media)).count();
    if count > 1 {
        // Half of what was offered would be a surprise (RFC 9725 section 4.4.2).
        let words =
            format!("it sends {count} pictures, and a camera has one: publish each by itself");
        return Err(DescriptionError::Malformed(words).into());
    }
    let mut refused = IngestError::Description(DescriptionError::NoVideo);
    for (index, media) in sections.media.iter().enumerate().filter(|(_, media)| sends(media)) {
        match Format::choose(media) {
            Ok(format) => return Ok((index, format)),
            Err(NoFormat::Profiles(offered)) => {
                refused = IngestError::UnsupportedProfile { offered };
            }
            Err(NoFormat::NotH264) => {
                if !matches!(refused, IngestError::UnsupportedProfile { .. }) {
                    refused = IngestError::NoH264;
                }
            }
        }
    }
    Err(refused)
}

/// The mids of the first bundle.
fn bundle<'a>(sections: &Sections<'a>) -> Option<Vec<&'a str>> {
    let mids = value(&sections.session, "group:BUNDLE ")?;
    Some(mids.split(' ').filter(|mid| !mid.is_empty()).collect())
}

/// Where an attribute of the transport may stand, the nearest first.
struct Levels<'s, 'a> {
    media: &'s Media<'a>,
    /// The first section of its bundle.
    first: Option<&'s Media<'a>>,
    session: &'s [&'a str],
}

impl<'a> Levels<'_, 'a> {
    fn value(&self, prefix: &str) -> Option<&'a str> {
        let first = || self.first.and_then(|first| first.value(prefix));
        self.media.value(prefix).or_else(first).or_else(|| value(self.session, prefix))
    }

    fn credentials(&self) -> Result<Credentials, IngestError> {
        let needed = |prefix: &str| self.value(prefix).ok_or_else(|| lacking(prefix));
        let credentials = Credentials::new(needed("ice-ufrag:")?, needed("ice-pwd:")?);
        credentials.map_err(|error| DescriptionError::Malformed(error.to_string()).into())
    }

    /// The fingerprints of the nearest level that has any: there may be one for each hash.
    fn fingerprints(&self) -> Vec<&'a str> {
        let first = self.first.map_or(&[][..], |first| &first.attributes);
        [&self.media.attributes, first, self.session]
            .into_iter()
            .map(|level| {
                level.iter().copied().filter(|value| value.starts_with("fingerprint:")).collect()
            })
            .find(|found: &Vec<_>| !found.is_empty())
            .unwrap_or_default()
    }
}

/// The attributes of the section for the stack: nothing passes that is not named here.
fn attributes(
    levels: &Levels<'_, '_>,
    format: &Format,
    mid: &str,
    setup: &str,
) -> Result<Vec<String>, IngestError> {
    let (media, payload_type) = (levels.media, format.payload_type);
    if media.value("rtcp-mux").is_none() {
        return Err(lacking("rtcp-mux").into());
    }
    let fingerprints = levels.fingerprints();
    if fingerprints.is_empty() {
        return Err(lacking("fingerprint:").into());
    }
    let mut attributes = vec![
        "ice-options:trickle".to_owned(),
        format!("setup:{setup}"),
        format!("mid:{mid}"),
        "sendonly".to_owned(),
        "rtcp-mux".to_owned(),
    ];
    attributes.extend(fingerprints.into_iter().map(str::to_owned));
    attributes.extend(media.value("rtcp-rsize").map(|_| "rtcp-rsize".to_owned()));
    attributes.push(format!("rtpmap:{payload_type} H264/90000"));
    attributes.push(format!("fmtp:{payload_type} {}", format.for_stack()));
    attributes.extend(feedback(media, payload_type));
    attributes.extend(transport_cc(media));
    attributes.extend(source(media));
    Ok(attributes)
}

/// The feedback of ours that was offered.
fn feedback(media: &Media<'_>, payload_type: u8) -> impl Iterator<Item = String> {
    let offered = FEEDBACK.iter().filter(move |kind| gives_feedback(media, payload_type, kind));
    offered.map(move |kind| format!("rtcp-fb:{payload_type} {kind}"))
}

/// Under the id that the sender gave it; those past 14 need another form of header (RFC 8285).
fn transport_cc(media: &Media<'_>) -> Option<String> {
    media.attributes.iter().find_map(|value| {
        let (id, uri) = value.strip_prefix("extmap:")?.split_once(' ')?;
        let id: u8 = id.split('/').next()?.parse().ok().filter(|id| (1..15).contains(id))?;
        (uri.trim_end() == TRANSPORT_CC).then(|| format!("extmap:{id} {TRANSPORT_CC}"))
    })
}

/// The stream's SSRC, where it is told: the first of a group, for those after it repair the first (RFC
/// 5576 section 4.2).
fn source(media: &Media<'_>) -> Option<String> {
    let group = ["ssrc-group:FID ", "ssrc-group:SIM "].iter().find_map(|key| media.value(key));
    let named = group.or_else(|| media.value("ssrc:"))?;
    let ssrc: u32 = named.split(' ').next()?.parse().ok()?;
    Some(format!("ssrc:{ssrc} cname:publisher"))
}

/// What an answer or an answer's fragment calls its ICE session.
pub(crate) fn ufrag(answer: &str) -> &str {
    answer.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap_or_default()
}

/// Reads a fragment's parts; here so that the session needs to know one module only.
pub(crate) fn parts(fragment: &str) -> Result<Vec<Part>, FragmentError> {
    fragment::read(fragment)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendonly\r\na=rtpmap:111 opus/48000/2\r\n\
        a=ice-ufrag:aaaa\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaa\r\n\
        a=candidate:1 1 udp 1 192.168.1.7 17480 typ host\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96 108 109\r\na=mid:1\r\na=sendonly\r\na=rtcp-mux\r\n\
        a=fingerprint:sha-256 00:11\r\na=setup:actpass\r\na=msid:- x\r\n\
        a=ice-ufrag:aaaa\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaa\r\n\
        a=extmap:13 urn:3gpp:video-orientation\r\n\
        a=extmap:3/sendonly http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
        a=rid:h send\r\na=simulcast:send h\r\n\
        a=rtpmap:96 VP8/90000\r\na=rtpmap:108 H264/90000\r\na=rtpmap:109 rtx/90000\r\n\
        a=fmtp:108 packetization-mode=1;profile-level-id=42c01f\r\na=fmtp:109 apt=108\r\n\
        a=rtcp-fb:* nack\r\na=rtcp-fb:108 goog-remb\r\na=rtcp-fb:96 ccm fir\r\n\
        a=ssrc-group:FID 7 8\r\na=ssrc:8 cname:x\r\na=ssrc:7 cname:x\r\n";
    const OURS: &str = "a=ice-ufrag:aaaa\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaa\r\n";
    const OTHER: &str = "a=ice-ufrag:bbbb\r\na=ice-pwd:bbbbbbbbbbbbbbbbbbbbbb\r\n";

    fn offered() -> Offered {
        Offered::read(OFFER).unwrap()
    }

    #[test]
    fn the_stack_sees_one_section_and_only_what_we_negotiate() {
        let expected = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 1\r\n\
            m=video 9 UDP/TLS/RTP/SAVPF 108\r\nc=IN IP4 0.0.0.0\r\na=ice-options:trickle\r\n\
            a=setup:actpass\r\na=mid:1\r\na=sendonly\r\na=rtcp-mux\r\na=fingerprint:sha-256 00:11\r\n\
            a=rtpmap:108 H264/90000\r\n\
            a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n\
            a=rtcp-fb:108 nack\r\n\
            a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
            a=ssrc:7 cname:publisher\r\n\
            a=ice-ufrag:aaaa\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaa\r\n\
            a=candidate:1 1 udp 1 192.168.1.7 17480 typ host\r\n";
        assert_eq!(offered().for_stack(), expected);
    }

    #[test]
    fn two_pictures_are_refused_and_one_beside_what_is_not_sent_is_taken() {
        let second = "m=video 9 UDP/TLS/RTP/SAVPF 108\r\na=mid:2\r\na=rtcp-mux\r\n\
            a=rtpmap:108 H264/90000\r\na=fmtp:108 packetization-mode=1;profile-level-id=42e01f\r\n";
        let with = |direction: &str| Offered::read(&format!("{OFFER}{second}a={direction}\r\n"));
        let refused = with("sendonly").unwrap_err().to_string();
        assert!(refused.contains("it sends 2 pictures"), "{refused}");
        for idle in ["recvonly", "inactive"] {
            assert_eq!(with(idle).unwrap().mid, "1", "{idle}");
        }
    }

    #[test]
    fn candidates_count_by_their_ice_session_whichever_section_they_stand_in() {
        let section = |mid: u8, ice: &str, port: u16| {
            format!(
                "m=video 9 RTP/AVP 0\r\na=mid:{mid}\r\n{ice}\
                 a=candidate:1 1 udp 1 192.168.1.7 {port} typ host\r\n"
            )
        };
        let fragment = section(0, OURS, 2001) + &section(1, OTHER, 2002) + &section(1, OURS, 2003);
        let taken = offered().candidates_of(parts(&fragment).unwrap()).unwrap();
        let ports: Vec<&str> = taken.iter().filter_map(|text| text.split(' ').nth(5)).collect();
        assert_eq!(ports, ["2001", "2003"]);
        let none = offered().candidates_of(parts(&section(1, OTHER, 2002)).unwrap());
        assert_eq!(none, Err(FragmentError::OtherIceSession));
    }

    #[test]
    fn a_restart_changes_the_ice_session_and_nothing_else() {
        let offered = offered();
        let restarted = offered.restarted(&parts(OTHER).unwrap()).unwrap();
        let candidate = "a=candidate:1 1 udp 1 192.168.1.7 17480 typ host\r\n";
        let expected = offered.for_stack().replace(candidate, "").replace(OURS, OTHER);
        assert_eq!(restarted.for_stack(), expected);
        // Our section's, if several say different things.
        let mixed = format!(
            "m=audio 9 RTP/AVP 0\r\na=mid:0\r\na=ice-ufrag:cccc\r\na=ice-pwd:{}\r\n\
            m=video 9 RTP/AVP 0\r\na=mid:1\r\n{OTHER}{candidate}",
            "c".repeat(22)
        );
        let restarted = offered.restarted(&parts(&mixed).unwrap()).unwrap();
        assert_eq!(restarted.credentials.ufrag, "bbbb");
        assert_eq!(restarted.candidates.len(), 1);
    }
}
