//! `DELETE /entities/{entityId}/attrs/{attrId}`: an attribute goes, or instances of it.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::attribute_name;
use ngsi_ld::update::{Instances, Update};
use ngsi_ld::{Iri, check_absolute};

use crate::api::known_parameters::{DATASET_OF_ATTRIBUTE, DELETE_ALL, LOCAL_WRITE, TYPE_OF_ONE};
use crate::api::operation::Offered;
use crate::api::parameters::Parameters;
use crate::api::request_body::invalid;
use crate::api::scope::Scope;
use crate::api::updating::{SOME_LEFT, Target, UPDATED, explained, update};
use crate::problem::Problem;

/// `DELETE /entities/{entityId}/attrs/{attrId}`: deleteAttrs.
pub(super) static OFFERED: Offered = Offered {
    name: "deleteAttrs",
    clause: Some("5.6.5 and 6.7.3.2"),
    method: Method::DELETE,
    path: "/ngsi-ld/v1/entities/{entityId}/attrs/{attrId}",
    asks: Some(Operation::DeleteAttrs),
    summary: "delete an attribute, or the `scope`, of an entity",
    parameters: &[TYPE_OF_ONE, DATASET_OF_ATTRIBUTE, DELETE_ALL, LOCAL_WRITE],
    lacks: &["via"],
    representations: &[],
    body: None,
    successes: &[UPDATED, SOME_LEFT],
    explained: Some(|written| {
        instances(&OFFERED.parameters(written.query)?)?;
        explained(&OFFERED, Operation::DeleteAttrs, written)
    }),
    route: |method| on(method, answer),
};

/// Which instances go.
//= 6.7.3.2-2
fn instances(parameters: &Parameters<'_>) -> Result<Instances, Problem> {
    let all = parameters.boolean("deleteAll")?.unwrap_or_default();
    // Some clients send it empty where they mean none.
    let dataset_id = parameters.get("datasetId").filter(|text| !text.is_empty());
    if let Some(text) = dataset_id.filter(|text| *text != "@none") {
        check_absolute(text).map_err(|error| parameters.fault("datasetId", 0, error))?;
    }
    Ok(match dataset_id {
        _ if all => Instances::All,
        None | Some("@none") => Instances::Default,
        Some(text) => Instances::Of(Iri::new(text)),
    })
}

//= 5.6.5.4-2
fn deletion(name: &str, instances: Instances, context: &Context) -> Result<Update, Problem> {
    if name == "scope" {
        return Ok(Update::DeleteScope);
    }
    let name = attribute_name(name, context).map_err(|error| invalid(&error))?;
    Ok(Update::DeleteAttribute { name, instances })
}

//= 6.7.3.2-1
async fn answer(
    State(gateway): State<Arc<Gateway>>,
    Path((id, name)): Path<(String, String)>,
    scope: Scope,
) -> Result<Response, Problem> {
    let parameters = OFFERED.parameters(scope.uri.query())?;
    let instances = instances(&parameters)?;
    let context = scope.context().await?;
    let target = Target::read(&id, &parameters, &context.context)?;
    let deletion = deletion(&name, instances, &context.context)?;
    update(&gateway, &scope, Operation::DeleteAttrs, target, deletion).await
}
