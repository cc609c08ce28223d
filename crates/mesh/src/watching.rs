//! Watching: one session for every wanted camera, from the offer to the last picture.
//!
//! A tile is live only while *new pictures* are decoded. A link that stands proves nothing, and a
//! link that fell takes nothing away while pictures come.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use lanlens_model::limits::CAMERAS_PER_VIEWER_MAX;
use lanlens_model::{
    Access, CameraId, DeviceId, Event, Layer, LostReason, NodeId, Selection, SessionId, StreamStats,
};
use lanlens_protocol::Message;

use crate::backoff::Backoff;
use crate::io::{SessionHandle, SessionInput};
use crate::pace::Pace;
use crate::quota::Quota;
use crate::requesting::Request;
use crate::{Action, ById, Mesh};

/// From the wish to the camera's answer. Opening a camera's device is not part of it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(4);
/// From the answer to a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Without any picture for this long a session is made anew: slow cameras open within it.
const PICTURE_TIMEOUT: Duration = Duration::from_secs(10);

/// Pictures that come so soon after the word of a broken device were made before it.
const ON_THEIR_WAY: Duration = Duration::from_secs(1);

/// Sessions that may be begun with one device at once: as many as it may have cameras.
const OPEN_BURST: u32 = CAMERAS_PER_VIEWER_MAX as u32;
/// After that, one in this time.
const OPEN_INTERVAL: Duration = Duration::from_millis(250);

#[derive(Default)]
pub(crate) struct Watching {
    pub(crate) selection: Selection,
    pub(crate) sessions: ById<SessionHandle, WatchSession>,
    pub(crate) layers: ById<CameraId, Layer>,
    pub(crate) layer_of_others: Layer,
    /// Cameras that nobody sees.
    pub(crate) hidden: BTreeSet<CameraId>,
    pub(crate) retries: ById<CameraId, Backoff>,
    last_handle: u64,
    /// How many more sessions may be begun with each device now.
    opened: ById<DeviceId, Quota>,
    /// When all places were taken and somebody looked whether they are shared out well.
    pub(crate) shared_out: Option<Instant>,
}

pub(crate) struct WatchSession {
    pub(crate) camera: CameraId,
    pub(crate) node: NodeId,
    pub(crate) wire: SessionId,
    layer: Layer,
    /// The encoding that the camera says it sends.
    pub(crate) sent: Option<Layer>,
    /// Somebody sees the picture, so there should be some.
    pub(crate) visible: bool,
    /// Its camera's device gives none now, says its node.
    pub(crate) waits_for_source: bool,
    pub(crate) phase: WatchPhase,
    /// Of all pictures of this camera; carried from session to session.
    pub(crate) pace: Pace,
    /// A picture came in this session.
    pub(crate) shown: bool,
    pub(crate) stalled: Option<Duration>,
    pub(crate) orphan_until: Option<Instant>,
    pub(crate) stats: Option<StreamStats>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WatchPhase {
    Offering { until: Instant },
    Connecting { until: Instant },
    Connected { since: Instant },
}

impl WatchSession {
    /// Pictures came, and the last one is not too long ago.
    pub(crate) fn has_pictures(&self) -> bool {
        self.shown && self.stalled.is_none()
    }

    /// Whether it can outlive its link. The camera's side asks the same: whether media can flow.
    pub(crate) fn can_go_on(&self) -> bool {
        matches!(self.phase, WatchPhase::Connected { .. }) && self.stalled.is_none()
    }

    /// Nobody sees it, and it could go on at once.
    pub(crate) fn is_paused(&self) -> bool {
        !self.visible && matches!(self.phase, WatchPhase::Connected { .. })
    }

    /// When it is given up for a new one, if no pictures come before.
    pub(crate) fn retry_at(&self) -> Option<Instant> {
        match self.phase {
            WatchPhase::Connected { since } if self.visible && !self.waits_for_source => {
                let last = self.pace.last().filter(|_| self.shown).unwrap_or(since);
                Some(last.max(since) + PICTURE_TIMEOUT)
            }
            _ => None,
        }
    }

