//! The NGSI-LD HTTP binding: one module per resource family of CIM 009 clause 6. It parses an operation into a
//! question, hands it to the federation, and renders the answer; it never speaks to a source.

pub(crate) mod asked;
mod contexts;
mod entities;
mod entity_list;
mod entity_operations;
mod entity_provision;
mod entity_types;
mod link_header;
pub mod negotiate;
mod not_offered;
pub mod parameters;
mod preferences;
mod presentation;
pub mod problem;
mod question;
mod request_body;
mod request_context;
mod respond;
mod scope;
mod subscriptions;

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{Method, Uri};

use crate::Gateway;
use crate::contexts::CONTEXTS_PATH;
use crate::subscriptions::SUBSCRIPTIONS_PATH;
use problem::{ErrorType, Problem};

/// The operations, by resource and method.
pub fn operations(gateway: &Arc<Gateway>) -> Router {
    let offered = Router::new()
        .route(
            "/ngsi-ld/v1/entities",
            get(entities::query).post(entity_provision::create),
        )
        .route(
            "/ngsi-ld/v1/entities/{entityId}",
            get(entities::retrieve).delete(entity_provision::delete),
        )
        .route("/ngsi-ld/v1/entityOperations/create", post(entity_operations::create))
        .route("/ngsi-ld/v1/entityOperations/upsert", post(entity_operations::upsert))
        .route("/ngsi-ld/v1/entityOperations/delete", post(entity_operations::delete))
        .route("/ngsi-ld/v1/types", get(entity_types::list))
        .route("/version", get(version))
        .route(SUBSCRIPTIONS_PATH, get(subscriptions::list).post(subscriptions::create))
        .route(
            &format!("{SUBSCRIPTIONS_PATH}/{{subscriptionId}}"),
            get(subscriptions::retrieve)
                .patch(subscriptions::update)
                .delete(subscriptions::delete),
        )
        .route(
            CONTEXTS_PATH,
            get(contexts::list)
                .post(contexts::add)
                .delete(contexts::delete_without_identifier),
        )
        // The identifier may be a URL, whose slashes not every client encodes.
        .route(
            &format!("{CONTEXTS_PATH}/{{*contextId}}"),
            get(contexts::serve).delete(contexts::delete),
        );
    not_offered::add_to(offered)
        .route_layer(from_fn(name_route))
        .route_layer(from_fn(preferences::say_what_was_applied))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(not_found)
        .with_state(Arc::clone(gateway))
}

/// What many NGSI clients ask first, to see whether anybody answers.
async fn version() -> Response {
    let body = concat!(
        "{\"name\":\"Kakehashi\",\"version\":\"",
        env!("CARGO_PKG_VERSION"),
        "\"}"
    );
    ([(http::header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Leaves the route's pattern with the response, for the log and the metrics.
async fn name_route(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
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
