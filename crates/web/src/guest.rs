//! Who asks: a bearer credential (RFC 6750) and what it is for. The guard looks, before anything else
//! is counted; the routes that want to know who asks take what it found.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, CONNECTION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use lanlens_identity::{Credential, PhoneScope, PhoneStore, PhonesError, unix_s};
use tokio::time::Instant;

use crate::app::{App, Peer, lock};
use crate::door::Full;
use crate::problem::Problem;

/// One that was shown longer ago is noted as used.
const USED_STEP_S: u64 = 24 * 3600;

/// What a request shows of who asks.
#[derive(Clone)]
pub(crate) enum Shown {
    /// No credential: most of the page needs none.
    Nothing,
    /// A good one.
    Guest(Credential),
    /// One that is malformed, or not known, or cannot be looked up now; why it does not do.
    Refused(Problem),
}

/// Looks whose credential a request shows, and makes its connection that guest's.
///
/// # Errors
/// When the credential is good, and its guest has or asks too much.
pub(crate) async fn look(
    app: &App,
    peer: &Peer,
    bearer: Result<Option<String>, Problem>,
) -> Result<Shown, Problem> {
    let bearer = match bearer {
        Ok(Some(bearer)) => bearer,
        Ok(None) => return Ok(Shown::Nothing),
        Err(malformed) => return Ok(Shown::Refused(malformed)),
    };
    let found = app.in_store(move |store| known(store, &bearer)).await;
    let from = peer.place.from();
    let guest = match found.and_then(|found| found.map_err(Problem::internal)) {
        Ok(Some(guest)) => guest,
        Ok(None) => {
            let waits = lock(&app.tries).wrong(from, Instant::now());
            return Ok(Shown::Refused(waits.map_or_else(not_known, too_many_tries)));
        }
        Err(trouble) => return Ok(Shown::Refused(trouble)),
    };
    lock(&app.tries).right(from);
    // Closed, because a connection that is nobody's yet must not stay so.
    let full = |full: Full| limit(full.to_string()).with(CONNECTION, "close");
    peer.place.recognise(&guest.id).map_err(full)?;
    match lock(&app.rates).request(&guest.id, Instant::now()) {
        true => Ok(Shown::Guest(guest)),
        false => Err(limit("too many requests: wait a second")),
    }
}

/// Reads files, and now and then writes one.
fn known(store: &PhoneStore, bearer: &str) -> Result<Option<Credential>, PhonesError> {
    let found = store.check(bearer)?;
    if let Some(known) = &found
        && unix_s().saturating_sub(known.used_s) >= USED_STEP_S
        && let Err(error) = store.touch(&known.id)
    {
        tracing::warn!("{error}");
    }
    Ok(found)
}

/// Somebody whose credential was checked, whatever it is for.
pub(crate) struct AnyGuest(pub(crate) Credential);

/// Somebody who may publish.
pub(crate) struct Publisher(pub(crate) Credential);

impl FromRequestParts<Arc<App>> for AnyGuest {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Problem> {
        match parts.extensions.get::<Shown>().cloned() {
            Some(Shown::Guest(guest)) => Ok(Self(guest)),
            Some(Shown::Refused(problem)) => Err(problem),
            Some(Shown::Nothing) => Err(missing()),
            None => Err(Problem::internal("a request came past the guard")),
        }
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

/// What the one `Authorization` header carries (RFC 6750 section 2.1), if there is one.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = all.next() else { return Ok(None) };
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
    Ok(Some(token.to_owned()))
}

fn missing() -> Problem {
    let detail = "this needs a token: scan the code again, or set the encoder's bearer token";
    Problem::new(StatusCode::UNAUTHORIZED, "not_authorized", detail)
        .with(WWW_AUTHENTICATE, r#"Bearer realm="lanlens""#)
}

fn not_known() -> Problem {
    let detail = "this device is not known here any more: scan the code again, or make the encoder \
                  a new token";
    Problem::new(StatusCode::UNAUTHORIZED, "not_authorized", detail)
        .with(WWW_AUTHENTICATE, r#"Bearer realm="lanlens", error="invalid_token""#)
}

/// See [`crate::tries`]. Closes, so that going on costs a handshake each time.
pub(crate) fn too_many_tries(left: std::time::Duration) -> Problem {
    let seconds = left.as_secs() + 1;
    let detail = format!("too many wrong codes from here: wait {seconds} s, then scan a new one");
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_tries", detail)
        .retry_after(seconds)
        .with(CONNECTION, "close")
}

fn limit(words: impl Into<String>) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "limit", words).retry_after(1)
}
