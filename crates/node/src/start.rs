//! From a configuration to a running node.

use std::sync::{Arc, Mutex};

use lanlens_discovery::{Advert, Discovery, DiscoveryConfig, DiscoveryError, interfaces};
use lanlens_identity::{
    Home, HomeError, Identity, IdentityError, RandomError, RunError, RunGuard, SlotError,
    SlotGuard, known_nodes, random_bytes, take_run, take_slot,
};
use lanlens_media::SourceError;
use lanlens_mesh::{Config, Mesh};
use lanlens_model::limits::{EVENT_QUEUE_MAX, INPUT_QUEUE_MAX};
use lanlens_model::{
    AccessMode, CameraId, Command, Event, KnownNode, NodeId, RunId, Snapshot, TrustView,
};
use lanlens_protocol::{Secret, Txt, clean_name};
use lanlens_rtc::RtcConfig;
use lanlens_signaling::{KnownAddresses, Link, ListenConfig, ListenError, Listener, Refusal};
use lanlens_web::WebError;
use thiserror::Error;
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::config::NodeConfig;
use crate::decode::{DecoderPool, Surroundings};
use crate::errands::Errands;
use crate::handle::{NodeHandle, Ready};
use crate::input::Input;
use crate::links::Links;
use crate::node::{Inlets, NodeLoop, Shown};
use crate::phones::{Phones, Serving, WebOptions};
use crate::refusals::Refusals;
use crate::screens::{Clocks, Screens};
use crate::sessions::Sessions;
use crate::studio::{SILENCE, Studio, Trouble};
use crate::trust::{Keeper, TrustKeeper, TrustOutput};

/// Commands waiting for the loop.
const COMMANDS_MAX: usize = 256;
/// Links waiting to be taken in.
const ACCEPTED_MAX: usize = 32;

