//! Which tenant is meant (clauses 4.14 and 6.3.14). Without `NGSILD-Tenant`, the federation of all.

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Caller;
use crate::Revision;
use crate::api::problem::{ErrorType, Problem};
use crate::config::TenantId;
use crate::federation::registry::RegisteredSource;
use crate::policy::Operation;

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
pub(super) fn look_up(revision: &Revision, caller: &Caller, named: &HeaderValue) -> Result<TenantId, Problem> {
    let known = named.to_str().ok().and_then(|name| revision.config.tenant(name));
    match known.filter(|tenant| may_see_something(revision, caller, &tenant.id)) {
        Some(tenant) => Ok(tenant.id.clone()),
        None => Err(Problem::new(
            ErrorType::NonexistentTenant,
            "no tenant of that name; leave NGSILD-Tenant out to ask all",
        )),
    }
}

/// Whether the caller belongs to the tenant, or may read or write any type of any of its sources.
fn may_see_something(revision: &Revision, caller: &Caller, tenant: &TenantId) -> bool {
    let policies = &revision.config.policy;
    let is_granted = |source: &RegisteredSource| {
        let held = policies
            .known_types()
            .iter()
            .filter(|r#type| source.may_hold(r#type, &[]));
        held.into_iter().any(|r#type| {
            let mut operations = [Operation::QueryEntity, Operation::CreateEntity].into_iter();
            operations.any(|operation| {
                let grant = policies.grant(&caller.0, operation, tenant, r#type, source.personal_data);
                !grant.is_empty()
            })
        })
    };
    let mut sources = revision
        .registry
        .sources()
        .iter()
        .filter(|source| source.tenant == *tenant);
    caller.0.tenant() == Some(tenant) || sources.any(|source| is_granted(source))
}
