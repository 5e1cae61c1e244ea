//! `PUT /entities/{entityId}`: another entity in the place of the one that is there.

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

use crate::api::batch::SOME_PARTS;
use crate::api::known_parameters::{LOCAL_WRITE, TYPE_OF_ONE};
use crate::api::operation::Offered;
use crate::api::request_body::RequestBody;
use crate::api::scope::Scope;
use crate::api::updating::{Target, UPDATED, explained, update};
use crate::problem::Problem;

/// `PUT /entities/{entityId}`: replaceEntity.
pub(super) static OFFERED: Offered = Offered {
    name: "replaceEntity",
    clause: Some("5.6.18 and 6.5.3.3"),
    method: Method::PUT,
    path: "/ngsi-ld/v1/entities/{entityId}",
    asks: Some(Operation::ReplaceEntity),
    summary: "put another entity in the place of one",
    parameters: &[TYPE_OF_ONE, LOCAL_WRITE],
    lacks: &["via"],
    representations: &[],
    body: Some("Entity"),
    successes: &[UPDATED, SOME_PARTS],
    explained: Some(|written| explained(&OFFERED, Operation::ReplaceEntity, written)),
    route: |method| on(method, answer),
};

//= 6.5.3.3-1
async fn answer(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    scope: Scope,
    body: Body,
) -> Result<Response, Problem> {
    let parameters = OFFERED.parameters(scope.uri.query())?;
    let body = RequestBody::read(&OFFERED.method, body, &scope).await?;
    let (fragment, context) = body.read_as(&scope, parse_additions).await?;
    let target = Target::read(&id, &parameters, &context.context)?;
    let entity = Box::new(target.whole(fragment)?);
    update(
        &gateway,
        &scope,
        Operation::ReplaceEntity,
        target,
        Update::Replace(entity),
    )
    .await
}
