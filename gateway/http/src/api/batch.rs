//! What the batch operations share (clauses 6.14 to 6.17): the entities or ids of a body, each with what becomes of it.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use kakehashi_federation::provide::{EntityChange, EntityChanged, Partly, Write, WriteRefusal};
use kakehashi_policy::Operation;
use kakehashi_resources::Held;
use kakehashi_running::Gateway;
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::{Fragment, InvalidEntity, NGSI_LD_NULL, parse_entity};
use ngsi_ld::update::{LeftAsItIs, NotUpdated, Update};
use ngsi_ld::{Entity, EntityId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::batch_answer::{Failed, Outcomes, answer, some_failed};
use super::batch_elements::{ENTITIES, IDS, elements, parts_of};
use super::command::ToWrite;
use super::operation::{Content, Success};
use super::request_body::{RequestBody, check_is_object, entity_in};
use super::scope::Scope;
use super::writing::{problem, write};
use crate::problem::{ErrorType, Problem};

/// What some of a batch was not done of is told so.
pub(super) const SOME_FAILED: Success = Success {
    status: 207,
    meaning: "What became of each, where something was refused.",
    body: Content::Json("BatchOperationResult"),
    headers: &[],
};

/// What became of the parts of several sources, where some failed.
pub(super) const SOME_PARTS: Success = Success {
    status: 207,
    meaning: "Several sources have parts of the entity: what became of those that failed.",
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

/// The member of an entity that an error is told of.
#[derive(Deserialize)]
struct IdMember<'a> {
    #[serde(alias = "@id", borrow)]
    id: std::borrow::Cow<'a, str>,
}

/// What an error is told of where an element of a batch has no id that could be told: a URI, as the clause asks for, and that of
/// nothing. The detail says at which position it stands.
const NO_ID: &str = NGSI_LD_NULL;

/// Most elements of a batch that can be no entities and are told one by one: more is not a batch with mistakes in it.
const MOST_UNREADABLE: usize = 1_000;

/// Bytes of a detail that are counted already.
const OF_A_DETAIL: usize = 256;

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
    change_each(gateway, scope, body, operation, read, |fragment| {
        update_of(fragment, &update)
    })
    .await
}

/// The update of the entity that a fragment names.
///
/// # Errors
/// 400 where it names none.
pub(super) fn update_of(mut fragment: Fragment, update: impl Fn(Fragment) -> Update) -> Result<EntityChange, Problem> {
    let missing = || Problem::new(ErrorType::BadRequestData, "the entity: the member \"id\" is missing");
    Ok(EntityChange::Update {
        id: fragment.id.take().ok_or_else(missing)?,
        types: None,
        update: Box::new(update(fragment)),
        otherwise: None,
    })
}

/// Reads the elements of a body, and makes of each the change that it asks for.
///
/// # Errors
/// Why none of them was looked at.
//= 5.5.11.0-1
pub(super) async fn change_each<T: Send + 'static>(
    gateway: &Arc<Gateway>,
    scope: &Scope,
    body: Body,
    operation: Operation,
    read: impl Fn(&[u8], &Context) -> Result<T, InvalidEntity> + Copy + Send + 'static,
    change: impl Fn(T) -> Result<EntityChange, Problem>,
) -> Result<Response, Problem> {
    let body = RequestBody::read(&Method::POST, body, scope).await?;
    let (parts, mut held) = parts_of(&body, scope, ENTITIES).await?;
    body.check_link(scope)?;
    let mut changes = Changes::with_capacity(parts.len());
    let read = body.parts(parts.clone(), scope, read).await?;
    check_readable(&read)?;
    for (index, (part, read)) in parts.iter().zip(read).enumerate() {
        changes.push(match read.and_then(&change) {
            Ok(change) => (change.id().as_str().to_owned(), Ok(change)),
            Err(problem) => {
                let (id, problem) = told_of(index, part, problem);
                (id, Err(problem))
            }
        });
    }
    let outcomes = written(gateway, scope, operation, changes, &mut held).await?;
    answer(outcomes, scope, held).await
}

/// Refuses a batch of which too much can be no entity. Nothing of it was written.
fn check_readable<T>(read: &[Result<T, Problem>]) -> Result<(), Problem> {
    let mut faults = read
        .iter()
        .enumerate()
        .filter_map(|(index, read)| Some((index, read.as_ref().err()?)));
    let Some((index, first)) = faults.next() else {
        return Ok(());
    };
    let others = faults.count();
    if others < MOST_UNREADABLE {
        return Ok(());
    }
    let (of, why) = (read.len(), inside(index, &first.detail));
    let detail = format!("nothing was written: {others} more of {of} elements cannot be read; the first is {why}");
    Err(Problem::new(ErrorType::BadRequestData, detail))
}

/// What is wrong with an element, and where it stands.
fn inside(index: usize, detail: &str) -> String {
    match detail.split_once(": ") {
        // The element is what stands there.
        Some(("the body" | "the entity", said)) => format!("[{index}]: {said}"),
        _ => format!("[{index}].{detail}"),
    }
}

