//! `GET /attributes`: the attributes that there are for this consumer, of whichever type.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_federation::Question;
use kakehashi_federation::discovery::discover;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;

use crate::api::command::{Command, Written};
use crate::api::discovery::{Attribute, AttributeList, Part, Telling, add_hints_of_nothing, by_attribute};
use crate::api::known_parameters::{ATTRIBUTE_DETAILS, COUNT, LIMIT, LOCAL, OFFSET};
use crate::api::operation::{Content, Offered, Success};
use crate::api::scope::Scope;
use crate::api::surroundings::Surroundings;
use crate::negotiate::MediaType;
use crate::problem::Problem;

/// `GET /attributes`: retrieveAttrTypes, and with `details=true` retrieveAttrTypeDetails.
pub(super) static OFFERED: Offered = Offered {
    name: "retrieveAttrTypes",
    clause: Some("5.7.8, 5.7.9 and 6.27.3.1"),
    method: Method::GET,
    path: "/ngsi-ld/v1/attributes",
    asks: Some(Operation::RetrieveAttrTypes),
    summary: "the attributes of the entities that you see; with `details=true` with the types that have them",
    parameters: &[LOCAL, ATTRIBUTE_DETAILS, LIMIT, OFFSET, COUNT],
    lacks: &["options"],
    representations: MediaType::JSON_AND_JSON_LD,
    body: None,
    successes: &[Success {
        status: 200,
        meaning: "The attributes.",
        body: Content::Negotiated("Attributes"),
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
        Ok(Command::Details(operation(details), Box::new(question)))
    }),
    route: |method| on(method, answer),
};

/// As policies name it.
const fn operation(details: bool) -> Operation {
    match details {
        true => Operation::RetrieveAttrTypeDetails,
        false => Operation::RetrieveAttrTypes,
    }
}

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

//= 6.27.3.1-1
async fn answer(State(gateway): State<Arc<Gateway>>, scope: Scope) -> Result<Response, Problem> {
    let media_type = OFFERED.negotiate(&scope.headers)?;
    let context = scope.context().await?;
    let around = scope.surroundings(&context, media_type);
    let (question, details, part) = read(scope.uri.query(), &around)?;
    let asker = scope.asker(operation(details));
    let gathering = scope.gathering(&gateway);
    let found = discover(&question, false, &asker, &gathering).await?;
    let seen = by_attribute(&found.types);
    let telling = Telling {
        context: &context,
        media_type,
    };
    let mut response = match details {
        true => {
            let each = part.of(seen.iter());
            let each: Vec<Attribute<'_>> = each.map(|(name, of)| Attribute::listed(name, of, &telling)).collect();
            telling.answer(&each, &found.warnings, &scope, &gathering)?
        }
        false => {
            let names: Vec<_> = part.of(seen.keys()).collect();
            let list = AttributeList::of(&names, &telling);
            telling.answer(&list, &found.warnings, &scope, &gathering)?
        }
    };
    part.say(&mut response, seen.len(), &scope, media_type);
    if seen.is_empty() {
        add_hints_of_nothing(&mut response, &question, &asker);
    }
    Ok(response)
}
