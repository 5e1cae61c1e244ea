//! `limits` of a tenant: how many questions may touch its sources, whoever asks. A tenant that has had its
//! share of questions costs its own part of the answer, like a source that is overloaded.

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use hashbrown::HashMap;

use crate::config::{Tenant, TenantId};

/// The limiters of the tenants that have limits.
#[derive(Debug, Default)]
pub struct TenantLimiters {
    by_tenant: HashMap<TenantId, DefaultDirectRateLimiter>,
}

impl TenantLimiters {
    /// A limiter for each tenant that has limits.
    #[must_use]
    pub fn new(tenants: &[Tenant]) -> Self {
        let by_tenant = tenants.iter().filter_map(|tenant| {
            let limits = tenant.limits?;
            let quota = Quota::per_second(limits.requests_per_second).allow_burst(limits.burst);
            Some((tenant.id.clone(), RateLimiter::direct(quota)))
        });
        Self {
            by_tenant: by_tenant.collect(),
        }
    }

    /// Spends one of the tenant's tokens; false when none is left.
    #[must_use]
    pub fn admit(&self, tenant: &TenantId) -> bool {
        self.by_tenant.get(tenant).is_none_or(|limiter| limiter.check().is_ok())
    }
}
