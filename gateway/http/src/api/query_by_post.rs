//! `POST /entityOperations/query` (clause 6.23): queryEntity with the question in the body, answered by the code of
//! `GET /entities`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::Method;
use kakehashi_running::Gateway;
use kakehashi_subscriptions::members_of;

use super::request_body::RequestBody;
use super::scope::Scope;
use super::{entities, question};
use crate::negotiate::MediaType;
use crate::problem::Problem;

/// `POST /entityOperations/query`: queryEntity.
pub(super) async fn query(State(gateway): State<Arc<Gateway>>, scope: Scope, body: Body) -> Result<Response, Problem> {
    let media_type = MediaType::negotiate(&scope.headers, true)?;
    let body = RequestBody::read(&Method::POST, body, &scope).await?;
    let text = body.bytes().clone();
    let reading = async move { members_of(&text) };
    let members = scope.resources.compute_over(body.bytes().len(), reading).await??;
    let context = body.context(&scope).await?;
    let around = scope.surroundings(&context, media_type);
    let request = question::posted_request(scope.uri.query(), &members, &around)?;
    entities::answer(&gateway, &scope, context, request).await
}
