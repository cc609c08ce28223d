//! The sections of an answer that carry nothing, and the lines that all sections share.
//!
//! Writes text; owns nothing.

use std::fmt::Write;

use crate::sections::Media;

/// A section of the offer that is not taken.
#[derive(Debug, Clone)]
pub(super) struct Section {
    /// `audio`, `video`, `application`.
    pub(super) media: String,
    pub(super) proto: String,
    pub(super) mid: Option<String>,
    /// Its first format.
    pub(super) format: String,
    /// What is said of that format, if it shares the transport of the video.
    pub(super) shared: Option<Vec<String>>,
}

impl Section {
    pub(super) fn read(media: &Media<'_>, bundle: &[&str]) -> Self {
        // media port proto fmt …
        let mut fields = media.line.split(' ').map(str::to_owned);
        let (kind, _) = (fields.next().unwrap_or_default(), fields.next());
        let (proto, format) =
            (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let mid = media.value("mid:");
        let is_shared = proto.contains("RTP") && mid.is_some_and(|mid| bundle.contains(&mid));
        let keys = [format!("rtpmap:{format} "), format!("fmtp:{format} ")];
        let said =
            media.attributes.iter().filter(|value| keys.iter().any(|key| value.starts_with(key)));
        let said = said.map(|value| (*value).to_owned()).collect();
        Self {
            media: kind,
            mid: mid.map(str::to_owned),
            shared: is_shared.then_some(said),
            proto,
            format,
        }
    }

    /// Writes it into an answer whose video stands in `video`. In a bundle it stays, inactive: browsers
    /// that gather for their first section only cannot do without that one. Elsewhere it is rejected
    /// (RFC 3264 section 6, RFC 8843 section 7.3.3).
    pub(super) fn push(&self, sdp: &mut String, video: &[&str]) {
        let Self { media, proto, format, .. } = self;
        if let Some(said) = &self.shared {
            push(sdp, format_args!("m={media} 9 {proto} {format}"));
            push(sdp, format_args!("c=IN IP4 0.0.0.0"));
            let of_transport = |line: &str| {
                is_credential(line) || line.starts_with("a=setup:") || line == "a=rtcp-mux"
            };
            for line in video.iter().filter(|line| of_transport(line)) {
                push(sdp, format_args!("{line}"));
            }
            for value in said {
                push(sdp, format_args!("a={value}"));
            }
        } else {
            // Some readers look up what a payload type means even here; 0 has its meaning from the
            // standard.
            let format = if proto.contains("RTP") { "0" } else { format };
            push(sdp, format_args!("m={media} 0 {proto} {format}"));
            push(sdp, format_args!("c=IN IP4 0.0.0.0"));
        }
        if let Some(mid) = &self.mid {
            push(sdp, format_args!("a=mid:{mid}"));
        }
        push(sdp, format_args!("a=inactive"));
    }
}

pub(super) fn push(sdp: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing into a string does not fail.
    let _ = write!(sdp, "{line}\r\n");
}

pub(super) fn push_candidates(sdp: &mut String, ice: &[&str]) {
    for line in ice.iter().filter(|line| line.starts_with("a=candidate:")) {
        push(sdp, format_args!("{line}"));
    }
    // There is no way to tell of more.
    push(sdp, format_args!("a=end-of-candidates"));
}

pub(super) fn is_candidate(line: &str) -> bool {
    line.starts_with("a=candidate:") || line == "a=end-of-candidates"
}

pub(super) fn is_credential(line: &str) -> bool {
    line.starts_with("a=ice-ufrag:") || line.starts_with("a=ice-pwd:")
}
