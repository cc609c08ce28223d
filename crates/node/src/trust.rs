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
    /// Starts the thread; also gives the lists as they are now, sealed if they cannot be read.
    pub(crate) fn start(
        home: &Home,
        output: impl Fn(TrustOutput) + Send + 'static,
    ) -> std::io::Result<(Self, TrustView)> {
        let mut store = TrustStore::open(home);
        let view = store.load().unwrap_or_else(|error| {
            output(TrustOutput::Trouble(words(&error)));
            TrustView::sealed()
        });
        let (claims, received) = sync_channel(VIEWERS_PER_CAMERA_MAX);
        std::thread::Builder::new()
            .name("trust".to_owned())
            .spawn(move || keep(&mut store, &received, &output))?;
        Ok((Self { claims }, view))
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

fn keep(
    store: &mut TrustStore,
    claims: &Receiver<(DeviceId, String)>,
    output: &impl Fn(TrustOutput),
) {
    loop {
        match claims.recv_timeout(LOOK_EVERY) {
            Ok((device, name)) => {
                let outcome = store.claim(device, &name);
                output(TrustOutput::Input(TrustInput::ClaimDone(settle(
                    device, name, outcome, output,
                ))));
            }
            Err(RecvTimeoutError::Timeout) => match store.poll_changed() {
                None => {}
                Some(Ok(view)) => output(TrustOutput::Input(TrustInput::Changed(view))),
                Some(Err(error)) => {
                    output(TrustOutput::Trouble(words(&error)));
                    output(TrustOutput::Input(TrustInput::Changed(TrustView::sealed())));
                }
            },
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn settle(
    device: DeviceId,
    name: String,
    outcome: Result<ClaimOutcome, TrustError>,
    output: &impl Fn(TrustOutput),
) -> Claim {
    match outcome {
        Ok(ClaimOutcome::Claimed(trust)) => Claim { device, name, won: true, trust },
        Ok(ClaimOutcome::AlreadyOwned(trust)) => Claim { device, name, won: false, trust },
        Err(error) => {
            output(TrustOutput::Trouble(words(&error)));
            Claim { device, name, won: false, trust: TrustView::sealed() }
        }
    }
}

fn words(error: &TrustError) -> String {
    format!("nobody but this device may watch, because {error}")
}
