//! Crowds of strangers: they take each other's places and nobody else's.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use lanlens_model::limits::{
    HANDSHAKES_MAX, HANDSHAKES_PER_ADDRESS_MAX, HANDSHAKES_RESERVED, MESSAGE_BURST_MAX,
    VISITORS_MAX, VISITORS_PER_ADDRESS_MAX, VISITORS_RESERVED,
};
use support::{Answer, Call, Client, PATIENCE, Page, ask, request};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Visitors come back within the time that an idle connection has.
const BREATH: Duration = Duration::from_secs(1);
/// Places that strangers may have.
const STRANGERS_MAX: usize = VISITORS_MAX - VISITORS_RESERVED;

/// Connections that hold visitors' places until this is dropped.
struct Crowd {
    _tasks: JoinSet<()>,
}

impl Crowd {
    /// So many visitors, as many at each address as there may be; `enter` connects one from there.
    async fn of<S, E>(people: usize, page: &Page, host: std::net::SocketAddr, enter: E) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        E: AsyncFn(Client) -> S,
    {
        let mut tasks = JoinSet::new();
        for n in 0..people {
            let mut stream = enter(page.client.from(stranger(n / VISITORS_PER_ADDRESS_MAX))).await;
            let answer = ask(&mut stream, host, "/nowhere", "").await;
            assert!(answer.starts_with("HTTP/1.1 404"), "{n}: {answer}");
            tasks.spawn(async move {
                loop {
                    sleep(BREATH).await;
                    ask(&mut stream, host, "/nowhere", "").await;
                }
            });
        }
        Self { _tasks: tasks }
    }

    /// At the page.
    async fn at_page(people: usize, page: &Page) -> Self {
        Self::of(people, page, page.client.address, async |from: Client| {
            from.connect().await.unwrap()
        })
        .await
    }

    /// At the socket without TLS.
    async fn at_whip(people: usize, page: &Page) -> Self {
        let host = page.whip_http.unwrap();
        Self::of(people, page, host, async |from: Client| from.tcp(host).await.unwrap()).await
    }
}

/// The address of a stranger.
fn stranger(n: usize) -> IpAddr {
    Ipv4Addr::new(127, 0, 1, 1 + n as u8).into()
}

async fn publish(client: &Client, auth: &str) -> Answer {
    let fields = [("Authorization", auth), ("Content-Type", "application/sdp")];
    client.send("POST", "/whip", &fields, "v=0").await
}

/// What the socket without TLS says to somebody.
async fn whip(page: &Page, from: &Client, auth: &str) -> Answer {
    let host = page.whip_http.unwrap();
    let mut fields = vec![("Content-Type", "application/sdp")];
    fields.extend((!auth.is_empty()).then_some(("Authorization", auth)));
    let raw = request(host, "POST", "/whip", &fields, "v=0");
    support::exchange(from.tcp(host).await.unwrap(), raw.as_bytes()).await
}

/// No longer than a test may take.
async fn in_time<T>(work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.unwrap()
}

#[tokio::test]
async fn a_phone_that_shows_its_credential_is_served_when_strangers_hold_all_places() {
    let page = Page::serve().await;
    let (auth, ann) = page.phone();
    let _crowd = in_time(Crowd::at_page(STRANGERS_MAX, &page)).await;
    let [late, phone] = [[127, 0, 2, 1], [127, 0, 2, 2]].map(|ip| page.client.from(ip));
    let full = (429, "limit".to_owned());
    assert_eq!(late.get("/", &[]).await.refusal(), full);
    // A phone that was not here since this program began.
    let begun = publish(&phone, &auth).await;
    assert_eq!(begun.status, 201, "{begun:?}");
    assert_eq!(page.stage.calls(), [Call::Publish(ann.id, "v=0".into())]);
    assert!(in_time(phone.events(&auth)).await.sees("event: state").await);
    // Reloaded, it shows nothing at first.
    assert_eq!(phone.get("/", &[]).await.status, 200);
    // A wrong credential is none, and those who hold the places were there all the time.
    let made_up = format!("Bearer {}", "A".repeat(43));
    assert_eq!(late.get("/api/me", &[("Authorization", &made_up)]).await.refusal(), full);
    assert_eq!(late.get("/", &[]).await.refusal(), full);
}

#[tokio::test]
async fn a_phone_is_served_at_an_address_that_strangers_use_up() {
    let page = Page::serve().await;
    let (auth, _) = page.phone();
    let crowd = in_time(Crowd::at_page(VISITORS_PER_ADDRESS_MAX, &page)).await;
    let there = page.client.from(stranger(0));
    assert_eq!(there.get("/", &[]).await.refusal(), (429, "limit".into()));
    assert_eq!(publish(&there, &auth).await.status, 201);
    drop(crowd);
    // They ask as often as one may.
    let mut visitor = page.client.from(stranger(1)).connect().await.unwrap();
    let host = page.client.address;
    while ask(&mut visitor, host, "/nowhere", "").await.starts_with("HTTP/1.1 404") {}
    let there = page.client.from(stranger(1));
    assert_eq!(there.get("/api/me", &[("Authorization", &auth)]).await.status, 200);
    assert_eq!(publish(&there, &auth).await.status, 201);
}

