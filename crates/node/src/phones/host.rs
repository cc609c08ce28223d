//! What stands behind the page: passes each request to its guest's task.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use lanlens_identity::{Credential, PhoneStore};
use lanlens_model::PhoneView;
use lanlens_model::limits::PHONES_MAX;
use lanlens_web::{Answered, PageReport, PageState, Refusal, Restarted, SessionKey, Stage};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Serving;
use super::guest::{Guest, GuestHandle, Wish};

/// How often it is looked whether a credential was taken back, while anybody is here.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The phones that publish now, by credential.
pub(crate) type Phones = BTreeMap<String, PhoneView>;

/// Everybody who came in by the page.
pub(crate) struct Host {
    serving: Serving,
    guests: Mutex<BTreeMap<String, GuestHandle>>,
    /// Each guest with a camera holds one.
    places: Arc<Semaphore>,
    phones: watch::Sender<Phones>,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

impl Host {
    pub(crate) fn new(serving: Serving, tasks: TaskTracker, cancel: CancellationToken) -> Self {
        let (phones, _) = watch::channel(Phones::new());
        let places = Arc::new(Semaphore::new(PHONES_MAX));
        Self { serving, guests: Mutex::default(), places, phones, tasks, cancel }
    }

    /// Who publishes, now and whenever that changes.
    pub(crate) fn phones(&self) -> watch::Receiver<Phones> {
        self.phones.subscribe()
    }

    /// The guest's task, begun where there is none.
    fn guest(&self, credential: &Credential) -> GuestHandle {
        let mut guests = self.lock();
        guests.retain(|_, guest| !guest.has_ended());
        let begin = || {
            let (serving, places) = (self.serving.clone(), Arc::clone(&self.places));
            let (phones, end) = (self.phones.clone(), self.cancel.child_token());
            let (guest, handle) = Guest::new(credential, serving, places, phones, end);
            self.tasks.spawn(guest.run());
            handle
        };
        guests.entry(credential.id.clone()).or_insert_with(begin).clone()
    }

    async fn ask<T>(
        &self,
        credential: &Credential,
        wish: impl FnOnce(oneshot::Sender<Result<T, Refusal>>) -> Wish,
    ) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        let busy = || Refusal::Busy("this computer has too much to do; try again".to_owned());
        self.guest(credential).wishes.try_send(wish(reply)).map_err(|_| busy())?;
        answer.await.map_err(|_| busy())?
    }

    /// Ends whatever was begun by a credential that is taken back, until all ends.
    pub(crate) async fn expel_the_removed(
        self: Arc<Self>,
        store: PhoneStore,
        cancel: CancellationToken,
    ) {
        let mut tick = tokio::time::interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while cancel.run_until_cancelled(tick.tick()).await.is_some() {
            let here: Vec<String> = self.lock().keys().cloned().collect();
            if here.is_empty() {
                continue;
            }
            let store = store.clone();
            let look = move || {
                // Who is here is not idle, whatever the clock was set to meanwhile. Where that cannot be
                // written down, whoever was removed has to go all the same.
                if let Err(error) = here.iter().try_for_each(|id| store.touch(id)) {
                    tracing::debug!(%error, "it is not noted that phones are here");
                }
                store.list()
            };
            // A file that cannot be read now says nothing against anybody.
            if let Ok(Ok(kept)) = tokio::task::spawn_blocking(look).await {
                self.expel_all_but(&kept);
            }
        }
    }

    fn expel_all_but(&self, kept: &[Credential]) {
        self.lock().retain(|id, guest| {
            let stays = kept.iter().any(|credential| credential.id == *id);
            if !stays {
                guest.expel();
            }
            stays && !guest.has_ended()
        });
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, GuestHandle>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Stage for Host {
    async fn publish(&self, guest: &Credential, offer: String) -> Result<Answered, Refusal> {
        self.ask(guest, |reply| Wish::Publish { offer, reply }).await
    }

    async fn trickle(
        &self,
        guest: &Credential,
        session: &SessionKey,
        fragment: String,
    ) -> Result<(), Refusal> {
        let session = session.clone();
        self.ask(guest, |reply| Wish::Trickle { session, fragment, reply }).await
    }

    async fn restart(
        &self,
        guest: &Credential,
        session: &SessionKey,
        fragment: String,
    ) -> Result<Restarted, Refusal> {
        let session = session.clone();
        self.ask(guest, |reply| Wish::Restart { session, fragment, reply }).await
    }

    async fn end(&self, guest: &Credential, session: &SessionKey) -> Result<(), Refusal> {
        let session = session.clone();
        self.ask(guest, |reply| Wish::End { session, reply }).await
    }

    fn follow(&self, guest: &Credential) -> watch::Receiver<PageState> {
        self.guest(guest).state.subscribe()
    }

    fn report(&self, guest: &Credential, report: PageReport) {
        // The next report says the same and more.
        let _ = self.guest(guest).wishes.try_send(Wish::Report(report));
    }

    fn rename(&self, guest: &Credential, name: &str) {
        let wish = Wish::Rename(name.to_owned());
        if self.guest(guest).wishes.try_send(wish).is_err() {
            tracing::warn!("a phone's new name is shown from its next start on");
        }
    }
}

#[cfg(test)]
#[path = "host_tests.rs"]
mod tests;
