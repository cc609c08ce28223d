//! Media sessions as tasks: one for every viewer of our camera, one for every camera we watch.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lanlens_media::EncodedUnit;
use lanlens_mesh::{SessionHandle, SessionInput};
use lanlens_model::limits::SESSION_QUEUE_MAX;
use lanlens_model::{CameraId, IceCandidate, Layer};
use lanlens_rtc::{Publisher, RtcConfig, SessionEvent, Subscriber};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::UnitTap;
use crate::decode::{DecoderPool, Stream, StreamCallbacks};
use crate::input::Input;
use crate::meter::Received;
use crate::network::NetworkNews;
use crate::pictures::Pictures;
use crate::screens::{Clocks, Screen, Screens};
use crate::studio::{Outlet, Studio};

/// Events of one session waiting to be passed on.
const SESSION_EVENTS_MAX: usize = 64;
const STATS_INTERVAL: Duration = Duration::from_secs(1);
/// How often a viewer's path is looked at; it reports about as often itself.
const ESTIMATE_INTERVAL: Duration = Duration::from_millis(100);

/// What the mesh asks of a session.
pub(crate) enum SessionCommand {
    Answer(String),
    Candidate(IceCandidate),
    /// What our viewer would like.
    Layer(Layer),
    /// Whether our viewer sees the picture.
    Visible(bool),
    /// Not from the mesh: the decoder cannot go on.
    Keyframe,
}

/// Every session's queue, and what new ones need.
pub(crate) struct Sessions {
    pub(crate) rtc: RtcConfig,
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) tasks: TaskTracker,
    pub(crate) cancel: CancellationToken,
    pub(crate) screens: Arc<Screens>,
    pub(crate) pictures: Arc<Pictures>,
    pub(crate) clocks: Arc<Clocks>,
    pub(crate) pool: Arc<DecoderPool>,
    pub(crate) studio: Option<Studio>,
    pub(crate) unit_tap: Option<UnitTap>,
    pub(crate) open: HashMap<SessionHandle, Open>,
}

pub(crate) struct Open {
    /// Our end of its path, once there is one.
    local: Option<IpAddr>,
    commands: mpsc::Sender<SessionCommand>,
    cancel: CancellationToken,
}

impl Sessions {
    /// Starts to receive a camera.
    pub(crate) fn subscribe(&mut self, handle: SessionHandle, camera: CameraId, layer: Layer) {
        let (commands, received) = mpsc::channel(SESSION_QUEUE_MAX);
        let cancel = self.cancel.child_token();
        let screen = self.screens.open(camera);
        let stream = self.open_stream(handle, camera, &screen, &commands);
        self.open.insert(handle, Open { local: None, commands, cancel: cancel.clone() });
        let (pool, tap) = (Arc::clone(&self.pool), self.unit_tap.clone());
        let feed = Arc::clone(&stream);
        let watch = Watch {
            handle,
            camera,
            layer,
            stream,
            screen,
            rtc: self.rtc.clone(),
            clocks: Arc::clone(&self.clocks),
            inputs: self.inputs.clone(),
        };
        let on_unit = move |unit: EncodedUnit| {
            if let Some(tap) = &tap {
                tap(camera, &unit);
            }
            pool.submit(&feed, unit);
        };
        self.tasks.spawn(watch.run(received, on_unit, cancel));
    }

    fn open_stream(
        &self,
        handle: SessionHandle,
        camera: CameraId,
        screen: &Arc<Screen>,
        commands: &mpsc::Sender<SessionCommand>,
    ) -> Arc<Stream> {
        let (pictures, refusals) = (Arc::clone(&self.pictures), self.inputs.clone());
        let commands = commands.clone();
        let callbacks = StreamCallbacks {
            on_picture: Box::new(move |width, height| pictures.add(handle, width, height)),
            on_keyframe_needed: Box::new(move || {
                let _ = commands.try_send(SessionCommand::Keyframe);
            }),
            on_refused: Box::new(move |reason| {
                // With a full queue the silence ends the session, only later and without the words.
                let _ = refusals.try_send(Input::Session(handle, SessionInput::Refused { reason }));
            }),
        };
        self.pool.open(camera, Arc::clone(screen), callbacks)
    }

