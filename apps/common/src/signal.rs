//! When the user wants the program to end.

use std::future::Future;

/// Listens from now on, and is done at Ctrl-C, on Unix at SIGTERM and SIGHUP too.
///
/// Not an `async fn`: a signal between this call and the first poll is heard as well, and does not end
/// the program without its goodbye. Must be called inside a tokio runtime.
pub fn shutdown_signal() -> impl Future<Output = ()> + Send {
    let signals = listen();
    async move {
        match signals {
            Ok(signals) => heard(signals).await,
            // No signal can be heard: the program ends by other means.
            Err(_) => std::future::pending().await,
        }
    }
}

#[cfg(unix)]
type Signals = [tokio::signal::unix::Signal; 3];

#[cfg(unix)]
fn listen() -> std::io::Result<Signals> {
    use tokio::signal::unix::{SignalKind, signal};
    Ok([
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
    ])
}

#[cfg(unix)]
async fn heard([mut interrupt, mut terminate, mut hangup]: Signals) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
}

#[cfg(windows)]
fn listen() -> std::io::Result<tokio::signal::windows::CtrlC> {
    tokio::signal::windows::ctrl_c()
}

#[cfg(windows)]
async fn heard(mut ctrl_c: tokio::signal::windows::CtrlC) {
    ctrl_c.recv().await;
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_signal_before_anybody_waits_for_it_is_heard() {
        let signal = shutdown_signal();
        let own = std::process::id().to_string();
        let sent = std::process::Command::new("kill").args(["-HUP", &own]).status().unwrap();
        assert!(sent.success());
        signal.await;
    }
}
