//! What every request must say of its body, whatever it is about (clause 6.3.4): 411 and 415. And what no request may ask yet:
//! since answers have tags, nobody must believe that a change was made on the condition of one.

use axum::extract::Request;
use http::{Method, header};

use crate::negotiate::{BodyCoding, BodyMediaType};
use crate::problem::{ErrorType, Problem};

/// Refuses `If-Match`, and a POST, PATCH or PUT without Content-Length or of another media type than JSON and JSON-LD.
pub(super) fn check(request: &Request) -> Result<(), Problem> {
    let method = request.method();
    if request.headers().contains_key(header::IF_MATCH) {
        let detail = "header `If-Match`: conditions on what is changed are not offered by this version; leave it out, and \
                      nothing was done";
        return Err(Problem::new(ErrorType::OperationNotSupported, detail));
    }
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
