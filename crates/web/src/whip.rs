//! WHIP's HTTP (RFC 9725 section 4): the endpoint `/whip`, and the sessions below it.
//!
//! The entity tag of a session names its ICE session (section 4.3.1): candidates must match it, a
//! restart must say `*`. No `Link` headers: on a local network there are no ICE servers, and we have
//! no extensions.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{ALLOW, CONTENT_TYPE, ETAG, HeaderName, IF_MATCH, LOCATION};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use lanlens_identity::Credential;
use lanlens_model::limits::SDP_BYTES_MAX;
use tokio::time::Instant;

use crate::app::{App, lock};
use crate::body;
use crate::guest::Publisher;
use crate::problem::Problem;
use crate::{Answered, Refusal, SessionKey};

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
const ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");
const ACCEPT_PATCH: HeaderName = HeaderName::from_static("accept-patch");

/// `OPTIONS /whip` (section 4.2). Opens nothing to other origins: the guard turned those away.
pub(crate) async fn options() -> Response {
    (StatusCode::OK, [(ACCEPT_POST, SDP), (ALLOW, "OPTIONS,GET,HEAD,POST")]).into_response()
}

/// `GET /whip`: it is there, and has nothing to show (section 4.1).
pub(crate) async fn look(Publisher(_): Publisher) -> StatusCode {
    StatusCode::NO_CONTENT
}

