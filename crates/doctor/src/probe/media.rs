//! A moment of watching: a path for packets, and pictures that can be decoded.
//!
//! Owns one subscriber session and one decoder thread, and ends both.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use lanlens_codec::H264Decoder;
use lanlens_media::{Decoder, EncodedUnit};
use lanlens_model::limits::MEDIA_PORTS;
use lanlens_model::{IceCandidate, SessionId};
use lanlens_protocol::Message;
use lanlens_rtc::{RtcConfig, SessionEvent, Subscriber};
use tokio::sync::{Notify, mpsc};

use crate::observations::MediaSeen;

/// Pictures that are proof enough.
const PICTURES_ENOUGH: u32 = 5;
/// Units waiting to be decoded; more are dropped, as a viewer does.
const UNITS_MAX: usize = 8;
/// Events of the session waiting to be looked at.
const EVENTS_MAX: usize = 64;

/// What happens while watching.
pub(super) enum ReceiverEvent {
    /// To be sent to the camera.
    Offer(String),
    /// To be sent to the camera.
    Candidate(IceCandidate),
    /// One more picture was decoded.
    Picture,
    /// Nothing more will come.
    Ended,
}

/// What is counted by other threads.
#[derive(Default)]
struct Counts {
    units: AtomicU32,
    pictures: AtomicU32,
    decoded: Notify,
}

/// A camera being watched.
pub(super) struct Receiver {
    subscriber: Subscriber,
    events: mpsc::Receiver<SessionEvent>,
    counts: Arc<Counts>,
    path: Option<String>,
    trouble: Option<String>,
    source: Option<String>,
}

impl Receiver {
    /// Begins; the offer is the first event.
    ///
    /// # Errors
    /// What to say where this computer cannot receive at all.
    pub(super) async fn start(rtc: RtcConfig) -> Result<Self, MediaSeen> {
        let counts = Arc::new(Counts::default());
        let (events_tx, events) = mpsc::channel(EVENTS_MAX);
        let tried = |trouble: String| MediaSeen::Tried {
            path: None,
            trouble: Some(trouble),
            source: None,
            blocked_here: false,
            units: 0,
            pictures: 0,
        };
        let units = decode_on_a_thread(Arc::clone(&counts))
            .map_err(|error| tried(format!("no thread to decode on: {error}")))?;
        let counting = Arc::clone(&counts);
        let on_unit = move |unit: EncodedUnit| {
            counting.units.fetch_add(1, Ordering::Relaxed);
            let _ = units.try_send(unit);
        };
        match Subscriber::start(rtc, on_unit, events_tx).await {
            Ok(subscriber) => {
                let (path, trouble, source) = (None, None, None);
                Ok(Self { subscriber, events, counts, path, trouble, source })
            }
            Err(error) => Err(tried(error.to_string())),
        }
    }

    /// The next thing to do something about.
    pub(super) async fn event(&mut self) -> ReceiverEvent {
        loop {
            let event = tokio::select! {
                () = self.counts.decoded.notified() => return ReceiverEvent::Picture,
                event = self.events.recv() => event,
            };
            match event {
                Some(SessionEvent::Description(sdp)) => return ReceiverEvent::Offer(sdp),
                Some(SessionEvent::Candidate(candidate)) => {
                    return ReceiverEvent::Candidate(candidate);
                }
                Some(SessionEvent::Connected { candidate_pair, .. }) => {
                    self.path = Some(candidate_pair);
                }
                Some(SessionEvent::Disconnected) => {}
                // That nothing connects in time is told by the missing path.
                Some(SessionEvent::Failed(_) | SessionEvent::Refused(_) | SessionEvent::Closed)
                | None => {
                    return ReceiverEvent::Ended;
                }
            }
        }
    }

    /// Takes what the camera says of this session.
    pub(super) fn on_message(&mut self, session: SessionId, message: Message) {
        match message {
            Message::Answer { session: of, sdp } if of == session => {
                self.subscriber.accept_answer(sdp);
            }
            Message::Candidate { session: of, candidate } if of == session => {
                self.subscriber.add_candidate(candidate);
            }
            Message::Error { session: of, text, .. } if of.is_none_or(|of| of == session) => {
                self.trouble = Some(super::as_words(&text));
            }
            Message::Bye { session: Some(of) } if of == session => {
                self.trouble.get_or_insert_with(|| "it ended the session".to_owned());
            }
            Message::Source { trouble, .. } => {
                self.source = trouble.map(|text| super::as_words(&text));
            }
            _ => {}
        }
    }

    /// Whether nothing more needs to be seen.
    pub(super) fn is_done(&self) -> bool {
        let told = self.path.is_some() && self.source.is_some();
        self.trouble.is_some()
            || told
            || self.counts.pictures.load(Ordering::Relaxed) >= PICTURES_ENOUGH
    }

    /// Ends the session and says what came of it.
    pub(super) async fn finish(self, remote: IpAddr) -> MediaSeen {
        self.subscriber.close().await;
        MediaSeen::Tried {
            blocked_here: self.path.is_none() && udp_is_blocked_here(remote),
            path: self.path,
            trouble: self.trouble,
            source: self.source,
            units: self.counts.units.load(Ordering::Relaxed),
            pictures: self.counts.pictures.load(Ordering::Relaxed),
        }
    }
}

/// A thread that decodes what is sent to it, until the sender is gone.
fn decode_on_a_thread(counts: Arc<Counts>) -> io::Result<SyncSender<EncodedUnit>> {
    let (units, received) = sync_channel::<EncodedUnit>(UNITS_MAX);
    let decode = move || {
        let mut decoder = match H264Decoder::new() {
            Ok(decoder) => decoder,
            Err(error) => return tracing::warn!(%error, "no decoder"),
        };
        while let Ok(unit) = received.recv() {
            if let Ok(Some(_)) = decoder.decode(&unit) {
                counts.pictures.fetch_add(1, Ordering::Relaxed);
                counts.decoded.notify_one();
            }
        }
    };
    std::thread::Builder::new().name("doctor-decode".into()).spawn(decode)?;
    Ok(units)
}

/// Whether the system refuses to send media to this address. An empty packet to a port that takes
/// none hurts nobody.
fn udp_is_blocked_here(remote: IpAddr) -> bool {
    let any: IpAddr = match remote {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let port = *MEDIA_PORTS.start();
    let sent = UdpSocket::bind((any, 0)).and_then(|socket| socket.send_to(&[], (remote, port)));
    sent.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}
