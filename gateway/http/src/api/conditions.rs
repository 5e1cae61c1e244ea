//! Which changes may be made on the condition of a tag (RFC 9110 section 13.1). Of all others nobody must believe that one was
//! looked at: they are refused.

use axum::extract::{MatchedPath, Request};
use http::{Method, header};

use crate::edge::cors::READING_POSTS;
use crate::problem::{ErrorType, Problem};

/// Those that look at it within the transaction of the change, by method and path.
const CONDITIONAL: &[(Method, &str)] = &[
    (Method::POST, "/ngsi-ld/v1/entities"),
    (Method::PUT, "/ngsi-ld/v1/entities/{entityId}"),
    (Method::PATCH, "/ngsi-ld/v1/entities/{entityId}"),
    (Method::DELETE, "/ngsi-ld/v1/entities/{entityId}"),
    (Method::POST, "/ngsi-ld/v1/entities/{entityId}/attrs"),
    (Method::PATCH, "/ngsi-ld/v1/entities/{entityId}/attrs"),
    (Method::PATCH, "/ngsi-ld/v1/entities/{entityId}/attrs/{attrId}"),
    (Method::PUT, "/ngsi-ld/v1/entities/{entityId}/attrs/{attrId}"),
    (Method::DELETE, "/ngsi-ld/v1/entities/{entityId}/attrs/{attrId}"),
];

/// Whether an operation looks at conditions on what it changes.
pub(super) fn may_be_conditional(method: &Method, path: &str) -> bool {
    CONDITIONAL.iter().any(|(offered, of)| offered == method && *of == path)
}

/// Refuses a condition on what has none.
pub(super) fn check(request: &Request) -> Result<(), Problem> {
    let method = request.method();
    let headers = request.headers();
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("", MatchedPath::as_str);
    if *method == Method::GET {
        return Ok(());
    }
    let has_if_match = headers.contains_key(header::IF_MATCH);
    // A question in a body is asked whether its answer is known or not.
    let has_if_none_match = headers.contains_key(header::IF_NONE_MATCH) && !READING_POSTS.contains(&path);
    let name = match (has_if_match, has_if_none_match) {
        (true, _) => "If-Match",
        (false, true) => "If-None-Match",
        (false, false) => return Ok(()),
    };
    if may_be_conditional(method, path) {
        return Ok(());
    }
    let detail =
        format!("header `{name}`: no condition is offered on what this changes; leave it out, and nothing was done");
    Err(Problem::new(ErrorType::OperationNotSupported, detail))
}
