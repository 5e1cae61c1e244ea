//! `/subscriptions` and `/subscriptions/{subscriptionId}` (clauses 6.10 and 6.11). A subscription exists for the
//! consumer that made it; for everybody else its address leads nowhere.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode, header};
use kakehashi_adapters::SourceId;
use kakehashi_contexts::{NamedContext, RequestContext};
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use kakehashi_subscriptions::access::Access;
use kakehashi_subscriptions::definition::Subscription;
use kakehashi_subscriptions::{
    CannotStore, Entry, Fault, Key, MOST_BYTES, Maker, NotLoaded, SUBSCRIPTIONS_PATH, members_of, now,
};
use ngsi_ld::check_absolute;
use serde_json::{Map, Value};

use super::entity_provision::location;
use super::parameters::Parameters;
use super::request_body::RequestBody;
use super::scope::Scope;
use super::{question, respond};
use crate::negotiate::MediaType;
use crate::problem::{ErrorType, Problem};

/// `POST /subscriptions`: createSubscription.
pub(super) async fn create(State(gateway): State<Arc<Gateway>>, scope: Scope, body: Body) -> Result<Response, Problem> {
    Parameters::parse(scope.uri.query(), &[], &["local", "via"])?;
    gateway.subscriptions.loaded()?;
    let (members, context) = read_body(Method::POST, body, &scope).await?;
    let generated = format!("urn:ngsi-ld:Subscription:{:032x}", rand::random::<u128>());
    let mut subscription = Subscription::create(&members, &context.context, generated, &now())?;
    check(&gateway, &scope, &subscription, Operation::CreateSubscription)?;
    let key = key(&scope, &subscription.id);
    if gateway.subscriptions.get(&key).is_some() {
        return Err(CannotStore::Exists.into());
    }
    set_context(&scope, &mut subscription, &context).await?;
    let maker = maker(&scope);
    let subscriptions = &gateway.subscriptions;
    // Two at once must not both take what the limits leave.
    let change = subscriptions.change(&key.owner).await;
    subscriptions.check_rate(&scope.caller.0, &key, &subscription)?;
    subscriptions.add(change, key.clone(), maker, subscription).await?;
    let mut response = StatusCode::CREATED.into_response();
    if let Some(location) = location(SUBSCRIPTIONS_PATH, &key.id) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `GET /subscriptions`: querySubscription.
pub(super) async fn list(State(gateway): State<Arc<Gateway>>, scope: Scope) -> Result<Response, Problem> {
    let media_type = MediaType::negotiate(&scope.headers, false)?;
    let context = scope.context().await?;
    let parameters = Parameters::parse(scope.uri.query(), &["limit", "offset", "count", "options"], &["via"])?;
    let system_attributes = wants_system_attributes(&parameters)?;
    let (page, count) = question::page(&parameters, &scope.surroundings(&context, media_type))?;
    gateway.subscriptions.loaded()?;
    let all = gateway.subscriptions.list(&scope.caller.0.id, scope.tenant.as_ref());
    let in_body = media_type == MediaType::JsonLd;
    let shown = all.iter().skip(page.offset).take(page.limit);
    let shown: Vec<Value> = shown
        .map(|entry| shown_members(&scope, entry, &context, in_body, system_attributes))
        .collect();
    let more = page.limit > 0 && page.offset.saturating_add(shown.len()) < all.len();
    let mut response = respond::rendered(to_json(&Value::Array(shown))?, media_type, &context, in_body);
    respond::add_count(&mut response, count.then_some(all.len() as u64));
    let (path, query) = (scope.uri.path(), scope.uri.query().unwrap_or_default());
    respond::add_page_links(&mut response, path, query, page, more, media_type);
    Ok(response)
}

/// `GET /subscriptions/{subscriptionId}`: retrieveSubscription.
pub(super) async fn retrieve(
    State(gateway): State<Arc<Gateway>>,
    id: Result<Path<String>, PathRejection>,
    scope: Scope,
) -> Result<Response, Problem> {
    let media_type = MediaType::negotiate(&scope.headers, false)?;
    let id = checked_id(id)?;
    let context = scope.context().await?;
    let parameters = Parameters::parse(scope.uri.query(), &["options"], &["via"])?;
    let system_attributes = wants_system_attributes(&parameters)?;
    let entry = find(&gateway, &scope, &id)?;
    let in_body = media_type == MediaType::JsonLd;
    let shown = shown_members(&scope, &entry, &context, in_body, system_attributes);
    Ok(respond::rendered(to_json(&shown)?, media_type, &context, in_body))
}

/// `PATCH /subscriptions/{subscriptionId}`: updateSubscription.
pub(super) async fn update(
    State(gateway): State<Arc<Gateway>>,
    id: Result<Path<String>, PathRejection>,
    scope: Scope,
    body: Body,
) -> Result<Response, Problem> {
    Parameters::parse(scope.uri.query(), &[], &["local", "via"])?;
    let id = checked_id(id)?;
    let (members, context) = read_body(Method::PATCH, body, &scope).await?;
    // Two changes at once must not undo each other.
    let change = gateway.subscriptions.change(&scope.caller.0.id).await;
    let entry = find(&gateway, &scope, &id)?;
    let mut subscription = entry.subscription.patched(&members, &context.context, &now())?;
    check(&gateway, &scope, &subscription, Operation::UpdateSubscription)?;
    if members.contains_key("jsonldContext") {
        set_context(&scope, &mut subscription, &context).await?;
    }
    let subscriptions = &gateway.subscriptions;
    subscriptions.check_rate(&scope.caller.0, &entry.key, &subscription)?;
    subscriptions
        .replace(change, &entry, scope.proof.clone(), subscription)
        .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `DELETE /subscriptions/{subscriptionId}`: deleteSubscription.
pub(super) async fn delete(
    State(gateway): State<Arc<Gateway>>,
    id: Result<Path<String>, PathRejection>,
    scope: Scope,
) -> Result<Response, Problem> {
    Parameters::parse(scope.uri.query(), &[], &["local", "via"])?;
    let id = checked_id(id)?;
    let change = gateway.subscriptions.change(&scope.caller.0.id).await;
    let entry = find(&gateway, &scope, &id)?;
    gateway.subscriptions.delete(change, &entry).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The members of the body without `@context`, and the @context that holds for them.
async fn read_body(method: Method, body: Body, scope: &Scope) -> Result<(Map<String, Value>, RequestContext), Problem> {
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
fn check(gateway: &Gateway, scope: &Scope, subscription: &Subscription, operation: Operation) -> Result<(), Problem> {
    if !gateway.subscriptions.may_notify(subscription) {
        let detail = "member `notification.endpoint.uri`: the address is not one that may be notified";
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
        let detail = "your grant does not permit you to be notified of any entity of these types";
        return Err(Problem::new(ErrorType::Forbidden, detail));
    }
    Ok(())
}

/// Checks the @context of notifications that the consumer names, or gives the subscription the one that it came
/// under. One that has no address gets one here (kind ImplicitlyCreated).
async fn set_context(
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
fn maker(scope: &Scope) -> Maker {
    Maker {
        purpose: scope.caller.0.purpose.clone(),
        proof: Some(scope.proof.clone()),
    }
}

fn key(scope: &Scope, id: &str) -> Key {
    Key {
        owner: scope.caller.0.id.clone(),
        tenant: scope.tenant.clone(),
        id: id.into(),
    }
}

/// The id in the path, which must be a URI (clause 5.8.3.4).
fn checked_id(id: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
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
fn find(gateway: &Gateway, scope: &Scope, id: &str) -> Result<Arc<Entry>, Problem> {
    gateway.subscriptions.loaded()?;
    let found = gateway.subscriptions.get(&key(scope, id));
    found.ok_or_else(|| Problem::new(ErrorType::ResourceNotFound, "you have no subscription of that id"))
}

fn wants_system_attributes(parameters: &Parameters<'_>) -> Result<bool, Problem> {
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

fn shown_members(
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

fn to_json(value: &Value) -> Result<Vec<u8>, Problem> {
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
