//! What both kinds of session share: negotiation steps, remote candidates, events to the caller.
//!
//! Owns the peer connection for the session's task, the count of candidates a peer has sent, and the
//! way out to the caller. Everything that touches media is in `publisher` and `subscriber`.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use lanlens_model::{IceCandidate, limits};
use rtc::peer_connection::configuration::RTCOfferOptions;
use rtc::statistics::StatsSelector;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use webrtc::error::Error;
use webrtc::peer_connection::{
    RTCIceCandidateInit, RTCPeerConnectionState, RTCSdpType, RTCSessionDescription,
    RTCStatsReportEntry,
};
use webrtc::rtp_transceiver::RTCRtpTransceiverDirection;

use crate::config::RtcConfig;
use crate::error::{DescriptionError, RtcError};
use crate::peer::{Peer, PeerEvent, setup};
use crate::{candidate, description};

/// Commands waiting for a session's task.
pub(crate) const COMMANDS_MAX: usize = limits::CANDIDATES_MAX + 16;
/// Host candidates are known within a millisecond or two; a description waits this long to hold
/// them, and later ones are sent on their own.
const GATHERING_WAIT: Duration = Duration::from_millis(50);
/// From both descriptions to a connection. The stack notices by itself that there is no path, but not
/// that the peer's certificate is another one than its description announced: it waits for ever.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);

/// What a session tells its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// Our description for the peer: an offer of a subscriber, an answer of a publisher.
    Description(String),
    /// A local candidate that was not known when the description was made.
    Candidate(IceCandidate),
    /// Media can flow.
    Connected {
        /// The chosen pair, `local ↔ remote`.
        candidate_pair: String,
        /// Our end of it, where known: when that address goes, so does the path.
        local: Option<IpAddr>,
    },
    /// The path has fallen silent. It may come back; frames and the link say sooner whether it will.
    Disconnected,
    /// The session is of no more use and waits to be closed. In words, why.
    Failed(String),
    /// The same, because nobody can show the pictures that a publisher of another make sends: its path
    /// is good. In words, why.
    Refused(String),
    /// The last event: everything is closed and freed.
    Closed,
}

/// The state of a session that does not depend on its direction.
pub(crate) struct Session {
    pub(crate) config: RtcConfig,
    pub(crate) peer: Peer,
    pub(crate) cancel: CancellationToken,
    events: mpsc::Sender<SessionEvent>,
    peer_events: mpsc::Receiver<PeerEvent>,
    /// What came while a description was being gathered.
    deferred: VecDeque<PeerEvent>,
    /// Candidates the peer has sent, refused ones included.
    candidates_received: usize,
    /// Candidates that came before the description they belong to.
    candidates_early: Vec<String>,
    /// The media section our candidates belong to.
    mid: Option<String>,
    progress: Progress,
}

/// How far a session has come.
#[derive(Clone, Copy)]
enum Progress {
    /// Descriptions are awaited.
    Negotiating,
    /// It must connect by then.
    Connecting { until: tokio::time::Instant },
    /// It has connected, or its failure to was told.
    Decided,
}

impl Session {
    pub(crate) fn new(
        config: RtcConfig,
        peer: Peer,
        peer_events: mpsc::Receiver<PeerEvent>,
        events: mpsc::Sender<SessionEvent>,
    ) -> Self {
        Self {
            config,
            peer,
            cancel: CancellationToken::new(),
            events,
            peer_events,
            deferred: VecDeque::new(),
            candidates_received: 0,
            candidates_early: Vec::new(),
            mid: None,
            progress: Progress::Negotiating,
        }
    }

    /// Makes an offer, with fresh ICE credentials and sockets if `restart`.
    pub(crate) async fn offer(&mut self, restart: bool) -> Result<String, RtcError> {
        let connection = self.peer.connection().map_err(setup)?.clone();
        let options = restart.then_some(RTCOfferOptions { ice_restart: true });
        let offer = connection.create_offer(options).await.map_err(setup)?;
        connection.set_local_description(offer).await.map_err(setup)?;
        self.gathered_description().await
    }

    /// Applies the peer's offer and makes the answer, in which video must flow as `flows` wants it.
    pub(crate) async fn answer(
        &mut self,
        offer: &str,
        flows: fn(&RTCRtpTransceiverDirection) -> bool,
    ) -> Result<String, RtcError> {
        self.apply_remote(offer, RTCSdpType::Offer).await?;
        let connection = self.peer.connection().map_err(setup)?.clone();
        let answer = connection.create_answer(None).await.map_err(malformed)?;
        connection.set_local_description(answer).await.map_err(malformed)?;
        self.require_video(flows).await?;
        self.gathered_description().await
    }

