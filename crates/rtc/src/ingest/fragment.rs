//! Session description fragments: what a WHIP client sends after its offer (RFC 8840, RFC 9725 section
//! 4.3).
//!
//! Reads text within limits and gives back what it says; whether that fits the session is decided by
//! whoever asked. Owns no state.

use lanlens_model::limits;

use super::error::FragmentError;
use crate::description::is_plain;
use crate::sections::{Media, Sections, value};

/// What names an ICE session (RFC 8839 section 5.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) ufrag: String,
    pub(crate) password: String,
}

impl Credentials {
    /// From the attributes' values.
    pub(crate) fn new(ufrag: &str, password: &str) -> Result<Self, FragmentError> {
        let is_ice = |text: &str, shortest: usize| {
            (shortest..=256).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/".contains(&byte))
        };
        if !is_ice(ufrag, 4) || !is_ice(password, 22) {
            let words = "its a=ice-ufrag or a=ice-pwd is not of the form that ICE prescribes";
            return Err(FragmentError::Malformed(words.to_owned()));
        }
        Ok(Self { ufrag: ufrag.to_owned(), password: password.to_owned() })
    }
}

/// A media section of a fragment, or all of a fragment that has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) mid: Option<String>,
    pub(crate) credentials: Credentials,
    /// Each as `candidate:…`, as they came.
    pub(crate) candidates: Vec<String>,
}

/// Reads a fragment: a body of `application/trickle-ice-sdpfrag`.
///
/// # Errors
/// One past any limit, lines that do not belong in a fragment, sections without an a=mid, candidates
/// without the credentials of their ICE session.
pub(crate) fn read(fragment: &str) -> Result<Vec<Part>, FragmentError> {
    if fragment.len() > limits::SDP_BYTES_MAX {
        return Err(FragmentError::TooLong(fragment.len()));
    }
    let belongs = |line: &str| line.is_empty() || line.starts_with("a=") || line.starts_with("m=");
    if !fragment.lines().all(|line| is_plain(line) && belongs(line)) {
        return Err(malformed("it has lines other than a= and m="));
    }
    let media = fragment.lines().filter(|line| line.starts_with("m=")).count();
    if media > limits::SDP_MEDIA_MAX {
        return Err(FragmentError::TooManyMedia(media));
    }
    let sections = Sections::of(fragment);
    let candidates = sections.all().filter(|value| value.starts_with("candidate:")).count();
    if candidates > limits::CANDIDATES_MAX {
        return Err(FragmentError::TooManyCandidates(candidates));
    }
    if value(&sections.session, "candidate:").is_some() {
        return Err(malformed("it has a candidate that belongs to no m= line"));
    }
    if sections.media.is_empty() {
        let credentials = credentials(&sections, None)?;
        return Ok(vec![Part { mid: None, credentials, candidates: Vec::new() }]);
    }
    sections.media.iter().map(|media| part(&sections, media)).collect()
}

fn part(sections: &Sections<'_>, media: &Media<'_>) -> Result<Part, FragmentError> {
    let mid = media.value("mid:").filter(|mid| !mid.is_empty());
    let mid = mid.ok_or_else(|| malformed("an m= line has no a=mid"))?;
    let candidates = media.attributes.iter().filter(|value| value.starts_with("candidate:"));
    Ok(Part {
        mid: Some(mid.to_owned()),
        credentials: credentials(sections, Some(media))?,
        candidates: candidates.map(|candidate| (*candidate).to_owned()).collect(),
    })
}

/// A section's own, or the fragment's.
fn credentials(
    sections: &Sections<'_>,
    media: Option<&Media<'_>>,
) -> Result<Credentials, FragmentError> {
    let own = |prefix: &str| media.and_then(|media| media.value(prefix));
    let both = match (own("ice-ufrag:"), own("ice-pwd:")) {
        (None, None) => {
            (value(&sections.session, "ice-ufrag:"), value(&sections.session, "ice-pwd:"))
        }
        both => both,
    };
    match both {
        (Some(ufrag), Some(password)) => Credentials::new(ufrag, password),
        _ => Err(malformed("it does not say both a=ice-ufrag and a=ice-pwd")),
    }
}

