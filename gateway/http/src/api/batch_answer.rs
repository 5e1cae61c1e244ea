//! What is told of a batch: it is counted before anything is written, and written by turns with others where it is long.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use kakehashi_federation::provide::EntityChanged;
use kakehashi_messages::Language;
use kakehashi_resources::{Held, pause};
use serde::Serialize;

use super::entity_list::counted_body;
use super::scope::Scope;
use crate::in_language::{self, InLanguages};
use crate::problem::{ErrorType, Problem, ProblemDetails};

/// What became of each entity, in the order of the request. Of one that several sources have a part of there may be several.
pub(super) type Outcomes = Vec<(String, Result<EntityChanged, Failed>)>;

/// Why something of an entity failed.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) problem: Problem,
    /// The registration of the source that failed; `None`: it is not about one of several.
    pub(super) registration: Option<String>,
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            registration: None,
        }
    }
}

/// BatchEntityError (clause 5.2.17).
#[derive(Debug, Serialize)]
//= 5.2.17-1
struct BatchEntityError<'a> {
    #[serde(rename = "entityId")]
    entity_id: &'a str,
    error: ProblemDetails<'a>,
    #[serde(rename = "registrationId", skip_serializing_if = "Option::is_none")]
    registration_id: Option<&'a str>,
}

/// The response to a batch: the ids that were created, nothing, or what became of each.
///
/// # Errors
/// 504, 500: it was carried out, and cannot be told.
pub(super) async fn answer(outcomes: Outcomes, scope: &Scope, held: Held) -> Result<Response, Problem> {
    if outcomes.iter().any(|(_, outcome)| outcome.is_err()) {
        return some_failed(outcomes, scope, held).await;
    }
    let is_new = |outcome: &Result<EntityChanged, Failed>| {
        outcome.as_ref().is_ok_and(|changed| *changed == EntityChanged::Created)
    };
    if !outcomes.iter().any(|(_, outcome)| is_new(outcome)) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let telling = async move {
        let mut list = List::new();
        for (id, _) in outcomes.iter().filter(|(_, outcome)| is_new(outcome)) {
            list.push(id)?;
            pause().await;
        }
        Ok(list.end())
    };
    let body = scope.resources.compute_over_held(telling).await.map_err(|_| untold())?;
    json(StatusCode::CREATED, body, held)
}

/// What became of each, where something was refused, in the language of who asks.
///
/// # Errors
/// As [`answer`].
pub(super) async fn some_failed(outcomes: Outcomes, scope: &Scope, held: Held) -> Result<Response, Problem> {
    let language = in_language::accepted(&scope.headers);
    let telling = async move { told(&outcomes, language).await };
    let body = scope.resources.compute_over_held(telling).await.map_err(|_| untold())?;
    let mut response = json(StatusCode::MULTI_STATUS, body, held)?;
    response.extensions_mut().insert(InLanguages::told());
    Ok(response)
}

/// What is told where there is neither time nor a turn to tell what became of each.
fn untold() -> Problem {
    let detail = "it was carried out, and what became of each could not be told in time: look before you send the same request \
                  again, and send it in parts";
    Problem::new(ErrorType::Timeout, detail)
}

/// A `BatchOperationResult` (clause 5.2.16), of which nothing is held but its text.
//= 5.2.16-1, 5.6.7.4-2, 5.6.8.4-3, 5.6.9.4-2, 5.6.10.4-2, 5.6.20.4-1
async fn told(outcomes: &Outcomes, language: Language) -> serde_json::Result<Vec<u8>> {
    let (mut success, mut errors) = (List::new(), List::new());
    for (id, outcome) in outcomes {
        match outcome {
            Ok(_) => success.push(id)?,
            Err(failed) => errors.push(&BatchEntityError {
                entity_id: id,
                error: failed.problem.details(language),
                registration_id: failed.registration.as_deref(),
            })?,
        }
        pause().await;
    }
    let mut body = b"{\"success\":".to_vec();
    body.append(&mut success.end());
    body.extend_from_slice(b",\"errors\":");
    body.append(&mut errors.end());
    body.push(b'}');
    Ok(body)
}

/// A list that is written one after the other.
struct List(Vec<u8>);

impl List {
    fn new() -> Self {
        Self(b"[".to_vec())
    }

    fn push(&mut self, element: &(impl Serialize + ?Sized)) -> serde_json::Result<()> {
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        serde_json::to_writer(&mut self.0, element)
    }

    fn end(mut self) -> Vec<u8> {
        self.0.push(b']');
        self.0
    }
}

//= 6.3.6-6
fn json(status: StatusCode, body: serde_json::Result<Vec<u8>>, held: Held) -> Result<Response, Problem> {
    let body = body.map_err(|_| Problem::new(ErrorType::InternalError, "the result of the batch cannot be written"))?;
    let mut response = (status, counted_body(body, Some(held))).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
