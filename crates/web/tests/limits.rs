//! Every limit that a client can meet, at its value and one past it; and clients that take their time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use lanlens_model::limits::{
    HANDSHAKES_PER_ADDRESS_MAX, HEADER_BYTES_MAX, JSON_BYTES_MAX, MESSAGE_BURST_MAX, SDP_BYTES_MAX,
    SOCKETS_PER_CREDENTIAL_MAX, VISITORS_PER_ADDRESS_MAX,
};
use support::{Client, PATIENCE, Page, ask};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::client::TlsStream;

/// A request for the page whose head is so long.
fn head_of(page: &Page, bytes: usize) -> String {
    let host = page.client.address;
    let start = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nX-Pad: ");
    format!("{start}{}\r\n\r\n", "x".repeat(bytes - start.len() - 4))
}

#[tokio::test]
async fn a_head_passes_at_its_limit_and_is_refused_one_byte_past_it() {
    let page = Page::serve().await;
    assert_eq!(page.client.raw(&head_of(&page, HEADER_BYTES_MAX)).await.status, 200);
    assert_eq!(page.client.raw(&head_of(&page, HEADER_BYTES_MAX + 1)).await.status, 431);
    // In two parts, and in a field of its own each.
    let fields = "X-Pad: x\r\n".repeat(62);
    let host = page.client.address;
    let many = |more| format!("GET / HTTP/1.1\r\nHost: {host}\r\n{fields}{more}\r\n\r\n");
    assert_eq!(page.client.raw(&many("Connection: close")).await.status, 200);
    assert_eq!(page.client.raw(&many("Connection: close\r\nX-Pad: x")).await.status, 431);
}

