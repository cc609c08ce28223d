//! The WHIP endpoint against RFC 9725: what a server MUST do, one by one, on the real program, by a client
//! that sees every header.

use anyhow::{Context, Result, ensure};
use lanlens_e2e::phone_house::House;
use lanlens_e2e::whip_client::{Reply, Request, Site, token_in};
use lanlens_e2e::whip_offer::{Offer, h264};

const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
const CANDIDATE: &str = "candidate:1 1 udp 2122260223 10.77.0.250 50000 typ host";
/// Of no use to us: TCP, a name, something else altogether.
const STRANGE_CANDIDATES: [&str; 3] = [
    "candidate:2 1 tcp 1518280447 10.77.0.250 9 typ host tcptype active",
    "candidate:3 1 udp 2122260223 4f0c0d7e-96a1-4f2a-8f43-1a5b9c0e7d11.local 50001 typ host",
    "candidate:4 1 udp 1686052607 203.0.113.9 50002 typ srflx raddr 10.77.0.250 rport 50000",
];

/// The endpoint, and somebody who may publish.
struct Scene {
    site: Site,
    credential: String,
    house: House,
}

impl Scene {
    fn new() -> Result<Option<Self>> {
        let Some(house) = House::new()? else { return Ok(None) };
        let site = house.site()?;
        let credential = site.join(token_in(&house.link()?)?, "Conformance")?;
        Ok(Some(Self { site, credential, house }))
    }

    fn ask(&self, method: &str, target: &str) -> Request {
        Request::new(method, target).bearer(&self.credential)
    }

    fn send(&self, request: &Request) -> Result<Reply> {
        self.site.send(request)
    }

    fn publish(&self, offer: &Offer) -> Result<Session> {
        let reply = self.site.publish(&self.credential, &offer.sdp())?;
        reply.is(201)?;
        let etag = reply.needed("etag")?.to_owned();
        let location = reply.needed("location")?;
        let path = location.strip_prefix(&self.site.origin()).unwrap_or(location).to_owned();
        Ok(Session { path, etag, answer: reply.body.clone(), reply })
    }

    fn patch(&self, session: &Session, condition: Option<&str>, body: &str) -> Result<Reply> {
        let request = self.ask("PATCH", &session.path).body(FRAGMENT, body);
        self.send(&match condition {
            Some(tag) => request.header("If-Match", tag),
            None => request,
        })
    }
}

/// What a POST made.
struct Session {
    path: String,
    etag: String,
    answer: String,
    reply: Reply,
}

fn has_line(sdp: &str, line: &str) -> bool {
    sdp.lines().any(|each| each.trim_end() == line)
}

#[test]
fn an_offer_is_answered_with_201_a_location_a_tag_and_every_address() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let session = scene.publish(&Offer::common())?;
    let reply = &session.reply;
    ensure!(reply.needed("content-type")? == "application/sdp", "section 4.2: {reply:?}");
    ensure!(session.path.starts_with("/whip/"), "section 4.2, Location: {}", session.path);
    ensure!(
        session.path.len() > "/whip/".len() + 20,
        "section 5, can be guessed: {}",
        session.path
    );
    let quoted = session.etag.starts_with('"') && session.etag.ends_with('"');
    ensure!(quoted && session.etag.len() > 2, "section 4.3.1, strong tag: {}", session.etag);
    ensure!(reply.needed("accept-patch")?.contains(FRAGMENT), "RFC 5789 section 3.1: {reply:?}");

    let answer = &session.answer;
    for line in ["a=recvonly", "a=rtcp-mux", "a=mid:0", "a=group:BUNDLE 0"] {
        ensure!(has_line(answer, line), "section 4.2 and 4.4.1, {line}:\n{answer}");
    }
    let roles = ["a=setup:active", "a=setup:passive"];
    ensure!(roles.iter().any(|role| has_line(answer, role)), "section 4.4.4:\n{answer}");
    let own = scene.house.desk.ipv4().to_string();
    let candidates = answer.lines().filter(|line| line.starts_with("a=candidate:"));
    ensure!(candidates.clone().any(|line| line.contains(&own)), "section 4.3.2:\n{answer}");
    ensure!(candidates.clone().all(|line| !line.contains("127.0.0.1")), "loopback:\n{answer}");

    // Another offer of the same guest takes the place of the first; their names differ.
    let second = scene.publish(&Offer::common())?;
    ensure!(
        second.path != session.path && second.etag != session.etag,
        "one name for two sessions"
    );
    Ok(())
}

