//! The page's server: its sockets, and the loop that accepts.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use axum::Router;
use lanlens_identity::{DoorError, DoorGuard, Home, PhoneStore, WebRoot, WebRootError};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::addresses::Addresses;
use crate::app::App;
use crate::connection::Connection;
use crate::door::Door;
use crate::{Stage, listen, routes};

/// After accepting failed (no file descriptors left, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// What is being answered when the page closes has this long.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// This machine's addresses as they are now, on the chosen interfaces.
pub type AddressSource = Arc<dyn Fn() -> Vec<IpAddr> + Send + Sync>;

/// Where the page is served.
#[derive(Clone)]
pub struct WebConfig {
    /// Exactly here; `None` for the port that was used last, else the first free one of
    /// [`WEB_PORTS`](lanlens_model::limits::WEB_PORTS), else any, on all interfaces.
    pub listen: Option<SocketAddr>,
    /// The name of the program's slot, which it holds: the port is remembered by it.
    pub slot: String,
    /// Asked at once and every 2 s. Connections that come in on another address are closed.
    pub addresses: AddressSource,
    /// WHIP without TLS, for encoders on this machine: a loopback address. Port 0 means any.
    pub whip_http: Option<SocketAddr>,
}

/// Why the page is not served. Each says what to do.
#[derive(Debug, Error)]
pub enum WebError {
    /// The address of `--web` is taken or not ours.
    #[error(
        "cannot serve the page for phones at {address} ({source}): choose another with --web IP:PORT"
    )]
    Address {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// No port worked.
    #[error("cannot serve the page for phones at any port ({0}): choose one with --web IP:PORT")]
    NoPort(io::Error),
    /// Others of the network could listen in.
    #[error("--whip-http {0} is not an address of this machine alone: use 127.0.0.1:PORT")]
    NotLoopback(SocketAddr),
    /// The address of `--whip-http` is taken.
    #[error(
        "cannot listen on {address} ({source}): choose another with --whip-http 127.0.0.1:PORT"
    )]
    WhipHttp {
        /// What was asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// There is no certificate.
    #[error(transparent)]
    Root(#[from] WebRootError),
    /// It cannot be written down where the page is.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// The TLS library refused what we gave it.
    #[error("cannot use the page's certificate: {0}")]
    Tls(String),
    /// A thread has failed.
    #[error("cannot serve the page for phones: {0}")]
    Thread(String),
}

/// The page of a node, bound and not served yet.
pub struct Web {
    socket: TcpListener,
    port: u16,
    plain: Option<(TcpListener, SocketAddr)>,
    addresses: Arc<Addresses>,
    app: Arc<App>,
}

impl Web {
    /// Opens the sockets, and makes or reads what the home keeps for the page. Until
    /// [`Web::run`], connections wait.
    ///
    /// # Errors
    /// See [`WebError`].
    pub async fn bind(
        config: WebConfig,
        home: &Home,
        stage: Arc<dyn Stage>,
    ) -> Result<Self, WebError> {
        let (home, WebConfig { listen, slot, addresses: source, whip_http }) =
            (home.clone(), config);
        let store = PhoneStore::open(&home);
        let plain = whip_http.map(open_plain).transpose()?;
        let runtime = tokio::runtime::Handle::current();
        // Files and locks, which may take a moment.
        let opened = tokio::task::spawn_blocking(move || {
            let _entered = runtime.enter();
            let root = WebRoot::load_or_create(&home)?;
            let door = DoorGuard::open(&home, &slot)?;
            let socket = open(listen, door.remembered_port())?;
            let bound = socket.local_addr().map_err(WebError::NoPort)?;
            let (der, fingerprint) = (root.der().to_vec(), root.fingerprint());
            let addresses = Addresses::new(source, root, door, bound)?;
            Ok::<_, WebError>((socket, bound.port(), addresses, der, fingerprint))
        });
        let opened = opened.await.map_err(|error| WebError::Thread(error.to_string()))?;
        let (socket, port, addresses, root_der, fingerprint) = opened?;
        let app = Arc::new(App {
            stage,
            store,
            addresses: RwLock::new(addresses.own()),
            root_der,
            fingerprint,
            cancel: CancellationToken::new(),
            tries: Mutex::default(),
            rates: Mutex::default(),
            sessions: Mutex::default(),
            streams: Mutex::default(),
        });
        Ok(Self { socket, port, plain, addresses: Arc::new(addresses), app })
    }

    /// The port of the page, on every address.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where WHIP is served without TLS, if it is.
    pub fn whip_http(&self) -> Option<SocketAddr> {
        self.plain.as_ref().map(|(_, address)| *address)
    }

    /// SHA-256 of the root certificate, in hexadecimal pairs with colons.
    pub fn root_fingerprint(&self) -> &str {
        &self.app.fingerprint
    }

    /// Serves until cancelled; ends within 300 ms then, whatever the clients do.
    pub async fn run(self, cancel: CancellationToken) {
        let Self { socket, plain, addresses, app, .. } = self;
        let closing = app.cancel.clone();
        let page = Front::new(routes::all(Arc::clone(&app)), closing.clone());
        let whip = Front::new(routes::whip_only(Arc::clone(&app)), closing.clone());
        // Dropping the set ends whatever is in it.
        let mut tasks = JoinSet::new();
        let (following, over) = (Arc::clone(&addresses).follow(app), closing.clone());
        tasks.spawn(async move { over.run_until_cancelled(following).await.unwrap_or_default() });
        let plain = plain.as_ref().map(|(socket, _)| socket);
        while !cancel.is_cancelled() {
            let (page_room, whip_room) = (page.door.has_room(), whip.door.has_room());
            tokio::select! {
                () = cancel.cancelled() => {}
                Some(_) = tasks.join_next() => {}
                () = page.door.freed(), if !page_room => {}
                () = whip.door.freed(), if !whip_room => {}
                accepted = socket.accept(), if page_room => match accepted {
                    Ok((tcp, remote)) => page.secure(tcp, remote, &addresses, &mut tasks),
                    Err(error) => pause(&error).await,
                },
                accepted = accept(plain), if whip_room => match accepted {
                    Ok((tcp, remote)) => whip.plain(tcp, remote, &mut tasks),
                    Err(error) => pause(&error).await,
                },
            }
        }
        closing.cancel();
        let _ = timeout(LAST_WORDS, async { while tasks.join_next().await.is_some() {} }).await;
    }
}

/// One of the two ways in.
struct Front {
    door: Arc<Door>,
    router: Router,
    closing: CancellationToken,
}

impl Front {
    fn new(router: Router, closing: CancellationToken) -> Self {
        Self { door: Arc::default(), router, closing }
    }

    fn secure(
        &self,
        tcp: TcpStream,
        remote: SocketAddr,
        addresses: &Addresses,
        tasks: &mut JoinSet<()>,
    ) {
        let remote = remote.ip().to_canonical();
        let Ok(local) = tcp.local_addr() else { return };
        let Some(tls) = addresses.tls_for(local.ip().to_canonical(), remote) else {
            tracing::debug!("a connection from outside the local network was closed");
            return;
        };
        if let Some(connection) = self.connection(tcp, local, remote) {
            tasks.spawn(connection.secure(tls));
        }
    }

    fn plain(&self, tcp: TcpStream, remote: SocketAddr, tasks: &mut JoinSet<()>) {
        let Ok(local) = tcp.local_addr() else { return };
        if let Some(connection) = self.connection(tcp, local, remote.ip().to_canonical()) {
            tasks.spawn(connection.plain());
        }
    }

    fn connection(&self, tcp: TcpStream, local: SocketAddr, remote: IpAddr) -> Option<Connection> {
        let place = match self.door.admit(remote) {
            Ok(place) => place,
            Err(full) => {
                tracing::debug!("refused {remote}: {full}");
                return None;
            }
        };
        // Not worth refusing anyone: without it events may only come later.
        let _ = tcp.set_nodelay(true);
        // As people write it, also where a socket for both families says it otherwise.
        let local = SocketAddr::new(local.ip().to_canonical(), local.port());
        let (router, cancel) = (self.router.clone(), self.closing.clone());
        Some(Connection { tcp, local, place, router, cancel })
    }
}

async fn pause(error: &io::Error) {
    tracing::warn!("cannot accept a connection to the page for phones: {error}");
    sleep(ACCEPT_PAUSE).await;
}

/// Waits for ever where there is no socket.
async fn accept(socket: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match socket {
        Some(socket) => socket.accept().await,
        None => std::future::pending().await,
    }
}

fn open(listen: Option<SocketAddr>, remembered: Option<u16>) -> Result<TcpListener, WebError> {
    match listen {
        Some(address) => {
            listen::open(address).map_err(|source| WebError::Address { address, source })
        }
        None => listen::open_first_free(remembered).map_err(WebError::NoPort),
    }
}

fn open_plain(address: SocketAddr) -> Result<(TcpListener, SocketAddr), WebError> {
    if !address.ip().to_canonical().is_loopback() {
        return Err(WebError::NotLoopback(address));
    }
    let failed = |source| WebError::WhipHttp { address, source };
    let socket = listen::open(address).map_err(failed)?;
    let bound = socket.local_addr().map_err(failed)?;
    Ok((socket, bound))
}
