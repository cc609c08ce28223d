//! Pages that need no script: refusals, and the root certificate with how to install it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::assets;
use crate::problem::Problem;

/// What a page of `assets` says that is filled in here.
const REFUSED: &str = include_str!("../assets/refused.html");
const TRUST: &str = include_str!("../assets/trust.html");

/// `GET /`: the camera page.
pub(crate) async fn index(headers: HeaderMap) -> Result<Response, Problem> {
    assets::serve("index.html", &headers)
}

/// `GET /assets/NAME`; pages are not among them.
pub(crate) async fn asset(
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if name.ends_with(".html") {
        return Err(Problem::not_found());
    }
    assets::serve(&name, &headers)
}

/// `GET /root.crt`: the certificate to be installed.
pub(crate) async fn root(State(app): State<Arc<App>>) -> Response {
    let headers = [
        (CONTENT_TYPE, "application/x-x509-ca-cert"),
        (CONTENT_DISPOSITION, "attachment; filename=\"lanlens-root.crt\""),
    ];
    (headers, app.root_der.clone()).into_response()
}

/// `GET /trust`: what the certificate is, and how to check and install it.
pub(crate) async fn trust(State(app): State<Arc<App>>) -> Response {
    let page = fill(TRUST, &[("fingerprint", &escape(&app.fingerprint))]);
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}

/// A refusal, for somebody who reads.
pub(crate) fn refusal(problem: &Problem) -> String {
    let title = match problem.code {
        "forbidden_host" => "This address is not ours",
        "forbidden_origin" => "Another page asked",
        "not_found" => "There is nothing here",
        "not_authorized" | "wrong_scope" => "Not allowed",
        "too_many_tries" | "limit" | "busy" | "timeout" => "One moment",
        _ => problem.title(),
    };
    let next = "<a class=\"secondary\" href=\"/\">To the camera page</a>";
    let (title, detail) = (escape(title), escape(&problem.detail));
    fill(REFUSED, &[("title", &title), ("detail", &sentence(&detail)), ("next", next)])
}

/// With a capital letter and a stop.
fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    let stop = if words.ends_with(['.', '?', '!']) { "" } else { "." };
    format!("{first}{}{stop}", chars.as_str())
}

/// A page with HTML in place of each `{{name}}`; what is put in is not looked at again.
fn fill(page: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(page.len() + 512);
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else { break };
        filled.push_str(before);
        let value = values.iter().find(|(known, _)| *known == name);
        filled.push_str(value.map_or("", |(_, value)| value));
        rest = after;
    }
    filled + rest
}

/// Text as HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            other => html.push(other),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_somebody_sent_becomes_part_of_a_page() {
        let problem = Problem::bad_request("no <script>alert('x' & \"y\")</script> {{title}}");
        let html = refusal(&problem);
        assert!(!html.contains("<script"), "{html}");
        assert!(html.contains("No &lt;script&gt;alert(&#39;x&#39; &amp; &quot;y&quot;)"), "{html}");
        assert!(html.contains("{{title}}."), "{html}");
        assert_eq!(html.matches("{{").count(), 1, "{html}");
    }

    #[test]
    fn a_page_says_all_that_it_has_a_place_for() {
        assert_eq!(fill("a{{x}}b{{y}}c", &[("x", "1"), ("y", "{{x}}")]), "a1b{{x}}c");
        assert_eq!(fill("a{{x}}b{{", &[]), "ab{{");
        for (page, names) in
            [(REFUSED, &["title", "detail", "next"][..]), (TRUST, &["fingerprint"])]
        {
            for name in names {
                assert!(page.contains(&format!("{{{{{name}}}}}")), "{name}");
            }
        }
    }
}
