//! The ways in which an upstream goes wrong.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};

use super::body::Body;
use super::response;

/// A way to go wrong, for every request until it is cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The right answer, but only after this time.
    Slow(Duration),
    /// The right answer, but only when the fault is cleared or replaced: what a test waits for in the meantime has
    /// as long as it takes.
    Held,
    /// The head at once; then a body that drips a byte at a time and never ends.
    SlowBody,
    /// This status with an error body that a consumer must never see.
    Status(u16),
    /// The same, and after how many seconds the upstream wants to be asked again.
    StatusWithRetryAfter(u16, u32),
    /// 200 with a page for people.
    Html,
    /// 200 `application/json`: an array of entities without an end, as fast as it is read.
    EndlessBody,
    /// 200 `application/json` that breaks off in the middle of a string.
    BrokenJson,
    /// The connection is closed without an answer.
    Reset,
    /// As an Orion behaves whose database is gone: lists are empty, with 200 and a total of 0; whoever asks for the types, or for one
    /// entity by its path, ends the process, which is back at once.
    DatabaseGone,
    /// 200 with nothing in it.
    EmptyBody,
}

/// Stands in the body of [`Fault::Status`] and [`Fault::Html`], so that a test can prove that an upstream's text goes no further.
pub const UPSTREAM_TEXT: &str = "upstream-internal-detail 10.0.0.7 stack trace";

const BROKEN: &str = r#"[{"id":"urn:ngsi-ld:Broken:1","type":"Broken","name":{"type":"Text","value":"half a na"#;

// === impl Fault ===

impl Fault {
    /// What an Orion answers at a path whose database is gone; `None`: nothing, because that ends it.
    pub(super) fn without_database(path: &str) -> Option<Response<Body>> {
        let is_fatal = path == "/v2/types" || path.starts_with("/v2/types/") || path.starts_with("/v2/entities/");
        let mut answer = response(StatusCode::OK, "application/json", "[]").map(Body::full);
        answer
            .headers_mut()
            .insert("fiware-total-count", HeaderValue::from_static("0"));
        (!is_fatal).then_some(answer)
    }

    /// What is answered in place of the right answer; `None`: the right one is due (after a delay, if any).
    pub(super) fn answer(self) -> Option<Response<Body>> {
        let full = |response: Response<Bytes>| response.map(Body::full);
        match self {
            Self::Slow(_) | Self::Held | Self::Reset | Self::DatabaseGone => None,
            Self::SlowBody => Some(json_stream(Body::drip())),
            Self::EndlessBody => Some(json_stream(Body::endless())),
            Self::StatusWithRetryAfter(code, seconds) => {
                let mut answer = Self::Status(code).answer()?;
                answer
                    .headers_mut()
                    .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
                Some(answer)
            }
            Self::Status(code) => {
                let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                let error = serde_json::json!({ "error": "InternalError", "description": UPSTREAM_TEXT });
                Some(full(response(status, "application/json", error.to_string())))
            }
            Self::Html => {
                let page = format!(
                    "<!DOCTYPE html><html><head><title>Maintenance</title></head><body>{UPSTREAM_TEXT}</body></html>"
                );
                Some(full(response(StatusCode::OK, "text/html; charset=utf-8", page)))
            }
            Self::BrokenJson => Some(full(response(StatusCode::OK, "application/json", BROKEN))),
            Self::EmptyBody => Some(full(response(StatusCode::OK, "application/json", Bytes::new()))),
        }
    }
}

fn json_stream(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
