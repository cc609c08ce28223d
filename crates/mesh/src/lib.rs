//! The brain, without I/O: who is on the network, whom to dial, what to watch, whom to serve.
//!
//! ```text
//!  discovery ─┐                                     ┌─▶ dial, send, close a link
//!  links ─────┤  handle_*(input, now) ┌──────┐ poll_action() ─▶ start, feed, end a session
//!  sessions ──┼──────────────────────▶│ Mesh │──────┼─▶ claim, browse, stop
//!  commands ──┤                       └──┬───┘      └─▶ tell (an event)
//!  trust ─────┘                          ├─ poll_timeout() ─▶ when to call handle_timeout
//!                                        └─ snapshot() ────▶ what a window paints
//! ```
//!
//! **Contract:** give one input, drain [`Mesh::poll_action`], then sleep until
//! [`Mesh::poll_timeout`] or the next input. The mesh never reads a clock, a socket or a random
//! device: time comes with every call and chance from the seed, so that a day of reconnects runs in
//! milliseconds, the same way each time.
//!
//! Inputs about links and sessions that it does not know (late, or from a broken peer) are ignored.

mod asking;
mod backoff;
mod copies;
mod dialing;
mod directory;
mod greeting;
mod io;
mod links;
mod node;
mod owning;
mod pace;
mod parting;
mod places;
mod quota;
mod requesting;
mod resuming;
mod room;
mod scanning;
mod serving;
mod showing;
mod sizes;
mod telling;
mod trouble;
mod view;
mod watching;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use fastrand::Rng;
use lanlens_model::{
    Access, AccessMode, CameraId, Command, DeviceId, Epoch, Event, KnownNode, NodeId, Role, RunId,
    ScanView, Selection, Snapshot, TrustChange, TrustView,
};
use lanlens_protocol::{DiscoveryEvent, Secret};

pub use io::{
    Action, Claim, DialFailure, DialId, LinkEnd, LinkId, LinkInput, SessionHandle, SessionInput,
    TrustInput,
};
pub use pace::Pace;
pub use scanning::ScanInput;
pub use sizes::Sizes;

use asking::Asking;
use copies::Copies;
use directory::Directory;
use links::Links;
use owning::Owning;
use serving::Serving;
use telling::Telling;
use trouble::Troubles;
use watching::Watching;

/// Who this node is.
#[derive(Debug, Clone)]
pub struct Config {
    /// This node.
    pub node: NodeId,
    /// What it is for.
    pub role: Role,
    /// Its process start.
    pub epoch: Epoch,
    /// The same for all programs of the home that run on this machine now.
    pub run: RunId,
    /// Where it listens.
    pub port: u16,
    /// Friendly name; viewers may have none.
    pub name: String,
    /// The cameras it serves, with their friendly names.
    pub cameras: Vec<(CameraId, String)>,
    /// The node that a phone or encoder sends the pictures of these cameras to. They are that node's
    /// device's from the first picture on, so nobody can claim them.
    pub via: Option<NodeId>,
    /// Who may watch them.
    pub access: AccessMode,
    /// The devices this home has made up its mind about.
    pub trust: TrustView,
    /// Where cameras were reached before.
    pub known: Vec<KnownNode>,
}

impl Config {
    /// What `device` may do with our cameras.
    pub(crate) fn access_of(&self, device: DeviceId) -> Access {
        let access = self.trust.access_for(device, self.node.device(), self.access);
        match access {
            Access::Unclaimed if self.via.is_some() => Access::Pending,
            access => access,
        }
    }
}

/// See the crate's documentation.
pub struct Mesh {
    config: Config,
    rng: Rng,
    secret: Secret,
    now: Instant,
    directory: Directory,
    links: Links,
    watching: Watching,
    serving: Serving,
    asking: Asking,
    owning: Owning,
    copies: Copies,
    telling: Telling,
    /// The search that goes on, or the last one.
    scan: Option<ScanView>,
    /// Of our own cameras.
    troubles: Troubles,
    /// When which device agreed on a code with us.
    drawn: VecDeque<(Instant, DeviceId)>,
    actions: VecDeque<Action>,
    changed: bool,
    /// This machine has no address but its own.
    offline: bool,
    /// When it had one again.
    back_at: Option<Instant>,
    stopped: bool,
}

