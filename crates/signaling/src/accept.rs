//! The handshake of one accepted socket: prove a key, ask for the right host and path, be no web page.

use std::io;
use std::net::SocketAddr;

use lanlens_identity::Identity;
use lanlens_model::limits::HANDSHAKE_TIMEOUT;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::{TlsAcceptor, TlsStream};
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::Error as WsError;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{StatusCode, header};

use crate::admission::Ticket;
use crate::host::is_for;
use crate::socket::{HeadLimit, Proven, websocket_config};
use crate::{Link, PATH};

/// Somebody who was turned away at the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Where it came from.
    pub address: SocketAddr,
    /// What it did.
    pub reason: String,
}

/// Why there is no link.
pub(crate) enum Failure {
    /// The peer went away: it lost a race, was closed, or looked whether a port is open.
    Gone,
    /// The peer broke the rules.
    Refused(String),
}

/// Makes a link of a socket, within [`HANDSHAKE_TIMEOUT`].
pub(crate) async fn handshake(
    tcp: TcpStream,
    remote: SocketAddr,
    identity: &Identity,
    ticket: Ticket,
) -> Result<Link, Failure> {
    let deadline = Instant::now() + HANDSHAKE_TIMEOUT;
    // Not worth refusing anyone: without it messages may only come later.
    let _ = tcp.set_nodelay(true);
    match timeout_at(deadline, shake(tcp, remote, identity, ticket, deadline)).await {
        Ok(outcome) => outcome,
        Err(_) => {
            let limit = HANDSHAKE_TIMEOUT.as_secs();
            Err(Failure::Refused(format!("the handshake took longer than {limit} s")))
        }
    }
}

async fn shake(
    tcp: TcpStream,
    remote: SocketAddr,
    identity: &Identity,
    ticket: Ticket,
    deadline: Instant,
) -> Result<Link, Failure> {
    let local = tcp.local_addr().map_err(|_| Failure::Gone)?;
    let acceptor = TlsAcceptor::from(identity.server_config());
    let tls = acceptor.accept(tcp).await.map_err(|error| io_failure("TLS", &error))?;
    let proven =
        Proven::of(tls.get_ref().1).map_err(|why| Failure::Refused(format!("TLS: {why}")))?;
    let stream = HeadLimit::new(TlsStream::Server(tls));
    #[expect(clippy::result_large_err, reason = "the signature that tungstenite asks for")]
    let check = |request: &Request, response| check_request(request, response, local);
    let mut socket = accept_hdr_async_with_config(stream, check, Some(websocket_config()))
        .await
        .map_err(|error| match error {
            WsError::Io(error) => io_failure("WebSocket", &error),
            WsError::Http(answer) => Failure::Refused(words(&answer)),
            other => Failure::Refused(format!("WebSocket: {other}")),
        })?;
    socket.get_mut().lift();
    Ok(Link::new(proven, (local, remote), false, socket, deadline, Some(ticket)))
}

fn io_failure(layer: &str, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => Failure::Gone,
        _ => Failure::Refused(format!("{layer}: {error}")),
    }
}

/// What [`check_request`] answered.
fn words(answer: &tokio_tungstenite::tungstenite::http::Response<Option<Vec<u8>>>) -> String {
    let body = answer.body().as_deref().unwrap_or_default();
    format!("WebSocket: {}", String::from_utf8_lossy(body))
}

/// Web pages always send `Origin` with a WebSocket (RFC 6455 section 4.1), native programs never:
/// so no foreign page can use this port through somebody's browser. `local`: where it came in.
#[expect(clippy::result_large_err, reason = "the signature that tungstenite asks for")]
fn check_request(
    request: &Request,
    response: Response,
    local: SocketAddr,
) -> Result<Response, ErrorResponse> {
    if request.headers().contains_key(header::ORIGIN) {
        return Err(answer(StatusCode::FORBIDDEN, "web pages may not use this port".into()));
    }
    if !is_for(request, local) {
        let text = "the request is not for the address that it came in on";
        return Err(answer(StatusCode::MISDIRECTED_REQUEST, text.into()));
    }
    if request.uri().path() != PATH {
        return Err(answer(StatusCode::NOT_FOUND, format!("signaling is at {PATH}")));
    }
    Ok(response)
}

fn answer(status: StatusCode, text: String) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(text));
    *response.status_mut() = status;
    response
}
