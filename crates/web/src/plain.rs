//! Plain HTTP at the port of the page: answered with where to go instead.
//!
//! Somebody typed `http://`, or the browser did. No redirection: what was sent in the clear must not
//! look as if it had worked.

use std::net::SocketAddr;

use lanlens_model::limits::HEADER_BYTES_MAX;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::pages::escape;

/// The first byte of a TLS connection: a handshake record (RFC 8446 section 5.1).
const HANDSHAKE_RECORD: u8 = 22;

/// What a connection begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    Tls,
    /// A letter: a method.
    Http,
    Other,
}

impl Opening {
    pub(crate) fn of(first: u8) -> Self {
        match first {
            HANDSHAKE_RECORD => Self::Tls,
            b'A'..=b'Z' => Self::Http,
            _ => Self::Other,
        }
    }
}

/// Reads a request's head, and says to come by TLS. `local` is our end.
pub(crate) async fn explain<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    local: SocketAddr,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut part = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < HEADER_BYTES_MAX {
        match stream.read(&mut part).await? {
            0 => break,
            read => head.extend_from_slice(&part[..read]),
        }
    }
    stream.write_all(answer(local).as_bytes()).await?;
    stream.shutdown().await
}

/// The link is made of our own address and never of what was asked for.
fn answer(local: SocketAddr) -> String {
    let link = escape(&format!("https://{local}/"));
    let body = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"dark light\"><style>body{{max-width:34rem;margin:auto;\
         padding:2rem 1rem;font:17px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}}</style>\
         <title>Use https · Lanlens</title><main><h1>This page needs https</h1>\
         <p>Over plain http a browser may not use the camera, and others could read along. Scan the \
         code again, or open <a href=\"{link}\">{link}</a>.</p>\
         </main></html>\n"
    );
    let length = body.len();
    format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/html; charset=utf-8\r\n\
         Content-Length: {length}\r\nContent-Security-Policy: default-src 'none'; \
         style-src 'unsafe-inline'; frame-ancestors 'none'\r\nX-Content-Type-Options: nosniff\r\n\
         Referrer-Policy: no-referrer\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n{body}"
    )
}
