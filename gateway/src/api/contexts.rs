//! `/jsonldContexts` (clause 6.29 and following): here the gateway's own @context, so that the names of the
//! view can be looked up where they are used.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, header};
use ngsi_ld::context::KAKEHASHI_CONTEXT;

/// Serves the gateway's own @context.
pub(super) async fn own() -> Response {
    let mut response = Response::new(Body::from(KAKEHASHI_CONTEXT));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/ld+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
    response
}
