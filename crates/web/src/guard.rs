//! What holds for every request and every answer, whatever is asked for.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use crate::app::{App, Peer, lock};
use crate::guest::{self, Shown};
use crate::hosts::{self, Stranger};
use crate::pages;
use crate::problem::Problem;

/// No code but the page's own files, no address but ours, in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' data:; media-src 'self' blob:; font-src 'self'; manifest-src 'self'; base-uri \
     'none'; form-action 'none'; frame-ancestors 'none'";

/// On every answer. No HSTS: it would lock out whoever runs something else at this address.
const HEADERS: [(HeaderName, &str); 8] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(self), screen-wake-lock=(self), microphone=(), geolocation=(), display-capture=()",
    ),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("origin-agent-cluster"), "?1"),
];

/// Lets through what is meant for us, and finishes the answer.
pub(crate) async fn guard(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let wants_page = navigates(request.method(), request.headers());
    let mut response = match admit(&app, &peer, &mut request).await {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    if wants_page && let Some(problem) = response.extensions_mut().remove::<Problem>() {
        // Status and headers stay; only the body is for people now.
        *response.body_mut() = pages::refusal(&problem).into();
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, html);
        response.headers_mut().remove(axum::http::header::CONTENT_LENGTH);
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// Finds out who asks before anything is counted: whoever shows a good credential needs no place among
/// those who show none, and so is let in however many there are.
async fn admit(app: &App, peer: &Peer, request: &mut Request) -> Result<(), Problem> {
    is_for_us(app, peer, request)?;
    let bearer = guest::bearer(request.headers());
    let shown = guest::look(app, peer, bearer).await?;
    match (&shown, peer.place.guest()) {
        // Counted already, as that guest's.
        (Shown::Guest(_), _) => {}
        // On a guest's connection it is the guest's too.
        (Shown::Nothing, Some(id)) => match lock(&app.rates).request(&id, Instant::now()) {
            true => {}
            false => return Err(limit("too many requests: wait a second")),
        },
        (Shown::Nothing | Shown::Refused(_), _) => {
            peer.place.visit(Instant::now()).map_err(|full| limit(full.to_string()))?;
        }
    }
    request.extensions_mut().insert(shown);
    Ok(())
}

fn is_for_us(app: &App, peer: &Peer, request: &Request) -> Result<(), Problem> {
    let ours = app.addresses();
    hosts::check(request.headers(), request.uri(), peer.front, &ours).map_err(|who| match who {
        Stranger::NoHost => Problem::bad_request("a request has to name one host"),
        Stranger::Host => {
            let local = peer.front.local;
            let detail =
                format!("this address is not ours; open https://{local}/, or scan the code again");
            Problem::new(StatusCode::FORBIDDEN, "forbidden_host", detail)
        }
        Stranger::Origin => {
            let detail = "another web page sent this: only our own page may";
            Problem::new(StatusCode::FORBIDDEN, "forbidden_origin", detail)
        }
    })
}

/// Closes, so that going on costs a handshake each time.
fn limit(words: impl Into<String>) -> Problem {
    Problem::new(StatusCode::TOO_MANY_REQUESTS, "limit", words)
        .retry_after(5)
        .with(CONNECTION, "close")
}

/// Whether somebody opens this in a browser's window, and reads what comes.
fn navigates(method: &Method, headers: &HeaderMap) -> bool {
    let accepts = |value: &HeaderValue| {
        value.to_str().is_ok_and(|value| value.to_ascii_lowercase().contains("text/html"))
    };
    matches!(*method, Method::GET | Method::HEAD) && headers.get_all(ACCEPT).iter().any(accepts)
}
