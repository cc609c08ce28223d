//! What RFC 9725 demands of a server, by section.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use lanlens_model::limits::OFFER_BURST_MAX;
use lanlens_web::Refusal;
use support::{Answer, Call, Page};

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n";
const FRAGMENT: &str = "a=ice-ufrag:EsAw\r\na=candidate:1 1 udp 1 192.0.2.1 6 typ host\r\n";

async fn publish(page: &Page, auth: &str) -> Answer {
    let fields = [("Authorization", auth), ("Content-Type", "application/sdp")];
    page.client.send("POST", "/whip", &fields, OFFER).await
}

async fn patch(page: &Page, auth: &str, session: &str, if_match: Option<&str>) -> Answer {
    let mut fields =
        vec![("Authorization", auth), ("Content-Type", "application/trickle-ice-sdpfrag")];
    fields.extend(if_match.map(|tag| ("If-Match", tag)));
    page.client.send("PATCH", session, &fields, FRAGMENT).await
}

async fn delete(page: &Page, auth: &str, session: &str) -> Answer {
    let fields = [("Authorization", auth), ("If-Match", "\"any\"")];
    page.client.send("DELETE", session, &fields, "").await
}

/// Where a session is, and its entity tag.
fn place(begun: &Answer) -> (String, String) {
    let field = |name| begun.header(name).unwrap().to_owned();
    (field("location"), field("etag"))
}

/// Section 4.2: an offer makes a session, with an answer, an address and a tag.
#[tokio::test]
async fn an_offer_makes_a_session() {
    let page = Page::serve().await;
    let (auth, ann) = page.phone();
    let begun = publish(&page, &auth).await;
    assert_eq!(begun.status, 201, "{begun:?}");
    assert_eq!(begun.header("content-type"), Some("application/sdp"));
    assert_eq!(begun.header("location"), Some("/whip/session0"));
    assert_eq!(begun.header("etag"), Some("\"ice0\""));
    assert_eq!(begun.header("accept-patch"), Some("application/trickle-ice-sdpfrag"));
    assert_eq!(begun.header("link"), None, "no ICE servers on a local network");
    assert_eq!(begun.body, "v=0\r\n(answer)");
    assert_eq!(page.stage.calls(), [Call::Publish(ann.id, OFFER.into())]);
    let odd = [("Authorization", &*auth), ("Content-Type", "Application/SDP; charset=utf-8")];
    assert_eq!(page.client.send("POST", "/whip", &odd, OFFER).await.status, 201);
}

/// Section 4.2: 415 for another type, 400 for what makes no sense, 406 for what cannot be taken.
#[tokio::test]
async fn an_offer_that_cannot_be_taken_is_refused_with_the_right_status_and_words() {
    let page = Page::serve().await;
    let (auth, _) = page.phone();
    let auth = ("Authorization", &*auth);
    for kind in ["text/plain", "application/json", "application/sdpx", ""] {
        let refused =
            page.client.send("POST", "/whip", &[auth, ("Content-Type", kind)], OFFER).await;
        assert_eq!(refused.refusal(), (415, "unsupported_media".into()), "{kind}");
    }
    assert_eq!(page.client.send("POST", "/whip", &[auth], OFFER).await.status, 415);
    assert_eq!(page.stage.calls(), []);
    let cases = [
        (Refusal::BadSdp("the offer makes no sense".into()), 400, "bad_sdp"),
        (Refusal::NoH264("it offers VP8 only: use H.264".into()), 406, "no_h264"),
        (Refusal::UnsupportedProfile("it is High 4:4:4".into()), 406, "unsupported_profile"),
        (Refusal::Limit("16 phones publish already".into()), 429, "limit"),
        (Refusal::Busy("the camera is starting".into()), 503, "busy"),
    ];
    for (refusal, status, code) in cases {
        *page.stage.refuse.lock().unwrap() = Some(refusal.clone());
        let refused = publish(&page, auth.1).await;
        assert_eq!(refused.refusal(), (status, code.into()));
        assert_eq!(refused.json()["detail"], refusal.to_string());
        assert_eq!(refused.header("location"), None);
        assert_eq!(refused.header("retry-after").is_some(), status == 429 || status == 503);
    }
}

