//! `/entityOperations`: batches of entities (clauses 6.14, 6.15 and 6.17). Each entity is a write of its own, so
//! that one that fails costs the others nothing.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};
use kakehashi_adapters::Put;
use ngsi_ld::{Entity, EntityId};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::entity_provision::{problem, written_tenant};
use super::parameters::Parameters;
use super::problem::{ErrorType, Problem, ProblemDetails};
use super::request_body::{RequestBody, check_is_object};
use super::scope::Scope;
use crate::Gateway;
use crate::federation::provide::Provider;
use crate::policy::Operation;

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
type Outcomes = Vec<(String, Result<Done, Problem>)>;

/// What was done with an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Created,
    Replaced,
    Deleted,
}

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
    let tenant = written_tenant(&scope)?;
    let asker = scope.asker(Operation::DeleteBatch);
    let provider = Provider {
        asker: &asker,
        tenant: &tenant,
        call: &scope.gathering(&gateway).call,
        watcher: &scope.watcher(&gateway),
    };
    let mut outcomes: Outcomes = Vec::with_capacity(ids.len());
    for id in ids {
        let outcome = match EntityId::parse(&id) {
            Ok(id) => match provider.delete(&id, None).await {
                Ok(()) => Ok(Done::Deleted),
                Err(refusal) => Err(problem(&refusal)),
            },
            Err(error) => Err(Problem::new(
                ErrorType::BadRequestData,
                format!("the id is not a URI: {error}"),
            )),
        };
        outcomes.push((id, outcome));
    }
    answer(&outcomes)
}

/// Creates or replaces each entity of the body.
async fn write_entities(
    gateway: &Gateway,
    scope: &Scope,
    body: Body,
    operation: Operation,
) -> Result<Response, Problem> {
    let body = RequestBody::read(&Method::POST, body, scope).await?;
    let parts: Vec<&RawValue> = elements(body.bytes(), "an array of entities")?;
    body.check_link(scope)?;
    let mut entities: Vec<(String, Result<Entity, Problem>)> = Vec::with_capacity(parts.len());
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
        entities.push((id, entity));
    }
    let tenant = written_tenant(scope)?;
    let asker = scope.asker(operation);
    let provider = Provider {
        asker: &asker,
        tenant: &tenant,
        call: &scope.gathering(gateway).call,
        watcher: &scope.watcher(gateway),
    };
    let mut outcomes: Outcomes = Vec::with_capacity(entities.len());
    for (id, entity) in entities {
        let outcome = match entity {
            Ok(entity) => write_one(&provider, entity, operation).await,
            Err(problem) => Err(problem),
        };
        outcomes.push((id, outcome));
    }
    answer(&outcomes)
}

async fn write_one(provider: &Provider<'_>, entity: Entity, operation: Operation) -> Result<Done, Problem> {
    let written = if operation == Operation::CreateBatch {
        provider.create(entity).await.map(|()| Put::Created)
    } else {
        provider.put(entity).await
    };
    match written {
        Ok(Put::Created) => Ok(Done::Created),
        Ok(Put::Replaced) => Ok(Done::Replaced),
        Err(refusal) => Err(problem(&refusal)),
    }
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
    let of = |wanted: fn(Done) -> bool| {
        let ids = outcomes
            .iter()
            .filter(move |(_, outcome)| outcome.as_ref().is_ok_and(|done| wanted(*done)));
        ids.map(|(id, _)| id.as_str()).collect::<Vec<&str>>()
    };
    let errors: Vec<BatchEntityError<'_>> = outcomes
        .iter()
        .filter_map(|(id, outcome)| {
            let error = outcome.as_ref().err()?.details();
            Some(BatchEntityError { entity_id: id, error })
        })
        .collect();
    let created = of(|done| done == Done::Created);
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
