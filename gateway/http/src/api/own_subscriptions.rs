//! What the operations on subscriptions share (clauses 6.10 and 6.11). A subscription exists for the consumer that made
//! it; for everybody else its address leads nowhere.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use http::Method;
use kakehashi_adapters::SourceId;
use kakehashi_contexts::{NamedContext, RequestContext};
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use kakehashi_subscriptions::access::Access;
use kakehashi_subscriptions::definition::Subscription;
use kakehashi_subscriptions::{CannotStore, Entry, Fault, Key, MOST_BYTES, Maker, NotLoaded, members_of};
use ngsi_ld::check_absolute;
use serde_json::{Map, Value};

use super::parameters::Parameters;
use super::request_body::RequestBody;
use super::scope::Scope;
use crate::problem::{ErrorType, Problem};

/// The members of the body without `@context`, and the @context that holds for them.
pub(super) async fn read_body(
    method: Method,
    body: Body,
    scope: &Scope,
) -> Result<(Map<String, Value>, RequestContext), Problem> {
    let body = RequestBody::read(&method, body, scope).await?;
    if body.bytes().len() > MOST_BYTES {
        let detail = format!("a subscription may have {MOST_BYTES} bytes");
        return Err(Problem::new(ErrorType::ContentTooLarge, detail));
    }
    let mut members = members_of(body.bytes())?;
    let context = body.context(scope).await?;
    members.remove("@context");
    Ok((members, context))
}

/// Whether the consumer may have such a subscription, and whether it can be served whole.
pub(super) fn check(
    gateway: &Gateway,
    scope: &Scope,
    subscription: &Subscription,
    operation: Operation,
) -> Result<(), Problem> {
    if !gateway.subscriptions.may_notify(subscription) {
        let detail = "member `notification.endpoint.uri`: notifications go to http:// and https:// addresses that are public; \
                      where another is meant, the operator names its range in `egress_allow` of [gateway]";
        return Err(Problem::new(ErrorType::BadRequestData, detail));
    }
    let access = Access {
        revision: &scope.revision,
        consumer: &scope.caller.0,
        tenant: scope.tenant.as_ref(),
    };
    let silent = access.silent_sources(subscription);
    if !silent.is_empty() {
        let names: Vec<&str> = silent.iter().map(SourceId::as_str).collect();
        let detail = format!(
            "sources that may hold what you subscribe to cannot tell of changes: {}; `localOnly: true` limits the \
             subscription to the store",
            names.join(", ")
        );
        return Err(Problem::new(ErrorType::OperationNotSupported, detail));
    }
    if !access.is_granted(operation, subscription) {
        let detail = match access.may_read(subscription) {
            true => {
                "you may read entities of these types, and not subscribe to them: ask the municipality for a permit with \
                 Action::\"subscribe\""
            }
            false => {
                "nothing is granted to you of these types: see whether they are spelt as `GET /types` has them, or ask the \
                 municipality for a permit with Action::\"read\" and Action::\"subscribe\""
            }
        };
        return Err(Problem::new(ErrorType::Forbidden, detail));
    }
    Ok(())
}

/// Checks the @context of notifications that the consumer names, or gives the subscription the one that it came
/// under. One that has no address gets one here (kind ImplicitlyCreated).
//= 5.2.12-7, 5.8.1.4-9, 5.8.1.4-10, 5.8.2.4-5
pub(super) async fn set_context(
    scope: &Scope,
    subscription: &mut Subscription,
    applicable: &RequestContext,
) -> Result<(), Problem> {
    let contexts = &scope.revision.contexts;
    let user = scope.context_user();
    if let Some(url) = &subscription.json_ld_context {
        contexts.resolve(NamedContext::Url(url), &user).await?;
        return Ok(());
    }
    let published = contexts.publish(applicable, &user).await?;
    let url = published.url.ok_or_else(|| {
        let detail = "the @context of the subscription would be stored for you, and you have as many as you may; \
                      delete one, or name one with `jsonldContext`";
        Problem::new(ErrorType::BadRequestData, detail)
    })?;
    // It is looked up as notifications will: they must find it.
    contexts.resolve(NamedContext::Url(&url), &user).await?;
    subscription.json_ld_context = Some(url.to_string());
    Ok(())
}

