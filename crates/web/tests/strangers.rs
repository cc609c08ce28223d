//! Whoever the page is not for: other hosts, other pages, plain HTTP, other networks.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use lanlens_web::{Web, WebError};
use support::{Page, Stub};
use tokio::net::TcpStream;

/// What a browser sends that opens a page in its window.
const NAVIGATES: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");

#[tokio::test]
async fn a_name_that_was_made_to_point_here_leads_nowhere() {
    let page = Page::serve().await;
    let port = page.port;
    let (auth, _) = page.phone();
    let forged = [
        format!("evil.example:{port}"),
        "evil.example".into(),
        format!("127.0.0.1.evil.example:{port}"),
        format!("127.0.0.1:{}", port ^ 1),
        "127.0.0.1".into(),
        format!("192.168.1.7:{port}"),
        format!("[::1]:{port}"),
    ];
    for host in &forged {
        for (method, path) in [("GET", "/"), ("GET", "/api/me"), ("POST", "/whip")] {
            let fields = [("Host", &**host), ("Authorization", &*auth)];
            let refused = page.client.send(method, path, &fields, "").await;
            assert_eq!(refused.refusal(), (403, "forbidden_host".into()), "{host} {path}");
        }
    }
    let shown = page.client.get("/", &[("Host", "evil.example"), NAVIGATES]).await;
    assert_eq!(shown.status, 403);
    assert_eq!(shown.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(shown.body.contains("This address is not ours"), "{shown:?}");
    assert!(shown.body.contains(&format!("https://127.0.0.1:{port}/")), "{shown:?}");
    for host in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
        assert_eq!(page.client.get("/", &[("Host", &host)]).await.status, 200, "{host}");
    }
    let two = format!("GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: 127.0.0.1:{port}\r\n");
    for head in [two, "GET / HTTP/1.1\r\n".into(), "GET / HTTP/1.0\r\n".into()] {
        let refused = page.client.raw(&format!("{head}Connection: close\r\n\r\n")).await;
        assert_eq!(refused.refusal(), (400, "bad_request".into()), "{head}");
    }
    assert_eq!(page.stage.calls(), []);
}