#[tokio::test]
async fn visitors_of_the_page_and_of_plain_whip_do_not_keep_each_other_out() {
    let page = Page::serve_with_plain_whip().await;
    let (auth, _) = page.phone();
    let late = page.client.from([127, 0, 2, 1]);
    let crowd = in_time(Crowd::at_whip(STRANGERS_MAX, &page)).await;
    assert_eq!(whip(&page, &late, "").await.refusal(), (429, "limit".into()));
    assert_eq!(late.get("/", &[]).await.status, 200);
    assert_eq!(whip(&page, &late, &auth).await.status, 201, "an encoder shows its token");
    drop(crowd);

    let page = Page::serve_with_plain_whip().await;
    let _crowd = in_time(Crowd::at_page(STRANGERS_MAX, &page)).await;
    assert_eq!(late_at(&page).get("/", &[]).await.refusal(), (429, "limit".into()));
    assert_eq!(whip(&page, &late_at(&page), "").await.refusal(), (401, "not_authorized".into()));
}

fn late_at(page: &Page) -> Client {
    page.client.from([127, 0, 2, 1])
}

#[tokio::test]
async fn connections_that_say_nothing_at_one_way_in_do_not_close_the_other() {
    for at_page in [true, false] {
        let page = Page::serve_with_plain_whip().await;
        let crowded = if at_page { page.client.address } else { page.whip_http.unwrap() };
        let mut silent = Vec::new();
        for n in 0..HANDSHAKES_MAX - HANDSHAKES_RESERVED {
            let from = page.client.from(stranger(n / HANDSHAKES_PER_ADDRESS_MAX));
            silent.push(from.tcp(crowded).await.unwrap());
        }
        let mut one_more = late_at(&page).tcp(crowded).await.unwrap();
        in_time(one_more.read_u8()).await.unwrap_err();
        // They are open still, so there is no place for one more.
        for stream in &silent {
            let still_open = stream.try_read(&mut [0]).unwrap_err();
            assert_eq!(still_open.kind(), std::io::ErrorKind::WouldBlock);
        }
        match at_page {
            true => assert_eq!(whip(&page, &late_at(&page), "").await.status, 401),
            false => assert_eq!(late_at(&page).get("/", &[]).await.status, 200),
        }
    }
}

#[tokio::test]
async fn whoever_asks_too_often_at_plain_whip_may_still_open_the_page() {
    let page = Page::serve_with_plain_whip().await;
    let host = page.whip_http.unwrap();
    let mut visitor = page.client.tcp(host).await.unwrap();
    let mut passed = 0;
    while ask(&mut visitor, host, "/whip", "").await.starts_with("HTTP/1.1 401") {
        passed += 1;
    }
    assert!(passed >= MESSAGE_BURST_MAX, "{passed}");
    assert_eq!(page.client.get("/", &[]).await.status, 200);
}

#[tokio::test]
async fn the_connection_of_a_phone_that_was_removed_is_a_strangers_again() {
    let page = Page::serve().await;
    let (auth, ann) = page.phone();
    let (there, host) = (page.client.from(stranger(0)), page.client.address);
    let mut phone = there.connect().await.unwrap();
    assert!(ask(&mut phone, host, "/api/me", &auth).await.starts_with("HTTP/1.1 200"));
    let _crowd = in_time(Crowd::at_page(VISITORS_PER_ADDRESS_MAX, &page)).await;
    assert!(ask(&mut phone, host, "/api/me", &auth).await.starts_with("HTTP/1.1 200"));
    page.store.revoke(&ann.id).unwrap();
    let refused = ask(&mut phone, host, "/api/me", &auth).await;
    assert!(refused.starts_with("HTTP/1.1 429") && refused.contains("other tabs"), "{refused}");
    assert!(refused.contains("connection: close"), "{refused}");
}

#[tokio::test]
async fn whoever_goes_on_with_wrong_credentials_needs_a_new_connection_for_each() {
    let page = Page::serve().await;
    let (host, wrong) = (page.client.address, format!("Bearer {}", "A".repeat(43)));
    let mut stream = page.client.connect().await.unwrap();
    let refused = loop {
        let answer = ask(&mut stream, host, "/api/me", &wrong).await;
        if !answer.starts_with("HTTP/1.1 401") {
            break answer;
        }
    };
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    assert!(refused.contains(r#""code":"too_many_tries""#), "{refused}");
    assert!(refused.contains("connection: close"), "{refused}");
}
