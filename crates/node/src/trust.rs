//! The home's trust store, on its own thread: every change goes through here, and what any process
//! of this home changes is seen here.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use lanlens_identity::{ClaimOutcome, Home, TrustError, TrustStore, unix_s};
use lanlens_mesh::{Claim, TrustInput};
use lanlens_model::{Code, DeviceId, NodeId, TrustChange, TrustView, Waiting};

/// How often the file is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Changes waiting to be made.
const TASKS_MAX: usize = 128;
/// Removals kept until they can be written.
const UNWRITTEN_MAX: usize = 64;

/// What comes out: a fact for the mesh, or words for people.
pub(crate) enum TrustOutput {
    Input(Box<TrustInput>),
    Trouble(String),
}

/// Whose store it is: what is written down with a device that waits.
#[derive(Clone)]
pub(crate) struct Keeper {
    /// This program.
    pub(crate) node: NodeId,
    /// The name of its camera; `None` where it serves none.
    pub(crate) camera: Option<String>,
}

/// What is wished of the store.
enum Task {
    Claim(DeviceId, String),
    Change(TrustChange),
    /// Something lies in [`Removals`].
    Remove,
}

/// The way to the thread; it ends when this is dropped.
pub(crate) struct TrustKeeper {
    tasks: SyncSender<Task>,
    removals: Removals,
    keeper: Keeper,
}

/// Removals on their way to the thread: one a device, so they need no bound and none is lost.
type Removals = Arc<Mutex<BTreeMap<DeviceId, TrustChange>>>;

impl TrustKeeper {
    /// Starts the thread. Also gives the lists as they are now, sealed if they cannot be read, and
    /// then why, in words.
    pub(crate) fn start(
        home: &Home,
        keeper: Keeper,
        output: impl Fn(TrustOutput) + Send + 'static,
    ) -> std::io::Result<(Self, TrustView, Option<String>)> {
        let mut store = TrustStore::open(home);
        let removals = Removals::default();
        let mut thread = Thread {
            sealed: false,
            removals: Arc::clone(&removals),
            unwritten: Vec::new(),
            store: TrustStore::open(home),
            keeper,
            output,
        };
        let (view, trouble) = match store.load() {
            Ok(view) => (view, None),
            Err(error) => (TrustView::sealed(), Some(thread.words(&error))),
        };
        thread.sealed = trouble.is_some();
        thread.store = store;
        let (tasks, received) = sync_channel(TASKS_MAX);
        let keeper = thread.keeper.clone();
        std::thread::Builder::new().name("trust".to_owned()).spawn(move || {
            thread.forget_own_waiting();
            thread.run(&received);
            thread.forget_own_waiting();
        })?;
        Ok((Self { tasks, removals, keeper }, view, trouble))
    }

    /// Decides who owns the cameras; the outcome comes as [`TrustInput::ClaimDone`].
    pub(crate) fn claim(&self, device: DeviceId, name: String) {
        self.send(Task::Claim(device, name));
    }

    /// Makes a change; what the store says then comes as [`TrustInput::Changed`].
    pub(crate) fn change(&self, change: TrustChange) {
        let TrustChange::Deny { device, .. } = &change else {
            return self.send(Task::Change(change));
        };
        let mut removals = self.removals.lock().unwrap_or_else(PoisonError::into_inner);
        removals.insert(*device, change);
        drop(removals);
        // Where the queue is full the thread is awake, and finds it.
        let _ = self.tasks.try_send(Task::Remove);
    }

    /// Writes down that a device waits here.
    pub(crate) fn wait(&self, device: DeviceId, name: String, code: Code, left: Duration) {
        let camera = self.keeper.camera.clone().unwrap_or_default();
        let until_s = unix_s() + left.as_secs();
        let waiting = Waiting { device, name, node: self.keeper.node, camera, code, until_s };
        self.change(TrustChange::Wait(waiting));
    }

    /// It waits here no longer.
    pub(crate) fn stop_waiting(&self, device: DeviceId) {
        self.change(TrustChange::StopWaiting { device, node: self.keeper.node });
    }