#[tokio::test]
async fn an_address_that_this_machine_gets_is_ours_within_seconds_and_lost_again_after() {
    let page = Page::serve().await;
    let host = format!("192.168.77.7:{}", page.port);
    let status = async || page.client.get("/", &[("Host", &host)]).await.status;
    assert_eq!(status().await, 403);
    page.addresses.lock().unwrap().push("192.168.77.7".parse().unwrap());
    let waits = async |wanted| {
        while status().await != wanted {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(support::PATIENCE, waits(200)).await.unwrap();
    page.addresses.lock().unwrap().clear();
    tokio::time::timeout(support::PATIENCE, waits(403)).await.unwrap();
}

#[tokio::test]
async fn an_address_that_was_not_chosen_is_not_served_and_a_new_one_gets_its_certificate_at_once() {
    let ip = std::net::Ipv4Addr::new(127, 0, 0, 5);
    let page = Page::serve_at(ip, tempfile::tempdir().unwrap(), false).await;
    assert!(page.client.connect().await.is_err());
    page.addresses.lock().unwrap().push(ip.into());
    // Verified, so the certificate is for this address.
    let breath = || tokio::time::sleep(std::time::Duration::from_millis(20));
    let served = async {
        while page.client.connect().await.is_err() {
            breath().await
        }
    };
    tokio::time::timeout(support::PATIENCE, served).await.unwrap();
    assert_eq!(page.client.get("/", &[]).await.status, 200);
    page.addresses.lock().unwrap().clear();
    let closed = async {
        while page.client.connect().await.is_ok() {
            breath().await
        }
    };
    tokio::time::timeout(support::PATIENCE, closed).await.unwrap();
}

#[tokio::test]
async fn another_web_page_can_ask_for_nothing() {
    let page = Page::serve().await;
    let (port, (auth, _)) = (page.port, page.phone());
    let own = format!("https://127.0.0.1:{port}");
    let foreign = [
        "https://evil.example".to_owned(),
        "null".into(),
        format!("http://127.0.0.1:{port}"),
        format!("https://127.0.0.1:{}", port ^ 1),
        format!("https://localhost:{port}"),
        format!("{own}.evil.example"),
    ];
    for origin in &foreign {
        for (method, path) in [("GET", "/"), ("POST", "/api/join"), ("POST", "/whip")] {
            let fields = [("Origin", &**origin), ("Authorization", &*auth)];
            let refused = page.client.send(method, path, &fields, "").await;
            assert_eq!(refused.refusal(), (403, "forbidden_origin".into()), "{origin} {path}");
        }
        // What a browser asks before it sends a credential for another page.
        let preflight = [
            ("Origin", &**origin),
            ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "authorization"),
        ];
        let refused = page.client.send("OPTIONS", "/whip", &preflight, "").await;
        assert_eq!(refused.refusal(), (403, "forbidden_origin".into()), "{origin}");
        assert_eq!(refused.header("access-control-allow-origin"), None);
    }
    let fields = [("Origin", &*own), ("Authorization", &*auth)];
    assert_eq!(page.client.get("/api/me", &fields).await.status, 200);
    let preflight = [("Origin", &*own), ("Access-Control-Request-Method", "POST")];
    let answer = page.client.send("OPTIONS", "/whip", &preflight, "").await;
    assert_eq!(answer.header("access-control-allow-origin"), None);
    assert_eq!(page.stage.calls(), []);
}

#[tokio::test]
async fn plain_http_is_told_to_use_https_with_the_right_link() {
    let page = Page::serve().await;
    for head in [
        "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(),
        "POST /whip HTTP/1.1\r\n\r\n".into(),
        format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000)),
        "NONSENSE".into(),
    ] {
        let mut tcp = TcpStream::connect(page.client.address).await.unwrap();
        if head == "NONSENSE" {
            tokio::io::AsyncWriteExt::write_all(&mut tcp, head.as_bytes()).await.unwrap();
            tokio::io::AsyncWriteExt::shutdown(&mut tcp).await.unwrap();
        }
        let answer = support::exchange(tcp, head.as_bytes()).await;
        // One that sends a hundred thousand bytes may be cut off before it reads.
        if head.len() < 10_000 || answer.status != 0 {
            assert_eq!(answer.status, 400, "{answer:?}");
            let link = format!("href=\"https://127.0.0.1:{}/\"", page.port);
            assert!(answer.body.contains(&link), "{answer:?}");
            assert!(!answer.body.contains("evil"), "{answer:?}");
        }
    }
    let mut tcp = TcpStream::connect(page.client.address).await.unwrap();
    let neither = support::exchange(&mut tcp, &[0, 1, 2, 3]).await;
    assert_eq!((neither.status, &*neither.body), (0, ""));
}

