//! One phone or encoder: what it wants, and what its page and its watchers are told.
//!
//! A task that owns the guest's sessions ([`session`](super::session)) and its camera
//! ([`child`](super::child)). How long the camera outlives a session is decided in
//! [`stay`](super::stay), when it takes another name in [`renames`](super::renames).

use std::future::pending;
use std::sync::Arc;
use std::time::Instant;

use lanlens_identity::Credential;
use lanlens_model::limits::PHONES_MAX;
use lanlens_model::{Event, PhoneView};
use lanlens_web::{Answered, PageReport, PageState, Refusal, Restarted, SessionKey};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::Serving;
use super::child::{self, Child, Place};
use super::host::Phones;
use super::renames::Renames;
use super::session::{Pulse, Session, Turn, Way, end, next_turn};
use super::stay::{Signs, Stay};
use crate::config::{CameraConfig, NodeConfig};
use crate::relay::Relay;
use crate::start::StartError;

/// Requests of one guest waiting.
const WISHES_MAX: usize = 16;

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

/// The state of one guest's task.
pub(crate) struct Guest {
    id: String,
    name: String,
    serving: Serving,
    places: Arc<Semaphore>,
    way: Way,
    session: Option<Session>,
    /// What stands until the session has connected, and is what is left if it never does.
    before: Option<Session>,
    /// Why its pictures cannot be shown, and since when that is known.
    refused: Option<(String, Instant)>,
    child: Option<Child>,
    renames: Renames,
    report: PageReport,
    wishes: mpsc::Receiver<Wish>,
    state: watch::Sender<PageState>,
    phones: watch::Sender<Phones>,
    stay: Stay,
    end: CancellationToken,
}

