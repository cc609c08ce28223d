//! A WHIP client made by hand: raw HTTP/1.1 over TLS that trusts one root, so that it can say what no
//! browser would, and sees every header of the answer.

use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use lanlens_testkit::Host;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// More than any answer holds.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// A page's server, seen from a host.
#[derive(Debug, Clone)]
pub struct Site {
    from: Host,
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
}

impl Site {
    /// Over HTTPS, with the certificate checked against the root of a home.
    ///
    /// # Errors
    /// When the home has no root.
    pub fn secure(from: &Host, address: SocketAddr, home: &Path) -> Result<Self> {
        let path = home.join("web-root.crt");
        let bytes = std::fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        let root = match CertificateDer::from_pem_slice(&bytes) {
            Ok(root) => root,
            Err(_) => CertificateDer::from(bytes),
        };
        let mut roots = RootCertStore::empty();
        roots.add(root).context("the root is no certificate")?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { from: from.clone(), address, tls: Some(Arc::new(config)) })
    }

    /// Over plain HTTP.
    pub fn plain(from: &Host, address: SocketAddr) -> Self {
        Self { from: from.clone(), address, tls: None }
    }

    /// Seen from another host.
    #[must_use]
    pub fn from(&self, host: &Host) -> Self {
        Self { from: host.clone(), ..self.clone() }
    }

    /// Its origin.
    pub fn origin(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Sends a request on a connection of its own.
    ///
    /// # Errors
    /// When there is no connection, no trust in the certificate, or no answer.
    pub fn send(&self, request: &Request) -> Result<Reply> {
        let bytes = request.bytes(&self.address.to_string());
        self.from.within(|| self.exchange(&bytes))?
    }

    /// Exchanges a token for a credential, as the camera page does.
    ///
    /// # Errors
    /// When it is refused.
    pub fn join(&self, token: &str, name: &str) -> Result<String> {
        let reply = self.send(&join_request(token, name))?;
        reply.is(200)?;
        let credential = reply.json()?["credential"].as_str().map(str::to_owned);
        credential.with_context(|| format!("no credential in {reply:?}"))
    }

    /// Publishes an offer.
    ///
    /// # Errors
    /// When there is no answer at all.
    pub fn publish(&self, credential: &str, sdp: &str) -> Result<Reply> {
        self.send(&Request::new("POST", "/whip").bearer(credential).body("application/sdp", sdp))
    }

    fn exchange(&self, request: &[u8]) -> Result<Reply> {
        let tcp = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_write_timeout(Some(PATIENCE))?;
        let answer = match &self.tls {
            None => talk(tcp, request)?,
            Some(config) => {
                let name = ServerName::from(self.address.ip());
                let connection = ClientConnection::new(Arc::clone(config), name)?;
                talk(StreamOwned::new(connection, tcp), request)?
            }
        };
        Reply::parse(&answer)
    }
}

/// What exchanges a token.
pub fn join_request(token: &str, name: &str) -> Request {
    let body = serde_json::json!({ "token": token, "name": name }).to_string();
    Request::new("POST", "/api/join").body("application/json", &body)
}

/// The token in a link to the page.
///
/// # Errors
/// When there is none.
pub fn token_in(link: &str) -> Result<&str> {
    link.split_once("/#").map(|(_, token)| token).with_context(|| format!("no token in {link}"))
}

/// Says everything, then hears everything.
fn talk(mut stream: impl Read + Write, request: &[u8]) -> Result<Vec<u8>> {
    // Whoever refuses early may close before it has heard all.
    let said = stream.write_all(request).and_then(|()| stream.flush());
    let mut answer = Vec::new();
    match stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer) {
        Ok(_) => {}
        // Without a farewell of TLS, or with a reset: what came before counts.
        Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset && !answer.is_empty() => {}
        Err(error) => return Err(error.into()),
    }
    if answer.is_empty() {
        said?;
        bail!("closed without an answer");
    }
    Ok(answer)
}

