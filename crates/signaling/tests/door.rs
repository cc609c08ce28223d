//! Strangers who never become a link: turned away with a reason, and nobody else disturbed.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;

use lanlens_model::limits::{
    HANDSHAKES_MAX, HANDSHAKES_PER_ADDRESS_MAX, HANDSHAKES_RESERVED, HEADER_BYTES_MAX,
    SIGNALING_PORTS,
};
use lanlens_signaling::{ListenConfig, Listener, PATH, dial};
use rustls::pki_types::ServerName;
use support::{Node, PATIENCE, Raw, identity, tls};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

/// Others can still connect.
async fn assert_open(node: &mut Node) {
    let (_raw, _link) = Raw::greeted(node).await;
}

/// Sockets that say nothing, from three addresses, in every place that is theirs. `None` (and a line
/// that says so) where a system has only one loopback address.
async fn strangers(node: &Node) -> Option<Vec<TcpStream>> {
    let mut held = Vec::new();
    for n in 0..HANDSHAKES_MAX - HANDSHAKES_RESERVED {
        let socket = TcpSocket::new_v4().unwrap();
        if socket.bind(SocketAddr::from(([127, 0, 1, 1 + (n % 3) as u8], 0))).is_err() {
            eprintln!("skipped: this system has one loopback address only");
            return None;
        }
        held.push(socket.connect(node.address).await.unwrap());
    }
    Some(held)
}

/// Sends an HTTP request head inside TLS and gives what comes back.
async fn request(node: &Node, lines: &str) -> String {
    let mut stream = tls(&identity(), node.address).await;
    let head = format!("GET {lines}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn upgrade(path: &str, host: impl std::fmt::Display, more: &str) -> String {
    format!(
        "{path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=={more}"
    )
}

#[tokio::test]
async fn garbage_is_turned_away() {
    let mut node = Node::start();
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 2000], &[0x16, 3, 1, 0xff, 0xff, 1, 2, 3]]
    {
        let mut tcp = TcpStream::connect(node.address).await.unwrap();
        tcp.write_all(garbage).await.unwrap();
        tcp.shutdown().await.unwrap();
        let _ = tcp.read_to_end(&mut Vec::new()).await;
    }
    assert!(node.refusal().await.starts_with("TLS: "));
    assert_open(&mut node).await;
}

#[tokio::test]
async fn a_client_without_a_key_is_turned_away() {
    let mut node = Node::start();
    let config = identity().client_config(None);
    let mut anonymous = (*config).clone();
    anonymous.client_auth_cert_resolver = Arc::new(NoKey);
    let tcp = TcpStream::connect(node.address).await.unwrap();
    let connector = TlsConnector::from(Arc::new(anonymous));
    if let Ok(mut stream) = connector.connect(ServerName::try_from("x").unwrap(), tcp).await {
        assert!(stream.read_u8().await.is_err());
    }
    let reason = node.refusal().await;
    assert!(reason.contains("certificate"), "{reason}");
    assert_open(&mut node).await;
}

#[tokio::test]
async fn a_web_page_is_turned_away() {
    let mut node = Node::start();
    let answer =
        request(&node, &upgrade(PATH, node.address, "\r\nOrigin: https://evil.example")).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert_eq!(node.refusal().await, "WebSocket: web pages may not use this port");
    let answer = request(&node, &upgrade("/chat", node.address, "")).await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert!(node.refusal().await.contains(PATH));
    assert_open(&mut node).await;
}

#[tokio::test]
async fn a_request_for_another_host_is_turned_away() {
    let mut node = Node::start();
    let port = node.address.port();
    let other_port = SocketAddr::new(node.address.ip(), port ^ 1);
    let others = [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("localhost:{port}"),
        format!("127.0.0.2:{port}"),
        other_port.to_string(),
        "127.0.0.1".to_owned(),
        String::new(),
        format!("{}\r\nHost: {}", node.address, node.address),
    ];
    for host in others {
        let answer = request(&node, &upgrade(PATH, &host, "")).await;
        assert!(answer.starts_with("HTTP/1.1 421"), "{host}: {answer}");
        let reason = node.refusal().await;
        assert!(reason.contains("not for the address"), "{reason}");
    }
    let answer = request(&node, &upgrade("/chat", node.address, "")).await;
    assert!(answer.starts_with("HTTP/1.1 404"), "its own address passes: {answer}");
    assert!(node.refusal().await.contains(PATH));
    assert_open(&mut node).await;
}

