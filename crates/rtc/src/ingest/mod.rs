//! The receiving end of a WHIP session (RFC 9725): it answers who offers to publish.
//!
//! ```text
//!  offer ─▶ check ─▶ Offered ─▶ one H.264 section ─▶ stack ─▶ its answer ─▶ Offered ─▶ answer
//!  PATCH ─▶ fragment ─▶ candidates, or the same offer with other ICE credentials
//!  RTP ─▶ receiver task ─▶ Pictures (not too large) ─▶ SenderClock (when taken) ─▶ on_unit
//! ```
//!
//! What comes in after the answer is the matter of [`receiver`](crate::receiver), as for a subscriber.
//! Knows nothing of HTTP, tokens, or what becomes of the pictures.

mod error;
mod fragment;
pub(crate) mod offered;
mod pictures;
mod profile;
mod repair;
mod reports;
mod section;
mod sender_clock;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use lanlens_media::{CaptureTime, EncodedUnit};
use lanlens_model::IceCandidate;
use tokio::sync::{mpsc, oneshot};
use webrtc::rtp_transceiver::RTCRtpTransceiverDirection;

pub use error::{FragmentError, IngestError};
use offered::Offered;
use pictures::Pictures;
pub(crate) use repair::{Repair, RepairTypes, SLOT as REPAIR_SLOT};
pub(crate) use reports::{SLOT as REPORTS_SLOT, SenderReports, SharedClock};

use crate::config::RtcConfig;
use crate::description;
use crate::peer::{ForIngest, Peer};
use crate::receiver::{Intake, Receiver, ReceiverCommand, receive_video};
use crate::session::{Session, SessionEvent};
use crate::stats::{FeedbackCounters, SubscriberStats};

/// What goes back to the publisher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The answer, or the fragment of it that an ICE restart changes.
    pub sdp: String,
    /// Names the ICE session (our ufrag): the entity tag of RFC 9725 section 4.3.
    pub ice: String,
}

/// One publisher's session: a phone's page, an encoder.
///
/// Dropping it closes the session in the background; [`Ingest::close`] waits for that.
pub struct Ingest {
    receiver: Receiver,
    /// Held while the ICE session changes.
    known: tokio::sync::Mutex<Known>,
}

/// The publisher's offer as it stands now, and what the last restart answered.
struct Known {
    offered: Offered,
    restarted: Option<Answer>,
}

impl Ingest {
    /// Answers an offer to send H.264. All our candidates are in the answer; sound and further
    /// pictures are rejected there.
    ///
    /// `on_unit` gets every whole access unit, in order and beginning with a keyframe, as
    /// [`Layer::High`](lanlens_model::Layer::High) and with the moment of its capture in the clocks of
    /// *this* machine: from the publisher's sender reports, its arrival until the first came. It is
    /// called from the session's task and must not block.
    ///
    /// `events` tells [`SessionEvent::Connected`], `Disconnected`, `Failed`, `Refused` and `Closed`; descriptions
    /// do not come there, and candidates that do have no way to the publisher.
    ///
    /// # Errors
    /// [`IngestError::NoH264`] and [`IngestError::UnsupportedProfile`] if the publisher must change
    /// something, [`IngestError::Description`] for an offer that is over the limits or cannot be used,
    /// [`IngestError::Rtc`] if this machine cannot receive now.
    pub async fn start(
        config: RtcConfig,
        offer: String,
        on_unit: impl FnMut(EncodedUnit) + Send + 'static,
        events: mpsc::Sender<SessionEvent>,
    ) -> Result<(Self, Answer), IngestError> {
        // Before any socket is bound for a peer that sends nonsense.
        let checked = description::check(&offer, &config.usable_addresses())?;
        let offered = Offered::read(&checked.sdp)?;

        let clock = SharedClock::default();
        let counters = Arc::new(FeedbackCounters::default());
        let role = ForIngest {
            clock: clock.clone(),
            payload_type: offered.payload_type(),
            repair: offered.repair(),
            is_passive: offered.is_active(),
        };
        let (peer, peer_events) = Peer::start_for_ingest(&config, counters, role).await?;
        receive_video(&peer).await?;
        let mut session = Session::new(config, peer, peer_events, events.clone());
        let flows = RTCRtpTransceiverDirection::has_recv;
        let from_stack = session.answer(&offered.for_stack(), flows).await?;
        let answer = Answer {
            sdp: offered.answer(&from_stack),
            ice: offered::ufrag(&from_stack).to_owned(),
        };

        let intake = Dated { on_unit, clock, pictures: Pictures::default(), events };
        let receiver = Receiver::start(session, None, intake);
        let known = Known { offered, restarted: None };
        let this = Self { receiver, known: tokio::sync::Mutex::new(known) };
        Ok((this, answer))
    }

