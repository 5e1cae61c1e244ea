//! What inspection has found, counted by tenant, rule and action. The counter outlives revisions.

use kakehashi_core::names::TenantId;
use kakehashi_policy::inspection::Finding;
use prometheus::core::Collector;
use prometheus::{IntCounterVec, Opts};

use super::error::{MetricsError, as_metrics_error};

/// Counts findings.
#[derive(Debug, Clone)]
pub struct FindingCounter(IntCounterVec);

impl FindingCounter {
    /// A counter at zero.
    ///
    /// # Errors
    /// [`MetricsError`] when its name is refused, which is a fault of ours.
    pub fn new() -> Result<Self, MetricsError> {
        let about = "Numbers and addresses of persons found in values that were about to leave";
        let opts = Opts::new("kakehashi_inspection_findings_total", about);
        let counter = IntCounterVec::new(opts, &["tenant", "rule", "action"]).map_err(as_metrics_error)?;
        Ok(Self(counter))
    }

    /// Counts one.
    pub fn count(&self, tenant: &TenantId, finding: &Finding) {
        let labels = [tenant.as_str(), finding.rule.as_str(), finding.action.as_str()];
        self.0.with_label_values(&labels).inc();
    }

    pub(super) fn collector(&self) -> Box<dyn Collector> {
        Box::new(self.0.clone())
    }
}
