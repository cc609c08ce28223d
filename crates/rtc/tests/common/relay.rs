//! A relay on loopback that loses media packets.

use std::collections::HashSet;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

/// Stands between publisher and subscriber; each takes it for the other.
pub(crate) struct Relay {
    /// Of media packets; those lost at 100 % stay lost, however often they are sent again.
    pub(crate) loss_percent: AtomicU8,
    /// What the publisher sends to, and what the subscriber sends to.
    sockets: [tokio::net::UdpSocket; 2],
    /// Where the publisher and the subscriber really are.
    ends: Mutex<[Option<SocketAddr>; 2]>,
}

impl Relay {
    /// A relay that forwards both ways until the test ends.
    pub(crate) fn start() -> Arc<Self> {
        let socket = || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            tokio::net::UdpSocket::from_std(socket).unwrap()
        };
        let relay = Arc::new(Self {
            loss_percent: AtomicU8::new(0),
            sockets: [socket(), socket()],
            ends: Mutex::new([None; 2]),
        });
        tokio::spawn(relay.clone().forward(true));
        tokio::spawn(relay.clone().forward(false));
        relay
    }

    /// Puts itself into a description of the publisher or the subscriber.
    pub(crate) fn signal(&self, sdp: &str, from_publisher: bool) -> String {
        let ours = self.sockets[usize::from(from_publisher)].local_addr().unwrap().port();
        let line = sdp.lines().find(|line| line.starts_with("a=candidate:")).unwrap();
        let port = line.split(' ').nth(5).unwrap();
        let end = format!("127.0.0.1:{port}").parse().unwrap();
        self.ends.lock().unwrap()[usize::from(!from_publisher)] = Some(end);
        sdp.replace(&format!("127.0.0.1 {port} "), &format!("127.0.0.1 {ours} "))
    }

    /// Forwards what one side sends; only media from the publisher is ever lost.
    async fn forward(self: Arc<Self>, from_publisher: bool) {
        let (inner, outer) = if from_publisher { (0, 1) } else { (1, 0) };
        let mut random = fastrand::Rng::with_seed(7);
        let mut buffer = [0; 2_000];
        let mut gone = HashSet::new();
        loop {
            let Ok((size, _)) = self.sockets[inner].recv_from(&mut buffer).await else { return };
            // RTP and RTCP begin with 128..192 (RFC 7983); RTCP's types are 192 and up.
            let media = (128..192).contains(&buffer[0]) && !(192..=223).contains(&buffer[1]);
            let percent = self.loss_percent.load(Ordering::Relaxed);
            let sequence = [buffer[2], buffer[3]];
            if media && percent == 100 {
                gone.insert(sequence);
            }
            let lost = random.u8(..100) < percent || gone.contains(&sequence);
            let end = self.ends.lock().unwrap()[outer];
            if let Some(end) = end
                && !(from_publisher && media && lost)
            {
                let _ = self.sockets[outer].send_to(&buffer[..size], end).await;
            }
        }
    }
}
