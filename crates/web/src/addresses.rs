//! What follows this machine's addresses: certificates, hosts, and what the home tells of the door.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use lanlens_identity::{DoorGuard, WebRoot, unix_s};
use lanlens_model::is_on_local_network;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use tokio::time::Instant;

use crate::app::App;
use crate::listen::serves;
use crate::web::{AddressSource, WebError};

/// How often this machine's addresses are looked at.
pub(crate) const CHECK_EVERY: Duration = Duration::from_secs(2);
/// How often it is looked whether a certificate grows old.
const RENEW_EVERY: Duration = Duration::from_secs(3600);
/// When the time of day moved by so much more or less than the time that passed, it was set, or this
/// machine slept: what was good by it may be good no more. More than a clock drifts in an hour.
const CLOCK_STEP: Duration = Duration::from_secs(180);

/// When it was last looked whether a certificate grows old, by both clocks.
#[derive(Debug, Clone, Copy)]
struct Renewed {
    /// Never goes back, and on most systems stands still while the machine sleeps.
    at: Instant,
    /// The time of day, seconds since 1970 (UTC): what certificates are made by.
    unix_s: u64,
}

impl Renewed {
    fn now() -> Self {
        Self { at: Instant::now(), unix_s: unix_s() }
    }

    /// Whether it is time to look again.
    fn is_over(&self, now: Self) -> bool {
        let passed = now.at.saturating_duration_since(self.at);
        let expected_s = self.unix_s.saturating_add(passed.as_secs());
        passed >= RENEW_EVERY || expected_s.abs_diff(now.unix_s) >= CLOCK_STEP.as_secs()
    }
}

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
    /// Where the socket listens.
    bound: SocketAddr,
    now: RwLock<Now>,
}

impl Addresses {
    /// Looks for the first time. Reads and writes files.
    pub(crate) fn new(
        source: AddressSource,
        root: WebRoot,
        door: DoorGuard,
        bound: SocketAddr,
    ) -> Result<Self, WebError> {
        let first = Self { source, root, door, bound, now: RwLock::default() };
        first.update((first.source)())?;
        Ok(first)
    }

    /// Looks every 2 s, until it is dropped.
    pub(crate) async fn follow(self: Arc<Self>, app: Arc<App>) {
        let mut renewed = Renewed::now();
        let mut said = None;
        loop {
            tokio::time::sleep(CHECK_EVERY).await;
            let now = Renewed::now();
            let due = renewed.is_over(now);
            let (this, told) = (Arc::clone(&self), Arc::clone(&app));
            let looked = tokio::task::spawn_blocking(move || this.look(due, &told)).await;
            match looked {
                Ok(Ok(())) => {
                    said = None;
                    renewed = if due { now } else { renewed };
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
        let served = told(self.bound.ip(), &addresses);
        let mut tls = BTreeMap::new();
        for ip in all {
            let shown = certificates.get(&ip).or_else(|| certificates.values().next());
            if let Some(certificate) = shown {
                tls.insert(ip, Arc::new(server_config(Arc::clone(certificate))?));
            }
        }
        if let Err(error) = self.door.tell(self.bound.port(), &served) {
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

/// Where somebody who is told of the page finds it: those of this machine's addresses that the socket
/// at `listen` takes. Loopback, which is no phone's way in, where nothing else was wanted.
fn told(listen: IpAddr, own: &[IpAddr]) -> Vec<IpAddr> {
    match listen.to_canonical() {
        only if only.is_loopback() => vec![only],
        _ => own.iter().copied().filter(|ip| serves(listen, *ip)).collect(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_looked_at_each_hour_and_whenever_the_time_of_day_has_jumped() {
        let begin = Renewed { at: Instant::now(), unix_s: 1_800_000_000 };
        let is_over = |passed_s: u64, moved_s: i64| {
            let unix_s = begin.unix_s.checked_add_signed(moved_s).unwrap();
            begin.is_over(Renewed { at: begin.at + Duration::from_secs(passed_s), unix_s })
        };
        for (passed_s, moved_s, expected) in [
            (0, 0, false),
            (3599, 3599, false),
            (3600, 3600, true),
            // A clock that is put right by a little, either way.
            (60, 60 + 179, false),
            (600, 600 - 179, false),
            (60, 60 + 180, true),
            (600, 600 - 180, true),
            // A night's sleep, a clock that was wrong at the start, one that is set back a year.
            (2, 8 * 3600, true),
            (2, 200_000_000, true),
            (2, -31_536_000, true),
            // The time of day stands still.
            (180, 0, true),
        ] {
            assert_eq!(is_over(passed_s, moved_s), expected, "{passed_s} s, {moved_s} s");
        }
    }

    #[test]
    fn only_what_is_served_is_told() {
        let own = ["192.168.1.7", "10.0.0.9", "fd00::7"].map(|ip| ip.parse().unwrap());
        for (listen, expected) in [
            ("::", &own[..]),
            ("0.0.0.0", &own[..2]),
            ("192.168.1.7", &own[..1]),
            ("fd00::7", &own[2..]),
            // Its interface is gone.
            ("172.16.0.1", &[]),
            ("127.0.0.1", &["127.0.0.1".parse().unwrap()]),
        ] {
            assert_eq!(told(listen.parse().unwrap(), &own), expected, "{listen}");
        }
    }
}
