//! `POST /entityOperations/upsert`: entities that are created or replaced.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_federation::provide::EntityChange;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;

use crate::api::batch::{CREATED, NOTHING_NEW, SOME_FAILED, entities_in, write_entities};
use crate::api::command::{Command, Written};
use crate::api::known_parameters::UPSERT_OPTIONS;
use crate::api::operation::Offered;
use crate::api::scope::Scope;
use crate::problem::{ErrorType, Problem};

/// `POST /entityOperations/upsert`: upsertBatch.
pub(super) static OFFERED: Offered = Offered {
    name: "upsertBatch",
    clause: Some("5.6.8 and 6.15.3.1"),
    method: Method::POST,
    path: "/ngsi-ld/v1/entityOperations/upsert",
    asks: Some(Operation::UpsertBatch),
    summary: "write entities, whether they are new or not",
    parameters: &[UPSERT_OPTIONS],
    lacks: &["local", "via"],
    representations: &[],
    body: Some("Entities"),
    successes: &[CREATED, NOTHING_NEW, SOME_FAILED],
    explained: Some(explained),
    route: |method| on(method, answer),
};

/// Checks the query part of the URL.
fn check_url(query: Option<&str>) -> Result<(), Problem> {
    match OFFERED.parameters(query)?.text("options")? {
        None | Some("replace") => Ok(()),
        Some("update") => {
            let detail = "parameter `options`: `update` is not offered by this version; `replace` is";
            Err(Problem::new(ErrorType::OperationNotSupported, detail))
        }
        Some(_) => Err(Problem::parameter("options", 0, "expected `replace`")),
    }
}

fn explained(written: &Written<'_>) -> Result<Command, Problem> {
    check_url(written.query)?;
    let entities = written
        .body
        .map(|body| entities_in(body, written.around.context))
        .transpose()?;
    Ok(Command::Write(Operation::UpsertBatch, entities))
}

async fn answer(State(gateway): State<Arc<Gateway>>, scope: Scope, body: Body) -> Result<Response, Problem> {
    check_url(scope.uri.query())?;
    write_entities(&gateway, &scope, body, Operation::UpsertBatch, EntityChange::Put).await
}
