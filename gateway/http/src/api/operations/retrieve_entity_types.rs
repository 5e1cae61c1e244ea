//! `GET /types`: the entity types that there are for this consumer.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_federation::discovery::discover;
use kakehashi_federation::gather::Request;
use kakehashi_federation::{self, Question};
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use ngsi_ld::TypeName;

use crate::api::command::{Command, Written};
use crate::api::discovery::{EntityType, EntityTypeList, Part, Telling, add_hints_of_nothing, list_id};
use crate::api::known_parameters::{COUNT, LIMIT, LOCAL, OFFSET, TYPE_DETAILS};
use crate::api::operation::{Content, Offered, Success};
use crate::api::scope::Scope;
use crate::api::surroundings::Surroundings;
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
    parameters: &[LOCAL, TYPE_DETAILS, LIMIT, OFFSET, COUNT],
    lacks: &["options"],
    representations: MediaType::JSON_AND_JSON_LD,
    body: None,
    successes: &[Success {
        status: 200,
        meaning: "The types.",
        body: Content::Negotiated("EntityTypes"),
        headers: &[
            "ETag",
            "NGSILD-Warning",
            "NGSILD-Results-Count",
            "Link",
            "Age",
            "Kakehashi-Hint",
        ],
    }],
    explained: Some(|written: &Written<'_>| {
        let (question, details, _) = read(written.query, &written.around)?;
        Ok(match details {
            true => Command::Details(Operation::RetrieveEntityTypeDetails, Box::new(question)),
            false => Command::Types(Box::new(question)),
        })
    }),
    route: |method| on(method, answer),
};

/// Reads the query part of the URL: what is asked, whether with details, and which part of the list is told.
fn read(query: Option<&str>, around: &Surroundings<'_>) -> Result<(Question, bool, Part), Problem> {
    let parameters = OFFERED.parameters(query)?;
    let question = Question {
        tenant: around.tenant.cloned(),
        local: parameters.boolean("local")?.unwrap_or(false),
        ..Question::default()
    };
    let details = parameters.boolean("details")?.unwrap_or(false);
    Ok((question, details, Part::read(&parameters, around)?))
}

//= 6.25.3.1-1
async fn answer(State(gateway): State<Arc<Gateway>>, scope: Scope) -> Result<Response, Problem> {
    let media_type = OFFERED.negotiate(&scope.headers)?;
    let context = scope.context().await?;
    let around = scope.surroundings(&context, media_type);
    let (question, details, part) = read(scope.uri.query(), &around)?;
    let telling = Telling {
        context: &context,
        media_type,
    };
    let gathering = scope.gathering(&gateway);
    match details {
        true => detailed(&question, part, &telling, &scope, &gathering).await,
        false => listed(&question, part, &telling, &scope, &gathering).await,
    }
}

/// The names alone.
async fn listed(
    question: &Question,
    part: Part,
    telling: &Telling<'_>,
    scope: &Scope,
    gathering: &Request,
) -> Result<Response, Problem> {
    let asker = scope.asker(Operation::RetrieveEntityTypes);
    let answer = kakehashi_federation::types::types(question, &asker, gathering).await?;
    let shown: Vec<&TypeName> = part.of(answer.types.iter()).collect();
    let list = EntityTypeList {
        context: telling.member(),
        id: list_id("EntityTypeList", shown.iter().map(|name| name.as_str())),
        r#type: "EntityTypeList",
        type_list: shown.iter().map(|name| telling.name_of_type(name)).collect(),
    };
    let mut response = telling.answer(&list, &answer.warnings, scope, gathering)?;
    part.say(&mut response, answer.types.len(), scope, telling.media_type);
    if answer.types.is_empty() {
        add_hints_of_nothing(&mut response, question, &asker);
    }
    Ok(response)
}

/// Each with its attributes.
async fn detailed(
    question: &Question,
    part: Part,
    telling: &Telling<'_>,
    scope: &Scope,
    gathering: &Request,
) -> Result<Response, Problem> {
    let asker = scope.asker(Operation::RetrieveEntityTypeDetails);
    let found = discover(question, false, &asker, gathering).await?;
    let types = part.of(found.types.iter());
    let types: Vec<EntityType<'_>> = types.map(|(name, seen)| EntityType::of(name, seen, telling)).collect();
    let mut response = telling.answer(&types, &found.warnings, scope, gathering)?;
    part.say(&mut response, found.types.len(), scope, telling.media_type);
    if found.types.is_empty() {
        add_hints_of_nothing(&mut response, question, &asker);
    }
    Ok(response)
}
