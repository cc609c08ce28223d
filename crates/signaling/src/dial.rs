//! Opening a link: race over every known address, and the winner must be the right device.
//!
//! Happy eyeballs (RFC 8305) over TCP, TLS and WebSocket together: an address that accepts and then
//! says nothing does not win.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use lanlens_identity::{Identity, WrongDevice};
use lanlens_model::DeviceId;
use lanlens_model::limits::{ADDRESSES_PER_NODE_MAX, HANDSHAKE_TIMEOUT};
use rustls::pki_types::ServerName;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_rustls::{TlsConnector, TlsStream};
use tokio_tungstenite::client_async_with_config;

use crate::host::host_of;
use crate::socket::{HeadLimit, Proven, websocket_config};
use crate::{Link, PATH};

/// Between the starts of two attempts.
const STAGGER: Duration = Duration::from_millis(100);

/// Why no address gave a link.
#[derive(Debug, Error)]
pub enum DialError {
    /// There was none to try.
    #[error("no address is known")]
    NoAddress,
    /// What happened at each address.
    #[error("{}", describe(.0))]
    Failed(Vec<Attempt>),
}

impl DialError {
    /// The addresses at which another device answered, and which.
    pub fn wrong_keys(&self) -> impl Iterator<Item = (SocketAddr, DeviceId)> {
        let attempts = match self {
            DialError::NoAddress => &[][..],
            DialError::Failed(attempts) => attempts,
        };
        attempts.iter().filter_map(|attempt| match attempt.error {
            AttemptError::WrongKey { found } => Some((attempt.address, found)),
            _ => None,
        })
    }
}

/// One address that did not work.
#[derive(Debug)]
pub struct Attempt {
    /// The address.
    pub address: SocketAddr,
    /// Why not.
    pub error: AttemptError,
}

/// Why one address did not work.
#[derive(Debug, Error)]
pub enum AttemptError {
    /// No connection.
    #[error("{0}")]
    Tcp(io::Error),
    /// Another device has this address.
    #[error("another device answered ({found})")]
    WrongKey {
        /// Which.
        found: DeviceId,
    },
    /// It does not speak our TLS.
    #[error("TLS: {0}")]
    Tls(io::Error),
    /// It does not speak our WebSocket.
    #[error("WebSocket: {0}")]
    WebSocket(String),
    /// No answer in time.
    #[error("no answer")]
    TimedOut,
}

fn describe(attempts: &[Attempt]) -> String {
    let texts: Vec<String> =
        attempts.iter().map(|a| format!("{}: {}", a.address, a.error)).collect();
    texts.join("; ")
}

/// Opens a link to whichever of `addresses` answers first, with `expect`: proving that id. A wrong
/// key drops that address only. IPv4 and IPv6 take turns, 100 ms apart; the first
/// [`ADDRESSES_PER_NODE_MAX`] are tried. Gives up after `timeout`.
///
/// # Errors
/// [`DialError`], with what happened at each address.
pub async fn dial(
    identity: &Identity,
    addresses: &[SocketAddr],
    expect: Option<DeviceId>,
    timeout: Duration,
) -> Result<Link, DialError> {
    let mut waiting = take_turns(addresses).into_iter();
    let deadline = Instant::now() + timeout;
    let mut running: JoinSet<(SocketAddr, Result<Link, AttemptError>)> = JoinSet::new();
    let mut started = Vec::new();
    let mut failed: Vec<Attempt> = Vec::new();
    let mut next_start = Instant::now();
    loop {
        if running.is_empty() && waiting.len() == 0 {
            return Err(match failed.is_empty() {
                true => DialError::NoAddress,
                false => DialError::Failed(failed),
            });
        }
        tokio::select! {
            biased;
            Some(done) = running.join_next() => match done {
                Ok((_, Ok(link))) => return Ok(link),
                Ok((address, Err(error))) => {
                    tracing::debug!("{address}: {error}");
                    failed.push(Attempt { address, error });
                    // RFC 8305 section 5: a failure starts the next attempt at once.
                    next_start = Instant::now();
                }
                Err(error) => tracing::error!("an attempt to dial ended: {error}"),
            },
            () = sleep_until(deadline) => break,
            () = sleep_until(next_start), if waiting.len() > 0 => {
                if let Some(address) = waiting.next() {
                    let identity = identity.clone();
                    started.push(address);
                    running.spawn(async move {
                        (address, attempt(&identity, address, expect).await)
                    });
                }
                next_start = Instant::now() + STAGGER;
            }
        }
    }
    // Dropping the set ends what still runs.
    let silent = started.into_iter().chain(waiting);
    for address in silent {
        if !failed.iter().any(|attempt| attempt.address == address) {
            failed.push(Attempt { address, error: AttemptError::TimedOut });
        }
    }
    Err(DialError::Failed(failed))
}