#[tokio::test]
async fn a_body_passes_at_its_limit_and_is_refused_one_byte_past_it() {
    let page = Page::serve().await;
    let (auth, _) = page.phone();
    let json = |bytes: usize| format!("{:<bytes$}", r#"{"token":"unknown"}"#);
    let joins = async |body: String| page.client.json("POST", "/api/join", "", &body).await;
    assert_eq!(joins(json(JSON_BYTES_MAX)).await.refusal(), (401, "token_unknown".into()));
    assert_eq!(joins(json(JSON_BYTES_MAX + 1)).await.refusal(), (413, "too_large".into()));
    let offers = async |bytes: usize| {
        let fields = [("Authorization", &*auth), ("Content-Type", "application/sdp")];
        page.client.send("POST", "/whip", &fields, &"v".repeat(bytes)).await
    };
    let begun = offers(SDP_BYTES_MAX).await;
    assert_eq!(begun.status, 201, "{begun:?}");
    assert_eq!(offers(SDP_BYTES_MAX + 1).await.refusal(), (413, "too_large".into()));
    let fragments = async |bytes: usize| {
        let kind = ("Content-Type", "application/trickle-ice-sdpfrag");
        let fields = [("Authorization", &*auth), kind, ("If-Match", "*")];
        page.client.send("PATCH", "/whip/session0", &fields, &"a".repeat(bytes)).await
    };
    assert_eq!(fragments(SDP_BYTES_MAX).await.status, 200);
    assert_eq!(fragments(SDP_BYTES_MAX + 1).await.refusal(), (413, "too_large".into()));
}

#[tokio::test]
async fn a_body_that_does_not_say_its_length_is_bounded_too() {
    let page = Page::serve().await;
    let host = page.client.address;
    let chunked = |body: &str| {
        format!(
            "POST /api/join HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
             {:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        )
    };
    let json = |bytes: usize| format!("{:<bytes$}", r#"{"token":"unknown"}"#);
    assert_eq!(page.client.raw(&chunked(&json(JSON_BYTES_MAX))).await.problem(), "token_unknown");
    assert_eq!(page.client.raw(&chunked(&json(JSON_BYTES_MAX + 1))).await.problem(), "too_large");
}

/// Sends a byte now and then until the other end has enough.
async fn drip<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, start: &str, drop: &str) -> String {
    stream.write_all(start.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let mut part = [0; 1024];
    loop {
        tokio::select! {
            read = stream.read(&mut part) => match read {
                Ok(0) | Err(_) => return String::from_utf8_lossy(&answer).into_owned(),
                Ok(read) => answer.extend_from_slice(&part[..read]),
            },
            () = sleep(Duration::from_millis(300)) => {
                let _ = stream.write_all(drop.as_bytes()).await;
            }
        }
    }
}

#[tokio::test]
async fn whoever_takes_too_long_is_cut_off_at_every_step() {
    let page = Page::serve().await;
    let address = page.client.address;
    let tcp = async || TcpStream::connect(address).await.unwrap();
    let tls = async || page.client.connect().await.unwrap();
    let body = format!(
        "POST /api/join HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: 1000\r\n\r\n"
    );
    let waits = async {
        tokio::join!(
            drip(tcp().await, "", ""),
            // The beginning of a TLS record that never ends.
            drip(tcp().await, "\u{16}\u{3}\u{1}\u{2}", "\u{0}"),
            drip(tcp().await, "GET / HTTP/1.1\r\n", "X: x\r\n"),
            drip(tls().await, "", ""),
            drip(tls().await, "GET / HTTP/1.1\r\n", "X: x\r\n"),
            drip(tls().await, &body, " "),
        )
    };
    let (silent, record, plain, mute, head, body) = timeout(PATIENCE, waits).await.unwrap();
    assert_eq!([silent, record, plain, mute], [""; 4]);
    assert!(head.is_empty() || head.contains(" 408 "), "{head}");
    assert!(body.starts_with("HTTP/1.1 408 ") && body.contains("too slowly"), "{body}");
    // Not the code of a request that makes no sense: the next try may come in time.
    assert!(body.contains(r#""code":"timeout""#) && body.contains("retry-after: 1"), "{body}");
}

/// A connection that stays open after one answer, which is given.
async fn held(client: &Client, path: &str, auth: &str) -> (TlsStream<TcpStream>, String) {
    let mut stream = client.connect().await.unwrap();
    let answer = ask(&mut stream, client.address, path, auth).await;
    (stream, answer)
}

#[tokio::test]
async fn one_credential_is_shown_on_so_many_connections_and_another_is_not_held_up() {
    let page = Page::serve().await;
    let ((ann, _), (ben, _)) = (page.phone(), page.phone());
    let mut open = Vec::new();
    for _ in 0..SOCKETS_PER_CREDENTIAL_MAX {
        let (stream, answer) = held(&page.client, "/api/me", &ann).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        open.push(stream);
    }
    let (_, refused) = held(&page.client, "/api/me", &ann).await;
    assert!(refused.starts_with("HTTP/1.1 429") && refused.contains("\"limit\""), "{refused}");
    let (_, answer) = held(&page.client, "/api/me", &ben).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    open.pop();
    let again =
        async { while !held(&page.client, "/api/me", &ann).await.1.starts_with("HTTP/1.1 200") {} };
    timeout(PATIENCE, again).await.unwrap();
}

#[tokio::test]
async fn one_address_has_so_many_connections_without_a_credential() {
    let page = Page::serve().await;
    let mut open = Vec::new();
    for _ in 0..VISITORS_PER_ADDRESS_MAX {
        let (stream, answer) = held(&page.client, "/nowhere", "x").await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        open.push(stream);
    }
    let (_, refused) = held(&page.client, "/nowhere", "x").await;
    assert!(refused.starts_with("HTTP/1.1 429") && refused.contains("other tabs"), "{refused}");
}

#[tokio::test]
async fn one_address_asks_only_so_often_without_a_credential_and_a_guest_goes_on() {
    let page = Page::serve().await;
    let (auth, _) = page.phone();
    let (mut guest, answer) = held(&page.client, "/api/me", &auth).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let mut visitor = page.client.connect().await.unwrap();
    let mut passed = 0;
    let refused = loop {
        let answer = ask(&mut visitor, page.client.address, "/nowhere", "x").await;
        if !answer.starts_with("HTTP/1.1 404") {
            break answer;
        }
        passed += 1;
        assert!(passed < 100 * MESSAGE_BURST_MAX, "no end");
    };
    assert!(passed >= MESSAGE_BURST_MAX, "{passed}");
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    assert!(refused.contains("connection: close"), "{refused}");
    let answer = ask(&mut guest, page.client.address, "/api/me", &auth).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn one_address_opens_so_many_connections_and_finishes_none_and_others_still_get_in() {
    let page = Page::serve().await;
    let mut silent = Vec::new();
    for _ in 0..HANDSHAKES_PER_ADDRESS_MAX {
        silent.push(TcpStream::connect(page.client.address).await.unwrap());
    }
    let mut refused = TcpStream::connect(page.client.address).await.unwrap();
    let ended = timeout(PATIENCE, refused.read_u8()).await.unwrap();
    assert!(ended.is_err(), "closed before a byte");
    // And not for taking too long: those before it are open still.
    for stream in &silent {
        let still_open = stream.try_read(&mut [0]).unwrap_err();
        assert_eq!(still_open.kind(), std::io::ErrorKind::WouldBlock);
    }
    let other_host = page.client.from([127, 0, 0, 2]);
    let tcp = other_host.tcp(page.client.address).await.unwrap();
    let plain = support::exchange(tcp, b"GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(plain.status, 400, "{plain:?}");
    drop(silent);
}
