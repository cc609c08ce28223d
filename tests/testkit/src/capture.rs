//! Every frame that passes a place of the LAN, as an eavesdropper has it (`packet(7)`).
//!
//! Owns a raw socket and the thread that reads it. Knows nothing of what is in the frames.

use std::num::NonZeroU32;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_recv_buffer_size_force, set_socket_timeout};
use rustix::net::{AddressFamily, Protocol, RecvFlags, SocketFlags, SocketType, recv, socket_with};

/// `ETH_P_ALL` in network byte order: frames of every kind.
const EVERY_KIND: u32 = 0x0003_u16.to_be() as u32;
/// What waits to be read, bytes.
const BUFFER_BYTES: usize = 32 * 1024 * 1024;
/// The largest frame, with segments that the network card would split.
const FRAME_BYTES_MAX: usize = 128 * 1024;
/// Kept in all; a capture that becomes larger fails.
const KEPT_BYTES_MAX: usize = 256 * 1024 * 1024;
/// How soon the reader notices that it is to stop.
const LOOK: Duration = Duration::from_millis(20);

#[derive(Debug, Default)]
struct Kept {
    frames: Vec<Box<[u8]>>,
    bytes: usize,
    /// Why it is not everything.
    trouble: Option<String>,
}

/// A capture that runs until it is ended or dropped.
#[derive(Debug)]
pub struct Capture {
    kept: Arc<Mutex<Kept>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Capture {
    /// Captures on every interface of the calling thread's network namespace.
    pub(crate) fn start() -> Result<Self> {
        let protocol = NonZeroU32::new(EVERY_KIND).map(Protocol::from_raw);
        let socket =
            socket_with(AddressFamily::PACKET, SocketType::RAW, SocketFlags::CLOEXEC, protocol)
                .context("a raw socket")?;
        set_socket_recv_buffer_size_force(&socket, BUFFER_BYTES)?;
        set_socket_timeout(&socket, Timeout::Recv, Some(LOOK))?;
        let kept = Arc::new(Mutex::new(Kept::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let (into, stopped) = (Arc::clone(&kept), Arc::clone(&stop));
        let thread = std::thread::Builder::new().name("capture".to_owned());
        let thread = thread.spawn(move || read(&socket, &into, &stopped))?;
        Ok(Self { kept, stop, thread: Some(thread) })
    }

    /// Ends it and gives every frame, from its Ethernet header on.
    ///
    /// # Errors
    /// When there was too much, so that something may be missing.
    pub fn end(mut self) -> Result<Vec<Box<[u8]>>> {
        self.halt();
        let mut kept = lock(&self.kept);
        let trouble = kept.trouble.take();
        ensure!(trouble.is_none(), "the capture is not whole: {}", trouble.unwrap_or_default());
        Ok(std::mem::take(&mut kept.frames))
    }

    fn halt(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.halt();
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(socket: &OwnedFd, kept: &Mutex<Kept>, stop: &AtomicBool) {
    let mut frame = vec![0; FRAME_BYTES_MAX];
    // What waits is read to its end before it stops.
    loop {
        let trouble = match recv(socket, &mut frame[..], RecvFlags::TRUNC) {
            Ok((bytes, whole)) if bytes == whole => {
                let mut kept = lock(kept);
                kept.bytes += bytes;
                if kept.bytes <= KEPT_BYTES_MAX {
                    kept.frames.push(frame[..bytes].into());
                    continue;
                }
                "too many bytes to keep".to_owned()
            }
            Ok((_, whole)) => format!("a frame of {whole} bytes"),
            Err(Errno::AGAIN) if stop.load(Ordering::Relaxed) => return,
            Err(Errno::AGAIN | Errno::INTR) => continue,
            Err(error) => error.to_string(),
        };
        lock(kept).trouble = Some(trouble);
        return;
    }
}

/// How many frames hold these bytes somewhere.
pub fn frames_with(frames: &[Box<[u8]>], bytes: &[u8]) -> usize {
    let holds = |frame: &[u8]| !bytes.is_empty() && frame.windows(bytes.len()).any(|w| w == bytes);
    frames.iter().filter(|frame| holds(frame)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_found_wherever_they_stand_in_a_frame() {
        let frames: Vec<Box<[u8]>> = vec![(*b"secret at").into(), (*b"a secret").into()];
        assert_eq!(frames_with(&frames, b"secret"), 2);
        assert_eq!(frames_with(&frames, b"a secret"), 1);
        assert_eq!(frames_with(&frames, b"Secret"), 0);
        assert_eq!(frames_with(&frames, b""), 0);
    }
}
