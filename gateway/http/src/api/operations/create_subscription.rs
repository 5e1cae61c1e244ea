//! `POST /subscriptions`: a new subscription.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::on;
use http::{Method, StatusCode, header};
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use kakehashi_subscriptions::definition::Subscription;
use kakehashi_subscriptions::{CannotStore, now};

use crate::api::operation::{Content, Offered, Success};
use crate::api::own_subscriptions::{check, key, maker, read_body, set_context};
use crate::api::respond::location;
use crate::api::scope::Scope;
use crate::problem::Problem;

/// `POST /subscriptions`: createSubscription.
pub(super) static OFFERED: Offered = Offered {
    name: "createSubscription",
    clause: Some("5.8.1 and 6.10.3.1"),
    method: Method::POST,
    path: "/ngsi-ld/v1/subscriptions",
    asks: Some(Operation::CreateSubscription),
    summary: "ask to be told of changes",
    parameters: &[],
    lacks: &["local", "via"],
    representations: &[],
    body: Some("Subscription"),
    successes: &[Success {
        status: 201,
        meaning: "It was made.",
        body: Content::Nothing,
        headers: &["Location"],
    }],
    explained: None,
    route: |method| on(method, answer),
};

//= 5.8.1.4-2, 5.8.1.4-3, 6.10.3.1-1, 6.10.3.1-2
async fn answer(State(gateway): State<Arc<Gateway>>, scope: Scope, body: Body) -> Result<Response, Problem> {
    OFFERED.parameters(scope.uri.query())?;
    gateway.subscriptions.loaded()?;
    let (members, context) = read_body(OFFERED.method.clone(), body, &scope).await?;
    let generated = format!("urn:ngsi-ld:Subscription:{:032x}", rand::random::<u128>());
    let mut subscription = Subscription::create(&members, &context.context, generated, &now())?;
    check(&gateway, &scope, &subscription, Operation::CreateSubscription)?;
    let key = key(&scope, &subscription.id);
    if gateway.subscriptions.get(&key).is_some() {
        return Err(CannotStore::Exists.into());
    }
    set_context(&scope, &mut subscription, &context).await?;
    let maker = maker(&scope);
    let subscriptions = &gateway.subscriptions;
    // Two at once must not both take what the limits leave.
    let change = subscriptions.change(&key.owner).await;
    subscriptions.check_rate(&scope.caller.0, &key, &subscription)?;
    subscriptions.add(change, key.clone(), maker, subscription).await?;
    let mut response = StatusCode::CREATED.into_response();
    if let Some(location) = location(OFFERED.path, &key.id) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}
