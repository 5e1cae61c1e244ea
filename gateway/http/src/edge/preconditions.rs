//! What every request with a body must say of it, whatever it is about (clause 6.3.4): 411 and 415, both without
//! a body.

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode, header};

use crate::negotiate::BodyMediaType;

/// Refuses a POST, PATCH or PUT without Content-Length or of another media type than JSON and JSON-LD.
pub(super) fn check(request: &Request) -> Result<(), Box<Response>> {
    let method = request.method();
    if [Method::POST, Method::PATCH, Method::PUT].contains(method) {
        if !request.headers().contains_key(header::CONTENT_LENGTH) {
            return Err(Box::new(StatusCode::LENGTH_REQUIRED.into_response()));
        }
        if let Err(problem) = BodyMediaType::of_request(method, request.headers()) {
            return Err(Box::new(problem.into_response()));
        }
    }
    Ok(())
}
