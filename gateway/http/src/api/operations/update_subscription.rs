//! `PATCH /subscriptions/{subscriptionId}`: a subscription changes.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::on;
use http::{Method, StatusCode};
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use kakehashi_subscriptions::now;

use crate::api::operation::{Content, Offered, Success};
use crate::api::own_subscriptions::{check, checked_id, find, read_body, set_context};
use crate::api::scope::Scope;
use crate::problem::Problem;

/// `PATCH /subscriptions/{subscriptionId}`: updateSubscription.
pub(super) static OFFERED: Offered = Offered {
    name: "updateSubscription",
    clause: Some("5.8.2 and 6.11.3.2"),
    method: Method::PATCH,
    path: "/ngsi-ld/v1/subscriptions/{subscriptionId}",
    asks: Some(Operation::UpdateSubscription),
    summary: "change one of your subscriptions",
    parameters: &[],
    lacks: &["local", "via"],
    representations: &[],
    body: Some("SubscriptionFragment"),
    successes: &[Success {
        status: 204,
        meaning: "It was changed.",
        body: Content::Nothing,
        headers: &[],
    }],
    explained: None,
    route: |method| on(method, answer),
};

//= 5.8.2.4-4, 6.11.3.2-1
async fn answer(
    State(gateway): State<Arc<Gateway>>,
    id: Result<Path<String>, PathRejection>,
    scope: Scope,
    body: Body,
) -> Result<Response, Problem> {
    OFFERED.parameters(scope.uri.query())?;
    let id = checked_id(id)?;
    let (members, context) = read_body(OFFERED.method.clone(), body, &scope).await?;
    // Two changes at once must not undo each other.
    let change = gateway.subscriptions.change(&scope.caller.0.id).await;
    let entry = find(&gateway, &scope, &id)?;
    let mut subscription = entry.subscription.patched(&members, &context.context, &now())?;
    check(&gateway, &scope, &subscription, Operation::UpdateSubscription)?;
    if members.contains_key("jsonldContext") {
        set_context(&scope, &mut subscription, &context).await?;
    }
    let subscriptions = &gateway.subscriptions;
    subscriptions.check_rate(&scope.caller.0, &entry.key, &subscription)?;
    subscriptions
        .replace(change, &entry, scope.proof.clone(), subscription)
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
