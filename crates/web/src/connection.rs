//! One socket, from its first byte to its end.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use lanlens_model::limits::{HANDSHAKE_TIMEOUT, HEADER_BYTES_MAX};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::app::Peer;
use crate::door::Place;
use crate::hosts::Front;
use crate::plain::{Opening, explain};
use crate::write_limit::WriteLimit;

/// Header fields of one request.
const HEADERS_MAX: usize = 64;

/// An accepted socket and what it may become.
pub(crate) struct Connection {
    pub(crate) tcp: TcpStream,
    /// Our end.
    pub(crate) local: SocketAddr,
    pub(crate) place: Place,
    pub(crate) router: Router,
    pub(crate) cancel: CancellationToken,
}

impl Connection {
    /// Serves what comes by TLS, and tells who comes without to use it.
    pub(crate) async fn secure(self, tls: Arc<ServerConfig>) {
        let Self { mut tcp, local, place, router, cancel } = self;
        let opened = timeout(HANDSHAKE_TIMEOUT, async {
            let mut first = [0];
            match tcp.peek(&mut first).await {
                Ok(1) => match Opening::of(first[0]) {
                    Opening::Tls => TlsAcceptor::from(tls).accept(tcp).await.ok(),
                    Opening::Http => {
                        // Whoever does not read the answer has had it.
                        let _ = explain(&mut tcp, local).await;
                        None
                    }
                    Opening::Other => None,
                },
                _ => None,
            }
        });
        if let Ok(Some(stream)) = cancel.run_until_cancelled(opened).await.unwrap_or(Ok(None)) {
            let peer = Peer { front: Front { local, secure: true }, place: Arc::new(place) };
            serve(stream, router, peer, cancel).await;
        }
    }

    /// Serves without TLS, on this machine alone.
    pub(crate) async fn plain(self) {
        let Self { tcp, local, place, router, cancel } = self;
        let peer = Peer { front: Front { local, secure: false }, place: Arc::new(place) };
        serve(tcp, router, peer, cancel).await;
    }
}

/// Requests, one after the other, until somebody has enough.
async fn serve<S>(stream: S, router: Router, peer: Peer, cancel: CancellationToken)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(router.layer(Extension(peer)));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // Also how long a connection may be idle: a new one costs a phone a few milliseconds.
        .header_read_timeout(HANDSHAKE_TIMEOUT)
        .max_header_size(HEADER_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(WriteLimit::new(stream)), service);
    tokio::pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!("a connection to the page ended: {error}");
            }
            return;
        }
        () = cancel.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    // What is being answered is answered; the caller ends who takes too long.
    let _ = connection.await;
}
