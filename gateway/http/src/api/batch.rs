//! What the batch operations share (clauses 6.14 to 6.17): the entities or ids of a body, each with what becomes of it.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};
use kakehashi_federation::provide::{EntityChange, EntityChanged, Write, WriteRefusal};
use kakehashi_messages::Language;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::{Fragment, InvalidEntity, NGSI_LD_NULL, parse_entity};
use ngsi_ld::update::{LeftAsItIs, NotUpdated, Update};
use ngsi_ld::{Entity, EntityId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::command::ToWrite;
use super::operation::{Content, Success};
use super::request_body::{RequestBody, check_is_object, entity_in};
use super::scope::Scope;
use super::writing::{problem, write};
use crate::in_language::InLanguages;
use crate::problem::{ErrorType, Problem, ProblemDetails};

/// What some of a batch was not done of is told so.
pub(super) const SOME_FAILED: Success = Success {
    status: 207,
    meaning: "What became of each, where something was refused.",
    body: Content::Json("BatchOperationResult"),
    headers: &[],
};

/// What became of each, where some of what was purged could not be.
pub(super) const PARTLY_FAILED: Success = Success {
    status: 207,
    meaning: "What became of each entity that was found, where something was refused.",
    body: Content::Json("BatchOperationResult"),
    headers: &[],
};

/// All were written, and some are new.
pub(super) const CREATED: Success = Success {
    status: 201,
    meaning: "The ids of those that are new.",
    body: Content::Json("Ids"),
    headers: &[],
};

/// All is done, and nothing is new.
pub(super) const NOTHING_NEW: Success = Success {
    status: 204,
    meaning: "It was done, and nothing is new.",
    body: Content::Nothing,
    headers: &[],
};

/// BatchOperationResult (clause 5.2.16).
#[derive(Debug, Serialize)]
struct BatchOperationResult<'a> {
    success: Vec<&'a str>,
    errors: Vec<BatchEntityError<'a>>,
}

/// BatchEntityError (clause 5.2.17).
#[derive(Debug, Serialize)]
struct BatchEntityError<'a> {
    #[serde(rename = "entityId")]
    entity_id: &'a str,
    error: ProblemDetails<'a>,
}

/// The member of an entity that an error is told of.
#[derive(Deserialize)]
struct IdMember<'a> {
    #[serde(alias = "@id", borrow)]
    id: std::borrow::Cow<'a, str>,
}

/// What an error is told of where an element of a batch has no id that could be told: a URI, as the clause asks for, and that of
/// nothing. The detail says at which position it stands.
const NO_ID: &str = NGSI_LD_NULL;

/// What became of each entity, in the order of the request.
type Outcomes = Vec<(String, Result<EntityChanged, Problem>)>;

/// What is to become of each entity, in the order of the request; or why nothing becomes of it.
type Changes = Vec<(String, Result<EntityChange, Problem>)>;

/// Reads the entities of a body, and creates each, or whatever else becomes of it.
///
/// # Errors
/// Why none of them was looked at.
pub(super) async fn write_entities(
    gateway: &Arc<Gateway>,
    scope: &Scope,
    body: Body,
    operation: Operation,
    change: impl Fn(Entity) -> EntityChange,
) -> Result<Response, Problem> {
    let read = |json: &[u8], names: &Context| parse_entity(json, names);
    change_each(gateway, scope, body, operation, read, |entity| Ok(change(entity))).await
}

/// Reads the fragments of entities of a body, and updates each entity by its own.
///
/// # Errors
/// Why none of them was looked at.
pub(super) async fn update_entities(
    gateway: &Arc<Gateway>,
    scope: &Scope,
    body: Body,
    operation: Operation,
    read: impl Fn(&[u8], &Context) -> Result<Fragment, InvalidEntity> + Copy + Send + 'static,
    update: impl Fn(Fragment) -> Update,
) -> Result<Response, Problem> {
    let change = |mut fragment: Fragment| {
        let missing = || Problem::new(ErrorType::BadRequestData, "the entity: the member \"id\" is missing");
        Ok(EntityChange::Update {
            id: fragment.id.take().ok_or_else(missing)?,
            types: None,
            update: Box::new(update(fragment)),
            otherwise: None,
        })
    };
    change_each(gateway, scope, body, operation, read, change).await
}

