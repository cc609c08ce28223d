//! What stands behind the page: passes each request to its guest's task.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use lanlens_identity::{Credential, PhoneStore};
use lanlens_model::PhoneView;
use lanlens_model::limits::PHONES_MAX;
use lanlens_web::{Answered, PageReport, PageState, Refusal, Restarted, SessionKey, Stage};
use tokio::sync::{oneshot, watch};
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
    phones: watch::Sender<Phones>,
    tasks: TaskTracker,
    cancel: CancellationToken,
}

impl Host {
    pub(crate) fn new(serving: Serving, tasks: TaskTracker, cancel: CancellationToken) -> Self {
        let (phones, _) = watch::channel(Phones::new());
        Self { serving, guests: Mutex::default(), phones, tasks, cancel }
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
            let phones = self.phones.clone();
            let end = self.cancel.child_token();
            let (guest, handle) = Guest::new(credential, self.serving.clone(), phones, end);
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
            if self.lock().is_empty() {
                continue;
            }
            let (store, here) = (store.clone(), self.lock().keys().cloned().collect::<Vec<_>>());
            let look = move || {
                // Who is here is not idle, whatever the clock was set to meanwhile.
                here.iter().try_for_each(|id| store.touch(id))?;
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

    fn is_full_for(&self, credential: &Credential) -> bool {
        let phones = self.phones.borrow();
        phones.len() >= PHONES_MAX && !phones.contains_key(&credential.id)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, GuestHandle>> {
        self.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Stage for Host {
    async fn publish(&self, guest: &Credential, offer: String) -> Result<Answered, Refusal> {
        if self.is_full_for(guest) {
            let text = format!(
                "{PHONES_MAX} phones send their pictures through this computer already; end one of \
                 them, or scan the code of another computer"
            );
            return Err(Refusal::Limit(text));
        }
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
mod tests {
    use lanlens_identity::{PhoneKind, PhoneScope};
    use lanlens_model::{AccessMode, CameraId, DeviceId, NodeId};
    use lanlens_rtc::RtcConfig;
    use tokio::sync::broadcast;

    use super::*;

    fn host(home: &std::path::Path) -> Host {
        let device = DeviceId::from_bytes([1; 16]);
        let serving = Serving {
            home: home.to_owned(),
            node: NodeId::new(device, "viewer"),
            slot: "viewer-screen-0".to_owned(),
            access: AccessMode::Ask,
            interfaces: Vec::new(),
            listen: None,
            rtc: RtcConfig::new(Vec::new),
            events: broadcast::channel(1).0,
        };
        Host::new(serving, TaskTracker::new(), CancellationToken::new())
    }

    fn guest(n: usize) -> Credential {
        let (kind, scope) = (PhoneKind::Phone, PhoneScope::Publish);
        let (id, name) = (format!("{n:016x}"), format!("Phone {n}"));
        Credential { id, name, kind, scope, created_s: 0, used_s: 0 }
    }

    fn view(n: usize) -> PhoneView {
        let camera = CameraId::new(DeviceId::from_bytes([1; 16]), &n.to_string());
        PhoneView { camera, name: guest(n).name, viewers: 0, battery_percent: None }
    }

    #[tokio::test]
    async fn so_many_phones_publish_through_one_node_and_each_of_them_may_begin_anew() {
        let home = tempfile::tempdir().unwrap();
        let host = host(home.path());
        host.phones.send_replace((1..PHONES_MAX).map(|n| (guest(n).id, view(n))).collect());
        let nonsense = async |n: usize| host.publish(&guest(n), "no offer".to_owned()).await;
        assert!(matches!(nonsense(PHONES_MAX).await, Err(Refusal::BadSdp(_))), "a place is free");
        host.phones.send_modify(|phones| {
            phones.insert(guest(PHONES_MAX).id, view(PHONES_MAX));
        });
        assert!(matches!(nonsense(PHONES_MAX).await, Err(Refusal::BadSdp(_))), "its own place");
        let refused = nonsense(PHONES_MAX + 1).await;
        assert!(matches!(refused, Err(Refusal::Limit(_))), "{refused:?}");
    }

    #[tokio::test]
    async fn who_is_removed_is_expelled_and_nobody_else() {
        let home = tempfile::tempdir().unwrap();
        let host = host(home.path());
        let (stays, goes) = (host.follow(&guest(1)), host.follow(&guest(2)));
        host.expel_all_but(&[guest(1)]);
        host.tasks.close();
        // Its page is told nothing more, so it asks again and hears that it may not.
        let mut goes = goes;
        while goes.changed().await.is_ok() {}
        assert_eq!(stays.borrow().name, "Phone 1");
        assert!(!host.guest(&guest(1)).has_ended());
    }
}