/// Section 4.1: there is nothing to show. Every other method is not for this, and OPTIONS says what is.
#[tokio::test]
async fn other_methods_are_not_allowed_and_options_says_what_is() {
    let page = Page::serve().await;
    let (auth, _) = page.phone();
    let (session, _) = place(&publish(&page, &auth).await);
    for path in ["/whip", &session] {
        for method in ["GET", "HEAD"] {
            let shown = page.client.send(method, path, &[("Authorization", &auth)], "").await;
            assert_eq!((shown.status, shown.body.as_str()), (204, ""), "{method} {path}");
            assert_eq!(page.client.send(method, path, &[], "").await.status, 401);
        }
    }
    let gone = page.client.send("GET", "/whip/another", &[("Authorization", &auth)], "").await;
    assert_eq!(gone.status, 404);
    for (path, wrong, allowed) in [
        ("/whip", ["PUT", "PATCH", "DELETE", "TRACE"], "GET,HEAD,OPTIONS,POST"),
        (&session, ["PUT", "POST", "OPTIONS", "TRACE"], "DELETE,GET,HEAD,PATCH"),
    ] {
        for method in wrong {
            let refused = page.client.send(method, path, &[("Authorization", &auth)], "").await;
            assert_eq!(refused.status, 405, "{method} {path}");
            let allow = refused.header("allow").unwrap();
            let mut listed: Vec<&str> = allow.split(',').map(str::trim).collect();
            listed.sort_unstable();
            let mut expected: Vec<&str> = allowed.split(',').collect();
            expected.sort_unstable();
            assert_eq!(listed, expected, "{method} {path}");
        }
    }
    // Without a token: a preflight has none.
    let options = page.client.send("OPTIONS", "/whip", &[], "").await;
    assert_eq!(options.status, 200);
    assert_eq!(options.header("accept-post"), Some("application/sdp"));
}

/// Section 4.3.2: candidates name the ICE session; 204 without a tag.
#[tokio::test]
async fn candidates_for_the_present_ice_session_are_taken_and_others_are_not() {
    let page = Page::serve().await;
    let (auth, ann) = page.phone();
    let (session, tag) = place(&publish(&page, &auth).await);
    let taken = patch(&page, &auth, &session, Some(&tag)).await;
    assert_eq!((taken.status, taken.header("etag"), &*taken.body), (204, None, ""));
    assert_eq!(page.stage.calls().last(), Some(&Call::Trickle(ann.id, FRAGMENT.into())));

    let before = page.stage.calls();
    let without = patch(&page, &auth, &session, None).await;
    assert_eq!(without.refusal(), (428, "precondition_required".into()));
    for stale in ["\"older\"", "W/\"ice0\"", "ice0"] {
        let refused = patch(&page, &auth, &session, Some(stale)).await;
        assert_eq!(refused.refusal(), (412, "precondition_failed".into()), "{stale}");
    }
    let fields =
        [("Authorization", &*auth), ("If-Match", &*tag), ("Content-Type", "application/sdp")];
    let refused = page.client.send("PATCH", &session, &fields, FRAGMENT).await;
    assert_eq!(refused.refusal(), (415, "unsupported_media".into()));
    assert_eq!(page.stage.calls(), before);

    *page.stage.refuse.lock().unwrap() = Some(Refusal::BadSdp("no such line".into()));
    let refused = patch(&page, &auth, &session, Some(&tag)).await;
    assert_eq!(refused.refusal(), (400, "bad_sdp".into()));
}

