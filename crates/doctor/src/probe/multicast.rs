//! Multicast DNS tried by hand (RFC 6762): a question on every interface, and who is heard.
//!
//! The daemon of `discovery` would hide what matters here: that the system refused to send, and
//! whether our own question came back. The question is for the list of all services (RFC 6763
//! section 9), so that every responder of the network has something to answer.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::LISTEN;
use crate::observations::{Heard, Interface, Loop, Sent};

const PORT: u16 = 5353;
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
/// When the question is asked: Wi-Fi loses multicast, so more than once.
const ASK_AT: [Duration; 3] =
    [Duration::ZERO, Duration::from_millis(500), Duration::from_millis(1200)];
/// Sockets at once: one for each interface and family.
const SOCKETS_MAX: usize = 32;
/// The largest packet that RFC 6762 section 17 allows.
const PACKET_BYTES_MAX: usize = 9000;
/// Devices remembered.
const HEARD_MAX: usize = 512;

/// One interface in one family.
#[derive(Debug, Clone)]
struct Place {
    interface: String,
    index: u32,
    /// Our address there.
    own: IpAddr,
    /// Told apart by this id in the question's header; answers carry 0.
    nonce: u16,
}

/// What one socket heard.
#[derive(Default)]
struct Ears {
    /// Ids of our own questions.
    nonces: BTreeSet<u16>,
    /// Senders, IPv6 link-local ones with their scope.
    senders: BTreeSet<(IpAddr, u32)>,
}

/// Asks and listens for [`LISTEN`] on every interface that is up.
pub(super) async fn listen(interfaces: &[Interface]) -> (Vec<Loop>, Vec<Heard>) {
    let places = places(interfaces);
    let mut running: JoinSet<(Place, Sent, Ears)> = JoinSet::new();
    for place in places {
        running.spawn(async move {
            let mut ears = Ears::default();
            let sent = ask_and_hear(&place, &mut ears).await;
            (place, sent, ears)
        });
    }
    let results = running.join_all().await;
    // Every socket hears what any interface of its family does; the id says whose question it was.
    let nonces: BTreeSet<u16> = results.iter().flat_map(|(_, _, e)| e.nonces.clone()).collect();
    let own: BTreeSet<IpAddr> =
        interfaces.iter().flat_map(|i| i.networks.iter().map(|network| network.ip)).collect();
    let mut heard = BTreeSet::new();
    for (ip, scope) in results.iter().flat_map(|(_, _, e)| e.senders.iter().copied()) {
        if own.contains(&ip) || ip.is_loopback() || heard.len() >= HEARD_MAX {
            continue;
        }
        let at = |interface: &&Interface| scope != 0 && interface.index == scope;
        let interface = interfaces.iter().find(at).map(|interface| interface.name.clone());
        heard.insert(Heard { ip, interface });
    }
    let mut loops: Vec<Loop> = results
        .into_iter()
        .map(|(place, sent, _)| Loop {
            interface: place.interface,
            v6: place.own.is_ipv6(),
            sent,
            heard_own: nonces.contains(&place.nonce),
        })
        .collect();
    loops.sort_by(|a, b| (&a.interface, a.v6).cmp(&(&b.interface, b.v6)));
    (loops, heard.into_iter().collect())
}

/// One place for each interface that is up and family that it has.
fn places(interfaces: &[Interface]) -> Vec<Place> {
    let mut places: BTreeMap<(String, bool), Place> = BTreeMap::new();
    // Ids next to each other, so that no two are equal.
    let mut nonce = fastrand::u16(1..u16::MAX - SOCKETS_MAX as u16);
    for interface in interfaces.iter().filter(|interface| interface.up) {
        for network in &interface.networks {
            let key = (interface.name.clone(), network.ip.is_ipv6());
            if places.len() < SOCKETS_MAX && !places.contains_key(&key) {
                nonce += 1;
                let (own, index) = (network.ip, interface.index);
                places.insert(key, Place { interface: interface.name.clone(), index, own, nonce });
            }
        }
    }
    places.into_values().collect()
}

