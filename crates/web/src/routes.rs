//! Which path leads where.

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, options, patch, post, put};

use crate::app::App;
use crate::problem::Problem;
use crate::{api, events, guard, pages, whip};

/// Everything, for the port with TLS.
pub(crate) fn all(app: Arc<App>) -> Router {
    let routes = Router::new()
        .route("/", get(pages::index))
        .route("/assets/{name}", get(pages::asset))
        .route("/trust", get(pages::trust))
        .route("/root.crt", get(pages::root))
        .route("/api/join", post(api::join))
        .route("/api/me", get(api::me))
        .route("/api/name", put(api::rename))
        .route("/api/report", post(api::report))
        .route("/api/events", get(events::events))
        .merge(whip_routes());
    finish(routes, app)
}

/// WHIP alone, for encoders on this machine.
pub(crate) fn whip_only(app: Arc<App>) -> Router {
    finish(whip_routes(), app)
}

fn whip_routes() -> Router<Arc<App>> {
    let endpoint = options(whip::options).post(whip::publish).get(whip::look);
    let session = patch(whip::patch).delete(whip::delete).get(whip::look_at_session);
    Router::new().route("/whip", endpoint).route("/whip/{session}", session)
}

fn finish(routes: Router<Arc<App>>, app: Arc<App>) -> Router {
    routes
        .fallback(async || Problem::not_found())
        .method_not_allowed_fallback(async || {
            let detail = "this cannot be done here";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
        })
        .layer(from_fn_with_state(Arc::clone(&app), guard::guard))
        .with_state(app)
}
