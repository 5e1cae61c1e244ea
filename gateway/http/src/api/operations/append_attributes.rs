//! `POST /entities/{entityId}/attrs`: attributes for an entity that is there.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use ngsi_ld::entity::parse::parse_additions;
use ngsi_ld::update::Update;

use crate::api::known_parameters::{LOCAL_WRITE, NO_OVERWRITE, TYPE_OF_ONE};
use crate::api::operation::Offered;
use crate::api::request_body::RequestBody;
use crate::api::scope::Scope;
use crate::api::updating::{SOME_LEFT, Target, UPDATED, explained, overwrites, update};
use crate::problem::Problem;

/// `POST /entities/{entityId}/attrs`: appendAttrs.
pub(super) static OFFERED: Offered = Offered {
    name: "appendAttrs",
    clause: Some("5.6.3 and 6.6.3.1"),
    method: Method::POST,
    path: "/ngsi-ld/v1/entities/{entityId}/attrs",
    asks: Some(Operation::AppendAttrs),
    summary: "add attributes to an entity, or replace those that are there",
    parameters: &[TYPE_OF_ONE, NO_OVERWRITE, LOCAL_WRITE],
    lacks: &["via"],
    representations: &[],
    body: Some("EntityFragment"),
    successes: &[UPDATED, SOME_LEFT],
    explained: Some(|written| {
        overwrites(&OFFERED.parameters(written.query)?)?;
        explained(&OFFERED, Operation::AppendAttrs, written)
    }),
    route: |method| on(method, answer),
};

//= 5.6.3.4-5, 6.6.3.1-1
async fn answer(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    scope: Scope,
    body: Body,
) -> Result<Response, Problem> {
    let parameters = OFFERED.parameters(scope.uri.query())?;
    let overwrite = overwrites(&parameters)?;
    let body = RequestBody::read(&OFFERED.method, body, &scope).await?;
    let (fragment, context) = body.read_as(&scope, parse_additions).await?;
    let target = Target::read(&id, &parameters, &context.context)?;
    target.check_is_of(fragment.id.as_ref())?;
    let append = Update::Append { fragment, overwrite };
    update(&gateway, &scope, Operation::AppendAttrs, target, append).await
}
