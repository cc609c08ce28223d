//! The tokio runtime as the WebRTC stack sees it, with two changes.
//!
//! Sockets get buffers that hold a whole keyframe (the system's default drops packets of a 100 KB
//! burst while the task is not scheduled), and TCP is never dialed, whatever a peer's candidates say.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use webrtc::runtime::{
    AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime,
    TokioRuntime,
};

/// Asked of the system for each direction; it may grant less (on Linux `net.core.rmem_max`).
const SOCKET_BUFFER_BYTES: usize = 1024 * 1024;

#[derive(Debug)]
pub(crate) struct MediaRuntime(TokioRuntime);

impl MediaRuntime {
    pub(crate) fn new() -> Self {
        Self(TokioRuntime)
    }
}

type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Runtime for MediaRuntime {
    fn spawn(&self, future: Pending<'static, ()>) -> Box<dyn JoinHandle> {
        self.0.spawn(future)
    }

    fn wrap_udp_socket(&self, socket: UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        let reference = socket2::SockRef::from(&socket);
        for granted in [
            reference.set_recv_buffer_size(SOCKET_BUFFER_BYTES),
            reference.set_send_buffer_size(SOCKET_BUFFER_BYTES),
        ] {
            if let Err(error) = granted {
                tracing::debug!(%error, "the system keeps its socket buffer size");
            }
        }
        self.0.wrap_udp_socket(socket)
    }

    fn wrap_tcp_listener(&self, listener: TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        self.0.wrap_tcp_listener(listener)
    }

    fn connect_tcp<'a>(
        &'a self,
        _remote: SocketAddr,
    ) -> Pending<'a, io::Result<Arc<dyn AsyncTcpStream>>> {
        Box::pin(async { Err(io::Error::from(io::ErrorKind::Unsupported)) })
    }

    fn resolve_host<'a>(&'a self, host: &'a str) -> Pending<'a, io::Result<Vec<SocketAddr>>> {
        self.0.resolve_host(host)
    }

    fn sleep(&self, duration: Duration) -> Pending<'static, ()> {
        self.0.sleep(duration)
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        self.0.interval(period)
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.0.block_on(future);
    }

    fn name(&self) -> &'static str {
        "tokio"
    }
}
