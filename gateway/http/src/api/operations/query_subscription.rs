//! `GET /subscriptions`: the subscriptions of whoever asks.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use serde_json::Value;

use crate::api::known_parameters::{COUNT, LIMIT, OFFSET, SUBSCRIPTION_OPTIONS};
use crate::api::operation::{Content, Offered, Success};
use crate::api::own_subscriptions::{shown_members, to_json, wants_system_attributes};
use crate::api::scope::Scope;
use crate::api::{question, respond};
use crate::negotiate::MediaType;
use crate::problem::Problem;

/// `GET /subscriptions`: querySubscription.
pub(super) static OFFERED: Offered = Offered {
    name: "querySubscription",
    clause: Some("5.8.4 and 6.10.3.2"),
    method: Method::GET,
    path: "/ngsi-ld/v1/subscriptions",
    asks: Some(Operation::QuerySubscription),
    summary: "your subscriptions",
    parameters: &[LIMIT, OFFSET, COUNT, SUBSCRIPTION_OPTIONS],
    lacks: &["via"],
    representations: MediaType::JSON_AND_JSON_LD,
    body: None,
    successes: &[Success {
        status: 200,
        meaning: "The subscriptions of the page.",
        body: Content::Negotiated("Subscriptions"),
        headers: &["ETag", "NGSILD-Results-Count", "Link"],
    }],
    explained: None,
    route: |method| on(method, answer),
};

//= 4.12-1, 5.8.4.4-1, 5.8.4.4-2, 6.10.3.2-1
async fn answer(State(gateway): State<Arc<Gateway>>, scope: Scope) -> Result<Response, Problem> {
    let media_type = OFFERED.negotiate(&scope.headers)?;
    let context = scope.context().await?;
    let parameters = OFFERED.parameters(scope.uri.query())?;
    let system_attributes = wants_system_attributes(&parameters)?;
    let (page, count) = question::page(&parameters, &scope.surroundings(&context, media_type))?;
    gateway.subscriptions.loaded()?;
    let all = gateway.subscriptions.list(&scope.caller.0.id, scope.tenant.as_ref());
    let in_body = media_type == MediaType::JsonLd;
    let shown = all.iter().skip(page.offset).take(page.limit);
    let shown: Vec<Value> = shown
        .map(|entry| shown_members(&scope, entry, &context, in_body, system_attributes))
        .collect();
    let more = page.limit > 0 && page.offset.saturating_add(shown.len()) < all.len();
    let mut response = respond::rendered(to_json(&Value::Array(shown))?, media_type, &context, in_body);
    respond::add_count(&mut response, count.then_some(all.len() as u64));
    let (path, query) = (scope.uri.path(), scope.uri.query().unwrap_or_default());
    let next = respond::NextPage::of(more, None, None);
    respond::add_page_links(&mut response, path, query, page, next, media_type);
    Ok(response)
}
