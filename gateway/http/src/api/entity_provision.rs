//! `POST /entities` and `DELETE /entities/{entityId}` (clauses 6.4.3.1 and 6.5.3.2).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};
use kakehashi_adapters::ErrorKind;
use kakehashi_core::consumer::Affiliation;
use kakehashi_core::names::TenantId;
use kakehashi_federation::provide::{EntityChange, Ungranted, WriteRefusal};
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use ngsi_ld::EntityId;
use ngsi_ld::query::TypeSelection;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::parameters::Parameters;
use super::request_body::RequestBody;
use super::scope::Scope;
use super::writing::write;
use crate::problem::{ErrorType, Problem};

/// What cannot stand in a path segment as it is (RFC 3986 section 3.3).
const NOT_IN_SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The collection of entities, below the public URL.
const ENTITIES_PATH: &str = "/ngsi-ld/v1/entities";

/// `POST /entities`: createEntity.
pub(super) async fn create(State(gateway): State<Arc<Gateway>>, scope: Scope, body: Body) -> Result<Response, Problem> {
    Parameters::parse(scope.uri.query(), &[], &["local", "via"])?;
    let body = RequestBody::read(&Method::POST, body, &scope).await?;
    let entity = body.entity(&scope).await?;
    let id = entity.id.clone();
    let change = EntityChange::Create(entity);
    write_one(&gateway, &scope, Operation::CreateEntity, change).await?;
    let mut response = StatusCode::CREATED.into_response();
    if let Some(location) = location(ENTITIES_PATH, id.as_str()) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `DELETE /entities/{entityId}`: deleteEntity.
pub(super) async fn delete(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    scope: Scope,
) -> Result<Response, Problem> {
    let parameters = Parameters::parse(scope.uri.query(), &["type"], &["local", "via"])?;
    let id = EntityId::parse(&id).map_err(|error| {
        Problem::new(
            ErrorType::BadRequestData,
            format!("the entity id in the path is not a URI (at position 0 of the id): {error}"),
        )
    })?;
    let types = match parameters.text("type")? {
        None | Some("*") => None,
        Some(text) => {
            let context = scope.context().await?;
            let selection = TypeSelection::parse(text, &context.context).map_err(|error| {
                let detail = format_args!("expected {}, found {}", error.expected, error.found);
                Problem::parameter("type", error.position, detail)
            })?;
            Some(selection)
        }
    };
    let change = EntityChange::Delete { id, types };
    write_one(&gateway, &scope, Operation::DeleteEntity, change).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn write_one(
    gateway: &Arc<Gateway>,
    scope: &Scope,
    operation: Operation,
    change: EntityChange,
) -> Result<(), Problem> {
    let outcomes = write(gateway, scope, operation, vec![change]).await?;
    let refusal = outcomes.into_iter().find_map(Result::err);
    refusal.map_or(Ok(()), |refusal| Err(problem(&refusal)))
}

/// Whose partition a write goes to: that of the tenant that the request names, or else of the consumer's own.
///
/// # Errors
/// 403 when the consumer belongs to no tenant and names none: there is nothing of its own to write to.
pub(super) fn written_tenant(scope: &Scope) -> Result<TenantId, Problem> {
    if let Some(tenant) = &scope.tenant {
        return Ok(tenant.clone());
    }
    match &scope.caller.0.affiliation {
        Some(Affiliation::Tenant(tenant)) => Ok(tenant.clone()),
        _ => Err(Problem::new(
            ErrorType::Forbidden,
            "you belong to no tenant; name the one whose data you may write in NGSILD-Tenant",
        )),
    }
}

/// Why nothing was written, as the consumer is told.
pub(super) fn problem(refusal: &WriteRefusal) -> Problem {
    let error_type = match refusal {
        WriteRefusal::Forbidden(ungranted) => {
            let detail = match ungranted {
                Ungranted::Everything | Ungranted::Uncovered | Ungranted::Id => ungranted.to_string(),
                Ungranted::Type(name) => format!("{ungranted}: {name}"),
                Ungranted::Attribute(name) | Ungranted::SubAttribute(name) => format!("{ungranted}: {name}"),
            };
            return Problem::new(ErrorType::Forbidden, detail);
        }
        WriteRefusal::NotWritable => ErrorType::OperationNotSupported,
        WriteRefusal::Overloaded => ErrorType::TooManyRequests,
        WriteRefusal::AlreadyExists => ErrorType::AlreadyExists,
        WriteRefusal::NotFound => ErrorType::ResourceNotFound,
        WriteRefusal::CannotHold(_) => ErrorType::BadRequestData,
        WriteRefusal::Late | WriteRefusal::CallerLeft => ErrorType::Unavailable,
        WriteRefusal::Source(error) if error.kind == ErrorKind::InsufficientStorage => {
            let detail =
                "nothing was written: the disk of the store is full; once there is room the same request works";
            return Problem::new(ErrorType::InsufficientStorage, detail);
        }
        WriteRefusal::Source(error) if error.kind == ErrorKind::Unwritable => {
            return Problem::later("nothing was written: the store cannot be written now; try again");
        }
        WriteRefusal::Source(error) if error.kind.is_retryable() => return Problem::later(refusal.to_string()),
        WriteRefusal::Source(_) => ErrorType::InternalError,
    };
    Problem::new(error_type, refusal.to_string())
}

/// The relative path of what was created in a collection (Tables 6.4.3.1-1 and 6.10.3.1-1).
pub(super) fn location(collection: &str, id: &str) -> Option<HeaderValue> {
    let segment = utf8_percent_encode(id, NOT_IN_SEGMENT);
    HeaderValue::try_from(format!("{collection}/{segment}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_one_segment_that_leads_back_to_the_id() {
        for (id, expected) in [
            ("urn:ngsi-ld:AED:1", "/ngsi-ld/v1/entities/urn:ngsi-ld:AED:1"),
            (
                "https://a.jp/b?c=d#e",
                "/ngsi-ld/v1/entities/https:%2F%2Fa.jp%2Fb%3Fc=d%23e",
            ),
            ("urn:佐野", "/ngsi-ld/v1/entities/urn:%E4%BD%90%E9%87%8E"),
        ] {
            let location = location(ENTITIES_PATH, id).unwrap();
            assert_eq!(location.to_str().unwrap(), expected);
        }
    }
}
