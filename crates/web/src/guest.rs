//! Who asks: a bearer credential (RFC 6750) and what it is for.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use lanlens_identity::{Credential, PhoneScope, unix_s};
use tokio::time::Instant;

use crate::app::{App, Peer, lock};
use crate::problem::Problem;

/// One that was shown longer ago is noted as used.
const USED_STEP_S: u64 = 24 * 3600;

/// Somebody whose credential was checked, whatever it is for.
pub(crate) struct AnyGuest(pub(crate) Credential);

/// Somebody who may publish.
pub(crate) struct Publisher(pub(crate) Credential);

impl FromRequestParts<Arc<App>> for AnyGuest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<Peer>().cloned();
        let peer = peer.ok_or_else(|| Problem::internal("a request came from nowhere"))?;
        let bearer = bearer(&parts.headers)?;
        let checked = app.in_store(move |store| {
            let found = store.check(&bearer)?;
            if let Some(known) = &found
                && unix_s().abs_diff(known.used_s) >= USED_STEP_S
                && let Err(error) = store.touch(&known.id)
            {
                tracing::warn!("{error}");
            }
            Ok(found)
        });
        let found =
            checked.await?.map_err(|e: lanlens_identity::PhonesError| Problem::internal(e))?;
        let from = peer.place.from();
        let Some(guest) = found else {
            let waits = lock(&app.tries).wrong(from, Instant::now());
            return Err(waits.map_or_else(not_known, too_many_tries));
        };
        lock(&app.tries).right(from);
        peer.place.recognise(&guest.id).map_err(|full| limit(full.to_string()))?;
        if !lock(&app.rates).request(&guest.id, Instant::now()) {
            return Err(limit("too many requests: wait a second"));
        }
        Ok(Self(guest))
    }
}

impl FromRequestParts<Arc<App>> for Publisher {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let AnyGuest(guest) = AnyGuest::from_request_parts(parts, app).await?;
        match guest.scope {
            PhoneScope::Publish => Ok(Self(guest)),
            PhoneScope::Watch => Err(Problem::new(
                StatusCode::FORBIDDEN,
                "wrong_scope",
                "this device may watch and not publish: scan a code for cameras",
            )
            .with(
                WWW_AUTHENTICATE,
                r#"Bearer realm="lanlens", error="insufficient_scope", scope="publish""#,
            )),
        }
    }
}

/// What the one `Authorization` header carries (RFC 6750 section 2.1).
fn bearer(headers: &HeaderMap) -> Result<String, Problem> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let missing = || {
        let detail = "this needs a token: scan the code again, or set the encoder's bearer token";
        Problem::new(StatusCode::UNAUTHORIZED, "not_authorized", detail)
            .with(WWW_AUTHENTICATE, r#"Bearer realm="lanlens""#)
    };
    let value = all.next().ok_or_else(missing)?;
    let malformed = || Problem::bad_request("one Authorization header, with one bearer token");
    if all.next().is_some() {
        return Err(malformed());
    }
    let (scheme, token) =
        value.to_str().ok().and_then(|v| v.split_once(' ')).ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    let token = token.trim_matches(' ');
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b);
    if token.is_empty() || !token.bytes().all(allowed) {
        return Err(malformed());
    }
    Ok(token.to_owned())
}

fn not_known() -> Problem {
    let detail = "this device is not known here any more: scan the code again, or make the encoder \
                  a new token";
    Problem::new(StatusCode::UNAUTHORIZED, "not_authorized", detail)
        .with(WWW_AUTHENTICATE, r#"Bearer realm="lanlens", error="invalid_token""#)
}

/// See [`crate::tries`].
pub(crate) fn too_many_tries(left: std::time::Duration) -> Problem {
    let seconds = left.as_secs() + 1;
    let detail = format!("too many wrong codes from here: wait {seconds} s, then scan a new one");
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_tries", detail).retry_after(seconds)
}

fn limit(words: impl Into<String>) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "limit", words).retry_after(1)
}
