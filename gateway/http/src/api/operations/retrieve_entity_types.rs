//! `GET /types`: the entity types that there are for this consumer.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_core::names::TenantId;
use kakehashi_federation::discovery::discover;
use kakehashi_federation::gather::Request;
use kakehashi_federation::{self, Question};
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use ngsi_ld::TypeName;

use crate::api::command::{Command, Written};
use crate::api::discovery::{EntityType, EntityTypeList, Telling, add_hints_of_nothing, list_id};
use crate::api::known_parameters::{LOCAL, TYPE_DETAILS};
use crate::api::operation::{Content, Offered, Success};
use crate::api::scope::Scope;
use crate::negotiate::MediaType;
use crate::problem::Problem;

/// `GET /types`: retrieveEntityTypes, and with `details=true` retrieveEntityTypeDetails.
pub(super) static OFFERED: Offered = Offered {
    name: "retrieveEntityTypes",
    clause: Some("5.7.5, 5.7.6 and 6.25.3.1"),
    method: Method::GET,
    path: "/ngsi-ld/v1/types",
    asks: Some(Operation::RetrieveEntityTypes),
    summary: "the types of which you may see at least one entity; with `details=true` with their attributes",
    parameters: &[LOCAL, TYPE_DETAILS],
    lacks: &["options"],
    representations: MediaType::JSON_AND_JSON_LD,
    body: None,
    successes: &[Success {
        status: 200,
        meaning: "The types.",
        body: Content::Negotiated("EntityTypes"),
        headers: &["ETag", "NGSILD-Warning", "Age", "Kakehashi-Hint"],
    }],
    explained: Some(|written: &Written<'_>| {
        let (question, details) = read(written.query, written.around.tenant)?;
        Ok(match details {
            true => Command::Details(Operation::RetrieveEntityTypeDetails, Box::new(question)),
            false => Command::Types(Box::new(question)),
        })
    }),
    route: |method| on(method, answer),
};

/// Reads the query part of the URL: what is asked, and whether with details.
fn read(query: Option<&str>, tenant: Option<&TenantId>) -> Result<(Question, bool), Problem> {
    let parameters = OFFERED.parameters(query)?;
    let question = Question {
        tenant: tenant.cloned(),
        local: parameters.boolean("local")?.unwrap_or(false),
        ..Question::default()
    };
    Ok((question, parameters.boolean("details")?.unwrap_or(false)))
}

async fn answer(State(gateway): State<Arc<Gateway>>, scope: Scope) -> Result<Response, Problem> {
    let media_type = OFFERED.negotiate(&scope.headers)?;
    let context = scope.context().await?;
    let (question, details) = read(scope.uri.query(), scope.tenant.as_ref())?;
    let telling = Telling {
        context: &context,
        media_type,
    };
    let gathering = scope.gathering(&gateway);
    match details {
        true => detailed(&question, &telling, &scope, &gathering).await,
        false => listed(&question, &telling, &scope, &gathering).await,
    }
}

/// The names alone.
async fn listed(
    question: &Question,
    telling: &Telling<'_>,
    scope: &Scope,
    gathering: &Request,
) -> Result<Response, Problem> {
    let asker = scope.asker(Operation::RetrieveEntityTypes);
    let answer = kakehashi_federation::types::types(question, &asker, gathering).await?;
    let list = EntityTypeList {
        context: telling.member(),
        id: list_id("EntityTypeList", answer.types.iter().map(TypeName::as_str)),
        r#type: "EntityTypeList",
        type_list: answer.types.iter().map(|name| telling.name_of_type(name)).collect(),
    };
    let mut response = telling.answer(&list, &answer.warnings, scope, gathering)?;
    if answer.types.is_empty() {
        add_hints_of_nothing(&mut response, question, &asker);
    }
    Ok(response)
}

/// Each with its attributes.
async fn detailed(
    question: &Question,
    telling: &Telling<'_>,
    scope: &Scope,
    gathering: &Request,
) -> Result<Response, Problem> {
    let asker = scope.asker(Operation::RetrieveEntityTypeDetails);
    let found = discover(question, false, &asker, gathering).await?;
    let types = found.types.iter();
    let types: Vec<EntityType<'_>> = types.map(|(name, seen)| EntityType::of(name, seen, telling)).collect();
    let mut response = telling.answer(&types, &found.warnings, scope, gathering)?;
    if types.is_empty() {
        add_hints_of_nothing(&mut response, question, &asker);
    }
    Ok(response)
}