    /// When this session must be looked at again.
    pub(crate) fn due(&self) -> Option<Instant> {
        let deadline = match self.phase {
            WatchPhase::Offering { until } | WatchPhase::Connecting { until } => Some(until),
            // No pictures are asked for; its link tells when the camera is gone.
            WatchPhase::Connected { .. } if !self.visible => None,
            WatchPhase::Connected { .. } => match self.pace.stalls_at() {
                Some(stalls_at) if self.has_pictures() => Some(stalls_at),
                _ => self.retry_at(),
            },
        };
        deadline.into_iter().chain(self.orphan_until).min()
    }
}

impl Watching {
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.sessions.values().filter_map(WatchSession::due).min()
    }

    pub(crate) fn of_camera(&self, camera: CameraId) -> Option<(SessionHandle, &WatchSession)> {
        let mut sessions = self.sessions.iter();
        sessions.find(|(_, s)| s.camera == camera).map(|(handle, s)| (*handle, s))
    }

    pub(crate) fn watches_nothing_of(&self, node: NodeId) -> bool {
        self.sessions.values().all(|session| session.node != node)
    }

    pub(crate) fn retry_all_now(&mut self, now: Instant) {
        self.retries.values_mut().for_each(|backoff| backoff.hurry(now));
    }

    fn layer_of(&self, camera: CameraId) -> Layer {
        self.layers.get(&camera).copied().unwrap_or(self.layer_of_others)
    }

    /// When a session with a camera is tried again.
    pub(crate) fn retry_of(&self, camera: CameraId) -> Option<Instant> {
        self.retries.get(&camera).map(Backoff::due)
    }

    pub(crate) fn new_handle(&mut self) -> SessionHandle {
        self.last_handle += 1;
        SessionHandle(self.last_handle)
    }

    pub(crate) fn forget(&mut self, camera: CameraId) {
        self.retries.remove(&camera);
        self.layers.remove(&camera);
        self.hidden.remove(&camera);
    }

    pub(crate) fn by_wire(&self, node: NodeId, wire: SessionId) -> Option<SessionHandle> {
        let mut sessions = self.sessions.iter();
        sessions.find(|(_, s)| s.node == node && s.wire == wire).map(|(handle, _)| *handle)
    }
}

impl Mesh {
    pub(crate) fn on_watch(&mut self, selection: Selection) {
        self.watching.selection = selection;
        self.select_cameras();
        let unwanted: Vec<CameraId> = self
            .watching
            .sessions
            .values()
            .map(|session| session.camera)
            .filter(|id| !self.directory.cameras.get(id).is_some_and(|camera| camera.selected))
            .collect();
        unwanted.into_iter().for_each(|camera| self.close_watch_of(camera));
        self.changed = true;
    }

    /// Opens a session for each camera that is wanted, reachable and permitted, and has none.
    pub(crate) fn watch_what_is_due(&mut self) {
        let now = self.now;
        let due: Vec<(CameraId, NodeId)> = self
            .watchable()
            .filter(|(id, _)| self.watching.retries.get(id).is_none_or(|r| r.due() <= now))
            .collect();
        if due.is_empty() || !self.may_share_out() {
            return;
        }
        for (camera, node) in due {
            if self.may_open(camera.device()) && self.make_room_to_watch(camera) {
                self.open_watch(camera, node);
            }
        }
    }

    pub(crate) fn next_watch_due(&self) -> Option<Instant> {
        if self.watching.sessions.len() >= CAMERAS_PER_VIEWER_MAX {
            return None;
        }
        // What is due and was refused is due when its device may begin another one.
        let due = |(id, _): (CameraId, NodeId)| {
            let opened = self.watching.opened.get(&id.device());
            let allowed = opened.and_then(|quota| quota.back_at(OPEN_INTERVAL));
            self.watching.retry_of(id).into_iter().chain(allowed).max()
        };
        self.watchable().filter_map(due).min()
    }

