//! `PUT /entities/{entityId}/attrs/{attrId}`: another attribute in the place of the one that is there.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use ngsi_ld::entity::parse::parse_attribute;
use ngsi_ld::update::Update;

use crate::api::known_parameters::{LOCAL_WRITE, TYPE_OF_ONE};
use crate::api::operation::Offered;
use crate::api::request_body::RequestBody;
use crate::api::scope::Scope;
use crate::api::updating::{SOME_LEFT, Target, UPDATED, explained, update};
use crate::problem::Problem;

/// `PUT /entities/{entityId}/attrs/{attrId}`: replaceAttrs.
pub(super) static OFFERED: Offered = Offered {
    name: "replaceAttrs",
    clause: Some("5.6.19 and 6.7.3.3"),
    method: Method::PUT,
    path: "/ngsi-ld/v1/entities/{entityId}/attrs/{attrId}",
    asks: Some(Operation::ReplaceAttrs),
    summary: "put another attribute in the place of one",
    parameters: &[TYPE_OF_ONE, LOCAL_WRITE],
    lacks: &["via"],
    representations: &[],
    body: Some("AttributeFragment"),
    successes: &[UPDATED, SOME_LEFT],
    explained: Some(|written| explained(&OFFERED, Operation::ReplaceAttrs, written)),
    route: |method| on(method, answer),
};

//= 6.7.3.3-1
async fn answer(
    State(gateway): State<Arc<Gateway>>,
    Path((id, name)): Path<(String, String)>,
    scope: Scope,
    body: Body,
) -> Result<Response, Problem> {
    let parameters = OFFERED.parameters(scope.uri.query())?;
    let body = RequestBody::read(&OFFERED.method, body, &scope).await?;
    let read = move |json: &[u8], names: &ngsi_ld::context::Context| parse_attribute(json, &name, names);
    let (patch, context) = body.read_as(&scope, read).await?;
    let target = Target::read(&id, &parameters, &context.context)?;
    let attribute = Update::ReplaceAttribute(patch);
    update(&gateway, &scope, Operation::ReplaceAttrs, target, attribute).await
}
