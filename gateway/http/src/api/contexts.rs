//! `/jsonldContexts` and `/jsonldContexts/{contextId}` (clauses 6.29 and 6.30).
//!
//! Reading is open to whoever may call. Storing and deleting take room and memory of the platform, so they are for
//! consumers that the policies let write, subscribe or register somewhere: they need contexts of their own.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};
use kakehashi_contexts::collection::{CannotAdd, CannotDelete, ContextDetails, Kind};
use kakehashi_contexts::{CONTEXT_RELATION, CONTEXTS_PATH, OWN_CONTEXT_ID};
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use ngsi_ld::context::ContextError;
use ngsi_ld::{Iri, TypeName};
use serde::Serialize;

use super::parameters::Parameters;
use super::request_body::RequestBody;
use super::scope::Scope;
use crate::negotiate::MediaType;
use crate::problem::{ErrorType, Problem};

/// Largest document that is stored, whatever `[gateway.limits]` allows for other bodies: as for downloads.
const MOST_BYTES: usize = 1024 * 1024;

/// What needs contexts of one's own.
const NEEDING: [Operation; 4] = [
    Operation::CreateEntity,
    Operation::CreateBatch,
    Operation::CreateSubscription,
    Operation::CreateRegistration,
];

/// `POST /jsonldContexts`: Add @context.
pub(super) async fn add(State(gateway): State<Arc<Gateway>>, scope: Scope, body: Body) -> Result<Response, Problem> {
    Parameters::parse(scope.uri.query(), &[], &[])?;
    refuse_without_grant(&scope)?;
    // The @context is what is sent here, so it stands in the body in both media types.
    let body = RequestBody::read(&Method::POST, body, &scope).await?;
    if body.bytes().len() > MOST_BYTES {
        let detail = format!("a context may have {MOST_BYTES} bytes");
        return Err(Problem::new(ErrorType::ContentTooLarge, detail));
    }
    let body = std::str::from_utf8(body.bytes())
        .map_err(|_| Problem::new(ErrorType::InvalidRequest, "the body is not UTF-8"))?;
    let (body, consumer) = (body.to_owned(), scope.caller.0.id.clone());
    // What was begun is finished, whoever waits: what is compiled must follow what is stored.
    let adding = async move { scope.revision.contexts.add(&body, &scope.context_user()).await };
    let id = gateway.tasks.state.spawn_for(&consumer, adding)?.await??;
    let mut response = StatusCode::CREATED.into_response();
    // The identifier is hexadecimal.
    if let Ok(location) = HeaderValue::try_from(format!("{CONTEXTS_PATH}/{id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `GET /jsonldContexts`: List @contexts.
pub(super) async fn list(State(_): State<Arc<Gateway>>, scope: Scope) -> Result<Response, Problem> {
    MediaType::negotiate(&scope.headers, false)?;
    let parameters = Parameters::parse(scope.uri.query(), &["details", "kind"], &[])?;
    let details = parameters.boolean("details")?.unwrap_or(false);
    let kind = match parameters.text("kind")? {
        None => None,
        Some(name) => Some(
            Kind::parse(name)
                .ok_or_else(|| Problem::parameter("kind", 0, "expected `Cached`, `Hosted` or `ImplicitlyCreated`"))?,
        ),
    };
    let all = scope.revision.contexts.list(kind, &scope.context_user()).await?;
    if details {
        return json(&all);
    }
    let urls: Vec<&str> = all.iter().map(|details| details.url.as_str()).collect();
    json(&urls)
}

/// `GET /jsonldContexts/{contextId}`: Serve @context.
pub(super) async fn serve(
    State(_): State<Arc<Gateway>>,
    Path(id): Path<String>,
    scope: Scope,
) -> Result<Response, Problem> {
    let media_type = MediaType::negotiate(&scope.headers, false)?;
    let parameters = Parameters::parse(scope.uri.query(), &["details"], &[])?;
    let details = parameters.boolean("details")?.unwrap_or(false);
    let stored = scope.revision.contexts.find(&id, &scope.context_user()).await?;
    let stored = stored.ok_or_else(|| Problem::from(CannotDelete::Unknown))?;
    if details {
        return json::<ContextDetails>(&stored.details);
    }
    let document = stored.document.ok_or_else(|| {
        Problem::new(
            ErrorType::OperationNotSupported,
            "the context is a copy; download it from its own address, or ask for its details",
        )
    })?;
    // The gateway's own is published for JSON-LD processors; the others come as they are asked for.
    let content_type = if id == OWN_CONTEXT_ID {
        MediaType::JsonLd.as_str()
    } else {
        media_type.as_str()
    };
    let mut response = Response::new(Body::from(document.as_ref().to_owned()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    // The gateway's own changes with its version alone; the others are their owners'.
    let cache_control = if id == OWN_CONTEXT_ID {
        "public, max-age=3600"
    } else {
        "private, no-cache"
    };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
    Ok(response)
}

/// `DELETE /jsonldContexts/{contextId}`: Delete and Reload @context.
pub(super) async fn delete(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    scope: Scope,
) -> Result<Response, Problem> {
    let parameters = Parameters::parse(scope.uri.query(), &["reload"], &[])?;
    let reload = parameters.boolean("reload")?.unwrap_or(false);
    refuse_without_grant(&scope)?;
    let consumer = scope.caller.0.id.clone();
    let deleting = async move {
        let contexts = &scope.revision.contexts;
        contexts.delete(&id, reload, &scope.context_user()).await
    };
    gateway.tasks.state.spawn_for(&consumer, deleting)?.await??;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `DELETE /jsonldContexts/`: clause 5.13.5.4 wants to be told which.
pub(super) async fn delete_without_identifier() -> Problem {
    Problem::new(
        ErrorType::BadRequestData,
        format!("name the context that is to be deleted: {CONTEXTS_PATH}/<identifier>"),
    )
}

/// Refuses a consumer that no policy of any tenant lets do anything for which it needs contexts of its own.
fn refuse_without_grant(scope: &Scope) -> Result<(), Problem> {
    let policies = &scope.revision.config.policy;
    let consumer = &scope.caller.0;
    // The IRI of contexts themselves, which nobody classifies: a permit for every type covers it.
    let unnamed = TypeName::new(Iri::new(CONTEXT_RELATION));
    let granted = scope.revision.registry.sources().iter().any(|source| {
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

fn json<T: Serialize + ?Sized>(value: &T) -> Result<Response, Problem> {
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
