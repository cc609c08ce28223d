//! What peers may not send: refused with a reason, that peer closed, everything else untouched.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Result, ensure};
use lanlens_e2e::peer::{Key, Peer};
use lanlens_e2e::{Camera, CameraApp, Watch, WatchApp, wait_told};
use lanlens_testkit::{Addresses, Host, Lan};
use serde_json::{Value, json};
use tungstenite::http::{HeaderValue, Uri};

/// How soon an abuser must be out. The handshake itself may take 5 s.
const CLOSED_LIMIT: Duration = Duration::from_secs(10);
/// Memory that abuse may cost a camera, MiB.
const GROWTH_MIB_MAX: f64 = 30.0;

/// A camera, a viewer that watches it undisturbed, and somebody who means no good.
struct Scene {
    camera: Camera,
    watch: Watch,
    attacker: Host,
    key: Key,
    mark: usize,
    lan: Lan,
}

impl Scene {
    fn new() -> Result<Option<Self>> {
        let Some(mut lan) = Lan::new(Addresses::Both)? else { return Ok(None) };
        let camera = CameraApp::new(&lan.host("kitchen")?, "Kitchen").open().start()?;
        let watch = WatchApp::new(&lan.host("viewer")?).start()?;
        watch.wait_first_frame(camera.id())?;
        std::thread::sleep(Duration::from_secs(2));
        let (mark, attacker, key) = (watch.program.mark(), lan.host("attacker")?, Key::new()?);
        Ok(Some(Self { camera, watch, attacker, key, mark, lan }))
    }

    fn to(&self) -> SocketAddr {
        self.camera.address
    }

    fn stranger(&self) -> Result<Peer> {
        Peer::connect(&self.attacker, self.to(), Some(&self.key))
    }

    fn guest(&self) -> Result<Peer> {
        Peer::greeted(&self.attacker, self.to(), &self.key)
    }

    /// Fails unless the peer is turned out with an error of this code.
    fn refused(&self, mut peer: Peer, code: &str, what: &str) -> Result<()> {
        let farewell = peer.until_closed(CLOSED_LIMIT)?;
        let refused = farewell.is_refusal(code);
        self.camera.program.check(refused, &format!("{what}: want `{code}`, got {farewell:?}"))
    }

    /// The camera has told of the abuse, and the viewer saw nothing of it.
    fn others_are_untouched(&self) -> Result<()> {
        wait_told(&self.camera.program, &[&self.attacker.address().to_string()], CLOSED_LIMIT)?;
        std::thread::sleep(Duration::from_secs(2));
        let now = self.watch.program.mark();
        self.watch.stream(self.camera.id(), self.mark, now)?.runs_smoothly("under_abuse")
    }
}

#[test]
fn malformed_and_misplaced_messages_are_refused_with_their_reason() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let garbage = ["", "hello", "[]", "{}", r#"{"type":5}"#, r#"{"type":"offer"}"#, "\u{0}"];
    for text in garbage {
        let mut peer = scene.guest()?;
        peer.send(text)?;
        scene.refused(peer, "malformed", text)?;
    }
    let mut peer = scene.guest()?;
    peer.send_binary(vec![0; 100])?;
    scene.refused(peer, "malformed", "a binary message")?;

    let mut early = scene.stranger()?;
    early.send(r#"{"type":"ping","t1":1}"#)?;
    scene.refused(early, "order", "a ping before the greeting")?;
    let mut early = scene.stranger()?;
    early.send(&offer(scene.camera.id(), "v=0\r\n"))?;
    scene.refused(early, "order", "an offer before the greeting")?;
    let mut twice = scene.guest()?;
    twice.send(&scene.key.hello().to_string())?;
    scene.refused(twice, "order", "a second greeting")?;

    let mut future = scene.stranger()?;
    let mut hello = scene.key.hello();
    hello["v"] = 2.into();
    future.send(&hello.to_string())?;
    scene.refused(future, "version", "a greeting of version 2")?;
    scene.others_are_untouched()
}

#[test]
fn oversized_and_too_many_messages_are_refused_and_cost_no_memory() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let before = scene.camera.program.usage()?.rss_mib;

    let mut first = scene.stranger()?;
    let mut hello = scene.key.hello();
    hello["name"] = "x".repeat(8 * 1024).into();
    first.send(&hello.to_string())?;
    scene.refused(first, "limit", "a greeting over 8 KiB")?;

    let mut large = scene.guest()?;
    large.send(&padded(64 * 1024 + 1))?;
    scene.refused(large, "limit", "a message over 64 KiB")?;
    // Closed while most of it is still on its way: the reason may be lost with the connection.
    let mut huge = scene.guest()?;
    huge.send(&padded(4 * 1024 * 1024)).ok();
    ensure!(huge.until_closed(CLOSED_LIMIT)?.closed, "a message of 4 MiB is taken");

    let mut talker = scene.guest()?;
    for _ in 0..400 {
        // It is turned out while it still talks.
        if talker.send(r#"{"type":"ping","t1":1}"#).is_err() {
            break;
        }
    }
    scene.refused(talker, "limit", "400 messages at once")?;

    let after = scene.camera.program.usage()?.rss_mib;
    ensure!(after - before < GROWTH_MIB_MAX, "grown from {before:.0} to {after:.0} MiB");
    scene.others_are_untouched()
}

