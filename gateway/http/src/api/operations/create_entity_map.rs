//! `GET /entityMaps`: an entity map of what a question finds now.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::routing::on;
use http::{Method, StatusCode};
use kakehashi_contexts::RequestContext;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;

use super::query_entity;
use crate::api::command::Written;
use crate::api::entity_maps::{self, ENTITY_MAPS};
use crate::api::freshness;
use crate::api::operation::{Content, Offered, Success};
use crate::api::question::QueryRequest;
use crate::api::respond;
use crate::api::scope::Scope;
use crate::negotiate::MediaType;
use crate::problem::{ErrorType, Problem};

/// `GET /entityMaps`: createEntityMapQueryEntity.
//= 5.14.4.3-1, 5.14.4.3-3
pub(super) static OFFERED: Offered = Offered {
    name: "createEntityMap",
    clause: Some("5.14.4 and 6.34.3.1"),
    method: Method::GET,
    path: ENTITY_MAPS,
    asks: Some(Operation::QueryEntity),
    summary: "an entity map of what a question finds",
    // What says how entities are shown, and which page, is taken and changes nothing (clause 5.14.4.3).
    parameters: query_entity::PARAMETERS_OF_A_MAP,
    lacks: &["via"],
    representations: MediaType::JSON_AND_JSON_LD,
    body: None,
    successes: ANSWERS,
    explained: Some(|written: &Written<'_>| {
        let request = query_entity::read(written.query, &written.around)?;
        Ok(query_entity::command(request))
    }),
    route: |method| on(method, answer),
};

/// What is answered, however it was asked.
pub(super) const ANSWERS: &[Success] = &[Success {
    status: 201,
    meaning: "The entity map.",
    body: Content::Negotiated("EntityMap"),
    headers: &["NGSILD-EntityMap", "NGSILD-Warning", "Age"],
}];

//= 5.14.4.4-1, 5.14.4.4-2, 5.14.4.4-5, 5.14.4.4-6, 6.34.3.1-1
async fn answer(State(gateway): State<Arc<Gateway>>, scope: Scope) -> Result<Response, Problem> {
    let media_type = OFFERED.negotiate(&scope.headers)?;
    let names = scope.uri.query().unwrap_or_default().split('&');
    if names
        .filter_map(|pair| pair.split('=').next())
        .any(|name| name == "cursor")
    {
        // Whatever else stands there, or does not.
        return Err(no_cursor());
    }
    let context = scope.context().await?;
    let request = query_entity::read(scope.uri.query(), &scope.surroundings(&context, media_type))?;
    execute(&gateway, &scope, context, request, media_type).await
}

fn no_cursor() -> Problem {
    let detail =
        "parameter `cursor`: it leads to a page of a list, and what is made here is an entity map; leave it out";
    Problem::new(ErrorType::InvalidRequest, detail)
}

/// The map of a question, however it was asked. What CIM 009 lets stand here changes nothing; a cursor is none of that.
//= 5.14.4.5-1
pub(super) async fn execute(
    gateway: &Gateway,
    scope: &Scope,
    context: RequestContext,
    request: QueryRequest,
    media_type: MediaType,
) -> Result<Response, Problem> {
    if request.cursor.is_some() {
        return Err(no_cursor());
    }
    let asker = scope.asker(Operation::QueryEntity);
    let gathering = scope.gathering(gateway);
    let (question, wish) = (Arc::new(request.question), request.map);
    let making = entity_maps::make(&question, &wish, gateway, scope, &asker, &gathering);
    let made = Box::pin(making).await?;
    let mut response = entity_maps::shown(&made.map, media_type, &context, scope).await?;
    *response.status_mut() = StatusCode::CREATED;
    entity_maps::tell(&mut response, &made.map);
    respond::add_warnings(&mut response, &made.warnings, &scope.revision.config);
    freshness::say(&mut response, &gathering.call.freshness);
    Ok(response)
}
