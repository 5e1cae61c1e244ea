//! The sources: those that the configuration names and those that are registered while the gateway runs, and which of them may
//! hold what is asked for.

use std::ops::ControlFlow;
use std::sync::Arc;

use hashbrown::HashMap;
use kakehashi_adapters::SourceId;
use kakehashi_core::names::TenantId;
use ngsi_ld::{AttributeName, EntityId, TypeName};

use super::claimed::ClaimedIds;
pub use super::own_ids::OwnIds;
pub use super::registered_source::RegisteredSource;
pub use super::registration::{Mode, ProvidedIds, Provision, Registration};
pub use super::registrations::{CannotRegister, MOST_REGISTERED, Registrations};
use super::source_index::{SourceIndex, Wanted};

/// All sources of one revision, and those that are registered beside it. Finding those of a type costs the same at ten sources
/// and at a hundred thousand.
#[derive(Debug, Default)]
pub struct Registry {
    configured: Vec<Arc<RegisteredSource>>,
    index: SourceIndex,
    by_name: HashMap<(SourceId, TenantId), usize>,
    claimed: Arc<ClaimedIds>,
    registrations: Registrations,
}

impl Registry {
    /// Takes the sources in the order of the configuration, which is the order of precedence where nothing
    /// else decides.
    #[must_use]
    pub fn new(sources: Vec<RegisteredSource>) -> Self {
        Self::beside(sources, Registrations::default())
    }

    /// The same, with the sources that are registered while the gateway runs. They come after those of the configuration.
    #[must_use]
    pub fn beside(sources: Vec<RegisteredSource>, registrations: Registrations) -> Self {
        let mut index = SourceIndex::default();
        for (number, source) in sources.iter().enumerate() {
            index.add(number, &source.provides);
        }
        let names = sources.iter().map(|source| (source.id.clone(), source.tenant.clone()));
        Self {
            by_name: names.zip(0..).collect(),
            claimed: Arc::new(ClaimedIds::of(&sources)),
            configured: sources.into_iter().map(Arc::new).collect(),
            index,
            registrations,
        }
    }

    /// The sources that are registered while the gateway runs.
    #[must_use]
    pub fn registrations(&self) -> &Registrations {
        &self.registrations
    }

    /// The source of that name in the configuration, or the partition of the store of that name and tenant.
    #[must_use]
    pub fn find(&self, id: &SourceId, owner: &TenantId) -> Option<&Arc<RegisteredSource>> {
        let index = self.by_name.get(&(id.clone(), owner.clone()))?;
        self.configured.get(*index)
    }

    /// Its place among all sources: smaller ones take precedence where nothing else decides. `None`: it is none of them
    /// any more.
    #[must_use]
    pub fn position(&self, source: &RegisteredSource) -> Option<usize> {
        let name = (source.id.clone(), source.tenant.clone());
        if let Some(place) = self.by_name.get(&name) {
            return Some(*place);
        }
        let (number, _) = self.registrations.find(&source.id, &source.tenant)?;
        Some(self.configured.len().saturating_add(number))
    }

    /// The ids that tenants speak for.
    #[must_use]
    pub fn claimed(&self) -> &Arc<ClaimedIds> {
        &self.claimed
    }

    /// Every source of the configuration.
    #[must_use]
    pub fn configured(&self) -> &[Arc<RegisteredSource>] {
        &self.configured
    }

    /// The sources that take writes for a tenant, in the order of the configuration.
    pub fn writable_sources(&self, tenant: &TenantId) -> impl Iterator<Item = &Arc<RegisteredSource>> {
        let takes_writes = move |source: &&Arc<RegisteredSource>| source.tenant == *tenant && source.takes_writes();
        self.configured.iter().filter(takes_writes)
    }

    /// The sources that a tenant's writes are about, in the order of the configuration: those that take them, and those that
    /// are the only place of what they provide, whether they take writes or not.
    pub fn written_sources(&self, tenant: &TenantId) -> impl Iterator<Item = &Arc<RegisteredSource>> {
        let is_about = move |source: &&Arc<RegisteredSource>| {
            source.tenant == *tenant && (source.registration.mode.is_proxied() || source.takes_writes())
        };
        self.configured.iter().filter(is_about)
    }

    /// The sources that may hold entities of any of these types with one of these ids (any id, if none is given) and one of
    /// these attributes (`None`: whichever), each once: those of the configuration in its order, then the others in the order in
    /// which they were registered. `None`: there are more than `most_registered` of the latter.
    #[must_use]
    pub fn holding<'a, T>(
        &self,
        types: T,
        ids: &[EntityId],
        attributes: Option<&[AttributeName]>,
        most_registered: usize,
    ) -> Option<Vec<Arc<RegisteredSource>>>
    where
        T: IntoIterator<Item = &'a TypeName> + Clone,
    {
        let wanted = Wanted { types, ids, attributes };
        let mut indexes = Vec::new();
        let mut found = vec![false; self.configured.len()];
        // With all of them found, the rest of the types adds nothing: a question without types names hundreds.
        let _enough = self.index.find(&wanted, &mut |index| {
            if let Some(found) = found.get_mut(index)
                && !std::mem::replace(found, true)
            {
                indexes.push(index);
            }
            if indexes.len() < self.configured.len() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        indexes.sort_unstable();
        let configured = indexes.iter().filter_map(|index| self.configured.get(*index));
        let mut holding: Vec<Arc<RegisteredSource>> = configured.cloned().collect();
        holding.extend(self.registrations.holding(&wanted, most_registered)?);
        Some(holding)
    }
}
