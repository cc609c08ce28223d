//! How the page lives: its stream of events, its port, its end.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lanlens_model::limits::STREAMS_PER_CREDENTIAL_MAX;
use lanlens_web::{Web, WebConfig};
use support::{Page, Stub};
use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn the_page_hears_who_watches_as_it_changes_and_a_heartbeat_meanwhile() {
    let page = Page::serve().await;
    let (auth, _) = page.phone();
    let mut events = page.client.events(&auth).await;
    let first = r#"data: {"camera":null,"name":"Ann","wanted":false,"kbps":2500,"viewers":[]}"#;
    assert!(events.sees(first).await, "{}", events.seen);
    assert!(events.seen.contains("content-type: text/event-stream"), "{}", events.seen);
    assert!(events.seen.contains("cache-control: no-"), "{}", events.seen);
    assert!(events.seen.contains("event: state\n"), "{}", events.seen);
    page.stage.watch("Ben's laptop");
    let second = r#""wanted":true,"kbps":2500,"viewers":[{"name":"Ben's laptop"}]}"#;
    assert!(events.sees(second).await, "{}", events.seen);
    assert!(events.sees("\n:").await, "{}", events.seen);
}

#[tokio::test]
async fn a_stream_too_many_ends_the_oldest_and_the_stage_knows_how_many_are_read() {
    let page = Page::serve().await;
    let ((ann, _), (ben, _)) = (page.phone(), page.phone());
    let mut bens = page.client.events(&ben).await;
    assert!(bens.sees("event: state").await);
    let mut streams = Vec::new();
    for _ in 0..=STREAMS_PER_CREDENTIAL_MAX {
        let mut stream = page.client.events(&ann).await;
        assert!(stream.sees("event: state").await);
        streams.push(stream);
    }
    streams.remove(0).ends().await;
    page.stage.watch("Cleo");
    for stream in streams.iter_mut().chain([&mut bens]) {
        assert!(stream.sees("Cleo").await);
    }
    assert_eq!(page.stage.state.receiver_count(), STREAMS_PER_CREDENTIAL_MAX + 1);
    drop(streams);
    let only_bens = async || {
        while page.stage.state.receiver_count() > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(support::PATIENCE, only_bens()).await.unwrap();
}

#[tokio::test]
async fn the_stream_of_somebody_who_was_removed_ends() {
    let page = Page::serve().await;
    let (auth, ann) = page.phone();
    let mut events = page.client.events(&auth).await;
    assert!(events.sees("event: state").await);
    page.store.revoke(&ann.id).unwrap();
    events.ends().await;
}

#[tokio::test]
async fn the_page_closes_soon_whatever_its_clients_do() {
    let page = Page::serve_with_plain_whip().await;
    let (auth, _) = page.phone();
    let mut events = page.client.events(&auth).await;
    assert!(events.sees("event: state").await);
    let _silent = tokio::net::TcpStream::connect(page.client.address).await.unwrap();
    let mut half = page.client.connect().await.unwrap();
    half.write_all(b"GET / HT").await.unwrap();
    let slow = format!(
        "POST /api/join HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
         Content-Length: 100\r\n\r\n{{",
        page.client.address
    );
    let mut body = page.client.connect().await.unwrap();
    body.write_all(slow.as_bytes()).await.unwrap();
    let client = page.client.clone();
    let begin = Instant::now();
    page.close().await;
    // 300 ms on a machine that has nothing else to do.
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    events.ends().await;
    assert!(client.connect().await.is_err());
}

#[tokio::test]
async fn a_page_that_is_served_again_has_its_port_and_certificate_and_knows_its_phones() {
    let dir = tempfile::tempdir().unwrap();
    let home = lanlens_identity::Home::open(dir.path()).unwrap();
    let config = WebConfig { listen: None, ..support::config(&std::sync::Arc::default(), false) };
    let bind = async |config: WebConfig| {
        Web::bind(config, &home, std::sync::Arc::new(Stub::default())).await.unwrap()
    };
    let first = bind(config.clone()).await;
    let (port, root) = (first.port(), first.root_fingerprint().to_owned());
    // Another program of the home gets another port.
    let other = bind(WebConfig { slot: "camera-pattern-0".into(), ..config.clone() }).await;
    assert_ne!(other.port(), port);
    let doors = lanlens_identity::running_doors(&home);
    assert_eq!(doors.len(), 2);
    assert!(doors.iter().any(|door| door.slot == config.slot && door.port == port));
    drop(first);
    assert_eq!(lanlens_identity::running_doors(&home).len(), 1);
    let again = bind(config).await;
    assert_eq!((again.port(), again.root_fingerprint()), (port, &*root));
}

#[tokio::test]
async fn other_programs_are_told_of_the_addresses_that_are_served_and_of_no_others() {
    let ips = |all: &[&str]| all.iter().map(|ip| ip.parse().unwrap()).collect::<Vec<IpAddr>>();
    let [first, later] =
        [ips(&["192.168.77.7", "fd00::7"]), ips(&["192.168.77.8", "fd00::7", "fd00::8"])];
    for (listen, at_first, then) in [
        (None, first.clone(), later.clone()),
        (Some("[::]:0"), first.clone(), later.clone()),
        (Some("0.0.0.0:0"), first[..1].to_vec(), later[..1].to_vec()),
        // Where `--web` names one, nothing comes in on the others.
        (Some("127.0.0.1:0"), ips(&["127.0.0.1"]), ips(&["127.0.0.1"])),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let home = lanlens_identity::Home::open(dir.path()).unwrap();
        let addresses = Arc::new(Mutex::new(first.clone()));
        let listen = listen.map(|listen| listen.parse().unwrap());
        let config = WebConfig { listen, ..support::config(&addresses, false) };
        let web = Web::bind(config, &home, Arc::new(Stub::default())).await.unwrap();
        let told = || lanlens_identity::running_doors(&home)[0].addresses.clone();
        assert_eq!(told(), at_first, "{listen:?}");
        let cancel = CancellationToken::new();
        let running = tokio::spawn(web.run(cancel.clone()));
        addresses.lock().unwrap().clone_from(&later);
        let follows = async {
            while told() != then {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(support::PATIENCE, follows).await.unwrap();
        cancel.cancel();
        running.await.unwrap();
    }
}

#[tokio::test]
async fn a_phone_goes_on_after_a_restart_and_its_old_session_is_gone() {
    let page = Page::serve().await;
    let (auth, _) = page.phone();
    let offer = [("Authorization", &*auth), ("Content-Type", "application/sdp")];
    let begun = page.client.send("POST", "/whip", &offer, "v=0").await;
    let session = begun.header("location").unwrap().to_owned();
    let dir = page.close().await;
    let page = Page::serve_in(dir, false).await;
    let fragment = [
        ("Authorization", &*auth),
        ("Content-Type", "application/trickle-ice-sdpfrag"),
        ("If-Match", "*"),
    ];
    let gone = page.client.send("PATCH", &session, &fragment, "a=ice-ufrag:x").await;
    assert_eq!(gone.refusal(), (404, "not_found".into()));
    assert_eq!(page.client.send("POST", "/whip", &offer, "v=0").await.status, 201);
}
