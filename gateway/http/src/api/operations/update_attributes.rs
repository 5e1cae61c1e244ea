//! `PATCH /entities/{entityId}/attrs`: attributes of an entity that change.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use ngsi_ld::entity::parse::{FragmentUse, parse_fragment};
use ngsi_ld::update::Update;

use crate::api::known_parameters::{LOCAL_WRITE, TYPE_OF_ONE};
use crate::api::operation::Offered;
use crate::api::request_body::RequestBody;
use crate::api::scope::Scope;
use crate::api::updating::{SOME_LEFT, Target, UPDATED, explained, update};
use crate::problem::Problem;

/// `PATCH /entities/{entityId}/attrs`: updateEntity.
pub(super) static OFFERED: Offered = Offered {
    name: "updateEntity",
    clause: Some("5.6.2 and 6.6.3.2"),
    method: Method::PATCH,
    path: "/ngsi-ld/v1/entities/{entityId}/attrs",
    asks: Some(Operation::UpdateEntity),
    summary: "replace attributes of an entity, add those that are not there, remove those that are null",
    parameters: &[TYPE_OF_ONE, LOCAL_WRITE],
    lacks: &["via"],
    representations: &[],
    body: Some("EntityFragment"),
    successes: &[UPDATED, SOME_LEFT],
    explained: Some(|written| explained(&OFFERED, Operation::UpdateEntity, written)),
    route: |method| on(method, answer),
};

//= 6.6.3.2-1
async fn answer(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    scope: Scope,
    body: Body,
) -> Result<Response, Problem> {
    let parameters = OFFERED.parameters(scope.uri.query())?;
    let body = RequestBody::read(&OFFERED.method, body, &scope).await?;
    let read = |json: &[u8], names: &ngsi_ld::context::Context| parse_fragment(json, names, FragmentUse::Update);
    let (fragment, context) = body.read_as(&scope, read).await?;
    let target = Target::read(&id, &parameters, &context.context)?;
    target.check_is_of(fragment.id.as_ref())?;
    let attributes = Update::Attributes(fragment);
    update(&gateway, &scope, Operation::UpdateEntity, target, attributes).await
}
