//! What is told to everybody, also where nobody may ask without a credential: how this API is called, and the @contexts that
//! answers name, so that whoever reads an answer can read its names. It tells nothing of any tenant but what a consumer has made
//! public. Such requests count as failed attempts of their address, so that they are bounded as those are.

use std::sync::Arc;

use axum::extract::Request;
use http::Method;
use kakehashi_contexts::CONTEXTS_PATH;
use kakehashi_revision::Revision;

/// The path of the description of the API.
pub const DESCRIPTION_PATH: &str = "/openapi.json";

/// Left with a request of somebody who is nobody: the revision that holds for it.
#[derive(Debug, Clone)]
pub(crate) struct Anybody(pub(crate) Arc<Revision>);

/// Whether a request asks for what may be for everybody.
pub(super) fn is_asked_for(request: &Request) -> bool {
    let path = request.uri().path();
    let is_context = || {
        path.strip_prefix(CONTEXTS_PATH)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    request.method() == Method::GET && (path == DESCRIPTION_PATH || is_context())
}
