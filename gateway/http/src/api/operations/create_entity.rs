//! `POST /entities`: a new entity.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::on;
use http::{Method, StatusCode, header};
use kakehashi_federation::provide::{EntityChange, EntityChanged};
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;

use crate::api::batch::{SOME_PARTS, partly};
use crate::api::command::{Command, ToWrite, Written};
use crate::api::known_parameters::LOCAL_WRITE;
use crate::api::operation::{Content, Offered, Success};
use crate::api::request_body::{RequestBody, entity_in};
use crate::api::respond::location;
use crate::api::scope::Scope;
use crate::api::writing::write_one;
use crate::problem::Problem;

/// `POST /entities`: createEntity.
pub(super) static OFFERED: Offered = Offered {
    name: "createEntity",
    clause: Some("5.6.1 and 6.4.3.1"),
    method: Method::POST,
    path: "/ngsi-ld/v1/entities",
    asks: Some(Operation::CreateEntity),
    summary: "write a new entity",
    parameters: &[LOCAL_WRITE],
    lacks: &["via"],
    representations: &[],
    body: Some("Entity"),
    successes: &[
        Success {
            status: 201,
            meaning: "It was written.",
            body: Content::Nothing,
            headers: &["Location"],
        },
        Success {
            headers: &["Location"],
            ..SOME_PARTS
        },
    ],
    explained: Some(explained),
    route: |method| on(method, answer),
};

fn explained(written: &Written<'_>) -> Result<Command, Problem> {
    OFFERED.parameters(written.query)?;
    let entity = written
        .body
        .map(|body| entity_in(body, written.around.context))
        .transpose()?;
    let to_write = entity.map(|entity| {
        vec![ToWrite {
            id: entity.id.as_str().to_owned(),
            entity: Ok(entity),
        }]
    });
    Ok(Command::Write(Operation::CreateEntity, to_write))
}

//= 5.6.1.4-1, 6.4.3.1-1, 6.4.3.1-3
async fn answer(State(gateway): State<Arc<Gateway>>, scope: Scope, body: Body) -> Result<Response, Problem> {
    OFFERED.parameters(scope.uri.query())?;
    let body = RequestBody::read(&OFFERED.method, body, &scope).await?;
    let entity = body.entity(&scope).await?;
    let id = entity.id.clone();
    let change = EntityChange::Create(entity);
    let mut response = match write_one(&gateway, &scope, Operation::CreateEntity, change).await? {
        EntityChanged::Partly(parts) => partly(&id, parts, &scope).await?,
        _ => StatusCode::CREATED.into_response(),
    };
    if let Some(location) = location(OFFERED.path, id.as_str()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}
