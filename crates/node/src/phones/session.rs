//! The session that brings a guest's pictures, from its offer to its end.
//!
//! Where a guest publishes anew, two stand side by side until the newer one has connected; whose pictures
//! count is settled here. Knows nothing of tiles or names.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use lanlens_identity::{RandomError, random_bytes};
use lanlens_rtc::{Answer, FragmentError, Ingest, IngestError, RtcConfig, SessionEvent};
use lanlens_web::{Refusal, Restarted, SessionKey};
use tokio::sync::mpsc;

use crate::relay::Relay;

/// Events of a session waiting.
const SESSION_EVENTS_MAX: usize = 64;

/// When a guest's last picture came. All clones are the same.
#[derive(Clone, Default)]
pub(super) struct Pulse(Arc<Mutex<Option<Instant>>>);

impl Pulse {
    /// A picture comes.
    pub(super) fn beat(&self) {
        *self.lock() = Some(Instant::now());
    }

    pub(super) fn last(&self) -> Option<Instant> {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a guest's pictures go.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) relay: Relay,
    pub(super) pulse: Pulse,
}

/// A session that stands.
pub(super) struct Session {
    pub(super) key: SessionKey,
    ingest: Ingest,
    events: mpsc::Receiver<SessionEvent>,
    /// Its pictures count: no later session has replaced it.
    counts: Arc<AtomicBool>,
    pub(super) connected: bool,
}

impl Session {
    /// Answers an offer. The pictures of `others` count until the first of this one comes.
    pub(super) async fn start<'a>(
        rtc: RtcConfig,
        offer: String,
        way: Way,
        others: impl Iterator<Item = &'a Session>,
    ) -> Result<(Self, Answer), Refusal> {
        let key = session_key().map_err(|error| Refusal::Busy(error.to_string()))?;
        let counts = Arc::new(AtomicBool::new(true));
        let current = Arc::clone(&counts);
        let others: Vec<_> = others.map(|session| Arc::clone(&session.counts)).collect();
        let on_unit = move |unit| {
            // From its first picture on, and not sooner: the session before goes on until then.
            others.iter().for_each(|before| before.store(false, Ordering::Relaxed));
            if current.load(Ordering::Relaxed) {
                way.pulse.beat();
                way.relay.push(unit);
            }
        };
        let (sender, events) = mpsc::channel(SESSION_EVENTS_MAX);
        let started = Ingest::start(rtc, offer, on_unit, sender).await;
        let (ingest, answer) = started.map_err(refusal)?;
        Ok((Self { key, ingest, events, counts, connected: false }, answer))
    }

    /// More candidates of the guest.
    pub(super) async fn trickle(&self, fragment: &str) -> Result<(), Refusal> {
        self.ingest.trickle(fragment).await.map_err(bad_fragment)
    }

    /// Another path, after the guest's network has changed.
    pub(super) async fn restart(&self, fragment: &str) -> Result<Restarted, Refusal> {
        let answer = self.ingest.restart(fragment).await.map_err(bad_fragment)?;
        Ok(Restarted { ice: answer.ice, fragment: answer.sdp })
    }

    /// Somebody needs a keyframe.
    pub(super) fn request_keyframe(&self) {
        self.ingest.request_keyframe();
    }
}

/// What becomes of a session.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// It carries pictures, or could.
    Connected,
    /// Nothing more comes of it. In words why, where the guest's pictures are the reason and not its path.
    Ended(Option<String>),
    /// Nothing that matters: the answer holds its candidates, and pictures tell of everything else.
    None,
}

/// What becomes of the session next; nothing ever of one that is not there.
pub(super) async fn next_turn(session: &mut Option<Session>) -> Turn {
    let Some(session) = session else { return pending().await };
    match session.events.recv().await {
        Some(SessionEvent::Connected { .. }) => Turn::Connected,
        Some(SessionEvent::Failed(reason)) => {
            tracing::info!(reason, "a phone's session failed");
            Turn::Ended(None)
        }
        Some(SessionEvent::Refused(reason)) => {
            tracing::info!(reason, "a phone's pictures were refused");
            Turn::Ended(Some(reason))
        }
        Some(SessionEvent::Closed) | None => Turn::Ended(None),
        Some(_) => Turn::None,
    }
}

/// Ends the session, if there is one, and waits until it is gone.
pub(super) async fn end(session: &mut Option<Session>) {
    if let Some(session) = session.take() {
        session.counts.store(false, Ordering::Relaxed);
        session.ingest.close().await;
    }
}

fn session_key() -> Result<SessionKey, RandomError> {
    let bytes: [u8; 16] = random_bytes()?;
    Ok(SessionKey(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
}

fn refusal(error: IngestError) -> Refusal {
    let text = error.to_string();
    match error {
        IngestError::NoH264 => Refusal::NoH264(text),
        IngestError::UnsupportedProfile { .. } => Refusal::UnsupportedProfile(text),
        IngestError::Description(_) => Refusal::BadSdp(text),
        IngestError::Rtc(_) => Refusal::Busy(text),
    }
}

fn bad_fragment(error: FragmentError) -> Refusal {
    match error {
        FragmentError::Ended => Refusal::NotFound,
        error => Refusal::BadSdp(error.to_string()),
    }
}