    /// Starts to send our camera to the maker of this offer.
    pub(crate) fn publish(&mut self, handle: SessionHandle, offer: String, layer: Layer) {
        let Some(studio) = self.studio.clone() else { return };
        let (commands, received) = mpsc::channel(SESSION_QUEUE_MAX);
        let cancel = self.cancel.child_token();
        self.open.insert(handle, Open { local: None, commands, cancel: cancel.clone() });
        let (rtc, inputs) = (self.rtc.clone(), self.inputs.clone());
        let serve = Serve { handle, studio, layer, rtc, inputs };
        self.tasks.spawn(serve.run(offer, received, cancel));
    }

    pub(crate) fn command(&mut self, handle: SessionHandle, command: SessionCommand) {
        let Some(open) = self.open.get(&handle) else { return };
        if open.commands.try_send(command).is_err() {
            tracing::warn!("a session takes no more commands; closing it");
            open.cancel.cancel();
        }
    }

    /// Notes our end of a session's path.
    pub(crate) fn on_path(&mut self, handle: SessionHandle, local: IpAddr) {
        if let Some(open) = self.open.get_mut(&handle) {
            open.local = Some(local);
        }
    }

    /// The sessions whose path the news ends.
    pub(crate) fn lost(&self, news: &NetworkNews) -> Vec<SessionHandle> {
        let ends = |open: &Open| open.local.is_some_and(|local| news.ends(local));
        self.open.iter().filter(|(_, open)| ends(open)).map(|(handle, _)| *handle).collect()
    }

    pub(crate) fn close(&mut self, handle: SessionHandle) {
        if let Some(open) = self.open.remove(&handle) {
            open.cancel.cancel();
        }
    }
}

/// A camera that is received.
struct Watch {
    handle: SessionHandle,
    camera: CameraId,
    layer: Layer,
    stream: Arc<Stream>,
    screen: Arc<Screen>,
    rtc: RtcConfig,
    clocks: Arc<Clocks>,
    inputs: mpsc::Sender<Input>,
}

impl Watch {
    async fn run(
        self,
        mut commands: mpsc::Receiver<SessionCommand>,
        on_unit: impl FnMut(EncodedUnit) + Send + 'static,
        cancel: CancellationToken,
    ) {
        let (events, mut received) = mpsc::channel(SESSION_EVENTS_MAX);
        let start = Subscriber::start(self.rtc.clone(), on_unit, events);
        let subscriber = match cancel.run_until_cancelled(start).await {
            None => return,
            Some(Ok(subscriber)) => subscriber,
            Some(Err(error)) => {
                tracing::warn!(%error, "a media session could not start");
                return fail(&self.inputs, self.handle, error.to_string()).await;
            }
        };
        let first = tokio::time::Instant::now() + STATS_INTERVAL;
        let mut tick = tokio::time::interval_at(first, STATS_INTERVAL);
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                event = received.recv() => match event {
                    Some(event) => tell(&self.inputs, self.handle, event).await,
                    None => break,
                },
                Some(command) = commands.recv() => match command {
                    SessionCommand::Answer(sdp) => subscriber.accept_answer(sdp),
                    SessionCommand::Candidate(candidate) => subscriber.add_candidate(candidate),
                    SessionCommand::Keyframe => subscriber.request_keyframe(),
                    SessionCommand::Layer(_) | SessionCommand::Visible(_) => {}
                },
                _ = tick.tick() => self.tell_stats(&subscriber),
            }
        }
        self.stream.close();
        self.tell_stats(&subscriber);
        self.screen.meter().on_session_end();
        // Old news for a mesh that closed it; else it was cut off here, for not keeping up.
        fail(&self.inputs, self.handle, "the session ended".to_owned()).await;
        subscriber.close().await;
    }

    fn tell_stats(&self, subscriber: &Subscriber) {
        let counted = subscriber.stats();
        let received = Received {
            bytes: counted.bytes,
            units_dropped: counted.units_dropped,
            packets_lost: counted.packets_lost,
            keyframe_requests: counted.keyframe_requests,
        };
        let rtt = self.clocks.get(self.camera.device()).map(|clock| clock.rtt);
        let stats = self.screen.meter().tick(Instant::now(), received, self.layer, rtt);
        // Figures may be skipped where the loop is busy; the totals in the next ones are complete.
        let _ = self.inputs.try_send(Input::Session(self.handle, SessionInput::Stats(stats)));
    }
}

