//! The thread that drains what browsing tells, so that the daemon's queue never fills.
//!
//! A subscription whose queue did fill ends silently; a refresh replaces it. Both look the same
//! from here, disconnected, and are answered by the next one.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use lanlens_protocol::{DiscoveryEvent, SERVICE_TYPE};
use mdns_sd::{Receiver, RecvTimeoutError, ResolvedService, ScopedIp, ServiceEvent};
use tokio::sync::mpsc::Sender;

use crate::filter::{Filter, Heard};
use crate::interfaces;
use crate::service::Shared;

/// Instances that one subscription may tell of. The daemon keeps all it ever heard until their TTL
/// says otherwise (the sender's choice, a day if it likes), and searches it at every record: whoever
/// announces without end costs memory and time without end. A new subscription forgets them, and
/// who is really there answers it at once. Several times what is believed, so that only such a flood
/// comes to it.
const FOUND_MAX: usize = 4096;
/// Before asking a daemon again that refused a subscription.
const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// The events' receiver is gone.
struct Closed;

/// Runs until the daemon stops or nobody listens.
pub(crate) fn run(shared: &Shared, events: &Sender<DiscoveryEvent>) {
    let mut filter = Filter::default();
    while let Some(subscription) = subscribe(shared) {
        filter.handle_resubscribed(Instant::now());
        if drain(shared, &subscription, &mut filter, events).is_err() {
            return;
        }
    }
}

/// The next subscription: one that a refresh left, or a new one. `None` when it is over.
fn subscribe(shared: &Shared) -> Option<Receiver<ServiceEvent>> {
    while !shared.stopping.load(Ordering::Acquire) {
        let mut next = shared.next.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(subscription) = next.take() {
            return Some(subscription);
        }
        match shared.daemon.browse(SERVICE_TYPE) {
            Ok(subscription) => {
                tracing::debug!("browsing anew");
                return Some(subscription);
            }
            Err(mdns_sd::Error::DaemonShutdown) => return None,
            Err(error) => tracing::warn!("cannot browse: {error}"),
        }
        drop(next);
        std::thread::sleep(RETRY_PAUSE);
    }
    None
}

/// Reads one subscription to its end.
fn drain(
    shared: &Shared,
    subscription: &Receiver<ServiceEvent>,
    filter: &mut Filter,
    events: &Sender<DiscoveryEvent>,
) -> Result<(), Closed> {
    let tell = |event| events.blocking_send(event).map_err(|_| Closed);
    let mut found = 0;
    loop {
        let received = match filter.poll_timeout() {
            Some(at) => subscription.recv_deadline(at),
            None => subscription.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(ServiceEvent::ServiceResolved(service)) if shared.is_own_host(&service.host) => {}
            Ok(ServiceEvent::ServiceResolved(service)) => {
                if let Some(event) = resolved(filter, &service) {
                    tell(event)?;
                }
            }
            Ok(ServiceEvent::ServiceRemoved(_, instance)) => {
                if let Some(event) = filter.handle_removed(&instance) {
                    tell(event)?;
                }
            }
            Ok(_) if events.is_closed() => return Err(Closed),
            Ok(ServiceEvent::ServiceFound(..)) => {
                found += 1;
                if found > FOUND_MAX {
                    tracing::warn!("a flood of announcements; forgetting them and asking anew");
                    // Refused when its queue is full: then this subscription counts on.
                    if shared.daemon.stop_browse(SERVICE_TYPE).is_ok() {
                        return Ok(());
                    }
                }
            }
            Ok(_) => {}
            Err(RecvTimeoutError::Timeout) => {
                filter.handle_timeout(Instant::now()).into_iter().try_for_each(tell)?;
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

fn resolved(filter: &mut Filter, service: &ResolvedService) -> Option<DiscoveryEvent> {
    let heard: Vec<Heard> = service.addresses.iter().flat_map(heard).collect();
    let pairs = service.txt_properties.iter();
    let pairs = pairs.map(|pair| (pair.key(), pair.val().unwrap_or_default()));
    match filter.handle_resolved(&service.fullname, service.port, &heard, pairs) {
        Ok(event) => event,
        Err(reason) => {
            tracing::debug!("ignored {:?}: {reason}", service.fullname);
            None
        }
    }
}

/// One address, with each interface that it was heard on.
fn heard(address: &ScopedIp) -> Vec<Heard> {
    let ip = address.to_ip_addr();
    let scopes: Vec<u32> = match address {
        ScopedIp::V4(v4) => v4.interface_ids().iter().map(|id| id.index).collect(),
        ScopedIp::V6(v6) => vec![v6.scope_id().index],
        _ => Vec::new(),
    };
    let scoped = |scope| {
        let on_loopback = ip.is_loopback() && interfaces::is_loopback(scope);
        Heard { ip, scope, on_loopback }
    };
    scopes.into_iter().map(scoped).collect()
}
