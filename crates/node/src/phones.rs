//! Phones that publish through this node's page. A phone is a node: each gets one of its own in this
//! process (`docs/decisions/0019-a-phone-is-a-node.md`), and everything from its tile to its
//! watchers' rights is as for any camera.
//!
//! ```text
//!  page ──HTTPS──▶ web ──Stage──▶ Host ──wish──▶ Guest (a task each) ──▶ child node
//!  page ──UDP────▶ Ingest ──units──▶ Relay ──▶ the child's fan-out
//!                  QR panel ◀── PhoneDoor ◀── Door (a task)
//! ```

mod child;
mod door;
mod guest;
mod host;
mod renames;
mod session;
mod stay;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use lanlens_discovery::interfaces;
use lanlens_identity::{Home, PhoneStore};
use lanlens_model::{AccessMode, Event, NodeId, PhoneDoor};
use lanlens_rtc::RtcConfig;
use lanlens_web::{Web, WebConfig, WebError};
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use door::Door;
use host::Host;

/// How the page for phones is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WebOptions {
    /// Exactly here; `None` for the port that was used last, or the first free one of
    /// [`WEB_PORTS`](lanlens_model::limits::WEB_PORTS), on every chosen interface.
    pub listen: Option<SocketAddr>,
    /// WHIP without TLS, for encoders on this machine: a loopback address.
    pub whip_http: Option<SocketAddr>,
}

/// What the serving node says of itself.
#[derive(Clone)]
pub(crate) struct Serving {
    pub(crate) home: PathBuf,
    /// The serving node.
    pub(crate) node: NodeId,
    /// The name of its place in the home.
    pub(crate) slot: String,
    pub(crate) access: AccessMode,
    pub(crate) interfaces: Vec<String>,
    /// Where its own signaling was told to listen.
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) rtc: RtcConfig,
    /// Where people hear of it.
    pub(crate) events: broadcast::Sender<Event>,
}

/// The page and everybody who came in by it.
pub(crate) struct Phones {
    door: Arc<Door>,
    cancel: CancellationToken,
}

impl Phones {
    /// Serves the page from now on.
    ///
    /// # Errors
    /// When no port can be opened, or the certificate cannot be made or kept.
    pub(crate) async fn open(
        options: WebOptions,
        serving: Serving,
        home: &Home,
        tasks: &TaskTracker,
    ) -> Result<Self, WebError> {
        let cancel = CancellationToken::new();
        let names = serving.interfaces.clone();
        let config = WebConfig {
            listen: options.listen,
            slot: serving.slot.clone(),
            addresses: Arc::new(move || {
                let local = interfaces::local_addresses(&names).unwrap_or_default();
                local.into_iter().map(|address| address.ip).collect()
            }),
            whip_http: options.whip_http,
        };
        let host = Arc::new(Host::new(serving.clone(), tasks.clone(), cancel.clone()));
        let web = Web::bind(config, home, Arc::clone(&host) as _).await?;
        let door = Arc::new(Door::new(home.clone(), &serving, options.listen, &web));
        tasks.spawn(web.run(cancel.clone()));
        let store = PhoneStore::open(home);
        tasks.spawn(Arc::clone(&host).expel_the_removed(store, cancel.clone()));
        tasks.spawn(Arc::clone(&door).run(host.phones(), cancel.clone()));
        Ok(Self { door, cancel })
    }

    /// Where the page is, at the address that a phone most likely reaches.
    pub(crate) fn url(&self) -> Option<String> {
        self.door.url()
    }

    /// The way in, as a window shows it. Its links are good as long as somebody holds a receiver.
    pub(crate) fn door(&self) -> watch::Receiver<Arc<PhoneDoor>> {
        self.door.subscribe()
    }

    /// Begins to say goodbye for every phone.
    pub(crate) fn begin_stop(&self) {
        self.cancel.cancel();
    }
}

impl Drop for Phones {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}
