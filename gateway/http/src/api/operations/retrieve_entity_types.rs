//! `GET /types`: the entity types that there are for this consumer.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_core::names::TenantId;
use kakehashi_federation::{self, Question};
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use ngsi_ld::TypeName;
use ring::digest::{Context, SHA256};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::api::command::{Command, Written};
use crate::api::freshness;
use crate::api::hints;
use crate::api::known_parameters::{LOCAL, TYPE_DETAILS};
use crate::api::operation::{Content, Offered, Success};
use crate::api::respond;
use crate::api::scope::Scope;
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

/// `GET /types`: retrieveEntityTypes.
pub(super) static OFFERED: Offered = Offered {
    name: "retrieveEntityTypes",
    clause: Some("5.7.5 and 6.25.3.1"),
    method: Method::GET,
    path: "/ngsi-ld/v1/types",
    asks: Some(Operation::RetrieveEntityTypes),
    summary: "the types of which you may see at least one entity",
    parameters: &[LOCAL, TYPE_DETAILS],
    lacks: &["options"],
    representations: MediaType::JSON_AND_JSON_LD,
    body: None,
    successes: &[Success {
        status: 200,
        meaning: "The types.",
        body: Content::Negotiated("EntityTypeList"),
        headers: &["ETag", "NGSILD-Warning", "Age", "Kakehashi-Hint"],
    }],
    explained: Some(|written: &Written<'_>| {
        let question = read(written.query, written.around.tenant)?;
        Ok(Command::Types(Box::new(question)))
    }),
    route: |method| on(method, answer),
};

/// Reads the query part of the URL.
fn read(query: Option<&str>, tenant: Option<&TenantId>) -> Result<Question, Problem> {
    let parameters = OFFERED.parameters(query)?;
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

async fn answer(State(gateway): State<Arc<Gateway>>, scope: Scope) -> Result<Response, Problem> {
    let media_type = OFFERED.negotiate(&scope.headers)?;
    let context = scope.context().await?;
    let question = read(scope.uri.query(), scope.tenant.as_ref())?;
    let asker = scope.asker(Operation::RetrieveEntityTypes);
    let gathering = scope.gathering(&gateway);
    let answer = kakehashi_federation::types::types(&question, &asker, &gathering).await?;

    let in_body = media_type == MediaType::JsonLd;
    let list = EntityTypeList {
        context: in_body.then_some(&*context.member),
        id: id_of(answer.types.iter().map(TypeName::as_str)),
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
    freshness::say(&mut response, &gathering.call.freshness);
    if answer.types.is_empty() {
        respond::add_hints(&mut response, &hints::of_question(&question, &asker));
    }
    Ok(response)
}

/// Clause 5.2.24 wants an id of its own for the list. The same types have the same, so that whoever has the list already can
/// be told so (RFC 9110 section 15.4.5).
fn id_of<'a>(types: impl Iterator<Item = &'a str>) -> String {
    let mut hash = Context::new(&SHA256);
    for name in types {
        hash.update(name.as_bytes());
        // No name of a type has it.
        hash.update(&[0]);
    }
    let hash = hash.finish();
    let hash = hash.as_ref().iter().take(16);
    let digits: String = hash.map(|byte| format!("{byte:02x}")).collect();
    format!("urn:ngsi-ld:EntityTypeList:{digits}")
}
