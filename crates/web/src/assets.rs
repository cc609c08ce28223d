//! The page's own files, inside the program.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// A file of the page.
#[derive(Debug)]
struct Asset {
    name: &'static str,
    bytes: &'static [u8],
}

/// Names each file once; the test below finds one that is missing.
macro_rules! table {
    ($($name:literal)*) => {
        [$(Asset { name: $name, bytes: include_bytes!(concat!("../assets/", $name)) }),*]
    };
}

static ASSETS: &[Asset] = &table![
    "api.js"
    "backoff.js"
    "battery.js"
    "camera.js"
    "controls.js"
    "device.js"
    "dim.js"
    "environment.js"
    "events.js"
    "figures.js"
    "icon.svg"
    "index.html"
    "inter-regular.woff2"
    "inter-semibold.woff2"
    "join.js"
    "main.js"
    "page.css"
    "phase.js"
    "publisher.js"
    "refused.html"
    "run.js"
    "sdp.js"
    "sender.js"
    "session.js"
    "sse.js"
    "store.js"
    "tab.js"
    "trust.html"
    "view.js"
    "wake.js"
    "whip.js"
    "words.js"
];

/// The entity tags of [`ASSETS`], in its order.
static TAGS: LazyLock<Vec<HeaderValue>> = LazyLock::new(|| {
    let tag = |asset: &Asset| {
        let digest = HEXLOWER.encode(&Sha256::digest(asset.bytes)[..16]);
        HeaderValue::from_str(&format!("\"{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""))
    };
    ASSETS.iter().map(tag).collect()
});

/// The media type of a file's name; `None` for what no page needs.
fn kind(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "webmanifest" => "application/manifest+json",
        _ => return None,
    })
}

/// The file `name`, or that it has not changed since the browser had it. The program that serves it
/// may be another one tomorrow, so browsers ask each time.
pub(crate) fn serve(name: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let mut all = ASSETS.iter().zip(TAGS.iter());
    let (asset, tag) = all.find(|(asset, _)| asset.name == name).ok_or_else(Problem::not_found)?;
    let kind = kind(name).ok_or_else(Problem::not_found)?;
    let caching = [(ETAG, tag.clone()), (CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    if headers.get_all(IF_NONE_MATCH).iter().any(|known| known == tag) {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    Ok((caching, [(CONTENT_TYPE, kind)], asset.bytes).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_page_is_in_the_program_and_has_a_type() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/assets");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort_unstable();
        let names: Vec<&str> = ASSETS.iter().map(|asset| asset.name).collect();
        assert_eq!(names, files);
        assert!(names.iter().all(|name| kind(name).is_some()));
    }

    #[test]
    fn a_browser_that_has_a_file_is_not_sent_it_again() {
        let none = HeaderMap::new();
        let first = serve("index.html", &none).unwrap();
        assert_eq!(first.status(), StatusCode::OK);
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
        assert_eq!(serve("index.html", &headers).unwrap().status(), StatusCode::NOT_MODIFIED);
        assert_eq!(serve("main.js", &headers).unwrap().status(), StatusCode::OK);
        assert_eq!(serve("../src/lib.rs", &none).unwrap_err().status, StatusCode::NOT_FOUND);
    }
}
