//! Nodes on loopback, and raw peers that say whatever a test wants.

#![allow(clippy::unwrap_used, dead_code, reason = "shared by several test programs")]

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use lanlens_identity::{Home, Identity};
use lanlens_model::{CameraId, Epoch, NodeId, Role};
use lanlens_protocol::{ChannelBinding, Greeting, Message, OfferedCamera, VERSION};
use lanlens_signaling::{
    CloseReason, KnownAddresses, Link, LinkEvent, ListenConfig, Listener, PATH, Refusal, dial,
};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_tungstenite::tungstenite::{Error as WsError, Message as WsMessage};
use tokio_tungstenite::{WebSocketStream, client_async};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Longer than anything here takes, shorter than a test runner's patience.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Time moves by `tokio::time::advance` alone until this is dropped. (A paused clock leaps to the next
/// timer whenever nobody has anything to do, also while bytes are on their way.)
pub(crate) fn freeze_time() -> JoinSet<()> {
    tokio::time::pause();
    let mut busy = JoinSet::new();
    busy.spawn(async {
        loop {
            tokio::task::yield_now().await;
        }
    });
    busy
}

pub(crate) fn identity() -> Identity {
    let dir = tempfile::tempdir().unwrap();
    Identity::load_or_create(&Home::open(dir.path()).unwrap()).unwrap()
}

pub(crate) fn greeting(identity: &Identity) -> Greeting {
    let device = identity.device();
    Greeting {
        v: VERSION,
        device,
        node: NodeId::new(device, "camera-0"),
        role: Role::Camera,
        epoch: Epoch(1),
        run: None,
        name: "Kitchen".into(),
        resume: Vec::new(),
        cameras: vec![OfferedCamera {
            id: CameraId::new(device, "pattern"), name: "거실".into()
        }],
        access: None,
        port: None,
    }
}

/// A listening node.
pub(crate) struct Node {
    pub(crate) identity: Identity,
    pub(crate) address: SocketAddr,
    pub(crate) accepted: mpsc::Receiver<Link>,
    pub(crate) refused: mpsc::Receiver<Refusal>,
    pub(crate) known: KnownAddresses,
    _stop: DropGuard,
}

impl Node {
    pub(crate) fn start() -> Self {
        let identity = identity();
        let listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        let config = ListenConfig { listen, only: None };
        let listener = Listener::bind(identity.clone(), config).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], listener.port()));
        let known = listener.known_addresses();
        let (accepted_in, accepted) = mpsc::channel(64);
        let (refused_in, refused) = mpsc::channel(64);
        let stop = CancellationToken::new();
        tokio::spawn(listener.run(stop.clone(), accepted_in, refused_in));
        Self { identity, address, accepted, refused, known, _stop: stop.drop_guard() }
    }

    pub(crate) async fn accept(&mut self) -> Running {
        let link = tokio::time::timeout(PATIENCE, self.accepted.recv());
        Running::start(link.await.unwrap().unwrap())
    }

    /// What the next one did who was turned away.
    pub(crate) async fn refusal(&mut self) -> String {
        let refusal = tokio::time::timeout(PATIENCE, self.refused.recv()).await.unwrap().unwrap();
        assert_eq!(refusal.address.ip(), self.address.ip());
        refusal.reason
    }
}

/// A link with a task of its own.
pub(crate) struct Running {
    pub(crate) device: lanlens_model::DeviceId,
    pub(crate) channel: ChannelBinding,
    pub(crate) outgoing: mpsc::Sender<Message>,
    pub(crate) events: mpsc::Receiver<LinkEvent>,
    pub(crate) cancel: CancellationToken,
    pub(crate) task: tokio::task::JoinHandle<()>,
}

impl Running {
    pub(crate) fn start(link: Link) -> Self {
        let (device, channel) = (link.device, link.channel);
        let (outgoing, queue) = mpsc::channel(256);
        let (sender, events) = mpsc::channel(256);
        let cancel = CancellationToken::new();
        let task = tokio::spawn(link.run(queue, sender, cancel.clone()));
        Self { device, channel, outgoing, events, cancel, task }
    }

    pub(crate) async fn say(&self, message: Message) {
        self.outgoing.send(message).await.unwrap();
    }

    pub(crate) async fn event(&mut self) -> LinkEvent {
        tokio::time::timeout(PATIENCE, self.events.recv()).await.unwrap().unwrap()
    }

    /// The next message, past clock events.
    pub(crate) async fn message(&mut self) -> Message {
        loop {
            match self.event().await {
                LinkEvent::Message(message) => return message,
                LinkEvent::Clock { .. } => {}
                LinkEvent::Closed(reason) => panic!("closed: {reason:?}"),
            }
        }
    }

    /// How it ended; drops what came before.
    pub(crate) async fn closed(&mut self) -> CloseReason {
        loop {
            if let LinkEvent::Closed(reason) = self.event().await {
                return reason;
            }
        }
    }
}

/// A dialing node and a listening one, linked and greeted.
pub(crate) async fn linked() -> (Running, Running) {
    let (identity, mut node) = (identity(), Node::start());
    let expect = Some(node.identity.device());
    let link = dial(&identity, &[node.address], expect, PATIENCE).await.unwrap();
    let mut here = Running::start(link);
    let mut there = node.accept().await;
    here.say(Message::Hello(greeting(&identity))).await;
    assert_eq!(there.message().await, Message::Hello(greeting(&identity)));
    there.say(Message::Welcome(greeting(&node.identity))).await;
    assert_eq!(here.message().await, Message::Welcome(greeting(&node.identity)));
    assert_eq!((here.device, there.device), (node.identity.device(), identity.device()));
    (here, there)
}

/// A peer that speaks TLS with a key of its own, and else says what it is told to.
pub(crate) struct Raw {
    pub(crate) identity: Identity,
    socket: WebSocketStream<TlsStream<TcpStream>>,
}

pub(crate) async fn tls(identity: &Identity, address: SocketAddr) -> TlsStream<TcpStream> {
    let tcp = TcpStream::connect(address).await.unwrap();
    let connector = TlsConnector::from(identity.client_config(None));
    connector.connect(ServerName::try_from("x").unwrap(), tcp).await.unwrap()
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let identity = identity();
        let stream = tls(&identity, address).await;
        let (socket, _) = client_async(format!("ws://{address}{PATH}"), stream).await.unwrap();
        Self { identity, socket }
    }

    /// Connected and greeted, and the node's end of it.
    pub(crate) async fn greeted(node: &mut Node) -> (Self, Running) {
        let mut raw = Self::connect(node.address).await;
        let mut link = node.accept().await;
        raw.say(&Message::Hello(greeting(&raw.identity)).to_json()).await.unwrap();
        assert!(matches!(link.message().await, Message::Hello(_)));
        (raw, link)
    }

    pub(crate) async fn say(&mut self, text: &str) -> Result<(), WsError> {
        self.socket.send(WsMessage::text(text)).await
    }

    pub(crate) async fn send(&mut self, message: WsMessage) -> Result<(), WsError> {
        self.socket.send(message).await
    }

    /// The next message other than pings; `None` when the connection ends.
    pub(crate) async fn hear(&mut self) -> Option<Message> {
        loop {
            match tokio::time::timeout(PATIENCE, self.socket.next()).await.unwrap()? {
                Ok(WsMessage::Text(text)) => match Message::parse(&text).unwrap() {
                    Message::Ping { .. } => {}
                    message => return Some(message),
                },
                Ok(WsMessage::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }
}
