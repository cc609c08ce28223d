//! Bodies of requests: of a known kind, bounded in size and time.

use axum::body::{Body, to_bytes};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use lanlens_model::limits::{BODY_TIMEOUT, JSON_BYTES_MAX};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::problem::Problem;

/// A JSON body.
pub(crate) async fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    let text = text(headers, body, "application/json", JSON_BYTES_MAX).await?;
    serde_json::from_str(&text)
        .map_err(|error| Problem::bad_request(format!("the request makes no sense: {error}")))
}

/// A body of the media type `kind`, in UTF-8.
pub(crate) async fn text(
    headers: &HeaderMap,
    body: Body,
    kind: &str,
    bytes_max: usize,
) -> Result<String, Problem> {
    if !is_kind(headers, kind) {
        let detail = format!("send this as {kind}");
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media", detail));
    }
    let too_large = || {
        let detail = format!("at most {bytes_max} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail).with(CONNECTION, "close")
    };
    let told = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if told.is_some_and(|length: usize| length > bytes_max) {
        return Err(too_large());
    }
    let late = || {
        let detail = "the request came too slowly: the network may be weak here";
        // Of its own: nothing is wrong with what was asked, and the next try may well come in time.
        Problem::new(StatusCode::REQUEST_TIMEOUT, "timeout", detail)
            .retry_after(1)
            .with(CONNECTION, "close")
    };
    let read = timeout(BODY_TIMEOUT, to_bytes(body, bytes_max)).await.map_err(|_| late())?;
    let bytes = read.map_err(|error| match is_too_long(&error) {
        true => too_large(),
        false => Problem::bad_request("the request broke off"),
    })?;
    String::from_utf8(bytes.into()).map_err(|_| Problem::bad_request("the request is not UTF-8"))
}

/// Whether the one `Content-Type` is `kind`, with whatever parameters.
fn is_kind(headers: &HeaderMap, kind: &str) -> bool {
    let mut all = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (all.next(), all.next()) else { return false };
    value.to_str().is_ok_and(|value| {
        let essence = value.split_once(';').map_or(value, |(essence, _)| essence);
        essence.trim().eq_ignore_ascii_case(kind)
    })
}

fn is_too_long(error: &axum::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(one) = cause {
        if one.to_string().contains("length limit exceeded") {
            return true;
        }
        cause = one.source();
    }
    false
}
