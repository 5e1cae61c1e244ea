//! `POST /entityMaps`: an entity map of what a question in the body finds now, answered by the code of `GET /entityMaps`.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use kakehashi_subscriptions::members_of;

use super::{create_entity_map, query_entity_by_post};
use crate::api::entity_maps::ENTITY_MAPS;
use crate::api::operation::Offered;
use crate::api::request_body::RequestBody;
use crate::api::scope::Scope;
use crate::negotiate::MediaType;
use crate::problem::Problem;

/// `POST /entityMaps`: createEntityMapQueryEntity.
pub(super) static OFFERED: Offered = Offered {
    name: "createEntityMapByPost",
    clause: Some("5.14.4 and 6.34.3.2"),
    method: Method::POST,
    path: ENTITY_MAPS,
    asks: Some(Operation::QueryEntity),
    summary: "the same of a question in a body",
    parameters: query_entity_by_post::PARAMETERS,
    lacks: &["via"],
    representations: MediaType::JSON_AND_JSON_LD,
    body: Some("Query"),
    successes: create_entity_map::ANSWERS,
    explained: Some(query_entity_by_post::explained),
    route: |method| on(method, answer),
};

//= 6.34.3.2-1
async fn answer(State(gateway): State<Arc<Gateway>>, scope: Scope, body: Body) -> Result<Response, Problem> {
    let media_type = OFFERED.negotiate(&scope.headers)?;
    let body = RequestBody::read(&OFFERED.method, body, &scope).await?;
    let text = body.bytes().clone();
    let reading = async move { members_of(&text) };
    let members = scope.resources.compute_over(body.bytes().len(), reading).await??;
    let context = body.context(&scope).await?;
    let around = scope.surroundings(&context, media_type);
    let request = query_entity_by_post::read(scope.uri.query(), &members, &around)?;
    create_entity_map::execute(&gateway, &scope, context, request, media_type).await
}
