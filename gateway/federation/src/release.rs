//! The one way out: what of an entity leaves, to a consumer or to the endpoint of its subscription. It is projected on
//! the grant of its owner, then looked through by the owner's inspection. What was found is counted, and told in the log
//! once a question, by rule, action and attribute: never a value, never an id.

use std::sync::{Mutex, PoisonError};

use kakehashi_adapters::SourceId;
use kakehashi_core::names::{ConsumerId, TenantId};
use kakehashi_documents::vocabulary::compact_attribute;
use kakehashi_policy::GrantSet;
use kakehashi_policy::inspection::Finding;
use ngsi_ld::Entity;

use super::registry::RegisteredSource;

/// Most kinds of findings that one question tells of one by one. There are four rules and three actions; what differs
/// beyond that is the attribute.
const MOST_KINDS: usize = 64;

/// Keeps what is found while one consumer's question about one source is answered, and tells it when that ends, however
/// it ends.
#[derive(Debug)]
pub struct Audit {
    consumer: ConsumerId,
    tenant: TenantId,
    source: SourceId,
    found: Mutex<Vec<(Finding, u64)>>,
}

impl Audit {
    /// For one consumer and what one source holds.
    #[must_use]
    pub fn new(consumer: &ConsumerId, source: &RegisteredSource) -> Self {
        Self {
            consumer: consumer.clone(),
            tenant: source.tenant.clone(),
            source: source.id.clone(),
            found: Mutex::new(Vec::new()),
        }
    }

    fn note(&self, finding: Finding) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, count)) = found.iter_mut().find(|(earlier, _)| *earlier == finding) {
            *count += 1;
        } else if found.len() < MOST_KINDS {
            found.push((finding, 1));
        }
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        let found = self.found.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (finding, count) in found.drain(..) {
            tracing::info!(
                consumer = %self.consumer,
                tenant = %self.tenant,
                source_id = %self.source,
                rule = %finding.rule,
                action = %finding.action,
                attribute = finding.attribute.as_ref().map(compact_attribute).as_deref(),
                values = count,
                "inspection found somebody's number or address"
            );
        }
    }
}

impl RegisteredSource {
    /// What leaves of an entity of this source; `None`: nothing.
    #[must_use]
    pub fn release(&self, grants: &GrantSet, entity: Entity, audit: &Audit) -> Option<Entity> {
        let granted = grants.project(entity)?;
        self.inspection.inspect(granted, &mut |finding| {
            self.findings.count(&self.tenant, &finding);
            audit.note(finding);
        })
    }
}
