//! News of pictures on their way from the decoders to the mesh: told together where many come.
//!
//! A wall of cameras shows hundreds of pictures a second. Each is worth a line in its stream's rhythm,
//! and not worth waking the node's loop for.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use lanlens_mesh::{SessionHandle, SessionInput};
use tokio::sync::Notify;

/// The mesh hears of pictures at most this often; of the first after a pause at once.
const TELL_EVERY: Duration = Duration::from_millis(10);
/// More than decoders can make in that time; the rest is not told.
const WAITING_MAX: usize = 1024;

/// What waits to be told. Decoder threads write, the node's loop takes.
#[derive(Default)]
pub(crate) struct Pictures {
    state: Mutex<State>,
    came: Notify,
}

#[derive(Default)]
struct State {
    waiting: Vec<(SessionHandle, SessionInput)>,
    told: Option<Instant>,
}

impl Pictures {
    /// A picture was decoded. Never blocks for long.
    pub(crate) fn add(&self, session: SessionHandle, width: u32, height: u32) {
        let mut state = self.lock();
        if state.waiting.len() < WAITING_MAX {
            let at = Instant::now();
            state.waiting.push((session, SessionInput::Frame { width, height, at }));
        }
        let first = state.waiting.len() == 1;
        drop(state);
        if first {
            self.came.notify_one();
        }
    }

    /// Returns when there is something to tell. Nothing is lost where the wait is given up.
    pub(crate) async fn due(&self) {
        loop {
            let due = {
                let state = self.lock();
                let at = state.told.map_or_else(Instant::now, |told| told + TELL_EVERY);
                (!state.waiting.is_empty()).then_some(at)
            };
            match due {
                Some(due) => return tokio::time::sleep_until(due.into()).await,
                None => self.came.notified().await,
            }
        }
    }

    /// What is to be told now, in the order in which it came.
    pub(crate) fn take(&self) -> Vec<(SessionHandle, SessionInput)> {
        let mut state = self.lock();
        state.told = Some(Instant::now());
        std::mem::take(&mut state.waiting)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_picture_after_a_pause_is_told_at_once_and_more_are_told_together() {
        let pictures = Pictures::default();
        pictures.add(SessionHandle(1), 64, 36);
        pictures.due().await;
        let first = Instant::now();
        assert_eq!(pictures.take().len(), 1);
        for session in 2..6 {
            pictures.add(SessionHandle(session), 64, 36);
        }
        // A wait that is given up loses nothing.
        drop(tokio::time::timeout(Duration::ZERO, pictures.due()).await);
        pictures.due().await;
        assert!(first.elapsed() >= TELL_EVERY);
        let told: Vec<u64> = pictures.take().into_iter().map(|(session, _)| session.0).collect();
        assert_eq!(told, [2, 3, 4, 5]);
    }
}
