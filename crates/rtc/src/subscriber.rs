//! The viewer's side of one viewing: it offers to receive.
//!
//! What comes in then is the matter of [`receiver`](crate::receiver).

use std::sync::Arc;

use lanlens_media::EncodedUnit;
use lanlens_model::IceCandidate;
use tokio::sync::mpsc;

use crate::config::RtcConfig;
use crate::error::RtcError;
use crate::peer::Peer;
use crate::receiver::{Intake, Receiver, ReceiverCommand, receive_video};
use crate::session::{Session, SessionEvent};
use crate::stats::{FeedbackCounters, SubscriberStats};

/// One camera's session, on the viewer's side.
///
/// Dropping it closes the session in the background; [`Subscriber::close`] waits for that.
pub struct Subscriber(Receiver);

impl Subscriber {
    /// Makes a receive-only offer, which comes as [`SessionEvent::Description`].
    ///
    /// `on_unit` gets every whole access unit, in order and beginning with a keyframe. It is called
    /// from the session's task and must not block.
    ///
    /// # Errors
    /// [`RtcError::NoAddress`] or [`RtcError::Setup`] if this machine cannot receive now.
    pub async fn start(
        config: RtcConfig,
        on_unit: impl FnMut(EncodedUnit) + Send + 'static,
        events: mpsc::Sender<SessionEvent>,
    ) -> Result<Self, RtcError> {
        let feedback = Arc::new(FeedbackCounters::default());
        let (peer, peer_events) = Peer::start(&config, feedback).await?;
        receive_video(&peer).await?;
        let mut session = Session::new(config, peer, peer_events, events);
        let offer = session.offer(false).await?;
        Ok(Self(Receiver::start(session, Some(offer), PassOn(on_unit))))
    }

    /// Takes the camera's answer. One that cannot be used comes back as [`SessionEvent::Failed`].
    pub fn accept_answer(&self, answer_sdp: String) {
        self.0.post(ReceiverCommand::Answer(answer_sdp));
    }

    /// Takes one of the camera's candidates. Those that are not on the local network or past the
    /// limit are left out.
    pub fn add_candidate(&self, candidate: IceCandidate) {
        self.0.post(ReceiverCommand::Candidate(candidate));
    }

    /// The decoder cannot go on: asks the camera for a keyframe, again every 300 ms until one comes.
    pub fn request_keyframe(&self) {
        self.0.post(ReceiverCommand::RequestKeyframe);
    }

    /// Looks for a new path after a network change, on the addresses of that moment. The new offer
    /// comes as [`SessionEvent::Description`]. The old sockets are closed at once, so nothing arrives
    /// until the answer is here.
    pub fn restart_ice(&self) {
        self.0.post(ReceiverCommand::RestartIce);
    }

    /// Counters since the start.
    pub fn stats(&self) -> SubscriberStats {
        self.0.stats()
    }

    /// Closes the connection and waits until its sockets and tasks are gone.
    pub async fn close(self) {
        self.0.close().await;
    }
}

struct PassOn<F>(F);

impl<F: FnMut(EncodedUnit) + Send> Intake for PassOn<F> {
    fn handle_unit(&mut self, unit: EncodedUnit) {
        (self.0)(unit);
    }
}
