//! The page in the browser: static files, embedded in the binary.
//!
//! The files hold no secrets and need no key; the routes that the page calls do.

use axum::Router;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::get;

use super::failure::Failure;
use super::response;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// The page itself.
const INDEX: &str = "index.html";

/// Name, media type and content of each file.
const FILES: [(&str, &str, &str); 23] = [
    (INDEX, HTML, include_str!("index.html")),
    ("style.css", CSS, include_str!("style.css")),
    ("icon.svg", SVG, include_str!("icon.svg")),
    ("api.js", SCRIPT, include_str!("api.js")),
    ("app.js", SCRIPT, include_str!("app.js")),
    ("base64.js", SCRIPT, include_str!("base64.js")),
    ("board.js", SCRIPT, include_str!("board.js")),
    ("capture.js", SCRIPT, include_str!("capture.js")),
    ("dom.js", SCRIPT, include_str!("dom.js")),
    ("dropzone.js", SCRIPT, include_str!("dropzone.js")),
    ("format.js", SCRIPT, include_str!("format.js")),
    ("key.js", SCRIPT, include_str!("key.js")),
    ("live.js", SCRIPT, include_str!("live.js")),
    ("metrics.js", SCRIPT, include_str!("metrics.js")),
    ("microphone.js", SCRIPT, include_str!("microphone.js")),
    ("offer.js", SCRIPT, include_str!("offer.js")),
    ("picture.js", SCRIPT, include_str!("picture.js")),
    ("realtime.js", SCRIPT, include_str!("realtime.js")),
    ("recording.js", SCRIPT, include_str!("recording.js")),
    ("resampler.js", SCRIPT, include_str!("resampler.js")),
    ("search.js", SCRIPT, include_str!("search.js")),
    ("student.js", SCRIPT, include_str!("student.js")),
    ("task.js", SCRIPT, include_str!("task.js")),
];

/// What the browser may do for the page: load and call this origin only, and run no script or style but its files.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
                      media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// `/` and `/page/FILE`.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/", get(async || file(INDEX))).route(
        "/page/{file}",
        get(async |name: Result<Path<String>, PathRejection>| match name {
            Ok(Path(name)) => file(&name),
            Err(error) => Err(Failure::invalid(error.body_text())),
        }),
    )
}

fn file(name: &str) -> Result<Response, Failure> {
    let found = FILES.iter().find(|(known, ..)| *known == name);
    let (_, kind, text) = found.ok_or_else(|| Failure::not_found("the page has no such file"))?;
    let mut response = response::typed(StatusCode::OK, HeaderValue::from_static(kind), *text);
    let fixed = [
        // Another version of the program has other files under the same names.
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    fixed
        .into_iter()
        .for_each(|(name, value)| drop(response.headers_mut().insert(name, HeaderValue::from_static(value))));
    Ok(response)
}
