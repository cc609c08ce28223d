//! Harm that goes on while a test measures what others notice of it.
//!
//! Owns the threads that do it, on hosts of the test's LAN. What is done there is said over plain
//! sockets or by a hand-made [`Peer`]: none of our programs would do it.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use lanlens_testkit::Host;

use crate::peer::{self, Key, Peer};

/// A socket that was closed is opened again after this.
const REOPEN_AFTER: Duration = Duration::from_secs(1);
/// For a connection on the LAN.
const CONNECT_LIMIT: Duration = Duration::from_millis(200);
/// Between two rounds of an attack.
const ROUND: Duration = Duration::from_millis(20);

/// Something bad that goes on until it is stopped or dropped.
#[derive(Debug)]
pub struct Attack {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<u64>>>,
}

impl Attack {
    /// Does `round` on `host` again and again; it returns how often it did its harm.
    ///
    /// # Errors
    /// When there is no thread for it.
    pub fn start(host: &Host, mut round: impl FnMut() -> u64 + Send + 'static) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (host, stopped) = (host.clone(), Arc::clone(&stop));
        let thread = std::thread::Builder::new().name("attack".into()).spawn(move || {
            host.within(|| {
                let mut done = 0;
                while !stopped.load(Ordering::Relaxed) {
                    done += round();
                }
                done
            })
        })?;
        Ok(Self { stop, thread: Some(thread) })
    }

    /// Stops it; how often it did its harm.
    ///
    /// # Errors
    /// When it could not be done at all.
    pub fn stop(mut self) -> Result<u64> {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().map(JoinHandle::join);
        thread.map_or(Ok(0), |end| end.map_err(|_| anyhow!("an attack panicked"))?)
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // It ends within a round; the hosts' namespaces must not be removed before.
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// One of many sockets.
#[derive(Debug, Default)]
struct Slot {
    socket: Option<TcpStream>,
    /// When it was opened, closed, or last sent a byte.
    touched: Option<Instant>,
    said: usize,
}

/// Holds `count` sockets to `to` open and sends the bytes of `words` on each, one a second (none:
/// never speaks). What the other side closes is opened again a second later. Counts connections.
pub fn crowd(to: SocketAddr, count: usize, words: &'static [u8]) -> impl FnMut() -> u64 + Send {
    let mut slots: Vec<Slot> = (0..count).map(|_| Slot::default()).collect();
    move || {
        let opened = slots.iter_mut().map(|slot| u64::from(tend(slot, to, words))).sum();
        std::thread::sleep(ROUND);
        opened
    }
}

/// Whether it was opened.
fn tend(slot: &mut Slot, to: SocketAddr, words: &[u8]) -> bool {
    let rested = slot.touched.is_none_or(|at| at.elapsed() >= REOPEN_AFTER);
    let Some(socket) = &mut slot.socket else {
        if rested {
            slot.socket = TcpStream::connect_timeout(&to, CONNECT_LIMIT).ok();
            slot.socket.as_ref().map(|socket| socket.set_nonblocking(true));
            (slot.touched, slot.said) = (Some(Instant::now()), 0);
        }
        return rested && slot.socket.is_some();
    };
    let end = socket.read(&mut [0; 64]);
    let mut open = end.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
    if open
        && rested
        && let Some(byte) = words.get(slot.said)
    {
        open = socket.write(&[*byte]).is_ok();
        (slot.touched, slot.said) = (Some(Instant::now()), slot.said + 1);
    }
    if !open {
        (slot.socket, slot.touched) = (None, Some(Instant::now()));
    }
    false
}

/// Asks for the WebSocket with a header more and a header more. Counts connections.
pub fn endless_headers(to: SocketAddr, key: Arc<Key>) -> impl FnMut() -> u64 + Send {
    move || {
        std::thread::sleep(ROUND);
        let Ok(mut stream) = peer::tls(to, Some(&key)) else { return 0 };
        let mut wrote = stream.write_all(b"GET /lanlens/1 HTTP/1.1\r\n");
        let enough = Instant::now() + REOPEN_AFTER;
        while wrote.is_ok() && Instant::now() < enough {
            wrote = stream.write_all(b"X-More: and more and more and more and more\r\n");
        }
        1
    }
}

/// Says a first message of so many bytes. Counts messages.
pub fn oversized_first_message(
    to: SocketAddr,
    key: Arc<Key>,
    bytes: usize,
) -> impl FnMut() -> u64 + Send {
    let mut hello = key.hello();
    hello["name"] = "x".repeat(bytes).into();
    let text = hello.to_string();
    move || {
        std::thread::sleep(ROUND);
        let Ok(mut peer) = Peer::from_here(to, Some(&key)) else { return 0 };
        // It may be cut off before the end.
        peer.send(&text).ok();
        peer.until_closed(REOPEN_AFTER).ok();
        1
    }
}

/// Greets and then sends pings, this many a second; when it is turned out, it greets again as
/// another device. Counts pings.
pub fn chatter(to: SocketAddr, per_second: u32) -> impl FnMut() -> u64 + Send {
    let per_round = u64::from(per_second) * ROUND.as_millis() as u64 / 1000;
    let mut link: Option<Peer> = None;
    move || {
        let start = Instant::now();
        if link.is_none() {
            link = Key::new().and_then(|key| Peer::greeted_from_here(to, &key)).ok();
        }
        let Some(peer) = &mut link else {
            std::thread::sleep(ROUND);
            return 0;
        };
        let said = (0..per_round).take_while(|_| peer.send(r#"{"type":"ping","t1":1}"#).is_ok());
        let said = said.count() as u64;
        if said < per_round {
            link = None;
        }
        std::thread::sleep(ROUND.saturating_sub(start.elapsed()));
        said
    }
}