#[test]
fn every_method_is_answered_as_the_rfc_says() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let session = scene.publish(&Offer::common())?;

    let options = scene.send(&Request::new("OPTIONS", "/whip"))?;
    ensure!((200..300).contains(&options.status), "section 4.2, OPTIONS: {options:?}");
    ensure!(options.needed("accept-post")? == "application/sdp", "section 4.2: {options:?}");
    for target in ["/whip", &session.path] {
        for method in ["GET", "HEAD"] {
            let reply = scene.send(&scene.ask(method, target))?;
            let empty = reply.body.is_empty() && (200..300).contains(&reply.status);
            ensure!(empty, "section 4.1, {method} {target}: {reply:?}");
        }
        let reply = scene.send(&scene.ask("PUT", target).body("application/sdp", "v=0"))?;
        reply.is(405)?;
        reply.needed("allow")?;
    }
    scene.send(&scene.ask("DELETE", "/whip"))?.is(405)?;
    let unknown = scene.ask("DELETE", "/whip/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    scene.send(&unknown)?.refuses("not_found")?;

    // A tag in a DELETE is ignored (section 4.3.1).
    let end = scene.ask("DELETE", &session.path).header("If-Match", "\"another\"");
    scene.send(&end)?.is(200)?;
    scene.send(&scene.ask("DELETE", &session.path))?.refuses("not_found")?;
    let late =
        scene.patch(&session, Some(&session.etag), &Offer::common().fragment(&[CANDIDATE]))?;
    late.refuses("not_found")
}

#[test]
fn what_is_no_offer_is_refused_with_its_reason() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let common = Offer::common();
    let post = || scene.ask("POST", "/whip");
    let other_kind = scene.send(&post().body("application/json", "{}"))?;
    other_kind.refuses("unsupported_media")?;
    other_kind.is(415)?;
    let no_kind = scene.send(&post().header("Content-Type", ""))?;
    ensure!((400..500).contains(&no_kind.status), "section 4.2: {no_kind:?}");
    for sdp in ["", "hello", "v=0\r\n", "\u{0}\u{0}", "v=0\r\nm=video\r\na=\r\n"] {
        let reply = scene.send(&post().body("application/sdp", sdp))?;
        ensure!((400..500).contains(&reply.status), "section 4.2, {sdp:?}: {reply:?}");
    }
    scene
        .site
        .publish(&scene.credential, &common.sdp().replace("a=ice-pwd:", "a=x:"))?
        .refuses("bad_sdp")?;
    for direction in ["recvonly", "inactive"] {
        let offer = Offer { direction, ..common.clone() };
        let reply = scene.site.publish(&scene.credential, &offer.sdp())?;
        ensure!((400..500).contains(&reply.status), "section 4.2, {direction}: {reply:?}");
    }
    let both_ways = Offer { direction: "sendrecv", ..common.clone() };
    let session = scene.publish(&both_ways)?;
    ensure!(has_line(&session.answer, "a=recvonly"), "section 4.2:\n{}", session.answer);
    let two = Offer { pictures: 2, ..common.clone() };
    let reply = scene.site.publish(&scene.credential, &two.sdp())?;
    ensure!(matches!(reply.status, 400 | 422), "section 4.4.2, two pictures: {reply:?}");
    let long = format!("{}a=x:{}\r\n", common.sdp(), "y".repeat(33 * 1024));
    scene.site.publish(&scene.credential, &long)?.refuses("too_large")
}

#[test]
fn candidates_and_restarts_are_taken_under_their_conditions() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let offer = Offer::common();
    let session = scene.publish(&offer)?;
    let more = offer.fragment(&[CANDIDATE]);
    scene.patch(&session, None, &more)?.is(428)?;
    scene.patch(&session, Some("\"another\""), &more)?.is(412)?;
    let wrong = scene.ask("PATCH", &session.path).header("If-Match", &session.etag);
    scene.send(&wrong.clone().body("application/sdp", &more))?.is(415)?;
    let broken = scene.send(&wrong.body(FRAGMENT, "no fragment"))?;
    ensure!((400..500).contains(&broken.status), "section 4.3.1: {broken:?}");
    for candidates in [&[CANDIDATE][..], &STRANGE_CANDIDATES, &[]] {
        let reply = scene.patch(&session, Some(&session.etag), &offer.fragment(candidates))?;
        reply.is(204)?;
        ensure!(reply.body.is_empty(), "section 4.3.2, a body: {reply:?}");
        ensure!(reply.header("etag").is_none(), "section 4.3.2, a tag: {reply:?}");
    }

    // The condition of a restart is `*`; the RFC's own example has it in quotes.
    let mut before = session;
    for (ufrag, condition) in [("Rest", "*"), ("More", "\"*\"")] {
        before = scene.restart(
            before,
            &Offer { ufrag: ufrag.to_owned(), ..offer.clone() },
            condition,
        )?;
    }
    Ok(())
}