    /// Applies the peer's answer.
    pub(crate) async fn accept_answer(&mut self, answer: &str) -> Result<(), DescriptionError> {
        self.apply_remote(answer, RTCSdpType::Answer).await?;
        self.require_video(RTCRtpTransceiverDirection::has_recv).await
    }

    /// Counts the peer's candidates from zero: another ICE session begins (RFC 8839 section 4.4.1.1.1).
    pub(crate) fn forget_candidates(&mut self) {
        self.candidates_received = 0;
    }

    /// Fails unless the negotiation settled on video in this direction.
    async fn require_video(
        &self,
        flows: impl Fn(&RTCRtpTransceiverDirection) -> bool,
    ) -> Result<(), DescriptionError> {
        let connection = self.peer.connection().map_err(malformed)?;
        for transceiver in connection.get_transceivers().await {
            if flows(&transceiver.current_direction().await.map_err(malformed)?) {
                return Ok(());
            }
        }
        Err(DescriptionError::NoVideo)
    }

    async fn apply_remote(&mut self, sdp: &str, kind: RTCSdpType) -> Result<(), DescriptionError> {
        let checked = description::check(sdp, &self.config.usable_addresses())?;
        self.candidates_received += checked.candidates;
        let description = match kind {
            RTCSdpType::Offer => RTCSessionDescription::offer(checked.sdp),
            _ => RTCSessionDescription::answer(checked.sdp),
        }
        .map_err(malformed)?;
        let connection = self.peer.connection().map_err(malformed)?;
        connection.set_remote_description(description).await.map_err(malformed)?;
        if let Progress::Negotiating = self.progress {
            let until = tokio::time::Instant::now() + CONNECT_TIMEOUT;
            self.progress = Progress::Connecting { until };
        }
        for candidate in std::mem::take(&mut self.candidates_early) {
            self.apply_candidate(candidate).await;
        }
        Ok(())
    }

    /// Our description with the candidates known by now; the rest follows as events.
    async fn gathered_description(&mut self) -> Result<String, RtcError> {
        let deadline = tokio::time::Instant::now() + GATHERING_WAIT;
        let mut candidates = Vec::new();
        while let Ok(Some(event)) = tokio::time::timeout_at(deadline, self.peer_events.recv()).await
        {
            match event {
                PeerEvent::Gathered => break,
                PeerEvent::Candidate(candidate) => candidates.push(candidate),
                other => self.deferred.push_back(other),
            }
        }
        let connection = self.peer.connection().map_err(setup)?;
        let local = connection.local_description().await;
        let sdp = local.ok_or_else(|| setup(Error::ErrConnectionClosed))?.sdp;
        self.mid = sdp.lines().find_map(|line| line.strip_prefix("a=mid:")).map(str::to_owned);
        Ok(description::with_candidates(&sdp, &candidates))
    }

    /// The connection's next event; `None` once its driver is gone. Cancel safe.
    pub(crate) async fn next_event(&mut self) -> Option<PeerEvent> {
        if let Some(event) = self.deferred.pop_front() {
            return Some(event);
        }
        let Progress::Connecting { until } = self.progress else {
            return self.peer_events.recv().await;
        };
        match tokio::time::timeout_at(until, self.peer_events.recv()).await {
            Ok(event) => event,
            Err(_) => {
                self.progress = Progress::Decided;
                Some(PeerEvent::Overdue)
            }
        }
    }

    /// Takes one of the peer's candidates, within the session's limit.
    pub(crate) async fn handle_candidate(&mut self, candidate: IceCandidate) {
        self.candidates_received += 1;
        if self.candidates_received > limits::CANDIDATES_MAX {
            tracing::debug!("more candidates than a session takes; the rest is left out");
            return;
        }
        // An empty candidate says that there are no more (RFC 8838 section 8.1).
        if candidate.candidate.is_empty() {
            return;
        }
        if let Err(refused) =
            candidate::admit(&candidate.candidate, &self.config.usable_addresses())
        {
            tracing::debug!(%refused, candidate = candidate.candidate, "candidate left out");
            return;
        }
        let Ok(connection) = self.peer.connection() else { return };
        if connection.remote_description().await.is_none() {
            self.candidates_early.push(candidate.candidate);
            return;
        }
        self.apply_candidate(candidate.candidate).await;
    }

    async fn apply_candidate(&self, candidate: String) {
        let Ok(connection) = self.peer.connection() else { return };
        let init = RTCIceCandidateInit { candidate, ..Default::default() };
        if let Err(error) = connection.add_ice_candidate(init).await {
            tracing::debug!(%error, "candidate not usable");
        }
    }

