//! The NGSI-LD HTTP binding: one module per resource family of CIM 009 clause 6. It parses an operation into a
//! question, hands it to the federation, and renders the answer; it never speaks to a source.

pub mod asked;
mod contexts;
mod entities;
mod entity_list;
mod entity_operations;
mod entity_provision;
mod entity_types;
mod geo_parameters;
mod joining;
mod link_header;
mod not_offered;
mod ordering_parameters;
pub mod parameters;
mod preferences;
mod presentation;
mod query_body;
mod query_by_post;
mod question;
mod request_body;
mod request_context;
mod respond;
mod scope;
mod subscriptions;
mod writing;

use std::sync::Arc;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, patch, post};
use http::{Method, Uri};
use kakehashi_contexts::CONTEXTS_PATH;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use kakehashi_subscriptions::SUBSCRIPTIONS_PATH;

use crate::problem::{ErrorType, Problem};
use preferences::Preferences;

/// What a method of a resource does.
#[derive(Debug, Clone)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with its variables in braces.
    pub path: String,
    /// What the policies are asked about. None at all: it shows no entity and no resource of another consumer.
    pub operation: Option<Operation>,
}

/// A route, and what answers it.
struct Offered {
    route: Route,
    answer: MethodRouter<Arc<Gateway>>,
}

/// Everything that is offered. The router is made of this list and of nothing else, so that a test can go through it.
fn offered() -> Vec<Offered> {
    use Operation::{
        CreateBatch, CreateEntity, CreateSubscription, DeleteBatch, DeleteEntity, DeleteSubscription, QueryEntity,
        QuerySubscription, RetrieveEntity, RetrieveEntityTypes, RetrieveSubscription, UpdateSubscription, UpsertBatch,
    };
    let entities = "/ngsi-ld/v1/entities";
    let entity = "/ngsi-ld/v1/entities/{entityId}";
    let subscription = format!("{SUBSCRIPTIONS_PATH}/{{subscriptionId}}");
    // The identifier may be a URL, whose slashes not every client encodes.
    let context = format!("{CONTEXTS_PATH}/{{*contextId}}");
    vec![
        read(entities, QueryEntity, get(entities::query)),
        write(entities, CreateEntity, post(entity_provision::create)),
        read(entity, RetrieveEntity, get(entities::retrieve)),
        remove(entity, DeleteEntity, delete(entity_provision::delete)),
        write(
            "/ngsi-ld/v1/entityOperations/create",
            CreateBatch,
            post(entity_operations::create),
        ),
        write(
            "/ngsi-ld/v1/entityOperations/upsert",
            UpsertBatch,
            post(entity_operations::upsert),
        ),
        write(
            "/ngsi-ld/v1/entityOperations/delete",
            DeleteBatch,
            post(entity_operations::delete),
        ),
        write(
            "/ngsi-ld/v1/entityOperations/query",
            QueryEntity,
            post(query_by_post::query),
        ),
        read("/ngsi-ld/v1/types", RetrieveEntityTypes, get(entity_types::list)),
        read("/version", None, get(version)),
        read("/statistics", None, get(statistics)),
        read(SUBSCRIPTIONS_PATH, QuerySubscription, get(subscriptions::list)),
        write(SUBSCRIPTIONS_PATH, CreateSubscription, post(subscriptions::create)),
        read(&subscription, RetrieveSubscription, get(subscriptions::retrieve)),
        offer(
            Method::PATCH,
            &subscription,
            UpdateSubscription,
            patch(subscriptions::update),
        ),
        remove(&subscription, DeleteSubscription, delete(subscriptions::delete)),
        read(CONTEXTS_PATH, None, get(contexts::list)),
        write(CONTEXTS_PATH, None, post(contexts::add)),
        remove(CONTEXTS_PATH, None, delete(contexts::delete_without_identifier)),
        read(&context, None, get(contexts::serve)),
        remove(&context, None, delete(contexts::delete)),
    ]
}

fn read(path: &str, operation: impl Into<Option<Operation>>, answer: MethodRouter<Arc<Gateway>>) -> Offered {
    offer(Method::GET, path, operation, answer)
}

fn write(path: &str, operation: impl Into<Option<Operation>>, answer: MethodRouter<Arc<Gateway>>) -> Offered {
    offer(Method::POST, path, operation, answer)
}

fn remove(path: &str, operation: impl Into<Option<Operation>>, answer: MethodRouter<Arc<Gateway>>) -> Offered {
    offer(Method::DELETE, path, operation, answer)
}

fn offer(
    method: Method,
    path: &str,
    operation: impl Into<Option<Operation>>,
    answer: MethodRouter<Arc<Gateway>>,
) -> Offered {
    Offered {
        route: Route {
            method,
            path: path.to_owned(),
            operation: operation.into(),
        },
        answer,
    }
}

/// Every route that is offered, and what the policies are asked about it.
#[must_use]
pub fn routes() -> Vec<Route> {
    offered().into_iter().map(|offered| offered.route).collect()
}

/// The operations, by resource and method.
pub fn operations(gateway: &Arc<Gateway>) -> Router {
    let offered = offered().into_iter().fold(Router::new(), |router, offered| {
        router.route(&offered.route.path, offered.answer)
    });
    not_offered::add_to(offered)
        .route_layer(from_fn(around_operation))
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

/// What clients of Orion ask beside it. How long the gateway has been running is all that it tells everybody.
async fn statistics(State(gateway): State<Arc<Gateway>>) -> Response {
    let body = format!("{{\"uptime_in_secs\":{}}}", gateway.uptime().as_secs());
    ([(http::header::CONTENT_TYPE, "application/json")], body).into_response()
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
