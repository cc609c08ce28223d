//! The node loop: facts into the mesh, actions out of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lanlens_discovery::Discovery;
use lanlens_mesh::{Action, DialId, LinkEnd, LinkId, LinkInput, Mesh, SessionInput};
use lanlens_model::{Command, Event, Snapshot};
use lanlens_protocol::{DiscoveryEvent, ErrorCode, Message};
use lanlens_rtc::check_offer;
use lanlens_signaling::{KnownAddresses, Link, Refusal};
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::errands::Errands;
use crate::input::Input;
use crate::links::{Links, may_dial_in};
use crate::network::NetworkNews;
use crate::phones::Phones;
use crate::refusals::Refusals;
use crate::screens::Screens;
use crate::sessions::{SessionCommand, Sessions};
use crate::studio::{Studio, Trouble};
use crate::trust::TrustKeeper;

/// Everything must be closed within this after [`Action::Stop`].
const STOP_TIMEOUT: Duration = Duration::from_millis(800);

/// Links have at least this long to write what is queued.
const FLUSH_TIME: Duration = Duration::from_millis(50);

/// A snapshot of many cameras costs a millisecond; a screen shows sixty a second.
const PUBLISH_EVERY: Duration = Duration::from_millis(8);

/// Where facts come from.
pub(crate) struct Inlets {
    pub(crate) inputs: mpsc::Receiver<Input>,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) discovery: mpsc::Receiver<DiscoveryEvent>,
    pub(crate) accepted: mpsc::Receiver<Link>,
    pub(crate) refused: mpsc::Receiver<Refusal>,
}

/// When the state was shown last, and whether it has changed since.
#[derive(Default)]
pub(crate) struct Shown {
    last: Option<Instant>,
    stale: bool,
}

/// The state of the loop.
pub(crate) struct NodeLoop {
    pub(crate) mesh: Mesh,
    pub(crate) links: Links,
    pub(crate) sessions: Sessions,
    pub(crate) discovery: Discovery,
    pub(crate) errands: Errands,
    pub(crate) trust: TrustKeeper,
    /// Whose connections are taken in first when many knock.
    pub(crate) known: KnownAddresses,
    pub(crate) refusals: Refusals,
    pub(crate) shown: Shown,
    pub(crate) screens: Arc<Screens>,
    pub(crate) studio: Option<Studio>,
    pub(crate) phones: Option<Arc<Phones>>,
    pub(crate) snapshot: watch::Sender<Arc<Snapshot>>,
    pub(crate) events: broadcast::Sender<Event>,
    pub(crate) tasks: TaskTracker,
    pub(crate) cancel: CancellationToken,
}

impl NodeLoop {
    /// Runs until [`Action::Stop`].
    pub(crate) async fn run(mut self, mut inlets: Inlets) {
        while !self.drain() {
            let later = self.publish();
            let due = self.mesh.poll_timeout().into_iter().chain(later).min();
            tokio::select! {
                Some(input) = inlets.inputs.recv() => self.on_input(input),
                Some(command) = inlets.commands.recv() => {
                    self.mesh.handle_command(command, Instant::now());
                }
                Some(event) = inlets.discovery.recv() => {
                    self.mesh.handle_discovery(event, Instant::now());
                }
                Some(link) = inlets.accepted.recv() => self.on_accepted(link),
                Some(refusal) = inlets.refused.recv() => self.emit(Event::PeerRefused {
                    address: refusal.address.to_string(),
                    reason: refusal.reason,
                }),
                () = self.sessions.pictures.due() => self.on_pictures(),
                () = sleep_until(due) => {
                    // A stream whose pictures wait to be told of has not stalled.
                    self.on_pictures();
                    self.mesh.handle_timeout(Instant::now());
                }
            }
        }
        self.stop().await;
    }

    fn on_pictures(&mut self) {
        self.mesh.handle_sessions(self.sessions.pictures.take(), Instant::now());
    }

    fn on_input(&mut self, input: Input) {
        let now = Instant::now();
        match input {
            Input::Link(input) => {
                if let LinkInput::Closed { link, .. } = &input {
                    self.links.close(*link);
                }
                match senseless_offer(&input) {
                    Some((link, refusal)) => self.links.send(link, refusal),
                    None => self.mesh.handle_link(input, now),
                }
            }
            Input::Dialed(dial, link) => self.on_link(link, Some(dial)),
            Input::Session(handle, input) => self.mesh.handle_session(handle, input, now),
            Input::Path(handle, local) => self.sessions.on_path(handle, local),
            Input::Network(news) => self.on_network(&news, now),
            Input::Trust(input) => self.mesh.handle_trust(*input, now),
            Input::Source(camera, trouble) => {
                let told = trouble.as_ref().map(|trouble| trouble.for_viewers.to_string());
                if let Some(Trouble { here: message, .. }) = trouble {
                    self.emit(Event::Error { message });
                }
                self.mesh.handle_source(camera, told, now);
            }
            Input::Scan(input) => self.mesh.handle_scan(input, now),
            Input::Trouble(message) => self.emit(Event::Error { message }),
        }
    }

    /// What stood at an address that is gone is gone, though nothing says so. Without any address it may
    /// all come back as it was: a roaming phone, a cable that was moved.
    fn on_network(&mut self, news: &NetworkNews, now: Instant) {
        tracing::info!(addresses = ?news.addresses, slept = news.slept, "the network changed");
        if news.changed || !news.addresses.is_empty() {
            // First: what ends below is no reason to give anybody up.
            self.mesh.handle_network(!news.addresses.is_empty(), now);
        }
        for link in self.links.end_lost(news) {
            let end = LinkEnd::Lost("this computer's address changed".to_owned());
            self.mesh.handle_link(LinkInput::Closed { link, end }, now);
        }
        for handle in self.sessions.lost(news) {
            self.mesh.handle_session(handle, SessionInput::PathLost, now);
        }
    }

