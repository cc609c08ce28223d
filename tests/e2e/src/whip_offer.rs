//! Offers as browsers and encoders write them, put together line by line, so that one thing at a time can
//! be different. Nobody stands behind them: what is looked at is the answer.

use std::fmt::Write as _;

/// How the candidate of every offer begins; a fragment may bring more.
pub const CANDIDATE: &str = "candidate:1 1 udp 2122260223 10.77.0.250 50000 typ host";

/// H.264 in packetization mode 1 with this profile-level-id, or without any.
pub fn h264(payload: u8, profile: Option<&str>) -> (u8, &'static str, Option<String>) {
    let parameters = match profile {
        Some(id) => {
            format!("level-asymmetry-allowed=1;packetization-mode=1;profile-level-id={id}")
        }
        None => "level-asymmetry-allowed=1;packetization-mode=1".to_owned(),
    };
    (payload, "H264/90000", Some(parameters))
}

/// An offer of one picture.
#[derive(Debug, Clone)]
pub struct Offer {
    /// `sendonly`, unless something strange is tried.
    pub direction: &'static str,
    /// Payload type, encoding name with clock rate, format parameters.
    pub codecs: Vec<(u8, &'static str, Option<String>)>,
    /// How many pictures.
    pub pictures: usize,
    /// Its ICE user name.
    pub ufrag: String,
}

impl Offer {
    /// A send-only picture in one of these codecs.
    pub fn of(codecs: Vec<(u8, &'static str, Option<String>)>) -> Self {
        Self { direction: "sendonly", codecs, pictures: 1, ufrag: "EsAw".to_owned() }
    }

    /// As every browser can: constrained Baseline.
    pub fn common() -> Self {
        Self::of(vec![h264(102, Some("42e01f"))])
    }

    /// The text.
    pub fn sdp(&self) -> String {
        let mids: Vec<String> = (0..self.pictures).map(|mid| mid.to_string()).collect();
        let mut sdp = format!(
            "v=0\r\no=- 4215775240449105457 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
             a=group:BUNDLE {}\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n",
            mids.join(" ")
        );
        for mid in &mids {
            sdp.push_str(&self.media(mid));
        }
        sdp
    }

    fn media(&self, mid: &str) -> String {
        let payloads: Vec<String> = self.codecs.iter().map(|(n, ..)| n.to_string()).collect();
        let fingerprint = vec!["A7"; 32].join(":");
        let mut text = format!(
            "m=video 9 UDP/TLS/RTP/SAVPF {}\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n\
             a=ice-ufrag:{}\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=ice-options:trickle\r\n\
             a=fingerprint:sha-256 {fingerprint}\r\na=setup:actpass\r\na=mid:{mid}\r\n\
             a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na={}\r\na=msid:s v{mid}\r\n\
             a=rtcp-mux\r\na=rtcp-mux-only\r\na=rtcp-rsize\r\n",
            payloads.join(" "),
            self.ufrag,
            self.direction,
        );
        for (payload, name, parameters) in &self.codecs {
            let _ = write!(text, "a=rtpmap:{payload} {name}\r\n");
            for feedback in ["ccm fir", "nack", "nack pli", "transport-cc"] {
                let _ = write!(text, "a=rtcp-fb:{payload} {feedback}\r\n");
            }
            if let Some(parameters) = parameters {
                let _ = write!(text, "a=fmtp:{payload} {parameters}\r\n");
            }
        }
        text.push_str("a=ssrc:3735928559 cname:e2e\r\n");
        text
    }

    /// More candidates for this offer's session (RFC 8840).
    pub fn fragment(&self, candidates: &[&str]) -> String {
        let mut text = format!(
            "a=ice-ufrag:{}\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\na=group:BUNDLE 0\r\n\
             m=video 9 UDP/TLS/RTP/SAVPF 102\r\na=mid:0\r\n",
            self.ufrag
        );
        for candidate in candidates {
            let _ = write!(text, "a={candidate}\r\n");
        }
        text.push_str("a=end-of-candidates\r\n");
        text
    }
}
