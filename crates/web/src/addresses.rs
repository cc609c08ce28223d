//! What follows this machine's addresses: certificates, hosts, and what the home tells of the door.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use lanlens_identity::{DoorGuard, WebRoot};
use lanlens_model::is_on_local_network;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use tokio::time::Instant;

use crate::app::App;
use crate::web::{AddressSource, WebError};

/// How often this machine's addresses are looked at.
pub(crate) const CHECK_EVERY: Duration = Duration::from_secs(2);
/// How often it is looked whether a certificate grows old.
const RENEW_EVERY: Duration = Duration::from_secs(3600);

/// Where the page can be reached now.
#[derive(Debug, Default)]
struct Now {
    /// The machine's own.
    addresses: Vec<IpAddr>,
    /// By the address that a connection came in on; loopback too.
    tls: BTreeMap<IpAddr, Arc<ServerConfig>>,
}

/// Follows the addresses.
pub(crate) struct Addresses {
    source: AddressSource,
    root: WebRoot,
    door: DoorGuard,
    port: u16,
    now: RwLock<Now>,
}

impl Addresses {
    /// Looks for the first time. Reads and writes files.
    pub(crate) fn new(
        source: AddressSource,
        root: WebRoot,
        door: DoorGuard,
        port: u16,
    ) -> Result<Self, WebError> {
        let first = Self { source, root, door, port, now: RwLock::default() };
        first.update((first.source)())?;
        Ok(first)
    }

    /// Looks every 2 s, until it is dropped.
    pub(crate) async fn follow(self: Arc<Self>, app: Arc<App>) {
        let mut renewed = Instant::now();
        let mut said = None;
        loop {
            tokio::time::sleep(CHECK_EVERY).await;
            let due = renewed.elapsed() >= RENEW_EVERY;
            let (this, told) = (Arc::clone(&self), Arc::clone(&app));
            let looked = tokio::task::spawn_blocking(move || this.look(due, &told)).await;
            match looked {
                Ok(Ok(())) => {
                    said = None;
                    renewed = if due { Instant::now() } else { renewed };
                }
                // Tried again soon, and said once.
                Ok(Err(error)) => {
                    let words = Some(error.to_string());
                    if words != said {
                        tracing::warn!("the page for phones keeps its old addresses: {error}");
                        said = words;
                    }
                }
                Err(error) => tracing::warn!("the page for phones: {error}"),
            }
        }
    }

    fn look(&self, due: bool, app: &App) -> Result<(), WebError> {
        let addresses = (self.source)();
        if addresses == self.read().addresses && !due {
            return Ok(());
        }
        self.update(addresses)?;
        let mut told = app.addresses.write().unwrap_or_else(PoisonError::into_inner);
        told.clone_from(&self.read().addresses);
        Ok(())
    }

    fn update(&self, addresses: Vec<IpAddr>) -> Result<(), WebError> {
        let loopback = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let mut all = addresses.clone();
        all.extend(loopback.iter().filter(|ip| !addresses.contains(ip)));
        // No browser can open one of these, and they may tell a device's hardware address.
        let named = |ip: &IpAddr| !matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local());
        let certifiable: Vec<IpAddr> = all.iter().copied().filter(named).collect();
        let certificates = self.root.certificates(&certifiable, &[])?;
        let mut tls = BTreeMap::new();
        for ip in all {
            let shown = certificates.get(&ip).or_else(|| certificates.values().next());
            if let Some(certificate) = shown {
                tls.insert(ip, Arc::new(server_config(Arc::clone(certificate))?));
            }
        }
        if let Err(error) = self.door.tell(self.port, &addresses) {
            tracing::warn!("other programs cannot find the page for phones: {error}");
        }
        *self.now.write().unwrap_or_else(PoisonError::into_inner) = Now { addresses, tls };
        Ok(())
    }

    /// The machine's addresses.
    pub(crate) fn own(&self) -> Vec<IpAddr> {
        self.read().addresses.clone()
    }

    /// What to show whom: nothing where a connection comes in on an address that was not chosen, or
    /// from outside the local network.
    pub(crate) fn tls_for(&self, local: IpAddr, remote: IpAddr) -> Option<Arc<ServerConfig>> {
        let now = self.read();
        let tls = now.tls.get(&local)?;
        let mut near = now.addresses.clone();
        near.extend(local.is_loopback().then_some(local));
        is_on_local_network(remote, &near).then(|| Arc::clone(tls))
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Now> {
        self.now.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// HTTP/1.1 over TLS; 1.2 too, for encoders.
fn server_config(certificate: Arc<CertifiedKey>) -> Result<ServerConfig, WebError> {
    let provider = Arc::new(ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|error| WebError::Tls(error.to_string()))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Always(certificate)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// One certificate, whatever name is asked for: addresses are asked for without one.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}
