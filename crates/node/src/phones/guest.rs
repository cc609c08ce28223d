//! One phone or encoder: its session, its camera node, and what its page is told.
//!
//! The camera node outlives the session by a moment where the page says goodbye (it may only be
//! loaded anew) and by a minute where the phone fell silent, so that its tile stays where it is.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lanlens_identity::{Credential, RandomError, random_bytes};
use lanlens_model::{Event, PhoneView, Snapshot};
use lanlens_rtc::{FragmentError, Ingest, IngestError, SessionEvent};
use lanlens_web::{Answered, PageReport, PageState, Refusal, Restarted, SessionKey, Viewer};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Serving;
use super::host::Phones;
use crate::config::{CameraConfig, NodeConfig};
use crate::handle::NodeHandle;
use crate::relay::Relay;
use crate::start::StartError;

/// A page that is loaded anew is back within this.
const GOODBYE_GRACE: Duration = Duration::from_millis(1200);
/// A phone that fell silent keeps its tile, with the reason on it, for this long.
const SILENCE_KEPT: Duration = Duration::from_secs(60);
/// A guest of whom nothing is heard is forgotten: its next request begins anew.
const IDLE_KEPT: Duration = Duration::from_secs(30);
/// Requests of one guest waiting.
const WISHES_MAX: usize = 16;
/// Events of its session waiting.
const SESSION_EVENTS_MAX: usize = 64;

/// What a guest wants.
pub(crate) enum Wish {
    Publish { offer: String, reply: Reply<Answered> },
    Trickle { session: SessionKey, fragment: String, reply: Reply<()> },
    Restart { session: SessionKey, fragment: String, reply: Reply<Restarted> },
    End { session: SessionKey, reply: Reply<()> },
    Report(PageReport),
    Rename(String),
}

/// Where the answer to a wish goes; nobody may wait for it any more.
type Reply<T> = oneshot::Sender<Result<T, Refusal>>;

/// The way to a guest's task.
#[derive(Clone)]
pub(crate) struct GuestHandle {
    pub(crate) wishes: mpsc::Sender<Wish>,
    pub(crate) state: watch::Sender<PageState>,
    end: CancellationToken,
}

impl GuestHandle {
    /// Ends its session and its camera at once.
    pub(crate) fn expel(&self) {
        self.end.cancel();
    }

    /// It takes no wishes any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.wishes.is_closed()
    }
}

/// The session that brings pictures.
struct Session {
    key: SessionKey,
    ingest: Ingest,
    events: mpsc::Receiver<SessionEvent>,
    /// Its pictures count: no later session has replaced it.
    counts: Arc<AtomicBool>,
    connected: bool,
}

/// The camera as others see it.
struct Child {
    node: NodeHandle,
    snapshot: watch::Receiver<Arc<Snapshot>>,
    /// Ends the task that passes its news on.
    _news: tokio_util::sync::DropGuard,
}

/// The state of one guest's task.
pub(crate) struct Guest {
    id: String,
    name: String,
    serving: Serving,
    relay: Relay,
    session: Option<Session>,
    /// What stands until the session has connected, and is what is left if it never does.
    before: Option<Session>,
    child: Option<Child>,
    report: PageReport,
    wishes: mpsc::Receiver<Wish>,
    state: watch::Sender<PageState>,
    phones: watch::Sender<Phones>,
    /// The page was open before.
    followed: bool,
    /// When the camera goes, or the guest is forgotten, unless something happens before.
    ends_at: Option<Instant>,
    end: CancellationToken,
}

impl Guest {
    pub(crate) fn new(
        credential: &Credential,
        serving: Serving,
        phones: watch::Sender<Phones>,
        end: CancellationToken,
    ) -> (Self, GuestHandle) {
        let (wishes, received) = mpsc::channel(WISHES_MAX);
        let page = PageState { name: credential.name.clone(), ..PageState::default() };
        let (state, _) = watch::channel(page);
        let guest = Self {
            id: credential.id.clone(),
            name: credential.name.clone(),
            serving,
            relay: Relay::new(),
            session: None,
            before: None,
            child: None,
            report: PageReport::default(),
            wishes: received,
            state: state.clone(),
            phones,
            followed: false,
            ends_at: Some(Instant::now() + IDLE_KEPT),
            end: end.clone(),
        };
        (guest, GuestHandle { wishes, state, end })
    }