/// Why a node could not start. Each says what to do.
#[derive(Debug, Error)]
pub enum StartError {
    /// The home folder.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The device's key.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The count of the home's running programs.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The system has no random numbers.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The place of this program in its home.
    #[error(transparent)]
    Slot(#[from] SlotError),
    /// The camera.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The signaling port.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// mDNS.
    #[error(transparent)]
    Discovery(#[from] DiscoveryError),
    /// The page for phones, where it was told to be in one place.
    #[error(transparent)]
    Web(#[from] WebError),
    /// A thread.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// What this program is within its home.
struct Place {
    run: RunId,
    identity: Identity,
    slot: SlotGuard,
    camera: Option<CameraId>,
    /// Friendly name; viewers may have none.
    name: String,
    /// The home's key stays as it is while this is held.
    running: RunGuard,
}

impl Place {
    fn node(&self) -> NodeId {
        NodeId::new(self.identity.device(), &self.slot.name)
    }
}

/// Starts a node; must be called inside a tokio runtime.
///
/// # Errors
/// See [`StartError`].
pub async fn start(config: NodeConfig) -> Result<NodeHandle, StartError> {
    let home = Home::open(&config.home)?;
    let place = take_place(&home, &config)?;
    let (cancel, tasks) = (CancellationToken::new(), TaskTracker::new());
    // Whatever fails below, the listener does not outlive it.
    let guard = cancel.clone().drop_guard();
    let (input_tx, inputs) = mpsc::channel(INPUT_QUEUE_MAX);
    let (command_tx, commands) = mpsc::channel::<Command>(COMMANDS_MAX);
    let (discovery_tx, discovery_rx) = mpsc::channel(INPUT_QUEUE_MAX);
    let door = open_door(&config, &place, &tasks, &cancel)?;
    let (trust, view) = open_trust(&home, &place, &input_tx)?;
    let discovery = discover(&config, &place, door.port, discovery_tx)?;
    let studio = open_studio(&config, &place, &input_tx, (&tasks, &cancel));
    let (screens, clocks) = (Arc::new(Screens::default()), Arc::new(Clocks::default()));
    let pool = decoder_pool(&config, &clocks);

    let (events, first_events) = broadcast::channel(EVENT_QUEUE_MAX);
    let phones = open_phones(&config, &place, &home, &events, &tasks).await?.map(Arc::new);
    let ready = Arc::new(ready(&config, &place, door.port, phones.as_deref()));
    let (snapshot_tx, snapshot) = watch::channel(Arc::new(Snapshot::default()));
    let ended = CancellationToken::new();
    let sessions = Sessions {
        rtc: rtc_config(&config),
        inputs: input_tx.clone(),
        tasks: tasks.clone(),
        cancel: cancel.clone(),
        screens: Arc::clone(&screens),
        pictures: Arc::default(),
        clocks: Arc::clone(&clocks),
        pool: Arc::new(pool),
        studio: studio.clone(),
        unit_tap: config.unit_tap.clone(),
        open: Default::default(),
    };
    let (known, secret) = (known_nodes(&home), Secret::new(random_bytes()?));
    let mesh = open_mesh(&config, &place, door.port, view, known, secret);
    let errands = open_errands(&config, home, input_tx.clone(), &tasks, &cancel);
    let node = NodeLoop {
        mesh,
        links: Links::new(place.identity.clone(), clocks, input_tx, tasks.clone(), cancel.clone()),
        sessions,
        discovery,
        errands,
        trust,
        known: door.known,
        refusals: Refusals::new(),
        shown: Shown::default(),
        screens: Arc::clone(&screens),
        studio: studio.clone(),
        phones: phones.clone(),
        snapshot: snapshot_tx,
        events: events.clone(),
        tasks,
        cancel,
    };
    let (accepted, refused) = (door.accepted, door.refused);
    let inlets = Inlets { inputs, commands, discovery: discovery_rx, accepted, refused };
    let held = (place.slot, place.running);
    guard.disarm();
    tokio::spawn(run(node, inlets, ended.clone().drop_guard(), held));
    Ok(NodeHandle {
        ready,
        commands: command_tx,
        snapshot,
        events,
        first_events: Arc::new(Mutex::new(Some(first_events))),
        screens,
        studio,
        phones,
        ended,
    })
}

/// Runs to the end. The place is free for the next start only when everything is closed.
async fn run(node: NodeLoop, inlets: Inlets, end: DropGuard, held: (SlotGuard, RunGuard)) {
    node.run(inlets).await;
    // In this order: whoever hears of the end may start again at once.
    drop(held);
    drop(end);
}

/// Where others knock.
struct Door {
    port: u16,
    known: KnownAddresses,
    accepted: mpsc::Receiver<Link>,
    refused: mpsc::Receiver<Refusal>,
}

fn open_door(
    config: &NodeConfig,
    place: &Place,
    tasks: &TaskTracker,
    cancel: &CancellationToken,
) -> Result<Door, ListenError> {
    let (accepted_tx, accepted) = mpsc::channel(ACCEPTED_MAX);
    let (refused_tx, refused) = mpsc::channel(ACCEPTED_MAX);
    let listener = Listener::bind(place.identity.clone(), listen_config(config))?;
    let (port, known) = (listener.port(), listener.known_addresses());
    tasks.spawn(listener.run(cancel.clone(), accepted_tx, refused_tx));
    Ok(Door { port, known, accepted, refused })
}

fn take_place(home: &Home, config: &NodeConfig) -> Result<Place, StartError> {
    if let Some(camera) = &config.camera {
        // Later a device may come and go; at the start its absence is most likely a mistake.
        camera.source.check()?;
    }
    let (run, running) = take_run(home)?;
    let identity = Identity::load_or_create(home)?;
    let source = match &config.camera {
        Some(camera) => camera.source.identity()?,
        None => "screen".to_owned(),
    };
    let slot = take_slot(home, config.role.as_str(), &source)?;
    // The slot's name holds the source and tells two programs with the same source apart.
    let source_name = format!("source {}", slot.name);
    let camera = config.camera.as_ref().map(|_| CameraId::new(identity.device(), &source_name));
    let name = match (clean_name(&config.name), camera) {
        (name, Some(camera)) if name.is_empty() => default_name(camera),
        (name, _) => name,
    };
    Ok(Place { run, identity, slot, camera, name, running })
}

/// Says nothing of its user or computer, and tells two cameras apart.
fn default_name(camera: CameraId) -> String {
    // The end of an id differs between the cameras of one device.
    let id = camera.to_string();
    format!("Camera {}", &id[id.len() - 4..])
}

fn listen_config(config: &NodeConfig) -> ListenConfig {
    let mut listen = ListenConfig { listen: config.listen, only: None };
    if !config.interfaces.is_empty() {
        let names = config.interfaces.clone();
        listen.only = Some(Arc::new(move || {
            let addresses = interfaces::local_addresses(&names).unwrap_or_default();
            addresses.iter().map(|address| address.with_port(0)).collect()
        }));
    }
    listen
}

fn rtc_config(config: &NodeConfig) -> RtcConfig {
    let names = config.interfaces.clone();
    RtcConfig::new(move || {
        let addresses = interfaces::local_addresses(&names).unwrap_or_default();
        addresses.into_iter().map(|address| address.ip).collect()
    })
}

fn open_trust(
    home: &Home,
    place: &Place,
    inputs: &mpsc::Sender<Input>,
) -> Result<(TrustKeeper, TrustView), StartError> {
    let keeper = Keeper { node: place.node(), camera: place.camera.map(|_| place.name.clone()) };
    let (sender, first) = (inputs.clone(), inputs.clone());
    let (keeper, view, trouble) = TrustKeeper::start(home, keeper, move |output| {
        let input = match output {
            TrustOutput::Input(input) => Input::Trust(input),
            TrustOutput::Trouble(message) => Input::Trouble(message),
        };
        // From the keeper's own thread, which may wait: a revocation must never be lost. Fails only
        // when the node has ended.
        let _ = sender.blocking_send(input);
    })?;
    if let Some(message) = trouble {
        // The queue is new, so there is room.
        let _ = first.try_send(Input::Trouble(message));
    }
    Ok((keeper, view))
}

fn discover(
    config: &NodeConfig,
    place: &Place,
    port: u16,
    events: mpsc::Sender<lanlens_protocol::DiscoveryEvent>,
) -> Result<Discovery, StartError> {
    let interfaces = config.interfaces.clone();
    let mut discovery =
        Discovery::start(DiscoveryConfig { interfaces, ..DiscoveryConfig::default() }, events)?;
    let txt = Txt {
        node: place.node(),
        role: config.role,
        epoch: place.slot.epoch,
        camera: place.camera,
        // Whoever only listens learns the names of cameras, and of nobody who watches.
        name: place.camera.map(|_| place.name.clone()).unwrap_or_default(),
        via: config.via,
    };
    discovery.advertise(&Advert::new(port, txt))?;
    Ok(discovery)
}

fn decoder_pool(config: &NodeConfig, clocks: &Arc<Clocks>) -> DecoderPool {
    DecoderPool::new(Surroundings {
        clocks: Arc::clone(clocks),
        measure_pattern: config.measure_pattern,
        decode: config.decode,
        repaint: config.repaint.clone(),
    })
}

fn open_studio(
    config: &NodeConfig,
    place: &Place,
    inputs: &mpsc::Sender<Input>,
    (tasks, cancel): (&TaskTracker, &CancellationToken),
) -> Option<Studio> {
    let (camera, id) = (config.camera.clone()?, place.camera?);
    let inputs = inputs.clone();
    let tell_trouble = move |trouble: Option<Trouble>| {
        // Lost where the loop is thousands of facts behind; then pictures tell.
        let _ = inputs.try_send(Input::Source(id, trouble));
    };
    let studio = Studio::new(camera, pattern_seed(place), Arc::new(tell_trouble));
    if studio.is_relayed() {
        // Nothing of it would notice by itself that its pictures stay away.
        let missing = studio.clone().miss_pictures(SILENCE);
        tasks.spawn(cancel.clone().run_until_cancelled_owned(missing));
    }
    Some(studio)
}

/// Test pictures of one home differ by their slot's number, those of two homes by chance.
fn pattern_seed(place: &Place) -> u64 {
    let number = place.slot.name.rsplit('-').next().and_then(|n| n.parse::<u64>().ok());
    let device: u64 = place.identity.device().to_string().bytes().map(u64::from).sum();
    device + number.unwrap_or(0)
}

fn open_mesh(
    config: &NodeConfig,
    place: &Place,
    port: u16,
    trust: TrustView,
    known: Vec<KnownNode>,
    secret: Secret,
) -> Mesh {
    let name = place.name.clone();
    let mesh_config = Config {
        node: place.node(),
        role: config.role,
        epoch: place.slot.epoch,
        run: place.run,
        port,
        name: name.clone(),
        cameras: place.camera.map(|camera| (camera, name)).into_iter().collect(),
        via: config.via,
        access: config.camera.as_ref().map_or(AccessMode::Ask, |camera| camera.access),
        trust,
        known,
    };
    let now = std::time::Instant::now();
    let mut mesh = Mesh::new(mesh_config, fastrand::u64(..), secret, now);
    mesh.handle_command(Command::SetLayerOfOthers(config.layer), now);
    mesh.handle_command(Command::Watch(config.watch.clone()), now);
    for peer in &config.peers {
        mesh.handle_command(Command::AddPeer(*peer), now);
    }
    if config.scan {
        mesh.handle_command(Command::Scan, now);
    }
    mesh
}

fn open_errands(
    config: &NodeConfig,
    home: Home,
    inputs: mpsc::Sender<Input>,
    tasks: &TaskTracker,
    cancel: &CancellationToken,
) -> Errands {
    let interfaces = config.interfaces.clone();
    let (tasks, cancel) = (tasks.clone(), cancel.clone());
    let errands = Errands { home, interfaces, inputs, tasks, cancel };
    errands.watch_network();
    errands
}

/// The page for phones. Where its place was not chosen, a node does without it rather than not start.
async fn open_phones(
    config: &NodeConfig,
    place: &Place,
    home: &Home,
    events: &broadcast::Sender<Event>,
    tasks: &TaskTracker,
) -> Result<Option<Phones>, WebError> {
    let Some(web) = config.web else { return Ok(None) };
    let serving = Serving {
        home: config.home.clone(),
        node: place.node(),
        slot: place.slot.name.clone(),
        access: config.camera.as_ref().map_or(AccessMode::Ask, |camera| camera.access),
        interfaces: config.interfaces.clone(),
        listen: config.listen,
        rtc: rtc_config(config),
        events: events.clone(),
    };
    match Phones::open(web, serving, home, tasks).await {
        Err(error) if web == WebOptions::default() => {
            let message = format!("phones cannot join: {error}");
            // Nobody can listen yet; the first who does hears of it.
            let _ = events.send(Event::Error { message });
            Ok(None)
        }
        opened => opened.map(Some),
    }
}

fn ready(config: &NodeConfig, place: &Place, port: u16, phones: Option<&Phones>) -> Ready {
    let addresses = match config.listen {
        Some(address) if !address.ip().is_unspecified() => vec![address],
        _ => {
            let local = interfaces::local_addresses(&config.interfaces).unwrap_or_default();
            local.iter().map(|address| address.with_port(port)).collect()
        }
    };
    Ready {
        device: place.identity.device(),
        node: place.node(),
        camera: place.camera,
        name: place.name.clone(),
        port,
        addresses,
        web_url: phones.and_then(Phones::url),
    }
}
