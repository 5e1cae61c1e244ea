//! What every request must say of its body, whatever it is about (clause 6.3.4): 411 and 415. And that what it is conditioned on
//! is a list of tags, before anything is asked.

use axum::extract::Request;
use http::{Method, header};

use crate::negotiate::{BodyCoding, BodyMediaType};
use crate::problem::{ErrorType, Problem};
use crate::tags::Tags;

/// Refuses an `If-Match` that is none, and a POST, PATCH or PUT without Content-Length or of another media type than JSON and JSON-LD.
//= 6.3.2-4, 6.3.4-2
pub(super) fn check(request: &Request) -> Result<(), Problem> {
    let method = request.method();
    Tags::of(request.headers(), &header::IF_MATCH)?;
    if [Method::POST, Method::PATCH, Method::PUT].contains(method) {
        if !request.headers().contains_key(header::CONTENT_LENGTH) {
            let detail = "header `Content-Length`: say how many bytes the body has (0 where there is none); it cannot be sent in \
                          chunks";
            return Err(Problem::new(ErrorType::LengthRequired, detail));
        }
        BodyMediaType::of_request(method, request.headers())?;
        BodyCoding::of_request(request.headers())?;
    }
    Ok(())
}
