//! One tenant's partition of the configured store.

use std::any::Any;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kakehashi_adapters::store::{StoreAdapter, StoreOptions, StorePartition, StoreSource};
use kakehashi_adapters::{Adapter, AttributeSelection, Call, SourceId, SourceQuery};
use kakehashi_config::{Config, SourceConfig};
use kakehashi_core::diagnostics::nearest;
use kakehashi_core::names::TenantId;
use kakehashi_documents::vocabulary::{compact_type, expand_type};
use kakehashi_federation::registered_source::RegisteredSource;
use kakehashi_policy::PersonalData;
use kakehashi_revision::Revision;
use ngsi_ld::TypeName;
use tokio::runtime::Runtime;

use crate::command::Failure;

/// How long one reading may take: an administrator waits for it, and no consumer.
const LONGEST: Duration = Duration::from_secs(600);

/// Types that are named to whoever asks for one that is not there.
const MOST_NAMED: usize = 20;

/// One tenant's partition, as the configuration says where it is.
pub(in crate::command) struct Partition<'a> {
    pub(in crate::command) config: &'a Config,
    pub(in crate::command) tenant: &'a TenantId,
    pub(in crate::command) personal_data: PersonalData,
    source: &'a SourceId,
    folder: &'a Path,
}

impl<'a> Partition<'a> {
    /// The partition of a tenant.
    pub(in crate::command) fn of(config: &'a Config, tenant: &str) -> Result<Self, Failure> {
        let mut stores = config.sources().filter_map(|source| Some((source, folder_of(source)?)));
        let found = stores.find_map(|(source, folder)| {
            let owner = source.owners().iter().find(|owner| owner.as_str() == tenant)?;
            Some(Self {
                config,
                tenant: owner,
                personal_data: source.personal_data,
                source: &source.id,
                folder,
            })
        });
        found.ok_or_else(|| no_partition(config, tenant))
    }

    /// Opens it; makes it, where it is not there.
    pub(super) async fn open(&self) -> Result<StorePartition, Failure> {
        let opened = StorePartition::open(self.folder, self.tenant.as_str(), StoreOptions::default()).await;
        opened.map_err(|error| self.failed(error))
    }

    /// Opens it to write very many entities.
    pub(in crate::command) async fn open_for_loads(&self) -> Result<StorePartition, Failure> {
        let opened = StorePartition::open(self.folder, self.tenant.as_str(), StoreOptions::for_loads()).await;
        opened.map_err(|error| self.failed(error))
    }

    /// The partition as the gateway knows it: what it provides, and how its values are looked through.
    pub(in crate::command) fn registered(&self, runtime: &Runtime) -> Result<Arc<RegisteredSource>, Failure> {
        let sources = runtime.block_on(Revision::unopened_sources(self.config));
        let sources = sources.map_err(|error| Failure::other("the sources cannot be set up", error))?;
        let found = sources.find(self.source, self.tenant).cloned();
        found.ok_or_else(|| Failure::Other(format!("the partition of `{}` is no source", self.tenant)))
    }

    /// The folder with its file.
    pub(in crate::command) const fn folder(&self) -> &'a Path {
        self.folder
    }

    /// Opens it, if there is anything in it.
    pub(in crate::command) async fn open_existing(&self) -> Result<StoreAdapter, Failure> {
        self.is_there()?;
        Ok(StoreAdapter::new(self.source.clone(), self.open().await?))
    }

    /// Whether there is anything in it.
    ///
    /// # Errors
    /// What to do where nothing is.
    pub(super) fn is_there(&self) -> Result<(), Failure> {
        let is_there = StorePartition::is_there(self.folder, self.tenant.as_str());
        match is_there.map_err(|error| self.failed(error))? {
            true => Ok(()),
            false => Err(Failure::Other(format!(
                "nothing was ever loaded into the partition of `{0}`: `kakehashi store load --tenant {0} FILE` does it",
                self.tenant
            ))),
        }
    }

    /// What failed, and where.
    pub(in crate::command) fn failed(&self, error: impl std::fmt::Display) -> Failure {
        Failure::other(&format!("the partition of `{}`", self.tenant), error)
    }

    /// The types that it holds, in the order of their names, with those as they are shown.
    pub(in crate::command) async fn held_types(
        &self,
        opened: &StoreAdapter,
    ) -> Result<Vec<(String, TypeName)>, Failure> {
        let held = opened.held_types(&call()).await.map_err(|error| self.failed(error))?;
        let mut held: Vec<(String, TypeName)> = held.into_iter().map(|name| (compact_type(&name), name)).collect();
        held.sort();
        Ok(held)
    }

    /// The type that somebody names, and how many entities of it there are.
    pub(super) async fn named_type(&self, opened: &StoreAdapter, name: &str) -> Result<(TypeName, u64), Failure> {
        let wanted = expand_type(name).map_err(Failure::Other)?;
        let held = self.held_types(opened).await?;
        if held.iter().any(|(_, held)| *held == wanted) {
            let count = self.count(opened, &wanted).await?;
            return Ok((wanted, count));
        }
        let shown = compact_type(&wanted);
        let names = held.iter().map(|(name, _)| name.as_str());
        let help = match nearest(&shown, names.clone()) {
            Some(near) => format!("; did you mean `{near}`?"),
            None if held.is_empty() => "; it holds nothing".to_owned(),
            None => format!("; it holds {}", names.take(MOST_NAMED).collect::<Vec<_>>().join(", ")),
        };
        Err(Failure::Other(format!(
            "the partition of `{}` holds no entity of type `{shown}`{help}",
            self.tenant
        )))
    }

    /// How many entities of a type there are.
    pub(super) async fn count(&self, opened: &StoreAdapter, name: &TypeName) -> Result<u64, Failure> {
        let counted = opened.prepare(&ids_of(name)).count(&call()).await;
        Ok(counted.map_err(|error| self.failed(error))?.entities)
    }
}

/// Asks for the ids of a type and for nothing else of its entities.
pub(super) fn ids_of(name: &TypeName) -> SourceQuery {
    SourceQuery {
        attributes: AttributeSelection::only(Vec::new()),
        ..SourceQuery::of_types(vec![name.clone()])
    }
}

/// A reading by an administrator.
pub(in crate::command) fn call() -> Call {
    Call::until(Instant::now() + LONGEST)
}

fn folder_of(source: &Arc<SourceConfig>) -> Option<&Path> {
    let settings: &dyn Any = &*source.settings;
    settings.downcast_ref::<StoreSource>().map(StoreSource::folder)
}

fn no_partition(config: &Config, tenant: &str) -> Failure {
    let stores = config.sources().filter(|source| folder_of(source).is_some());
    let mut owners: Vec<&str> = stores
        .flat_map(|source| source.owners())
        .map(TenantId::as_str)
        .collect();
    owners.sort_unstable();
    owners.dedup();
    let near = nearest(tenant, owners.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
    let help = near.unwrap_or_else(|| match owners.is_empty() {
        true => String::new(),
        false => format!("; these have one: {}", owners.join(", ")),
    });
    Failure::Other(format!(
        "no store has a partition for the tenant `{tenant}`{help}; see `partitions` in tenants.toml"
    ))
}
