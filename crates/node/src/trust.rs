//! The home's trust store, on its own thread: claims are decided here, and what any process of this
//! home changes is seen here.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use lanlens_identity::{ClaimOutcome, Home, TrustError, TrustStore};
use lanlens_mesh::{Claim, TrustInput};
use lanlens_model::limits::VIEWERS_PER_CAMERA_MAX;
use lanlens_model::{DeviceId, TrustView};

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What comes out: a fact for the mesh, or words for people.
pub(crate) enum TrustOutput {
    Input(TrustInput),
    Trouble(String),
}

/// The way to the thread; it ends when this is dropped.
pub(crate) struct TrustKeeper {
    claims: SyncSender<(DeviceId, String)>,
}

impl TrustKeeper {
    /// Starts the thread. Also gives the lists as they are now, sealed if they cannot be read, and
    /// then why, in words.
    pub(crate) fn start(
        home: &Home,
        output: impl Fn(TrustOutput) + Send + 'static,
    ) -> std::io::Result<(Self, TrustView, Option<String>)> {
        let mut store = TrustStore::open(home);
        let (view, trouble) = match store.load() {
            Ok(view) => (view, None),
            Err(error) => (TrustView::sealed(), Some(words(&error))),
        };
        let sealed = trouble.is_some();
        let (claims, received) = sync_channel(VIEWERS_PER_CAMERA_MAX);
        std::thread::Builder::new()
            .name("trust".to_owned())
            .spawn(move || Keeper { store, output, sealed }.run(&received))?;
        Ok((Self { claims }, view, trouble))
    }

    /// Decides who owns the cameras; the outcome comes as [`TrustInput::ClaimDone`].
    pub(crate) fn claim(&self, device: DeviceId, name: String) {
        match self.claims.try_send((device, name)) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            // The mesh has at most one claim a device under way, and as many devices as viewers.
            Err(TrySendError::Full(_)) => tracing::warn!("too many claims at once"),
        }
    }
}

/// The thread's state.
struct Keeper<F> {
    store: TrustStore,
    output: F,
    /// The last attempt failed: the mesh admits nobody until one succeeds.
    sealed: bool,
}

impl<F: Fn(TrustOutput)> Keeper<F> {
    fn run(&mut self, claims: &Receiver<(DeviceId, String)>) {
        loop {
            match claims.recv_timeout(LOOK_EVERY) {
                Ok((device, name)) => {
                    let claim = self.claim(device, name);
                    (self.output)(TrustOutput::Input(TrustInput::ClaimDone(claim)));
                }
                Err(RecvTimeoutError::Timeout) => self.look(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn claim(&mut self, device: DeviceId, name: String) -> Claim {
        match self.store.claim(device, &name) {
            Ok(ClaimOutcome::Claimed(trust)) => Claim { device, name, won: true, trust },
            Ok(ClaimOutcome::AlreadyOwned(trust)) => Claim { device, name, won: false, trust },
            Err(error) => {
                self.sealed = true;
                (self.output)(TrustOutput::Trouble(words(&error)));
                Claim { device, name, won: false, trust: TrustView::sealed() }
            }
        }
    }

    fn look(&mut self) {
        let news = match self.store.poll_changed() {
            // A file that could not be locked or written is tried again although it stands as it
            // was.
            None if self.sealed => self.store.probe(),
            None => return,
            Some(news) => news,
        };
        let view = match news {
            Ok(view) => {
                self.sealed = false;
                view
            }
            Err(error) => {
                if !std::mem::replace(&mut self.sealed, true) {
                    (self.output)(TrustOutput::Trouble(words(&error)));
                    (self.output)(TrustOutput::Input(TrustInput::Changed(TrustView::sealed())));
                }
                return;
            }
        };
        (self.output)(TrustOutput::Input(TrustInput::Changed(view)));
    }
}

fn words(error: &TrustError) -> String {
    format!("nobody but this device may watch, because {error}")
}