/// An HTTP request about to be sent.
#[derive(Debug, Clone)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    /// Without headers of its own.
    pub fn new(method: &str, target: &str) -> Self {
        let (headers, body) = (Vec::new(), Vec::new());
        Self { method: method.to_owned(), target: target.to_owned(), headers, body }
    }

    /// With a header; a `Host` takes the place of the true one.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With somebody's credential.
    #[must_use]
    pub fn bearer(self, credential: &str) -> Self {
        self.header("Authorization", &format!("Bearer {credential}"))
    }

    /// With a body of this type.
    #[must_use]
    pub fn body(mut self, kind: &str, body: &str) -> Self {
        self.body = body.as_bytes().to_vec();
        self.header("Content-Type", kind)
    }

    fn bytes(&self, host: &str) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            let _ = write!(head, "Host: {host}\r\n");
        }
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        if !self.body.is_empty() || matches!(self.method.as_str(), "POST" | "PUT" | "PATCH") {
            let _ = write!(head, "Content-Length: {}\r\n", self.body.len());
        }
        head.push_str("Connection: close\r\n\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    /// As text.
    pub body: String,
}

impl Reply {
    fn parse(bytes: &[u8]) -> Result<Self> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        let end = end.with_context(|| format!("no HTTP: {:?}", String::from_utf8_lossy(bytes)))?;
        let head = String::from_utf8_lossy(&bytes[..end]);
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let status = status.and_then(|code| code.parse().ok()).context("no status")?;
        let pairs = lines.filter_map(|line| line.split_once(':'));
        let headers: Vec<(String, String)> = pairs
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut reply = Self { status, headers, body: String::new() };
        let body = match reply.header("transfer-encoding") {
            Some(_) => joined(&bytes[end + 4..])?,
            None => bytes[end + 4..].to_vec(),
        };
        reply.body = String::from_utf8_lossy(&body).into_owned();
        Ok(reply)
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A header's value that must be there.
    ///
    /// # Errors
    /// When it is not.
    pub fn needed(&self, name: &str) -> Result<&str> {
        self.header(name).with_context(|| format!("no {name} in {self:?}"))
    }

    /// Its body as JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("no JSON in {self:?}"))
    }

    /// Fails unless it has this status.
    ///
    /// # Errors
    /// When it has another.
    pub fn is(&self, status: u16) -> Result<()> {
        ensure!(self.status == status, "{status} was expected: {self:?}");
        Ok(())
    }

    /// Fails unless it refuses with this code, as RFC 9457 has it, in words.
    ///
    /// # Errors
    /// When it does not.
    pub fn refuses(&self, code: &str) -> Result<()> {
        let kind = self.header("content-type").unwrap_or_default();
        ensure!((400..500).contains(&self.status), "{code} was expected: {self:?}");
        ensure!(kind.starts_with("application/problem+json"), "no problem body: {self:?}");
        let problem = self.json()?;
        ensure!(problem["code"] == code, "{code} was expected: {problem}");
        ensure!(problem["status"] == self.status, "another status than {}: {problem}", self.status);
        let words = problem["detail"].as_str().unwrap_or_default();
        ensure!(words.split(' ').count() >= 4, "{code} is not explained: {problem}");
        Ok(())
    }
}

/// The parts of a chunked body (RFC 9112 section 7.1).
fn joined(mut rest: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n").context("no chunk")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end])?.trim(), 16)?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Ok(body);
        }
        body.extend_from_slice(rest.get(..size).context("a chunk breaks off")?);
        rest = rest.get(size + 2..).context("a chunk has no end")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_in_chunks_is_put_together() {
        let bytes = b"HTTP/1.1 201 Created\r\nETag: \"a\"\r\nTransfer-Encoding: chunked\r\n\r\n\
                      3\r\nv=0\r\n2\r\n\r\n\r\n0\r\n\r\n";
        let reply = Reply::parse(bytes).unwrap();
        assert_eq!((reply.status, reply.header("etag")), (201, Some("\"a\"")));
        assert_eq!(reply.body, "v=0\r\n");
    }

    #[test]
    fn a_request_says_whom_it_asks_unless_it_lies() {
        let text = |request: &Request| String::from_utf8(request.bytes("10.0.0.1:2")).unwrap();
        let honest = text(&Request::new("GET", "/"));
        assert!(honest.starts_with("GET / HTTP/1.1\r\nHost: 10.0.0.1:2\r\n"), "{honest}");
        let forged = text(&Request::new("GET", "/").header("Host", "evil.example"));
        assert!(!forged.contains("10.0.0.1") && forged.contains("evil.example"), "{forged}");
    }
}
