//! Two nodes that behave.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use lanlens_identity::Identity;
use lanlens_model::{Access, CameraId, Layer, SessionId};
use lanlens_protocol::Message;
use lanlens_signaling::{
    AttemptError, CloseReason, DialError, LinkEvent, ListenConfig, Listener, dial,
};
use support::{Node, PATIENCE, Running, greeting, identity, linked};
use tokio::net::TcpListener;

fn offer(identity: &Identity) -> Message {
    Message::Offer {
        session: SessionId(1),
        camera: CameraId::new(identity.device(), "pattern"),
        layer: Layer::Low,
        sdp: "v=0\r\n".repeat(1000),
    }
}

#[tokio::test]
async fn messages_travel_both_ways_in_order() {
    let (mut here, mut there) = linked().await;
    let offer = offer(&identity());
    for state in [Access::Granted, Access::Denied] {
        there.say(Message::Access { state }).await;
    }
    here.say(offer.clone()).await;
    assert_eq!(there.message().await, offer);
    assert_eq!(here.message().await, Message::Access { state: Access::Granted });
    assert_eq!(here.message().await, Message::Access { state: Access::Denied });
}

/// `tls-exporter` of RFC 9266: what is proven over one connection is worthless on another.
#[tokio::test]
async fn both_ends_of_a_link_share_a_value_that_no_other_link_has() {
    let mut node = Node::start();
    let identity = identity();
    let mut values = Vec::new();
    for _ in 0..3 {
        let link = dial(&identity, &[node.address], None, PATIENCE).await.unwrap();
        let (here, there) = (Running::start(link), node.accept().await);
        assert_eq!(here.channel, there.channel);
        assert!(!values.contains(&here.channel));
        values.push(here.channel);
    }
}

#[tokio::test]
async fn each_side_learns_the_others_clock() {
    let (mut here, mut there) = linked().await;
    for side in [&mut here, &mut there] {
        let LinkEvent::Clock { offset_us, rtt, known } = side.event().await else {
            panic!("no clock")
        };
        // One machine, so one clock; the error is at most half the round trip.
        assert!(offset_us.unsigned_abs() <= rtt.as_micros() as u64, "{offset_us} µs, {rtt:?}");
        assert!(known || rtt > Duration::from_millis(40));
    }
}

#[tokio::test]
async fn a_goodbye_comes_after_everything_said_before_it() {
    let (mut here, mut there) = linked().await;
    let offer = offer(&identity());
    here.say(offer.clone()).await;
    here.say(Message::Bye { session: Some(SessionId(1)) }).await;
    here.say(Message::Bye { session: None }).await;
    assert_eq!(there.message().await, offer);
    assert_eq!(there.message().await, Message::Bye { session: Some(SessionId(1)) });
    assert_eq!(there.message().await, Message::Bye { session: None });
    assert_eq!(there.closed().await, CloseReason::Goodbye);
    assert_eq!(here.closed().await, CloseReason::Local);
}

#[tokio::test]
async fn what_is_queued_is_still_sent_when_a_link_is_cancelled_or_dropped() {
    for cancelled in [true, false] {
        let (mut here, mut there) = linked().await;
        here.say(Message::Access { state: Access::Denied }).await;
        if cancelled {
            here.cancel.cancel();
        } else {
            drop(std::mem::replace(&mut here.outgoing, tokio::sync::mpsc::channel(1).0));
        }
        assert_eq!(there.message().await, Message::Access { state: Access::Denied });
        assert!(matches!(there.closed().await, CloseReason::Lost(_)));
        assert_eq!(here.closed().await, CloseReason::Local);
    }
}

#[tokio::test]
async fn a_peer_that_vanishes_is_noticed_by_its_connection() {
    let (here, mut there) = linked().await;
    // As when a process is killed: the system closes its sockets.
    here.task.abort();
    assert!(matches!(there.closed().await, CloseReason::Lost(_)));
}

#[tokio::test]
async fn another_device_at_one_address_does_not_stop_the_right_one_at_another() {
    let (identity, right, wrong) = (identity(), Node::start(), Node::start());
    let expect = Some(right.identity.device());
    let both = [wrong.address, right.address];
    let link = dial(&identity, &both, expect, PATIENCE).await.unwrap();
    assert_eq!(link.remote, right.address);
    assert_eq!(link.device, right.identity.device());
    assert!(link.dialed);

    let error = dial(&identity, &[wrong.address], expect, PATIENCE).await.unwrap_err();
    let keys: Vec<_> = error.wrong_keys().collect();
    assert_eq!(keys, [(wrong.address, wrong.identity.device())]);
    assert!(error.to_string().contains("another device answered"), "{error}");
}

