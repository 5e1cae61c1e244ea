//! `POST /entityOperations/update`: attributes for entities that are there.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use ngsi_ld::entity::parse::parse_additions;
use ngsi_ld::update::Update;

use crate::api::batch::{NOTHING_NEW, SOME_FAILED, update_entities};
use crate::api::known_parameters::{LOCAL_WRITE, NO_OVERWRITE};
use crate::api::operation::Offered;
use crate::api::scope::Scope;
use crate::api::updating::{explained, overwrites};
use crate::problem::Problem;

/// `POST /entityOperations/update`: updateBatch.
pub(super) static OFFERED: Offered = Offered {
    name: "updateBatch",
    clause: Some("5.6.9 and 6.16.3.1"),
    method: Method::POST,
    path: "/ngsi-ld/v1/entityOperations/update",
    asks: Some(Operation::UpdateBatch),
    summary: "add attributes to entities, or replace those that are there",
    parameters: &[NO_OVERWRITE, LOCAL_WRITE],
    lacks: &["via"],
    representations: &[],
    body: Some("EntityFragments"),
    successes: &[NOTHING_NEW, SOME_FAILED],
    explained: Some(|written| {
        overwrites(&OFFERED.parameters(written.query)?)?;
        explained(&OFFERED, Operation::UpdateBatch, written)
    }),
    route: |method| on(method, answer),
};

//= 5.6.9.3-1, 6.16.3.1-1, 6.16.3.1-2
async fn answer(State(gateway): State<Arc<Gateway>>, scope: Scope, body: Body) -> Result<Response, Problem> {
    let overwrite = overwrites(&OFFERED.parameters(scope.uri.query())?)?;
    let append = move |fragment| Update::Append { fragment, overwrite };
    update_entities(&gateway, &scope, body, Operation::UpdateBatch, parse_additions, append).await
}
