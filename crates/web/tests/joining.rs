//! How a phone comes in by the page, and who does not.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use lanlens_identity::{PhoneScope, TokenState};
use lanlens_model::limits::WRONG_TOKENS_FREE;
use lanlens_web::PageReport;
use serde_json::{Value, json};
use support::{Call, Page};

#[tokio::test]
async fn a_phone_joins_with_the_code_and_is_known_by_its_credential_from_then_on() {
    let page = Page::serve().await;
    let token = page.store.issue_token(PhoneScope::Publish).unwrap();
    let joined = page.client.join(&token.text).await;
    assert_eq!(joined.status, 200, "{joined:?}");
    assert_eq!(joined.header("cache-control"), Some("no-store"));
    let joined = joined.json();
    assert_eq!(joined["name"], "Ann's phone");
    let auth = format!("Bearer {}", joined["credential"].as_str().unwrap());
    let me = page.client.get("/api/me", &[("Authorization", &auth)]).await;
    assert_eq!(me.json(), json!({ "id": joined["id"], "name": "Ann's phone", "scope": "publish" }));
    assert_eq!(page.store.token_state(&token.text), TokenState::Used);
}

#[tokio::test]
async fn a_used_an_expired_and_an_unknown_token_are_refused_each_in_its_own_words() {
    let page = Page::serve().await;
    let used = page.store.issue_token(PhoneScope::Publish).unwrap();
    assert_eq!(page.client.join(&used.text).await.status, 200);
    let again = page.client.join(&used.text).await;
    assert_eq!(again.refusal(), (401, "token_used".into()));
    assert!(again.body.contains("scan a new one"), "{again:?}");

    let expired = page.store.issue_token(PhoneScope::Publish).unwrap();
    let path = page.dir.path().join("phones.json");
    let text = std::fs::read_to_string(&path).unwrap();
    // As if it had been shown five minutes ago.
    let past = text.replace(&expired.expires_s.to_string(), &(expired.expires_s - 301).to_string());
    std::fs::write(&path, past).unwrap();
    assert_eq!(page.client.join(&expired.text).await.refusal(), (401, "token_expired".into()));

    for unknown in ["AAAAAAAAAAAAAAAAAAAAAA", "", "x"] {
        let refused = page.client.join(unknown).await;
        assert_eq!(refused.refusal(), (401, "token_unknown".into()));
    }
    assert_eq!(page.store.list().unwrap().len(), 1);
}

/// What a page sends that draws its own credential.
fn with_own(token: &str, name: &str, credential: &str) -> String {
    json!({ "token": token, "name": name, "scope": "publish", "credential": credential })
        .to_string()
}