#[tokio::test]
async fn a_request_head_past_its_limit_is_turned_away() {
    let mut node = Node::start();
    let filler = format!("\r\nX: {}", "y".repeat(HEADER_BYTES_MAX));
    assert_eq!(request(&node, &upgrade(PATH, node.address, &filler)).await, "");
    let reason = node.refusal().await;
    assert!(reason.contains("headers"), "{reason}");
    assert_open(&mut node).await;
}

#[tokio::test]
async fn who_connects_and_says_nothing_is_turned_away() {
    let mut node = Node::start();
    let _tcp = TcpStream::connect(node.address).await.unwrap();
    let _tls = tls(&identity(), node.address).await;
    tokio::time::pause();
    for _ in 0..2 {
        let reason = node.refusal().await;
        assert!(reason.contains("longer than 5 s"), "{reason}");
    }
}

#[tokio::test]
async fn one_address_cannot_hold_more_than_its_share_of_unfinished_connections() {
    let mut node = Node::start();
    let mut held = Vec::new();
    for _ in 0..=HANDSHAKES_PER_ADDRESS_MAX {
        held.push(TcpStream::connect(node.address).await.unwrap());
    }
    let reason = node.refusal().await;
    assert!(reason.contains("from this address"), "{reason}");
    assert!(node.refused.try_recv().is_err());
    held.clear();
    // The places are free again as soon as the node sees the connections close.
    loop {
        let link = dial(&identity(), &[node.address], None, PATIENCE).await;
        if link.is_ok() {
            break;
        }
    }
}

#[tokio::test]
async fn a_known_device_gets_in_while_strangers_hold_every_place_that_is_theirs() {
    let mut node = Node::start();
    let Some(_strangers) = strangers(&node).await else { return };
    assert!(dial(&identity(), &[node.address], None, PATIENCE).await.is_err());
    assert!(node.refusal().await.contains("known devices"));
    node.known.note(node.address.ip());
    assert_open(&mut node).await;
}

/// Who greets leaves the door, and takes no place that is kept for others.
#[tokio::test]
async fn a_greeting_does_not_make_its_address_known() {
    let mut node = Node::start();
    let (_raw, _link) = Raw::greeted(&mut node).await;
    let Some(_strangers) = strangers(&node).await else { return };
    let mut stranger = TcpStream::connect(node.address).await.unwrap();
    assert!(node.refusal().await.contains("known devices"));
    assert_eq!(stranger.read(&mut [0; 1]).await.unwrap_or_default(), 0);
}

#[tokio::test]
async fn who_only_looks_whether_the_port_is_open_is_not_reported() {
    let mut node = Node::start();
    drop(TcpStream::connect(node.address).await.unwrap());
    assert_open(&mut node).await;
    assert!(node.refused.try_recv().is_err());
}

#[tokio::test]
async fn programs_of_one_machine_get_different_ports() {
    let bind = || Listener::bind(identity(), ListenConfig::default()).unwrap();
    let listeners: Vec<Listener> = (0..12).map(|_| bind()).collect();
    let ports: std::collections::BTreeSet<u16> = listeners.iter().map(Listener::port).collect();
    assert_eq!(ports.len(), listeners.len());
    // Twelve programs and ten usual ports: the last ones take any.
    assert!(!SIGNALING_PORTS.contains(ports.last().unwrap()));
}

#[tokio::test]
async fn chosen_interfaces_are_the_only_ones_listened_on() {
    let only: lanlens_signaling::AddressSource =
        Arc::new(|| vec![SocketAddr::from(([127, 0, 0, 1], 0)), ([127, 0, 0, 2], 0).into()]);
    let config = ListenConfig { listen: None, only: Some(only) };
    let listener = Listener::bind(identity(), config).unwrap();
    let expected = [[127, 0, 0, 1], [127, 0, 0, 2]].map(|ip| (ip, listener.port()).into());
    assert_eq!(listener.addresses(), expected);
    assert!(TcpStream::connect(("127.0.0.3", listener.port())).await.is_err());

    let config = ListenConfig { listen: None, only: Some(Arc::new(Vec::new)) };
    let error = Listener::bind(identity(), config).err().unwrap();
    assert!(error.to_string().contains("--interface"), "{error}");
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let node = Node::start();
    let config = ListenConfig { listen: Some(node.address), only: None };
    let error = Listener::bind(identity(), config).err().unwrap().to_string();
    assert!(error.contains(&node.address.to_string()) && error.contains("--listen"), "{error}");
}

/// Has no certificate to show.
#[derive(Debug)]
struct NoKey;

impl rustls::client::ResolvesClientCert for NoKey {
    fn resolve(
        &self,
        _: &[&[u8]],
        _: &[rustls::SignatureScheme],
    ) -> Option<Arc<rustls::sign::CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