/// By what, and for what, whoever asks makes a subscription.
pub(super) fn maker(scope: &Scope) -> Maker {
    Maker {
        purpose: scope.caller.0.purpose.clone(),
        proof: Some(scope.proof.clone()),
    }
}

pub(super) fn key(scope: &Scope, id: &str) -> Key {
    Key {
        owner: scope.caller.0.id.clone(),
        tenant: scope.tenant.clone(),
        id: id.into(),
    }
}

/// The id in the path, which must be a URI (clause 5.8.3.4).
//= 5.8.2.4-1, 5.8.3.4-1, 5.8.5.4-1
pub(super) fn checked_id(id: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    let Ok(Path(id)) = id else {
        let detail = "the subscription id is not a URI: its percent-encoded bytes are not UTF-8";
        return Err(Problem::new(ErrorType::BadRequestData, detail));
    };
    check_absolute(&id).map_err(|error| {
        let detail = format!("the subscription id in the path is not a URI: {error}");
        Problem::new(ErrorType::BadRequestData, detail)
    })?;
    Ok(id)
}

/// The caller's own subscription. Of those of others it is told what it is told of those that do not exist.
//= 5.8.2.4-2, 5.8.3.4-2, 5.8.5.4-2
pub(super) fn find(gateway: &Gateway, scope: &Scope, id: &str) -> Result<Arc<Entry>, Problem> {
    gateway.subscriptions.loaded()?;
    let found = gateway.subscriptions.get(&key(scope, id));
    found.ok_or_else(|| Problem::new(ErrorType::ResourceNotFound, "you have no subscription of that id"))
}

pub(super) fn wants_system_attributes(parameters: &Parameters<'_>) -> Result<bool, Problem> {
    let mut wanted = false;
    for (position, option) in parameters.list("options")? {
        match option {
            "sysAttrs" => wanted = true,
            "count" => {}
            _ => {
                return Err(Problem::parameter(
                    "options",
                    position,
                    "expected `sysAttrs` or `count`",
                ));
            }
        }
    }
    Ok(wanted)
}

pub(super) fn shown_members(
    scope: &Scope,
    entry: &Entry,
    context: &RequestContext,
    context_in_body: bool,
    system_attributes: bool,
) -> Value {
    let mut members = entry.shown(&scope.revision, &context.context, system_attributes);
    if context_in_body {
        // The member of a context is JSON.
        let member = serde_json::from_str(context.member.get()).unwrap_or_default();
        members.insert("@context".to_owned(), member);
    }
    Value::Object(members)
}

pub(super) fn to_json(value: &Value) -> Result<Vec<u8>, Problem> {
    serde_json::to_vec(value).map_err(|_| Problem::new(ErrorType::InternalError, "the subscriptions cannot be written"))
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let error_type = match fault {
            Fault::NotJson(_) => ErrorType::InvalidRequest,
            Fault::Invalid(_) => ErrorType::BadRequestData,
            Fault::NotOffered(_) => ErrorType::OperationNotSupported,
        };
        Self::new(error_type, fault.to_string())
    }
}

impl From<NotLoaded> for Problem {
    fn from(error: NotLoaded) -> Self {
        Self::later(error.to_string())
    }
}

impl From<CannotStore> for Problem {
    fn from(error: CannotStore) -> Self {
        let error_type = match error {
            CannotStore::State(error) => return error.into(),
            CannotStore::Busy(error) => return error.into(),
            CannotStore::BrokenOff(error) => return error.into(),
            CannotStore::Exists => ErrorType::AlreadyExists,
            CannotStore::Full | CannotStore::TooOften { .. } => ErrorType::BadRequestData,
        };
        Self::new(error_type, error.to_string())
    }
}
