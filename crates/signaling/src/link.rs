//! One connection between two nodes, from its first message to its end.
//!
//! Owns the socket. Two halves run side by side in one task: `reader` takes what comes in, the
//! writer here sends what goes out, so a peer that does not read cannot keep us from noticing that
//! it is gone. Whatever ends first ends both, and how it ended is the last event.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use lanlens_model::DeviceId;
use lanlens_model::limits::LINK_IDLE_TIMEOUT;
use lanlens_protocol::{ChannelBinding, ErrorCode, Message};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message as WsMessage;
use tokio_util::sync::CancellationToken;

use crate::admission::Ticket;
use crate::reader::Reader;
use crate::socket::{Proven, Socket};

/// Pings and pongs that wait to be written; a peer that does not read gets no more.
const REPLIES_MAX: usize = 8;
/// For what is queued when the link is to end.
const FLUSH_TIMEOUT: Duration = Duration::from_millis(200);
/// For a refused peer to read why, before the connection is torn down.
const LINGER: Duration = Duration::from_millis(300);
/// Bytes of a refused peer that are thrown away meanwhile.
const LINGER_BYTES_MAX: usize = 1024 * 1024;

/// What a link tells.
#[derive(Debug, Clone, PartialEq)]
pub enum LinkEvent {
    /// A message. The first one is a greeting with the ids that belong to the proven device (or, on
    /// the side that dialed, an `error` or `bye` in its place).
    Message(Message),
    /// The peer's clock, about once a second.
    Clock {
        /// Peer's clock minus ours, µs.
        offset_us: i64,
        /// Round trip of the sample that this comes from: the smallest of the last 16.
        rtt: Duration,
        /// Whether the offset is good enough to compute a latency with.
        known: bool,
    },
    /// The last event of every link.
    Closed(CloseReason),
}

/// How a link ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseReason {
    /// The peer said `bye`.
    Goodbye,
    /// We ended it: `bye` was sent, the queue was dropped, or the link was cancelled.
    Local,
    /// The connection closed or broke.
    Lost(String),
    /// Nothing came, or pings were not answered, for too long.
    Silent,
    /// The peer broke a rule and was told so.
    Refused(String),
}

impl CloseReason {
    /// In words, for logs and people.
    pub fn text(&self) -> &str {
        match self {
            CloseReason::Goodbye => "it said goodbye",
            CloseReason::Local => "closed here",
            CloseReason::Lost(text) | CloseReason::Refused(text) => text,
            CloseReason::Silent => "it does not answer",
        }
    }
}

/// Why a link must end, and what to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    Closed(CloseReason),
    Refuse(ErrorCode, String),
}

/// A connection whose peer has proven a key and not said a word yet.
pub struct Link {
    /// The device that the peer proved to be.
    pub device: DeviceId,
    /// Where it is.
    pub remote: SocketAddr,
    /// Our own end: where that address is gone, so is the link.
    pub local: SocketAddr,
    /// Whether we dialed (and so say `hello`; the other side says `welcome`).
    pub dialed: bool,
    /// What only the two ends of this connection know, the same at both.
    pub channel: ChannelBinding,
    socket: Box<Socket>,
    first_by: Instant,
    ticket: Option<Ticket>,
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Link")
            .field("device", &self.device)
            .field("remote", &self.remote)
            .field("dialed", &self.dialed)
            .finish_non_exhaustive()
    }
}

impl Link {
    pub(crate) fn new(
        proven: Proven,
        (local, remote): (SocketAddr, SocketAddr),
        dialed: bool,
        socket: Socket,
        first_by: Instant,
        ticket: Option<Ticket>,
    ) -> Self {
        let Proven { device, channel } = proven;
        Self { device, remote, local, dialed, channel, socket: Box::new(socket), first_by, ticket }
    }

