//! `POST /entityOperations/create`: new entities.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_federation::provide::EntityChange;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;

use crate::api::batch::{CREATED, SOME_FAILED, entities_in, write_entities};
use crate::api::command::{Command, Written};
use crate::api::known_parameters::LOCAL_WRITE;
use crate::api::operation::Offered;
use crate::api::scope::Scope;
use crate::problem::Problem;

/// `POST /entityOperations/create`: createBatch.
pub(super) static OFFERED: Offered = Offered {
    name: "createBatch",
    clause: Some("5.6.7 and 6.14.3.1"),
    method: Method::POST,
    path: "/ngsi-ld/v1/entityOperations/create",
    asks: Some(Operation::CreateBatch),
    summary: "write new entities",
    parameters: &[LOCAL_WRITE],
    lacks: &["via"],
    representations: &[],
    body: Some("Entities"),
    successes: &[CREATED, SOME_FAILED],
    explained: Some(explained),
    route: |method| on(method, answer),
};

fn explained(written: &Written<'_>) -> Result<Command, Problem> {
    OFFERED.parameters(written.query)?;
    let entities = written
        .body
        .map(|body| entities_in(body, written.around.context))
        .transpose()?;
    Ok(Command::Write(Operation::CreateBatch, entities))
}

//= 5.6.7.4-2, 6.14.3.1-1
async fn answer(State(gateway): State<Arc<Gateway>>, scope: Scope, body: Body) -> Result<Response, Problem> {
    OFFERED.parameters(scope.uri.query())?;
    write_entities(&gateway, &scope, body, Operation::CreateBatch, EntityChange::Create).await
}