/// Section 4.3.3: a restart says `*`, and gets the new credentials and tag; the old tag is stale.
#[tokio::test]
async fn ice_restarts_with_a_new_tag_and_a_failed_restart_keeps_the_session() {
    let page = Page::serve().await;
    let (auth, _) = page.phone();
    let (session, old) = place(&publish(&page, &auth).await);
    for any in ["*", "\"*\""] {
        let before = patch(&page, &auth, &session, Some(any)).await;
        assert_eq!(before.status, 200, "{before:?}");
        assert_eq!(before.header("content-type"), Some("application/trickle-ice-sdpfrag"));
        assert_eq!(before.body, "a=ice-ufrag:new\r\n");
        let new = before.header("etag").unwrap().to_owned();
        assert_ne!(new, old);
        assert_eq!(patch(&page, &auth, &session, Some(&old)).await.status, 412);
        assert_eq!(patch(&page, &auth, &session, Some(&new)).await.status, 204);
        *page.stage.refuse.lock().unwrap() = Some(Refusal::Busy("not now".into()));
        assert_eq!(patch(&page, &auth, &session, Some("*")).await.status, 503);
        assert_eq!(patch(&page, &auth, &session, Some(&new)).await.status, 204, "as before");
    }
}

/// Section 4.2: DELETE ends it, whatever tag is sent (section 4.3.1).
#[tokio::test]
async fn a_session_ends_once() {
    let page = Page::serve().await;
    let (auth, ann) = page.phone();
    let (session, tag) = place(&publish(&page, &auth).await);
    assert_eq!(delete(&page, &auth, &session).await.status, 200);
    assert_eq!(page.stage.calls().last(), Some(&Call::End(ann.id)));
    assert_eq!(delete(&page, &auth, &session).await.refusal(), (404, "not_found".into()));
    assert_eq!(patch(&page, &auth, &session, Some(&tag)).await.status, 404);
}

#[tokio::test]
async fn a_session_that_the_node_ended_is_gone() {
    let page = Page::serve().await;
    let (auth, _) = page.phone();
    let (session, tag) = place(&publish(&page, &auth).await);
    *page.stage.refuse.lock().unwrap() = Some(Refusal::NotFound);
    let gone = patch(&page, &auth, &session, Some(&tag)).await;
    assert_eq!(gone.refusal(), (404, "not_found".into()));
    assert_eq!(patch(&page, &auth, &session, Some(&tag)).await.status, 404, "and stays gone");
}

#[tokio::test]
async fn a_new_session_replaces_the_last_and_nobody_reaches_anothers() {
    let page = Page::serve().await;
    let ((ann, _), (eve, _)) = (page.phone(), page.phone());
    let (first, _) = place(&publish(&page, &ann).await);
    let (second, tag) = place(&publish(&page, &ann).await);
    assert_ne!(first, second);
    assert_eq!(patch(&page, &ann, &first, Some("*")).await.status, 404);
    let before = page.stage.calls();
    assert_eq!(patch(&page, &eve, &second, Some(&tag)).await.refusal(), (404, "not_found".into()));
    assert_eq!(patch(&page, &eve, &second, Some("*")).await.status, 404);
    assert_eq!(delete(&page, &eve, &second).await.status, 404);
    assert_eq!(page.stage.calls(), before);
    assert_eq!(patch(&page, &ann, &second, Some(&tag)).await.status, 204);
}

/// Section 5, on floods.
#[tokio::test]
async fn one_credential_begins_only_so_many_sessions_at_once() {
    let page = Page::serve().await;
    let ((ann, _), (ben, _)) = (page.phone(), page.phone());
    let mut begun = 0;
    let refused = loop {
        let answer = publish(&page, &ann).await;
        if answer.status != 201 {
            break answer;
        }
        begun += 1;
        assert!(begun < 10 * OFFER_BURST_MAX, "no end");
    };
    assert!(begun >= OFFER_BURST_MAX, "{begun}");
    assert_eq!(refused.refusal(), (429, "limit".into()));
    assert_eq!(publish(&page, &ben).await.status, 201);
}
