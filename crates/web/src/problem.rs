//! Why a request is refused: a problem document (RFC 9457), with a code for programs and a sentence
//! for people, which says what to do.

use axum::http::header::{CONTENT_TYPE, HeaderName, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::Refusal;

/// One refusal.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) detail: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'static str,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), headers: Vec::new() }
    }

    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    pub(crate) fn not_found() -> Self {
        let detail = "this address leads to nothing: open the one that the code shows";
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// This program cannot do its work. The words, which may name files, are for whoever sits at its
    /// computer.
    pub(crate) fn internal(words: impl std::fmt::Display) -> Self {
        tracing::warn!("the page for phones: {words}");
        let detail =
            "the computer that shows the code cannot do this now: it says there what to do";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    pub(crate) fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.headers.push((RETRY_AFTER, HeaderValue::from(seconds)));
        self
    }

    /// The status in words.
    pub(crate) fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Refused")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = Document {
            r#type: "about:blank",
            title: self.title(),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
        };
        // Plain text and a number: it cannot fail, and an empty body would still be a refusal.
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let kind = [(CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, kind, body).into_response();
        response.headers_mut().extend(self.headers.iter().cloned());
        // For the guard, which makes a page of it where somebody navigates.
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        let (status, code) = match refusal {
            Refusal::BadSdp(_) => (StatusCode::BAD_REQUEST, "bad_sdp"),
            Refusal::NoH264(_) => (StatusCode::NOT_ACCEPTABLE, "no_h264"),
            Refusal::UnsupportedProfile(_) => (StatusCode::NOT_ACCEPTABLE, "unsupported_profile"),
            Refusal::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Refusal::Limit(_) => (StatusCode::TOO_MANY_REQUESTS, "limit"),
            Refusal::Busy(_) => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        };
        let problem = Self::new(status, code, detail);
        match status {
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                problem.retry_after(1)
            }
            _ => problem,
        }
    }
}
