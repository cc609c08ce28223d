//! What the routes share.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use lanlens_identity::PhoneStore;
use tokio_util::sync::CancellationToken;

use crate::Stage;
use crate::door::Place;
use crate::hosts::Front;
use crate::problem::Problem;
use crate::rates::Rates;
use crate::sessions::Sessions;
use crate::streams::Streams;
use crate::tries::Tries;

/// The state of the page.
pub(crate) struct App {
    pub(crate) stage: Arc<dyn Stage>,
    pub(crate) store: PhoneStore,
    /// This machine's addresses, as they were a moment ago.
    pub(crate) addresses: RwLock<Vec<IpAddr>>,
    pub(crate) root_der: Vec<u8>,
    pub(crate) fingerprint: String,
    /// The page is no longer served.
    pub(crate) cancel: CancellationToken,
    pub(crate) tries: Mutex<Tries>,
    pub(crate) rates: Mutex<Rates>,
    pub(crate) sessions: Mutex<Sessions>,
    pub(crate) streams: Mutex<Streams>,
}

impl App {
    /// Works with the store where waiting for a disk holds nobody up.
    pub(crate) async fn in_store<T: Send + 'static>(
        &self,
        work: impl FnOnce(&PhoneStore) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let store = self.store.clone();
        let worked = tokio::task::spawn_blocking(move || work(&store)).await;
        worked.map_err(|error| Problem::internal(format!("a thread has failed ({error})")))
    }

    pub(crate) fn addresses(&self) -> Vec<IpAddr> {
        self.addresses.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The other end of a request.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) front: Front,
    pub(crate) place: Arc<Place>,
}

/// Locks what no panic leaves half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
