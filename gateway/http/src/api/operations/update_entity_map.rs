//! `PATCH /entityMaps/{entityMapId}`: until when an entity map lives. Nothing else of it is anybody's to change (clause 5.5.14).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::on;
use http::{Method, StatusCode};
use kakehashi_federation::pages::maps::map::EntityMap;
use kakehashi_running::Gateway;
use kakehashi_subscriptions::members_of;
use ngsi_ld::entity::DateTime;
use serde_json::{Map, Value};

use crate::api::entity_maps::{find, id_in_path};
use crate::api::operation::{Content, Offered, Success};
use crate::api::request_body::RequestBody;
use crate::api::scope::Scope;
use crate::api::unknown_parameters::nearest;
use crate::problem::{ErrorType, Problem};

/// `PATCH /entityMaps/{entityMapId}`: updateEntityMap.
pub(super) static OFFERED: Offered = Offered {
    name: "updateEntityMap",
    clause: Some("5.14.2 and 6.32.3.2"),
    method: Method::PATCH,
    path: "/ngsi-ld/v1/entityMaps/{entityMapId}",
    asks: None,
    summary: "let one of your entity maps live for longer or shorter",
    parameters: &[],
    lacks: &[],
    representations: &[],
    body: Some("EntityMapFragment"),
    successes: &[Success {
        status: 204,
        meaning: "It was changed.",
        body: Content::Nothing,
        headers: &[],
    }],
    explained: None,
    route: |method| on(method, answer),
};

/// The members of a map (clause 5.2.39).
const MEMBERS: [&str; 6] = ["id", "type", "expiresAt", "entityMap", "linkedMaps", "@context"];

//= 6.32.3.2-1
async fn answer(
    State(gateway): State<Arc<Gateway>>,
    id: Result<Path<String>, PathRejection>,
    scope: Scope,
    body: Body,
) -> Result<Response, Problem> {
    OFFERED.parameters(scope.uri.query())?;
    let id = id_in_path(id)?;
    let body = RequestBody::read(&OFFERED.method, body, &scope).await?;
    let text = body.bytes().clone();
    let reading = async move { members_of(&text) };
    let members = scope.resources.compute_over(body.bytes().len(), reading).await??;
    body.context(&scope).await?;
    let map = find(&gateway, &scope, &id)?;
    if let Some(expires_at) = read(&map, &members)? {
        gateway.entity_maps.expire_at(&map, expires_at.unix_micros());
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// When the map is to expire; `None`: that stays as it is.
//= 5.2.39-2, 5.5.14-7, 5.14.2.4-3
fn read(map: &EntityMap, members: &Map<String, Value>) -> Result<Option<DateTime>, Problem> {
    let invalid = |detail: String| Err(Problem::new(ErrorType::BadRequestData, detail));
    let mut expires_at = None;
    for (name, value) in members {
        match name.as_str() {
            "type" if value != "EntityMap" => return invalid("member `type`: expected \"EntityMap\"".to_owned()),
            "id" if value != map.id.as_str() => {
                return invalid("member `id`: it is not the id in the path, and no id changes".to_owned());
            }
            "expiresAt" => {
                let read = value.as_str().and_then(|text| DateTime::parse_with_offset(text).ok());
                let Some(read) = read else {
                    let detail = "member `expiresAt`: expected a DateTime, YYYY-MM-DDThh:mm:ss[.ffffff]Z";
                    return invalid(detail.to_owned());
                };
                expires_at = Some(read);
            }
            // Clause 5.2.39: what is output only is ignored.
            "type" | "id" | "entityMap" | "linkedMaps" | "@context" => {}
            name => {
                let hint = match nearest(name, MEMBERS) {
                    Some(near) => format!("; did you mean `{near}`?"),
                    None => String::new(),
                };
                return invalid(format!("member `{name}`: an entity map has no such member{hint}"));
            }
        }
    }
    Ok(expires_at)
}
