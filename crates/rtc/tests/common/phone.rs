//! A publisher of another make: the WebRTC stack with its own defaults, sending sound and pictures
//! one way, as a phone's browser does.

use std::sync::Arc;
use std::time::Duration;

use lanlens_media::EncodedUnit;
use rtc::interceptor::{Registry, SenderReportBuilder, Slot};
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCOfferOptions;
use rtc::peer_connection::configuration::interceptor_registry::{
    configure_nack, configure_twcc_sender_only,
};
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_H264, MIME_TYPE_OPUS, MIME_TYPE_VP8, MediaEngine,
};
use rtc::rtp::codec::h264::H264Payloader;
use rtc::rtp::header::Header;
use rtc::rtp::packet::Packet;
use rtc::rtp::packetizer::Payloader;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RtpCodecKind,
};
use tokio::sync::{mpsc, watch};
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_local::{TrackLocal, TrackLocalEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceGatheringState, RTCPeerConnectionState, RTCSessionDescription, SettingEngineBuilder,
};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit, RtpSender};

use super::deliver::{self, Deliver};
use super::inbound::Inbound;
use super::soon;

const SSRC: u32 = 0x5eed_cafe;

struct Handler {
    state: watch::Sender<RTCPeerConnectionState>,
    gathered: watch::Sender<u32>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        if state == RTCIceGatheringState::Complete {
            self.gathered.send_modify(|count| *count += 1);
        }
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.state.send_replace(state);
    }
}

/// The publisher.
pub(crate) struct Phone {
    connection: Arc<dyn PeerConnection>,
    sender: Arc<dyn RtpSender>,
    track: Arc<TrackLocalStaticRTP>,
    payloader: H264Payloader,
    sequence: u16,
    state: watch::Receiver<RTCPeerConnectionState>,
    gathered: watch::Receiver<u32>,
    /// One for each keyframe request.
    pub(crate) keyframes: mpsc::Receiver<()>,
}

fn codec(mime_type: &str, payload_type: u8, fmtp: &str) -> RTCRtpCodecParameters {
    let is_audio = mime_type == MIME_TYPE_OPUS;
    let rtp_codec = RTCRtpCodec {
        mime_type: mime_type.to_owned(),
        clock_rate: if is_audio { 48_000 } else { 90_000 },
        channels: if is_audio { 2 } else { 0 },
        sdp_fmtp_line: fmtp.to_owned(),
        rtcp_feedback: Vec::new(),
    };
    RTCRtpCodecParameters { rtp_codec, payload_type }
}

impl Phone {
    /// One that sends sound and pictures and whose only H.264 is written in this way.
    pub(crate) async fn start(fmtp: &str) -> Self {
        Self::build(fmtp, true).await
    }

    /// The same without sound.
    pub(crate) async fn silent(fmtp: &str) -> Self {
        Self::build(fmtp, false).await
    }

    async fn build(fmtp: &str, has_sound: bool) -> Self {
        let mut media = MediaEngine::default();
        let h264 = codec(MIME_TYPE_H264, 106, fmtp);
        media.register_codec(codec(MIME_TYPE_VP8, 96, ""), RtpCodecKind::Video).unwrap();
        media.register_codec(h264.clone(), RtpCodecKind::Video).unwrap();
        media.register_codec(codec(MIME_TYPE_OPUS, 111, ""), RtpCodecKind::Audio).unwrap();
        let registry = configure_twcc_sender_only(Registry::new(), &mut media).unwrap();
        let reports = SenderReportBuilder::new().with_interval(Duration::from_millis(100)).build();
        let registry = configure_nack(registry, &mut media)
            .with(Slot::SenderReport, reports)
            .with(Slot::from(deliver::SLOT), Inbound::new(Deliver));
        let (state, state_seen) = watch::channel(RTCPeerConnectionState::New);
        let (gathered, gathered_seen) = watch::channel(0);
        let settings = SettingEngineBuilder::new()
            .with_ice_connection_attempts(Some(Duration::from_millis(20)), Some(50))
            .with_include_loopback_candidate(true)
            .with_discard_local_candidates_during_ice_restart(true)
            .build();
        let connection: Arc<dyn PeerConnection> = Arc::new(
            PeerConnectionBuilder::new()
                .with_configuration(RTCConfigurationBuilder::new().build())
                .with_media_engine(media)
                .with_interceptor_registry(registry)
                .with_setting_engine(settings)
                .with_handler(Arc::new(Handler { state, gathered }))
                .with_udp_addrs(vec!["127.0.0.1:0"])
                .build()
                .await
                .unwrap(),
        );
        let init = || RTCRtpTransceiverInit {
            direction: RTCRtpTransceiverDirection::Sendonly,
            streams: Vec::new(),
            send_encodings: Vec::new(),
        };
        let sound = local_track(RtpCodecKind::Audio, codec(MIME_TYPE_OPUS, 111, "").rtp_codec, 1);
        if has_sound {
            connection.add_transceiver_from_track(sound, Some(init())).await.unwrap();
        }
        let track = local_track(RtpCodecKind::Video, h264.rtp_codec, SSRC);
        let transceiver =
            connection.add_transceiver_from_track(track.clone(), Some(init())).await.unwrap();
        let sender = transceiver.sender().await.unwrap().unwrap();
        Self {
            connection,
            sender,
            keyframes: listen(track.clone()),
            track,
            payloader: H264Payloader::default(),
            sequence: 65_500,
            state: state_seen,
            gathered: gathered_seen,
        }
    }

