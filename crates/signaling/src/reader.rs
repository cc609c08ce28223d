//! The incoming half of a link: rules, pings, the peer's clock.
//!
//! Owns every limit on what a peer may send, and the timers that notice its silence. Reads before
//! it looks at a timer: when the node was slow to take a message, answers that waited in the socket
//! count.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use lanlens_model::DeviceId;
use lanlens_model::limits::{
    FIRST_MESSAGE_BYTES_MAX, LINK_IDLE_TIMEOUT, MESSAGE_BURST_MAX, MESSAGE_BYTES_MAX,
    MESSAGES_PER_SECOND_MAX, PING_INTERVAL,
};
use lanlens_protocol::{ErrorCode, Greeting, Message};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::error::{Error as WsError, ProtocolError as WsProtocolError};
use tokio_tungstenite::tungstenite::{Message as WsMessage, Utf8Bytes};

use crate::admission::Ticket;
use crate::clock::ClockFilter;
use crate::link::{CloseReason, End, LinkEvent};
use crate::pings::Pings;
use crate::rate::TokenBucket;
use crate::socket::Socket;

/// Until our own greeting was sent, the first ping waits in steps of this.
const GREETING_CHECK: Duration = Duration::from_millis(20);

pub(crate) struct Reader {
    stream: SplitStream<Socket>,
    device: DeviceId,
    dialed: bool,
    /// The greeting must have come by then.
    first_by: Instant,
    /// The peer's greeting was accepted.
    greeted: bool,
    /// Our own greeting was sent; pings may follow it.
    we_greeted: Arc<AtomicBool>,
    ticket: Option<Ticket>,
    replies: mpsc::Sender<Message>,
    bucket: TokenBucket,
    clock: ClockFilter,
    heard_at: Instant,
    ping_at: Instant,
    pings: Pings,
}

impl Reader {
    pub(crate) fn new(
        stream: SplitStream<Socket>,
        device: DeviceId,
        dialed: bool,
        first_by: Instant,
        ticket: Option<Ticket>,
        replies: mpsc::Sender<Message>,
    ) -> Self {
        let now = Instant::now();
        Self {
            stream,
            device,
            dialed,
            first_by,
            greeted: false,
            we_greeted: Arc::default(),
            ticket,
            replies,
            bucket: TokenBucket::new(MESSAGE_BURST_MAX, MESSAGES_PER_SECOND_MAX, now),
            clock: ClockFilter::default(),
            heard_at: now,
            ping_at: now,
            pings: Pings::default(),
        }
    }