impl Mesh {
    /// A mesh that knows nobody yet. `seed` spreads retries and names sessions; `secret` makes the
    /// nonces of codes, so nobody may be able to guess it.
    pub fn new(config: Config, seed: u64, secret: Secret, now: Instant) -> Self {
        let directory = Directory::with_known(&config, now);
        Self {
            config,
            rng: Rng::with_seed(seed),
            secret,
            now,
            directory,
            links: Links::default(),
            watching: Watching::default(),
            serving: Serving::default(),
            asking: Asking::default(),
            owning: Owning::default(),
            copies: Copies::default(),
            telling: Telling::default(),
            scan: None,
            troubles: Troubles::default(),
            drawn: VecDeque::new(),
            actions: VecDeque::new(),
            changed: true,
            offline: false,
            back_at: None,
            stopped: false,
        }
    }

    /// Takes a fact from mDNS. Nothing in it is believed beyond "worth dialing".
    pub fn handle_discovery(&mut self, event: DiscoveryEvent, now: Instant) {
        self.advance(now);
        match event {
            DiscoveryEvent::Resolved { instance, txt, addresses } => {
                self.on_resolved(instance, txt, addresses);
            }
            DiscoveryEvent::Removed { instance } => self.on_removed(&instance),
        }
        self.settle();
    }

    /// Takes a fact about a link.
    pub fn handle_link(&mut self, input: LinkInput, now: Instant) {
        self.advance(now);
        match input {
            LinkInput::Opened { link, device, remote, dial, channel } => {
                self.on_link_opened(link, device, remote, dial, channel);
            }
            LinkInput::Message { link, message } => self.on_message(link, message),
            LinkInput::Closed { link, end } => self.on_link_closed(link, end),
            LinkInput::DialFailed { dial, failure } => self.on_dial_failed(dial, failure),
        }
        self.settle();
    }

    /// Takes a fact about a media session.
    pub fn handle_session(&mut self, handle: SessionHandle, input: SessionInput, now: Instant) {
        self.handle_sessions([(handle, input)], now);
    }

    /// Takes facts about media sessions, in the order in which they came.
    pub fn handle_sessions(
        &mut self,
        inputs: impl IntoIterator<Item = (SessionHandle, SessionInput)>,
        now: Instant,
    ) {
        self.advance(now);
        for (handle, input) in inputs {
            if self.watching.sessions.contains_key(&handle) {
                self.on_watched(handle, input);
            } else if self.serving.sessions.contains_key(&handle) {
                self.on_served(handle, input);
            }
        }
        self.settle();
    }

    /// Takes a wish.
    pub fn handle_command(&mut self, command: Command, now: Instant) {
        self.advance(now);
        match command {
            Command::Watch(selection) => self.on_watch(selection),
            Command::SetLayer(camera, layer) => self.on_set_layer(camera, layer),
            Command::SetLayerOfOthers(layer) => self.watching.layer_of_others = layer,
            Command::SetVisible(camera, visible) => self.on_set_visible(camera, visible),
            Command::Refresh => self.on_refresh(),
            Command::Allow { device, name, codes } => self.on_allow(device, &name, &codes),
            Command::Deny { device, name } => self.on_deny(device, &name),
            Command::Remove { device, name } => self.on_remove(device, &name),
            Command::DismissNews => self.change_trust(TrustChange::DismissNews),
            Command::Join(invitation) => self.change_trust(TrustChange::Join(invitation)),
            Command::AddPeer(address) => self.on_add_peer(address),
            Command::Scan => self.on_scan(),
            Command::Shutdown => self.on_shutdown(),
        }
        self.settle();
    }

    /// Takes a change of the home's trust store, or the outcome of a claim.
    pub fn handle_trust(&mut self, input: TrustInput, now: Instant) {
        self.advance(now);
        match input {
            TrustInput::Changed(trust) => self.on_trust_changed(trust),
            TrustInput::ClaimDone(claim) => self.on_claim_done(claim),
        }
        self.settle();
    }

    /// Takes a fact about a search of the network.
    pub fn handle_scan(&mut self, input: ScanInput, now: Instant) {
        self.advance(now);
        self.on_scanned(input);
        self.settle();
    }

    /// Takes news of the device behind one of our cameras: what keeps it from giving pictures, in words,
    /// or that it gives them again.
    pub fn handle_source(&mut self, camera: CameraId, trouble: Option<String>, now: Instant) {
        self.advance(now);
        self.on_source(camera, trouble);
        self.settle();
    }

    /// This machine has other addresses than before (`up`: any at all), or has slept. Whoever could
    /// not be reached is tried at once.
    pub fn handle_network(&mut self, up: bool, now: Instant) {
        self.advance(now);
        self.changed |= self.offline == up;
        if up && self.offline {
            self.back_at = Some(now);
        }
        self.offline = !up;
        if up {
            self.act(Action::Browse);
            self.directory.retry_all_now(self.now);
            self.watching.retry_all_now(self.now);
        }
        self.settle();
    }