    /// Its offer, with the candidates it has.
    pub(crate) async fn offer(&mut self) -> String {
        self.local_offer(None).await
    }

    async fn local_offer(&mut self, options: Option<RTCOfferOptions>) -> String {
        let before = *self.gathered.borrow();
        let offer = self.connection.create_offer(options).await.unwrap();
        self.connection.set_local_description(offer).await.unwrap();
        soon(self.gathered.wait_for(|count| *count > before)).await.unwrap();
        self.connection.local_description().await.unwrap().sdp
    }

    /// The fragment that restarts ICE.
    pub(crate) async fn restart(&mut self) -> String {
        let offer = self.local_offer(Some(RTCOfferOptions { ice_restart: true })).await;
        fragment(&offer)
    }

    /// Applies an answer.
    pub(crate) async fn accept(&self, answer: &str) {
        let answer = RTCSessionDescription::answer(answer.to_owned()).unwrap();
        self.connection.set_remote_description(answer).await.unwrap();
    }

    pub(crate) async fn connected(&mut self) {
        let connected =
            |state: &RTCPeerConnectionState| *state == RTCPeerConnectionState::Connected;
        soon(self.state.wait_for(connected)).await.unwrap();
    }

    /// Sends one unit, under the payload type that was negotiated.
    pub(crate) async fn send(&mut self, unit: &EncodedUnit) {
        let parameters = self.sender.get_parameters().await.unwrap().rtp_parameters;
        let payload_type = parameters.codecs.first().unwrap().payload_type;
        let payloads = self.payloader.payload(1200, &unit.data).unwrap();
        let last = payloads.len() - 1;
        for (index, payload) in payloads.into_iter().enumerate() {
            self.sequence = self.sequence.wrapping_add(1);
            let header = Header {
                version: 2,
                marker: index == last,
                payload_type,
                sequence_number: self.sequence,
                timestamp: unit.media_time,
                ssrc: SSRC,
                ..Default::default()
            };
            self.track.write_rtp(Packet { header, payload }).await.unwrap();
        }
    }

    pub(crate) async fn close(self) {
        self.connection.close().await.unwrap();
    }
}

fn local_track(kind: RtpCodecKind, codec: RTCRtpCodec, ssrc: u32) -> Arc<TrackLocalStaticRTP> {
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        codec,
        ..Default::default()
    };
    let id = kind.to_string();
    let track = MediaStreamTrack::new("phone".into(), id.clone(), id, kind, vec![coding]);
    Arc::new(TrackLocalStaticRTP::new(track))
}

/// One for each keyframe request.
fn listen(track: Arc<TrackLocalStaticRTP>) -> mpsc::Receiver<()> {
    let (asked, keyframes) = mpsc::channel(64);
    tokio::spawn(async move {
        while let Some(event) = track.poll().await {
            if let TrackLocalEvent::OnRtcpPacket(_) = event {
                let _ = asked.try_send(());
            }
        }
    });
    keyframes
}

/// Of an offer, what a WHIP client sends by PATCH (RFC 8840): each section's ICE.
pub(crate) fn fragment(offer: &str) -> String {
    let wanted = ["m=", "a=mid:", "a=ice-ufrag:", "a=ice-pwd:", "a=candidate:", "a=group:BUNDLE"];
    let lines = offer.lines().filter(|line| wanted.iter().any(|key| line.starts_with(key)));
    lines.map(|line| format!("{line}\r\n")).collect()
}

/// An answer with the ICE of a fragment in place of its own.
pub(crate) fn patched(answer: &str, fragment: &str) -> String {
    let is_ice = |line: &&str| {
        ["a=ice-ufrag:", "a=ice-pwd:", "a=candidate:", "a=end-of-candidates"]
            .iter()
            .any(|key| line.starts_with(key))
    };
    let ice: String = fragment.lines().filter(is_ice).map(|line| format!("{line}\r\n")).collect();
    let kept = answer.lines().filter(|line| !is_ice(line));
    kept.map(|line| format!("{line}\r\n")).collect::<String>() + &ice
}
