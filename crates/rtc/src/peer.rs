//! One tuned peer connection: how it is built, what it reports, how it is closed.
//!
//! Owns the settings that make the WebRTC stack fit for a local network; with its
//! defaults it connects several times slower (`examples/connect_time.rs` measures these), asks for
//! lost packets late, and may stall. Knows nothing of publishing or subscribing.

use std::sync::Arc;
use std::time::Duration;

use rtc::ice::mdns::MulticastDnsMode;
use rtc::interceptor::CongestionControlBuilder;
use rtc::peer_connection::configuration::interceptor_registry::{
    Slot, configure_rtcp_reports, configure_twcc_receiver_only, configure_twcc_sender_only,
};
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_H264, MediaEngine};
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpHeaderExtensionCapability, RtpCodecKind,
};
use tokio::sync::mpsc;
use webrtc::error::Error;
use webrtc::media_stream::track_remote::TrackRemote;
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceGatheringState, RTCPeerConnectionIceEvent, RTCPeerConnectionState, Registry,
    SettingEngineBuilder,
};

use crate::config::RtcConfig;
use crate::error::RtcError;
use crate::estimate::Estimate;
use crate::feedback::{self, Feedback};
use crate::inbound::Inbound;
use crate::ingest::{REPAIR_SLOT, REPORTS_SLOT, Repair, RepairTypes, SenderReports, SharedClock};
use crate::nack::{self, NackOnGap};
use crate::reports::{self, ReportNumbers};
use crate::resend::{self, ResendLimit};
use crate::runtime::MediaRuntime;
use crate::sent::SentLately;
use crate::{capture_time, stats::FeedbackCounters};

/// RTP clock of video (RFC 6184 section 8.2.1).
const CLOCK_RATE_HZ: u32 = 90_000;
/// Only used where we offer; an answer takes the offer's.
const PAYLOAD_TYPE: u8 = 102;
/// The one format: constrained baseline 3.1, several NAL units a packet. With a second one the
/// stack's answers repeat the rtpmap block.
const FORMAT: &str = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";

/// Time between connectivity checks; the stack's own is 200 ms.
const ICE_CHECK_INTERVAL: Duration = Duration::from_millis(20);
const ICE_CHECKS_MAX: u16 = 50;
/// Packets remembered to ask for, to send again, and to tell replays from retransmissions. The
/// stack's replay window of 64 would throw away what is sent again after an 80-packet keyframe.
const PACKET_HISTORY: u16 = 1024;
/// Events of the connection waiting for the session's task: states and a handful of candidates.
const EVENTS_MAX: usize = 64;

/// What the connection tells the session's task.
pub(crate) enum PeerEvent {
    /// A local candidate, as the `candidate:…` attribute.
    Candidate(String),
    /// All local candidates are known.
    Gathered,
    /// ICE and DTLS together.
    State(RTCPeerConnectionState),
    /// They took too long. (Not from the connection: the session keeps that time.)
    Overdue,
    /// Packets of a remote track begin.
    Track(Arc<dyn TrackRemote>),
}

/// What a session with a publisher of another make needs beside.
pub(crate) struct ForIngest {
    /// Gets its sender reports.
    pub(crate) clock: SharedClock,
    /// Of the video.
    pub(crate) payload_type: u8,
    /// What it sends again comes in a stream of its own.
    pub(crate) repair: Option<RepairTypes>,
    /// It will only be the DTLS client.
    pub(crate) is_passive: bool,
}

impl ForIngest {
    fn apply(
        self,
        registry: Registry,
        settings: SettingEngineBuilder,
    ) -> (Registry, SettingEngineBuilder) {
        let reports = Inbound::new(SenderReports::new(self.clock, self.payload_type));
        let mut registry = registry.with(Slot::from(REPORTS_SLOT), reports);
        if let Some(types) = self.repair {
            registry = registry.with(Slot::from(REPAIR_SLOT), Inbound::new(Repair::new(types)));
        }
        if !self.is_passive {
            return (registry, settings);
        }
        (registry, settings.with_answering_dtls_role(RTCDtlsRole::Server))
    }
}

/// A peer connection that is closed when dropped. The stack's own handle leaks a task and its sockets.
pub(crate) struct Peer {
    connection: Option<Arc<dyn PeerConnection>>,
}

impl Peer {
    /// Binds sockets and starts the connection's driver.
    ///
    /// # Errors
    /// [`RtcError::NoAddress`] without a usable address, [`RtcError::Setup`] if the stack refuses.
    pub(crate) async fn start(
        config: &RtcConfig,
        feedback: Arc<FeedbackCounters>,
    ) -> Result<(Self, mpsc::Receiver<PeerEvent>), RtcError> {
        Self::start_with(config, feedback, None).await
    }

    /// The same, for a publisher that is not one of ours.
    pub(crate) async fn start_for_ingest(
        config: &RtcConfig,
        feedback: Arc<FeedbackCounters>,
        ingest: ForIngest,
    ) -> Result<(Self, mpsc::Receiver<PeerEvent>), RtcError> {
        Self::start_with(config, feedback, Some(ingest)).await
    }

