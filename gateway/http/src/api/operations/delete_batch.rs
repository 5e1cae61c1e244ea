//! `POST /entityOperations/delete`: entities go.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;

use crate::api::batch::{NOTHING_NEW, SOME_FAILED, check_ids, delete_entities};
use crate::api::command::{Command, Written};
use crate::api::known_parameters::LOCAL_WRITE;
use crate::api::operation::Offered;
use crate::api::scope::Scope;
use crate::problem::Problem;

/// `POST /entityOperations/delete`: deleteBatch.
pub(super) static OFFERED: Offered = Offered {
    name: "deleteBatch",
    clause: Some("5.6.10 and 6.17.3.1"),
    method: Method::POST,
    path: "/ngsi-ld/v1/entityOperations/delete",
    asks: Some(Operation::DeleteBatch),
    summary: "delete entities",
    parameters: &[LOCAL_WRITE],
    lacks: &["via"],
    representations: &[],
    body: Some("Ids"),
    successes: &[NOTHING_NEW, SOME_FAILED],
    explained: Some(explained),
    route: |method| on(method, answer),
};

fn explained(written: &Written<'_>) -> Result<Command, Problem> {
    OFFERED.parameters(written.query)?;
    // Which types they are of, only the store knows.
    written.body.map(check_ids).transpose()?;
    Ok(Command::Delete(Operation::DeleteBatch, None))
}

//= 6.17.3.1-1
async fn answer(State(gateway): State<Arc<Gateway>>, scope: Scope, body: Body) -> Result<Response, Problem> {
    OFFERED.parameters(scope.uri.query())?;
    delete_entities(&gateway, &scope, body, Operation::DeleteBatch).await
}
