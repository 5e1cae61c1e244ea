//! `limits` of a tenant: how many questions may touch its sources, whoever asks. A tenant that has had its
//! share of questions costs its own part of the answer, like a source that is overloaded.

use std::sync::Arc;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use hashbrown::HashMap;
use kakehashi_config::{Tenant, TenantLimits};
use kakehashi_core::names::TenantId;

/// The limiters of the tenants that have limits.
#[derive(Debug, Default)]
pub struct TenantLimiters {
    by_tenant: HashMap<TenantId, (TenantLimits, Arc<DefaultDirectRateLimiter>)>,
}

impl TenantLimiters {
    /// A limiter for each tenant that has limits.
    #[must_use]
    pub fn new(tenants: &[Tenant]) -> Self {
        Self::after(&Self::default(), tenants)
    }

    /// The same after a reload: where the limits of a tenant are what they were, so is what is left of them.
    #[must_use]
    pub fn after(earlier: &Self, tenants: &[Tenant]) -> Self {
        let by_tenant = tenants.iter().filter_map(|tenant| {
            let limits = tenant.limits?;
            let known = earlier.by_tenant.get(&tenant.id).filter(|(known, _)| *known == limits);
            let limiter = known.map_or_else(
                || {
                    let quota = Quota::per_second(limits.requests_per_second).allow_burst(limits.burst);
                    Arc::new(RateLimiter::direct(quota))
                },
                |(_, limiter)| Arc::clone(limiter),
            );
            Some((tenant.id.clone(), (limits, limiter)))
        });
        Self {
            by_tenant: by_tenant.collect(),
        }
    }

    /// Spends one of the tenant's tokens; false when none is left.
    #[must_use]
    pub fn admit(&self, tenant: &TenantId) -> bool {
        let limiter = self.by_tenant.get(tenant);
        limiter.is_none_or(|(_, limiter)| limiter.check().is_ok())
    }
}
