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
use crate::api::discovery::{Attribute, AttributeList, Telling, add_hints_of_nothing, by_attribute};
use crate::api::known_parameters::{ATTRIBUTE_DETAILS, LOCAL};
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
    parameters: &[LOCAL, ATTRIBUTE_DETAILS],
    lacks: &["options"],
    representations: MediaType::JSON_AND_JSON_LD,
    body: None,
    successes: &[Success {
        status: 200,
        meaning: "The attributes.",
        body: Content::Negotiated("Attributes"),
        headers: &["ETag", "NGSILD-Warning", "Link", "Age", "Kakehashi-Hint"],
    }],
    explained: Some(|written: &Written<'_>| {
        let (question, details) = read(written.query, &written.around)?;
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

/// Reads the query part of the URL: what is asked, and whether with details. It has no pages, as clause 4.12 does not list it.
fn read(query: Option<&str>, around: &Surroundings<'_>) -> Result<(Question, bool), Problem> {
    let parameters = OFFERED.parameters(query)?;
    let question = Question {
        tenant: around.tenant.cloned(),
        local: parameters.boolean("local")?.unwrap_or(false),
        ..Question::default()
    };
    let details = parameters.boolean("details")?.unwrap_or(false);
    Ok((question, details))
}

//= 6.27.3.1-1
async fn answer(State(gateway): State<Arc<Gateway>>, scope: Scope) -> Result<Response, Problem> {
    let media_type = OFFERED.negotiate(&scope.headers)?;
    let context = scope.context().await?;
    let around = scope.surroundings(&context, media_type);
    let (question, details) = read(scope.uri.query(), &around)?;
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
            let each = seen.iter().map(|(name, of)| Attribute::listed(name, of, &telling));
            let each: Vec<Attribute<'_>> = each.collect();
            telling.answer(&each, &found.warnings, &scope, &gathering)?
        }
        false => {
            let names: Vec<_> = seen.keys().collect();
            let list = AttributeList::of(&names, &telling);
            telling.answer(&list, &found.warnings, &scope, &gathering)?
        }
    };
    if seen.is_empty() {
        add_hints_of_nothing(&mut response, &question, &asker);
    }
    Ok(response)
}
