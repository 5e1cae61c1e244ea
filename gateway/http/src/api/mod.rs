//! The NGSI-LD HTTP binding (CIM 009 clause 6). Each operation is a file of [`mod@operations`]: it reads a request into a
//! question, hands it to the federation, and renders the answer; it never speaks to a source. What several of them need
//! stands beside that folder.

mod batch;
mod batch_answer;
mod batch_elements;
mod cache_control;
pub mod command;
mod conditions;
mod cursor;
mod discovery;
mod entity_list;
mod entity_maps;
mod freshness;
mod geo_parameters;
pub mod hints;
mod joining;
mod known_parameters;
mod link_header;
pub mod mentioned;
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
pub mod refused_order;
mod request_body;
mod request_context;
mod respond;
mod scope;
mod surroundings;
mod unknown_parameters;
mod unpacked;
mod updating;
mod writing;
pub mod written;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use http::{HeaderValue, Method, StatusCode, Uri, header};
use kakehashi_running::Gateway;

use crate::edge::Route;
use crate::negotiate::{ACCEPT_PATCH, BodyMediaType};
use crate::problem::{ErrorType, Problem};
use operation::{NotOffered, Offered};
use operations::{Listed, OPERATIONS, offered};
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

/// Says the route's pattern to the log and the metrics, and which preference was applied.
async fn around_operation(request: Request, next: Next) -> Response {
    Route::found(&request);
    if let Err(problem) = conditions::check(&request).and_then(|()| entity_maps::check_header(&request)) {
        return problem.into_response();
    }
    let preferences = Preferences::of(request.headers());
    let mut response = next.run(request).await;
    preferences.say_what_was_applied(&mut response);
    response
}

/// The resource of all entities.
const ENTITIES: &str = "/ngsi-ld/v1/entities";

/// What a resource answers that has no operation of this method: what it has, which is all that OPTIONS wants to know
/// (RFC 9110 sections 9.3.7 and 15.5.6). What is refused by its name is none that it has.
//= 6.3.2-2
async fn method_not_allowed(route: MatchedPath, request: Request) -> Response {
    Route::found(&request);
    let method = request.method();
    let resource = route.as_str();
    let methods = methods_of(|offered| offered.path == resource);
    let allowed = methods.join(", ");
    let mut response = if *method == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else if resource == ENTITIES && [Method::PUT, Method::PATCH].contains(method) {
        // Clauses 5.6.17.4 and 5.6.18.4: what is of one entity, and names none.
        let detail = "the path names no entity: its id follows /entities/";
        Problem::new(ErrorType::BadRequestData, detail).into_response()
    } else {
        let detail = format!("this resource does not know {}; it knows {allowed}", method.as_str());
        Problem::new(ErrorType::MethodNotAllowed, detail).into_response()
    };
    say_what_is_allowed(&mut response, &methods);
    response
}

fn say_what_is_allowed(response: &mut Response, methods: &[&'static str]) {
    if let Ok(allowed) = HeaderValue::try_from(methods.join(", ")) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    if methods.contains(&Method::PATCH.as_str())
        && let Ok(accepted) = HeaderValue::try_from(BodyMediaType::listed(&Method::PATCH))
    {
        response.headers_mut().insert(ACCEPT_PATCH, accepted);
    }
}

/// The methods of these operations. Whatever has GET has HEAD, and everything OPTIONS.
fn methods_of(which: impl Fn(&Offered) -> bool) -> Vec<&'static str> {
    let of = offered().filter(|offered| which(offered));
    let of = of.flat_map(|offered| match offered.method {
        Method::GET => vec!["GET", "HEAD"],
        _ => vec![offered.method.as_str()],
    });
    let mut methods: Vec<&'static str> = of.chain(["OPTIONS"]).collect();
    methods.sort_unstable();
    methods.dedup();
    methods
}

async fn not_found(method: Method, uri: Uri) -> Response {
    // Of the gateway as a whole (RFC 9110 section 9.3.7).
    if method == Method::OPTIONS && uri.path() == "*" {
        let mut response = StatusCode::NO_CONTENT.into_response();
        say_what_is_allowed(&mut response, &methods_of(|_| true));
        return response;
    }
    // The path is the consumer's own text; it is said back, bounded, so that a typing error is seen.
    const SHOWN: usize = 120;
    let path: String = uri.path().chars().take(SHOWN).collect();
    let detail = format!("no resource at {path}; entities are at /ngsi-ld/v1/entities");
    Problem::new(ErrorType::ResourceNotFound, detail).into_response()
}
