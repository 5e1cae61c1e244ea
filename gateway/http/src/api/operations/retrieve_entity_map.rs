//! `GET /entityMaps/{entityMapId}`: an entity map of whoever asks.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_federation::pages::maps::making;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;

use crate::api::entity_maps::{find, id_in_path, problem, shown};
use crate::api::operation::{Content, Offered, Success};
use crate::api::respond;
use crate::api::scope::Scope;
use crate::negotiate::MediaType;
use crate::problem::Problem;

/// `GET /entityMaps/{entityMapId}`: retrieveEntityMap.
pub(super) static OFFERED: Offered = Offered {
    name: "retrieveEntityMap",
    clause: Some("5.14.1 and 6.32.3.1"),
    method: Method::GET,
    path: "/ngsi-ld/v1/entityMaps/{entityMapId}",
    asks: Some(Operation::QueryEntity),
    summary: "one of your entity maps",
    parameters: &[],
    lacks: &[],
    representations: MediaType::JSON_AND_JSON_LD,
    body: None,
    successes: &[Success {
        status: 200,
        meaning: "The entity map, with what is left of it.",
        body: Content::Negotiated("EntityMap"),
        headers: &["ETag", "NGSILD-Warning"],
    }],
    explained: None,
    route: |method| on(method, answer),
};

//= 6.32.3.1-1
async fn answer(
    State(gateway): State<Arc<Gateway>>,
    id: Result<Path<String>, PathRejection>,
    scope: Scope,
) -> Result<Response, Problem> {
    let media_type = OFFERED.negotiate(&scope.headers)?;
    OFFERED.parameters(scope.uri.query())?;
    let id = id_in_path(id)?;
    let context = scope.context().await?;
    let map = find(&gateway, &scope, &id)?;
    let asker = scope.asker(Operation::QueryEntity);
    let gathering = scope.gathering(&gateway);
    let rules = scope.revision.config.revision.as_str();
    // What is not granted any more is not listed any more, whatever was told before.
    let narrowing = Box::pin(making::narrow(&map, rules, &asker, &gathering)).await;
    narrowing.map_err(|no_map| problem(no_map, map.question(), &asker))?;
    let mut response = shown(&map, media_type, &context, &scope).await?;
    respond::add_warnings(&mut response, map.lacks(), &scope.revision.config);
    Ok(response)
}