    /// Serves the guest until it has left, or all ends.
    pub(crate) async fn run(mut self) {
        let end = self.end.clone();
        let _ = end.run_until_cancelled(self.serve()).await;
        // Who asks from now on begins anew.
        self.wishes.close();
        self.end_sessions().await;
        self.end_child().await;
    }

    async fn serve(&mut self) {
        let (mut demand, mut keyframes) = (self.relay.demand(), self.relay.keyframes());
        loop {
            self.tell();
            self.note_followers();
            tokio::select! {
                Some(wish) = self.wishes.recv() => self.on_wish(wish).await,
                event = next_event(&mut self.session) => self.on_session(event).await,
                event = next_event(&mut self.before) => if ends(event.as_ref()) {
                    end(&mut self.before).await;
                },
                Ok(()) = demand.changed() => {}
                () = keyframes.next() => {
                    if let Some(session) = &self.session {
                        session.ingest.request_keyframe();
                    }
                }
                () = next_snapshot(&mut self.child) => {}
                () = followers_changed(&self.state, self.followed) => {}
                () = sleep_until(self.ends_at) => if self.on_end().await { return },
            }
        }
    }

    async fn on_wish(&mut self, wish: Wish) {
        match wish {
            Wish::Publish { offer, reply } => {
                let answered = self.publish(offer).await;
                let _ = reply.send(answered);
            }
            Wish::Trickle { session, fragment, reply } => {
                let done = match self.session_named(&session) {
                    Ok(session) => session.ingest.trickle(&fragment).await.map_err(bad_fragment),
                    Err(refusal) => Err(refusal),
                };
                let _ = reply.send(done);
            }
            Wish::Restart { session, fragment, reply } => {
                let done = match self.session_named(&session) {
                    Ok(session) => session.ingest.restart(&fragment).await.map_err(bad_fragment),
                    Err(refusal) => Err(refusal),
                };
                let done = done.map(|answer| Restarted { ice: answer.ice, fragment: answer.sdp });
                let _ = reply.send(done);
            }
            Wish::End { session, reply } => {
                let ended = self.session_named(&session).map(drop);
                if self.session.as_ref().is_some_and(|current| current.key == session) {
                    self.end_sessions().await;
                    self.ends_at = Some(Instant::now() + GOODBYE_GRACE);
                } else if ended.is_ok() {
                    end(&mut self.before).await;
                }
                let _ = reply.send(ended);
            }
            Wish::Report(report) => {
                self.report = report;
                self.relay.set_trouble(self.trouble());
            }
            Wish::Rename(name) => self.rename(name).await,
        }
    }

    /// A new session in place of the one before, and the camera where there is none yet.
    async fn publish(&mut self, offer: String) -> Result<Answered, Refusal> {
        let key = session_key().map_err(|error| Refusal::Busy(error.to_string()))?;
        let counts = Arc::new(AtomicBool::new(true));
        let (relay, current) = (self.relay.clone(), Arc::clone(&counts));
        let standing = [&self.session, &self.before].into_iter().flatten();
        let others: Vec<_> = standing.map(|session| Arc::clone(&session.counts)).collect();
        let on_unit = move |unit| {
            // From its first picture on, and not sooner: the session before goes on until then.
            others.iter().for_each(|before| before.store(false, Ordering::Relaxed));
            if current.load(Ordering::Relaxed) {
                relay.push(unit);
            }
        };
        let (events, received) = mpsc::channel(SESSION_EVENTS_MAX);
        let started = Ingest::start(self.serving.rtc.clone(), offer, on_unit, events).await;
        let (ingest, answer) = started.map_err(refusal)?;
        if let Err(error) = self.open_child().await {
            ingest.close().await;
            // Its words name files of this computer.
            tracing::warn!(%error, "a phone's camera could not start");
            let text = "this computer could not start your camera; its terminal says why";
            return Err(Refusal::Busy(text.to_owned()));
        }
        // One that is not connected itself is not worth waiting with.
        if self.session.as_ref().is_some_and(|session| session.connected) {
            end(&mut self.before).await;
            self.before = self.session.take();
        }
        end(&mut self.session).await;
        let events = received;
        self.session = Some(Session { key: key.clone(), ingest, events, counts, connected: false });
        self.ends_at = None;
        self.relay.set_trouble(self.trouble());
        Ok(Answered { session: key, ice: answer.ice, sdp: answer.sdp })
    }