    /// To be set when our greeting was sent.
    pub(crate) fn greeted_handle(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.we_greeted)
    }

    pub(crate) fn into_stream(self) -> SplitStream<Socket> {
        self.stream
    }

    /// Reads until there is a reason to end the link.
    pub(crate) async fn run(&mut self, events: &mpsc::Sender<LinkEvent>) -> End {
        loop {
            let timer = self.next_timer();
            let step = tokio::select! {
                biased;
                received = self.stream.next() => self.handle_received(received),
                () = sleep_until(timer) => self.handle_timeout(Instant::now()).map(|()| None),
            };
            let event = match step {
                Ok(Some(event)) => event,
                Ok(None) => continue,
                Err(end) => return end,
            };
            let goodbye = event == LinkEvent::Message(Message::Bye { session: None });
            if events.send(event).await.is_err() {
                return End::Closed(CloseReason::Local);
            }
            if goodbye {
                return End::Closed(CloseReason::Goodbye);
            }
        }
    }

    fn next_timer(&self) -> Instant {
        if !self.greeted {
            return self.first_by;
        }
        let idle = self.heard_at + LINK_IDLE_TIMEOUT;
        let silent = self.pings.silent_at().unwrap_or(idle);
        idle.min(silent).min(self.ping_at)
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), End> {
        if !self.greeted {
            let text = "no greeting in time".to_owned();
            return Err(End::Refuse(ErrorCode::Order, text));
        }
        let silent = self.pings.silent_at().is_some_and(|at| now >= at);
        if silent || now >= self.heard_at + LINK_IDLE_TIMEOUT {
            return Err(End::Closed(CloseReason::Silent));
        }
        if now >= self.ping_at {
            if self.we_greeted.load(Ordering::Acquire) {
                self.ping_at = now + PING_INTERVAL;
                self.send_ping(now);
            } else {
                self.ping_at = now + GREETING_CHECK;
            }
        }
        Ok(())
    }

    fn send_ping(&mut self, now: Instant) {
        let t1 = unix_us();
        // No room: the peer does not read. It counts as unanswered all the same.
        let _ = self.replies.try_send(Message::Ping { t1 });
        self.pings.handle_sent(t1, now);
    }

    fn handle_received(
        &mut self,
        received: Option<Result<WsMessage, WsError>>,
    ) -> Result<Option<LinkEvent>, End> {
        let now = Instant::now();
        let message = match received {
            None => return Err(lost("the other side closed the connection")),
            Some(Err(error)) => return Err(broken(&error)),
            Some(Ok(message)) => message,
        };
        self.heard_at = now;
        if !self.bucket.take(now) {
            let text = format!("more than {MESSAGES_PER_SECOND_MAX} messages a second");
            return Err(End::Refuse(ErrorCode::Limit, text));
        }
        match message {
            WsMessage::Text(text) => self.handle_text(&text, now),
            WsMessage::Binary(_) => {
                Err(End::Refuse(ErrorCode::Malformed, "binary messages have no meaning".into()))
            }
            WsMessage::Close(_) => Err(lost("the other side closed the connection")),
            WsMessage::Ping(_) | WsMessage::Pong(_) | WsMessage::Frame(_) => Ok(None),
        }
    }

    fn handle_text(&mut self, text: &Utf8Bytes, now: Instant) -> Result<Option<LinkEvent>, End> {
        if !self.greeted && text.len() > FIRST_MESSAGE_BYTES_MAX {
            let text = format!("the first message is longer than {FIRST_MESSAGE_BYTES_MAX} bytes");
            return Err(End::Refuse(ErrorCode::Limit, text));
        }
        let message =
            Message::parse(text).map_err(|error| End::Refuse(error.code(), error.to_string()))?;
        match &message {
            Message::Hello(greeting) if !self.dialed => self.check_greeting(greeting)?,
            Message::Welcome(greeting) if self.dialed => self.check_greeting(greeting)?,
            Message::Hello(_) | Message::Welcome(_) => {
                return Err(End::Refuse(ErrorCode::Order, "the wrong greeting".into()));
            }
            // Instead of a welcome.
            Message::Error { .. } | Message::Bye { .. } if self.dialed => {}
            _ if !self.greeted => {
                return Err(End::Refuse(ErrorCode::Order, "no greeting".into()));
            }
            Message::Ping { t1 } => {
                let t2 = unix_us();
                // No room: the peer does not read its answers.
                let _ = self.replies.try_send(Message::Pong { t1: *t1, t2, t3: unix_us() });
                return Ok(None);
            }
            Message::Pong { t1, t2, t3 } => return Ok(self.handle_pong(*t1, *t2, *t3, now)),
            Message::Unknown => return Ok(None),
            _ => {}
        }
        Ok(Some(LinkEvent::Message(message)))
    }

    fn check_greeting(&mut self, greeting: &Greeting) -> Result<(), End> {
        let refuse = |code, text: &str| Err(End::Refuse(code, text.to_owned()));
        if self.greeted {
            return refuse(ErrorCode::Order, "a second greeting");
        }
        let of_device = |device: DeviceId| device == self.device;
        if !of_device(greeting.device)
            || !of_device(greeting.node.device())
            || !greeting.cameras.iter().all(|camera| of_device(camera.id.device()))
        {
            return refuse(ErrorCode::Identity, "the ids do not belong to the proven device");
        }
        self.greeted = true;
        // It leaves the door; whether it matters here is for others to say.
        self.ticket = None;
        Ok(())
    }

    fn handle_pong(&mut self, t1: u64, t2: u64, t3: u64, now: Instant) -> Option<LinkEvent> {
        let elapsed = self.pings.handle_answer(t1, now)?;
        let estimate = self.clock.handle_pong(t1, elapsed, t2, t3)?;
        Some(LinkEvent::Clock {
            offset_us: estimate.offset_us,
            rtt: estimate.rtt,
            known: estimate.known,
        })
    }
}

fn lost(text: &str) -> End {
    End::Closed(CloseReason::Lost(text.to_owned()))
}

fn broken(error: &WsError) -> End {
    match error {
        WsError::Capacity(_) => {
            let text = format!("a message is longer than {MESSAGE_BYTES_MAX} bytes");
            End::Refuse(ErrorCode::Limit, text)
        }
        WsError::Utf8(_) => End::Refuse(ErrorCode::Malformed, "not UTF-8".into()),
        WsError::Protocol(WsProtocolError::ResetWithoutClosingHandshake) | WsError::Io(_) => {
            End::Closed(CloseReason::Lost(error.to_string()))
        }
        other => End::Refuse(ErrorCode::Malformed, other.to_string()),
    }
}

/// CLOCK_REALTIME in µs since 1970.
fn unix_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
