//! Media sessions: two ends that look for a path, and pictures on it.

use std::time::Duration;

use lanlens_mesh::{LinkInput, SessionHandle, SessionInput};
use lanlens_model::{Access, Layer, StreamStats};
use lanlens_protocol::{ErrorCode, Message};

use crate::host::HostId;
use crate::network::LAN_LATENCY;
use crate::paths::Traffic;
use crate::queue::Delivery;
use crate::world::World;

/// Between two tries of a path.
const CHECK_EVERY: Duration = Duration::from_millis(100);
/// A path on which nothing comes back for this long has failed (RFC 7675 section 5.1 says 30 s).
const CONSENT_TIMEOUT: Duration = Duration::from_secs(25);

impl World {
    /// Both ends of a watching session look for a path, until there is one or the mesh gives up.
    pub(crate) fn on_connect(&mut self, viewer: HostId, handle: SessionHandle) {
        let life = self.hosts[viewer].life;
        let Some(subscriber) = self.hosts[viewer].subscribers.get(&handle) else { return };
        let Some((camera, theirs)) = subscriber.from else { return };
        let same = subscriber.moves == self.hosts[viewer].moves;
        let publisher = self.hosts[camera].publishers.get(&theirs);
        let theirs_is_ours = publisher.is_some_and(|publisher| {
            (publisher.viewer, publisher.theirs) == (viewer, handle)
                && publisher.moves == self.hosts[camera].moves
        });
        let awake = self.hosts[viewer].asleep.is_none() && self.hosts[camera].asleep.is_none();
        let through = self.passes_both(Traffic::Media, viewer, camera);
        if !(same && theirs_is_ours && awake && through) {
            return self.queue.push(CHECK_EVERY, viewer, life, Delivery::Connect(handle));
        }
        if let Some(subscriber) = self.hosts[viewer].subscribers.get_mut(&handle) {
            subscriber.connected = true;
        }
        if let Some(publisher) = self.hosts[camera].publishers.get_mut(&theirs) {
            publisher.connected = true;
        }
        let connected = || SessionInput::Connected { candidate_pair: "a ↔ b".into() };
        let their_life = self.hosts[camera].life;
        self.queue.push(Duration::ZERO, viewer, life, Delivery::Session(handle, connected()));
        self.queue.push(Duration::ZERO, camera, their_life, Delivery::Session(theirs, connected()));
        self.queue.push(LAN_LATENCY, camera, their_life, Delivery::Picture(theirs));
    }

    /// A camera sends what it is asked for, and says so.
    pub(crate) fn send_layer(&mut self, camera: HostId, handle: SessionHandle, layer: Layer) {
        let life = self.hosts[camera].life;
        if let Some(publisher) = self.hosts[camera].publishers.get_mut(&handle) {
            publisher.layer = layer;
            let sent = SessionInput::Layer(layer);
            self.queue.push(LAN_LATENCY, camera, life, Delivery::Session(handle, sent));
        }
    }

    /// It is time for the next picture of a serving session.
    pub(crate) fn on_picture(&mut self, camera: HostId, handle: SessionHandle) {
        let Some(publisher) = self.hosts[camera].publishers.get(&handle) else { return };
        let (viewer, theirs, layer) = (publisher.viewer, publisher.theirs, publisher.layer);
        let there = publisher.moves == self.hosts[camera].moves;
        let life = self.hosts[camera].life;
        let interval = self.hosts[camera].spec.picture_interval;
        self.queue.push(interval, camera, life, Delivery::Picture(handle));
        if self.hosts[camera].asleep.is_some() {
            return;
        }
        let sends = self.hosts[camera].sensor && publisher.visible;
        let watcher = &self.hosts[viewer];
        let subscriber = watcher.subscribers.get(&theirs);
        let here = subscriber
            .is_some_and(|s| s.from == Some((camera, handle)) && s.moves == watcher.moves);
        let path = there && here && watcher.asleep.is_none();
        let arrives = path && self.passes(Traffic::Media, camera, viewer);
        self.note_consent(camera, handle, arrives && self.passes(Traffic::Media, viewer, camera));
        if sends && self.access(camera, self.hosts[viewer].device) != Access::Granted {
            self.broken(&format!("host {camera} sends a picture to host {viewer} without leave"));
        }
        if sends && arrives {
            self.show_picture(viewer, theirs, layer);
        }
    }

    fn show_picture(&mut self, viewer: HostId, handle: SessionHandle, layer: Layer) {
        let at = self.local_time(viewer);
        let host = &mut self.hosts[viewer];
        let Some(subscriber) = host.subscribers.get(&handle) else { return };
        let camera = subscriber.camera;
        if !host.hidden.contains(&camera) {
            host.screen.on_picture(camera, handle, at);
        }
        let (width, height) = match layer {
            Layer::Low => (320, 180),
            Layer::High => (640, 360),
        };
        let frame = SessionInput::Frame { width, height, at };
        self.with_mesh(viewer, |mesh, now| mesh.handle_session(handle, frame, now));
    }

    /// Whether the viewer still agrees to be sent to; a silent one is given up in the end.
    fn note_consent(&mut self, camera: HostId, handle: SessionHandle, given: bool) {
        let now = self.queue.now;
        let Some(publisher) = self.hosts[camera].publishers.get_mut(&handle) else { return };
        if given {
            publisher.broken_since = None;
        } else if now >= *publisher.broken_since.get_or_insert(now) + CONSENT_TIMEOUT {
            let reason = "nothing comes back".to_owned();
            let failed = Delivery::Session(handle, SessionInput::Failed { reason });
            publisher.broken_since = Some(now);
            self.queue.push(Duration::ZERO, camera, self.hosts[camera].life, failed);
        }
    }

    /// A viewer's session with a camera has figures of the last second, all zero.
    pub fn report_stats(&mut self, viewer: HostId, camera: HostId) {
        let (id, life) = (self.hosts[camera].camera, self.hosts[viewer].life);
        let sessions = self.hosts[viewer].subscribers.iter();
        let of_camera: Vec<SessionHandle> =
            sessions.filter(|(_, s)| Some(s.camera) == id).map(|(handle, _)| *handle).collect();
        for handle in of_camera {
            let stats = SessionInput::Stats(StreamStats::default());
            self.queue.push(Duration::ZERO, viewer, life, Delivery::Session(handle, stats));
        }
    }

    /// An offer that no session could come of is refused before the mesh sees it: it must not claim a
    /// camera.
    pub(crate) fn refuses_senseless_offer(&mut self, at: HostId, input: &Delivery) -> bool {
        let Delivery::Link(LinkInput::Message {
            link,
            message: Message::Offer { session, sdp, .. },
        }) = input
        else {
            return false;
        };
        if self.parse(sdp).is_some() {
            return false;
        }
        let text = "nonsense".to_owned();
        let refusal = Message::Error { code: ErrorCode::Sdp, text, session: Some(*session) };
        self.send(at, *link, refusal);
        true
    }

    /// The world's "session description" is who made it, and which session of theirs it is for.
    pub(crate) fn parse(&self, sdp: &str) -> Option<(HostId, SessionHandle)> {
        let (host, handle) = sdp.split_once(' ')?;
        let host = host.parse().ok().filter(|host| *host < self.hosts.len())?;
        Some((host, SessionHandle(handle.parse().ok()?)))
    }
}