    fn session_named(&self, key: &SessionKey) -> Result<&Session, Refusal> {
        let mut standing = [&self.session, &self.before].into_iter().flatten();
        standing.find(|session| session.key == *key).ok_or(Refusal::NotFound)
    }

    async fn on_session(&mut self, event: Option<SessionEvent>) {
        if let (Some(SessionEvent::Connected { .. }), Some(session)) = (&event, &mut self.session) {
            session.connected = true;
            return end(&mut self.before).await;
        }
        if !ends(event.as_ref()) {
            return;
        }
        end(&mut self.session).await;
        if let Some(before) = self.before.take() {
            // Whoever asked for the new one never came.
            self.session = Some(before);
            return;
        }
        self.relay.set_trouble(self.trouble());
        self.ends_at = Some(Instant::now() + SILENCE_KEPT);
    }

    /// What keeps the phone from sending, as far as known.
    fn trouble(&self) -> Option<String> {
        if self.report.hidden {
            return Some("the phone is locked, or its page is in the background".to_owned());
        }
        let silent = self.session.is_none() && self.child.is_some();
        silent.then(|| "the phone does not answer".to_owned())
    }

    /// A page that was open and is gone took its camera with it, unless it is back in a moment.
    fn note_followers(&mut self) {
        let follows = self.state.receiver_count() > 0;
        if self.followed && !follows {
            let soon = Instant::now() + GOODBYE_GRACE;
            self.ends_at = Some(self.ends_at.map_or(soon, |at| at.min(soon)));
        } else if follows && self.session.is_some() {
            self.ends_at = None;
        }
        self.followed = follows;
    }

    /// The time is over; `true` when nothing is left of the guest.
    async fn on_end(&mut self) -> bool {
        self.ends_at = None;
        let follows = self.state.receiver_count() > 0;
        if follows && self.session.is_some() {
            // It only lost its connection for a moment.
            return false;
        }
        self.end_sessions().await;
        if self.child.is_none() && !follows {
            return true;
        }
        self.end_child().await;
        self.ends_at = Some(Instant::now() + IDLE_KEPT);
        false
    }

    async fn end_sessions(&mut self) {
        end(&mut self.session).await;
        end(&mut self.before).await;
    }

    async fn open_child(&mut self) -> Result<(), StartError> {
        if self.child.is_some() {
            return Ok(());
        }
        let node = start_boxed(self.child_config()).await?;
        let end = CancellationToken::new();
        let news = News { of: self.name.clone(), to: self.serving.events.clone() };
        tokio::spawn(news.pass_on(node.clone(), end.clone()));
        let snapshot = node.snapshots();
        self.child = Some(Child { node, snapshot, _news: end.drop_guard() });
        Ok(())
    }

    async fn end_child(&mut self) {
        if let Some(child) = self.child.take() {
            child.node.shutdown().await;
        }
        self.phones.send_if_modified(|phones| phones.remove(&self.id).is_some());
    }

    fn child_config(&self) -> NodeConfig {
        let slot = format!("phone {}", self.id);
        let camera = CameraConfig::relayed(self.relay.clone(), slot, self.serving.access);
        NodeConfig {
            interfaces: self.serving.interfaces.clone(),
            listen: self.serving.listen.map(|address| (address.ip(), 0).into()),
            via: Some(self.serving.node),
            ..NodeConfig::camera(self.serving.home.clone(), self.name.clone(), camera)
        }
    }

    /// The camera says goodbye and comes back by its new name, in its old place.
    async fn rename(&mut self, name: String) {
        if self.name == name {
            return;
        }
        self.name = name;
        let Some(child) = self.child.take() else { return };
        child.node.shutdown().await;
        if let Err(error) = self.open_child().await {
            tracing::warn!(%error, "a phone's camera could not start again");
        }
    }

