//! Listening sockets: which addresses and port, and the loop that accepts.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use lanlens_identity::Identity;
use lanlens_model::limits::SIGNALING_PORTS;
use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::Link;
use crate::accept::{Failure, Refusal, handshake};
use crate::admission::{Admission, KnownAddresses};

/// Connections that wait for a place at the door.
const BACKLOG: i32 = 128;
/// How often chosen interfaces are asked for new addresses.
const ADDRESS_CHECK: Duration = Duration::from_secs(2);
/// After accepting failed (no file descriptors left, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Tries to find one free port on all chosen addresses, once the usual ones are taken.
const ANY_PORT_TRIES: u32 = 8;

/// The addresses of the chosen interfaces as they are now; ports are ignored.
pub type AddressSource = Arc<dyn Fn() -> Vec<SocketAddr> + Send + Sync>;

/// Where to listen. By default on every address, at the first free port of
/// [`SIGNALING_PORTS`], else any.
#[derive(Clone, Default)]
pub struct ListenConfig {
    /// Exactly here (`--listen`); port 0 means any.
    pub listen: Option<SocketAddr>,
    /// Only on these addresses (`--interface`), asked for again every 2 s.
    pub only: Option<AddressSource>,
}

/// Why nobody can connect to us. Each says what to do.
#[derive(Debug, Error)]
pub enum ListenError {
    /// The address of `--listen` is taken or not ours.
    #[error("cannot listen on {address} ({source}): choose another with --listen IP:PORT")]
    Address {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The chosen interfaces have none.
    #[error("the chosen interfaces have no address: connect them, or name others with --interface")]
    NoAddress,
    /// No port worked.
    #[error("cannot listen on any port ({0}): choose one with --listen IP:PORT")]
    NoPort(io::Error),
}

/// The listening sockets of a node.
pub struct Listener {
    identity: Identity,
    port: u16,
    sockets: Vec<(SocketAddr, TcpListener)>,
    only: Option<AddressSource>,
    admission: Arc<Admission>,
}

impl Listener {
    /// Listens from now on; connections are accepted by [`Listener::run`]. Must be called inside a
    /// tokio runtime. Several programs of one machine get different ports.
    ///
    /// # Errors
    /// See [`ListenError`].
    pub fn bind(identity: Identity, config: ListenConfig) -> Result<Self, ListenError> {
        let only = if config.listen.is_some() { None } else { config.only };
        let sockets = match (config.listen, &only) {
            (Some(address), _) => {
                let socket =
                    open(address).map_err(|source| ListenError::Address { address, source })?;
                vec![(address, socket)]
            }
            (None, Some(addresses)) => {
                let addresses = addresses();
                if addresses.is_empty() {
                    return Err(ListenError::NoAddress);
                }
                first_free_port(|port| open_all(&addresses, port))?
            }
            (None, None) => first_free_port(open_everywhere)?,
        };
        let bound = sockets.first().ok_or(ListenError::NoAddress)?;
        let port = bound.1.local_addr().map_err(ListenError::NoPort)?.port();
        Ok(Self { identity, port, sockets, only, admission: Arc::default() })
    }

    /// The port, the same on every address; to be announced.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The addresses that are listened on; unspecified ones mean all.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().filter_map(|(_, socket)| socket.local_addr().ok()).collect()
    }

    /// Where to note devices that matter, so that a place at the door is kept for them.
    pub fn known_addresses(&self) -> KnownAddresses {
        KnownAddresses::of(&self.admission)
    }

    /// Accepts until cancelled. Whoever completes the handshake comes out of `accepted`; who breaks
    /// a rule is told in `refused` (as far as there is room in it).
    pub async fn run(
        mut self,
        cancel: CancellationToken,
        accepted: mpsc::Sender<Link>,
        refused: mpsc::Sender<Refusal>,
    ) {
        // Dropping the set ends what is still shaking hands.
        let mut handshakes = JoinSet::new();
        let mut address_check = interval(ADDRESS_CHECK);
        address_check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let room = self.admission.has_room();
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = address_check.tick(), if self.only.is_some() => self.follow_addresses(),
                Some(_) = handshakes.join_next() => {}
                () = self.admission.freed(), if !room => {}
                socket = accept_any(&self.sockets), if room => match socket {
                    Ok((tcp, remote)) => {
                        self.admit(tcp, remote, &mut handshakes, &accepted, &refused);
                    }
                    Err(error) => {
                        tracing::warn!("cannot accept a connection: {error}");
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
            }
        }
    }

