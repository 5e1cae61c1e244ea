//! `/entityOperations`: batches of entities (clauses 6.14, 6.15 and 6.17). Each entity is a write of its own, so
//! that one that fails costs the others nothing.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};
use kakehashi_federation::provide::{EntityChange, EntityChanged, WriteRefusal};
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use ngsi_ld::{Entity, EntityId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::entity_provision::problem;
use super::parameters::Parameters;
use super::request_body::{RequestBody, check_is_object};
use super::scope::Scope;
use super::writing::write;
use crate::problem::{ErrorType, Problem, ProblemDetails};

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

/// What became of each entity, in the order of the request.
type Outcomes = Vec<(String, Result<EntityChanged, Problem>)>;

/// What is to become of each entity, in the order of the request; or why nothing becomes of it.
type Changes = Vec<(String, Result<EntityChange, Problem>)>;

/// `POST /entityOperations/create`: createBatch.
pub(super) async fn create(State(gateway): State<Arc<Gateway>>, scope: Scope, body: Body) -> Result<Response, Problem> {
    Parameters::parse(scope.uri.query(), &[], &["local", "via"])?;
    write_entities(&gateway, &scope, body, Operation::CreateBatch).await
}

/// `POST /entityOperations/upsert`: upsertBatch.
pub(super) async fn upsert(State(gateway): State<Arc<Gateway>>, scope: Scope, body: Body) -> Result<Response, Problem> {
    let parameters = Parameters::parse(scope.uri.query(), &["options"], &["local", "via"])?;
    match parameters.text("options")? {
        None | Some("replace") => {}
        Some("update") => {
            let detail = "parameter `options`: `update` is not offered by this version; `replace` is";
            return Err(Problem::new(ErrorType::OperationNotSupported, detail));
        }
        Some(_) => return Err(Problem::parameter("options", 0, "expected `replace`")),
    }
    write_entities(&gateway, &scope, body, Operation::UpsertBatch).await
}

/// `POST /entityOperations/delete`: deleteBatch.
pub(super) async fn delete(State(gateway): State<Arc<Gateway>>, scope: Scope, body: Body) -> Result<Response, Problem> {
    Parameters::parse(scope.uri.query(), &[], &["local", "via"])?;
    let body = RequestBody::read(&Method::POST, body, &scope).await?;
    let ids: Vec<String> = elements(body.bytes(), "an array of entity ids")?;
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
    let changes = ids.into_iter().map(change).collect();
    let outcomes = written(&gateway, &scope, Operation::DeleteBatch, changes).await?;
    answer(&outcomes)
}

/// Creates or replaces each entity of the body.
async fn write_entities(
    gateway: &Arc<Gateway>,
    scope: &Scope,
    body: Body,
    operation: Operation,
) -> Result<Response, Problem> {
    let body = RequestBody::read(&Method::POST, body, scope).await?;
    let parts: Vec<&RawValue> = elements(body.bytes(), "an array of entities")?;
    body.check_link(scope)?;
    let change: fn(Entity) -> EntityChange = match operation {
        Operation::CreateBatch => EntityChange::Create,
        _ => EntityChange::Put,
    };
    let mut changes = Changes::with_capacity(parts.len());
    for (index, part) in parts.iter().enumerate() {
        let json = part.get().as_bytes();
        let entity = body.entity_of(&body.bytes().slice_ref(json), scope).await;
        // An error can be told of an entity only by its id; without one the batch as a whole is refused.
        let id = match (&entity, serde_json::from_slice::<IdMember<'_>>(json)) {
            (Ok(entity), _) => entity.id.as_str().to_owned(),
            (Err(_), Ok(member)) if check_is_object(json).is_ok() && EntityId::parse(&member.id).is_ok() => {
                member.id.into_owned()
            }
            (Err(problem), _) => {
                let detail = format!("[{index}].{}", problem.detail);
                return Err(Problem::new(ErrorType::BadRequestData, detail));
            }
        };
        changes.push((id, entity.map(change)));
    }
    let outcomes = written(gateway, scope, operation, changes).await?;
    answer(&outcomes)
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
                to_make.push(change);
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
                .map_err(|refusal| problem(&refusal)),
        };
        (id, outcome)
    };
    Ok(faults.into_iter().map(outcome).collect())
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
fn answer(outcomes: &Outcomes) -> Result<Response, Problem> {
    let of = |wanted: fn(EntityChanged) -> bool| {
        let ids = outcomes
            .iter()
            .filter(move |(_, outcome)| outcome.as_ref().is_ok_and(|changed| wanted(*changed)));
        ids.map(|(id, _)| id.as_str()).collect::<Vec<&str>>()
    };
    let errors: Vec<BatchEntityError<'_>> = outcomes
        .iter()
        .filter_map(|(id, outcome)| {
            let error = outcome.as_ref().err()?.details();
            Some(BatchEntityError { entity_id: id, error })
        })
        .collect();
    let created = of(|changed| changed == EntityChanged::Created);
    let (status, body) = if !errors.is_empty() {
        let success = of(|_| true);
        let result = BatchOperationResult { success, errors };
        (StatusCode::MULTI_STATUS, serde_json::to_vec(&result))
    } else if created.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    } else {
        (StatusCode::CREATED, serde_json::to_vec(&created))
    };
    let body = body.map_err(|_| Problem::new(ErrorType::InternalError, "the result of the batch cannot be written"))?;
    let mut response = (status, body).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