    /// Tells page and window what has changed.
    fn tell(&self) {
        let demand = *self.relay.demand().borrow();
        let snapshot = self.child.as_ref().map(|child| Arc::clone(&child.snapshot.borrow()));
        let watchers = snapshot.iter().flat_map(|s| &s.local).flat_map(|camera| &camera.watchers);
        let viewers: Vec<Viewer> =
            watchers.map(|watcher| Viewer { name: watcher.name.clone() }).collect();
        let camera = self.child.as_ref().and_then(|child| child.node.ready().camera);
        if let Some(camera) = camera {
            let view = PhoneView {
                camera,
                name: self.name.clone(),
                viewers: viewers.len(),
                battery_percent: self.report.battery.map(percent),
            };
            self.phones.send_if_modified(|phones| {
                let changed = phones.get(&self.id) != Some(&view);
                phones.insert(self.id.clone(), view);
                changed
            });
        }
        let state = PageState {
            camera,
            name: self.name.clone(),
            wanted: demand.wanted,
            kbps: demand.kbps,
            viewers,
        };
        self.state.send_if_modified(|shown| {
            let changed = *shown != state;
            *shown = state;
            changed
        });
    }
}

/// A share from 0 to 1; anything else comes from a page that was tampered with.
fn percent(share: f32) -> u8 {
    (share.clamp(0.0, 1.0) * 100.0).round() as u8
}

fn session_key() -> Result<SessionKey, RandomError> {
    let bytes: [u8; 16] = random_bytes()?;
    Ok(SessionKey(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
}

fn refusal(error: IngestError) -> Refusal {
    let text = error.to_string();
    match error {
        IngestError::NoH264 => Refusal::NoH264(text),
        IngestError::UnsupportedProfile { .. } => Refusal::UnsupportedProfile(text),
        IngestError::Description(_) => Refusal::BadSdp(text),
        IngestError::Rtc(_) => Refusal::Busy(text),
    }
}

fn bad_fragment(error: FragmentError) -> Refusal {
    match error {
        FragmentError::Ended => Refusal::NotFound,
        error => Refusal::BadSdp(error.to_string()),
    }
}

/// A node starts a guest's camera, which is a node: somewhere the types must end.
/// Starting takes locks and writes files, for which nobody else's pictures may wait.
fn start_boxed(
    config: NodeConfig,
) -> Pin<Box<dyn Future<Output = Result<NodeHandle, StartError>> + Send>> {
    Box::pin(async move {
        let runtime = tokio::runtime::Handle::current();
        let starting = tokio::task::spawn_blocking(move || runtime.block_on(crate::start(config)));
        starting.await.map_err(std::io::Error::other)?
    })
}

/// What a person at the serving node must know of a phone's camera.
struct News {
    /// Its name.
    of: String,
    to: broadcast::Sender<Event>,
}

impl News {
    async fn pass_on(self, node: NodeHandle, end: CancellationToken) {
        let mut events = node.events();
        loop {
            let event = match end.run_until_cancelled(events.recv()).await {
                Some(Ok(event)) => event,
                Some(Err(RecvError::Lagged(_))) => continue,
                Some(Err(RecvError::Closed)) | None => return,
            };
            let event = match event {
                Event::Error { message } => {
                    Event::Error { message: format!("“{}”: {message}", self.of) }
                }
                Event::AccessRequest { .. } | Event::AccessDecided { .. } => event,
                _ => continue,
            };
            let _ = self.to.send(event);
        }
    }
}

/// Whether nothing more comes of a session.
fn ends(event: Option<&SessionEvent>) -> bool {
    match event {
        Some(SessionEvent::Failed(reason)) => {
            tracing::info!(reason, "a phone's session failed");
            true
        }
        Some(SessionEvent::Closed) | None => true,
        // The answer holds its candidates; pictures tell of everything else.
        Some(_) => false,
    }
}

async fn end(session: &mut Option<Session>) {
    if let Some(session) = session.take() {
        session.counts.store(false, Ordering::Relaxed);
        session.ingest.close().await;
    }
}

async fn next_event(session: &mut Option<Session>) -> Option<SessionEvent> {
    match session {
        Some(session) => session.events.recv().await,
        None => pending().await,
    }
}

async fn next_snapshot(child: &mut Option<Child>) {
    let changed = match child {
        Some(child) => child.snapshot.changed().await.is_ok(),
        None => false,
    };
    if !changed {
        pending().await
    }
}

/// Waits until the page closes, where it is open. (That one opens is told by what it asks for.)
async fn followers_changed(state: &watch::Sender<PageState>, followed: bool) {
    match followed {
        true => state.closed().await,
        false => pending().await,
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => pending().await,
    }
}
