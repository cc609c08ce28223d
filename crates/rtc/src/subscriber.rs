//! The viewer's side of one viewing: RTP in, access units out.
//!
//! Owns one peer connection with one receive-only H.264 track and the assembler of its packets. What
//! becomes of a unit (decoder, recording) is the caller's.

use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lanlens_media::EncodedUnit;
use lanlens_model::IceCandidate;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp::packet::Packet;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};

use crate::assembler::{Assembler, AssemblerEvent, RtpPacket};
use crate::capture_time;
use crate::config::RtcConfig;
use crate::error::RtcError;
use crate::peer::{Peer, PeerEvent, setup};
use crate::session::{COMMANDS_MAX, Session, SessionEvent};
use crate::stats::{FeedbackCounters, SubscriberStats};

/// The path's round trip is looked up this often.
const ROUND_TRIP_INTERVAL: Duration = Duration::from_secs(1);

/// The path is known exactly with the first packet, which a camera sends on connecting; the
/// connection is announced without it after this.
const FIRST_PACKET_WAIT: Duration = Duration::from_millis(250);

/// What the handle asks of the task.
enum SubscriberCommand {
    Candidate(IceCandidate),
    Answer(String),
    RequestKeyframe,
    RestartIce,
}

/// One camera's session, on the viewer's side.
///
/// Dropping it closes the session in the background; [`Subscriber::close`] waits for that.
pub struct Subscriber {
    commands: mpsc::Sender<SubscriberCommand>,
    stats: Arc<Mutex<SubscriberStats>>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
    _close_on_drop: DropGuard,
}

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
        let (peer, peer_events) =
            Peer::start(&config, Arc::new(FeedbackCounters::default())).await?;
        let init = RTCRtpTransceiverInit {
            direction: RTCRtpTransceiverDirection::Recvonly,
            streams: Vec::new(),
            send_encodings: Vec::new(),
        };
        let connection = peer.connection().map_err(setup)?;
        connection
            .add_transceiver_from_kind(RtpCodecKind::Video, Some(init))
            .await
            .map_err(setup)?;
        let assembler = Assembler::within(config.reassembly());
        let mut session = Session::new(config, peer, peer_events, events);
        let offer = session.offer(false).await?;

        let (commands, received) = mpsc::channel(COMMANDS_MAX);
        let stats = Arc::new(Mutex::new(SubscriberStats::default()));
        let cancel = session.cancel.clone();
        let task = Task {
            session,
            commands: received,
            assembler,
            track: None,
            announce_at: None,
            on_unit: Box::new(on_unit),
            stats: stats.clone(),
        };
        Ok(Self {
            commands,
            stats,
            task: tokio::spawn(task.run(offer)),
            _close_on_drop: cancel.clone().drop_guard(),
            cancel,
        })
    }

    /// Takes the camera's answer. One that cannot be used comes back as [`SessionEvent::Failed`].
    pub fn accept_answer(&self, answer_sdp: String) {
        self.post(SubscriberCommand::Answer(answer_sdp));
    }

    /// Takes one of the camera's candidates. Those that are not on the local network or past the
    /// limit are left out.
    pub fn add_candidate(&self, candidate: IceCandidate) {
        self.post(SubscriberCommand::Candidate(candidate));
    }

    /// The decoder cannot go on: asks the camera for a keyframe, again every 300 ms until one comes.
    pub fn request_keyframe(&self) {
        self.post(SubscriberCommand::RequestKeyframe);
    }

    /// Looks for a new path after a network change, on the addresses of that moment. The new offer
    /// comes as [`SessionEvent::Description`]. The old sockets are closed at once, so nothing arrives
    /// until the answer is here.
    pub fn restart_ice(&self) {
        self.post(SubscriberCommand::RestartIce);
    }

    /// Counters since the start.
    pub fn stats(&self) -> SubscriberStats {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the connection and waits until its sockets and tasks are gone.
    pub async fn close(self) {
        self.cancel.cancel();
        if let Err(error) = self.task.await {
            tracing::warn!(%error, "a subscriber's task ended badly");
        }
    }

    fn post(&self, command: SubscriberCommand) {
        if self.commands.try_send(command).is_err() {
            tracing::debug!("a subscriber takes no more commands");
        }
    }
}

/// The camera's track, once it has begun.
struct Incoming {
    track: Arc<dyn TrackRemote>,
    /// The header extension of the capture time, if the camera sends it.
    capture_time_id: Option<u8>,
}

struct Task {
    session: Session,
    commands: mpsc::Receiver<SubscriberCommand>,
    assembler: Assembler,
    track: Option<Incoming>,
    /// The connection stands and is announced by then.
    announce_at: Option<Instant>,
    on_unit: Box<dyn FnMut(EncodedUnit) + Send>,
    stats: Arc<Mutex<SubscriberStats>>,
}

impl Task {
    async fn run(mut self, offer: String) {
        self.session.emit(SessionEvent::Description(offer)).await;
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
                AssemblerEvent::Unit(unit) => (self.on_unit)(unit),
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

    async fn handle_command(&mut self, command: SubscriberCommand) {
        let failed = match command {
            SubscriberCommand::Candidate(candidate) => {
                self.session.handle_candidate(candidate).await;
                None
            }
            SubscriberCommand::Answer(answer) => {
                self.session.accept_answer(&answer).await.err().map(RtcError::from)
            }
            SubscriberCommand::RequestKeyframe => {
                self.assembler.request_keyframe(Instant::now());
                None
            }
            SubscriberCommand::RestartIce => match self.session.offer(true).await {
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