    /// Runs until either side ends it. Messages from `outgoing` are sent in order; a `bye` without a
    /// session is sent and ends the link, and so does dropping the sender (after what is queued was
    /// sent). Cancelling sends what is queued for at most 200 ms. The last event is
    /// [`LinkEvent::Closed`].
    pub async fn run(
        self,
        mut outgoing: mpsc::Receiver<Message>,
        events: mpsc::Sender<LinkEvent>,
        cancel: CancellationToken,
    ) {
        let (sink, stream) = (*self.socket).split();
        let (replies, mut answers) = mpsc::channel(REPLIES_MAX);
        let mut reader =
            Reader::new(stream, self.device, self.dialed, self.first_by, self.ticket, replies);
        let mut writer = Writer { sink, greeted: reader.greeted_handle() };
        let end = tokio::select! {
            biased;
            () = cancel.cancelled() => {
                let _ = timeout(FLUSH_TIMEOUT, writer.flush_queue(&mut outgoing)).await;
                End::Closed(CloseReason::Local)
            }
            end = reader.run(&events) => end,
            end = writer.run(&mut outgoing, &mut answers) => end,
        };
        let (code, text) = match end {
            End::Closed(reason) => {
                let _ = timeout(FLUSH_TIMEOUT, writer.sink.close()).await;
                let _ = events.send(LinkEvent::Closed(reason)).await;
                return;
            }
            End::Refuse(code, text) => (code, text),
        };
        let told = timeout(FLUSH_TIMEOUT, writer.refuse(code, &text)).await;
        let _ = events.send(LinkEvent::Closed(CloseReason::Refused(text))).await;
        if let Ok(Ok(())) = told
            && let Ok(socket) = reader.into_stream().reunite(writer.sink)
        {
            let _ = timeout(LINGER, linger(socket)).await;
        }
    }
}

/// Throws away what still comes in: closing with unread bytes resets the connection, and a reset
/// makes the peer's system throw away the words that say why.
async fn linger(socket: Socket) {
    let mut stream = socket.into_inner();
    if stream.shutdown().await.is_err() {
        return;
    }
    let mut left = LINGER_BYTES_MAX;
    let mut bytes = [0; 4096];
    while let Ok(n @ 1..) = stream.read(&mut bytes).await {
        left = left.saturating_sub(n);
        if left == 0 {
            return;
        }
    }
}

/// The outgoing half.
struct Writer {
    sink: SplitSink<Socket, WsMessage>,
    greeted: Arc<AtomicBool>,
}

impl Writer {
    async fn run(
        &mut self,
        outgoing: &mut mpsc::Receiver<Message>,
        answers: &mut mpsc::Receiver<Message>,
    ) -> End {
        loop {
            let message = tokio::select! {
                biased;
                Some(answer) = answers.recv() => Some(answer),
                message = outgoing.recv() => message,
            };
            let Some(message) = message else {
                return End::Closed(CloseReason::Local);
            };
            match timeout(LINK_IDLE_TIMEOUT, self.send(&message)).await {
                Err(_) => return End::Closed(CloseReason::Silent),
                Ok(Err(text)) => return End::Closed(CloseReason::Lost(text)),
                Ok(Ok(())) => {}
            }
            if matches!(message, Message::Bye { session: None }) {
                return End::Closed(CloseReason::Local);
            }
        }
    }

    /// What waits in the queue when the link is cancelled.
    async fn flush_queue(&mut self, outgoing: &mut mpsc::Receiver<Message>) {
        while let Ok(message) = outgoing.try_recv() {
            if self.send(&message).await.is_err() {
                return;
            }
        }
    }

    /// Says why, and closes.
    async fn refuse(&mut self, code: ErrorCode, text: &str) -> Result<(), String> {
        self.send(&Message::Error { code, text: text.to_owned(), session: None }).await?;
        self.sink.close().await.map_err(|error| error.to_string())
    }

    async fn send(&mut self, message: &Message) -> Result<(), String> {
        let sent = self.sink.send(WsMessage::text(message.to_json())).await;
        if matches!(message, Message::Hello(_) | Message::Welcome(_)) {
            self.greeted.store(true, Ordering::Release);
        }
        sent.map_err(|error| error.to_string())
    }
}
