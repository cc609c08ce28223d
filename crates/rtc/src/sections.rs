//! A session description's attributes, by where they stand (RFC 8866 section 5).
//!
//! Borrowed lines of text and nothing else. What they must say is decided by those who read them.

/// A description, split at its `m=` lines.
#[derive(Default)]
pub(crate) struct Sections<'a> {
    /// What follows `a=` above the first `m=`.
    pub(crate) session: Vec<&'a str>,
    /// One for each `m=`.
    pub(crate) media: Vec<Media<'a>>,
}

/// One media section.
pub(crate) struct Media<'a> {
    /// What follows `m=`.
    pub(crate) line: &'a str,
    /// What follows each `a=`.
    pub(crate) attributes: Vec<&'a str>,
}

impl<'a> Sections<'a> {
    pub(crate) fn of(sdp: &'a str) -> Self {
        let mut sections = Self::default();
        for line in sdp.lines() {
            if let Some(line) = line.strip_prefix("m=") {
                sections.media.push(Media { line, attributes: Vec::new() });
            } else if let Some(value) = line.strip_prefix("a=") {
                match sections.media.last_mut() {
                    Some(media) => media.attributes.push(value),
                    None => sections.session.push(value),
                }
            }
        }
        sections
    }

    /// Every attribute, wherever it stands.
    pub(crate) fn all(&self) -> impl Iterator<Item = &'a str> {
        let media = self.media.iter().flat_map(|media| &media.attributes);
        self.session.iter().chain(media).copied()
    }

    /// `sendrecv`, `sendonly`, `recvonly` or `inactive`: the section's own, the session's, or both ways
    /// where nothing is said (RFC 8866 section 6.7).
    pub(crate) fn direction_of(&self, media: &Media<'a>) -> &'a str {
        direction(&media.attributes).or_else(|| direction(&self.session)).unwrap_or("sendrecv")
    }
}

impl<'a> Media<'a> {
    pub(crate) fn is_video(&self) -> bool {
        self.line.starts_with("video ")
    }

    /// What follows `prefix` in the first attribute that begins with it.
    pub(crate) fn value(&self, prefix: &str) -> Option<&'a str> {
        value(&self.attributes, prefix)
    }

    /// The payload types that mean H.264.
    pub(crate) fn h264(&self) -> impl Iterator<Item = u8> {
        self.formats("rtpmap:")
            .filter(|(_, codec)| {
                codec.split(['/', ' ']).next().is_some_and(|name| name.eq_ignore_ascii_case("H264"))
            })
            .map(|(payload_type, _)| payload_type)
    }

    /// What an attribute says of each payload type.
    pub(crate) fn formats(&self, attribute: &str) -> impl Iterator<Item = (u8, &'a str)> {
        self.attributes.iter().filter_map(move |value| {
            let (payload_type, said) = value.strip_prefix(attribute)?.split_once(' ')?;
            Some((payload_type.parse().ok()?, said.trim_start()))
        })
    }
}

/// What follows `prefix` in the first of these attributes that begins with it.
pub(crate) fn value<'a>(attributes: &[&'a str], prefix: &str) -> Option<&'a str> {
    attributes.iter().find_map(|attribute| attribute.strip_prefix(prefix)).map(str::trim_end)
}

fn direction<'a>(attributes: &[&'a str]) -> Option<&'a str> {
    let is_direction = |value: &&str| {
        matches!(value.trim_end(), "sendrecv" | "sendonly" | "recvonly" | "inactive")
    };
    attributes.iter().copied().find(is_direction).map(str::trim_end)
}
