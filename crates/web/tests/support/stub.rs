//! A stage that takes everything, and remembers what it was asked.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use lanlens_identity::Credential;
use lanlens_web::{Answered, PageReport, PageState, Refusal, Restarted, SessionKey, Stage, Viewer};
use tokio::sync::watch;

/// What reached the stage, with the id of who asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    Publish(String, String),
    Trickle(String, String),
    Restart(String, String),
    End(String),
    Report(String, PageReport),
    Rename(String, String),
}

/// Remembers.
pub struct Stub {
    pub calls: Mutex<Vec<Call>>,
    made: AtomicUsize,
    /// What the next publish, trickle or restart is refused with.
    pub refuse: Mutex<Option<Refusal>>,
    pub state: watch::Sender<PageState>,
}

impl Default for Stub {
    fn default() -> Self {
        let state = PageState { name: "Ann".into(), kbps: 2500, ..PageState::default() };
        let (state, _) = watch::channel(state);
        Self { calls: Mutex::default(), made: AtomicUsize::new(0), refuse: Mutex::default(), state }
    }
}

impl Stub {
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// Somebody begins to watch.
    pub fn watch(&self, who: &str) {
        self.state.send_modify(|state| {
            state.wanted = true;
            state.viewers.push(Viewer { name: who.to_owned() });
        });
    }

    fn note(&self, call: Call) -> Result<(), Refusal> {
        self.calls.lock().unwrap().push(call);
        self.refuse.lock().unwrap().take().map_or(Ok(()), Err)
    }

    fn next(&self) -> usize {
        self.made.fetch_add(1, Ordering::Relaxed)
    }
}

#[async_trait]
impl Stage for Stub {
    async fn publish(&self, guest: &Credential, offer: String) -> Result<Answered, Refusal> {
        self.note(Call::Publish(guest.id.clone(), offer))?;
        let n = self.next();
        let session = SessionKey(format!("session{n}"));
        Ok(Answered { session, ice: format!("ice{n}"), sdp: "v=0\r\n(answer)".into() })
    }

    async fn trickle(
        &self,
        guest: &Credential,
        _session: &SessionKey,
        fragment: String,
    ) -> Result<(), Refusal> {
        self.note(Call::Trickle(guest.id.clone(), fragment))
    }

    async fn restart(
        &self,
        guest: &Credential,
        _session: &SessionKey,
        fragment: String,
    ) -> Result<Restarted, Refusal> {
        self.note(Call::Restart(guest.id.clone(), fragment))?;
        Ok(Restarted { ice: format!("ice{}", self.next()), fragment: "a=ice-ufrag:new\r\n".into() })
    }

    async fn end(&self, guest: &Credential, _session: &SessionKey) -> Result<(), Refusal> {
        self.note(Call::End(guest.id.clone()))
    }

    fn follow(&self, _guest: &Credential) -> watch::Receiver<PageState> {
        self.state.subscribe()
    }

    fn report(&self, guest: &Credential, report: PageReport) {
        let _ = self.note(Call::Report(guest.id.clone(), report));
    }

    fn rename(&self, guest: &Credential, name: &str) {
        let _ = self.note(Call::Rename(guest.id.clone(), name.to_owned()));
    }
}
