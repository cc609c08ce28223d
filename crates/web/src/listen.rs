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

/// Whether a socket that listens at `listen` takes connections to this machine's address `ip`: all of
/// them for `[::]`, those of IPv4 for `0.0.0.0`, else its own alone.
pub fn serves(listen: IpAddr, ip: IpAddr) -> bool {
    match listen.to_canonical() {
        IpAddr::V4(all) if all.is_unspecified() => ip.is_ipv4(),
        IpAddr::V6(all) if all.is_unspecified() => true,
        one => one == ip,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_takes_what_comes_to_the_addresses_that_it_listens_at() {
        let takes = |listen: &str, ip: &str| serves(listen.parse().unwrap(), ip.parse().unwrap());
        for (listen, v4, other, v6) in [
            ("[::]", true, true, true),
            ("0.0.0.0", true, true, false),
            ("192.168.1.7", true, false, false),
            ("[::ffff:192.168.1.7]", true, false, false),
            ("[fd00::7]", false, false, true),
        ] {
            let listen = listen.trim_matches(['[', ']']);
            let taken = ["192.168.1.7", "10.0.0.9", "fd00::7"].map(|ip| takes(listen, ip));
            assert_eq!(taken, [v4, other, v6], "{listen}");
        }
    }
}
