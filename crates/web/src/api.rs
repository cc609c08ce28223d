//! What the page asks for beside WHIP: to join, its name, its state.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use lanlens_identity::{PhoneScope, PhoneStore, RedeemError};
use lanlens_protocol::clean_name;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::Instant;

use crate::PageReport;
use crate::app::{App, Peer, lock};
use crate::body;
use crate::guest::{AnyGuest, Publisher, too_many_tries};
use crate::problem::Problem;

/// What a phone is called that says nothing.
const UNNAMED: &str = "Phone";

#[derive(Deserialize)]
struct Join {
    token: String,
    #[serde(default)]
    name: String,
    /// What the page wants to do.
    #[serde(default = "publish")]
    scope: PhoneScope,
    /// What it drew to be known by from now on, so that it may ask again when no answer comes. Without
    /// it one is drawn here.
    #[serde(default)]
    credential: Option<String>,
}

fn publish() -> PhoneScope {
    PhoneScope::Publish
}

#[derive(Serialize)]
struct Joined {
    credential: String,
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Name {
    name: String,
}

/// `POST /api/join`: a token for a credential. The same token with the same credential gets the same
/// answer, as long as the token's time is not over.
pub(crate) async fn join(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Join { token, name, scope, credential } = body::json(&headers, body).await?;
    let name = Some(clean_name(&name)).filter(|name| !name.is_empty());
    let redeem = move |store: &PhoneStore| {
        let name = name.as_deref().unwrap_or(UNNAMED);
        match credential {
            Some(own) => store.redeem_as(&token, scope, name, &own).map(|guest| (own, guest)),
            None => store.redeem(&token, scope, name),
        }
    };
    let (credential, guest) = match app.in_store(redeem).await? {
        Ok(redeemed) => redeemed,
        Err(error) => return Err(refused(&app, &peer, error)),
    };
    lock(&app.tries).right(peer.place.from());
    tracing::info!("{} joined by the page ({})", guest.name, guest.id);
    Ok(Json(Joined { credential, id: guest.id, name: guest.name }).into_response())
}

fn refused(app: &App, peer: &Peer, error: RedeemError) -> Problem {
    let detail = error.to_string();
    let unauthorized = |code| Problem::new(StatusCode::UNAUTHORIZED, code, detail.clone());
    match error {
        RedeemError::Unknown => {
            let waits = lock(&app.tries).wrong(peer.place.from(), Instant::now());
            waits.map_or_else(|| unauthorized("token_unknown"), too_many_tries)
        }
        // Whoever has one of these was shown it: nobody guesses.
        RedeemError::Used => unauthorized("token_used"),
        RedeemError::Expired => unauthorized("token_expired"),
        RedeemError::WrongScope(_) => Problem::new(StatusCode::FORBIDDEN, "wrong_scope", detail),
        RedeemError::NotACredential => Problem::bad_request(detail),
        RedeemError::Taken => Problem::new(StatusCode::CONFLICT, "credential_taken", detail),
        RedeemError::Full => {
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "limit", detail).retry_after(60)
        }
        RedeemError::Store(error) => Problem::internal(error),
    }
}

/// `GET /api/me`: whose credential this is.
pub(crate) async fn me(AnyGuest(guest): AnyGuest) -> Response {
    let scope = guest.scope.as_str();
    Json(json!({ "id": guest.id, "name": guest.name, "scope": scope })).into_response()
}

/// `PUT /api/name`: another name.
pub(crate) async fn rename(
    State(app): State<Arc<App>>,
    Publisher(guest): Publisher,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let Name { name } = body::json(&headers, body).await?;
    let name = clean_name(&name);
    if name.is_empty() {
        return Err(Problem::bad_request("the name is empty: type one"));
    }
    let (id, new) = (guest.id.clone(), name.clone());
    let renamed = app.in_store(move |store| store.rename(&id, &new)).await?;
    renamed.map_err(Problem::internal)?;
    app.stage.rename(&guest, &name);
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/report`: how the phone is.
pub(crate) async fn report(
    State(app): State<Arc<App>>,
    Publisher(guest): Publisher,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let mut report: PageReport = body::json(&headers, body).await?;
    report.battery = report.battery.filter(|share| share.is_finite()).map(|s| s.clamp(0.0, 1.0));
    app.stage.report(&guest, report);
    Ok(StatusCode::NO_CONTENT)
}