#[tokio::test]
async fn a_phone_whose_answer_was_lost_asks_again_with_the_credential_that_it_drew() {
    let page = Page::serve().await;
    let token = page.store.issue_token(PhoneScope::Publish).unwrap();
    let [own, other] = ["A".repeat(43), "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE".into()];
    let joins = async |body: String| page.client.json("POST", "/api/join", "", &body).await;
    let body = with_own(&token.text, "Ann's phone", &own);
    // It gives up before the answer comes.
    let mut gone = page.client.connect().await.unwrap();
    let fields = [("Content-Type", "application/json")];
    let raw = support::request(page.client.address, "POST", "/api/join", &fields, &body);
    tokio::io::AsyncWriteExt::write_all(&mut gone, raw.as_bytes()).await.unwrap();
    let used = async {
        while page.store.token_state(&token.text) != TokenState::Used {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(support::PATIENCE, used).await.unwrap();
    drop(gone);
    let id = page.store.list().unwrap()[0].id.clone();
    let expected = json!({ "credential": own, "id": id, "name": "Ann's phone" });
    for _ in 0..2 {
        let joined = joins(body.clone()).await;
        assert_eq!((joined.status, joined.json()), (200, expected.clone()));
    }
    assert_eq!(page.store.list().unwrap().len(), 1);
    // Whoever saw the code, and not what the phone drew, is late all the same.
    let used = (401, "token_used".to_owned());
    assert_eq!(joins(with_own(&token.text, "Eve", &other)).await.refusal(), used);
    assert_eq!(page.client.join(&token.text).await.refusal(), used);
    let auth = format!("Bearer {own}");
    let me = page.client.get("/api/me", &[("Authorization", &auth)]).await;
    assert_eq!(me.json()["id"], *id);
    // Nobody comes back by it who was removed.
    page.store.revoke(&id).unwrap();
    assert_eq!(joins(body).await.refusal(), used);
    assert_eq!(page.store.list().unwrap(), []);
}

#[tokio::test]
async fn a_credential_of_another_shape_is_refused_and_the_code_stays_good() {
    let page = Page::serve().await;
    let token = page.store.issue_token(PhoneScope::Publish).unwrap();
    let joins = async |body: String| page.client.json("POST", "/api/join", "", &body).await;
    let good = "A".repeat(43);
    for wrong in [
        String::new(),
        "A".repeat(42),
        "A".repeat(44),
        format!("{}=", "A".repeat(43)),
        format!("{}+", "A".repeat(42)),
        format!("{} ", "A".repeat(42)),
        // Bits that no 32 bytes have.
        format!("{}B", "A".repeat(42)),
        "A".repeat(2000),
    ] {
        let refused = joins(with_own(&token.text, "Ann", &wrong)).await;
        assert_eq!(refused.refusal(), (400, "bad_request".into()), "{wrong}");
        assert!(refused.body.contains("43 characters"), "{refused:?}");
    }
    assert_eq!(joins(format!(r#"{{"token":"{}","credential":7}}"#, token.text)).await.status, 400);
    assert_eq!(page.store.token_state(&token.text), TokenState::Fresh);
    assert_eq!(joins(with_own(&token.text, "Ann", &good)).await.status, 200);
    // Not for somebody else, who has it already.
    let (encoder, _) = page.store.issue_encoder("OBS").unwrap();
    let token = page.store.issue_token(PhoneScope::Publish).unwrap();
    let taken = joins(with_own(&token.text, "Ann", &encoder)).await;
    assert_eq!(taken.refusal(), (409, "credential_taken".into()));
    assert_eq!(page.store.token_state(&token.text), TokenState::Fresh);
}

#[tokio::test]
async fn without_a_token_nobody_gets_in() {
    let page = Page::serve().await;
    for body in ["{}", "", "[]", r#"{"token":7}"#, r#"{"name":"Eve"}"#] {
        let refused = page.client.json("POST", "/api/join", "", body).await;
        assert_eq!(refused.refusal().0, 400, "{body}");
    }
    let requests = [
        ("GET", "/api/me"),
        ("PUT", "/api/name"),
        ("GET", "/api/events"),
        ("POST", "/api/report"),
        ("POST", "/whip"),
        ("PATCH", "/whip/session0"),
        ("DELETE", "/whip/session0"),
    ];
    let made_up = format!("Bearer {}", "A".repeat(43));
    for (method, path) in requests {
        let without = page.client.send(method, path, &[], "").await;
        assert_eq!(without.refusal(), (401, "not_authorized".into()), "{method} {path}");
        assert_eq!(without.header("www-authenticate"), Some(r#"Bearer realm="lanlens""#));
        let basic = page.client.send(method, path, &[("Authorization", "Basic QTpC")], "").await;
        assert_eq!(basic.status, 401, "{method} {path}");
    }
    let wrong = page.client.get("/api/me", &[("Authorization", &made_up)]).await;
    assert_eq!(wrong.refusal(), (401, "not_authorized".into()));
    assert!(wrong.header("www-authenticate").unwrap().contains("invalid_token"));
    for malformed in ["Bearer ", "Bearer a b", "Bearer \"x\"", "Bearer"] {
        let refused = page.client.get("/api/me", &[("Authorization", malformed)]).await;
        assert!(matches!(refused.status, 400 | 401), "{malformed}: {refused:?}");
    }
    assert_eq!(page.stage.calls(), []);
}

#[tokio::test]
async fn who_may_watch_does_not_publish_and_who_may_publish_does_not_join_to_watch() {
    let page = Page::serve().await;
    let (watcher, _) = page.watcher();
    let offer = [("Authorization", &*watcher), ("Content-Type", "application/sdp")];
    let refused = page.client.send("POST", "/whip", &offer, "v=0").await;
    assert_eq!(refused.refusal(), (403, "wrong_scope".into()));
    assert!(refused.header("www-authenticate").unwrap().contains("insufficient_scope"));
    for (method, path) in
        [("GET", "/api/events"), ("PUT", "/api/name"), ("DELETE", "/whip/session0")]
    {
        let refused = page.client.send(method, path, &[("Authorization", &watcher)], "").await;
        assert_eq!(refused.refusal(), (403, "wrong_scope".into()), "{method} {path}");
    }
    let me = page.client.get("/api/me", &[("Authorization", &watcher)]).await;
    assert_eq!(me.json()["scope"], "watch");
    assert_eq!(page.stage.calls(), []);

    // At the door already, and without using up the token.
    for (issued, wanted) in [(PhoneScope::Watch, "publish"), (PhoneScope::Publish, "watch")] {
        let token = page.store.issue_token(issued).unwrap();
        let body = json!({ "token": token.text, "name": "", "scope": wanted }).to_string();
        let refused = page.client.json("POST", "/api/join", "", &body).await;
        assert_eq!(refused.refusal(), (403, "wrong_scope".into()), "{wanted}");
        assert_eq!(page.store.token_state(&token.text), TokenState::Fresh);
    }
}

#[tokio::test]
async fn five_wrong_codes_are_free_then_one_waits_and_a_right_one_passes_all_the_same() {
    let page = Page::serve().await;
    for _ in 0..WRONG_TOKENS_FREE {
        assert_eq!(page.client.join("wrong").await.refusal(), (401, "token_unknown".into()));
    }
    let waits = page.client.join("wrong").await;
    assert_eq!(waits.refusal(), (429, "too_many_tries".into()));
    assert!(waits.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    // Credentials count the same.
    let wrong = [("Authorization", "Bearer wrong")];
    assert_eq!(page.client.get("/api/me", &wrong).await.status, 429);
    let token = page.store.issue_token(PhoneScope::Publish).unwrap();
    assert_eq!(page.client.join(&token.text).await.status, 200);
    assert_eq!(page.client.join("wrong").await.refusal(), (401, "token_unknown".into()));
}

#[tokio::test]
async fn a_name_is_cleaned_kept_and_told() {
    let page = Page::serve().await;
    let token = page.store.issue_token(PhoneScope::Publish).unwrap();
    let body = json!({ "token": token.text, "name": " \u{202e}거실\n " }).to_string();
    let joined = page.client.json("POST", "/api/join", "", &body).await.json();
    assert_eq!(joined["name"], "거실");
    let auth = format!("Bearer {}", joined["credential"].as_str().unwrap());
    let id = joined["id"].as_str().unwrap().to_owned();
    let named = page.client.json("PUT", "/api/name", &auth, r#"{"name":" Door\u0007 "}"#).await;
    assert_eq!(named.status, 204);
    assert_eq!(page.stage.calls(), [Call::Rename(id, "Door".into())]);
    assert_eq!(page.store.list().unwrap()[0].name, "Door");
    let empty = page.client.json("PUT", "/api/name", &auth, r#"{"name":"\u200b"}"#).await;
    assert_eq!(empty.refusal(), (400, "bad_request".into()));

    let token = page.store.issue_token(PhoneScope::Publish).unwrap();
    let nameless = json!({ "token": token.text }).to_string();
    let joined = page.client.json("POST", "/api/join", "", &nameless).await.json();
    assert_eq!(joined["name"], Value::from("Phone"));
}

#[tokio::test]
async fn what_the_page_says_of_its_phone_reaches_the_stage() {
    let page = Page::serve().await;
    let (auth, ann) = page.phone();
    for (body, battery) in [
        (r#"{"hidden":true,"battery":0.5,"charging":false}"#, Some(0.5)),
        (r#"{"hidden":true,"battery":7,"charging":false}"#, Some(1.0)),
        (r#"{"hidden":true,"battery":null,"charging":false}"#, None),
    ] {
        let told = page.client.json("POST", "/api/report", &auth, body).await;
        assert_eq!(told.status, 204, "{told:?}");
        let report = PageReport { hidden: true, battery, charging: Some(false) };
        assert_eq!(page.stage.calls().last(), Some(&Call::Report(ann.id.clone(), report)));
    }
}

#[tokio::test]
async fn whoever_was_removed_is_a_stranger_at_once() {
    let page = Page::serve().await;
    let (auth, ann) = page.phone();
    assert_eq!(page.client.get("/api/me", &[("Authorization", &auth)]).await.status, 200);
    page.store.revoke(&ann.id).unwrap();
    let refused = page.client.get("/api/me", &[("Authorization", &auth)]).await;
    assert_eq!(refused.refusal(), (401, "not_authorized".into()));
}

#[tokio::test]
async fn a_damaged_store_lets_nobody_in_and_tells_strangers_of_no_file() {
    let page = Page::serve().await;
    let (auth, _) = page.phone();
    std::fs::write(page.dir.path().join("phones.json"), "{").unwrap();
    for refused in
        [page.client.get("/api/me", &[("Authorization", &auth)]).await, page.client.join("x").await]
    {
        assert_eq!(refused.refusal(), (500, "internal".into()));
        assert!(refused.body.contains("the computer that shows the code"), "{refused:?}");
        assert!(!refused.body.contains(page.dir.path().to_str().unwrap()), "{refused:?}");
        assert!(!refused.body.contains("phones.json"), "{refused:?}");
    }
}