    fn send(&self, task: Task) {
        match self.tasks.try_send(task) {
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            // At most a claim a device, and codes and decisions come at the pace of people.
            Err(TrySendError::Full(_)) => tracing::warn!("too many changes of trust at once"),
        }
    }
}

/// The thread's state.
struct Thread<F> {
    store: TrustStore,
    removals: Removals,
    keeper: Keeper,
    output: F,
    /// The last attempt failed: the mesh admits nobody until one succeeds.
    sealed: bool,
    /// Removals that hold here and could not be written yet.
    unwritten: Vec<TrustChange>,
}

impl<F: Fn(TrustOutput)> Thread<F> {
    fn run(&mut self, tasks: &Receiver<Task>) {
        let mut look = Instant::now() + LOOK_EVERY;
        loop {
            let task = tasks.recv_timeout(look.saturating_duration_since(Instant::now()));
            // Before anything else, and however many other changes wait.
            self.remove();
            match task {
                Ok(Task::Claim(device, name)) => {
                    let claim = self.claim(device, name);
                    (self.output)(TrustOutput::Input(Box::new(TrustInput::ClaimDone(claim))));
                }
                Ok(Task::Change(change)) => self.change(&change),
                Ok(Task::Remove) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if Instant::now() >= look {
                self.look();
                look = Instant::now() + LOOK_EVERY;
            }
        }
    }

    fn remove(&mut self) {
        let removals =
            std::mem::take(&mut *self.removals.lock().unwrap_or_else(PoisonError::into_inner));
        removals.into_values().for_each(|change| self.change(&change));
    }

    fn claim(&mut self, device: DeviceId, name: String) -> Claim {
        match self.store.claim(device, &name) {
            Ok(ClaimOutcome::Claimed(trust)) => Claim { device, name, won: true, trust },
            Ok(ClaimOutcome::AlreadyOwned(trust)) => Claim { device, name, won: false, trust },
            Err(error) => {
                self.sealed = true;
                self.tell(self.words(&error));
                Claim { device, name, won: false, trust: TrustView::sealed() }
            }
        }
    }

    /// Where it cannot be made, the lists stay as they were, and somebody is told. Only a removal
    /// holds all the same, as long as this program runs, and is written as soon as that works.
    fn change(&mut self, change: &TrustChange) {
        match self.store.apply(change) {
            Ok(view) => self.pass_on(view),
            Err(error) => {
                let what = match change {
                    TrustChange::Deny { .. } => {
                        // Full lists never take it; whoever is not in them may not watch anyway.
                        let full = matches!(error, TrustError::Full);
                        if !full && self.unwritten.len() < UNWRITTEN_MAX {
                            self.unwritten.push(change.clone());
                        }
                        "the removal holds only while this program runs"
                    }
                    TrustChange::Allow { .. } => "nobody was let in",
                    TrustChange::Remove { .. } => {
                        "cameras that are off do not learn of the removal"
                    }
                    TrustChange::Join(_) => "the invitation is not kept for later",
                    TrustChange::Wait(_) => "`lanlens trust` does not show who waits",
                    TrustChange::StopWaiting { .. }
                    | TrustChange::RemovalDone { .. }
                    | TrustChange::TakeBackRemoval { .. }
                    | TrustChange::DismissNews => "the change was not kept",
                };
                self.tell(format!("{what}: {error}"));
            }
        }
    }

    /// Places of an earlier run of this program, and in the end of this one.
    fn forget_own_waiting(&mut self) {
        let node = self.keeper.node;
        let waits = |view: &TrustView| view.waiting.iter().any(|waiting| waiting.node == node);
        if self.store.load().is_ok_and(|view| waits(&view)) {
            let forget = |view: &mut TrustView| view.waiting.retain(|w| w.node != node);
            match self.store.change(forget) {
                Ok((view, ())) => self.pass_on(view),
                Err(error) => {
                    tracing::debug!(%error, "who waited stays written down until it expires");
                }
            }
        }
    }

    fn look(&mut self) {
        if !self.unwritten.is_empty() {
            let unwritten = self.unwritten.clone();
            let written = self.store.change(|view| unwritten.iter().for_each(|c| view.apply(c)));
            if let Ok((view, ())) = written {
                self.unwritten.clear();
                // With whatever else was changed meanwhile.
                self.pass_on(view);
            }
        }
        let news = match self.store.poll_changed() {
            // Although it reads well: what could not be locked or written is believed once it can be.
            None | Some(Ok(_)) if self.sealed => self.store.probe(),
            None => return,
            Some(news) => news,
        };
        match news {
            Ok(view) => {
                self.sealed = false;
                self.pass_on(view);
            }
            Err(error) => {
                if !std::mem::replace(&mut self.sealed, true) {
                    self.tell(self.words(&error));
                    self.send(TrustView::sealed());
                }
            }
        }
    }

    fn pass_on(&self, mut view: TrustView) {
        self.unwritten.iter().for_each(|change| view.apply(change));
        self.send(view);
    }

    fn send(&self, view: TrustView) {
        (self.output)(TrustOutput::Input(Box::new(TrustInput::Changed(view))));
    }

    fn tell(&self, trouble: String) {
        (self.output)(TrustOutput::Trouble(trouble));
    }

    fn words(&self, error: &TrustError) -> String {
        match self.keeper.camera {
            Some(_) => format!("nobody but this device may watch, because {error}"),
            None => format!("decisions and invitations cannot be used or kept: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Told = Arc<Mutex<Vec<Result<TrustView, String>>>>;

    /// The thread's state without its thread; what comes out is kept.
    fn thread(home: &Home) -> (Thread<impl Fn(TrustOutput) + use<>>, Told) {
        let told = Told::default();
        let kept = Arc::clone(&told);
        let output = move |output| {
            let entry = match output {
                TrustOutput::Trouble(text) => Err(text),
                TrustOutput::Input(input) => match *input {
                    TrustInput::Changed(view) => Ok(view),
                    TrustInput::ClaimDone(claim) => Ok(claim.trust),
                },
            };
            kept.lock().unwrap().push(entry);
        };
        let keeper = Keeper { node: NodeId::new(device(9), "slot"), camera: Some("Door".into()) };
        let mut store = TrustStore::open(home);
        store.load().unwrap();
        let removals = Removals::default();
        let unwritten = Vec::new();
        (Thread { store, removals, keeper, output, sealed: false, unwritten }, told)
    }

    fn device(n: u8) -> DeviceId {
        DeviceId::from_bytes([n; 16])
    }

    fn deny(n: u8) -> TrustChange {
        TrustChange::Deny { device: device(n), name: String::new() }
    }

    #[test]
    fn a_store_that_could_not_be_written_is_tried_until_it_can_and_then_believed_again() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path().join("home")).unwrap();
        let (mut thread, told) = thread(&home);
        // A folder in the way of the new file fails for every user, root included.
        let in_the_way = dir.path().join("home/trust.new");
        std::fs::create_dir(&in_the_way).unwrap();
        let claim = thread.claim(device(1), String::new());
        assert!(!claim.won && claim.trust.sealed);
        thread.look();
        let so_far = told.lock().unwrap().clone();
        assert_eq!(so_far.len(), 1, "told once: {so_far:?}");
        std::fs::remove_dir(&in_the_way).unwrap();
        thread.look();
        let last = told.lock().unwrap().pop().unwrap().unwrap();
        assert!(!last.sealed && !last.claimed);
        assert!(thread.claim(device(1), String::new()).won);
    }

    #[test]
    fn a_removal_that_cannot_be_written_holds_and_is_written_later() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path().join("home")).unwrap();
        let (mut thread, told) = thread(&home);
        thread.claim(device(1), String::new());
        thread.change(&TrustChange::Allow { device: device(2), name: String::new() });
        let in_the_way = dir.path().join("home/trust.new");
        std::fs::create_dir(&in_the_way).unwrap();
        thread.change(&deny(2));
        let words = told.lock().unwrap().pop().unwrap().unwrap_err();
        assert!(words.contains("holds only while this program runs"), "{words}");
        let stored = || TrustStore::open(&home).load().unwrap();
        assert!(stored().watchers.contains_key(&device(2)));
        thread.look();
        std::fs::remove_dir(&in_the_way).unwrap();
        thread.look();
        assert!(stored().denied.contains_key(&device(2)));
        // And what cannot be remembered is not given.
        std::fs::create_dir(&in_the_way).unwrap();
        told.lock().unwrap().clear();
        thread.change(&TrustChange::Allow { device: device(3), name: String::new() });
        let words = told.lock().unwrap().pop().unwrap().unwrap_err();
        assert!(words.starts_with("nobody was let in"), "{words}");
    }

