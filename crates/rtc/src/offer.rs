//! Whether a viewer's offer makes sense, before anything is done for it.
//!
//! An offer can claim a camera, so nonsense must be told from an offer before a session exists, and
//! without sockets. Reads what [`Publisher::start`](crate::Publisher::start) will insist on; what
//! passes here may still fail there, for want of a network for example. Owns no state.

use webrtc::peer_connection::RTCSessionDescription;

use crate::description::{self, is_baseline_mode_1};
use crate::error::DescriptionError;
use crate::sections::{Media, Sections};
use crate::session::malformed;

/// Checks an offer of somebody who wants to watch (JSEP, RFC 9429 section 5.8): size, media sections
/// and candidates against [`limits`](lanlens_model::limits), what every WebRTC offer must say, and
/// H.264 video in our format that the offerer receives. Candidates that lead out of the local network
/// are no error: they are left out when the session starts.
///
/// # Errors
/// [`DescriptionError`], in words for people.
pub fn check_offer(sdp: &str) -> Result<(), DescriptionError> {
    let checked = description::check(sdp, &[])?;
    RTCSessionDescription::offer(checked.sdp).map_err(malformed)?;
    let offer = Sections::of(sdp);
    for needed in ["fingerprint:", "ice-ufrag:", "ice-pwd:"] {
        if !offer.all().any(|value| value.starts_with(needed)) {
            return Err(lacking(needed));
        }
    }
    let mut wanted = offer.media.iter().filter(|section| is_wanted(&offer, section)).peekable();
    if wanted.peek().is_none() {
        return Err(DescriptionError::NoVideo);
    }
    let Some(video) = wanted.find(|section| has_our_format(section)) else {
        return Err(DescriptionError::NoCommonCodec);
    };
    if video.value("mid:").is_some() {
        return Ok(());
    }
    Err(lacking("mid:"))
}

fn is_wanted(offer: &Sections<'_>, section: &Media<'_>) -> bool {
    section.is_video() && matches!(offer.direction_of(section), "recvonly" | "sendrecv")
}

fn has_our_format(section: &Media<'_>) -> bool {
    let h264: Vec<u8> = section.h264().collect();
    section.formats("fmtp:").any(|(payload_type, parameters)| {
        h264.contains(&payload_type) && is_baseline_mode_1(parameters)
    })
}

pub(crate) fn lacking(attribute: &str) -> DescriptionError {
    DescriptionError::Malformed(format!("it has no a={}", attribute.trim_end_matches(':')))
}

#[cfg(test)]
mod tests {
    use lanlens_model::limits;

    use super::*;

    /// As a browser writes it, shortened.
    const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
        a=group:BUNDLE 0\r\na=fingerprint:sha-256 00:11\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96 102\r\nc=IN IP4 0.0.0.0\r\n\
        a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=setup:actpass\r\na=mid:0\r\n\
        a=recvonly\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:102 H264/90000\r\n\
        a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n";
    const CANDIDATE: &str = "a=candidate:1 1 udp 1 192.168.1.7 17480 typ host\r\n";

    fn padded_to(length: usize) -> String {
        let rest = length - OFFER.len() - "a=x:\r\n".len();
        format!("{OFFER}a=x:{}\r\n", "x".repeat(rest))
    }

    #[test]
    fn an_offer_to_watch_passes() {
        assert_eq!(check_offer(OFFER), Ok(()));
        // Both ways, said or not; in another section of more than one.
        assert_eq!(check_offer(&OFFER.replace("recvonly", "sendrecv")), Ok(()));
        assert_eq!(check_offer(&OFFER.replace("a=recvonly\r\n", "")), Ok(()));
        let audio = "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:1\r\na=recvonly\r\n";
        assert_eq!(check_offer(&OFFER.replace("m=video", &format!("{audio}m=video"))), Ok(()));
    }

    #[test]
    fn an_offer_passes_at_each_limit_and_is_refused_one_past_it() {
        assert_eq!(check_offer(&padded_to(limits::SDP_BYTES_MAX)), Ok(()));
        let long = limits::SDP_BYTES_MAX + 1;
        assert_eq!(check_offer(&padded_to(long)), Err(DescriptionError::TooLong(long)));

        let media = |count: usize| {
            OFFER.to_owned() + &"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n".repeat(count - 1)
        };
        assert_eq!(check_offer(&media(limits::SDP_MEDIA_MAX)), Ok(()));
        let many = limits::SDP_MEDIA_MAX + 1;
        assert_eq!(check_offer(&media(many)), Err(DescriptionError::TooManyMedia(many)));

        let candidates = |count: usize| OFFER.to_owned() + &CANDIDATE.repeat(count);
        assert_eq!(check_offer(&candidates(limits::CANDIDATES_MAX)), Ok(()));
        let many = limits::CANDIDATES_MAX + 1;
        assert_eq!(check_offer(&candidates(many)), Err(DescriptionError::TooManyCandidates(many)));
    }

    #[test]
    fn candidates_that_lead_elsewhere_are_no_reason_to_refuse() {
        let elsewhere = CANDIDATE.replace("192.168.1.7", "8.8.8.8");
        assert_eq!(check_offer(&(OFFER.to_owned() + &elsewhere)), Ok(()));
    }

    #[test]
    fn an_offer_that_nothing_can_flow_for_is_refused_in_words() {
        for direction in ["sendonly", "inactive"] {
            let refused = check_offer(&OFFER.replace("recvonly", direction));
            assert_eq!(refused, Err(DescriptionError::NoVideo), "{direction}");
        }
        assert_eq!(
            check_offer(&OFFER.replace("m=video", "m=audio")),
            Err(DescriptionError::NoVideo)
        );
        for other in [("42e01f", "640032"), ("mode=1", "mode=0"), ("102 H264", "102 VP9")] {
            let refused = check_offer(&OFFER.replace(other.0, other.1));
            assert_eq!(refused, Err(DescriptionError::NoCommonCodec), "{other:?}");
        }
        for lacking in ["fingerprint", "ice-ufrag", "ice-pwd", "mid"] {
            let refused = check_offer(&OFFER.replace(&format!("a={lacking}:"), "a=x:"));
            let words = refused.map_err(|error| error.to_string());
            let wanted = format!("the session description cannot be used: it has no a={lacking}");
            assert_eq!(words, Err(wanted));
        }
        for nonsense in ["", "hello", "v=0\r\n", "a=candidate", "\r\n\r\n"] {
            let words = check_offer(nonsense).map_err(|error| error.to_string());
            assert!(words.is_err_and(|words| words.len() > 20), "{nonsense:?}");
        }
    }
}
