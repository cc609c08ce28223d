//! Listening sockets of the page.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use lanlens_model::limits::WEB_PORTS;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// Connections that wait for a place at the door.
const BACKLOG: i32 = 128;

/// Opens the page's socket: at `remembered` if that is free, so that the page's origin stays the same,
/// else at the first free port of [`WEB_PORTS`], else at any.
pub(crate) fn open_first_free(remembered: Option<u16>) -> io::Result<TcpListener> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for port in remembered.into_iter().chain(WEB_PORTS).chain([0]) {
        match open_everywhere(port) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// One socket for both families, or for IPv4 where the system has no IPv6.
fn open_everywhere(port: u16) -> io::Result<TcpListener> {
    match open(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)) {
        Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
            open(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port))
        }
        other => other,
    }
}

/// Listens at one address.
pub(crate) fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(address.ip() != IpAddr::V6(Ipv6Addr::UNSPECIFIED))?;
    }
    // On Unix this only skips the wait after a restart; on Windows it would share the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}
