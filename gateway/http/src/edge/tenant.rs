//! Which tenant is meant (clauses 4.14 and 6.3.14). Without `NGSILD-Tenant` it is the federation of all, or the tenant that is
//! configured.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use kakehashi_core::consumer::Consumer;
use kakehashi_core::names::TenantId;
use kakehashi_federation::registry::{RegisteredSource, Registry};
use kakehashi_policy::{Operation, PolicyEngine, unnamed_type};
use kakehashi_revision::Revision;

use super::Caller;
use crate::problem::{ErrorType, Problem};

pub(super) const TENANT: HeaderName = HeaderName::from_static("ngsild-tenant");

/// What the header says, which is said back whatever comes of it (clause 6.3.14).
pub(super) fn named(headers: &HeaderMap) -> Result<Option<HeaderValue>, Problem> {
    let mut values = headers.get_all(&TENANT).iter();
    match (values.next(), values.next()) {
        (named, None) => Ok(named.cloned()),
        (_, Some(_)) => {
            let detail = "header `NGSILD-Tenant`: is given twice; give it once";
            Err(Problem::new(ErrorType::InvalidRequest, detail))
        }
    }
}

/// A tenant of which the caller may see nothing is as unknown as one that does not exist.
//= 5.5.10-1
pub(super) fn look_up(revision: &Revision, caller: &Caller, named: &HeaderValue) -> Result<TenantId, Problem> {
    let known = named.to_str().ok().and_then(|name| revision.config.tenant(name));
    let (policies, registry) = (&revision.config.policy, &revision.registry);
    match known.filter(|tenant| may_see_something(policies, registry, &caller.0, &tenant.id)) {
        Some(tenant) => Ok(tenant.id.clone()),
        None => Err(Problem::new(
            ErrorType::NonexistentTenant,
            match revision.config.gateway.without_tenant {
                None => "no tenant of that name; leave NGSILD-Tenant out to ask all",
                Some(_) => "no tenant of that name; leave NGSILD-Tenant out to ask the default tenant",
            },
        )),
    }
}

/// Whether the consumer belongs to the tenant, or may read or write any type of any of its sources.
pub fn may_see_something(
    policies: &PolicyEngine,
    registry: &Registry,
    consumer: &Arc<Consumer>,
    tenant: &TenantId,
) -> bool {
    let unnamed = unnamed_type();
    let is_granted = |source: &RegisteredSource| {
        let known = policies.known_types().iter();
        let mut held = known.chain([&unnamed]).filter(|r#type| source.may_hold(r#type, &[]));
        held.any(|r#type| {
            let mut operations = [Operation::QueryEntity, Operation::CreateEntity].into_iter();
            operations.any(|operation| {
                let grant = policies.grant(consumer, operation, tenant, r#type, source.personal_data);
                !grant.is_empty()
            })
        })
    };
    let mut sources = registry.configured().iter().filter(|source| source.tenant == *tenant);
    consumer.tenant() == Some(tenant) || sources.any(|source| is_granted(source))
}
