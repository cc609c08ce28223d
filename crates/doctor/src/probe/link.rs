//! A camera's signaling port as a viewer would use it: dial, prove, greet, hear the welcome, compare
//! clocks, and, only where this device may watch already, watch for a moment.

use std::sync::Arc;
use std::time::Duration;

use lanlens_model::{Access, CameraId, DeviceId, Layer, Role, SessionId};
use lanlens_protocol::{Greeting, Message, VERSION};
use lanlens_signaling::{AttemptError, CloseReason, DialError, Link, LinkEvent, dial};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use super::media::{Receiver, ReceiverEvent};
use super::{Caller, Target};
use crate::observations::{LinkSeen, MediaSeen};

/// Over all addresses.
const DIAL_TIMEOUT: Duration = Duration::from_millis(3200);
/// For the welcome, once the connection stands.
const WELCOME_TIMEOUT: Duration = Duration::from_secs(2);
/// For the first answered ping; one is sent about every second.
const CLOCK_TIMEOUT: Duration = Duration::from_millis(1500);
/// For pictures, counted from the offer.
const MEDIA_TIMEOUT: Duration = Duration::from_secs(3);
/// Messages in either direction.
const QUEUE_MAX: usize = 64;

/// Talks to a camera for at most about six seconds.
pub(super) async fn talk(caller: &Arc<Caller>, target: &Target) -> (LinkSeen, MediaSeen) {
    let expect = target.node.map(|node| node.device());
    match dial(&caller.identity, &target.addresses, expect, DIAL_TIMEOUT).await {
        Err(error) => (not_opened(&error), MediaSeen::NotTried),
        Ok(link) => {
            let (outgoing, queue) = mpsc::channel(QUEUE_MAX);
            let (events_tx, events) = mpsc::channel(QUEUE_MAX);
            let cancel = CancellationToken::new();
            let _end = cancel.clone().drop_guard();
            let (device, remote) = (link.device, link.remote);
            let ends = drive(link, queue, events_tx, cancel);
            let visit = Visit { caller, outgoing, events, clock: None };
            let ((), seen) = tokio::join!(ends, visit.run(device, remote, &target.name));
            seen
        }
    }
}

async fn drive(
    link: Link,
    queue: mpsc::Receiver<Message>,
    events: mpsc::Sender<LinkEvent>,
    cancel: CancellationToken,
) {
    link.run(queue, events, cancel).await;
}

/// Why no address gave a link: what was said comes before silence.
fn not_opened(error: &DialError) -> LinkSeen {
    if let Some((address, found)) = error.wrong_keys().next() {
        return LinkSeen::WrongDevice { address, found };
    }
    let DialError::Failed(attempts) = error else { return LinkSeen::NotTried };
    let said = attempts.iter().find_map(|attempt| match &attempt.error {
        AttemptError::Tls(error) => Some(error.to_string()),
        AttemptError::WebSocket(text) => Some(text.clone()),
        _ => None,
    });
    match said {
        Some(why) => LinkSeen::NotLanlens(super::as_words(&why)),
        // Whether a connection opened at all is told beside this.
        None => LinkSeen::Silent,
    }
}

/// One conversation.
struct Visit<'a> {
    caller: &'a Arc<Caller>,
    outgoing: mpsc::Sender<Message>,
    events: mpsc::Receiver<LinkEvent>,
    clock: Option<i64>,
}

