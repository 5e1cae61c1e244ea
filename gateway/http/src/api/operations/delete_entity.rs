//! `DELETE /entities/{entityId}`: an entity goes.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::on;
use http::{Method, StatusCode};
use kakehashi_federation::provide::{EntityChange, EntityChanged};
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use ngsi_ld::EntityId;
use ngsi_ld::context::Context;
use ngsi_ld::query::TypeSelection;

use crate::api::batch::{SOME_PARTS, partly};
use crate::api::command::{Command, Written};
use crate::api::known_parameters::{LOCAL_WRITE, TYPE_OF_ONE};
use crate::api::operation::{Content, Offered, Success};
use crate::api::parameters::Parameters;
use crate::api::question::{entity_id, types};
use crate::api::scope::Scope;
use crate::api::writing::write_one;
use crate::problem::Problem;

/// `DELETE /entities/{entityId}`: deleteEntity.
pub(super) static OFFERED: Offered = Offered {
    name: "deleteEntity",
    clause: Some("5.6.6 and 6.5.3.2"),
    method: Method::DELETE,
    path: "/ngsi-ld/v1/entities/{entityId}",
    asks: Some(Operation::DeleteEntity),
    summary: "delete an entity",
    parameters: &[TYPE_OF_ONE, LOCAL_WRITE],
    lacks: &["via"],
    representations: &[],
    body: None,
    successes: &[
        Success {
            status: 204,
            meaning: "It was deleted.",
            body: Content::Nothing,
            headers: &[],
        },
        SOME_PARTS,
    ],
    explained: Some(|written: &Written<'_>| {
        let (_, parameters) = read(written.id, written.query)?;
        let types = selected(&parameters, written.around.context)?;
        Ok(Command::Delete(Operation::DeleteEntity, types))
    }),
    route: |method| on(method, answer),
};

/// Reads the URL.
fn read<'a>(id: &str, query: Option<&'a str>) -> Result<(EntityId, Parameters<'a>), Problem> {
    let parameters = OFFERED.parameters(query)?;
    Ok((entity_id(id)?, parameters))
}

/// The types that it must have. None: any.
fn selected(parameters: &Parameters<'_>, context: &Context) -> Result<Option<TypeSelection>, Problem> {
    Ok(types(parameters, context)?.0)
}

//= 5.6.6.4-4, 6.5.3.2-1
async fn answer(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    scope: Scope,
) -> Result<Response, Problem> {
    let (id, parameters) = read(&id, scope.uri.query())?;
    let types = match parameters.text("type")? {
        // There is no name that an @context would have to be had for.
        None | Some("*") => None,
        Some(_) => selected(&parameters, &scope.context().await?.context)?,
    };
    let change = EntityChange::Delete { id: id.clone(), types };
    match write_one(&gateway, &scope, Operation::DeleteEntity, change).await? {
        EntityChanged::Partly(parts) => partly(&id, parts, &scope).await,
        _ => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}