/// Reads the entities of a body under an @context that is known.
///
/// # Errors
/// Why none of them would be looked at.
pub(super) fn entities_in(json: &[u8], context: &Context) -> Result<Vec<ToWrite>, Problem> {
    let parts = elements(json, ENTITIES)?;
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
//= 5.6.10.4-2
pub(super) async fn delete_entities(
    gateway: &Arc<Gateway>,
    scope: &Scope,
    body: Body,
    operation: Operation,
) -> Result<Response, Problem> {
    let body = RequestBody::read(&Method::POST, body, scope).await?;
    let (parts, mut held) = parts_of(&body, scope, IDS).await?;
    let changes: Vec<Result<EntityId, Problem>> = parts.iter().map(|part| id_in(part)).collect();
    check_readable(&changes)?;
    let change = |(index, id): (usize, Result<EntityId, Problem>)| match id {
        Ok(id) => (id.as_str().to_owned(), Ok(EntityChange::Delete { id, types: None })),
        Err(problem) => {
            let detail = inside(index, &problem.detail);
            (NO_ID.to_owned(), Err(Problem::new(ErrorType::BadRequestData, detail)))
        }
    };
    let changes = changes.into_iter().enumerate().map(change).collect();
    let outcomes = written(gateway, scope, operation, changes, &mut held).await?;
    answer(outcomes, scope, held).await
}

/// The id that an element is.
fn id_in(json: &[u8]) -> Result<EntityId, Problem> {
    let refuse = |detail: String| Problem::new(ErrorType::BadRequestData, detail);
    let id: std::borrow::Cow<'_, str> = serde_json::from_slice(json)
        .map_err(|_| refuse("the body: expected an entity id, which is a string".to_owned()))?;
    EntityId::parse(&id).map_err(|error| refuse(format!("the body: the id is not a URI: {error}")))
}

/// Whether a body is a batch of ids.
///
/// # Errors
/// Why none of them would be looked at.
pub(super) fn check_ids(json: &[u8]) -> Result<(), Problem> {
    elements(json, IDS).map(drop)
}

/// The response to a purge: nothing, or what became of each.
///
/// # Errors
/// 500
pub(super) async fn purged(
    outcomes: Vec<(EntityId, Result<EntityChanged, WriteRefusal>)>,
    scope: &Scope,
) -> Result<Response, Problem> {
    let is_done = |outcome: &Result<EntityChanged, WriteRefusal>| {
        outcome
            .as_ref()
            .is_ok_and(|changed| !matches!(changed, EntityChanged::Partly(_)))
    };
    if outcomes.iter().all(|(_, outcome)| is_done(outcome)) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let mut held = scope.resources.held();
    let mut told = Outcomes::with_capacity(outcomes.len());
    for (id, outcome) in outcomes {
        let parts = in_parts(outcome, Ok);
        told.extend(parts.map(|part| (id.as_str().to_owned(), few_words(part, &mut held))));
    }
    some_failed(told, scope, held).await
}

/// Of what an error is told that an element of a batch has, and where it stands if its id does not say it.
fn told_of(index: usize, json: &[u8], problem: Problem) -> (String, Problem) {
    match serde_json::from_slice::<IdMember<'_>>(json) {
        Ok(member) if check_is_object(json).is_ok() && EntityId::parse(&member.id).is_ok() => {
            (member.id.into_owned(), problem)
        }
        _ => {
            let detail = inside(index, &problem.detail);
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
    held: &mut Held,
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
    // What was written is told, however much there is to say of what was not.
    let mut outcomes = Outcomes::with_capacity(faults.len());
    for (id, fault) in faults {
        if let Some(problem) = fault {
            outcomes.push((id, few_words(Err(problem.into()), held)));
            continue;
        }
        let made = made.next().unwrap_or(Err(WriteRefusal::CallerLeft));
        for part in in_parts(made, whole) {
            outcomes.push((id.clone(), few_words(part, held)));
        }
    }
    Ok(outcomes)
}

/// What became of a write, one by one where several sources had a part in it: what was done, then what failed.
fn in_parts(
    outcome: Result<EntityChanged, WriteRefusal>,
    judged: impl FnOnce(EntityChanged) -> Result<EntityChanged, Problem>,
) -> impl Iterator<Item = Result<EntityChanged, Failed>> {
    let (done, failed) = match outcome {
        Ok(EntityChanged::Partly(partly)) => (judged(partly.done).map_err(Failed::from), partly.failed),
        Ok(changed) => (judged(changed).map_err(Failed::from), Vec::new()),
        Err(refusal) => (Err(problem(&refusal).into()), Vec::new()),
    };
    let failed = failed.into_iter().map(|part| {
        Err(Failed {
            problem: problem(&part.refusal),
            registration: part.registration,
        })
    });
    std::iter::once(done).chain(failed)
}

/// The response to a write of one entity of which some of several sources have not done their part.
///
/// # Errors
/// 500
pub(super) async fn partly(id: &EntityId, partly: Box<Partly>, scope: &Scope) -> Result<Response, Problem> {
    let mut held = scope.resources.held();
    let parts = in_parts(Ok(EntityChanged::Partly(partly)), whole);
    let outcomes: Outcomes = parts
        .map(|part| (id.as_str().to_owned(), few_words(part, &mut held)))
        .collect();
    some_failed(outcomes, scope, held).await
}

fn few_words(outcome: Result<EntityChanged, Failed>, held: &mut Held) -> Result<EntityChanged, Failed> {
    outcome.map_err(|failed| Failed {
        problem: in_few_words(failed.problem, held),
        ..failed
    })
}

/// A problem whose detail is counted, or one without it where there is no room for that. Names in a detail may be as long as an
/// @context makes them, of each of many entities.
fn in_few_words(problem: Problem, held: &mut Held) -> Problem {
    // In the answer it stands once more, with what is escaped of it.
    let more = problem.detail.len().saturating_mul(3).saturating_sub(OF_A_DETAIL);
    if more == 0 || held.grow(more).is_ok() {
        return problem;
    }
    let detail = "what is wrong with this one does not fit into the answer beside the others; send it by itself";
    Problem::new(problem.error_type, detail)
}

/// An entity of which a part was left as it is has failed, however much of it was changed (clauses 5.6.3.4 and 5.6.9.4).
//= 5.6.9.4-2
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