    fn watchable(&self) -> impl Iterator<Item = (CameraId, NodeId)> {
        self.directory.cameras.iter().filter_map(|(id, camera)| {
            let node = self.directory.nodes.get(&camera.node)?;
            let permitted = matches!(node.access, Some(Access::Granted | Access::Unclaimed));
            let wanted = camera.told
                && permitted
                && node.link.is_some()
                && camera.selected
                && self.watching.of_camera(*id).is_none();
            wanted.then_some((*id, camera.node))
        })
    }

    /// Sessions cost a peer connection each: a device that opens and shuts its doors all the time
    /// gets only so many.
    fn may_open(&mut self, device: DeviceId) -> bool {
        let (now, burst) = (self.now, OPEN_BURST);
        self.watching.opened.retain(|_, quota| !quota.is_full(burst, OPEN_INTERVAL, now));
        let opened = &mut self.watching.opened;
        opened.entry(device).or_insert_with(|| Quota::full(burst, now)).take(
            burst,
            OPEN_INTERVAL,
            now,
        )
    }

    fn open_watch(&mut self, camera: CameraId, node: NodeId) {
        let handle = self.watching.new_handle();
        let layer = self.watching.layer_of(camera);
        let mut pace = self.take_pace(camera);
        pace.on_new_session();
        let session = WatchSession {
            camera,
            node,
            wire: SessionId(self.rng.u64(..)),
            layer,
            sent: None,
            visible: !self.watching.hidden.contains(&camera),
            waits_for_source: self.has_trouble(camera),
            phase: WatchPhase::Offering { until: self.now + ANSWER_TIMEOUT },
            pace,
            shown: false,
            stalled: None,
            orphan_until: None,
            stats: None,
        };
        self.watching.sessions.insert(handle, session);
        let now = self.now;
        self.watching.retries.entry(camera).or_insert_with(|| Backoff::starting(now)).tried(now);
        self.changed = true;
        self.act(Action::OpenSubscriber { handle, camera, layer });
    }

    fn has_trouble(&self, camera: CameraId) -> bool {
        self.directory.cameras.get(&camera).is_some_and(|camera| camera.trouble.is_some())
    }

    fn take_pace(&mut self, camera: CameraId) -> Pace {
        let camera = self.directory.cameras.get_mut(&camera);
        camera.map(|camera| std::mem::take(&mut camera.pace)).unwrap_or_default()
    }

    pub(crate) fn on_watched(&mut self, handle: SessionHandle, input: SessionInput) {
        let now = self.now;
        let Some(session) = self.watching.sessions.get_mut(&handle) else { return };
        let (camera, node, wire) = (session.camera, session.node, session.wire);
        let layer = self.watching.layers.get(&camera).copied().unwrap_or(session.layer);
        match input {
            SessionInput::Description(sdp) => {
                self.send_to(node, Message::Offer { session: wire, camera, layer, sdp });
                self.tell_wishes(node, wire, camera);
            }
            SessionInput::Candidate(candidate) => {
                self.send_to(node, Message::Candidate { session: wire, candidate });
            }
            SessionInput::Connected { candidate_pair } => {
                session.phase = WatchPhase::Connected { since: now };
                self.emit(Event::Connected { camera, candidate_pair });
            }
            SessionInput::Failed { .. } => self.end_watch(handle, LostReason::MediaFailed),
            SessionInput::PathLost => self.end_watch(handle, LostReason::NetworkChanged),
            SessionInput::Refused { reason } => self.end_watch(handle, LostReason::Refused(reason)),
            SessionInput::Frame { width, height, at } => {
                self.on_picture(handle, (width, height), at);
            }
            SessionInput::Stats(mut stats) => {
                stats.freezes = session.pace.freezes();
                stats.frozen_ms = millis(session.pace.frozen());
                stats.layer = session.sent.unwrap_or(layer);
                session.stats = Some(stats.clone());
                self.emit(Event::Stats { camera, stats });
            }
            // Facts of serving sessions only.
            SessionInput::Layer(_) | SessionInput::Silent(_) => {}
        }
    }

