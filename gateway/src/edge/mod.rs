//! What happens to every request before an operation sees it, and to every response after: one list of
//! layers, in request order. The edge knows consumers, tenants and limits; it knows no entities.

pub(crate) mod authenticate;
pub(crate) mod client_address;
mod deadline;
mod failed_attempts;
mod held_body;
mod hygiene;
mod observe;
mod preconditions;
mod purpose;
mod rate_limit;
pub(crate) mod tenant;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use tower::ServiceBuilder;

pub use authenticate::{Caller, PresentedToken};
pub use deadline::Deadline;
pub use failed_attempts::FailedAttempts;
pub use observe::RequestId;
pub use rate_limit::ConsumerLimiters;
pub use tenant::RequestedTenant;

use crate::Gateway;

/// Wraps the operations in the layers of the edge. The outermost stands first. `limited` is false in measurements of
/// what the limits cost, and nowhere else.
pub fn with_edge(gateway: &Arc<Gateway>, operations: Router, limited: bool) -> Router {
    let state = || Arc::clone(gateway);
    // After the caller is known, before a tenant is looked up: guessing tenants costs tokens.
    let limits = limited.then(|| from_fn_with_state(state(), rate_limit::rate_limit));
    let layers = ServiceBuilder::new()
        // First, so that everything after has an id, is counted and is logged, whatever becomes of it. It also
        // fixes the revision that holds for the whole request.
        .layer(from_fn_with_state(state(), observe::observe))
        // A panic below is a fault of ours; it must cost this request alone.
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(observe::answer_panic))
        // One clock for the whole request: nothing below may outlive it.
        .layer(from_fn(deadline::deadline))
        // Before anything reads a header or the path: one canonical path, no header that claims an identity.
        .layer(from_fn(hygiene::hygiene))
        // Who asks decides all that follows.
        .layer(from_fn_with_state(state(), authenticate::authenticate))
        .option_layer(limits)
        // Part of who asks; after the limits, so that guessing purposes costs tokens, too.
        .layer(from_fn(purpose::purpose))
        // Holds whatever the request is about, so that it comes before the tenant and the route.
        .layer(from_fn(preconditions::preconditions))
        .layer(from_fn(tenant::tenant));
    // As a fallback service the layers run before routing, so that they may change the path.
    Router::new().fallback_service(layers.service(operations))
}
