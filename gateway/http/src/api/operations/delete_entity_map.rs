//! `DELETE /entityMaps/{entityMapId}`: an entity map ends.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::on;
use http::{Method, StatusCode};
use kakehashi_running::Gateway;

use crate::api::entity_maps::{id_in_path, no_such_map, owner};
use crate::api::operation::{Content, Offered, Success};
use crate::api::scope::Scope;
use crate::problem::Problem;

/// `DELETE /entityMaps/{entityMapId}`: deleteEntityMap.
pub(super) static OFFERED: Offered = Offered {
    name: "deleteEntityMap",
    clause: Some("5.14.3 and 6.32.3.3"),
    method: Method::DELETE,
    path: "/ngsi-ld/v1/entityMaps/{entityMapId}",
    asks: None,
    summary: "end one of your entity maps",
    parameters: &[],
    lacks: &[],
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

//= 6.32.3.3-1
async fn answer(
    State(gateway): State<Arc<Gateway>>,
    id: Result<Path<String>, PathRejection>,
    scope: Scope,
) -> Result<Response, Problem> {
    OFFERED.parameters(scope.uri.query())?;
    let id = id_in_path(id)?;
    match gateway.entity_maps.remove(&id, &owner(&scope)) {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(no_such_map()),
    }
}
