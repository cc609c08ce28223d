//! A peer's session description, checked and cleaned before the WebRTC stack parses it.
//!
//! Works on lines of text only: counts what the limits bound and takes out the candidates that
//! [`candidate::admit`](crate::candidate::admit) refuses. Owns no state.

use std::net::IpAddr;

use lanlens_model::limits;

use crate::candidate;
use crate::error::DescriptionError;

/// A description that passed the limits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Checked {
    /// The text without the refused candidates, lines ended by CRLF.
    pub(crate) sdp: String,
    /// Candidates it named, refused ones included: all count against the session's limit.
    pub(crate) candidates: usize,
}

/// Checks `sdp` against the limits and removes candidates that are not on the local network.
pub(crate) fn check(sdp: &str, local: &[IpAddr]) -> Result<Checked, DescriptionError> {
    if sdp.len() > limits::SDP_BYTES_MAX {
        return Err(DescriptionError::TooLong(sdp.len()));
    }
    if !sdp.lines().all(is_plain) {
        return Err(DescriptionError::Malformed("a line is not `x=value`".to_owned()));
    }
    let media = sdp.lines().filter(|line| line.starts_with("m=")).count();
    if media > limits::SDP_MEDIA_MAX {
        return Err(DescriptionError::TooManyMedia(media));
    }
    let candidates = sdp.lines().filter(|line| line.starts_with("a=candidate:")).count();
    if candidates > limits::CANDIDATES_MAX {
        return Err(DescriptionError::TooManyCandidates(candidates));
    }
    let mut clean = String::with_capacity(sdp.len() + 16);
    for line in sdp.lines() {
        if let Some(value) = line.strip_prefix("a=")
            && value.starts_with("candidate:")
            && let Err(refused) = candidate::admit(value, local)
        {
            tracing::debug!(%refused, candidate = value, "candidate left out");
            continue;
        }
        clean.push_str(line);
        clean.push_str("\r\n");
    }
    Ok(Checked { sdp: clean, candidates })
}

/// Whether a line is read by the stack as it is read here: the stack forgives spaces and stray
/// carriage returns, behind which a candidate could pass unseen.
pub(crate) fn is_plain(line: &str) -> bool {
    if line.is_empty() {
        return true;
    }
    if line.bytes().any(|byte| byte.is_ascii_control()) {
        return false;
    }
    match line.as_bytes() {
        [b'a' | b'm', b'=', first, ..] => !first.is_ascii_whitespace(),
        [b'a'..=b'z', b'=', ..] => true,
        _ => false,
    }
}

/// Leaves only these candidates in our own description, each as `candidate:…`. The stack writes each
/// one a second time for RTCP, which rtcp-mux does without and which would count against the peer's
/// limit, and an offer that restarts ICE still names the addresses it leaves.
pub(crate) fn with_candidates(sdp: &str, candidates: &[String]) -> String {
    let is_ours = |line: &&str| match line.trim_end().strip_prefix("a=") {
        Some(value) if value.starts_with("candidate:") => candidates.iter().any(|c| c == value),
        _ => true,
    };
    sdp.split_inclusive('\n').filter(is_ours).collect()
}

/// Whether a format's parameters (RFC 6184 section 8.1) name what we send: any level of baseline, of
/// which ours is a subset, in packetization mode 1.
pub(crate) fn is_baseline_mode_1(fmtp: &str) -> bool {
    let parameter = |name: &str| {
        fmtp.split(';')
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    };
    parameter("packetization-mode") == Some("1")
        && parameter("profile-level-id").is_some_and(|id| id.len() == 6 && id.starts_with("42"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_candidates_are_taken_out_and_the_rest_is_kept() {
        let sdp = "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 102\r\n\
                   a=candidate:1 1 udp 1 192.168.1.7 17480 typ host\r\n\
                   a=candidate:2 1 udp 1 8.8.8.8 17480 typ host\r\n\
                   a=candidate:3 1 udp 1 abc.local 17480 typ host\r\na=end-of-candidates\r\n";
        let checked = check(sdp, &[]).unwrap();
        assert_eq!(checked.candidates, 3);
        assert_eq!(
            checked.sdp,
            "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 102\r\n\
             a=candidate:1 1 udp 1 192.168.1.7 17480 typ host\r\na=end-of-candidates\r\n"
        );
    }

    #[test]
    fn a_candidate_cannot_hide_from_the_filter() {
        let hidden = "candidate:1 1 udp 1 8.8.8.8 17480 typ host";
        for line in [
            format!("a= {hidden}"),
            format!("a=\t{hidden}"),
            format!(" a={hidden}"),
            format!("\ra={hidden}"),
            format!("a=x\ra={hidden}"),
            format!("A={hidden}"),
            format!("a ={hidden}"),
        ] {
            let sdp = format!("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 102\r\n{line}\r\n");
            assert!(matches!(check(&sdp, &[]), Err(DescriptionError::Malformed(_))), "{line:?}");
        }
    }

    #[test]
    fn only_baseline_in_packetization_mode_1_is_ours() {
        let ours = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
        assert!(is_baseline_mode_1(ours));
        assert!(is_baseline_mode_1("profile-level-id=42001f; packetization-mode=1"));
        assert!(!is_baseline_mode_1(&ours.replace("42e01f", "640032")));
        assert!(!is_baseline_mode_1(&ours.replace("mode=1", "mode=0")));
        assert!(!is_baseline_mode_1("packetization-mode=1"));
        assert!(!is_baseline_mode_1(""));
    }

    #[test]
    fn our_candidates_are_those_of_now_and_named_once() {
        let now = "candidate:1 1 udp 1 192.168.1.7 17480 typ host";
        let rtcp = "candidate:1 2 udp 1 192.168.1.7 17480 typ host";
        let old = "candidate:2 1 udp 1 192.168.1.6 17480 typ host";
        let sdp = format!("v=0\r\na={old}\r\na={now}\r\na={rtcp}\r\na=x\r\n");
        let cleaned = with_candidates(&sdp, &[now.to_owned()]);
        assert_eq!(cleaned, format!("v=0\r\na={now}\r\na=x\r\n"));
    }

    #[test]
    fn each_limit_holds_at_its_value_and_one_past_it() {
        let media = "m=video 9 UDP/TLS/RTP/SAVPF 102\r\n";
        assert!(check(&media.repeat(limits::SDP_MEDIA_MAX), &[]).is_ok());
        assert_eq!(
            check(&media.repeat(limits::SDP_MEDIA_MAX + 1), &[]),
            Err(DescriptionError::TooManyMedia(limits::SDP_MEDIA_MAX + 1))
        );

        let line = "a=candidate:1 1 udp 1 192.168.1.7 17480 typ host\r\n";
        assert!(check(&line.repeat(limits::CANDIDATES_MAX), &[]).is_ok());
        assert_eq!(
            check(&line.repeat(limits::CANDIDATES_MAX + 1), &[]),
            Err(DescriptionError::TooManyCandidates(limits::CANDIDATES_MAX + 1))
        );

        assert!(check(&format!("s={}", "x".repeat(limits::SDP_BYTES_MAX - 2)), &[]).is_ok());
        assert_eq!(
            check(&"x".repeat(limits::SDP_BYTES_MAX + 1), &[]),
            Err(DescriptionError::TooLong(limits::SDP_BYTES_MAX + 1))
        );
    }
}
