//! What the operations on @contexts share (clauses 6.29 and 6.30).
//!
//! Reading is open to whoever may call. Storing and deleting take room and memory of the platform, so they are for
//! consumers that the policies let write, subscribe or register somewhere: they need contexts of their own.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, header};
use kakehashi_contexts::CONTEXT_RELATION;
use kakehashi_contexts::collection::{CannotAdd, CannotDelete};
use kakehashi_policy::Operation;
use ngsi_ld::context::ContextError;
use ngsi_ld::{Iri, TypeName};
use serde::Serialize;

use super::scope::Scope;
use crate::problem::{ErrorType, Problem};

/// What needs contexts of one's own.
const NEEDING: [Operation; 4] = [
    Operation::CreateEntity,
    Operation::CreateBatch,
    Operation::CreateSubscription,
    Operation::CreateRegistration,
];

/// Refuses a consumer that no policy of any tenant lets do anything for which it needs contexts of its own.
pub(super) fn refuse_without_grant(scope: &Scope) -> Result<(), Problem> {
    let policies = &scope.revision.config.policy;
    let consumer = &scope.caller.0;
    // The IRI of contexts themselves, which nobody classifies: a permit for every type covers it.
    let unnamed = TypeName::new(Iri::new(CONTEXT_RELATION));
    let granted = scope.revision.registry.configured().iter().any(|source| {
        let named = source.provides.iter().filter_map(|provision| provision.r#type.as_ref());
        let any = source.provides.iter().any(|provision| provision.r#type.is_none());
        let known = policies.known_types().iter().chain([&unnamed]).filter(|_| any);
        named.chain(known).any(|r#type| {
            NEEDING.iter().any(|operation| {
                let grant = policies.grant(consumer, *operation, &source.tenant, r#type, source.personal_data);
                !grant.is_empty()
            })
        })
    });
    if granted {
        return Ok(());
    }
    let detail = "contexts are stored and deleted by consumers that may write, subscribe or register; you may not";
    Err(Problem::new(ErrorType::Forbidden, detail))
}

pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> Result<Response, Problem> {
    let body = serde_json::to_vec(value)
        .map_err(|_| Problem::new(ErrorType::InternalError, "the contexts cannot be written"))?;
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    Ok(response)
}

impl From<CannotAdd> for Problem {
    fn from(error: CannotAdd) -> Self {
        let error_type = match error {
            CannotAdd::State(error) => return error.into(),
            // Without the one member that the operation takes, the request itself is wrong.
            CannotAdd::Json | CannotAdd::Context(ContextError::Missing) => ErrorType::InvalidRequest,
            CannotAdd::Context(_) | CannotAdd::Full => ErrorType::BadRequestData,
        };
        Self::new(error_type, error.to_string())
    }
}

impl From<CannotDelete> for Problem {
    //= 5.13.5.4-2, 5.13.5.4-4
    fn from(error: CannotDelete) -> Self {
        let error_type = match error {
            CannotDelete::State(error) => return error.into(),
            CannotDelete::Unknown => ErrorType::ResourceNotFound,
            CannotDelete::BuiltIn | CannotDelete::NotCached => ErrorType::BadRequestData,
            CannotDelete::Unavailable(_) => ErrorType::LdContextNotAvailable,
        };
        Self::new(error_type, error.to_string())
    }
}
