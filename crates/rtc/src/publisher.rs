//! The camera's side of one viewing: encoded units in, RTP out, keyframe requests back.
//!
//! Owns one peer connection with one send-only H.264 track. Which units it gets (layer, rate) is the
//! caller's decision; it makes sure that what it sends begins with a keyframe.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use lanlens_media::EncodedUnit;
use lanlens_model::{IceCandidate, Layer};
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_local::{TrackLocal, TrackLocalEvent};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit, RtpSender};

use crate::capture_time;
use crate::config::RtcConfig;
use crate::description::is_baseline_mode_1;
use crate::error::{DescriptionError, RtcError};
use crate::feedback::is_keyframe_request;
use crate::pacing::Pacing;
use crate::packetizer::{Packetizer, Stream};
use crate::peer::{Peer, PeerEvent, h264, setup};
use crate::session::{COMMANDS_MAX, Session, SessionEvent};
use crate::stats::{PublisherCounters, PublisherStats, add};

/// What the handle asks of the task.
enum PublisherCommand {
    Candidate(IceCandidate),
    Offer(String),
}

/// One viewer's session, on the camera's side.
///
/// Dropping it closes the session in the background; [`Publisher::close`] waits for that.
pub struct Publisher {
    commands: mpsc::Sender<PublisherCommand>,
    counters: Arc<PublisherCounters>,
    cancel: CancellationToken,
    task: JoinHandle<()>,
    _close_on_drop: DropGuard,
}

impl Publisher {
    /// Answers a viewer's receive-only offer; the answer comes as [`SessionEvent::Description`].
    ///
    /// `units` are sent from the first keyframe after the connection stands; its end ends the session.
    /// Whoever fills it drops to the next keyframe when it is full. A unit of another layer passes
    /// only as a keyframe, so a switch of layers is clean by itself. `on_keyframe` is called when the
    /// viewer needs a keyframe; it must not block.
    ///
    /// # Errors
    /// [`RtcError::Description`] for an offer that is over the limits, cannot be read, or shares no
    /// video format with us; [`RtcError::NoAddress`] and [`RtcError::Setup`] for this machine.
    pub async fn start(
        config: RtcConfig,
        offer_sdp: String,
        units: mpsc::Receiver<Arc<EncodedUnit>>,
        on_keyframe: impl Fn() + Send + Sync + 'static,
        events: mpsc::Sender<SessionEvent>,
    ) -> Result<Self, RtcError> {
        let counters = Arc::new(PublisherCounters::default());
        // Before any socket is bound for a peer that sends nonsense.
        crate::description::check(&offer_sdp, &[])?;
        let (peer, peer_events) = Peer::start(&config, counters.feedback.clone()).await?;
        let ssrc = fastrand::u32(1..);
        let track = Arc::new(TrackLocalStaticRTP::new(video_track(ssrc)));
        let sender = add_track(&peer, track.clone()).await?;
        let mut session = Session::new(config, peer, peer_events, events);
        let answer = session.answer(&offer_sdp, RTCRtpTransceiverDirection::has_send).await?;
        let stream = negotiated(&*sender, ssrc).await?;

        let (commands, received) = mpsc::channel(COMMANDS_MAX);
        let cancel = session.cancel.clone();
        let task = Task {
            session,
            units,
            commands: received,
            track,
            sender,
            gate: Gate::default(),
            packetizer: Packetizer::new(stream),
            pacing: Pacing::default(),
            on_keyframe: Box::new(on_keyframe),
            counters: counters.clone(),
        };
        Ok(Self {
            commands,
            counters,
            task: tokio::spawn(task.run(answer)),
            _close_on_drop: cancel.clone().drop_guard(),
            cancel,
        })
    }

    /// Takes one of the viewer's candidates. Those that are not on the local network or past the
    /// limit are left out.
    pub fn add_candidate(&self, candidate: IceCandidate) {
        self.post(PublisherCommand::Candidate(candidate));
    }

    /// Answers a further offer of the same viewer, an ICE restart after a network change. The answer
    /// comes as [`SessionEvent::Description`], a bad offer as [`SessionEvent::Failed`].
    pub fn accept_offer(&self, offer_sdp: String) {
        self.post(PublisherCommand::Offer(offer_sdp));
    }

    /// Counters since the start.
    pub fn stats(&self) -> PublisherStats {
        self.counters.read()
    }

    /// Closes the connection and waits until its sockets and tasks are gone.
    pub async fn close(self) {
        self.cancel.cancel();
        if let Err(error) = self.task.await {
            tracing::warn!(%error, "a publisher's task ended badly");
        }
    }

    fn post(&self, command: PublisherCommand) {
        if self.commands.try_send(command).is_err() {
            tracing::debug!("a publisher takes no more commands");
        }
    }
}

struct Task {
    session: Session,
    units: mpsc::Receiver<Arc<EncodedUnit>>,
    commands: mpsc::Receiver<PublisherCommand>,
    track: Arc<TrackLocalStaticRTP>,
    sender: Arc<dyn RtpSender>,
    gate: Gate,
    packetizer: Packetizer,
    pacing: Pacing,
    on_keyframe: Box<dyn Fn() + Send + Sync>,
    counters: Arc<PublisherCounters>,
}

impl Task {
    async fn run(mut self, answer: String) {
        self.session.emit(SessionEvent::Description(answer)).await;
        let cancel = self.session.cancel.clone();
        // Whatever it is waiting for, closing comes first.
        let _ = cancel.run_until_cancelled(self.serve()).await;
        self.session.close().await;
    }

