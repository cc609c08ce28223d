//! Who reads which streams of events: a few for each credential, of which the newest count.

use std::collections::{BTreeMap, VecDeque};

use lanlens_model::limits::STREAMS_PER_CREDENTIAL_MAX;
use tokio_util::sync::{CancellationToken, DropGuard};

/// The streams that are read now.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    /// The oldest first.
    of: BTreeMap<String, VecDeque<CancellationToken>>,
}

impl Streams {
    /// Another stream of `id`, which ends with `parent`; the oldest ends if there are too many. The
    /// guard is held as long as the stream is read.
    pub(crate) fn open(
        &mut self,
        id: &str,
        parent: &CancellationToken,
    ) -> (CancellationToken, DropGuard) {
        // A stream whose guard was dropped is over.
        self.of.retain(|_, streams| {
            streams.retain(|stream| !stream.is_cancelled());
            !streams.is_empty()
        });
        let stream = parent.child_token();
        let streams = self.of.entry(id.to_owned()).or_default();
        streams.push_back(stream.clone());
        while streams.len() > STREAMS_PER_CREDENTIAL_MAX {
            if let Some(oldest) = streams.pop_front() {
                oldest.cancel();
            }
        }
        (stream.clone(), stream.drop_guard())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stream_too_many_ends_the_oldest_of_the_same_credential() {
        let (mut streams, parent) = (Streams::default(), CancellationToken::new());
        let other = streams.open("b", &parent);
        let mut open: Vec<_> =
            (0..STREAMS_PER_CREDENTIAL_MAX).map(|_| streams.open("a", &parent)).collect();
        assert!(open.iter().all(|(stream, _)| !stream.is_cancelled()));
        open.push(streams.open("a", &parent));
        let ended: Vec<bool> = open.iter().map(|(stream, _)| stream.is_cancelled()).collect();
        assert_eq!(ended, [true, false, false, false, false]);
        assert!(!other.0.is_cancelled());
        drop((open, other));
        drop(streams.open("c", &parent));
        assert_eq!(streams.of.len(), 1, "what is over is forgotten");
        parent.cancel();
        assert!(streams.open("d", &parent).0.is_cancelled());
    }
}