/// Each address once, the families in turn, beginning with that of the first.
fn take_turns(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let mut unique: Vec<SocketAddr> = Vec::new();
    for address in addresses {
        if !unique.contains(address) && unique.len() < ADDRESSES_PER_NODE_MAX {
            unique.push(*address);
        }
    }
    let first_is_v6 = unique.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<SocketAddr>, Vec<SocketAddr>) =
        unique.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut turns = Vec::new();
    loop {
        let pair = [first.next(), second.next()];
        if pair == [None, None] {
            return turns;
        }
        turns.extend(pair.into_iter().flatten());
    }
}

async fn attempt(
    identity: &Identity,
    address: SocketAddr,
    expect: Option<DeviceId>,
) -> Result<Link, AttemptError> {
    let tcp = TcpStream::connect(address).await.map_err(AttemptError::Tcp)?;
    tcp.set_nodelay(true).map_err(AttemptError::Tcp)?;
    // Not what was dialed where that was 0.0.0.0.
    let reached = tcp.peer_addr().map_err(AttemptError::Tcp)?;
    let local = tcp.local_addr().map_err(AttemptError::Tcp)?;
    let connector = TlsConnector::from(identity.client_config(expect));
    // Never sent and never checked; TLS libraries want one.
    let name = ServerName::IpAddress(IpAddr::from([0, 0, 0, 0]).into());
    let tls =
        connector.connect(name, tcp).await.map_err(|error| match WrongDevice::find(&error) {
            Some(wrong) => AttemptError::WrongKey { found: wrong.found },
            None => AttemptError::Tls(error),
        })?;
    let proven =
        Proven::of(tls.get_ref().1).map_err(|why| AttemptError::Tls(io::Error::other(why)))?;
    let stream = HeadLimit::new(TlsStream::Client(tls));
    let url = format!("ws://{}{PATH}", host_of(reached));
    let (mut socket, _) = client_async_with_config(url, stream, Some(websocket_config()))
        .await
        .map_err(|error| AttemptError::WebSocket(error.to_string()))?;
    socket.get_mut().lift();
    let first_by = Instant::now() + HANDSHAKE_TIMEOUT;
    Ok(Link::new(proven, (local, address), true, socket, first_by, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns_and_nothing_is_tried_twice() {
        let given = addresses(&[
            "10.0.0.1:1",
            "10.0.0.2:1",
            "10.0.0.1:1",
            "[fd00::1]:1",
            "[fe80::1%3]:1",
            "[fe80::1%4]:1",
        ]);
        let expected = addresses(&[
            "10.0.0.1:1",
            "[fd00::1]:1",
            "10.0.0.2:1",
            "[fe80::1%3]:1",
            "[fe80::1%4]:1",
        ]);
        assert_eq!(take_turns(&given), expected);
    }

    #[test]
    fn a_peer_that_lists_a_thousand_addresses_is_tried_at_sixteen() {
        let given: Vec<SocketAddr> =
            (1..1000).map(|port| SocketAddr::from(([10, 0, 0, 1], port))).collect();
        assert_eq!(take_turns(&given).len(), ADDRESSES_PER_NODE_MAX);
    }
}
