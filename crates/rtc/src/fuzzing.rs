//! What a peer's words do to the WebRTC stack, without sockets: the doors for `tests/fuzz`.
//!
//! Takes the steps of a session (`session.rs`) on the stack's own sans-IO core, behind the checks
//! that every description and candidate passes, on a clock of its own. Compiled under
//! `--cfg fuzzing` only; knows nothing of fuzzers.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::RTCIceCandidateInit;
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};
use rtc::sansio::Protocol;
use webrtc::error::Error;

use crate::error::DescriptionError;
use crate::ingest::offered::{self, Offered};
use crate::ingest::{FragmentError, IngestError};
use crate::session::malformed;
use crate::stats::FeedbackCounters;
use crate::{candidate, description, peer, publisher};

/// The one address of this end.
pub const LOCAL_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 2));
const LOCAL_CANDIDATE: &str = "candidate:1 1 udp 2130706431 192.168.1.2 17480 typ host";

/// One end of a session that is only talked about.
pub struct Negotiation {
    connection: RTCPeerConnection,
    now: Instant,
}

impl Negotiation {
    /// A camera's end: it will answer.
    ///
    /// # Errors
    /// In words, why the stack does not start.
    pub fn publisher() -> Result<Self, DescriptionError> {
        Self::start(|connection| {
            let init = init(RTCRtpTransceiverDirection::Sendonly);
            let track: MediaStreamTrack = publisher::video_track(1);
            connection.add_transceiver_from_track(track, Some(init)).map(drop)
        })
    }

    /// A viewer's end, and its offer.
    ///
    /// # Errors
    /// In words, why the stack does not start.
    pub fn subscriber() -> Result<(Self, String), DescriptionError> {
        let mut this = Self::start(|connection| {
            let init = init(RTCRtpTransceiverDirection::Recvonly);
            connection.add_transceiver_from_kind(RtpCodecKind::Video, Some(init)).map(drop)
        })?;
        let offer = this.connection.create_offer(None).map_err(malformed)?;
        this.connection.set_local_description(this.now, offer).map_err(malformed)?;
        let offer = this.gathered()?;
        Ok((this, offer))
    }

    /// The end of a node to which somebody publishes: it will answer.
    ///
    /// # Errors
    /// In words, why the stack does not start.
    pub fn ingest() -> Result<Self, DescriptionError> {
        Self::start(|connection| {
            let init = init(RTCRtpTransceiverDirection::Recvonly);
            connection.add_transceiver_from_kind(RtpCodecKind::Video, Some(init)).map(drop)
        })
    }

    fn start(
        add_video: impl FnOnce(&mut RTCPeerConnection) -> Result<(), Error>,
    ) -> Result<Self, DescriptionError> {
        let mut media = peer::media_engine().map_err(malformed)?;
        let registry = peer::interceptors(&mut media, Arc::new(FeedbackCounters::default()));
        let now = Instant::now();
        let mut connection = RTCPeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_media_engine(media)
            .with_interceptor_registry(registry.map_err(malformed)?)
            .with_setting_engine(peer::settings())
            .build(now)
            .map_err(malformed)?;
        add_video(&mut connection).map_err(malformed)?;
        Ok(Self { connection, now })
    }

    /// Takes an offer, or a further one, and answers it.
    ///
    /// # Errors
    /// See [`DescriptionError`].
    pub fn answer(&mut self, offer: &str) -> Result<String, DescriptionError> {
        self.answer_with(offer, RTCRtpTransceiverDirection::has_send)
    }

    fn answer_with(
        &mut self,
        offer: &str,
        flows: fn(&RTCRtpTransceiverDirection) -> bool,
    ) -> Result<String, DescriptionError> {
        let checked = description::check(offer, &[LOCAL_ADDRESS])?;
        let offer = RTCSessionDescription::offer(checked.sdp).map_err(malformed)?;
        self.connection.set_remote_description(self.now, offer).map_err(malformed)?;
        let answer = self.connection.create_answer(None).map_err(malformed)?;
        self.connection.set_local_description(self.now, answer).map_err(malformed)?;
        self.require_video(flows)?;
        self.gathered()
    }

    /// Takes the answer to the subscriber's offer.
    ///
    /// # Errors
    /// See [`DescriptionError`].
    pub fn accept_answer(&mut self, answer: &str) -> Result<(), DescriptionError> {
        let checked = description::check(answer, &[LOCAL_ADDRESS])?;
        let answer = RTCSessionDescription::answer(checked.sdp).map_err(malformed)?;
        self.connection.set_remote_description(self.now, answer).map_err(malformed)?;
        self.require_video(RTCRtpTransceiverDirection::has_recv)
    }

