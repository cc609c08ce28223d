//! What a program hears that does not listen all the time.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "in a test an unwrap is an assertion")]

use std::net::{SocketAddr, TcpListener};

use lanlens_model::limits::EVENT_QUEUE_MAX;
use lanlens_model::{Event, Selection};
use lanlens_node::{NodeConfig, NodeHandle, start};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

/// More events than a program may miss unread.
const COMPLAINTS: usize = EVENT_QUEUE_MAX + 10;

/// A viewer on loopback that complains about so many peers which do not answer.
async fn complaining(home: &std::path::Path) -> NodeHandle {
    // Nobody listens at this port of any loopback address.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let peer = |n: usize| SocketAddr::from(([127, 1, (n >> 8) as u8, n as u8], port));
    start(NodeConfig {
        interfaces: vec!["lo".to_owned()],
        listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        peers: (0..COMPLAINTS).map(peer).collect(),
        ..NodeConfig::viewer(home.to_owned(), Selection::None)
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn a_program_that_is_slow_to_read_loses_the_oldest_events_and_is_told_how_many() {
    let home = tempfile::tempdir().unwrap();
    let node = complaining(home.path()).await;
    let (mut slow, mut quick) = (node.events(), node.events());
    let (mut heard, mut complaints) = (0, 0);
    while complaints < COMPLAINTS {
        complaints += usize::from(matches!(quick.recv().await.unwrap(), Event::Error { .. }));
        heard += 1;
    }
    node.shutdown().await;
    heard += std::iter::from_fn(|| quick.try_recv().ok()).count();

    let Err(RecvError::Lagged(missed)) = slow.recv().await else { panic!("not told") };
    let kept = std::iter::from_fn(|| slow.try_recv().ok()).count();
    assert_eq!((missed, kept), ((heard - EVENT_QUEUE_MAX) as u64, EVENT_QUEUE_MAX));
    assert!(matches!(slow.try_recv(), Err(TryRecvError::Empty | TryRecvError::Closed)));
}
