//! `GET /subscriptions/{subscriptionId}`: a subscription of whoever asks.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;

use crate::api::known_parameters::SUBSCRIPTION_OPTIONS;
use crate::api::operation::{Content, Offered, Success};
use crate::api::own_subscriptions::{checked_id, find, shown_members, to_json, wants_system_attributes};
use crate::api::respond;
use crate::api::scope::Scope;
use crate::negotiate::MediaType;
use crate::problem::Problem;

/// `GET /subscriptions/{subscriptionId}`: retrieveSubscription.
pub(super) static OFFERED: Offered = Offered {
    name: "retrieveSubscription",
    clause: Some("5.8.3 and 6.11.3.1"),
    method: Method::GET,
    path: "/ngsi-ld/v1/subscriptions/{subscriptionId}",
    asks: Some(Operation::RetrieveSubscription),
    summary: "one of your subscriptions",
    parameters: &[SUBSCRIPTION_OPTIONS],
    lacks: &["via"],
    representations: MediaType::JSON_AND_JSON_LD,
    body: None,
    successes: &[Success {
        status: 200,
        meaning: "The subscription.",
        body: Content::Negotiated("Subscription"),
        headers: &["ETag"],
    }],
    explained: None,
    route: |method| on(method, answer),
};

//= 6.11.3.1-1
async fn answer(
    State(gateway): State<Arc<Gateway>>,
    id: Result<Path<String>, PathRejection>,
    scope: Scope,
) -> Result<Response, Problem> {
    let media_type = OFFERED.negotiate(&scope.headers)?;
    let id = checked_id(id)?;
    let context = scope.context().await?;
    let parameters = OFFERED.parameters(scope.uri.query())?;
    let system_attributes = wants_system_attributes(&parameters)?;
    let entry = find(&gateway, &scope, &id)?;
    let in_body = media_type == MediaType::JsonLd;
    let shown = shown_members(&scope, &entry, &context, in_body, system_attributes);
    Ok(respond::rendered(to_json(&shown)?, media_type, &context, in_body))
}