#[tokio::test]
async fn an_address_that_accepts_and_says_nothing_does_not_win() {
    let (identity, node) = (identity(), Node::start());
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addresses = [silent.local_addr().unwrap(), node.address];
    let expect = Some(node.identity.device());
    let link = dial(&identity, &addresses, expect, PATIENCE).await.unwrap();
    assert_eq!(link.remote, node.address);
}

#[tokio::test]
async fn a_failed_dial_says_what_happened_at_each_address() {
    let identity = identity();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        socket.local_addr().unwrap()
    };
    let addresses = [closed, silent.local_addr().unwrap()];
    let timeout = Duration::from_millis(300);
    let error = dial(&identity, &addresses, None, timeout).await.unwrap_err();
    let DialError::Failed(attempts) = error else { panic!("{error}") };
    assert_eq!(attempts.len(), 2);
    assert!(matches!(attempts[0].error, AttemptError::Tcp(_)));
    assert_eq!(attempts[0].address, closed);
    assert!(matches!(attempts[1].error, AttemptError::TimedOut));

    let none = dial(&identity, &[], None, timeout).await.unwrap_err();
    assert!(matches!(none, DialError::NoAddress));
}

#[tokio::test]
async fn a_link_over_ipv6_names_its_peer() {
    let (identity, listen) = (identity(), Some(SocketAddr::from((Ipv6Addr::LOCALHOST, 0))));
    let config = ListenConfig { listen, only: None };
    let Ok(listener) = Listener::bind(identity.clone(), config) else {
        assert!(std::env::var("CI").is_err(), "no IPv6 on this machine");
        eprintln!("skipped: this machine has no IPv6");
        return;
    };
    let address = listener.addresses()[0];
    link_to_itself(&identity, listener, address).await;
}

/// The zone says here which link is meant; nobody at the other end could know it.
#[tokio::test]
async fn a_link_local_address_is_dialed_with_its_zone_and_accepted_without() {
    let Some(zoned) = link_local() else {
        eprintln!("skipped: no link-local address is known of this machine");
        return;
    };
    let identity = identity();
    let listener = Listener::bind(identity.clone(), ListenConfig::default()).unwrap();
    let address = SocketAddrV6::new(*zoned.ip(), listener.port(), 0, zoned.scope_id());
    link_to_itself(&identity, listener, address.into()).await;
}

/// The first link-local address of this machine that is ready, where Linux lists them.
fn link_local() -> Option<SocketAddrV6> {
    let list = std::fs::read_to_string("/proc/net/if_inet6").ok()?;
    list.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [ip, interface, _, scope, flags, _] = words[..] else { return None };
        // Link-local, and its check for duplicates is over.
        let usable = scope == "20" && u32::from_str_radix(flags, 16).ok()? & 0x40 == 0;
        let ip = Ipv6Addr::from_bits(u128::from_str_radix(ip, 16).ok()?);
        let interface = u32::from_str_radix(interface, 16).ok()?;
        let address = SocketAddrV6::new(ip, 0, 0, interface);
        (usable && std::net::TcpListener::bind(address).is_ok()).then_some(address)
    })
}

/// A listener's own device dials it, and both greet.
async fn link_to_itself(identity: &Identity, listener: Listener, address: SocketAddr) {
    let (accepted_in, mut accepted) = tokio::sync::mpsc::channel(1);
    let cancel = tokio_util::sync::CancellationToken::new();
    tokio::spawn(listener.run(cancel, accepted_in, tokio::sync::mpsc::channel(1).0));
    let link = dial(identity, &[address], Some(identity.device()), PATIENCE).await.unwrap();
    let (mut here, mut there) =
        (Running::start(link), Running::start(accepted.recv().await.unwrap()));
    here.say(Message::Hello(greeting(identity))).await;
    assert!(matches!(there.message().await, Message::Hello(_)));
    there.say(Message::Welcome(greeting(identity))).await;
    assert!(matches!(here.message().await, Message::Welcome(_)));
}