impl Visit<'_> {
    async fn run(
        mut self,
        device: DeviceId,
        remote: std::net::SocketAddr,
        name: &str,
    ) -> (LinkSeen, MediaSeen) {
        self.send(Message::Hello(self.greeting()));
        let welcome = match self.welcome().await {
            Ok(welcome) => welcome,
            Err(seen) => return (seen, MediaSeen::NotTried),
        };
        let begun = Instant::now();
        let camera = welcome.cameras.first().map(|camera| camera.id);
        let media = match (camera, welcome.access) {
            (None, _) => MediaSeen::NotTried,
            _ if !self.caller.media => MediaSeen::NotTried,
            (Some(camera), Some(Access::Granted)) => {
                self.caller.progress.say(&format!("Waiting for pictures of {name}"));
                self.watch(camera, remote.ip()).await
            }
            (Some(_), _) => MediaSeen::NotAllowed,
        };
        while self.clock.is_none() && self.event(begun + CLOCK_TIMEOUT).await.is_some() {}
        self.send(Message::Bye { session: None });
        let cameras = welcome.cameras.into_iter().map(|camera| (camera.id, camera.name)).collect();
        let (access, clock_offset_us) = (welcome.access, self.clock);
        (LinkSeen::Up { device, cameras, access, clock_offset_us }, media)
    }

    fn greeting(&self) -> Greeting {
        Greeting {
            v: VERSION,
            device: self.caller.identity.device(),
            node: self.caller.node(),
            role: Role::Viewer,
            epoch: self.caller.slot.epoch,
            run: Some(self.caller.run),
            name: String::new(),
            resume: Vec::new(),
            cameras: Vec::new(),
            access: None,
            port: None,
        }
    }

    fn send(&self, message: Message) {
        // Full only if the peer does not read; the silence that follows is what is told.
        let _ = self.outgoing.try_send(message);
    }

    /// The next event until `deadline`; `None` then, and when the link has ended. Clock events are
    /// noted on the way.
    async fn event(&mut self, deadline: Instant) -> Option<LinkEvent> {
        let event = timeout_at(deadline, self.events.recv()).await.ok()??;
        if let LinkEvent::Clock { offset_us, known: true, .. } = event {
            self.clock = Some(offset_us);
        }
        Some(event)
    }

    async fn welcome(&mut self) -> Result<Greeting, LinkSeen> {
        let deadline = Instant::now() + WELCOME_TIMEOUT;
        while let Some(event) = self.event(deadline).await {
            match event {
                LinkEvent::Message(Message::Welcome(welcome)) => return Ok(welcome),
                LinkEvent::Message(Message::Error { text, .. }) => {
                    return Err(LinkSeen::Refused(super::as_words(&text)));
                }
                LinkEvent::Closed(CloseReason::Lost(_) | CloseReason::Silent) => break,
                LinkEvent::Closed(reason) => {
                    return Err(LinkSeen::Refused(reason.text().to_owned()));
                }
                _ => {}
            }
        }
        Err(LinkSeen::Silent)
    }

    /// Watches until enough pictures were decoded or the time is over. Called only after a welcome
    /// that said *granted* on this very link.
    async fn watch(&mut self, camera: CameraId, remote: std::net::IpAddr) -> MediaSeen {
        let session = SessionId(fastrand::u64(..));
        let mut receiver = match Receiver::start(self.caller.rtc.clone()).await {
            Ok(receiver) => receiver,
            Err(trouble) => return trouble,
        };
        let deadline = Instant::now() + MEDIA_TIMEOUT;
        while !receiver.is_done() {
            tokio::select! {
                event = self.event(deadline) => match event {
                    None | Some(LinkEvent::Closed(_)) => break,
                    Some(LinkEvent::Message(message)) => receiver.on_message(session, message),
                    Some(LinkEvent::Clock { .. }) => {}
                },
                event = receiver.event() => match event {
                    ReceiverEvent::Offer(sdp) => {
                        let layer = Layer::High;
                        self.send(Message::Offer { session, camera, layer, sdp });
                    }
                    ReceiverEvent::Candidate(candidate) => {
                        self.send(Message::Candidate { session, candidate });
                    }
                    ReceiverEvent::Picture => {}
                    ReceiverEvent::Ended => break,
                },
            }
        }
        self.send(Message::Bye { session: Some(session) });
        receiver.finish(remote).await
    }
}
