//! Announcements that are not what they say: another's ids, or no sense at all.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use lanlens_testkit::Host;
use mdns_sd::{ResolvedService, ServiceDaemon, ServiceEvent, ServiceInfo, TxtProperty};

use crate::voice::SERVICE;

/// A service instance that stands as long as this value does.
pub struct Announcement {
    daemon: ServiceDaemon,
}

impl Announcement {
    /// Announces from `host`, under `instance`, that whoever is described by `txt` listens at
    /// `address` and `port`.
    ///
    /// # Errors
    /// When multicast DNS cannot be spoken.
    pub fn start(
        host: &Host,
        instance: &str,
        address: IpAddr,
        port: u16,
        txt: &[(&str, &[u8])],
    ) -> Result<Self> {
        let properties: Vec<TxtProperty> = txt.iter().map(|&pair| pair.into()).collect();
        let name = format!("{instance}.local.");
        let mut info = ServiceInfo::new(SERVICE, instance, &name, address, port, properties)?;
        info.set_requires_probe(false);
        // The daemon's thread starts from one that lives on the host, and so lives there too.
        let daemon = host.within(ServiceDaemon::new)??;
        daemon.register(info)?;
        Ok(Self { daemon })
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // The daemon says goodbye in its own time; the test does not wait for it.
        self.daemon.shutdown().ok();
    }
}

/// What a camera announces, read off the network by a bystander on `host`.
///
/// # Errors
/// When no announcement carries this camera's id within 10 s.
pub fn overheard(host: &Host, camera: &str) -> Result<ResolvedService> {
    let daemon = host.within(ServiceDaemon::new)??;
    let events = daemon.browse(SERVICE)?;
    let found = loop {
        let event = events.recv_timeout(Duration::from_secs(10));
        let event = event.context("the camera is not announced")?;
        let ServiceEvent::ServiceResolved(service) = event else { continue };
        if service.get_property_val_str("cam") == Some(camera) {
            break service;
        }
    };
    let stopped = daemon.shutdown()?;
    // So that its port is free again.
    stopped.recv_timeout(Duration::from_secs(1)).ok();
    Ok(*found)
}

/// The TXT pairs of it.
///
/// # Errors
/// As [`overheard`].
pub fn overheard_txt(host: &Host, camera: &str) -> Result<Vec<(String, Vec<u8>)>> {
    let service = overheard(host, camera)?;
    let pair =
        |pair: &TxtProperty| (pair.key().to_owned(), pair.val().unwrap_or_default().to_vec());
    Ok(service.get_properties().iter().map(pair).collect())
}
