//! `PATCH /entities/{entityId}/attrs/{attrId}`: members of an attribute that change.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use ngsi_ld::entity::parse::parse_attribute_fragment;
use ngsi_ld::update::Update;

use crate::api::known_parameters::{LOCAL_WRITE, TYPE_OF_ONE};
use crate::api::operation::Offered;
use crate::api::request_body::RequestBody;
use crate::api::scope::Scope;
use crate::api::updating::{SOME_LEFT, Target, UPDATED, explained, update};
use crate::problem::Problem;

/// `PATCH /entities/{entityId}/attrs/{attrId}`: updateAttrs.
pub(super) static OFFERED: Offered = Offered {
    name: "updateAttrs",
    clause: Some("5.6.4 and 6.7.3.1"),
    method: Method::PATCH,
    path: "/ngsi-ld/v1/entities/{entityId}/attrs/{attrId}",
    asks: Some(Operation::UpdateAttrs),
    summary: "change members of one attribute",
    parameters: &[TYPE_OF_ONE, LOCAL_WRITE],
    lacks: &["via"],
    representations: &[],
    body: Some("AttributeFragment"),
    successes: &[UPDATED, SOME_LEFT],
    explained: Some(|written| explained(&OFFERED, Operation::UpdateAttrs, written)),
    route: |method| on(method, answer),
};

//= 6.7.3.1-1
async fn answer(
    State(gateway): State<Arc<Gateway>>,
    Path((id, name)): Path<(String, String)>,
    scope: Scope,
    body: Body,
) -> Result<Response, Problem> {
    let parameters = OFFERED.parameters(scope.uri.query())?;
    let body = RequestBody::read(&OFFERED.method, body, &scope).await?;
    let read = move |json: &[u8], names: &ngsi_ld::context::Context| parse_attribute_fragment(json, &name, names);
    let (patch, context) = body.read_as(&scope, read).await?;
    let target = Target::read(&id, &parameters, &context.context)?;
    let attribute = Update::Attribute(patch);
    update(&gateway, &scope, Operation::UpdateAttrs, target, attribute).await
}
