//! HTTP by hand, over TLS that trusts one root: so a test sends what no library would.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::PATIENCE;

/// Somebody who opens a connection for each request.
#[derive(Clone)]
pub struct Client {
    pub address: SocketAddr,
    /// Its own address; any where none was chosen.
    source: Option<IpAddr>,
    tls: Arc<ClientConfig>,
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    fn parse(raw: &[u8]) -> Self {
        let text = String::from_utf8_lossy(raw).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Self { status: status.unwrap_or_default(), head: head.to_owned(), body: body.to_owned() }
    }

    /// The one field `name`.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let field = fields.find(|(field, _)| field.eq_ignore_ascii_case(name))?;
        Some(field.1)
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code of a problem document, after checking that it is one.
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{self:?}");
        assert_eq!(problem["type"], "about:blank", "{self:?}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.len() > 10, "{self:?}");
        problem["code"].as_str().unwrap().to_owned()
    }

    /// Status and code, to compare at once.
    pub fn refusal(&self) -> (u16, String) {
        (self.status, self.problem())
    }
}

impl Client {
    /// Trusts `root` and nobody else.
    pub fn new(address: SocketAddr, root: &[u8]) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(root.to_vec().into()).unwrap();
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { address, source: None, tls: Arc::new(tls) }
    }

    /// The same at another address of loopback: another host of the network.
    pub fn from(&self, source: impl Into<IpAddr>) -> Self {
        Self { source: Some(source.into()), ..self.clone() }
    }

    /// A connection that says nothing yet, to `address`.
    pub async fn tcp(&self, address: SocketAddr) -> std::io::Result<TcpStream> {
        let Some(source) = self.source else { return TcpStream::connect(address).await };
        let socket = TcpSocket::new_v4()?;
        socket.bind((source, 0).into())?;
        socket.connect(address).await
    }

    /// A TLS connection, verified.
    pub async fn connect(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let tcp = self.tcp(self.address).await?;
        let name = ServerName::IpAddress(self.address.ip().into());
        TlsConnector::from(Arc::clone(&self.tls)).connect(name, tcp).await
    }

    /// One request with exactly these fields, beside `Host`, `Connection` and the length.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let raw = request(self.address, method, path, fields, body);
        let stream = self.connect().await.unwrap();
        exchange(stream, raw.as_bytes()).await
    }

    pub async fn get(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send("GET", path, fields, "").await
    }

    /// A JSON body from somebody with this `Authorization`.
    pub async fn json(&self, method: &str, path: &str, auth: &str, body: &str) -> Answer {
        let mut fields = vec![("Content-Type", "application/json")];
        fields.extend((!auth.is_empty()).then_some(("Authorization", auth)));
        self.send(method, path, &fields, body).await
    }

    pub async fn join(&self, token: &str) -> Answer {
        let body = serde_json::json!({ "token": token, "name": "Ann's phone" }).to_string();
        self.json("POST", "/api/join", "", &body).await
    }

    /// Bytes of our own over TLS.
    pub async fn raw(&self, raw: &str) -> Answer {
        exchange(self.connect().await.unwrap(), raw.as_bytes()).await
    }

    /// A stream of events that stays open.
    pub async fn events(&self, auth: &str) -> Streaming {
        let mut stream = self.connect().await.unwrap();
        let raw = request(self.address, "GET", "/api/events", &[("Authorization", auth)], "");
        stream.write_all(raw.as_bytes()).await.unwrap();
        Streaming { stream, seen: String::new() }
    }
}

/// A GET on a connection that stays open, and the answer, which is JSON. Without a field for
/// credentials where `auth` is empty.
pub async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    host: SocketAddr,
    path: &str,
    auth: &str,
) -> String {
    let shown = if auth.is_empty() { String::new() } else { format!("Authorization: {auth}\r\n") };
    let raw = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{shown}\r\n");
    stream.write_all(raw.as_bytes()).await.unwrap();
    let (mut answer, mut part) = (String::new(), [0; 4096]);
    while !answer.contains('}') {
        let read = timeout(PATIENCE, stream.read(&mut part)).await.unwrap().unwrap();
        assert_ne!(read, 0, "{answer}");
        answer.push_str(&String::from_utf8_lossy(&part[..read]));
    }
    answer
}

/// The text of a request; without a length where there is no body.
pub fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    fields: &[(&str, &str)],
    body: &str,
) -> String {
    let mut raw = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !fields.iter().any(|(name, _)| *name == "Host") {
        raw.push_str(&format!("Host: {address}\r\n"));
    }
    for (name, value) in fields {
        raw.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        raw.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    raw + "\r\n" + body
}

/// Sends bytes, and reads until the other end has enough.
pub async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, raw: &[u8]) -> Answer {
    // Whoever is refused early may not read all of it.
    let _ = stream.write_all(raw).await;
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    let _ = read.expect("the connection stays open");
    Answer::parse(&answer)
}

/// An open stream of events.
pub struct Streaming {
    stream: TlsStream<TcpStream>,
    pub seen: String,
}

impl Streaming {
    /// Reads until `wanted` was seen; `false` if the stream ended before.
    pub async fn sees(&mut self, wanted: &str) -> bool {
        let mut part = [0; 4096];
        while !self.seen.contains(wanted) {
            let read = timeout(PATIENCE, self.stream.read(&mut part)).await;
            match read.unwrap_or_else(|_| panic!("no {wanted:?} in {:?}", self.seen)) {
                Ok(0) | Err(_) => return false,
                Ok(read) => self.seen.push_str(&String::from_utf8_lossy(&part[..read])),
            }
        }
        true
    }

    /// Reads until the other end closes.
    pub async fn ends(&mut self) {
        assert!(!self.sees("\u{0}never").await);
    }
}