    async fn start_with(
        config: &RtcConfig,
        feedback: Arc<FeedbackCounters>,
        ingest: Option<ForIngest>,
    ) -> Result<(Self, mpsc::Receiver<PeerEvent>), RtcError> {
        if config.usable_addresses().is_empty() {
            return Err(RtcError::NoAddress);
        }
        let (events, received) = mpsc::channel(EVENTS_MAX);
        let mut media = media_engine().map_err(setup)?;
        let mut registry = interceptors(&mut media, feedback).map_err(setup)?;
        let mut settings = settings_builder();
        if let Some(ingest) = ingest {
            (registry, settings) = ingest.apply(registry, settings);
        }
        let connection = PeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_media_engine(media)
            .with_interceptor_registry(registry)
            .with_setting_engine(settings.build())
            .with_handler(Arc::new(Handler { events }))
            .with_runtime(Arc::new(MediaRuntime::new()))
            .with_udp_addrs(vec![config.bind_list()])
            .build()
            .await
            .map_err(setup)?;
        Ok((Self { connection: Some(Arc::new(connection)) }, received))
    }

    /// The connection; `None` only after [`Peer::close`].
    pub(crate) fn connection(&self) -> Result<&Arc<dyn PeerConnection>, Error> {
        self.connection.as_ref().ok_or(Error::ErrConnectionClosed)
    }

    /// Stops the driver and frees its sockets before it returns.
    pub(crate) async fn close(mut self) {
        if let Some(connection) = self.connection.take() {
            close(&*connection).await;
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move { close(&*connection).await });
        }
    }
}

async fn close(connection: &dyn PeerConnection) {
    if let Err(error) = connection.close().await {
        tracing::debug!(%error, "closing a peer connection");
    }
}

/// The stack's error as ours.
pub(crate) fn setup(error: Error) -> RtcError {
    RtcError::Setup(error.to_string())
}

#[cfg(fuzzing)]
pub(crate) fn settings() -> webrtc::peer_connection::SettingEngine {
    settings_builder().build()
}

fn settings_builder() -> SettingEngineBuilder {
    let history = usize::from(PACKET_HISTORY);
    SettingEngineBuilder::new()
        .with_ice_connection_attempts(Some(ICE_CHECK_INTERVAL), Some(ICE_CHECKS_MAX))
        // A check that overtakes its candidate would otherwise wait a second.
        .with_prflx_acceptance_min_wait(Some(Duration::ZERO))
        .with_host_acceptance_min_wait(Some(Duration::ZERO))
        // Else every connection opens a socket on port 5353.
        .with_multicast_dns_mode(MulticastDnsMode::Disabled)
        .with_include_loopback_candidate(true)
        // An ICE restart binds anew, to the addresses of that moment.
        .with_discard_local_candidates_during_ice_restart(true)
        .with_srtp_replay_protection_window(history)
        .with_srtcp_replay_protection_window(history)
}

/// The one video format of every session.
pub(crate) fn h264() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_H264.to_owned(),
        clock_rate: CLOCK_RATE_HZ,
        channels: 0,
        sdp_fmtp_line: FORMAT.to_owned(),
        rtcp_feedback: Vec::new(),
    }
}

pub(crate) fn media_engine() -> Result<MediaEngine, Error> {
    let mut media = MediaEngine::default();
    media.register_codec(
        RTCRtpCodecParameters { rtp_codec: h264(), payload_type: PAYLOAD_TYPE },
        RtpCodecKind::Video,
    )?;
    for (kind, parameter) in [("nack", ""), ("nack", "pli"), ("ccm", "fir")] {
        let feedback = RTCPFeedback { typ: kind.to_owned(), parameter: parameter.to_owned() };
        media.register_feedback(feedback, RtpCodecKind::Video);
    }
    media.register_header_extension(
        RTCRtpHeaderExtensionCapability { uri: capture_time::URI.to_owned() },
        RtpCodecKind::Video,
        None,
    )?;
    Ok(media)
}

/// The same chain on both sides. The stack's own set asks for lost packets every 100 ms only.
pub(crate) fn interceptors(
    media: &mut MediaEngine,
    counters: Arc<FeedbackCounters>,
) -> Result<Registry, Error> {
    let estimate = Estimate::new(counters.clone());
    let registry = configure_twcc_sender_only(Registry::new(), media)?;
    let registry = configure_twcc_receiver_only(registry, media)?;
    Ok(configure_rtcp_reports(registry)
        .with(Slot::from(reports::SLOT), Inbound::new(ReportNumbers::new(counters.clone())))
        .with(Slot::CongestionControl, CongestionControlBuilder::new(estimate).build())
        .with(Slot::from(resend::SLOT), Inbound::new(ResendLimit::new(counters.clone())))
        .with(Slot::NackResponder, SentLately::new(PACKET_HISTORY))
        .with(Slot::from(nack::SLOT), NackOnGap::new(PACKET_HISTORY))
        .with(Slot::from(feedback::SLOT), Inbound::new(Feedback::new(counters))))
}

/// Passes the connection's events on. It runs on the connection's own driver, so it never waits.
struct Handler {
    events: mpsc::Sender<PeerEvent>,
}

impl Handler {
    fn pass_on(&self, event: PeerEvent) {
        if self.events.try_send(event).is_err() {
            tracing::debug!("an event of a peer connection found no room or no session");
        }
    }
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        match event.candidate.to_json() {
            Ok(init) => self.pass_on(PeerEvent::Candidate(init.candidate)),
            Err(error) => tracing::debug!(%error, "a local candidate cannot be written"),
        }
    }

    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.pass_on(PeerEvent::Gathered);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.pass_on(PeerEvent::State(state));
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        self.pass_on(PeerEvent::Track(track));
    }
}
