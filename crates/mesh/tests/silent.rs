//! Watchers to whom nothing comes through: what the camera says of them here and to its owners.
#![allow(clippy::disallowed_methods, reason = "a test needs a first instant")]

mod common;

use std::time::Duration;

use common::desk::{Desk, camera};
use common::{Rig, device};
use lanlens_mesh::{Action, LinkId, SessionHandle, SessionInput};
use lanlens_model::{AccessMode, Event};
use lanlens_protocol::{Message, WatchingDevice};

const SECOND: Duration = Duration::from_secs(1);

/// A camera that its owner watches.
fn watched() -> (Rig, LinkId, SessionHandle) {
    let mut rig = Rig::new(AccessMode::Ask);
    let link = rig.dial_in(device("owner"), "x").expect("it is let in");
    let actions = rig.offer(link, 7);
    let opened = actions.iter().find_map(|action| match action {
        Action::OpenPublisher { handle, .. } => Some(*handle),
        _ => None,
    });
    let handle = opened.expect("it is served");
    let connected = SessionInput::Connected { candidate_pair: String::new() };
    rig.mesh.handle_session(handle, connected, rig.now);
    rig.wait(SECOND);
    (rig, link, handle)
}

/// For how long somebody gets nothing, as owners were told last.
fn told(actions: &[Action]) -> Vec<Option<u64>> {
    let watching = actions.iter().filter_map(|action| match action {
        Action::Send { message: Message::Watchers { watching, .. }, .. } => Some(watching),
        _ => None,
    });
    watching.map(|watching| watching[0].silent_ms).collect()
}

fn events(actions: &[Action]) -> Vec<&Event> {
    let emitted = actions.iter().filter_map(|action| match action {
        Action::Emit(event) => Some(event),
        _ => None,
    });
    emitted.collect()
}

#[test]
fn a_watcher_to_whom_nothing_comes_through_is_told_of_and_so_is_that_it_does_again() {
    let (mut rig, _, handle) = watched();
    let since = rig.now;
    rig.now += SECOND * 2;
    rig.mesh.handle_session(handle, SessionInput::Silent(Some(since)), rig.now);
    let actions = rig.drain();
    assert!(matches!(events(&actions)[..], [Event::ViewerStalled { since_ms: 2000, .. }]));
    assert_eq!(told(&actions), [Some(2000)]);
    assert_eq!(rig.mesh.snapshot().local[0].watchers[0].silent_since, Some(since));
    // That it lasts is no news.
    rig.mesh.handle_session(handle, SessionInput::Silent(Some(since)), rig.now);
    for _ in 0..10 {
        let actions = rig.wait(SECOND);
        assert_eq!((events(&actions).len(), told(&actions).len()), (0, 0), "{actions:?}");
    }
    rig.mesh.handle_session(handle, SessionInput::Silent(None), rig.now);
    let actions = rig.drain();
    assert!(matches!(events(&actions)[..], [Event::ViewerLive { since_ms: 12_000, .. }]));
    assert_eq!(told(&actions), [None]);
    assert_eq!(rig.mesh.snapshot().local[0].watchers[0].silent_since, None);
}

#[test]
fn an_owner_sees_since_when_somebody_gets_nothing() {
    let (mut desk, link) = Desk::watching();
    let watching = |silent_ms| {
        let name = String::new();
        vec![WatchingDevice { camera: camera(), device: device("ann"), name, silent_ms }]
    };
    for silent in [None, Some(3000), None, Some(u64::MAX)] {
        let (waiting, watching) = (Vec::new(), watching(silent));
        desk.say(link, Message::Watchers { waiting, watching });
        let since = desk.view().watchers.expect("it is the owner's")[0].silent_since;
        match silent {
            None => assert_eq!(since, None),
            Some(3000) => assert_eq!(since, Some(desk.now - SECOND * 3)),
            // However long it says: somebody gets nothing.
            Some(_) => assert!(since.is_some()),
        }
        desk.wait(SECOND / 2);
    }
}