async fn change_each<T: Send + 'static>(
    gateway: &Arc<Gateway>,
    scope: &Scope,
    body: Body,
    operation: Operation,
    read: impl Fn(&[u8], &Context) -> Result<T, InvalidEntity> + Copy + Send + 'static,
    change: impl Fn(T) -> Result<EntityChange, Problem>,
) -> Result<Response, Problem> {
    let body = RequestBody::read(&Method::POST, body, scope).await?;
    let parts = entities_of(body.bytes())?;
    body.check_link(scope)?;
    let mut changes = Changes::with_capacity(parts.len());
    let read = body.parts(&parts, scope, read).await?;
    for (index, (part, read)) in parts.iter().zip(read).enumerate() {
        changes.push(match read.and_then(&change) {
            Ok(change) => (change.id().as_str().to_owned(), Ok(change)),
            Err(problem) => {
                let (id, problem) = told_of(index, part.get().as_bytes(), problem);
                (id, Err(problem))
            }
        });
    }
    let outcomes = written(gateway, scope, operation, changes).await?;
    answer(outcomes)
}

/// Reads the entities of a body under an @context that is known.
///
/// # Errors
/// Why none of them would be looked at.
pub(super) fn entities_in(json: &[u8], context: &Context) -> Result<Vec<ToWrite>, Problem> {
    let parts = entities_of(json)?;
    let read = |(index, part): (usize, &&RawValue)| {
        let json = part.get().as_bytes();
        match entity_in(json, context) {
            Ok(entity) => ToWrite {
                id: entity.id.as_str().to_owned(),
                entity: Ok(entity),
            },
            Err(problem) => {
                let (id, problem) = told_of(index, json, problem);
                ToWrite {
                    id,
                    entity: Err(problem),
                }
            }
        }
    };
    Ok(parts.iter().enumerate().map(read).collect())
}

/// Reads the ids of a body and deletes what has them.
///
/// # Errors
/// Why none of them was looked at.
pub(super) async fn delete_entities(
    gateway: &Arc<Gateway>,
    scope: &Scope,
    body: Body,
    operation: Operation,
) -> Result<Response, Problem> {
    let body = RequestBody::read(&Method::POST, body, scope).await?;
    let change = |id: String| {
        let change = match EntityId::parse(&id) {
            Ok(id) => Ok(EntityChange::Delete { id, types: None }),
            Err(error) => Err(Problem::new(
                ErrorType::BadRequestData,
                format!("the id is not a URI: {error}"),
            )),
        };
        (id, change)
    };
    let changes = ids_in(body.bytes())?.into_iter().map(change).collect();
    let outcomes = written(gateway, scope, operation, changes).await?;
    answer(outcomes)
}

/// Reads the ids of a body.
///
/// # Errors
/// Why none of them would be looked at.
pub(super) fn ids_in(json: &[u8]) -> Result<Vec<String>, Problem> {
    elements(json, "an array of entity ids")
}