    /// Takes a candidate that comes after the description; whether it passed.
    pub fn add_candidate(&mut self, value: &str) -> bool {
        let init = RTCIceCandidateInit { candidate: value.to_owned(), ..Default::default() };
        candidate::admit(value, &[LOCAL_ADDRESS]).is_ok()
            && self.connection.add_remote_candidate(init).is_ok()
    }

    /// Where packets go within the next `time`, one entry for each.
    pub fn destinations(&mut self, time: Duration) -> Vec<IpAddr> {
        let end = self.now + time;
        let mut destinations = Vec::new();
        loop {
            while self.connection.poll_event().is_some() {}
            while let Some(packet) = self.connection.poll_write() {
                destinations.push(packet.transport.peer_addr.ip());
            }
            match self.connection.poll_timeout() {
                // A deadline in the past is served a millisecond later, as a busy machine would.
                Some(at) if at <= end => self.now = at.max(self.now + Duration::from_millis(1)),
                _ => return destinations,
            }
            if self.connection.handle_timeout(self.now).is_err() {
                return destinations;
            }
        }
    }

    fn require_video(
        &mut self,
        flows: impl Fn(&RTCRtpTransceiverDirection) -> bool,
    ) -> Result<(), DescriptionError> {
        let transceivers: Vec<_> = self.connection.get_transceivers().collect();
        let mut found = transceivers
            .into_iter()
            .filter_map(|id| Some(self.connection.rtp_transceiver(id)?.current_direction()));
        if found.any(|direction| flows(&direction)) {
            Ok(())
        } else {
            Err(DescriptionError::NoVideo)
        }
    }

    /// Our description, with our candidate.
    fn gathered(&mut self) -> Result<String, DescriptionError> {
        for candidate in [LOCAL_CANDIDATE, ""] {
            let init = RTCIceCandidateInit { candidate: candidate.into(), ..Default::default() };
            self.connection.add_local_candidate(init).map_err(malformed)?;
        }
        let sdp = self.connection.local_description().map(|local| local.sdp).unwrap_or_default();
        Ok(description::with_candidates(&sdp, &[LOCAL_CANDIDATE.to_owned()]))
    }
}

/// What somebody publishes by WHIP, from its offer on.
pub struct Publication {
    offered: Offered,
    peer: Negotiation,
}

impl Publication {
    /// Takes an offer and answers it, as [`Ingest::start`](crate::Ingest::start) does.
    ///
    /// # Errors
    /// See [`IngestError`].
    pub fn start(offer: &str) -> Result<(Self, String), IngestError> {
        let checked = description::check(offer, &[LOCAL_ADDRESS])?;
        let offered = Offered::read(&checked.sdp)?;
        let mut peer = Negotiation::ingest()?;
        let flows = RTCRtpTransceiverDirection::has_recv;
        let answer = offered.answer(&peer.answer_with(&offered.for_stack(), flows)?);
        Ok((Self { offered, peer }, answer))
    }

    /// Takes a fragment: a restart, or else candidates.
    ///
    /// # Errors
    /// See [`FragmentError`].
    pub fn patch(&mut self, fragment: &str) -> Result<(), FragmentError> {
        let parts = offered::parts(fragment)?;
        if let Ok(candidates) = self.offered.candidates_of(parts.clone()) {
            for candidate in candidates {
                self.peer.add_candidate(&candidate);
            }
            return Ok(());
        }
        let restarted = self.offered.restarted(&parts)?;
        let flows = RTCRtpTransceiverDirection::has_recv;
        let answer = self.peer.answer_with(&restarted.for_stack(), flows);
        let answer = answer.map_err(|error| FragmentError::Rtc(error.into()))?;
        self.offered = restarted;
        // What goes back is itself a fragment.
        offered::parts(&self.offered.answer_fragment(&answer)).map(drop)
    }

    /// See [`Negotiation::destinations`].
    pub fn destinations(&mut self, time: Duration) -> Vec<IpAddr> {
        self.peer.destinations(time)
    }
}

fn init(direction: RTCRtpTransceiverDirection) -> RTCRtpTransceiverInit {
    RTCRtpTransceiverInit { direction, streams: Vec::new(), send_encodings: Vec::new() }
}
