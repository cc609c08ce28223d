//! The receiving end of a session: RTP in, access units out.
//!
//! One task with two ways to begin: a [`Subscriber`](crate::Subscriber) offers to receive, an
//! [`Ingest`](crate::Ingest) answers who offers to send. Owns one peer connection with one receive-only
//! H.264 track and the assembler of its packets. What becomes of a unit is the caller's.

use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lanlens_media::EncodedUnit;
use lanlens_model::IceCandidate;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp::packet::Packet;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};

use crate::assembler::{Assembler, AssemblerEvent, RtpPacket};
use crate::capture_time;
use crate::error::RtcError;
use crate::peer::{Peer, PeerEvent, setup};
use crate::session::{COMMANDS_MAX, Session, SessionEvent};
use crate::stats::SubscriberStats;

/// The path's round trip is looked up this often.
const ROUND_TRIP_INTERVAL: Duration = Duration::from_secs(1);

/// The path is known exactly with the first packet, which a sender sends on connecting; the
/// connection is announced without it after this.
const FIRST_PACKET_WAIT: Duration = Duration::from_millis(250);

/// What the handle asks of the task.
pub(crate) enum ReceiverCommand {
    /// One of the peer's candidates.
    Candidate(IceCandidate),
    /// The answer to our offer.
    Answer(String),
    /// A further offer of the peer, an ICE restart, and where its answer goes.
    Offer(String, oneshot::Sender<Result<String, RtcError>>),
    /// Makes an offer that restarts ICE.
    RestartIce,
    RequestKeyframe,
}

/// What takes what comes in. It is called from the session's task and must not block.
pub(crate) trait Intake: Send {
    /// The next whole unit, in order.
    fn handle_unit(&mut self, unit: EncodedUnit);

    /// The path's round trip was measured again.
    fn handle_round_trip(&mut self, _round_trip: Duration) {}
}

/// Makes the connection receive video and nothing else.
pub(crate) async fn receive_video(peer: &Peer) -> Result<(), RtcError> {
    let init = RTCRtpTransceiverInit {
        direction: RTCRtpTransceiverDirection::Recvonly,
        streams: Vec::new(),
        send_encodings: Vec::new(),
    };
    let connection = peer.connection().map_err(setup)?;
    let added = connection.add_transceiver_from_kind(RtpCodecKind::Video, Some(init)).await;
    added.map(drop).map_err(setup)
}

/// A running session. Dropping it closes the session in the background.
pub(crate) struct Receiver {
    commands: mpsc::Sender<ReceiverCommand>,
    stats: Arc<Mutex<SubscriberStats>>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
    _close_on_drop: DropGuard,
}

impl Receiver {
    /// Starts the task of a session whose own description is made. `offer` is told first.
    pub(crate) fn start(
        session: Session,
        offer: Option<String>,
        intake: impl Intake + 'static,
    ) -> Self {
        let (commands, received) = mpsc::channel(COMMANDS_MAX);
        let stats = Arc::new(Mutex::new(SubscriberStats::default()));
        let cancel = session.cancel.clone();
        let task = Task {
            assembler: Assembler::within(session.config.reassembly()),
            session,
            commands: received,
            track: None,
            announce_at: None,
            intake: Box::new(intake),
            stats: stats.clone(),
        };
        Self {
            commands,
            stats,
            task: tokio::spawn(task.run(offer)),
            _close_on_drop: cancel.clone().drop_guard(),
            cancel,
        }
    }

    /// Counters since the start.
    pub(crate) fn stats(&self) -> SubscriberStats {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the connection and waits until its sockets and tasks are gone.
    pub(crate) async fn close(self) {
        self.cancel.cancel();
        if let Err(error) = self.task.await {
            tracing::warn!(%error, "a receiving session's task ended badly");
        }
    }

    /// Asks for something; `false` if the session has ended or is flooded.
    pub(crate) fn post(&self, command: ReceiverCommand) -> bool {
        let posted = self.commands.try_send(command).is_ok();
        if !posted {
            tracing::debug!("a receiving session takes no more commands");
        }
        posted
    }
}

/// The sender's track, once it has begun.
struct Incoming {
    track: Arc<dyn TrackRemote>,
    /// The header extension of the capture time, if the sender uses it.
    capture_time_id: Option<u8>,
}

struct Task {
    session: Session,
    commands: mpsc::Receiver<ReceiverCommand>,
    assembler: Assembler,
    track: Option<Incoming>,
    /// The connection stands and is announced by then.
    announce_at: Option<Instant>,
    intake: Box<dyn Intake>,
    stats: Arc<Mutex<SubscriberStats>>,
}

impl Task {
    async fn run(mut self, offer: Option<String>) {
        if let Some(offer) = offer {
            self.session.emit(SessionEvent::Description(offer)).await;
        }
        let cancel = self.session.cancel.clone();
        // Whatever it is waiting for, closing comes first.
        let _ = cancel.run_until_cancelled(self.serve()).await;
        self.session.close().await;
    }

