//! A connection whose other end takes nothing is cut off: what waits to be written takes memory, and
//! a place.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use lanlens_model::limits::WRITE_TIMEOUT;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// Fails with [`io::ErrorKind::TimedOut`] when nothing could be written for [`WRITE_TIMEOUT`].
#[derive(Debug)]
pub(crate) struct WriteLimit<S> {
    inner: S,
    /// Set while something waits.
    over: Option<Pin<Box<Sleep>>>,
}

impl<S> WriteLimit<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, over: None }
    }

    /// Passes on what came of writing, and minds the time while nothing does.
    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        outcome: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.over = None;
            return outcome;
        }
        let over =
            self.over.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + WRITE_TIMEOUT)));
        match over.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteLimit<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteLimit<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.inner).poll_write(cx, bytes);
        self.watch(cx, outcome)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_flush(cx);
        self.watch(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.inner).poll_shutdown(cx);
        self.watch(cx, outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_cut_off_and_a_slow_one_is_not() {
        let (near, mut far) = tokio::io::duplex(4);
        let mut stream = WriteLimit::new(near);
        stream.write_all(b"full").await.unwrap();
        let begin = Instant::now();
        let reading = tokio::spawn(async move {
            for _ in 0..4 {
                tokio::time::sleep(WRITE_TIMEOUT - std::time::Duration::from_millis(1)).await;
                far.read_u8().await.unwrap();
            }
            far
        });
        // Each byte is taken just in time.
        stream.write_all(b"slow").await.unwrap();
        let _far = reading.await.unwrap();
        assert!(begin.elapsed() > WRITE_TIMEOUT * 3);
        let stuck = Instant::now();
        let error = stream.write_all(b"x").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(stuck.elapsed().as_secs(), WRITE_TIMEOUT.as_secs());
    }
}