fn malformed(words: &str) -> FragmentError {
    FragmentError::Malformed(words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9725 section 4.3.2, with the attributes that browsers' candidates carry.
    const TRICKLE: &str = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n\
        m=audio 9 RTP/AVP 0\r\na=mid:0\r\n\
        a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw \
        network-id 1\r\n\
        a=candidate:3471623853 1 udp 2122194687 198.51.100.2 61765 typ host generation 0\r\n\
        a=end-of-candidates\r\n";
    const CREDENTIALS: &str = "a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\n";

    fn words(fragment: &str) -> String {
        read(fragment).map_err(|error| error.to_string()).expect_err(fragment)
    }

    #[test]
    fn the_fragments_of_the_standard_are_read() {
        let parts = read(TRICKLE).unwrap();
        assert_eq!(parts.len(), 1);
        assert_eq!(parts[0].mid.as_deref(), Some("0"));
        assert_eq!(parts[0].credentials.ufrag, "EsAw");
        assert_eq!(parts[0].candidates.len(), 2);
        assert!(parts[0].candidates[1].starts_with("candidate:3471623853 1 udp"));

        // A restart: each section with its own, and things we do not know.
        let restart = format!(
            "a=ice-options:trickle ice2\r\na=group:BUNDLE 0 1\r\na=x-new:thing\r\n\
             m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n{CREDENTIALS}\
             m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n{CREDENTIALS}"
        );
        let parts = read(&restart).unwrap();
        assert_eq!(
            parts.iter().map(|part| part.mid.as_deref()).collect::<Vec<_>>(),
            [Some("0"), Some("1")]
        );
        assert!(parts.iter().all(|part| part.credentials.ufrag == "ysXw"));
        assert!(parts.iter().all(|part| part.candidates.is_empty()));

        assert_eq!(read(CREDENTIALS).unwrap()[0].mid, None);
        assert_eq!(read(&TRICKLE.replace("\r\n", "\n")).unwrap(), read(TRICKLE).unwrap());
    }

    #[test]
    fn what_is_no_fragment_is_refused_in_words() {
        for (fragment, wanted) in [
            (String::new(), "a=ice-ufrag"),
            ("hello".to_owned(), "other than"),
            (format!("v=0\r\n{TRICKLE}"), "other than"),
            (format!(" {TRICKLE}"), "other than"),
            (TRICKLE.replace("a=mid:0", "a=mid:"), "a=mid"),
            (TRICKLE.replace("a=mid:0\r\n", ""), "a=mid"),
            (TRICKLE.replace("a=ice-pwd", "a=ice-pass"), "a=ice-pwd"),
            (TRICKLE.replace("EsAw\r\n", "EsA\r\n"), "a=ice-ufrag"),
            (TRICKLE.replace("P2uYro0UCOQ4zxjKXaWCBui1", "short"), "a=ice-pwd"),
            (TRICKLE.replace("EsAw\r\n", "Es w\r\n"), "a=ice-ufrag"),
            (TRICKLE.replace("m=audio 9 RTP/AVP 0\r\na=mid:0\r\n", ""), "no m= line"),
            (TRICKLE.replace("a=mid:0\r\n", "a=mid:0\r\na=ice-ufrag:abcd\r\n"), "a=ice-pwd"),
        ] {
            let words = words(&fragment);
            assert!(words.contains(wanted), "{fragment:?}: {words}");
        }
    }

    #[test]
    fn each_limit_holds_at_its_value_and_one_past_it() {
        let padded = |length: usize| {
            let rest = length - TRICKLE.len() - "a=x:\r\n".len();
            format!("{TRICKLE}a=x:{}\r\n", "x".repeat(rest))
        };
        assert!(read(&padded(limits::SDP_BYTES_MAX)).is_ok());
        let long = limits::SDP_BYTES_MAX + 1;
        assert_eq!(read(&padded(long)), Err(FragmentError::TooLong(long)));

        let media = |count: usize| {
            CREDENTIALS.to_owned() + &"m=audio 9 RTP/AVP 0\r\na=mid:0\r\n".repeat(count)
        };
        assert!(read(&media(limits::SDP_MEDIA_MAX)).is_ok());
        let many = limits::SDP_MEDIA_MAX + 1;
        assert_eq!(read(&media(many)), Err(FragmentError::TooManyMedia(many)));

        let candidate = "a=candidate:1 1 udp 1 192.168.1.7 17480 typ host\r\n";
        let candidates = |count: usize| media(1) + &candidate.repeat(count);
        assert!(read(&candidates(limits::CANDIDATES_MAX)).is_ok());
        let many = limits::CANDIDATES_MAX + 1;
        assert_eq!(read(&candidates(many)), Err(FragmentError::TooManyCandidates(many)));
    }
}
