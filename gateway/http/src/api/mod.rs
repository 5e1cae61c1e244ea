//! The NGSI-LD HTTP binding (CIM 009 clause 6). Each operation is a file of [`mod@operations`]: it reads a request into a
//! question, hands it to the federation, and renders the answer; it never speaks to a source. What several of them need
//! stands beside that folder.

mod batch;
mod cache_control;
pub mod command;
mod cursor;
mod entity_list;
mod freshness;
mod geo_parameters;
mod joining;
mod known_parameters;
mod link_header;
mod not_offered;
mod openapi;
pub mod operation;
pub mod operations;
mod ordering_parameters;
mod own_contexts;
mod own_subscriptions;
mod parameters;
mod preferences;
mod presentation;
mod query_body;
mod question;
mod request_body;
mod request_context;
mod respond;
mod scope;
mod surroundings;
mod writing;
pub mod written;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use http::{Method, Uri};
use kakehashi_running::Gateway;

use crate::problem::{ErrorType, Problem};
use operation::NotOffered;
use operations::{Listed, OPERATIONS};
use preferences::Preferences;
use scope::Scope;

/// The operations, by resource and method.
///
/// # Panics
/// When two operations of the list have one route, which a test looks for.
pub fn operations(gateway: &Arc<Gateway>) -> Router {
    OPERATIONS
        .iter()
        .fold(Router::new(), add)
        .route_layer(from_fn(around_operation))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .with_state(Arc::clone(gateway))
}

/// Adds an operation to the routes.
fn add(router: Router<Arc<Gateway>>, listed: &'static Listed) -> Router<Arc<Gateway>> {
    let (method, path) = match listed {
        Listed::Offered(operation) => (&operation.method, operation.path),
        Listed::NotOffered(operation) => (&operation.method, operation.path),
    };
    let Ok(method) = MethodFilter::try_from(method.clone()) else {
        return router;
    };
    let answer = match listed {
        Listed::Offered(operation) => (operation.route)(method),
        Listed::NotOffered(operation) => on(method, refusing(operation)),
    };
    router.route(path, answer)
}

/// What answers an operation that is not offered.
fn refusing(
    operation: &'static NotOffered,
) -> impl Fn(Scope, Body) -> futures::future::BoxFuture<'static, Problem> + Clone + Send + Sync {
    move |scope, body| Box::pin(not_offered::refuse(operation, scope, body))
}

/// Leaves the route's pattern with the response, for the log and the metrics, and says which preference was applied.
async fn around_operation(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let preferences = Preferences::of(request.headers());
    let mut response = next.run(request).await;
    preferences.say_what_was_applied(&mut response);
    if let Some(route) = route {
        response.extensions_mut().insert(route);
    }
    response
}

async fn method_not_allowed(method: Method) -> Response {
    // axum adds the Allow header that RFC 9110 asks for.
    let detail = format!("this resource does not know {}", method.as_str());
    Problem::new(ErrorType::MethodNotAllowed, detail).into_response()
}

async fn not_found(uri: Uri) -> Response {
    // The path is the consumer's own text; it is said back, bounded, so that a typing error is seen.
    const SHOWN: usize = 120;
    let path: String = uri.path().chars().take(SHOWN).collect();
    let detail = format!("no resource at {path}; entities are at /ngsi-ld/v1/entities");
    Problem::new(ErrorType::ResourceNotFound, detail).into_response()
}