    fn on_accepted(&mut self, link: Link) {
        if may_dial_in(link.remote) {
            return self.on_link(link, None);
        }
        let reason = "it is not on the local network".to_owned();
        self.emit(Event::PeerRefused { address: link.remote.to_string(), reason });
    }

    fn on_link(&mut self, link: Link, dial: Option<DialId>) {
        let (device, remote, channel) = (link.device, link.remote, link.channel);
        let link = self.links.run(link);
        let input = LinkInput::Opened { link, device, remote, dial, channel };
        self.mesh.handle_link(input, Instant::now());
    }

    /// Executes what the mesh wants; `true` when it wants to stop.
    fn drain(&mut self) -> bool {
        while let Some(action) = self.mesh.poll_action() {
            if action == Action::Stop {
                return true;
            }
            self.act(action);
        }
        false
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Dial { dial, addresses, expect } => self.links.dial(dial, addresses, expect),
            Action::Send { link, message } => self.links.send(link, message),
            Action::CloseLink { link } => self.links.close(link),
            Action::OpenSubscriber { handle, camera, layer } => {
                self.sessions.subscribe(handle, camera, layer);
            }
            Action::OpenPublisher { handle, offer, layer, .. } => {
                self.sessions.publish(handle, offer, layer);
            }
            Action::AcceptAnswer { handle, sdp } => {
                self.sessions.command(handle, SessionCommand::Answer(sdp));
            }
            Action::AddCandidate { handle, candidate } => {
                self.sessions.command(handle, SessionCommand::Candidate(candidate));
            }
            Action::CloseSession { handle } => self.sessions.close(handle),
            Action::Claim { device, name } => self.trust.claim(device, name),
            Action::ChangeTrust(change) => self.trust.change(change),
            Action::Wait { device, name, code, left } => self.trust.wait(device, name, code, left),
            Action::StopWaiting { device } => self.trust.stop_waiting(device),
            Action::KnowAddress(address) => self.known.note(address.ip()),
            Action::RememberNode(known) => self.errands.remember(known),
            Action::Scan => self.errands.scan(),
            Action::Browse => {
                if let Err(error) = self.discovery.refresh() {
                    self.emit(Event::Error { message: error.to_string() });
                }
            }
            Action::Emit(event) => self.emit(event),
            Action::SetLayer { handle, layer } => {
                self.sessions.command(handle, SessionCommand::Layer(layer));
            }
            Action::SetVisible { handle, visible } => {
                self.sessions.command(handle, SessionCommand::Visible(visible));
            }
            // `drain` has seen to it.
            Action::Stop => {}
        }
    }

    fn emit(&mut self, event: Event) {
        let event = match event {
            Event::PeerRefused { address, reason } => {
                tracing::info!(address, reason, "refused");
                let Some(reason) = self.refusals.tell(reason, Instant::now()) else { return };
                Event::PeerRefused { address, reason }
            }
            event => event,
        };
        // No receiver is no error: a program may only look at the snapshot.
        let _ = self.events.send(event);
    }

    /// Shows the new state, but not more often than anybody looks: gives when, where that is later.
    fn publish(&mut self) -> Option<Instant> {
        self.shown.stale |= self.mesh.take_changed();
        if !self.shown.stale {
            return None;
        }
        let now = Instant::now();
        if let Some(next) = self.shown.last.map(|at| at + PUBLISH_EVERY).filter(|next| now < *next)
        {
            return Some(next);
        }
        self.shown = Shown { last: Some(now), stale: false };
        let snapshot = Arc::new(self.mesh.snapshot());
        self.screens.retain_listed(&snapshot);
        self.snapshot.send_replace(snapshot);
        None
    }

    async fn stop(self) {
        let Self { discovery, studio, phones, sessions, links, tasks, cancel, .. } = self;
        if let Some(phones) = &phones {
            phones.begin_stop();
        }
        if let Some(studio) = &studio {
            studio.begin_stop();
        }
        // Links flush their goodbyes because their queues end; sessions close by their tokens.
        drop(links);
        drop(sessions);
        let goodbye = tokio::task::spawn_blocking(move || discovery.shutdown());
        let ending = async {
            tasks.close();
            // Links write their goodbyes meanwhile: their queues have ended.
            tokio::join!(tokio::time::sleep(FLUSH_TIME), async {
                let _ = goodbye.await;
            });
            // Ends what only waits: the listener, dials, links whose peer does not read.
            cancel.cancel();
            tasks.wait().await;
            if let Some(studio) = studio {
                let _ = tokio::task::spawn_blocking(move || studio.stop()).await;
            }
        };
        if tokio::time::timeout(STOP_TIMEOUT, ending).await.is_err() {
            tracing::warn!("some connections did not close in time");
        }
    }
}

/// An offer that no session could come of is refused before anybody decides on it: it must not
/// claim a camera.
fn senseless_offer(input: &LinkInput) -> Option<(LinkId, Message)> {
    let LinkInput::Message { link, message: Message::Offer { session, sdp, .. } } = input else {
        return None;
    };
    let text = check_offer(sdp).err()?.to_string();
    let refusal = Message::Error { code: ErrorCode::Sdp, text, session: Some(*session) };
    Some((*link, refusal))
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}