/// The response to a purge: nothing, or what became of each.
///
/// # Errors
/// 500
pub(super) fn purged(outcomes: Vec<(EntityId, Result<EntityChanged, WriteRefusal>)>) -> Result<Response, Problem> {
    let told = outcomes
        .into_iter()
        .map(|(id, outcome)| (id.as_str().to_owned(), outcome.map_err(|refusal| problem(&refusal))));
    let outcomes: Outcomes = told.collect();
    if outcomes.iter().any(|(_, outcome)| outcome.is_err()) {
        return some_failed(outcomes);
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn entities_of(json: &[u8]) -> Result<Vec<&RawValue>, Problem> {
    elements(json, "an array of entities")
}

/// Of what an error is told that an element of a batch has, and where it stands if its id does not say it.
fn told_of(index: usize, json: &[u8], problem: Problem) -> (String, Problem) {
    match serde_json::from_slice::<IdMember<'_>>(json) {
        Ok(member) if check_is_object(json).is_ok() && EntityId::parse(&member.id).is_ok() => {
            (member.id.into_owned(), problem)
        }
        _ => {
            let detail = format!("[{index}].{}", problem.detail);
            (NO_ID.to_owned(), Problem::new(ErrorType::BadRequestData, detail))
        }
    }
}

/// Makes the changes that are any.
async fn written(
    gateway: &Arc<Gateway>,
    scope: &Scope,
    operation: Operation,
    changes: Changes,
) -> Result<Outcomes, Problem> {
    let mut to_make = Vec::with_capacity(changes.len());
    let mut faults = Vec::with_capacity(changes.len());
    for (id, change) in changes {
        let fault = match change {
            Ok(change) => {
                to_make.push(Write::from(change));
                None
            }
            Err(problem) => Some(problem),
        };
        faults.push((id, fault));
    }
    let mut made = write(gateway, scope, operation, to_make).await?.into_iter();
    let outcome = |(id, fault)| {
        let outcome = match fault {
            Some(problem) => Err(problem),
            None => made
                .next()
                .unwrap_or(Err(WriteRefusal::CallerLeft))
                .map_err(|refusal| problem(&refusal))
                .and_then(whole),
        };
        (id, outcome)
    };
    Ok(faults.into_iter().map(outcome).collect())
}

/// An entity of which a part was left as it is has failed, however much of it was changed (clauses 5.6.3.4 and 5.6.9.4).
fn whole(changed: EntityChanged) -> Result<EntityChanged, Problem> {
    let EntityChanged::Updated(result) = &changed else {
        return Ok(changed);
    };
    let Some(NotUpdated { reason, .. }) = result.not_updated.first() else {
        return Ok(changed);
    };
    let names: Vec<&str> = result.not_updated.iter().map(|left| left.attribute.as_str()).collect();
    let error_type = match reason {
        LeftAsItIs::IsThere => ErrorType::AlreadyExists,
        LeftAsItIs::NoScope => ErrorType::ResourceNotFound,
    };
    let detail = format!("a part of the entity was left as it is: {reason}: {}", names.join(", "));
    Err(Problem::new(error_type, detail))
}

/// The elements of the array that a body holds.
fn elements<'a, T: Deserialize<'a>>(json: &'a [u8], expected: &str) -> Result<Vec<T>, Problem> {
    let refuse = |detail: String| Problem::new(ErrorType::BadRequestData, detail);
    let parts: Vec<&RawValue> = serde_json::from_slice(json).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => refuse(format!("the body: expected {expected}")),
        _ => {
            let (line, column) = (error.line(), error.column());
            let detail = format!("the body: not JSON at line {line}, column {column}");
            Problem::new(ErrorType::InvalidRequest, detail)
        }
    })?;
    if parts.is_empty() {
        return Err(refuse("the body: the array is empty".to_owned()));
    }
    let read = |(index, part): (usize, &&'a RawValue)| {
        let text: &'a str = part.get();
        if text == "null" {
            return Err(refuse(format!("[{index}]: null is not allowed here")));
        }
        serde_json::from_str(text).map_err(|_| refuse(format!("[{index}]: the body must be {expected}")))
    };
    parts.iter().enumerate().map(read).collect()
}

/// The response to a batch: the ids that were created, nothing, or what became of each.
fn answer(outcomes: Outcomes) -> Result<Response, Problem> {
    if outcomes.iter().any(|(_, outcome)| outcome.is_err()) {
        return some_failed(outcomes);
    }
    let created = outcomes
        .iter()
        .filter(|(_, outcome)| outcome.as_ref().is_ok_and(|changed| *changed == EntityChanged::Created));
    let created: Vec<&str> = created.map(|(id, _)| id.as_str()).collect();
    if created.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    json(StatusCode::CREATED, serde_json::to_vec(&created))
}

/// What became of each, where something was refused.
fn some_failed(outcomes: Outcomes) -> Result<Response, Problem> {
    let mut response = json(StatusCode::MULTI_STATUS, told(&outcomes, Language::English))?;
    let in_languages = InLanguages::by(move |language| told(&outcomes, language).unwrap_or_default());
    response.extensions_mut().insert(in_languages);
    Ok(response)
}

fn told(outcomes: &Outcomes, language: Language) -> serde_json::Result<Vec<u8>> {
    let success = outcomes.iter().filter(|(_, outcome)| outcome.is_ok());
    let errors = outcomes.iter().filter_map(|(id, outcome)| {
        let error = outcome.as_ref().err()?.details(language);
        Some(BatchEntityError { entity_id: id, error })
    });
    serde_json::to_vec(&BatchOperationResult {
        success: success.map(|(id, _)| id.as_str()).collect(),
        errors: errors.collect(),
    })
}

fn json(status: StatusCode, body: serde_json::Result<Vec<u8>>) -> Result<Response, Problem> {
    let body = body.map_err(|_| Problem::new(ErrorType::InternalError, "the result of the batch cannot be written"))?;
    let mut response = (status, body).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
