//! `GET /api/events`: what the page shows, as it changes (the WHATWG's server-sent events, read with
//! `fetch`, because `EventSource` sends no credential).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use lanlens_identity::Credential;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::PageState;
use crate::app::{App, lock};
use crate::guest::Publisher;

/// A comment goes out this often, so that a page hears when the node is gone, and the node hears when
/// the page is.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// `GET /api/events`.
pub(crate) async fn events(State(app): State<Arc<App>>, Publisher(guest): Publisher) -> Response {
    let (over, open) = lock(&app.streams).open(&guest.id, &app.cancel);
    let states = app.stage.follow(&guest);
    let reader = Reader { app, guest, states, over, _open: open, next_beat: None };
    Sse::new(stream::unfold(reader, Reader::next)).into_response()
}

/// A stream that is being read.
struct Reader {
    app: Arc<App>,
    guest: Credential,
    states: watch::Receiver<PageState>,
    over: CancellationToken,
    _open: DropGuard,
    /// `None` before the first state went out.
    next_beat: Option<Instant>,
}

impl Reader {
    async fn next(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        let Some(beat) = self.next_beat else {
            return self.state();
        };
        let over = self.over.clone();
        tokio::select! {
            biased;
            () = over.cancelled() => None,
            changed = self.states.changed() => match changed {
                Ok(()) => self.state(),
                // The stage is done with this guest.
                Err(_) => None,
            },
            () = sleep_until(beat) => self.heartbeat().await,
        }
    }

    fn state(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        self.next_beat = Some(Instant::now() + HEARTBEAT);
        let state = self.states.borrow_and_update().clone();
        // Strings and numbers only: it cannot fail.
        let event = Event::default().event("state").json_data(state).ok()?;
        Some((Ok(event), self))
    }

    /// Also ends the stream of somebody who may not come in any more.
    async fn heartbeat(mut self) -> Option<(Result<Event, Infallible>, Self)> {
        let id = self.guest.id.clone();
        let listed = self.app.in_store(move |store| store.list()).await.ok()?;
        match listed {
            Ok(all) if !all.iter().any(|known| known.id == id) => return None,
            // A disk that hangs for a moment ends nobody's stream.
            Ok(_) | Err(_) => {}
        }
        self.next_beat = Some(Instant::now() + HEARTBEAT);
        Some((Ok(Event::default().comment("")), self))
    }
}
