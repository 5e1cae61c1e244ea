//! `/types` (clause 6.25): the entity types that there are for this consumer.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use kakehashi_core::names::TenantId;
use kakehashi_federation::{self, Question};
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use rand::RngExt;
use serde::Serialize;
use serde_json::value::RawValue;

use super::parameters::Parameters;
use super::respond;
use super::scope::Scope;
use crate::negotiate::MediaType;
use crate::problem::{ErrorType, Problem};

/// EntityTypeList of clause 5.2.24.
#[derive(Serialize)]
struct EntityTypeList<'a> {
    #[serde(rename = "@context", skip_serializing_if = "Option::is_none")]
    context: Option<&'a RawValue>,
    id: String,
    r#type: &'static str,
    #[serde(rename = "typeList")]
    type_list: Vec<String>,
}

/// Reads the query part of the URL of a `retrieveEntityTypes`.
///
/// # Errors
/// A problem that names the parameter and the position.
pub(super) fn types_request(query: Option<&str>, tenant: Option<&TenantId>) -> Result<Question, Problem> {
    let parameters = Parameters::parse(query, &["local", "details"], &["options"])?;
    if parameters.boolean("details")? == Some(true) {
        let detail = "parameter `details`: only `false`, the default, is offered by this version";
        return Err(Problem::new(ErrorType::OperationNotSupported, detail));
    }
    Ok(Question {
        tenant: tenant.cloned(),
        local: parameters.boolean("local")?.unwrap_or(false),
        ..Question::default()
    })
}

/// `GET /types`: retrieveEntityTypes.
pub(super) async fn list(State(gateway): State<Arc<Gateway>>, scope: Scope) -> Result<Response, Problem> {
    let media_type = MediaType::negotiate(&scope.headers, false)?;
    let context = scope.context().await?;
    let question = types_request(scope.uri.query(), scope.tenant.as_ref())?;
    let asker = scope.asker(Operation::RetrieveEntityTypes);
    let answer = kakehashi_federation::types::types(&question, &asker, &scope.gathering(&gateway)).await?;

    let in_body = media_type == MediaType::JsonLd;
    let list = EntityTypeList {
        context: in_body.then_some(&*context.member),
        // The list is made for this request; clause 5.2.24 wants an id of its own for it.
        id: format!("urn:ngsi-ld:EntityTypeList:{:032x}", rand::rng().random::<u128>()),
        r#type: "EntityTypeList",
        type_list: answer
            .types
            .iter()
            .map(|name| context.context.compact(name.as_str()).into_owned())
            .collect(),
    };
    let body = serde_json::to_vec(&list)
        .map_err(|_| Problem::new(ErrorType::InternalError, "the list of types cannot be written"))?;
    let mut response = respond::rendered(body, media_type, &context, in_body);
    respond::add_warnings(&mut response, &answer.warnings, &scope.revision.config);
    Ok(response)
}