    /// Runs until the units end.
    async fn serve(&mut self) {
        let track = self.track.clone();
        loop {
            tokio::select! {
                event = self.session.next_event() => match event {
                    Some(event) => self.handle_event(event).await,
                    None => return,
                },
                Some(command) = self.commands.recv() => self.handle_command(command).await,
                feedback = track.poll() => match feedback {
                    Some(feedback) => self.handle_feedback(&feedback),
                    None => return,
                },
                () = sleep_until(self.pacing.due()) => self.send_what_is_due().await,
                unit = self.units.recv(), if self.pacing.due().is_none() => match unit {
                    Some(unit) => self.handle_unit(&unit).await,
                    None => return,
                },
            }
        }
    }

    async fn handle_event(&mut self, event: PeerEvent) {
        match event {
            PeerEvent::Candidate(candidate) => self.session.handle_local_candidate(candidate).await,
            PeerEvent::Overdue => self.session.handle_overdue().await,
            PeerEvent::State(state) => {
                if self.session.handle_state(state).await {
                    self.gate.open = true;
                    (self.on_keyframe)();
                    self.session.announce_connected().await;
                }
            }
            PeerEvent::Gathered | PeerEvent::Track(_) => {}
        }
    }

    async fn handle_command(&mut self, command: PublisherCommand) {
        match command {
            PublisherCommand::Candidate(candidate) => {
                self.session.handle_candidate(candidate).await
            }
            PublisherCommand::Offer(offer) => match self.reanswer(&offer).await {
                Ok(answer) => self.session.emit(SessionEvent::Description(answer)).await,
                Err(error) => self.session.emit(SessionEvent::Failed(error.to_string())).await,
            },
        }
    }

    async fn reanswer(&mut self, offer: &str) -> Result<String, RtcError> {
        let answer = self.session.answer(offer, RTCRtpTransceiverDirection::has_send).await?;
        let stream = negotiated(&*self.sender, self.packetizer.ssrc()).await?;
        self.packetizer.renegotiate(stream);
        Ok(answer)
    }

    fn handle_feedback(&self, feedback: &TrackLocalEvent) {
        if let TrackLocalEvent::OnRtcpPacket(packets) = feedback
            && packets.iter().any(is_keyframe_request)
        {
            (self.on_keyframe)();
        }
    }

    async fn handle_unit(&mut self, unit: &EncodedUnit) {
        if !self.gate.admits(unit) {
            add(&self.counters.units_skipped, 1);
            return;
        }
        let now = Instant::now();
        self.counters.feedback.arrivals().on_sent(now);
        self.pacing.start(self.packetizer.packets(unit), now);
        self.counters.units_sent.fetch_add(1, Ordering::Relaxed);
        self.send_what_is_due().await;
    }

    async fn send_what_is_due(&mut self) {
        for packet in self.pacing.take(Instant::now()) {
            let bytes = packet.payload.len() as u64;
            if let Err(error) = self.track.write_rtp(packet).await {
                tracing::debug!(%error, "a packet could not be sent");
                return;
            }
            add(&self.counters.packets_sent, 1);
            add(&self.counters.bytes_sent, bytes);
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

/// Lets nothing through that the viewer could not decode.
#[derive(Default)]
struct Gate {
    /// The connection stands.
    open: bool,
    /// The layer that is being sent.
    layer: Option<Layer>,
}

impl Gate {
    fn admits(&mut self, unit: &EncodedUnit) -> bool {
        if self.open && unit.keyframe {
            self.layer = Some(unit.layer);
        }
        self.open && self.layer == Some(unit.layer)
    }
}

async fn add_track(
    peer: &Peer,
    track: Arc<TrackLocalStaticRTP>,
) -> Result<Arc<dyn RtpSender>, RtcError> {
    let init = RTCRtpTransceiverInit {
        direction: RTCRtpTransceiverDirection::Sendonly,
        streams: Vec::new(),
        send_encodings: Vec::new(),
    };
    let connection = peer.connection().map_err(setup)?;
    let transceiver =
        connection.add_transceiver_from_track(track, Some(init)).await.map_err(setup)?;
    let sender = transceiver.sender().await.map_err(setup)?;
    sender.ok_or_else(|| RtcError::Setup("the track has no sender".to_owned()))
}

pub(crate) fn video_track(ssrc: u32) -> MediaStreamTrack {
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        codec: h264(),
        ..Default::default()
    };
    let kind = RtpCodecKind::Video;
    MediaStreamTrack::new("camera".into(), "video".into(), "video".into(), kind, vec![coding])
}

/// What the answer settled: the payload type and the id of the capture time's header extension.
async fn negotiated(sender: &dyn RtpSender, ssrc: u32) -> Result<Stream, RtcError> {
    let parameters = sender.get_parameters().await.map_err(setup)?.rtp_parameters;
    // The stack settles for any H.264 when the parameters differ.
    let codec = parameters
        .codecs
        .first()
        .filter(|codec| is_baseline_mode_1(&codec.rtp_codec.sdp_fmtp_line))
        .ok_or(DescriptionError::NoCommonCodec)?;
    let capture_time_id = parameters
        .header_extensions
        .iter()
        .find(|extension| extension.uri == capture_time::URI)
        .and_then(|extension| u8::try_from(extension.id).ok());
    Ok(Stream { ssrc, payload_type: codec.payload_type, capture_time_id })
}
