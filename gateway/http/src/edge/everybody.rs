//! What is told to everybody, also where nobody may ask without a credential: how this API is called. It tells nothing of
//! any tenant. Such requests count as failed attempts of their address, so that they are bounded as those are.

use axum::extract::Request;
use http::Method;

/// The path of the description of the API.
pub const DESCRIPTION_PATH: &str = "/openapi.json";

/// Whether a request asks for nothing else.
pub(super) fn is_asked_for(request: &Request) -> bool {
    [Method::GET, Method::HEAD].contains(request.method()) && request.uri().path() == DESCRIPTION_PATH
}
