//! The way in for phones: addresses, and a token that is fresh while somebody looks at it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lanlens_discovery::{best_first, interfaces};
use lanlens_identity::{Home, JoinToken, PhoneScope, PhoneStore, TokenState, unix_s};
use lanlens_model::{PhoneDoor, PhoneLink};
use lanlens_web::{Web, serves};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::Serving;
use super::host::Phones;

/// How often it is looked whether the token was used, while somebody sees it.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// A token with less time left than this is replaced: whoever scans it needs a while.
const LEFT_MIN: Duration = Duration::from_secs(60);

/// See [`PhoneDoor`].
pub(crate) struct Door {
    store: PhoneStore,
    interfaces: Vec<String>,
    listen: Option<SocketAddr>,
    port: u16,
    fingerprint: String,
    shown: watch::Sender<Arc<PhoneDoor>>,
    looked_at: Notify,
}

impl Door {
    pub(crate) fn new(
        home: Home,
        serving: &Serving,
        listen: Option<SocketAddr>,
        web: &Web,
    ) -> Self {
        let (shown, _) = watch::channel(Arc::default());
        Self {
            store: PhoneStore::open(&home),
            interfaces: serving.interfaces.clone(),
            listen,
            port: web.port(),
            fingerprint: web.root_fingerprint().to_owned(),
            shown,
            looked_at: Notify::new(),
        }
    }

    /// What a window shows, kept fresh while the receiver is held.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<PhoneDoor>> {
        let receiver = self.shown.subscribe();
        self.looked_at.notify_one();
        receiver
    }

    /// Keeps it fresh until the end.
    pub(crate) async fn run(
        self: Arc<Self>,
        mut phones: watch::Receiver<Phones>,
        cancel: CancellationToken,
    ) {
        let mut token = None;
        let work = async {
            loop {
                if self.shown.receiver_count() == 0 {
                    self.looked_at.notified().await;
                }
                let listed = phones.borrow_and_update().values().cloned().collect();
                let (door, kept) = self.look(token.take(), listed).await;
                token = kept;
                self.shown.send_if_modified(|shown| {
                    let changed = **shown != door;
                    *shown = Arc::new(door);
                    changed
                });
                tokio::select! {
                    () = tokio::time::sleep(LOOK_EVERY) => {}
                    _ = phones.changed() => {}
                }
            }
        };
        let _: Option<()> = cancel.run_until_cancelled(work).await;
    }

    /// Reads and writes files, so it stands aside for that.
    async fn look(
        self: &Arc<Self>,
        token: Option<Fresh>,
        phones: Vec<lanlens_model::PhoneView>,
    ) -> (PhoneDoor, Option<Fresh>) {
        let door = Arc::clone(self);
        let looked = tokio::task::spawn_blocking(move || door.look_now(token));
        let (links, expires, trouble, token) = match looked.await {
            Ok(Ok((links, token))) => (links, Some(token.expires), None, Some(token)),
            Ok(Err(trouble)) => (Vec::new(), None, Some(trouble), None),
            Err(_) => (Vec::new(), None, Some("a thread has failed".to_owned()), None),
        };
        let fingerprint = self.fingerprint.clone();
        (PhoneDoor { links, expires, fingerprint, phones, trouble }, token)
    }

    fn look_now(&self, token: Option<Fresh>) -> Result<(Vec<PhoneLink>, Fresh), String> {
        let good = |fresh: &Fresh| {
            fresh.expires > Instant::now() + LEFT_MIN
                && self.store.token_state(&fresh.token.text) == TokenState::Fresh
        };
        let token = match token.filter(good) {
            Some(token) => token,
            None => {
                let token = self.store.issue_token(PhoneScope::Publish);
                Fresh::new(token.map_err(|error| error.to_string())?)
            }
        };
        Ok((self.links(&token.token.text), token))
    }

    /// The page without a token, at the best address.
    pub(crate) fn url(&self) -> Option<String> {
        let best = self.links("").into_iter().next()?;
        Some(best.url.trim_end_matches('#').to_owned())
    }

    fn links(&self, token: &str) -> Vec<PhoneLink> {
        let local = interfaces::local_addresses(&self.interfaces).unwrap_or_default();
        let links = best_first(local).into_iter().filter_map(|(address, network)| {
            let ip = address.ip;
            // A link-local address means something else on every machine.
            let usable = !matches!(ip, IpAddr::V6(v6) if v6.is_unicast_link_local());
            let served = self.listen.is_none_or(|listen| serves(listen.ip(), ip));
            let url = format!("https://{}/#{token}", SocketAddr::new(ip, self.port));
            let interface = address.interface;
            (usable && served).then_some(PhoneLink { url, ip, interface, network })
        });
        links.collect()
    }
}

/// A token, and when it is over on this machine's own clock.
struct Fresh {
    token: JoinToken,
    expires: Instant,
}

impl Fresh {
    fn new(token: JoinToken) -> Self {
        let left = Duration::from_secs(token.expires_s.saturating_sub(unix_s()));
        Self { token, expires: Instant::now() + left }
    }
}