    fn admit(
        &self,
        tcp: TcpStream,
        remote: SocketAddr,
        handshakes: &mut JoinSet<()>,
        accepted: &mpsc::Sender<Link>,
        refused: &mpsc::Sender<Refusal>,
    ) {
        let address = canonical(remote);
        let ticket = match self.admission.admit(address.ip()) {
            Ok(ticket) => ticket,
            Err(full) => {
                tell(refused, Refusal { address, reason: full.to_string() });
                return;
            }
        };
        let (identity, accepted, refused) =
            (self.identity.clone(), accepted.clone(), refused.clone());
        handshakes.spawn(async move {
            match handshake(tcp, address, &identity, ticket).await {
                Ok(link) => {
                    // Nobody there to take it: the node is closing.
                    let _ = accepted.send(link).await;
                }
                Err(Failure::Gone) => tracing::debug!("{address} went away"),
                Err(Failure::Refused(reason)) => tell(&refused, Refusal { address, reason }),
            }
        });
    }

    /// Listens on addresses that are new and stops where they are gone.
    fn follow_addresses(&mut self) {
        let Some(only) = &self.only else { return };
        let wanted: Vec<SocketAddr> =
            only().into_iter().map(|address| with_port(address, self.port)).collect();
        self.sockets.retain(|(address, _)| wanted.contains(address));
        for address in wanted {
            if self.sockets.iter().any(|(bound, _)| *bound == address) {
                continue;
            }
            match open(address) {
                Ok(socket) => {
                    tracing::info!("listening on {address} too");
                    self.sockets.push((address, socket));
                }
                Err(error) => tracing::debug!("cannot listen on {address}: {error}"),
            }
        }
    }
}

fn tell(refused: &mpsc::Sender<Refusal>, refusal: Refusal) {
    tracing::debug!("refused {}: {}", refusal.address, refusal.reason);
    // Full when strangers come faster than anyone reads: then they are only in the log.
    let _ = refused.try_send(refusal);
}

/// The next connection on any socket. Waits for ever without sockets.
async fn accept_any(sockets: &[(SocketAddr, TcpListener)]) -> io::Result<(TcpStream, SocketAddr)> {
    std::future::poll_fn(|cx| {
        for (_, socket) in sockets {
            if let Poll::Ready(accepted) = socket.poll_accept(cx) {
                return Poll::Ready(accepted);
            }
        }
        Poll::Pending
    })
    .await
}

type Sockets = Vec<(SocketAddr, TcpListener)>;

fn first_free_port(open: impl Fn(u16) -> io::Result<Sockets>) -> Result<Sockets, ListenError> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for port in SIGNALING_PORTS.chain((0..ANY_PORT_TRIES).map(|_| 0)) {
        match open(port) {
            Ok(sockets) => return Ok(sockets),
            Err(error) => last = error,
        }
    }
    Err(ListenError::NoPort(last))
}

/// One socket for both families, or for IPv4 where the system has no IPv6.
fn open_everywhere(port: u16) -> io::Result<Sockets> {
    let v6 = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port);
    let v4 = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port);
    match open(v6) {
        Ok(socket) => Ok(vec![(v6, socket)]),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(error),
        Err(_) => Ok(vec![(v4, open(v4)?)]),
    }
}

/// One socket an address, all with the same port. An address that is not ready yet (IPv6 checks new
/// ones for a second) is left out; [`Listener::follow_addresses`] comes back to it.
fn open_all(addresses: &[SocketAddr], port: u16) -> io::Result<Sockets> {
    let mut sockets = Sockets::new();
    let mut port = port;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        let address = with_port(*address, port);
        match open(address) {
            Ok(socket) => {
                port = socket.local_addr()?.port();
                sockets.push((with_port(address, port), socket));
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
            Err(error) => last = error,
        }
    }
    if sockets.is_empty() { Err(last) } else { Ok(sockets) }
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
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

fn with_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}

/// IPv4 addresses as such also where a socket for both families gave them.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), address.port()),
        IpAddr::V6(_) => address,
    }
}
