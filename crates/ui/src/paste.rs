//! Links that were pasted into the window.

use lanlens_model::Invitation;

/// What such a link begins with, in any case.
const SCHEME: &str = "lanlens:";

/// What a pasted text is; `None` where it is no link of ours, and nothing is to happen.
pub(crate) fn read(text: &str) -> Option<Result<Invitation, BrokenLink>> {
    let text = text.trim();
    let scheme = text.get(..SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| text.parse().map_err(|_| BrokenLink))
}

/// It began like a link of ours and is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BrokenLink;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_our_link_is_one() {
        let invitation = Invitation::from_bytes(*b"sixteen bytes!!!");
        let link = invitation.to_string();
        for text in [link.clone(), link.to_uppercase(), format!("\n {link} ")] {
            assert_eq!(read(&text), Some(Ok(invitation.clone())), "{text}");
        }
        for text in ["lanlens:", "LANLENS:join/abc", &link[..link.len() - 1], "lanlens:watch/x"] {
            assert_eq!(read(text), Some(Err(BrokenLink)), "{text}");
        }
        // The bare secret is a word like any other.
        for text in ["", "lanlens", "거실거실거실", "https://example.org", &link[13..]] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