#[test]
fn offers_that_make_no_sense_end_their_session_and_candidates_have_a_limit() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let mut peer = scene.guest()?;
    peer.send(&offer(scene.camera.id(), "this is no session description"))?;
    assert_eq!(error_code(&mut peer)?, "sdp");
    let nobody = "a".repeat(39);
    peer.send(&offer(&nobody, OFFER))?;
    assert_eq!(error_code(&mut peer)?, "not_found");
    drop(peer);

    let mut large = scene.guest()?;
    large.send(&offer(scene.camera.id(), &"v".repeat(33 * 1024)))?;
    scene.refused(large, "limit", "an offer over 32 KiB")?;

    let mut peer = scene.guest()?;
    let line = format!("candidate:1 1 udp 1 10.77.0.9 9 typ host {}", "x".repeat(600));
    let long = json!({ "type": "candidate", "session": SESSION, "candidate": line, "mid": "0" });
    peer.send(&long.to_string())?;
    scene.refused(peer, "limit", "a long candidate")?;
    scene.others_are_untouched()
}

#[test]
fn idle_and_nonsense_sockets_are_closed_and_lock_nobody_out() -> Result<()> {
    let Some(mut scene) = Scene::new()? else { return Ok(()) };
    let neighbour = scene.lan.host("neighbour")?;
    let to = scene.to();
    let open = || scene.attacker.within(|| TcpStream::connect(to));
    let idle: Vec<TcpStream> = (0..40).map(|_| Ok(open()??)).collect::<Result<_>>()?;
    let mut nonsense = open()??;
    // It may be turned away at the door already, since its address has so many open.
    nonsense.write_all(&[0x55; 4096]).ok();
    // Meanwhile somebody else comes in.
    let friend = WatchApp::new(&neighbour).start()?;
    friend.wait_first_frame(scene.camera.id())?;
    drop(friend);
    for mut socket in idle {
        socket.set_read_timeout(Some(CLOSED_LIMIT))?;
        let end = socket.read(&mut [0; 16]);
        ensure!(!matches!(&end, Ok(1..)), "a silent socket is answered");
        let timeout = end.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        ensure!(!timeout, "a silent socket stays open");
    }
    scene.others_are_untouched()
}

#[test]
fn web_pages_and_wrong_paths_are_turned_away() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let refusal = |path: &str, origin: Option<HeaderValue>| -> Result<String> {
        let uri: Uri = format!("wss://{}{path}", scene.to()).parse()?;
        let peer = Peer::connect_with(&scene.attacker, scene.to(), Some(&scene.key), |request| {
            *request.uri_mut() = uri;
            if let Some(origin) = origin {
                request.headers_mut().insert("Origin", origin);
            }
        });
        Ok(peer.err().map(|error| format!("{error:#}")).unwrap_or_default())
    };
    let page = refusal("/lanlens/1", Some(HeaderValue::from_static("https://example.com")))?;
    assert!(page.contains("403"), "{page}");
    let path = refusal("/elsewhere", None)?;
    assert!(path.contains("404"), "{path}");
    scene.others_are_untouched()
}

/// A message of a type that nobody knows, this many bytes long.
fn padded(bytes: usize) -> String {
    let frame = r#"{"type":"x","pad":""}"#;
    format!(r#"{{"type":"x","pad":"{}"}}"#, "x".repeat(bytes - frame.len()))
}

const SESSION: &str = "00000000000000aa";
/// Of somebody who wants to watch, as a browser writes it, shortened.
const OFFER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
    a=fingerprint:sha-256 00:11\r\nm=video 9 UDP/TLS/RTP/SAVPF 102\r\nc=IN IP4 0.0.0.0\r\n\
    a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\na=setup:actpass\r\na=mid:0\r\n\
    a=recvonly\r\na=rtcp-mux\r\na=rtpmap:102 H264/90000\r\n\
    a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n";

fn offer(camera: &str, sdp: &str) -> String {
    json!({ "type": "offer", "session": SESSION, "camera": camera, "sdp": sdp }).to_string()
}

/// The code of the next error about the session.
fn error_code(peer: &mut Peer) -> Result<String> {
    loop {
        let message: Value = peer.receive()?;
        if message["type"] == "error" && message["session"] == SESSION {
            return Ok(message["code"].as_str().unwrap_or_default().to_owned());
        }
    }
}