async fn ask_and_hear(place: &Place, ears: &mut Ears) -> Sent {
    let socket = match open(place) {
        Ok(socket) => socket,
        Err(error) => return outcome(&error),
    };
    let question = question(place.nonce);
    let target: SocketAddr = match place.own {
        IpAddr::V4(_) => (GROUP_V4, PORT).into(),
        IpAddr::V6(_) => SocketAddrV6::new(GROUP_V6, PORT, 0, place.index).into(),
    };
    let start = Instant::now();
    let mut sent = None;
    let mut asks = ASK_AT.map(|after| start + after).into_iter().peekable();
    let mut buffer = vec![0; PACKET_BYTES_MAX];
    while start.elapsed() < LISTEN {
        if asks.next_if(|at| *at <= Instant::now()).is_some() {
            let tried = match socket.send_to(&question, target).await {
                Ok(_) => Sent::Yes,
                Err(error) => outcome(&error),
            };
            // One that went out is what counts.
            if sent != Some(Sent::Yes) {
                sent = Some(tried);
            }
            continue;
        }
        let until = asks.peek().copied().unwrap_or(start + LISTEN);
        match timeout_at(until, socket.recv_from(&mut buffer)).await {
            Ok(Ok((length, from))) => hear(&buffer[..length], from, ears),
            // An ICMP error of an earlier packet; not to be read in a busy loop.
            Ok(Err(_)) => sleep_until(Instant::now() + Duration::from_millis(20)).await,
            Err(_) => {}
        }
    }
    sent.unwrap_or_else(|| Sent::Failed("there was no time".to_owned()))
}

fn hear(packet: &[u8], from: SocketAddr, ears: &mut Ears) {
    if packet.len() < 12 || ears.senders.len() >= HEARD_MAX {
        return;
    }
    let (id, is_question) = (u16::from_be_bytes([packet[0], packet[1]]), packet[2] & 0x80 == 0);
    if is_question && id != 0 {
        ears.nonces.insert(id);
    }
    let scope = match from {
        SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() => v6.scope_id(),
        _ => 0,
    };
    ears.senders.insert((from.ip(), scope));
}

/// A socket that shares port 5353 with every other responder of this computer.
fn open(place: &Place) -> io::Result<UdpSocket> {
    let domain = Domain::for_address((place.own, PORT).into());
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    match place.own {
        IpAddr::V4(own) => {
            socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT)).into())?;
            socket.join_multicast_v4(&GROUP_V4, &own)?;
            socket.set_multicast_if_v4(&own)?;
            socket.set_multicast_loop_v4(true)?;
            socket.set_multicast_ttl_v4(255)?;
        }
        IpAddr::V6(_) => {
            socket.set_only_v6(true)?;
            socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, PORT)).into())?;
            socket.join_multicast_v6(&GROUP_V6, place.index)?;
            socket.set_multicast_if_v6(place.index)?;
            socket.set_multicast_loop_v6(true)?;
            socket.set_multicast_hops_v6(255)?;
        }
    }
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket.into())
}

fn outcome(error: &io::Error) -> Sent {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Sent::Blocked,
        io::ErrorKind::AddrInUse => Sent::PortTaken,
        _ => Sent::Failed(error.to_string()),
    }
}

/// Two questions: which services are there, and which of ours (RFC 1035 section 4.1).
fn question(id: u16) -> Vec<u8> {
    let mut packet = Vec::with_capacity(80);
    packet.extend(id.to_be_bytes());
    packet.extend([0, 0, 0, 2, 0, 0, 0, 0, 0, 0]);
    for name in [&["_services", "_dns-sd", "_udp", "local"][..], &["_lanlens", "_tcp", "local"]] {
        for label in name {
            packet.push(u8::try_from(label.len()).unwrap_or_default());
            packet.extend(label.bytes());
        }
        // The root, PTR, IN.
        packet.extend([0, 0, 12, 0, 1]);
    }
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_question_is_known_again_and_an_answer_is_not_taken_for_it() {
        let mut ears = Ears::default();
        let from = SocketAddr::from(([10, 0, 0, 1], PORT));
        hear(&question(4711), from, &mut ears);
        let mut answer = question(4712);
        answer[2] = 0x84;
        hear(&answer, from, &mut ears);
        hear(b"short", from, &mut ears);
        assert_eq!(ears.nonces, BTreeSet::from([4711]));
        assert_eq!(ears.senders.len(), 1);
    }

    #[test]
    fn the_question_names_what_is_asked_for() {
        let packet = question(1);
        let label = b"\x08_lanlens\x04_tcp\x05local\x00\x00\x0c\x00\x01";
        assert!(packet.ends_with(label));
        assert_eq!(packet[4..6], [0, 2]);
    }

    #[test]
    fn a_refusal_by_the_system_is_told_from_other_failures() {
        let of = |kind| outcome(&io::Error::from(kind));
        assert_eq!(of(io::ErrorKind::PermissionDenied), Sent::Blocked);
        assert_eq!(of(io::ErrorKind::AddrInUse), Sent::PortTaken);
        assert!(matches!(of(io::ErrorKind::NetworkUnreachable), Sent::Failed(_)));
    }
}