    async fn serve(&mut self) {
        let mut look_up = tokio::time::interval(ROUND_TRIP_INTERVAL);
        look_up.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let track = self.track.as_ref().map(|incoming| incoming.track.clone());
            let timeout = self.assembler.poll_timeout();
            tokio::select! {
                event = next_track_event(track) => self.handle_track_event(event),
                () = sleep_until(timeout) => self.assembler.handle_timeout(Instant::now()),
                () = sleep_until(self.announce_at) => self.announce().await,
                event = self.session.next_event() => match event {
                    Some(event) => self.handle_event(event).await,
                    None => return,
                },
                Some(command) = self.commands.recv() => self.handle_command(command).await,
                _ = look_up.tick(), if self.track.is_some() => {
                    if let Some(round_trip) = self.session.round_trip().await {
                        self.assembler.set_round_trip(round_trip);
                        self.intake.handle_round_trip(round_trip);
                    }
                }
            }
            self.drain().await;
        }
    }

    /// Does what the assembler wants done.
    async fn drain(&mut self) {
        while let Some(event) = self.assembler.poll_event() {
            match event {
                AssemblerEvent::Unit(unit) => self.intake.handle_unit(unit),
                AssemblerEvent::RequestKeyframe { ssrc } => self.send_keyframe_request(ssrc).await,
            }
        }
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner) = self.assembler.stats();
    }

    async fn send_keyframe_request(&mut self, media_ssrc: u32) {
        let Some(incoming) = &self.track else { return };
        let request = PictureLossIndication { sender_ssrc: 0, media_ssrc };
        if let Err(error) = incoming.track.write_rtcp(vec![Box::new(request)]).await {
            tracing::debug!(%error, "a keyframe request could not be sent");
        }
    }

    fn handle_track_event(&mut self, event: Option<TrackRemoteEvent>) {
        match event {
            Some(TrackRemoteEvent::OnRtpPacket(packet)) => self.handle_packet(packet),
            Some(_) => {}
            None => self.track = None,
        }
    }

    fn handle_packet(&mut self, packet: Packet) {
        let captured_unix_us = self
            .track
            .as_ref()
            .and_then(|incoming| incoming.capture_time_id)
            .and_then(|id| packet.header.get_extension(id))
            .and_then(|value| capture_time::decode(&value));
        let packet = RtpPacket {
            ssrc: packet.header.ssrc,
            sequence: packet.header.sequence_number,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            payload: packet.payload,
            captured_unix_us,
        };
        self.assembler.handle_packet(packet, Instant::now());
    }

    async fn handle_event(&mut self, event: PeerEvent) {
        match event {
            PeerEvent::Candidate(candidate) => self.session.handle_local_candidate(candidate).await,
            PeerEvent::Overdue => self.session.handle_overdue().await,
            PeerEvent::State(state) => {
                if self.session.handle_state(state).await {
                    match self.track {
                        Some(_) => self.announce().await,
                        None => self.announce_at = Some(Instant::now() + FIRST_PACKET_WAIT),
                    }
                }
            }
            PeerEvent::Track(track) => {
                let capture_time_id = capture_time_id(&self.session).await;
                let ssrc = track.ssrcs().await.first().copied();
                self.track = Some(Incoming { track, capture_time_id });
                if let Some(ssrc) = ssrc {
                    self.assembler.expect_stream(ssrc, Instant::now());
                }
                if self.announce_at.is_some() {
                    self.announce().await;
                }
            }
            PeerEvent::Gathered => {}
        }
    }

    async fn announce(&mut self) {
        self.announce_at = None;
        self.session.announce_connected().await;
    }

    async fn handle_command(&mut self, command: ReceiverCommand) {
        let failed = match command {
            ReceiverCommand::Candidate(candidate) => {
                self.session.handle_candidate(candidate).await;
                None
            }
            ReceiverCommand::Answer(answer) => {
                self.session.accept_answer(&answer).await.err().map(RtcError::from)
            }
            ReceiverCommand::Offer(offer, reply) => {
                self.session.forget_candidates();
                let flows = RTCRtpTransceiverDirection::has_recv;
                // Whoever asked tells what became of it.
                let _ = reply.send(self.session.answer(&offer, flows).await);
                None
            }
            ReceiverCommand::RequestKeyframe => {
                self.assembler.request_keyframe(Instant::now());
                None
            }
            ReceiverCommand::RestartIce => match self.session.offer(true).await {
                Ok(offer) => {
                    self.session.emit(SessionEvent::Description(offer)).await;
                    None
                }
                Err(error) => Some(error),
            },
        };
        if let Some(error) = failed {
            self.session.emit(SessionEvent::Failed(error.to_string())).await;
        }
    }
}

/// The negotiated id of the capture time's header extension.
async fn capture_time_id(session: &Session) -> Option<u8> {
    let connection = session.peer.connection().ok()?;
    for receiver in connection.get_receivers().await {
        let parameters = receiver.get_parameters().await.ok()?.rtp_parameters;
        let stamped = |uri: &str| uri == capture_time::URI;
        if let Some(found) = parameters.header_extensions.iter().find(|e| stamped(&e.uri)) {
            return u8::try_from(found.id).ok();
        }
    }
    None
}

async fn next_track_event(track: Option<Arc<dyn TrackRemote>>) -> Option<TrackRemoteEvent> {
    match track {
        Some(track) => track.poll().await,
        None => pending().await,
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => pending().await,
    }
}
