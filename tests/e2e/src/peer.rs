//! A peer made by hand from `docs/protocol.md`: it can say what none of our programs ever would.
//!
//! Uses the same public libraries as any foreign client would (rustls, tungstenite) and none of our
//! code but the ids, so that it disagrees where our programs and their documentation disagree.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use lanlens_model::{DeviceId, NodeId};
use lanlens_testkit::Host;
use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConnection, StreamOwned};
use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::client::Request;
use tungstenite::{Error as WsError, HandshakeError, Message, WebSocket};

use crate::Home;
use crate::tls::{self, Tls};

/// How long a peer waits for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A device of the peer's own making.
#[derive(Debug)]
pub struct Key {
    /// What its certificate proves.
    pub device: DeviceId,
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) private: Vec<u8>,
}

impl Key {
    /// A new one.
    ///
    /// # Errors
    /// When the machine has no randomness.
    pub fn new() -> Result<Self> {
        Self::of_pair(&KeyPair::generate()?)
    }

    /// That of a home: the peer is one more of its programs.
    ///
    /// # Errors
    /// When no program has made one there yet.
    pub fn of(home: &Home) -> Result<Self> {
        let pem = std::fs::read_to_string(home.path().join("device.key"))?;
        Self::of_pair(&KeyPair::from_pem(&pem)?)
    }

    fn of_pair(pair: &KeyPair) -> Result<Self> {
        let certificate = CertificateParams::default().self_signed(pair)?.into();
        let device = DeviceId::from_spki(&pair.subject_public_key_info());
        Ok(Self { device, certificate, private: pair.serialize_der() })
    }

    /// A viewer's greeting that is in order; change it to break it.
    pub fn hello(&self) -> Value {
        json!({ "type": "hello", "v": 1, "device": self.device.to_string(),
                "node": NodeId::new(self.device, "peer").to_string(), "role": "viewer", "epoch": 1 })
    }
}

/// An open connection.
#[derive(Debug)]
pub struct Peer {
    pub(crate) socket: WebSocket<Tls>,
}

/// How a connection ended.
#[derive(Debug)]
pub struct Farewell {
    /// The other side closed it.
    pub closed: bool,
    /// Messages of type `error` before that.
    pub errors: Vec<Value>,
    /// The reason in the WebSocket's closing frame.
    pub reason: String,
}

impl Farewell {
    /// Whether the connection was closed with an error of this code and words for people.
    pub fn is_refusal(&self, code: &str) -> bool {
        let told = |error: &Value| {
            error["code"] == code && error["text"].as_str().is_some_and(|text| !text.is_empty())
        };
        self.closed && self.errors.iter().any(told)
    }
}

impl Peer {
    /// Connects from `host`, proving `key` (or nothing), up to the WebSocket.
    ///
    /// # Errors
    /// With what the other side refused it for.
    pub fn connect(host: &Host, to: SocketAddr, key: Option<&Key>) -> Result<Self> {
        Self::connect_with(host, to, key, |_| ())
    }

    /// As [`Peer::connect`], with a request that `change` has changed.
    ///
    /// # Errors
    /// With what the other side refused it for; an HTTP status is in the words.
    pub fn connect_with(
        host: &Host,
        to: SocketAddr,
        key: Option<&Key>,
        change: impl FnOnce(&mut Request),
    ) -> Result<Self> {
        let stream = host.within(|| tls(to, key))??;
        Self::over(stream, to, change)
    }

    /// As [`Peer::connect`], from the host on which the calling thread lives.
    ///
    /// # Errors
    /// As [`Peer::connect`].
    pub fn from_here(to: SocketAddr, key: Option<&Key>) -> Result<Self> {
        Self::over(tls(to, key)?, to, |_| ())
    }

    fn over(
        stream: StreamOwned<ClientConnection, TcpStream>,
        to: SocketAddr,
        change: impl FnOnce(&mut Request),
    ) -> Result<Self> {
        let mut request = format!("wss://{to}/lanlens/1").into_client_request()?;
        change(&mut request);
        match tungstenite::client(request, Tls::Client(stream)) {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(HandshakeError::Interrupted(_)) => bail!("no answer within {PATIENCE:?}"),
            Err(HandshakeError::Failure(WsError::Http(answer))) => {
                let body = answer.body().as_deref().map(String::from_utf8_lossy);
                bail!("HTTP {}: {}", answer.status(), body.unwrap_or_default())
            }
            Err(HandshakeError::Failure(error)) => Err(anyhow!(error)),
        }
    }

    /// Connects and exchanges greetings.
    ///
    /// # Errors
    /// When there is no `welcome`.
    pub fn greeted(host: &Host, to: SocketAddr, key: &Key) -> Result<Self> {
        Self::connect(host, to, Some(key))?.greet(key)
    }

    /// As [`Peer::greeted`], from the host on which the calling thread lives.
    ///
    /// # Errors
    /// When there is no `welcome`.
    pub fn greeted_from_here(to: SocketAddr, key: &Key) -> Result<Self> {
        Self::from_here(to, Some(key))?.greet(key)
    }

    fn greet(mut self, key: &Key) -> Result<Self> {
        self.send(&key.hello().to_string())?;
        let welcome = self.receive()?;
        if welcome["type"] != "welcome" {
            bail!("expected a welcome, got {welcome}");
        }
        Ok(self)
    }

    /// Sends a text message.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send(&mut self, text: &str) -> Result<()> {
        self.socket.send(Message::text(text)).context("sending")
    }

    /// Sends a binary message.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send_binary(&mut self, bytes: Vec<u8>) -> Result<()> {
        self.socket.send(Message::binary(bytes)).context("sending")
    }

    /// The next message.
    ///
    /// # Errors
    /// When none comes, or the connection ends.
    pub fn receive(&mut self) -> Result<Value> {
        loop {
            if let Message::Text(text) = self.socket.read()? {
                return Ok(serde_json::from_str(&text)?);
            }
        }
    }

    /// Reads until the other side closes the connection, at most `limit`.
    ///
    /// # Errors
    /// When the socket cannot be read at all.
    pub fn until_closed(&mut self, limit: Duration) -> Result<Farewell> {
        let start = Instant::now();
        let mut farewell = Farewell { closed: false, errors: Vec::new(), reason: String::new() };
        self.socket.get_ref().tcp().set_read_timeout(Some(Duration::from_millis(200)))?;
        while !farewell.closed && start.elapsed() < limit {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    let message: Value = serde_json::from_str(&text)?;
                    if message["type"] == "error" {
                        farewell.errors.push(message);
                    }
                }
                Ok(Message::Close(Some(frame))) => farewell.reason = frame.reason.to_string(),
                Ok(_) => {}
                Err(WsError::Io(error))
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => farewell.closed = true,
            }
        }
        Ok(farewell)
    }
}

/// Connects from the host on which the calling thread lives, ready for TLS, whose handshake comes
/// with the first bytes.
///
/// # Errors
/// When nobody answers.
pub fn tls(to: SocketAddr, key: Option<&Key>) -> Result<StreamOwned<ClientConnection, TcpStream>> {
    let tcp = TcpStream::connect_timeout(&to, PATIENCE)?;
    tcp.set_read_timeout(Some(PATIENCE))?;
    tcp.set_write_timeout(Some(PATIENCE))?;
    tcp.set_nodelay(true)?;
    let name = ServerName::IpAddress(to.ip().into());
    Ok(StreamOwned::new(ClientConnection::new(Arc::new(tls::client(key)?), name)?, tcp))
}
