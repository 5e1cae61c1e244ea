//! The kind `store`: its keys, how they are read, and its factory. A source of it has a partition for each of its owners.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use kakehashi_contract::{Adapter, SourceId};
use kakehashi_kind::{
    Address, At, CannotOpen, Floor, Key, Kind, Opened, Opening, Settings, Table, Transport, Value, WhenAbsent, parsed,
};

use super::{StoreAdapter, StoreOptions, StorePartition, UnopenedPartition};

/// The prefecture's own store.
#[derive(Debug)]
pub struct StoreKind;

static KEYS: [Key; 1] = [Key {
    name: "partitions",
    value: Value::Texts,
    required: false,
    default: WhenAbsent::EveryTenant,
    floor: Floor::Given,
    about: "For store: the tenants that have a partition.",
}];

impl Kind for StoreKind {
    fn name(&self) -> &'static str {
        "store"
    }

    fn about(&self) -> &'static str {
        "the prefecture's own store"
    }

    fn keys(&self) -> &'static [Key] {
        &KEYS
    }

    fn transport(&self) -> Transport {
        Transport::Local
    }

    fn takes_writes(&self) -> bool {
        true
    }

    fn has_partitions(&self) -> bool {
        true
    }

    fn resting_in(&self, folder: &Path) -> Option<String> {
        Some(format!("sqlite:{}", folder.display()))
    }

    fn read(&self, table: &dyn Table) -> Option<Arc<dyn Settings>> {
        let folder = folder(table);
        let partitions = partitions(table);
        Some(Arc::new(StoreSource {
            folder: folder?,
            partitions: partitions.unwrap_or_else(|| table.tenants().into_iter().map(Arc::from).collect()),
        }))
    }
}

fn folder(table: &dyn Table) -> Option<PathBuf> {
    if !table.has("endpoint") {
        table.missing("endpoint", "\"sqlite:store/\"");
        return None;
    }
    parsed(table, "endpoint", |text| {
        if text.starts_with("postgres") {
            return Err("PostgreSQL is not supported by this version: write \"sqlite:<folder>/\"".to_owned());
        }
        let folder = text.strip_prefix("sqlite:").filter(|folder| !folder.is_empty());
        folder
            .map(|folder| table.path(folder))
            .ok_or_else(|| "write \"sqlite:<folder>/\"".to_owned())
    })
}

/// Those that are named; `None`: all tenants have one.
fn partitions(table: &dyn Table) -> Option<Vec<Arc<str>>> {
    let names = table.texts("partitions")?;
    let tenants = table.tenants();
    let mut partitions: Vec<Arc<str>> = Vec::new();
    for (position, name) in names.into_iter().enumerate() {
        let at = At::Item("partitions", position);
        if !tenants.contains(&name) {
            let message = format!(
                "`partitions` in {}: unknown tenant `{name}`; if it is gone, take its name out here too",
                table.title()
            );
            table.unknown(at, message, name, &tenants);
        } else if partitions.iter().any(|known| **known == *name) {
            table.wrong(at, format!("the partition `{name}` is named twice"), None);
        } else {
            partitions.push(name.into());
        }
    }
    Some(partitions)
}

/// What the table of a store says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreSource {
    /// The folder with one database per partition.
    folder: PathBuf,
    /// The tenants that have a partition, in the order of the configuration.
    partitions: Vec<Arc<str>>,
}

impl StoreSource {
    /// The folder with one database per partition.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

#[async_trait]
impl Settings for StoreSource {
    fn address(&self) -> Option<Address<'_>> {
        None
    }

    fn upstream(&self) -> String {
        self.folder.display().to_string()
    }

    fn partitions(&self) -> Option<&[Arc<str>]> {
        Some(&self.partitions)
    }

    /// Its files are the same however the source's table has changed, and a file is opened once.
    fn keeps_adapter_of(&self, earlier: &dyn Settings) -> bool {
        let earlier: &dyn std::any::Any = earlier;
        earlier
            .downcast_ref::<Self>()
            .is_some_and(|earlier| earlier.folder == self.folder)
    }

    async fn open(&self, opening: Opening<'_>) -> Result<Opened, CannotOpen> {
        let partition = StorePartition::open(&self.folder, opening.owner, StoreOptions::default());
        let partition = partition.await.map_err(CannotOpen::because)?;
        let expiring = partition.upkeep();
        Ok(Opened {
            adapter: Arc::new(StoreAdapter::new(opening.source.clone(), partition)),
            keeps: None,
            upkeep: Some(Box::new(move || {
                expiring.clone().look_after_from_time_to_time().boxed()
            })),
        })
    }

    async fn examine(&self, owner: &str) -> Result<(), CannotOpen> {
        let examined = StorePartition::examine(&self.folder, owner, StoreOptions::default()).await;
        examined.map_err(CannotOpen::because)
    }

    fn unopened(&self, source: &SourceId) -> Option<Arc<dyn Adapter>> {
        Some(Arc::new(UnopenedPartition::new(source.clone())))
    }
}
