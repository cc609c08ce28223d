//! A page that is served for a test, and a client that can say anything.

#![allow(dead_code, unreachable_pub, unused_imports, reason = "each test program uses a part")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod client;
mod stub;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lanlens_identity::{Credential, Home, PhoneScope, PhoneStore};
use lanlens_web::{Web, WebConfig};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use client::{Answer, Client, ask, exchange, request};
pub use stub::{Call, Stub};

/// Long enough for a machine that has much else to do.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A served page, with a home of its own.
pub struct Page {
    pub dir: tempfile::TempDir,
    pub home: Home,
    pub store: PhoneStore,
    pub stage: Arc<Stub>,
    pub client: Client,
    pub whip_http: Option<SocketAddr>,
    pub port: u16,
    pub fingerprint: String,
    /// What the page believes this machine's addresses to be.
    pub addresses: Arc<Mutex<Vec<IpAddr>>>,
    cancel: CancellationToken,
    running: JoinHandle<()>,
}

impl Page {
    pub async fn serve() -> Self {
        Self::serve_in(tempfile::tempdir().unwrap(), false).await
    }

    pub async fn serve_with_plain_whip() -> Self {
        Self::serve_in(tempfile::tempdir().unwrap(), true).await
    }

    pub async fn serve_in(dir: tempfile::TempDir, plain: bool) -> Self {
        Self::serve_at(Ipv4Addr::LOCALHOST, dir, plain).await
    }

    pub async fn serve_at(ip: Ipv4Addr, dir: tempfile::TempDir, plain: bool) -> Self {
        let home = Home::open(dir.path()).unwrap();
        let stage = Arc::new(Stub::default());
        let addresses: Arc<Mutex<Vec<IpAddr>>> = Arc::default();
        let config = WebConfig { listen: Some((ip, 0).into()), ..config(&addresses, plain) };
        let web = Web::bind(config, &home, Arc::clone(&stage) as _).await.unwrap();
        let (port, whip_http) = (web.port(), web.whip_http());
        let fingerprint = web.root_fingerprint().to_owned();
        let root = lanlens_identity::WebRoot::load_or_create(&home).unwrap();
        let client = Client::new((ip, port).into(), root.der());
        let cancel = CancellationToken::new();
        let running = tokio::spawn(web.run(cancel.clone()));
        let store = PhoneStore::open(&home);
        Self {
            dir,
            home,
            store,
            stage,
            client,
            whip_http,
            port,
            fingerprint,
            addresses,
            cancel,
            running,
        }
    }

    /// A phone that joined: its header, and what is known of it.
    pub fn phone(&self) -> (String, Credential) {
        self.joined(PhoneScope::Publish)
    }

    /// Somebody who may watch only.
    pub fn watcher(&self) -> (String, Credential) {
        self.joined(PhoneScope::Watch)
    }

    fn joined(&self, scope: PhoneScope) -> (String, Credential) {
        let token = self.store.issue_token(scope).unwrap();
        let (bearer, credential) = self.store.redeem(&token.text, scope, "Ann").unwrap();
        (format!("Bearer {bearer}"), credential)
    }

    /// Begins to close.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Closes, and gives the home back.
    pub async fn close(self) -> tempfile::TempDir {
        self.cancel.cancel();
        tokio::time::timeout(PATIENCE, self.running).await.unwrap().unwrap();
        self.dir
    }
}

/// Any port of this machine's loopback.
pub fn config(addresses: &Arc<Mutex<Vec<IpAddr>>>, plain: bool) -> WebConfig {
    let addresses = Arc::clone(addresses);
    WebConfig {
        listen: Some((Ipv4Addr::LOCALHOST, 0).into()),
        slot: "viewer-screen-0".into(),
        addresses: Arc::new(move || addresses.lock().unwrap().clone()),
        whip_http: plain.then_some((Ipv4Addr::LOCALHOST, 0).into()),
    }
}