    /// Takes candidates that the publisher found after its offer (RFC 9725 section 4.3.2). Those that
    /// are not on the local network or past the limit are left out, names among them: a browser that
    /// hides its address behind one is found by the packets it sends.
    ///
    /// # Errors
    /// See [`FragmentError`].
    pub async fn trickle(&self, fragment: &str) -> Result<(), FragmentError> {
        let parts = offered::parts(fragment)?;
        let candidates = self.known.lock().await.offered.candidates_of(parts)?;
        for candidate in candidates {
            let candidate = IceCandidate { candidate, mid: None, mline: Some(0) };
            if !self.receiver.post(ReceiverCommand::Candidate(candidate)) {
                return Err(FragmentError::Ended);
            }
        }
        Ok(())
    }

    /// Begins another ICE session after the publisher's network changed (RFC 9725 section 4.3.3), on
    /// the addresses of that moment. Pictures go on when it has applied the fragment that comes back.
    ///
    /// # Errors
    /// See [`FragmentError`].
    pub async fn restart(&self, fragment: &str) -> Result<Answer, FragmentError> {
        let parts = offered::parts(fragment)?;
        let mut known = self.known.lock().await;
        let restarted = match (known.offered.restarted(&parts), &known.restarted) {
            // It asks again because our answer was lost on its way.
            (Err(FragmentError::NoRestart), Some(answer)) => return Ok(answer.clone()),
            (restarted, _) => restarted?,
        };
        let (reply, answer) = oneshot::channel();
        let offer = ReceiverCommand::Offer(restarted.for_stack(), reply);
        if !self.receiver.post(offer) {
            return Err(FragmentError::Ended);
        }
        let answered = answer.await.map_err(|_| FragmentError::Ended)?;
        let from_stack = answered.map_err(FragmentError::Rtc)?;
        let ice = offered::ufrag(&from_stack).to_owned();
        let answer = Answer { sdp: restarted.answer_fragment(&from_stack), ice };
        *known = Known { offered: restarted, restarted: Some(answer.clone()) };
        Ok(answer)
    }

    /// Somebody needs a keyframe: asks the publisher, again every 300 ms until one comes.
    pub fn request_keyframe(&self) {
        self.receiver.post(ReceiverCommand::RequestKeyframe);
    }

    /// Counters since the start.
    pub fn stats(&self) -> SubscriberStats {
        self.receiver.stats()
    }

    /// Closes the connection and waits until its sockets and tasks are gone.
    pub async fn close(self) {
        self.receiver.close().await;
    }
}

/// Hands units on that may pass, with the local time of their capture.
struct Dated<F> {
    on_unit: F,
    clock: SharedClock,
    pictures: Pictures,
    events: mpsc::Sender<SessionEvent>,
}

impl<F: FnMut(EncodedUnit) + Send> Intake for Dated<F> {
    fn handle_unit(&mut self, mut unit: EncodedUnit) {
        match self.pictures.admit(&unit) {
            Ok(true) => {}
            Ok(false) => return,
            Err(reason) => {
                let words = format!("the publisher's pictures cannot be shown: {reason}");
                if self.events.try_send(SessionEvent::Refused(words)).is_err() {
                    tracing::debug!(%reason, "pictures refused");
                }
                return;
            }
        }
        let clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        let arrived = unit.captured.instant;
        unit.captured = clock.captured(unit.media_time, arrived, CaptureTime::now());
        drop(clock);
        (self.on_unit)(unit);
    }

    fn handle_round_trip(&mut self, round_trip: Duration) {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner).set_round_trip(round_trip);
    }
}
