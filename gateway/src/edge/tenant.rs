//! Which tenant is meant (clauses 4.14 and 6.3.14). Without `NGSILD-Tenant`, the federation of all.

use std::sync::Arc;

use axum::Extension;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue};

use super::Caller;
use crate::Revision;
use crate::api::problem::{ErrorType, Problem};
use crate::config::{Consumer, TenantId};
use crate::federation::registry::{RegisteredSource, Registry};
use crate::policy::{Operation, PolicyEngine};

/// The tenant of a request; `None`: the federation.
#[derive(Debug, Clone)]
pub struct RequestedTenant(pub Option<TenantId>);

const TENANT: HeaderName = HeaderName::from_static("ngsild-tenant");

/// Looks the tenant up, and says it back as clause 6.3.14 asks.
pub(super) async fn tenant(
    Extension(revision): Extension<Arc<Revision>>,
    mut request: Request,
    next: Next,
) -> Response {
    let mut values = request.headers().get_all(&TENANT).iter();
    let named = match (values.next(), values.next()) {
        (None, _) => None,
        (Some(value), None) => Some(value.clone()),
        (Some(_), Some(_)) => {
            let detail = "header `NGSILD-Tenant`: is given twice; give it once";
            return Problem::new(ErrorType::InvalidRequest, detail).into_response();
        }
    };
    let caller = request.extensions().get::<Caller>().cloned();
    let mut response = match look_up(&revision, caller.as_ref(), named.as_ref()) {
        Ok(tenant) => {
            request.extensions_mut().insert(RequestedTenant(tenant));
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    if let Some(named) = named {
        response.headers_mut().insert(TENANT, named);
    }
    response
}

/// A tenant of which the caller may see nothing is as unknown as one that does not exist.
fn look_up(
    revision: &Revision,
    caller: Option<&Caller>,
    named: Option<&HeaderValue>,
) -> Result<Option<TenantId>, Problem> {
    let Some(named) = named else { return Ok(None) };
    let known = named.to_str().ok().and_then(|name| revision.config.tenant(name));
    let visible = known.filter(|tenant| {
        caller
            .is_some_and(|caller| may_see_something(&revision.config.policy, &revision.registry, &caller.0, &tenant.id))
    });
    match visible {
        Some(tenant) => Ok(Some(tenant.id.clone())),
        None => Err(Problem::new(
            ErrorType::NonexistentTenant,
            "no tenant of that name; leave NGSILD-Tenant out to ask all",
        )),
    }
}

/// Whether the consumer belongs to the tenant, or may read or write any type of any of its sources.
pub(crate) fn may_see_something(
    policies: &PolicyEngine,
    registry: &Registry,
    consumer: &Arc<Consumer>,
    tenant: &TenantId,
) -> bool {
    let is_granted = |source: &RegisteredSource| {
        let held = policies
            .known_types()
            .iter()
            .filter(|r#type| source.may_hold(r#type, &[]));
        held.into_iter().any(|r#type| {
            let mut operations = [Operation::QueryEntity, Operation::CreateEntity].into_iter();
            operations.any(|operation| {
                let grant = policies.grant(consumer, operation, tenant, r#type, source.personal_data);
                !grant.is_empty()
            })
        })
    };
    let mut sources = registry.sources().iter().filter(|source| source.tenant == *tenant);
    consumer.tenant() == Some(tenant) || sources.any(|source| is_granted(source))
}