    /// To be called at [`Mesh::poll_timeout`]; calling early or late is harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        self.settle();
    }

    /// What the shell must do next; `None` when it may sleep.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Mesh::handle_timeout`] is due, if ever.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.stopped {
            return None;
        }
        let due = [
            self.directory.next_due(self.now),
            self.next_presence_due(),
            self.links.next_due(),
            self.watching.next_due(),
            self.serving.next_due(),
            self.asking.next_due(),
            self.owning.next_due(),
            self.telling.next_due(),
            self.next_request_due(),
            self.next_look_due(),
            self.next_dial_due(),
            self.next_watch_due(),
        ];
        due.into_iter().flatten().min()
    }

    /// The state that a window paints.
    pub fn snapshot(&self) -> Snapshot {
        view::snapshot(self)
    }

    /// Whether the snapshot may have changed since this was last asked.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// What follows from the passing of time and from whatever has just changed. Every input ends
    /// here, so nothing can be forgotten: each step looks at the state, not at the input.
    fn settle(&mut self) {
        if self.stopped {
            return;
        }
        self.expire_links();
        self.expire_watched();
        self.expire_served();
        self.expire_asking();
        self.expire_directory();
        self.dial_what_is_due();
        self.look_at_siblings();
        self.compare_what_is_due();
        self.watch_what_is_due();
        self.ask_for_leave();
        self.tell_owners();
        self.tell_troubles();
        self.tell_nodes();
        self.tell_causes();
        self.remove_again();
    }

    fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    fn emit(&mut self, event: Event) {
        // Figures change the snapshot at their own place, and every second for every camera.
        self.changed = true;
        self.actions.push_back(Action::Emit(event));
    }

    fn own_device(&self) -> DeviceId {
        self.config.node.device()
    }

    fn access_of(&self, device: DeviceId) -> Access {
        self.config.access_of(device)
    }

    fn on_refresh(&mut self) {
        self.act(Action::Browse);
        self.directory.retry_all_now(self.now);
        self.watching.retry_all_now(self.now);
        self.renew_requests();
    }

    /// A change that needs nothing but the store's word.
    fn change_trust(&mut self, change: TrustChange) {
        let mut trust = self.config.trust.clone();
        trust.apply(&change);
        self.act(Action::ChangeTrust(change));
        self.on_trust_changed(trust);
    }

    fn on_trust_changed(&mut self, trust: TrustView) {
        let trust = self.with_own_removals(trust);
        if self.config.trust == trust {
            return;
        }
        let before = std::mem::replace(&mut self.config.trust, trust);
        self.changed = true;
        self.tell_decisions(&before);
        self.tell_access();
        self.end_sessions_without_leave();
        if before.joined != self.config.trust.joined {
            self.show_invitations_again();
        }
    }

    fn on_shutdown(&mut self) {
        if std::mem::replace(&mut self.stopped, true) {
            return;
        }
        let handles: Vec<_> =
            self.watching.sessions.keys().chain(self.serving.sessions.keys()).copied().collect();
        for handle in handles {
            self.act(Action::CloseSession { handle });
        }
        self.say_bye_on_all_links();
        self.act(Action::Stop);
    }

    /// Marks the cameras that the selection means now. A word means every camera of that name, or
    /// the one camera whose id begins with it.
    fn select_cameras(&mut self) {
        let cameras = &mut self.directory.cameras;
        let Selection::Matching(words) = &self.watching.selection else {
            let all = self.watching.selection == Selection::All;
            cameras.values_mut().for_each(|camera| camera.selected = all);
            return;
        };
        let ids: Vec<(CameraId, String)> = cameras.keys().map(|id| (*id, id.to_string())).collect();
        let mut chosen = std::collections::BTreeSet::new();
        for word in words {
            let named =
                cameras.iter().filter(|(_, camera)| camera.name == *word).map(|(id, _)| *id);
            let before = chosen.len();
            chosen.extend(named);
            let prefix = word.to_ascii_lowercase();
            let mut meant = ids.iter().filter(|(_, text)| text.starts_with(&prefix));
            if let (true, Some((id, _)), None) =
                (chosen.len() == before && !prefix.is_empty(), meant.next(), meant.next())
            {
                chosen.insert(*id);
            }
        }
        cameras.iter_mut().for_each(|(id, camera)| camera.selected = chosen.contains(id));
    }
}

/// Counts per node and epoch would grow with every restart of every peer; maps are keyed by ids and
/// bounded by `model::limits`.
type ById<K, V> = BTreeMap<K, V>;