/// `GET /whip/SESSION` (section 4.1).
pub(crate) async fn look_at_session(
    State(app): State<Arc<App>>,
    Publisher(guest): Publisher,
    Path(session): Path<String>,
) -> Result<StatusCode, Problem> {
    current(&app, &guest, &SessionKey(session))?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /whip` (section 4.2).
pub(crate) async fn publish(
    State(app): State<Arc<App>>,
    Publisher(guest): Publisher,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let offer = body::text(&headers, body, SDP, SDP_BYTES_MAX).await?;
    if !lock(&app.rates).offer(&guest.id, Instant::now()) {
        return Err(
            Refusal::Limit("too many sessions in a short time: wait a second".into()).into()
        );
    }
    // In a task of its own: a client that gives up must not leave half a session.
    let begun = tokio::spawn(begin(Arc::clone(&app), guest, offer)).await;
    let answered =
        begun.map_err(|error| Problem::internal(format!("a session has failed ({error})")))??;
    let response = (
        StatusCode::CREATED,
        [
            (LOCATION, value(&format!("/whip/{}", answered.session))?),
            (ETAG, tag(&answered.ice)?),
            (ACCEPT_PATCH, HeaderValue::from_static(FRAGMENT)),
            (CONTENT_TYPE, HeaderValue::from_static(SDP)),
        ],
        answered.sdp,
    );
    Ok(response.into_response())
}

async fn begin(app: Arc<App>, guest: Credential, offer: String) -> Result<Answered, Refusal> {
    let published = app.cancel.run_until_cancelled(app.stage.publish(&guest, offer)).await;
    let answered = published.unwrap_or_else(|| Err(closing()))?;
    let (key, ice) = (answered.session.clone(), answered.ice.clone());
    lock(&app.sessions).begin(&guest.id, key, ice);
    Ok(answered)
}

fn closing() -> Refusal {
    Refusal::Busy("this program is closing: try again when it is open".into())
}

/// What a PATCH wants (sections 4.3.2 and 4.3.3).
#[derive(Debug, PartialEq, Eq)]
enum Wish {
    Trickle,
    Restart,
}

/// `PATCH /whip/SESSION` (section 4.3).
pub(crate) async fn patch(
    State(app): State<Arc<App>>,
    Publisher(guest): Publisher,
    Path(session): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let key = SessionKey(session);
    let ice = current(&app, &guest, &key)?;
    let fragment = body::text(&headers, body, FRAGMENT, SDP_BYTES_MAX).await?;
    let done = match wish(&headers, &ice)? {
        Wish::Trickle => app
            .stage
            .trickle(&guest, &key, fragment)
            .await
            .map(|()| Ok(StatusCode::NO_CONTENT.into_response())),
        // In a task of its own: a client that gave up asks again, and must find the tag of what it got.
        Wish::Restart => {
            let restarting = restart(Arc::clone(&app), guest, key.clone(), fragment);
            tokio::spawn(restarting)
                .await
                .map_err(|error| Problem::internal(format!("a session has failed ({error})")))?
        }
    };
    done.map_err(|refusal| forget_ended(&app, &key, refusal))?
}

async fn restart(
    app: Arc<App>,
    guest: Credential,
    key: SessionKey,
    fragment: String,
) -> Result<Result<Response, Problem>, Refusal> {
    let restarted = app.stage.restart(&guest, &key, fragment).await?;
    lock(&app.sessions).restart(&key, restarted.ice.clone());
    Ok(tag(&restarted.ice).map(|tag| {
        let headers = [(ETAG, tag), (CONTENT_TYPE, HeaderValue::from_static(FRAGMENT))];
        (StatusCode::OK, headers, restarted.fragment).into_response()
    }))
}

/// `DELETE /whip/SESSION` (section 4.2); an entity tag means nothing here (section 4.3.1).
pub(crate) async fn delete(
    State(app): State<Arc<App>>,
    Publisher(guest): Publisher,
    Path(session): Path<String>,
) -> Result<StatusCode, Problem> {
    let key = SessionKey(session);
    current(&app, &guest, &key)?;
    app.stage.end(&guest, &key).await.map_err(|refusal| forget_ended(&app, &key, refusal))?;
    lock(&app.sessions).end(&key);
    Ok(StatusCode::OK)
}

/// What names the ICE session of the guest's session. Somebody else's is not there at all.
fn current(app: &App, guest: &Credential, key: &SessionKey) -> Result<String, Problem> {
    let sessions = lock(&app.sessions);
    let ice = sessions.ice(&guest.id, key).map(str::to_owned);
    ice.ok_or_else(|| Refusal::NotFound.into())
}

fn forget_ended(app: &App, key: &SessionKey, refusal: Refusal) -> Problem {
    if refusal == Refusal::NotFound {
        lock(&app.sessions).end(key);
    }
    refusal.into()
}

/// By the condition (RFC 9110 section 13.1.1).
fn wish(headers: &HeaderMap, ice: &str) -> Result<Wish, Problem> {
    let mut tags = headers
        .get_all(IF_MATCH)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .map(str::trim)
        .peekable();
    if tags.peek().is_none() {
        let detail = "say in If-Match which ICE session this is for, or * to restart it";
        return Err(Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "precondition_required",
            detail,
        ));
    }
    let mut wish = None;
    for tag in tags {
        match tag {
            // In quotes too: so it stands in the RFC's own example.
            "*" | "\"*\"" => return Ok(Wish::Restart),
            tag if is_tag(tag, ice) => wish = Some(Wish::Trickle),
            _ => {}
        }
    }
    wish.ok_or_else(|| {
        let detail = "this is for an ICE session that is over: take the newest entity tag";
        Problem::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", detail)
    })
}

/// A strong comparison (RFC 9110 section 8.8.3.2).
fn is_tag(tag: &str, ice: &str) -> bool {
    tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) == Some(ice)
}

fn tag(ice: &str) -> Result<HeaderValue, Problem> {
    value(&format!("\"{ice}\""))
}

fn value(text: &str) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(text).map_err(|_| Problem::internal("a session has no proper name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(if_match: &[&str]) -> Result<Wish, StatusCode> {
        let mut headers = HeaderMap::new();
        for value in if_match {
            headers.append(IF_MATCH, value.parse().unwrap());
        }
        wish(&headers, "new").map_err(|problem| problem.status)
    }

    #[test]
    fn candidates_name_the_ice_session_and_a_restart_names_any() {
        assert_eq!(verdict(&["\"new\""]), Ok(Wish::Trickle));
        assert_eq!(verdict(&["\"old\", \"new\""]), Ok(Wish::Trickle));
        assert_eq!(verdict(&["\"old\"", "\"new\""]), Ok(Wish::Trickle));
        assert_eq!(verdict(&["*"]), Ok(Wish::Restart));
        assert_eq!(verdict(&["\"*\""]), Ok(Wish::Restart));
    }

    #[test]
    fn no_condition_is_asked_for_and_a_stale_one_fails() {
        assert_eq!(verdict(&[]), Err(StatusCode::PRECONDITION_REQUIRED));
        for stale in ["\"old\"", "W/\"new\"", "new", "\"new", "", "\""] {
            assert_eq!(verdict(&[stale]), Err(StatusCode::PRECONDITION_FAILED), "{stale}");
        }
    }
}
