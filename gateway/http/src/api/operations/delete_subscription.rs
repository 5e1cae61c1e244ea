//! `DELETE /subscriptions/{subscriptionId}`: a subscription ends.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::on;
use http::{Method, StatusCode};
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;

use crate::api::operation::{Content, Offered, Success};
use crate::api::own_subscriptions::{checked_id, find};
use crate::api::scope::Scope;
use crate::problem::Problem;

/// `DELETE /subscriptions/{subscriptionId}`: deleteSubscription.
pub(super) static OFFERED: Offered = Offered {
    name: "deleteSubscription",
    clause: Some("5.8.5 and 6.11.3.3"),
    method: Method::DELETE,
    path: "/ngsi-ld/v1/subscriptions/{subscriptionId}",
    asks: Some(Operation::DeleteSubscription),
    summary: "end one of your subscriptions",
    parameters: &[],
    lacks: &["local", "via"],
    representations: &[],
    body: None,
    successes: &[Success {
        status: 204,
        meaning: "It was ended.",
        body: Content::Nothing,
        headers: &[],
    }],
    explained: None,
    route: |method| on(method, answer),
};

//= 6.11.3.3-1
async fn answer(
    State(gateway): State<Arc<Gateway>>,
    id: Result<Path<String>, PathRejection>,
    scope: Scope,
) -> Result<Response, Problem> {
    OFFERED.parameters(scope.uri.query())?;
    let id = checked_id(id)?;
    let change = gateway.subscriptions.change(&scope.caller.0.id).await;
    let entry = find(&gateway, &scope, &id)?;
    gateway.subscriptions.delete(change, &entry).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
