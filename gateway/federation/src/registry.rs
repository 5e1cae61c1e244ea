//! The sources of one revision, and which of them may hold entities of a type.

use std::sync::Arc;

use hashbrown::HashMap;
use kakehashi_adapters::SourceId;
use kakehashi_core::names::TenantId;
use ngsi_ld::TypeName;

use super::claimed::ClaimedIds;
pub use super::registered_source::{Provision, RegisteredSource};

/// All sources of one revision. Finding those of a type costs the same at ten sources and at ten thousand.
#[derive(Debug, Default)]
pub struct Registry {
    sources: Vec<Arc<RegisteredSource>>,
    by_name: HashMap<(SourceId, TenantId), usize>,
    by_type: HashMap<TypeName, Vec<usize>>,
    of_any_type: Vec<usize>,
    claimed: Arc<ClaimedIds>,
}

impl Registry {
    /// Takes the sources in the order of the configuration, which is the order of precedence where nothing
    /// else decides.
    #[must_use]
    pub fn new(sources: Vec<RegisteredSource>) -> Self {
        let mut by_type: HashMap<TypeName, Vec<usize>> = HashMap::new();
        let mut of_any_type = Vec::new();
        for (index, source) in sources.iter().enumerate() {
            if source.provides.iter().any(|provision| provision.r#type.is_none()) {
                of_any_type.push(index);
                continue;
            }
            for r#type in source.provides.iter().filter_map(|provision| provision.r#type.as_ref()) {
                let indexes = by_type.entry(r#type.clone()).or_default();
                if indexes.last() != Some(&index) {
                    indexes.push(index);
                }
            }
        }
        let names = sources.iter().map(|source| (source.id.clone(), source.tenant.clone()));
        Self {
            by_name: names.zip(0..).collect(),
            claimed: Arc::new(ClaimedIds::of(&sources)),
            sources: sources.into_iter().map(Arc::new).collect(),
            by_type,
            of_any_type,
        }
    }

    /// The source of that name, or the partition of the store of that name and tenant.
    #[must_use]
    pub fn find(&self, id: &SourceId, owner: &TenantId) -> Option<&Arc<RegisteredSource>> {
        let index = self.by_name.get(&(id.clone(), owner.clone()))?;
        self.sources.get(*index)
    }

    /// Its place in the configuration.
    #[must_use]
    pub fn position(&self, source: &RegisteredSource) -> Option<usize> {
        self.by_name.get(&(source.id.clone(), source.tenant.clone())).copied()
    }

    /// The ids that tenants speak for.
    #[must_use]
    pub fn claimed(&self) -> &Arc<ClaimedIds> {
        &self.claimed
    }

    /// Every source.
    #[must_use]
    pub fn sources(&self) -> &[Arc<RegisteredSource>] {
        &self.sources
    }

    /// The partitions of the store that take writes for a tenant, in the order of the configuration.
    pub fn writable_partitions(&self, tenant: &TenantId) -> impl Iterator<Item = &Arc<RegisteredSource>> {
        let takes_writes = move |source: &&Arc<RegisteredSource>| {
            source.is_store && source.writable && source.tenant == *tenant && source.adapter.writer().is_some()
        };
        self.sources.iter().filter(takes_writes)
    }

    /// The sources that may hold entities of any of these types, each once, in the order of the configuration.
    #[must_use]
    pub fn holding<'a>(&self, types: impl IntoIterator<Item = &'a TypeName>) -> Vec<&Arc<RegisteredSource>> {
        let mut indexes = self.of_any_type.clone();
        let mut found = vec![false; self.sources.len()];
        let mut types = types.into_iter();
        // With all of them found, the rest of the types adds nothing: a question without types names hundreds.
        while indexes.len() < self.sources.len()
            && let Some(r#type) = types.next()
        {
            for index in self.by_type.get(r#type).into_iter().flatten() {
                if let Some(found) = found.get_mut(*index)
                    && !std::mem::replace(found, true)
                {
                    indexes.push(*index);
                }
            }
        }
        indexes.sort_unstable();
        indexes.iter().filter_map(|index| self.sources.get(*index)).collect()
    }
}