    /// Handles what both directions treat alike; gives back `true` when media can flow from now on,
    /// which the caller announces.
    pub(crate) async fn handle_state(&mut self, state: RTCPeerConnectionState) -> bool {
        match state {
            RTCPeerConnectionState::Connected => {
                self.progress = Progress::Decided;
                return true;
            }
            RTCPeerConnectionState::Disconnected => self.emit(SessionEvent::Disconnected).await,
            RTCPeerConnectionState::Failed => {
                self.progress = Progress::Decided;
                let reason = "no network path to the peer, or it stopped answering";
                self.emit(SessionEvent::Failed(reason.to_owned())).await;
            }
            _ => {}
        }
        false
    }

    /// Tells that it never connected.
    pub(crate) async fn handle_overdue(&self) {
        let reason = format!(
            "no connection within {} s: no network path to the peer, or its certificate is not the \
             one that it announced",
            CONNECT_TIMEOUT.as_secs()
        );
        self.emit(SessionEvent::Failed(reason)).await;
    }

    /// Tells that media can flow, and on which path.
    pub(crate) async fn announce_connected(&self) {
        let (candidate_pair, local) = self.candidate_pair().await.unwrap_or_default();
        self.emit(SessionEvent::Connected { candidate_pair, local }).await;
    }

    /// Passes on a candidate that came after the description.
    pub(crate) async fn handle_local_candidate(&self, candidate: String) {
        let candidate = IceCandidate { candidate, mid: self.mid.clone(), mline: Some(0) };
        self.emit(SessionEvent::Candidate(candidate)).await;
    }

    /// Waits for room at the caller's, but never keeps a session from closing.
    pub(crate) async fn emit(&self, event: SessionEvent) {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => {}
            sent = self.events.send(event) => {
                // Nobody listens: nobody wants the session any more.
                if sent.is_err() {
                    self.cancel.cancel();
                }
            }
        }
    }

    /// The nominated pair, `local ↔ remote`.
    /// In words, and our end.
    async fn candidate_pair(&self) -> Option<(String, Option<IpAddr>)> {
        let connection = self.peer.connection().ok()?;
        for transceiver in connection.get_transceivers().await {
            let transport = match (transceiver.sender().await, transceiver.receiver().await) {
                (Ok(Some(sender)), _) => sender.transport().await.ok()??,
                (_, Ok(Some(receiver))) => receiver.transport().await.ok()??,
                _ => continue,
            };
            let pair = transport.ice_transport().get_selected_candidate_pair().await.ok()??;
            let (local, remote) = (pair.local(), pair.remote());
            let text = pair_text((&local.address, local.port), (&remote.address, remote.port));
            return Some((text, local.address.parse().ok()));
        }
        // Before its first packet a receiver cannot be asked. The statistics know the remote end only
        // if its candidate came before its first check.
        let report = connection.get_stats(Instant::now(), StatsSelector::None).await;
        let pair = report.candidate_pairs().find(|pair| pair.nominated)?;
        let candidate = |prefix: &str, id: &str| match report.get(&format!("{prefix}_{id}")) {
            Some(
                RTCStatsReportEntry::LocalCandidate(found)
                | RTCStatsReportEntry::RemoteCandidate(found),
            ) => (found.address.clone().unwrap_or_default(), found.port),
            _ => ("unknown".to_owned(), 0),
        };
        let local = candidate("RTCLocalIceCandidate", &pair.local_candidate_id);
        let remote = candidate("RTCRemoteIceCandidate", &pair.remote_candidate_id);
        let text = pair_text((&local.0, local.1), (&remote.0, remote.1));
        Some((text, local.0.parse().ok()))
    }

    /// The round trip of the path, from the connectivity checks.
    pub(crate) async fn round_trip(&self) -> Option<Duration> {
        let connection = self.peer.connection().ok()?;
        let report = connection.get_stats(Instant::now(), StatsSelector::None).await;
        report.iter().find_map(|entry| match entry {
            RTCStatsReportEntry::IceCandidatePair(pair) if pair.current_round_trip_time > 0.0 => {
                Duration::try_from_secs_f64(pair.current_round_trip_time).ok()
            }
            _ => None,
        })
    }

    /// Closes everything and says so.
    pub(crate) async fn close(self) {
        self.peer.close().await;
        // The caller may be gone, or may be the one who waits for us.
        let _ = self.events.try_send(SessionEvent::Closed);
    }
}

fn pair_text(local: (&str, u16), remote: (&str, u16)) -> String {
    let address = |(address, port): (&str, u16)| match address.contains(':') {
        true => format!("[{address}]:{port}"),
        false => format!("{address}:{port}"),
    };
    format!("{} ↔ {}", address(local), address(remote))
}

pub(crate) fn malformed(error: Error) -> DescriptionError {
    DescriptionError::Malformed(error.to_string())
}
