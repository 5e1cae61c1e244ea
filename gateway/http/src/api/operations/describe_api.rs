//! The API as an OpenAPI document. It is made of the list of operations, once, and tells nothing of any tenant, type or id,
//! so that it is for everybody.

use std::sync::LazyLock;

use axum::body::{Body, Bytes};
use axum::extract::RawQuery;
use axum::response::Response;
use axum::routing::on;
use http::{HeaderValue, Method, header};

use crate::api::openapi;
use crate::api::operation::{Content, Offered, Success};
use crate::edge::everybody::DESCRIPTION_PATH;
use crate::problem::Problem;

/// `GET /openapi.json`
pub(super) static OFFERED: Offered = Offered {
    name: "describeApi",
    clause: None,
    method: Method::GET,
    path: DESCRIPTION_PATH,
    asks: None,
    summary: "this API as an OpenAPI 3.1 document; also without a credential",
    parameters: &[],
    lacks: &[],
    representations: &[],
    body: None,
    successes: &[Success {
        status: 200,
        meaning: "The document.",
        body: Content::Json("OpenApi"),
        headers: &["ETag"],
    }],
    explained: None,
    route: |method| on(method, answer),
};

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| openapi::document(super::offered()));

async fn answer(RawQuery(query): RawQuery) -> Result<Response, Problem> {
    OFFERED.parameters(query.as_deref())?;
    let mut response = Response::new(Body::from(DOCUMENT.clone()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    // It changes with the version alone.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    Ok(response)
}