#[tokio::test]
async fn every_answer_forbids_all_that_the_page_does_not_need() {
    let page = Page::serve().await;
    let (auth, _) = page.phone();
    for (path, fields) in [
        ("/", vec![]),
        ("/assets/main.js", vec![]),
        ("/trust", vec![]),
        ("/nowhere", vec![]),
        ("/api/me", vec![("Authorization", &*auth)]),
        ("/", vec![("Host", "evil.example")]),
    ] {
        let answer = page.client.get(path, &fields).await;
        let policy = answer.header("content-security-policy").unwrap();
        for rule in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"] {
            assert!(policy.contains(rule), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert!(answer.header("permissions-policy").unwrap().contains("camera=(self)"), "{path}");
        assert_eq!(answer.header("cross-origin-opener-policy"), Some("same-origin"), "{path}");
        assert_eq!(answer.header("strict-transport-security"), None, "{path}");
        assert!(answer.header("cache-control").is_some(), "{path}");
    }
}

#[tokio::test]
async fn the_page_and_its_certificate_are_there_and_nothing_else_is() {
    let page = Page::serve().await;
    let index = page.client.get("/", &[NAVIGATES]).await;
    assert_eq!(index.status, 200);
    assert_eq!(index.header("content-type"), Some("text/html; charset=utf-8"));
    let tag = index.header("etag").unwrap();
    assert_eq!(page.client.get("/", &[("If-None-Match", tag)]).await.status, 304);
    // Everything that the page names is there.
    for name in index.body.split("/assets/").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert_eq!(page.client.get(&format!("/assets/{name}"), &[]).await.status, 200, "{name}");
    }
    let trust = page.client.get("/trust", &[NAVIGATES]).await;
    assert!(trust.body.contains(&page.fingerprint), "{trust:?}");
    let root = page.client.get("/root.crt", &[]).await;
    assert_eq!(root.header("content-type"), Some("application/x-x509-ca-cert"));
    for path in ["/nowhere", "/assets/", "/assets/trust.html", "/assets/../Cargo.toml", "/whep"] {
        assert_eq!(page.client.get(path, &[]).await.refusal(), (404, "not_found".into()), "{path}");
    }
    let shown = page.client.get("/nowhere", &[NAVIGATES]).await;
    assert!(shown.status == 404 && shown.body.contains("<h1>There is nothing here"), "{shown:?}");
    let wrong = page.client.send("DELETE", "/", &[], "").await;
    assert_eq!(wrong.refusal(), (405, "method_not_allowed".into()));
    assert_eq!(wrong.header("allow"), Some("GET,HEAD"));
}

#[tokio::test]
async fn whip_without_tls_is_for_this_machine_and_for_nothing_but_whip() {
    let page = Page::serve_with_plain_whip().await;
    let (address, (auth, _)) = (page.whip_http.unwrap(), page.phone());
    let ask = async |method: &str, path: &str, fields: &[(&str, &str)]| {
        let tcp = TcpStream::connect(address).await.unwrap();
        let raw = support::request(address, method, path, fields, "v=0");
        support::exchange(tcp, raw.as_bytes()).await
    };
    let offer = [("Authorization", &*auth), ("Content-Type", "application/sdp")];
    let begun = ask("POST", "/whip", &offer).await;
    assert_eq!(begun.status, 201, "{begun:?}");
    let session = begun.header("location").unwrap().to_owned();
    assert_eq!(ask("POST", "/whip", &offer[1..]).await.status, 401);
    for path in ["/", "/api/me", "/api/join", "/root.crt", "/assets/main.js"] {
        assert_eq!(ask("GET", path, &[]).await.refusal(), (404, "not_found".into()), "{path}");
    }
    let evil = [offer[0], offer[1], ("Host", "evil.example")];
    assert_eq!(ask("POST", "/whip", &evil).await.problem(), "forbidden_host");
    let own = format!("http://{address}");
    let lured = [offer[0], offer[1], ("Origin", &own)];
    assert_eq!(ask("POST", "/whip", &lured).await.problem(), "forbidden_origin");
    // The same session by the other way in.
    let ended = page.client.send("DELETE", &session, &[("Authorization", &auth)], "").await;
    assert_eq!(ended.status, 200);

    let dir = tempfile::tempdir().unwrap();
    let home = lanlens_identity::Home::open(dir.path()).unwrap();
    let mut config = support::config(&page.addresses, false);
    for open in ["0.0.0.0:0", "192.168.1.7:0", "[::]:0"] {
        config.whip_http = Some(open.parse().unwrap());
        let stage = std::sync::Arc::new(Stub::default());
        let refused = Web::bind(config.clone(), &home, stage).await.err().unwrap();
        assert!(matches!(refused, WebError::NotLoopback(_)), "{refused}");
        assert!(refused.to_string().contains("127.0.0.1:PORT"), "{refused}");
    }
}