    #[test]
    fn who_waited_at_an_earlier_run_of_this_program_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path().join("home")).unwrap();
        let (mut thread, _) = thread(&home);
        for slot in ["slot", "other"] {
            let waiting = Waiting {
                device: device(2),
                name: String::new(),
                node: NodeId::new(device(9), slot),
                camera: "Door".into(),
                code: Code::from_number(1),
                until_s: unix_s() + 600,
            };
            thread.change(&TrustChange::Wait(waiting));
        }
        thread.forget_own_waiting();
        let waiting = thread.store.load().unwrap().waiting;
        assert_eq!(waiting.len(), 1);
        assert_eq!(waiting[0].node, NodeId::new(device(9), "other"));
    }

    #[test]
    fn what_somebody_else_changed_is_told_though_a_change_here_failed_or_was_written_late() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path().join("home")).unwrap();
        let (mut thread, told) = thread(&home);
        thread.claim(device(1), String::new());
        thread.change(&TrustChange::Allow { device: device(2), name: String::new() });
        let in_the_way = dir.path().join("home/trust.new");
        let revoke = || TrustStore::open(&home).apply(&deny(2)).unwrap();
        let last = || told.lock().unwrap().iter().rev().find_map(|t| t.clone().ok()).unwrap();
        // A change that fails reads the file on its way.
        revoke();
        std::fs::create_dir(&in_the_way).unwrap();
        thread.change(&TrustChange::Allow { device: device(3), name: String::new() });
        thread.look();
        assert!(last().denied.contains_key(&device(2)));
        // A removal that is written late reads it too.
        thread.change(&deny(3));
        std::fs::remove_dir(&in_the_way).unwrap();
        TrustStore::open(&home).apply(&deny(4)).unwrap();
        thread.look();
        assert!(last().denied.contains_key(&device(4)) && last().denied.contains_key(&device(3)));
    }

    #[test]
    fn a_removal_is_never_lost_behind_many_other_changes() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::open(dir.path().join("home")).unwrap();
        let keeper = Keeper { node: NodeId::new(device(9), "slot"), camera: Some("Door".into()) };
        let (tell, told) = std::sync::mpsc::sync_channel(TASKS_MAX * 4);
        let output = move |output| tell.send(output).unwrap_or_default();
        let (keeper, ..) = TrustKeeper::start(&home, keeper, output).unwrap();
        for n in 0..TASKS_MAX * 2 {
            let device = DeviceId::from_spki(&n.to_be_bytes());
            keeper.change(TrustChange::Allow { device, name: String::new() });
        }
        keeper.change(deny(2));
        let removed = |output: TrustOutput| match output {
            TrustOutput::Input(input) => {
                matches!(*input, TrustInput::Changed(view) if view.denied.contains_key(&device(2)))
            }
            TrustOutput::Trouble(text) => panic!("{text}"),
        };
        let mut outputs = std::iter::from_fn(|| told.recv_timeout(Duration::from_secs(30)).ok());
        assert!(outputs.any(removed));
        let stored = TrustStore::open(&home).load().unwrap();
        assert!(stored.denied.contains_key(&device(2)));
    }
}