    fn on_picture(&mut self, handle: SessionHandle, (width, height): (u32, u32), at: Instant) {
        let now = at.min(self.now);
        let Some(session) = self.watching.sessions.get_mut(&handle) else { return };
        if !session.visible {
            // It was on its way.
            return;
        }
        let first_of_session = !std::mem::replace(&mut session.shown, true);
        let was_stalled = session.stalled.take().is_some();
        let believed = self.directory.cameras.get(&session.camera).and_then(|c| c.trouble_at);
        // Pictures say more than words, but some were on their way when the words were said.
        let overruled = believed.is_none_or(|at| now >= at + ON_THEIR_WAY);
        session.waits_for_source &= !overruled;
        session.pace.on_picture(now);
        let id = session.camera;
        if let Some(retry) = self.watching.retries.get_mut(&id) {
            retry.succeeded();
        }
        let Some(camera) = self.directory.cameras.get_mut(&id) else { return };
        let last = camera.last_picture.replace(now);
        camera.first_picture.get_or_insert(now);
        camera.lost = None;
        if overruled {
            camera.trouble = None;
        }
        let node = camera.node;
        if !std::mem::replace(&mut camera.ever_live, true) {
            let since_discovered_ms = millis(now - camera.discovered);
            self.emit(Event::FirstFrame { camera: id, width, height, since_discovered_ms });
            self.remember_place(node);
        }
        if first_of_session || was_stalled {
            let since_ms = last.map_or(0, |last| millis(now - last));
            self.emit(Event::Live { camera: id, since_ms });
        }
    }

    pub(crate) fn on_answer(&mut self, node: NodeId, wire: SessionId, sdp: String) {
        let Some(handle) = self.watching.by_wire(node, wire) else { return };
        let Some(session) = self.watching.sessions.get_mut(&handle) else { return };
        if matches!(session.phase, WatchPhase::Offering { .. }) {
            session.phase = WatchPhase::Connecting { until: self.now + CONNECT_TIMEOUT };
            self.act(Action::AcceptAnswer { handle, sdp });
        }
    }

    /// A candidate for one of our watching sessions; `false` where it is for none.
    pub(crate) fn on_watch_candidate(
        &mut self,
        node: NodeId,
        wire: SessionId,
        candidate: &lanlens_model::IceCandidate,
    ) -> bool {
        let Some(handle) = self.watching.by_wire(node, wire) else { return false };
        self.act(Action::AddCandidate { handle, candidate: candidate.clone() });
        true
    }

    pub(crate) fn on_access(&mut self, node_id: NodeId, state: Access) {
        let now = self.now;
        let Some(node) = self.directory.nodes.get_mut(&node_id) else { return };
        node.access = Some(state);
        match state {
            Access::Granted => {
                node.let_in = true;
                node.request = Request::default();
            }
            Access::Pending | Access::Invite => {}
            Access::Denied | Access::Unclaimed => node.request = Request::default(),
        }
        if state != Access::Granted {
            node.people = None;
        }
        let code = node.request.code().filter(|_| state == Access::Pending);
        if state != Access::Granted {
            self.forget_what_was_told_by(node_id);
        }
        let cameras: Vec<CameraId> = self
            .directory
            .cameras
            .iter()
            .filter(|(_, camera)| camera.node == node_id && camera.told)
            .map(|(id, _)| *id)
            .collect();
        for camera in cameras {
            if matches!(state, Access::Granted | Access::Unclaimed) {
                if let Some(retry) = self.watching.retries.get_mut(&camera) {
                    retry.hurry(now);
                }
            } else if let (Access::Denied, Some((handle, _))) =
                (state, self.watching.of_camera(camera))
            {
                let text = "an owner of this camera has removed this device".to_owned();
                self.end_watch(handle, LostReason::Refused(text));
            } else {
                self.close_watch_of(camera);
            }
            self.emit(Event::Access { camera, state, code });
        }
    }

    pub(crate) fn send_to(&mut self, node: NodeId, message: Message) {
        if let Some(link) = self.directory.nodes.get(&node).and_then(|node| node.link) {
            self.act(Action::Send { link, message });
        }
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
