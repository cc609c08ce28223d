//! The layers under a link: TCP, TLS and what it proves, and a WebSocket whose request head has a
//! limit.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use lanlens_identity::device_of;
use lanlens_model::DeviceId;
use lanlens_model::limits::{HEADER_BYTES_MAX, MESSAGE_BYTES_MAX};
use lanlens_protocol::ChannelBinding;
use rustls::ConnectionCommon;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// A connection that messages go over.
pub(crate) type Socket = WebSocketStream<HeadLimit<TlsStream<TcpStream>>>;

/// The channel binding `tls-exporter` (RFC 9266 section 2).
const EXPORTER_LABEL: &[u8] = b"EXPORTER-Channel-Binding";

/// What a finished TLS handshake says about a connection.
pub(crate) struct Proven {
    /// Whose key it is.
    pub(crate) device: DeviceId,
    /// What nobody but its two ends can know.
    pub(crate) channel: ChannelBinding,
}

impl Proven {
    /// In words why not, where the certificate cannot be read.
    pub(crate) fn of<Data>(tls: &ConnectionCommon<Data>) -> Result<Self, &'static str> {
        let device = tls
            .peer_certificates()
            .and_then(|chain| device_of(chain.first()?).ok())
            .ok_or("no readable certificate")?;
        // With an empty context, as the RFC says.
        let channel = tls
            .export_keying_material([0; 32], EXPORTER_LABEL, Some(&[]))
            .map_err(|_| "no channel binding")?;
        Ok(Self { device, channel: ChannelBinding::from_bytes(channel) })
    }
}

/// Sizes of the WebSocket layer. Every message is flushed before the next, so the write buffer
/// never holds more than one.
pub(crate) fn websocket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(HEADER_BYTES_MAX)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * MESSAGE_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
}

/// Lets through so many bytes until the handshake is over, and everything after.
#[derive(Debug)]
pub(crate) struct HeadLimit<S> {
    inner: S,
    left: Option<usize>,
}

impl<S> HeadLimit<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, left: Some(HEADER_BYTES_MAX) }
    }

    /// The handshake is over.
    pub(crate) fn lift(&mut self) {
        self.left = None;
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for HeadLimit<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(left) = self.left else {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        };
        if left == 0 {
            let text = format!("more than {HEADER_BYTES_MAX} bytes of headers");
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, text)));
        }
        let wanted = left.min(buf.remaining());
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(wanted));
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        buf.advance(read);
        self.left = Some(left - read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for HeadLimit<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    #[tokio::test]
    async fn a_head_passes_at_the_limit_and_fails_one_byte_past_it() {
        let bytes = vec![b'x'; HEADER_BYTES_MAX + 1];
        let mut stream = HeadLimit::new(bytes.as_slice());
        let mut head = vec![0; HEADER_BYTES_MAX];
        stream.read_exact(&mut head).await.unwrap();
        assert!(stream.read_u8().await.unwrap_err().to_string().contains("headers"));
        stream.lift();
        assert_eq!(stream.read_u8().await.unwrap(), b'x');
    }
}