impl Guest {
    /// `places` are those of all guests.
    pub(crate) fn new(
        credential: &Credential,
        serving: Serving,
        places: Arc<Semaphore>,
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
            places,
            way: Way { relay: Relay::new(), pulse: Pulse::default() },
            session: None,
            before: None,
            refused: None,
            child: None,
            renames: Renames::default(),
            report: PageReport::default(),
            wishes: received,
            state: state.clone(),
            phones,
            stay: Stay::new(Instant::now()),
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
        let (mut demand, mut keyframes) = (self.way.relay.demand(), self.way.relay.keyframes());
        loop {
            self.tell();
            self.stay.note(self.signs(), Instant::now());
            tokio::select! {
                Some(wish) = self.wishes.recv() => self.on_wish(wish).await,
                turn = next_turn(&mut self.session) => self.on_turn(turn).await,
                turn = next_turn(&mut self.before) => if let Turn::Ended(_) = turn {
                    end(&mut self.before).await;
                },
                Ok(()) = demand.changed() => {}
                () = keyframes.next() => {
                    if let Some(session) = &self.session {
                        session.request_keyframe();
                    }
                }
                () = child::changed(&mut self.child) => {}
                () = page_closed(&self.state, self.stay.has_page()) => {}
                () = sleep_until(self.renames.due()) => self.take_name().await,
                () = sleep_until(self.stay.due()) => if self.on_due().await { return },
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
                    Ok(session) => session.trickle(&fragment).await,
                    Err(refusal) => Err(refusal),
                };
                let _ = reply.send(done);
            }
            Wish::Restart { session, fragment, reply } => {
                let done = match self.session_named(&session) {
                    Ok(session) => session.restart(&fragment).await,
                    Err(refusal) => Err(refusal),
                };
                let _ = reply.send(done);
            }
            Wish::End { session, reply } => {
                let ended = self.session_named(&session).map(drop);
                if self.session.as_ref().is_some_and(|current| current.key == session) {
                    self.end_sessions().await;
                    self.stay.on_goodbye(Instant::now());
                } else if ended.is_ok() {
                    end(&mut self.before).await;
                }
                let _ = reply.send(ended);
            }
            Wish::Report(report) => {
                self.report = report;
                self.tell_trouble();
            }
            Wish::Rename(name) => {
                self.name = name;
                self.renames.on_name(Instant::now());
            }
        }
    }

    /// A new session in place of the one before, and the camera where there is none yet.
    async fn publish(&mut self, offer: String) -> Result<Answered, Refusal> {
        // Before anything else is done for it: others may be asking for the same one.
        let place = match &self.child {
            Some(_) => None,
            None => Some(self.places.clone().try_acquire_owned().map_err(|_| no_place())?),
        };
        let standing = [&self.session, &self.before].into_iter().flatten();
        let (rtc, way) = (self.serving.rtc.clone(), self.way.clone());
        let (session, answer) = Session::start(rtc, offer, way, standing).await?;
        let (key, mut session) = (session.key.clone(), Some(session));
        if let Some(place) = place
            && let Err(error) = self.open_child(place).await
        {
            end(&mut session).await;
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
        self.session = session;
        self.stay.on_publish();
        self.tell_trouble();
        Ok(Answered { session: key, ice: answer.ice, sdp: answer.sdp })
    }

    fn session_named(&self, key: &SessionKey) -> Result<&Session, Refusal> {
        let mut standing = [&self.session, &self.before].into_iter().flatten();
        standing.find(|session| session.key == *key).ok_or(Refusal::NotFound)
    }

    async fn on_turn(&mut self, turn: Turn) {
        let refused = match (turn, &mut self.session) {
            (Turn::None, _) | (_, None) => return,
            (Turn::Connected, Some(session)) => {
                session.connected = true;
                self.stay.on_connected();
                return end(&mut self.before).await;
            }
            (Turn::Ended(refused), Some(_)) => refused,
        };
        end(&mut self.session).await;
        if let Some(before) = self.before.take() {
            // Whoever asked for the new one never came.
            self.session = Some(before);
            return;
        }
        self.on_silence(refused);
    }

    /// No session is left: its path has failed, or its pictures were refused.
    fn on_silence(&mut self, refused: Option<String>) {
        let now = Instant::now();
        self.refused = refused.map(|words| (words, now)).or_else(|| self.refused.take());
        self.tell_trouble();
        self.stay.on_silence(now);
    }

    /// Tells watchers what keeps the phone from sending, as far as known.
    fn tell_trouble(&mut self) {
        let last = self.way.pulse.last();
        // It sends others now.
        self.refused.take_if(|(_, since)| last.is_some_and(|last| last > *since));
        let trouble = trouble(&Known {
            hidden: self.report.hidden,
            refused: self.refused.as_ref().map(|(words, _)| words.as_str()),
            silent: self.session.is_none() && self.child.is_some(),
        });
        self.way.relay.set_trouble(trouble);
    }

    fn signs(&self) -> Signs {
        Signs {
            page: self.state.receiver_count() > 0,
            session: self.session.is_some(),
            picture: self.way.pulse.last(),
        }
    }

    /// The time may be over; `true` when nothing is left of the guest.
    async fn on_due(&mut self) -> bool {
        let signs = self.signs();
        if !self.stay.is_over(signs, Instant::now()) {
            return false;
        }
        self.end_sessions().await;
        if self.child.is_none() && !signs.page {
            return true;
        }
        self.end_child().await;
        false
    }

    async fn end_sessions(&mut self) {
        end(&mut self.session).await;
        end(&mut self.before).await;
    }

    async fn open_child(&mut self, place: Place) -> Result<(), StartError> {
        let slot = format!("phone {}", self.id);
        let relay = self.way.relay.clone();
        let camera = CameraConfig::relayed(relay, slot, self.serving.access);
        let config = NodeConfig {
            interfaces: self.serving.interfaces.clone(),
            listen: self.serving.listen.map(|address| (address.ip(), 0).into()),
            via: Some(self.serving.node),
            ..NodeConfig::camera(self.serving.home.clone(), self.name.clone(), camera)
        };
        self.child = Some(Child::open(config, place, self.serving.events.clone()).await?);
        Ok(())
    }

    async fn end_child(&mut self) {
        if let Some(child) = self.child.take() {
            drop(child.close().await);
        }
        self.phones.send_if_modified(|phones| phones.remove(&self.id).is_some());
        self.stay.on_camera_gone(Instant::now());
    }

    /// The camera says goodbye and comes back by its new name, in its old place. If it cannot, the guest
    /// hears that its session is over, and why when it publishes again.
    async fn take_name(&mut self) {
        self.renames.on_done(Instant::now());
        let Some(child) = self.child.take_if(|child| child.name() != self.name) else { return };
        let place = child.close().await;
        if let Err(error) = self.open_child(place).await {
            let message = format!("“{}” could not come back by its new name: {error}", self.name);
            let _ = self.serving.events.send(Event::Error { message });
            self.end_sessions().await;
            self.end_child().await;
        }
    }

    /// Tells page and window what has changed.
    fn tell(&self) {
        let demand = *self.way.relay.demand().borrow();
        let viewers = self.child.as_ref().map(Child::viewers).unwrap_or_default();
        let camera = self.child.as_ref().and_then(Child::camera);
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

/// What may keep a phone from sending.
struct Known<'a> {
    hidden: bool,
    refused: Option<&'a str>,
    /// It is there no more.
    silent: bool,
}

/// What its watchers are told: the cause that its owner can do most about.
fn trouble(known: &Known<'_>) -> Option<String> {
    if known.hidden {
        return Some("the phone is locked, or its page is in the background".to_owned());
    }
    let silent = || known.silent.then(|| "the phone does not answer".to_owned());
    known.refused.map(str::to_owned).or_else(silent)
}

fn no_place() -> Refusal {
    Refusal::Limit(format!(
        "{PHONES_MAX} phones send their pictures through this computer already; end one of them, or \
         scan the code of another computer"
    ))
}

/// A share from 0 to 1; anything else comes from a page that was tampered with.
fn percent(share: f32) -> u8 {
    (share.clamp(0.0, 1.0) * 100.0).round() as u8
}

/// Waits until the page closes, where it is open. (That one opens is told by what it asks for.)
async fn page_closed(state: &watch::Sender<PageState>, open: bool) {
    match open {
        true => state.closed().await,
        false => pending().await,
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use lanlens_identity::{PhoneKind, PhoneScope};
    use lanlens_model::{AccessMode, DeviceId, NodeId};
    use lanlens_rtc::RtcConfig;
    use tokio::sync::broadcast;

    use super::*;

    fn guest() -> Guest {
        let serving = Serving {
            home: "nowhere".into(),
            node: NodeId::new(DeviceId::from_bytes([1; 16]), "viewer"),
            slot: "viewer-screen-0".to_owned(),
            access: AccessMode::Ask,
            interfaces: Vec::new(),
            listen: None,
            rtc: RtcConfig::new(Vec::new),
            events: broadcast::channel(1).0,
        };
        let (kind, scope) = (PhoneKind::Encoder, PhoneScope::Publish);
        let (id, name) = ("7f3a".to_owned(), "Stage".to_owned());
        let credential = Credential { id, name, kind, scope, created_s: 0, used_s: 0 };
        let (places, phones) = (Arc::new(Semaphore::new(1)), watch::Sender::default());
        Guest::new(&credential, serving, places, phones, CancellationToken::new()).0
    }

    fn told(guest: &Guest) -> Option<String> {
        guest.way.relay.trouble().map(|trouble| trouble.words)
    }

    #[test]
    fn why_pictures_were_refused_is_told_until_others_come() {
        let (mut guest, why) = (guest(), Some("pictures of 5120×2880 are too large".to_owned()));
        guest.on_silence(why.clone());
        assert_eq!(told(&guest), why);
        // It tries again, in vain.
        guest.on_silence(None);
        assert_eq!(told(&guest), why);
        guest.way.pulse.beat();
        guest.tell_trouble();
        assert_eq!(told(&guest), None);
    }

    #[test]
    fn watchers_are_told_the_cause_and_not_only_the_silence() {
        let known = Known { hidden: false, refused: Some("too large"), silent: true };
        assert_eq!(trouble(&known).as_deref(), Some("too large"));
        assert_eq!(trouble(&Known { silent: false, ..known }).as_deref(), Some("too large"));
        let words = trouble(&Known { refused: None, ..known }).unwrap();
        assert_eq!(words, "the phone does not answer");
        assert!(trouble(&Known { hidden: true, ..known }).unwrap().contains("locked"));
        assert_eq!(trouble(&Known { hidden: false, refused: None, silent: false }), None);
    }
}