impl Scene {
    /// Restarts ICE, and checks that the session has a new name for it: section 4.3.3.
    fn restart(&self, session: Session, offer: &Offer, condition: &str) -> Result<Session> {
        let more = offer.fragment(&[CANDIDATE]);
        let reply = self.patch(&session, Some(condition), &more)?;
        reply.is(200)?;
        ensure!(reply.needed("content-type")?.starts_with(FRAGMENT), "{reply:?}");
        let etag = reply.needed("etag")?.to_owned();
        ensure!(etag != session.etag && etag.starts_with('"'), "{reply:?}");
        for part in ["a=ice-ufrag:", "a=ice-pwd:", "a=candidate:"] {
            ensure!(reply.body.contains(part), "{part}: {reply:?}");
        }
        let (old, new) = (ufrag(&session.answer), ufrag(&reply.body));
        ensure!(old.is_some() && old != new, "the same ICE session: {old:?} {new:?}");
        self.patch(&session, Some(&session.etag), &more)?.is(412)?;
        self.patch(&session, Some(&etag), &more)?.is(204)?;
        Ok(Session { path: session.path, etag, answer: reply.body.clone(), reply })
    }
}

fn ufrag(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.trim_end().strip_prefix("a=ice-ufrag:"))
}

#[test]
fn nothing_is_done_without_the_right_credential() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let sdp = Offer::common().sdp();
    let nobody = scene.send(&Request::new("POST", "/whip").body("application/sdp", &sdp))?;
    nobody.refuses("not_authorized")?;
    nobody.is(401)?;
    let scheme = nobody.needed("www-authenticate")?;
    ensure!(scheme.starts_with("Bearer"), "RFC 9110 section 15.5.2: {nobody:?}");
    scene.site.publish("made-up", &sdp)?.is(401)?;

    let session = scene.publish(&Offer::common())?;
    let stranger = scene.house.encoder("Stranger")?;
    for (method, kind) in [("PATCH", FRAGMENT), ("DELETE", "")] {
        let request = Request::new(method, &session.path).header("If-Match", &session.etag);
        let request = match kind {
            "" => request,
            kind => request.body(kind, &Offer::common().fragment(&[CANDIDATE])),
        };
        scene.send(&request.clone())?.is(401)?;
        let reply = scene.send(&request.bearer(&stranger))?;
        ensure!(matches!(reply.status, 403 | 404), "{method} of somebody else's: {reply:?}");
    }
    // It lives on.
    let more = Offer::common().fragment(&[CANDIDATE]);
    scene.patch(&session, Some(&session.etag), &more)?.is(204)
}

#[test]
fn baseline_is_taken_however_it_is_written_and_other_codecs_are_refused_in_words() -> Result<()> {
    let Some(scene) = Scene::new()? else { return Ok(()) };
    let vp8 = || (96, "VP8/90000", None);
    for profile in ["42e01f", "42c01f", "42001f", "42E01F"] {
        let session = scene.publish(&Offer::of(vec![vp8(), h264(102, Some(profile))]))?;
        let format = format_of(&session.answer, 102)?;
        ensure!(format.contains(&format!("profile-level-id={profile}")), "{profile}: {format}");
    }
    let session = scene.publish(&Offer::of(vec![h264(102, None)]))?;
    ensure!(has_line(&session.answer, "a=rtpmap:102 H264/90000"), "{}", session.answer);
    let several =
        vec![vp8(), h264(98, Some("640032")), h264(102, Some("42001f")), h264(104, Some("42e01f"))];
    let session = scene.publish(&Offer::of(several))?;
    let media = session.answer.lines().find(|line| line.starts_with("m=video"));
    let media = media.context("no picture")?.trim_end();
    ensure!(
        media.ends_with(" 102") || media.ends_with(" 104") || media.ends_with(" 102 104"),
        "{media}"
    );

    let refused = |codecs| scene.site.publish(&scene.credential, &Offer::of(codecs).sdp());
    refused(vec![vp8()])?.refuses("no_h264")?;
    for profile in ["640032", "4d001f"] {
        refused(vec![h264(102, Some(profile))])?.refuses("unsupported_profile")?;
    }
    Ok(())
}

/// The format parameters of a payload type in an answer.
fn format_of(answer: &str, payload: u8) -> Result<String> {
    let begin = format!("a=fmtp:{payload} ");
    let line = answer.lines().find_map(|line| line.trim_end().strip_prefix(&begin));
    line.map(str::to_owned).with_context(|| format!("no {begin}:\n{answer}"))
}
