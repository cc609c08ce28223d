//! What is written down about visitors: never what lets somebody in.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use lanlens_identity::PhoneScope;
use support::Page;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Keeps every word at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

struct Words<'a>(&'a mut String);

impl Visit for Words<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push_str(&format!("{}={value:?} ", field.name()));
    }
}

impl Subscriber for Log {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Words(&mut self.0.lock().unwrap()));
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, values: &Record<'_>) {
        values.record(&mut Words(&mut self.0.lock().unwrap()));
    }

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Words(&mut self.0.lock().unwrap()));
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

#[tokio::test]
async fn no_token_no_credential_and_no_session_stands_in_the_log() {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let page = Page::serve().await;
    let token = page.store.issue_token(PhoneScope::Publish).unwrap();
    let joined = page.client.join(&token.text).await.json();
    let credential = joined["credential"].as_str().unwrap();
    let auth = format!("Bearer {credential}");
    page.client.join(&token.text).await;
    page.client.join("a-guessed-token").await;
    let token_of_own = page.store.issue_token(PhoneScope::Publish).unwrap();
    let own = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
    let body = serde_json::json!({ "token": token_of_own.text, "credential": own }).to_string();
    assert_eq!(page.client.json("POST", "/api/join", "", &body).await.status, 200);
    let malformed = body.replace(own, "an-odd-credential");
    assert_eq!(page.client.json("POST", "/api/join", "", &malformed).await.status, 400);
    page.client.get("/api/me", &[("Authorization", "Bearer a-guessed-credential")]).await;
    let offer = [("Authorization", &*auth), ("Content-Type", "application/sdp")];
    page.client.send("POST", "/whip", &offer, "v=0 the-offer").await;
    page.client.send("DELETE", "/whip/session0", &[("Authorization", &auth)], "").await;
    std::fs::write(page.dir.path().join("phones.json"), "{").unwrap();
    page.client.get("/api/me", &[("Authorization", &auth)]).await;
    page.client.join(&token.text).await;
    page.close().await;
    let log = log.0.lock().unwrap();
    assert!(log.contains("joined by the page"), "the log is read: {log}");
    for secret in [
        &*token.text,
        credential,
        &*token_of_own.text,
        own,
        "an-odd-credential",
        "a-guessed-token",
        "a-guessed-credential",
        "session0",
        "the-offer",
    ] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}
