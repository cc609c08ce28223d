//! The running service: one daemon, one registration, one browsing thread.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use lanlens_protocol::{DiscoveryEvent, SERVICE_TYPE};
use mdns_sd::{IfKind, Receiver, ServiceDaemon, ServiceEvent, ServiceInfo};
use thiserror::Error;
use tokio::sync::mpsc;

use crate::{Advert, browse, interfaces};

/// The daemon sends every goodbye a second time after 120 ms, since multicast gets lost on Wi-Fi.
const GOODBYE_REPEAT: Duration = Duration::from_millis(130);
/// Waiting for each of the daemon's two answers at the end.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(180);

/// Host names of our own that are remembered: the announced one, and earlier ones whose echoes may
/// still come.
const OWN_HOSTS_MAX: usize = 4;

/// How to take part in discovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveryConfig {
    /// Interfaces by name; empty: all, loopback too (so that programs of one machine find each
    /// other without a network). One that is not there yet is used when it appears.
    pub interfaces: Vec<String>,
    /// How often to look for changed addresses; whole seconds, at least one.
    pub ip_check: Duration,
}

impl Default for DiscoveryConfig {
    fn default() -> Self {
        Self { interfaces: Vec::new(), ip_check: Duration::from_secs(1) }
    }
}

/// Why discovery does not work.
#[derive(Debug, Error)]
pub enum DiscoveryError {
    /// The mDNS daemon could not be started or asked.
    #[error("discovery (mDNS) does not start: {0}; is a network up, and udp port 5353 allowed?")]
    Daemon(#[from] mdns_sd::Error),
    /// No thread.
    #[error("discovery: cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// What the browsing thread and its owner share.
pub(crate) struct Shared {
    pub(crate) daemon: ServiceDaemon,
    pub(crate) stopping: AtomicBool,
    /// A subscription that replaces the one which the thread reads. The daemon then disconnects the
    /// old one, which makes the thread look here.
    pub(crate) next: Mutex<Option<Receiver<ServiceEvent>>>,
    own: Mutex<VecDeque<String>>,
}

impl Shared {
    /// Whether a host name is one of ours, so that what stands at it is our own echo.
    pub(crate) fn is_own_host(&self, host: &str) -> bool {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.iter().any(|own| own.eq_ignore_ascii_case(host))
    }

    fn note_own_host(&self, host: &str) {
        if self.is_own_host(host) {
            return;
        }
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if own.len() == OWN_HOSTS_MAX {
            own.pop_front();
        }
        own.push_back(host.to_owned());
    }
}

/// Discovery, until dropped. [`Discovery::shutdown`] says goodbye first.
pub struct Discovery {
    shared: Arc<Shared>,
    /// The full name that is registered.
    registered: Option<String>,
    thread: Option<JoinHandle<()>>,
}

impl Discovery {
    /// Starts to listen and to browse. Events come until [`Discovery::shutdown`], or until their
    /// receiver is dropped; while it is full, nothing is lost but time. Our own announcement is never
    /// among them; one that carries our node id and comes from another host is.
    ///
    /// # Errors
    /// See [`DiscoveryError`]. A network without multicast is not an error: nothing is heard.
    pub fn start(
        config: DiscoveryConfig,
        events: mpsc::Sender<DiscoveryEvent>,
    ) -> Result<Self, DiscoveryError> {
        let daemon = ServiceDaemon::new()?;
        let seconds = u32::try_from(config.ip_check.as_secs()).unwrap_or(u32::MAX).max(1);
        daemon.set_ip_check_interval(seconds)?;
        if !config.interfaces.is_empty() {
            daemon.disable_interface(IfKind::All)?;
            let named: Vec<IfKind> = config.interfaces.iter().map(IfKind::from).collect();
            daemon.enable_interface(named)?;
            for name in interfaces::missing(&config.interfaces).unwrap_or_default() {
                tracing::warn!("interface {name} has no address now; waiting for it");
            }
        }
        let browsing = daemon.browse(SERVICE_TYPE)?;
        let shared = Arc::new(Shared {
            daemon,
            stopping: AtomicBool::new(false),
            next: Mutex::new(Some(browsing)),
            own: Mutex::default(),
        });
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("mdns-events".into())
            .spawn(move || browse::run(&for_thread, &events))?;
        Ok(Self { shared, registered: None, thread: Some(thread) })
    }

    /// Announces `advert` in place of the one before. Heard elsewhere after milliseconds; a changed
    /// TXT record after about one second.
    ///
    /// # Errors
    /// See [`DiscoveryError`].
    pub fn advertise(&mut self, advert: &Advert) -> Result<(), DiscoveryError> {
        let pairs = advert.txt.encode();
        let mut info = ServiceInfo::new(
            SERVICE_TYPE,
            &advert.instance,
            &advert.host,
            (),
            advert.port,
            pairs.as_slice(),
        )?
        .enable_addr_auto();
        // Allowed where names are unique by construction (RFC 6762 section 8.1), and it spares
        // its 750 ms.
        info.set_requires_probe(false);
        // Before it can be heard.
        self.shared.note_own_host(info.get_hostname());
        let fullname = info.get_fullname().to_owned();
        if let Some(old) = self.registered.take_if(|old| *old != fullname) {
            self.shared.daemon.unregister(&old)?;
        }
        self.shared.daemon.register(info)?;
        self.registered = Some(fullname);
        Ok(())
    }

    /// Browses anew: asks the network now instead of when the schedule says, and forgets what is
    /// not confirmed.
    ///
    /// # Errors
    /// See [`DiscoveryError`].
    pub fn refresh(&self) -> Result<(), DiscoveryError> {
        let mut next = self.shared.next.lock().unwrap_or_else(PoisonError::into_inner);
        *next = Some(self.shared.daemon.browse(SERVICE_TYPE)?);
        Ok(())
    }

    /// Says goodbye (twice) and stops. Blocks for at most 500 ms; without an announcement
    /// hardly at all.
    pub fn shutdown(mut self) {
        if let Some(name) = self.registered.take()
            && let Ok(answer) = self.shared.daemon.unregister(&name)
            && answer.recv_timeout(ANSWER_TIMEOUT).is_ok()
        {
            std::thread::sleep(GOODBYE_REPEAT);
        }
        self.stop();
    }

    /// Ends the daemon, which disconnects the browsing thread.
    fn stop(&mut self) {
        self.shared.stopping.store(true, Ordering::Release);
        if let Ok(answer) = self.shared.daemon.shutdown() {
            let _ = answer.recv_timeout(ANSWER_TIMEOUT);
        }
        // Not joined: it may wait for room in a queue that nobody reads any more. It ends with the
        // daemon or with that queue.
        self.thread = None;
    }
}

impl Drop for Discovery {
    /// Without [`Discovery::shutdown`]: one goodbye, sent by the daemon as it ends.
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.stop();
        }
    }
}