/// A viewer that is sent to.
struct Serve {
    handle: SessionHandle,
    studio: Studio,
    layer: Layer,
    rtc: RtcConfig,
    inputs: mpsc::Sender<Input>,
}

impl Serve {
    async fn run(
        self,
        offer: String,
        mut commands: mpsc::Receiver<SessionCommand>,
        cancel: CancellationToken,
    ) {
        let (events, mut received) = mpsc::channel(SESSION_EVENTS_MAX);
        let (seat, Outlet { units, layer: mut sent }) = self.studio.reserve();
        let seat = Arc::new(seat);
        let asked = Arc::clone(&seat);
        let on_keyframe = move || asked.request_keyframe();
        let start = Publisher::start(self.rtc.clone(), offer, units, on_keyframe, events);
        let publisher = match cancel.run_until_cancelled(start).await {
            None => return,
            Some(Ok(publisher)) => publisher,
            Some(Err(error)) => {
                tracing::warn!(%error, "a media session could not start");
                return fail(&self.inputs, self.handle, error.to_string()).await;
            }
        };
        // Not before the offer has proved to make sense: nonsense must not wake the camera.
        seat.take(self.layer);
        let mut tick = tokio::time::interval(ESTIMATE_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent = None;
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                event = received.recv() => match event {
                    Some(event) => {
                        if matches!(event, SessionEvent::Connected { .. }) {
                            seat.connected();
                        }
                        tell(&self.inputs, self.handle, event).await;
                    }
                    None => break,
                },
                Some(command) = commands.recv() => match command {
                    SessionCommand::Candidate(candidate) => publisher.add_candidate(candidate),
                    SessionCommand::Layer(layer) => seat.wish(layer),
                    SessionCommand::Visible(visible) => seat.set_visible(visible),
                    SessionCommand::Answer(_) | SessionCommand::Keyframe => {}
                },
                Ok(()) = sent.changed() => {
                    let layer = *sent.borrow_and_update();
                    if let Some(layer) = layer {
                        let input = Input::Session(self.handle, SessionInput::Layer(layer));
                        let _ = self.inputs.send(input).await;
                    }
                }
                _ = tick.tick() => {
                    let stats = publisher.stats();
                    if let Some(bps) = stats.estimate_bps {
                        seat.report(u32::try_from(bps / 1000).unwrap_or(u32::MAX));
                    }
                    if stats.silent_since != silent {
                        silent = stats.silent_since;
                        let input = Input::Session(self.handle, SessionInput::Silent(silent));
                        let _ = self.inputs.send(input).await;
                    }
                }
            }
        }
        fail(&self.inputs, self.handle, "the session ended".to_owned()).await;
        publisher.close().await;
        drop(seat);
    }
}

async fn tell(inputs: &mpsc::Sender<Input>, handle: SessionHandle, event: SessionEvent) {
    let input = match event {
        SessionEvent::Description(sdp) => SessionInput::Description(sdp),
        SessionEvent::Candidate(candidate) => SessionInput::Candidate(candidate),
        SessionEvent::Connected { candidate_pair, local } => {
            if let Some(local) = local {
                let _ = inputs.send(Input::Path(handle, local.to_canonical())).await;
            }
            SessionInput::Connected { candidate_pair }
        }
        SessionEvent::Failed(reason) | SessionEvent::Refused(reason) => {
            SessionInput::Failed { reason }
        }
        // Pictures and the link tell sooner and more truly.
        SessionEvent::Disconnected => return,
        SessionEvent::Closed => SessionInput::Failed { reason: "the session ended".to_owned() },
    };
    let _ = inputs.send(Input::Session(handle, input)).await;
}

async fn fail(inputs: &mpsc::Sender<Input>, handle: SessionHandle, reason: String) {
    let _ = inputs.send(Input::Session(handle, SessionInput::Failed { reason })).await;
}
