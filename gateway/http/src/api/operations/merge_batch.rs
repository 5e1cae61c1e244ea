//! `POST /entityOperations/merge`: what is sent, merged with entities that are there.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use ngsi_ld::entity::parse::{FragmentUse, parse_fragment};
use ngsi_ld::update::Update;

use crate::api::batch::{NOTHING_NEW, SOME_FAILED, update_entities};
use crate::api::known_parameters::LOCAL_WRITE;
use crate::api::operation::Offered;
use crate::api::scope::Scope;
use crate::api::updating::explained;
use crate::problem::Problem;

/// `POST /entityOperations/merge`: mergeBatch.
pub(super) static OFFERED: Offered = Offered {
    name: "mergeBatch",
    clause: Some("5.6.20 and 6.31.3.1"),
    method: Method::POST,
    path: "/ngsi-ld/v1/entityOperations/merge",
    asks: Some(Operation::MergeBatch),
    summary: "merge what is sent with entities",
    parameters: &[LOCAL_WRITE],
    lacks: &["via"],
    representations: &[],
    body: Some("EntityFragments"),
    successes: &[NOTHING_NEW, SOME_FAILED],
    explained: Some(|written| explained(&OFFERED, Operation::MergeBatch, written)),
    route: |method| on(method, answer),
};

//= 5.6.20.4-1, 6.31.3.1-1
async fn answer(State(gateway): State<Arc<Gateway>>, scope: Scope, body: Body) -> Result<Response, Problem> {
    OFFERED.parameters(scope.uri.query())?;
    let merge = |fragment| Update::Merge {
        fragment,
        observed_at: None,
        lang: None,
    };
    let read = |json: &[u8], names: &ngsi_ld::context::Context| parse_fragment(json, names, FragmentUse::Merge);
    update_entities(&gateway, &scope, body, Operation::MergeBatch, read, merge).await
}
